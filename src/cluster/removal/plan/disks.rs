//! What becomes of disks: whose they are, and whether they go.

use std::collections::BTreeSet;

use super::{Disks, Fate, LeftOver, Why, is_products};
use crate::cluster::inventory::{Family, Inventory, Storage, Workload};

/// What becomes of each disk. Those belong to a machine that a machine owns, that a machine of the product names, or
/// that such a disk owns.
pub(super) fn fates(inventory: &Inventory, policy: Disks, left_over: &LeftOver) -> Vec<Fate> {
    let disks = &inventory.disks;
    let machines = Family::of(&inventory.machines);
    let family = Family::of(disks);
    let named = Named::of(&inventory.machines);
    let mut belongs: Vec<bool> = disks
        .iter()
        .map(|disk| {
            let owned = disk
                .owners
                .iter()
                .any(|owner| machines.find(owner).is_some());
            let left = left_over.permitted && left_over.doomed.contains(&disk.uid);
            owned || left || (is_products(disk) && named.disks.contains(&key(disk)))
        })
        .collect();
    loop {
        let further: Vec<usize> = (0..disks.len())
            .filter(|place| !belongs[*place])
            .filter(|place| {
                let mut owners = disks[*place].owners.iter();
                owners.any(|owner| family.find(owner).is_some_and(|owner| belongs[owner]))
            })
            .collect();
        if further.is_empty() {
            break;
        }
        for place in further {
            belongs[place] = true;
        }
    }
    disks
        .iter()
        .enumerate()
        .map(|(place, disk)| {
            let goes_along = disk.owners.iter().any(|owner| {
                machines.find(owner).is_some()
                    || family.find(owner).is_some_and(|owner| belongs[owner])
            });
            match (belongs[place], policy) {
                (true, Disks::Keep) => Fate::Kept(Why::Asked),
                (true, Disks::Delete) if goes_along => Fate::GoesAlong,
                (true, Disks::Delete) => Fate::Deleted,
                (false, _) if left_over.doomed.contains(&disk.uid) => Fate::Kept(Why::Earlier),
                (false, _) if named.volumes.contains(&key(disk)) => Fate::Kept(Why::NotTheVms),
                (false, _) => Fate::Kept(Why::Unused),
            }
        })
        .collect()
}

/// Namespace and name.
type Key<'a> = (&'a str, &'a str);

fn key(workload: &Workload) -> Key<'_> {
    (&workload.namespace, &workload.name)
}

/// Storage that machines name.
#[derive(Default)]
struct Named<'a> {
    disks: BTreeSet<Key<'a>>,
    volumes: BTreeSet<Key<'a>>,
}

impl<'a> Named<'a> {
    fn of(machines: &'a [Workload]) -> Self {
        let mut named = Self::default();
        for machine in machines {
            for storage in &machine.uses {
                match storage {
                    Storage::Disk(name) => named.disks.insert((&machine.namespace, name)),
                    Storage::Volume(name) => named.volumes.insert((&machine.namespace, name)),
                    Storage::Claim(_) | Storage::Template(_) => false,
                };
            }
        }
        named
    }
}
