//! What a disable would delete, in which order, and what stays and why: one value, which the dry run shows, the
//! question is asked about, the backup saves, and the removal carries out. Nothing is deleted that is not in it.

mod dependents;
mod disks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use self::dependents::PlannedDependent;
use crate::{
    api::{
        WorkloadKind, WorkloadRole, comeback::Comeback, dependent::DependentRole, name::GROUP,
        workload::removal_order,
    },
    cluster::{
        event::ObjectName,
        inventory::{
            Dependent, EngineObject, Family, Inventory, Storage, Uid, Workload, list::Listed,
        },
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

impl Fate {
    /// Has it to be released from machines that go, before the garbage collector takes it along? A disk that no machine
    /// owned when the plan was made may get one as its owner afterwards.
    #[must_use]
    pub const fn is_released(self) -> bool {
        match self {
            Self::Kept(
                Why::Asked | Why::Released | Why::NotTheVms | Why::Unused | Why::Earlier,
            ) => true,
            Self::Deleted | Self::GoesAlong | Self::Kept(Why::OwnedElsewhere) => false,
        }
    }
}

/// Why something stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// `--keep-disks`.
    Asked,
    /// Data of somebody's that a VM owns, or something else that goes: the ownership is taken off it.
    Released,
    /// A VM uses it, but it was made by somebody for itself.
    NotTheVms,
    /// No VM uses it.
    Unused,
    /// Its VM was deleted by an earlier run that did not come to its end, and this run may not delete it.
    Earlier,
    /// Something that stays owns it as well.
    OwnedElsewhere,
}

/// An object and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub workload: Workload,
    pub fate: Fate,
    /// A machine that no other machine owns: one of those that are counted.
    pub counts: bool,
    /// A controller makes it again from what owns it: there is nothing to put back.
    pub made_again: bool,
}

/// What is done about the disks of VMs that are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disks {
    #[default]
    Delete,
    Keep,
}

/// Are Secrets that go saved?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    #[default]
    Saved,
    LeftOut,
}

/// The whole plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub disks: Disks,
    pub secrets: Secrets,
    /// In the order of removal.
    pub objects: Vec<Planned>,
    /// What these own beside them.
    pub dependents: Vec<PlannedDependent>,
    /// What goes with the engine, whether VMs exist or not.
    pub engine: Vec<EngineObject>,
    /// Claims that VMs use by name and that stay, because none of them owns them.
    pub claims: Vec<ObjectName>,
    /// How many VMs there are; a VM and what was generated from it count once.
    pub machines: usize,
    /// The lists that it was made from.
    pub listed: Vec<(&'static WorkloadKind, Listed)>,
}

