//! What goes with VMs, disks and what people have made of the engine's kinds without being one of these: objects of other
//! kinds that they own. Kubernetes' garbage collector deletes an object as soon as none of its owners exists any more,
//! whoever made it and whatever it is called.

use std::collections::{BTreeMap, BTreeSet};

use super::{Disks, Fate, Planned, Why};
use crate::{
    api::{
        WorkloadRole,
        comeback::{self, Comeback},
        dependent::DependentRole,
    },
    cluster::{
        inventory::{Dependent, EngineObject, Uid},
        subject::Subject,
    },
};

/// KubeVirt's controllers make what an instance controls.
const INSTANCES: &str = "virtualmachineinstances";

/// An object that one of these owns, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDependent {
    pub object: Dependent,
    /// [`Fate::GoesAlong`] or [`Fate::Kept`]: we never delete it ourselves.
    pub fate: Fate,
    /// A controller makes it again, with its owner: there is nothing to put back.
    pub made_again: bool,
}

/// What becomes of each of them. An owner that we do not know may be gone already, so it keeps nothing. What only objects
/// of the engine own goes with it, as these do, and is added to them.
pub(super) fn plan(
    objects: &[Planned],
    engine: &mut Vec<EngineObject>,
    dependents: Vec<Dependent>,
    disks: Disks,
) -> Vec<PlannedDependent> {
    engine.retain(|object| !is_added(object));
    let workloads = objects.iter().map(|p| (&p.workload.uid, Owner::of(p)));
    let of_people = engine.iter().filter(|object| object.is_of_people());
    let of_people = of_people.map(|object| (&object.subject.uid, Owner::of_engine(object)));
    let mut owners: BTreeMap<&Uid, Owner<'_>> = workloads.chain(of_people).collect();
    let mut fates: Vec<Option<Decided>> = vec![None; dependents.len()];
    loop {
        let mut settled = false;
        for (at, dependent) in dependents.iter().enumerate() {
            if fates[at].is_some() {
                continue;
            }
            let known: Vec<Owner<'_>> = dependent
                .owners
                .iter()
                .filter_map(|uid| owners.get(uid))
                .copied()
                .collect();
            if known.is_empty() {
                continue;
            }
            let maker = dependent
                .controller
                .as_ref()
                .and_then(|uid| owners.get(uid));
            let generated = maker.is_some_and(|maker| maker.made_again);
            let remade = maker.is_some_and(|maker| maker.remakes);
            let of_disk = maker.is_some_and(|maker| maker.is_disk)
                || known
                    .iter()
                    .any(|owner| owner.is_disk && *owner.name == *dependent.name);
            let made = Made {
                generated,
                remade,
                of_disk,
            };
            let decided = decide(dependent, &known, made, disks);
            owners.insert(
                &dependent.uid,
                Owner {
                    goes: decided.fate == Fate::GoesAlong,
                    made_again: decided.made_again,
                    remakes: matches!(dependent.kind.group, "apps" | "batch"),
                    is_disk: false,
                    of_engine: decided.of_engine,
                    name: &dependent.name,
                },
            );
            fates[at] = Some(decided);
            settled = true;
        }
        if !settled {
            break;
        }
    }
    drop(owners);
    let mut planned = Vec::new();
    for (object, decided) in dependents.into_iter().zip(fates) {
        match decided {
            Some(decided) if decided.is_concerned => {
                if decided.of_engine && decided.fate == Fate::GoesAlong {
                    engine.extend((!decided.made_again).then(|| added(&object)));
                } else {
                    planned.push(PlannedDependent {
                        object,
                        fate: decided.fate,
                        made_again: decided.made_again,
                    });
                }
            }
            Some(_) | None => {}
        }
    }
    planned
}

/// What goes with an object of the engine, as one of them.
fn added(dependent: &Dependent) -> EngineObject {
    EngineObject {
        subject: Subject::from(dependent),
        comeback: Comeback::Created,
    }
}

