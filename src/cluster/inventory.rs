//! What VMs exist, of all kinds and in all namespaces: what a disable is decided by, and what a removal starts from.
//!
//! Called by `commands`, `removal` and the controller. It never guesses: a list that was denied, broke off or came from
//! something that is no API server is a [`Failure`], and only a kind that the cluster demonstrably does not serve
//! counts as none.

mod dependent;
pub mod dependents;
mod engine;
pub mod list;
mod workload;

use futures::future::join_all;

use self::list::{Detail, Listed};
pub use self::{
    dependent::Dependent,
    engine::EngineObject,
    workload::{Second, Storage, Uid, Workload},
};
use super::retry::Retry;
use crate::{
    api::{WorkloadKind, WorkloadRole, workload::removal_order},
    failure::{Failure, Kind, Reason},
};

/// Everything that makes VM Runtime be in use, and the disks beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// VMs of all kinds, parents and the children generated from them.
    pub machines: Vec<Workload>,
    /// Disks and data volumes; they do not count.
    pub disks: Vec<Workload>,
    /// Moves of running machines; they do not count either.
    pub migrations: Vec<Workload>,
    /// Pods that guests run in.
    pub launchers: Vec<Workload>,
    /// What these own beside them, where it was looked for.
    pub dependents: Vec<Dependent>,
    /// What goes with the engine beside them, where it was looked for.
    pub engine: Vec<EngineObject>,
    /// For each kind that is served, the list that this is from.
    pub listed: Vec<(&'static WorkloadKind, Listed)>,
}

impl Inventory {
    /// How many VMs exist: a machine and the objects generated from it count once.
    #[must_use]
    pub fn count(&self) -> usize {
        self.roots().len()
    }

    /// What [`count`](Self::count) counts: the machines that no other machine owns, and the guests that run although
    /// their machine is gone.
    #[must_use]
    pub fn roots(&self) -> Vec<&Workload> {
        let family = Family::of(&self.machines);
        let machines = self.machines.iter().enumerate();
        let roots = machines.filter(|(place, _)| family.is_root(*place));
        // A pod that is being deleted ends by itself.
        let strays = self.launchers.iter().filter(|pod| {
            let mut owners = pod.owners.iter();
            pod.deleting.is_none() && owners.all(|owner| family.find(owner).is_none())
        });
        roots.map(|(_, machine)| machine).chain(strays).collect()
    }

    /// Does no guest run any more, and is no machine left?
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.machines.is_empty() && self.launchers.is_empty()
    }

    /// The place of workloads of that role.
    pub fn of_role(&mut self, role: WorkloadRole) -> &mut Vec<Workload> {
        match role {
            WorkloadRole::Machine => &mut self.machines,
            WorkloadRole::Disk => &mut self.disks,
            WorkloadRole::Migration => &mut self.migrations,
            WorkloadRole::Launcher => &mut self.launchers,
        }
    }
}

/// Who owns whom among workloads.
pub struct Family<'a> {
    members: &'a [Workload],
    /// Places in `members`, by UID.
    by_uid: Vec<u32>,
}

impl<'a> Family<'a> {
    /// # Panics
    /// With more than four billion of them.
    #[must_use]
    pub fn of(members: &'a [Workload]) -> Self {
        let count = u32::try_from(members.len()).expect("as many would not fit into memory");
        let mut by_uid: Vec<u32> = (0..count).collect();
        by_uid.sort_unstable_by(|a, b| members[*a as usize].uid.cmp(&members[*b as usize].uid));
        Self { members, by_uid }
    }

    /// The place of the one with that UID.
    #[must_use]
    pub fn find(&self, uid: &Uid) -> Option<usize> {
        let found = self
            .by_uid
            .binary_search_by(|place| self.members[*place as usize].uid.cmp(uid));
        found.ok().map(|at| self.by_uid[at] as usize)
    }

