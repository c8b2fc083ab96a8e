//! What a disable would delete, in which order, and what stays and why: one value, which the dry run shows, the
//! question is asked about, the backup saves, and the removal carries out. Nothing is deleted that is not in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{WorkloadKind, WorkloadRole, name::GROUP, workload::removal_order},
    cluster::{
        event::ObjectName,
        inventory::{Family, Inventory, Storage, Uid, Workload, list::Listed},
    },
};

/// What becomes of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// We delete it.
    Deleted,
    /// It goes with the object that owns it.
    GoesAlong,
    /// It stays.
    Kept(Why),
}

/// Why something stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// `--keep-disks`.
    Asked,
    /// A VM uses it, but it was made by somebody for itself.
    NotTheVms,
    /// No VM uses it.
    Unused,
    /// Its VM was deleted by an earlier run that did not come to its end, and this run may not delete it.
    Earlier,
}

/// An object and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub workload: Workload,
    pub fate: Fate,
    /// A machine that no other machine owns: one of those that are counted.
    pub counts: bool,
}

/// What is done about the disks of VMs that are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disks {
    #[default]
    Delete,
    Keep,
}

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub disks: Disks,
    /// In the order of removal.
    pub objects: Vec<Planned>,
    /// Claims that VMs use by name: somebody's own, never touched.
    pub claims: Vec<ObjectName>,
    /// How many VMs there are; a VM and what was generated from it count once.
    pub machines: usize,
    /// The lists that it was made from.
    pub listed: Vec<(&'static WorkloadKind, Listed)>,
}

/// One kind of the plan, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    pub kind: &'static WorkloadKind,
    pub deleted: usize,
    pub going_along: usize,
}

/// Disks that an earlier run was to delete, and whether this one may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOver {
    pub doomed: BTreeSet<Uid>,
    pub permitted: bool,
}

impl Plan {
    /// Everything that makes VM Runtime be in use is deleted, and the disks that belong to it.
    #[must_use]
    pub fn new(inventory: Inventory, disks: Disks, left_over: &LeftOver) -> Self {
        let machines = inventory.count();
        let claims = claims(&inventory.machines);
        let of_disks = disk_fates(&inventory, disks, left_over);
        let family = Family::of(&inventory.machines);
        let of_machines: Vec<(Fate, bool)> = inventory
            .machines
            .iter()
            .enumerate()
            .map(|(place, _)| {
                let root = family.is_root(place);
                (fate_of_machine(disks, root), root)
            })
            .collect();
        let Inventory {
            machines: all,
            disks: stores,
            migrations,
            listed,
        } = inventory;
        let mut objects = Vec::new();
        let of_migrations = vec![(Fate::Deleted, false); migrations.len()];
        let of_disks = of_disks.into_iter().map(|fate| (fate, false)).collect();
        pour(migrations, of_migrations, &mut objects);
        pour(all, of_machines, &mut objects);
        pour(stores, of_disks, &mut objects);
        objects.sort_unstable_by(|a, b| order(&a.workload).cmp(&order(&b.workload)));
        Self {
            disks,
            objects,
            claims,
            machines,
            listed,
        }
    }