fn is_added(object: &EngineObject) -> bool {
    !comeback::is_group(&object.subject.resource.group)
}

#[derive(Clone, Copy)]
struct Owner<'a> {
    goes: bool,
    made_again: bool,
    /// Its controller makes anew, from it, what it controls.
    remakes: bool,
    is_disk: bool,
    /// It goes with the engine, whether VMs exist or not.
    of_engine: bool,
    name: &'a str,
}

impl<'a> Owner<'a> {
    fn of(planned: &'a Planned) -> Self {
        let workload = &planned.workload;
        Self {
            goes: !matches!(planned.fate, Fate::Kept(_)),
            made_again: planned.made_again,
            remakes: workload.kind.plural == INSTANCES,
            is_disk: workload.is(WorkloadRole::Disk),
            of_engine: false,
            name: &workload.name,
        }
    }

    fn of_engine(object: &'a EngineObject) -> Self {
        Self {
            goes: true,
            made_again: false,
            remakes: true,
            is_disk: false,
            of_engine: true,
            name: &object.subject.name.name,
        }
    }
}

/// What becomes of one.
#[derive(Clone, Copy)]
struct Decided {
    fate: Fate,
    made_again: bool,
    /// Any of its owners goes.
    is_concerned: bool,
    /// All of its owners are objects of the engine, or go with such.
    of_engine: bool,
}

/// Who has made it.
#[derive(Clone, Copy)]
struct Made {
    /// A controller, from an owner that is itself made again.
    generated: bool,
    /// A controller that makes it anew from its owner.
    remade: bool,
    /// The controller of a disk that owns it, rather than somebody who has only tied it to that disk.
    of_disk: bool,
}

fn decide(dependent: &Dependent, owners: &[Owner<'_>], made: Made, disks: Disks) -> Decided {
    let role = dependent.kind.role;
    let made_again = match role {
        // CDI makes the claim of a disk again, empty; a claim that a machine owns was made by somebody.
        DependentRole::Claim => made.generated || made.of_disk,
        DependentRole::Snapshot => made.generated,
        DependentRole::Revision => made.remade,
        DependentRole::Other => made.generated || made.remade,
    };
    let of_engine = owners.iter().all(|owner| owner.of_engine);
    let fate = if owners.iter().any(|owner| !owner.goes) {
        Fate::Kept(Why::OwnedElsewhere)
    } else if role.holds_data() && !made_again {
        // Somebody's: a machine uses it, and has not made it.
        Fate::Kept(Why::Released)
    } else if disks == Disks::Keep && !made_again && !of_engine && role != DependentRole::Revision {
        Fate::Kept(Why::Asked)
    } else {
        Fate::GoesAlong
    };
    Decided {
        fate,
        made_again,
        is_concerned: owners.iter().any(|owner| owner.goes),
        of_engine,
    }
}

/// How many stores of data lose their contents: claims, and disks that have no claim (yet).
pub(super) fn disks_lost(objects: &[Planned], dependents: &[PlannedDependent]) -> usize {
    let gone = |fate: Fate| !matches!(fate, Fate::Kept(_));
    let claims: Vec<&Dependent> = dependents
        .iter()
        .filter(|planned| gone(planned.fate) && planned.object.kind.role == DependentRole::Claim)
        .map(|planned| &planned.object)
        .collect();
    let disks: Vec<&Planned> = objects
        .iter()
        .filter(|planned| gone(planned.fate) && planned.workload.is(WorkloadRole::Disk))
        .collect();
    let owners: BTreeSet<&Uid> = claims
        .iter()
        .flat_map(|claim| claim.owners.iter())
        .chain(disks.iter().flat_map(|disk| disk.workload.owners.iter()))
        .collect();
    let bare = disks
        .iter()
        .filter(|disk| !owners.contains(&disk.workload.uid))
        .count();
    claims.len() + bare
}