    /// Is it owned by none of the others? Machines that own each other in a circle (which only a faulty controller
    /// makes) have the one with the smallest UID as their root, so that a circle still counts as one and not as none.
    #[must_use]
    pub fn is_root(&self, place: usize) -> bool {
        let mut path = vec![place];
        let mut current = place;
        loop {
            let mut owners = self.members[current].owners.iter();
            let Some(owner) = owners.find_map(|owner| self.find(owner)) else {
                return current == place;
            };
            if let Some(start) = path.iter().position(|seen| *seen == owner) {
                let smallest = path[start..]
                    .iter()
                    .min_by_key(|at| &self.members[**at].uid);
                return smallest == Some(&place);
            }
            current = owner;
            path.push(current);
        }
    }
}

/// Lists all workload kinds, page by page: machines at once, and then disks. A disk that is made before its machine is
/// seen wherever that is. Whatever cannot be determined is a failure, never a zero.
pub async fn take(client: &kube::Client, retry: &Retry<'_>) -> Result<Inventory, Failure> {
    let mut inventory = Inventory::default();
    let mut failed = Vec::new();
    for of_disks in [false, true] {
        let kinds = removal_order().filter(|kind| (kind.role == WorkloadRole::Disk) == of_disks);
        let lists = kinds.map(|kind| async move {
            let mut found = Vec::new();
            let listed = list::each(client, retry, kind, Detail::AsNeeded, &mut found).await;
            (kind, listed.map(|listed| (found, listed)))
        });
        for (kind, result) in join_all(lists).await {
            match result {
                Ok((found, listed)) => {
                    let place = inventory.of_role(kind.role);
                    if place.is_empty() {
                        *place = found;
                    } else {
                        place.extend(found);
                    }
                    inventory.listed.extend(listed.map(|listed| (kind, listed)));
                }
                Err(failure) => failed.push((kind, failure)),
            }
        }
    }
    if failed.is_empty() {
        Ok(inventory)
    } else {
        Err(undetermined(failed))
    }
}

/// The same, with everything else that goes with VMs, disks and the engine: for whoever turns it off, or says what that
/// would mean.
pub async fn take_with_all_that_goes(
    client: &kube::Client,
    retry: &Retry<'_>,
) -> Result<Inventory, Failure> {
    let mut inventory = take(client, retry).await?;
    inventory.engine = engine::list(client, retry).await?;
    let workloads = inventory.machines.iter().chain(&inventory.disks);
    let namespaces = workloads
        .map(|workload| workload.namespace.clone())
        .chain(inventory.engine.iter().filter_map(EngineObject::namespace))
        .collect();
    inventory.dependents = dependents::list(client, retry, &namespaces).await?;
    Ok(inventory)
}

/// One failure from all lists that failed. Denied wins, because somebody can do something about it.
pub(super) fn undetermined(failed: Vec<(&WorkloadKind, Failure)>) -> Failure {
    let all = |kind: Kind| failed.iter().all(|(_, failure)| failure.kind == kind);
    let any = |kind: Kind| failed.iter().any(|(_, failure)| failure.kind == kind);
    let kind = if any(Kind::Denied) {
        Kind::Denied
    } else if all(Kind::Unreachable) && !failed.iter().any(|(_, failure)| was_answered(failure)) {
        Kind::Unreachable
    } else {
        Kind::Incomplete
    };
    let mut merged = Failure::new(
        kind,
        Reason::VMsUnknown,
        "could not determine whether VMs exist",
    );
    merged.retryable = failed.iter().all(|(_, failure)| failure.retryable);
    for (kind, failure) in failed {
        merged = merged.caused_by_failure(format!("list {}", kind.qualified()), &failure);
        for hint in failure.hints {
            if !merged.hints.contains(&hint) {
                merged.hints.push(hint);
            }
        }
    }
    merged
}

/// Is the API server there, although it gave no list?
fn was_answered(failure: &Failure) -> bool {
    matches!(
        failure.reason,
        Reason::ServerError | Reason::TooManyRequests | Reason::RequestTimedOut
    )
}

#[cfg(test)]
mod tests;
