//! What goes with VMs and disks without being one: objects of any kind that they own. Kubernetes' garbage collector
//! deletes an object as soon as none of its owners exists any more, whoever made it and whatever it is called.

use std::collections::{BTreeMap, BTreeSet};

use super::{Disks, Fate, Planned, Why};
use crate::{
    api::{WorkloadRole, dependent::DependentRole},
    cluster::inventory::{Dependent, Uid},
};

/// An object that VMs or disks own, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDependent {
    pub object: Dependent,
    /// [`Fate::GoesAlong`] or [`Fate::Kept`]: we never delete it ourselves.
    pub fate: Fate,
    /// A controller makes it again, with its owner: there is nothing to put back.
    pub made_again: bool,
}

/// What becomes of each of them. An owner that we do not know may be gone already, so it keeps nothing.
pub(super) fn plan(
    objects: &[Planned],
    dependents: Vec<Dependent>,
    disks: Disks,
) -> Vec<PlannedDependent> {
    let mut owners: BTreeMap<&Uid, Owner<'_>> = objects
        .iter()
        .map(|p| (&p.workload.uid, Owner::of(p)))
        .collect();
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
            let of_disk = maker.is_some_and(|maker| maker.is_disk)
                || known
                    .iter()
                    .any(|owner| owner.is_disk && *owner.name == *dependent.name);
            let made = Made { generated, of_disk };
            let decided = decide(dependent, &known, made, disks);
            owners.insert(
                &dependent.uid,
                Owner {
                    goes: decided.fate == Fate::GoesAlong,
                    made_again: decided.made_again,
                    is_disk: false,
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
    dependents
        .into_iter()
        .zip(fates)
        .filter_map(|(object, decided)| {
            let decided = decided.filter(|decided| decided.is_concerned)?;
            Some(PlannedDependent {
                object,
                fate: decided.fate,
                made_again: decided.made_again,
            })
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Owner<'a> {
    goes: bool,
    made_again: bool,
    is_disk: bool,
    name: &'a str,
}

impl<'a> Owner<'a> {
    fn of(planned: &'a Planned) -> Self {
        let workload = &planned.workload;
        Self {
            goes: !matches!(planned.fate, Fate::Kept(_)),
            made_again: planned.made_again,
            is_disk: workload.is(WorkloadRole::Disk),
            name: &workload.name,
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
}

/// Who has made it.
#[derive(Clone, Copy)]
struct Made {
    /// A controller, from an owner that is itself made again.
    generated: bool,
    /// The controller of a disk that owns it, rather than somebody who has only tied it to that disk.
    of_disk: bool,
}

fn decide(dependent: &Dependent, owners: &[Owner<'_>], made: Made, disks: Disks) -> Decided {
    let role = dependent.kind.role;
    let made_again = match role {
        // CDI makes the claim of a disk again, empty; a claim that a machine owns was made by somebody.
        DependentRole::Claim => made.generated || made.of_disk,
        DependentRole::Revision => false,
        DependentRole::Other => made.generated,
    };
    let fate = if owners.iter().any(|owner| !owner.goes) {
        Fate::Kept(Why::OwnedElsewhere)
    } else if role == DependentRole::Claim && !made_again {
        // Somebody's data: a machine uses it, and has not made it.
        Fate::Kept(Why::Released)
    } else if disks == Disks::Keep && !made_again && role != DependentRole::Revision {
        Fate::Kept(Why::Asked)
    } else {
        Fate::GoesAlong
    };
    Decided {
        fate,
        made_again,
        is_concerned: owners.iter().any(|owner| owner.goes),
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