/// One kind of the plan, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindSummary {
    /// `plural.group`.
    pub resource: String,
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
        let mut claims = claims(&inventory.machines);
        let of_disks = disks::fates(&inventory, disks, left_over);
        let family = Family::of(&inventory.machines);
        let of_machines: Vec<(Fate, bool)> = (0..inventory.machines.len())
            .map(|place| {
                let root = family.is_root(place);
                (fate_of_machine(root), root)
            })
            .collect();
        let of_launchers: Vec<(Fate, bool)> = inventory
            .launchers
            .iter()
            .map(|pod| {
                let stray = pod.owners.iter().all(|owner| family.find(owner).is_none());
                (fate_of_machine(stray), stray && pod.deleting.is_none())
            })
            .collect();
        let made_again: BTreeSet<Uid> = made_again(&inventory);
        let Inventory {
            machines: all,
            disks: stores,
            migrations,
            launchers,
            dependents,
            mut engine,
            listed,
        } = inventory;
        let mut objects = Vec::new();
        let of_migrations = vec![(Fate::Deleted, false); migrations.len()];
        let of_disks = of_disks.into_iter().map(|fate| (fate, false)).collect();
        pour(migrations, of_migrations, &made_again, &mut objects);
        pour(all, of_machines, &made_again, &mut objects);
        pour(launchers, of_launchers, &made_again, &mut objects);
        pour(stores, of_disks, &made_again, &mut objects);
        objects.sort_unstable_by(|a, b| order(&a.workload).cmp(&order(&b.workload)));
        let dependents = dependents::plan(&objects, &mut engine, dependents, disks);
        let owned: BTreeSet<ObjectName> = dependents
            .iter()
            .filter(|planned| planned.object.kind.role == DependentRole::Claim)
            .map(|planned| planned.object.object_name())
            .collect();
        claims.retain(|claim| !owned.contains(claim));
        Self {
            disks,
            secrets: Secrets::Saved,
            objects,
            dependents,
            engine,
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

    /// The same without the pods of guests, which are the guests themselves.
    pub fn doomed_objects(&self) -> impl Iterator<Item = &Planned> {
        self.doomed().filter(|planned| {
            planned.fate == Fate::Deleted || !planned.workload.is(WorkloadRole::Launcher)
        })
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

    /// Where its objects are.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<Arc<str>> {
        let workloads = self.objects.iter().map(|planned| &planned.workload);
        workloads
            .map(|workload| workload.namespace.clone())
            .chain(self.engine.iter().filter_map(EngineObject::namespace))
            .collect()
    }

    /// Plans what they own as it is now.
    pub(super) fn see_dependents(&mut self, found: Vec<Dependent>) {
        self.dependents = dependents::plan(&self.objects, &mut self.engine, found, self.disks);
    }

    /// What goes, and is no VM and no disk.
    pub(super) fn others_that_go(&self) -> BTreeSet<&Uid> {
        let dependents = self.going_dependents().map(|planned| &planned.object.uid);
        let engine = self.engine.iter();
        let engine = engine.filter(|object| object.comeback != Comeback::Settings);
        dependents
            .chain(engine.map(|object| &object.subject.uid))
            .collect()
    }

    /// The objects of other kinds that go with these.
    pub fn going_dependents(&self) -> impl Iterator<Item = &PlannedDependent> {
        self.dependents
            .iter()
            .filter(|planned| !matches!(planned.fate, Fate::Kept(_)))
    }

    /// The objects of other kinds that VMs or disks own and that stay, and why.
    pub fn kept_dependents(&self) -> impl Iterator<Item = (&Dependent, Why)> {
        self.dependents
            .iter()
            .filter_map(|planned| match planned.fate {
                Fate::Kept(why) => Some((&planned.object, why)),
                Fate::Deleted | Fate::GoesAlong => None,
            })
    }

    /// The kinds of VMs and disks that lose objects, in the order of removal.
    #[must_use]
    pub fn kinds(&self) -> Vec<KindSummary> {
        let of = |kind: &'static WorkloadKind, fate: Fate| {
            self.objects
                .iter()
                .filter(|planned| planned.workload.kind == kind && planned.fate == fate)
                .count()
        };
        let workloads = removal_order().map(|kind| KindSummary {
            resource: kind.qualified(),
            deleted: of(kind, Fate::Deleted),
            going_along: match kind.role {
                // The pod of a guest is the guest itself.
                WorkloadRole::Launcher => 0,
                WorkloadRole::Machine | WorkloadRole::Disk | WorkloadRole::Migration => {
                    of(kind, Fate::GoesAlong)
                }
            },
        });
        workloads
            .filter(|kind| kind.deleted + kind.going_along > 0)
            .collect()
    }

    /// How many disks lose their contents.
    #[must_use]
    pub fn disks_lost(&self) -> usize {
        dependents::disks_lost(&self.objects, &self.dependents)
    }

    /// A machine that appears later names disks that seemed to be nobody's, or has made one of which the lists showed the
    /// disk and not yet the machine. What these own goes with them.
    pub(super) fn claim_disks_of(&mut self, machine: &Workload) {
        let (of_named, of_owned) = match self.disks {
            Disks::Delete => (Fate::Deleted, Fate::GoesAlong),
            Disks::Keep => (Fate::Kept(Why::Asked), Fate::Kept(Why::Asked)),
        };
        let mut claimed = BTreeSet::new();
        loop {
            let before = claimed.len();
            for planned in &mut self.objects {
                let Fate::Kept(Why::Unused | Why::NotTheVms) = planned.fate else {
                    continue;
                };
                let disk = &planned.workload;
                let is_named = is_products(disk)
                    && disk.namespace == machine.namespace
                    && machine.disks().any(|name| *name == *disk.name);
                let is_owned = disk.owners.iter().any(|owner| {
                    claimed.contains(owner) || (disk.generated && *owner == machine.uid)
                });
                let is_made = !is_products(disk)
                    && disk.owners.iter().any(|owner| {
                        (disk.generated && claimed.contains(owner))
                            || (*owner == machine.uid && makes_from_template(machine, disk))
                    });
                planned.made_again |= is_made;
                planned.fate = if is_owned {
                    of_owned
                } else if is_named {
                    of_named
                } else {
                    continue;
                };
                claimed.insert(disk.uid.clone());
            }
            if claimed.len() == before {
                return;
            }
        }
    }

    /// Does a controller make again what appears later?
    pub(super) fn makes_again(&self, workload: &Workload) -> bool {
        let mut owners = self.objects.iter().map(|planned| &planned.workload);
        is_child(workload)
            || workload.is(WorkloadRole::Disk)
                && !is_products(workload)
                && owners.any(|owner| {
                    workload.owners.contains(&owner.uid)
                        && ((workload.generated && owner.is(WorkloadRole::Disk))
                            || makes_from_template(owner, workload))
                })
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

/// What becomes of a machine.
pub(super) const fn fate_of_machine(root: bool) -> Fate {
    if root { Fate::Deleted } else { Fate::GoesAlong }
}

/// What a controller makes again: children of machines, disks of a template, and the volumes of the product's disks.
fn made_again(inventory: &Inventory) -> BTreeSet<Uid> {
    let machines = Family::of(&inventory.machines);
    let disks = Family::of(&inventory.disks);
    let machines_and_pods = inventory.machines.iter().chain(&inventory.launchers);
    let children = machines_and_pods.filter(|workload| is_child(workload));
    let volumes = inventory.disks.iter().filter(|volume| {
        let mut owners = volume.owners.iter();
        !is_products(volume)
            && owners.any(|owner| {
                let machine = machines.find(owner).map(|at| &inventory.machines[at]);
                machine.is_some_and(|machine| makes_from_template(machine, volume))
                    || (volume.generated && disks.find(owner).is_some())
            })
    });
    children
        .chain(volumes)
        .map(|workload| workload.uid.clone())
        .collect()
}

/// Was this made from a machine, that may be gone since?
pub(super) fn is_child(workload: &Workload) -> bool {
    match workload.kind.role {
        WorkloadRole::Machine => workload.generated && !is_products(workload),
        WorkloadRole::Launcher => true,
        WorkloadRole::Disk | WorkloadRole::Migration => false,
    }
}

/// Has the machine a template for that disk?
pub(super) fn makes_from_template(machine: &Workload, volume: &Workload) -> bool {
    let mut uses = machine.uses.iter();
    uses.any(|storage| matches!(storage, Storage::Template(name) if *name == volume.name))
}

/// Moves them over, giving the memory of the one list back while the other grows.
fn pour(
    mut workloads: Vec<Workload>,
    mut fates: Vec<(Fate, bool)>,
    made_again: &BTreeSet<Uid>,
    objects: &mut Vec<Planned>,
) {
    const BUCKET: usize = 8192;
    while let (Some(workload), Some((fate, counts))) = (workloads.pop(), fates.pop()) {
        objects.push(Planned {
            made_again: made_again.contains(&workload.uid),
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