    /// Is there anything to delete?
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.doomed().next().is_some()
    }

    /// The machines that are counted.
    pub fn roots(&self) -> impl Iterator<Item = &Workload> {
        let counted = self.objects.iter().filter(|planned| planned.counts);
        counted.map(|planned| &planned.workload)
    }

    /// Everything that will be gone.
    pub fn doomed(&self) -> impl Iterator<Item = &Planned> {
        self.objects
            .iter()
            .filter(|planned| !matches!(planned.fate, Fate::Kept(_)))
    }

    /// Everything that stays, and why.
    pub fn kept(&self) -> impl Iterator<Item = (&Workload, Why)> {
        self.objects
            .iter()
            .filter_map(|planned| match planned.fate {
                Fate::Kept(why) => Some((&planned.workload, why)),
                Fate::Deleted | Fate::GoesAlong => None,
            })
    }

    /// The kinds that lose objects, in the order of removal.
    #[must_use]
    pub fn stages(&self) -> Vec<Stage> {
        let of = |kind: &'static WorkloadKind, fate: Fate| {
            self.objects
                .iter()
                .filter(|planned| planned.workload.kind == kind && planned.fate == fate)
                .count()
        };
        removal_order()
            .map(|kind| Stage {
                kind,
                deleted: of(kind, Fate::Deleted),
                going_along: of(kind, Fate::GoesAlong),
            })
            .filter(|stage| stage.deleted + stage.going_along > 0)
            .collect()
    }

    /// How many disks lose their data.
    #[must_use]
    pub fn disks_lost(&self) -> usize {
        self.doomed()
            .filter(|planned| planned.workload.is(WorkloadRole::Disk))
            .filter(|planned| planned.fate == Fate::Deleted || is_products(&planned.workload))
            .count()
    }

    /// A machine that appears later names disks that seemed to be nobody's.
    pub(super) fn claim_disks_of(&mut self, machine: &Workload) {
        let fate = match self.disks {
            Disks::Delete => Fate::Deleted,
            Disks::Keep => Fate::Kept(Why::Asked),
        };
        for planned in &mut self.objects {
            let disk = &planned.workload;
            let named = planned.fate == Fate::Kept(Why::Unused)
                && is_products(disk)
                && disk.namespace == machine.namespace
                && machine.disks().any(|name| *name == *disk.name);
            if named {
                planned.fate = fate;
            }
        }
    }

    /// What becomes of a disk that appears later.
    pub(super) fn fate_of_new_disk(&self, disk: &Workload, owned: bool) -> Fate {
        let mut machines = self.objects.iter().map(|planned| &planned.workload);
        let named = is_products(disk)
            && machines.any(|machine| {
                machine.namespace == disk.namespace
                    && machine.disks().any(|name| *name == *disk.name)
            });
        match (owned || named, self.disks) {
            (false, _) => Fate::Kept(Why::Unused),
            (true, Disks::Keep) => Fate::Kept(Why::Asked),
            (true, Disks::Delete) if owned => Fate::GoesAlong,
            (true, Disks::Delete) => Fate::Deleted,
        }
    }
}

/// What becomes of a machine. Where disks stay, none takes anything along: a controller may make a machine the owner of
/// its disks at any moment, also after it was looked at, and the collector would delete them with it.
pub(super) const fn fate_of_machine(disks: Disks, root: bool) -> Fate {
    match (disks, root) {
        (Disks::Delete, false) => Fate::GoesAlong,
        (Disks::Delete, true) | (Disks::Keep, _) => Fate::Deleted,
    }
}

/// Moves them over, giving the memory of the one list back while the other grows.
fn pour(mut workloads: Vec<Workload>, mut fates: Vec<(Fate, bool)>, objects: &mut Vec<Planned>) {
    const BUCKET: usize = 8192;
    while let (Some(workload), Some((fate, counts))) = (workloads.pop(), fates.pop()) {
        objects.push(Planned {
            workload,
            fate,
            counts,
        });
        if workloads.len().is_multiple_of(BUCKET) {
            workloads.shrink_to_fit();
        }
    }
}

fn order(workload: &Workload) -> (usize, &str, &str) {
    let place = removal_order().position(|kind| kind == workload.kind);
    (
        place.unwrap_or(usize::MAX),
        &workload.namespace,
        &workload.name,
    )
}

/// Made by a person, even where a machine owns it.
#[must_use]
pub fn is_products(workload: &Workload) -> bool {
    workload.kind.group == GROUP
}

fn claims(machines: &[Workload]) -> Vec<ObjectName> {
    let mut claims = BTreeSet::new();
    for machine in machines {
        for storage in &machine.uses {
            if let Storage::Claim(name) = storage {
                claims.insert(ObjectName {
                    resource: "persistentvolumeclaims".to_owned(),
                    namespace: Some(machine.namespace.to_string()),
                    name: name.to_string(),
                });
            }
        }
    }
    claims.into_iter().collect()
}

/// What becomes of each disk. Those belong to a machine that a machine owns, that a machine of the product names, or
/// that such a disk owns.
fn disk_fates(inventory: &Inventory, policy: Disks, left_over: &LeftOver) -> Vec<Fate> {
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
                    Storage::Claim(_) => false,
                };
            }
        }
        named
    }
}

/// Which object of a plan has a UID.
pub(super) struct Places(BTreeMap<Uid, usize>);

impl Places {
    pub fn of(objects: &[Planned]) -> Self {
        let all = objects.iter().enumerate();
        Self(
            all.map(|(place, planned)| (planned.workload.uid.clone(), place))
                .collect(),
        )
    }

    pub fn find(&self, uid: &Uid) -> Option<usize> {
        self.0.get(uid).copied()
    }

    pub fn insert(&mut self, uid: Uid, place: usize) {
        self.0.insert(uid, place);
    }
}

#[cfg(test)]
mod tests;
