//! What VMs exist, of all kinds and in all namespaces: what a disable is decided by, and what a removal starts from.
//!
//! Called by `commands`, `removal` and the controller. It never guesses: a list that was denied, broke off or came from
//! something that is no API server is a [`Failure`], and only a kind that the cluster demonstrably does not serve
//! counts as none.

mod list;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use jiff::Timestamp;

use super::{event::ObjectName, retry::Retry};
use crate::{
    api::{WorkloadKind, WorkloadRole, workload::WORKLOAD_KINDS},
    failure::{Failure, Kind, Reason},
};

/// Everything that makes VM Runtime be in use, and the disks beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// VMs of all kinds, parents and the children generated from them.
    pub machines: Vec<Workload>,
    /// Disks and data volumes; they do not count.
    pub disks: Vec<Workload>,
}

/// One workload object, without its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub kind: WorkloadKind,
    /// The version that the cluster served it in.
    pub version: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    /// For example `Running`; `None` where the object says nothing (disks are read without their status).
    pub state: Option<String>,
    pub created: Option<Timestamp>,
    /// When its deletion was accepted.
    pub deleting: Option<Timestamp>,
    pub finalizers: Vec<String>,
    /// UIDs of the objects that own it.
    pub owners: Vec<String>,
    /// Names of the VirtualMachineDisks that a `gvm` uses, in its namespace.
    pub uses_disks: Vec<String>,
}

impl Workload {
    /// As people name it.
    #[must_use]
    pub fn object_name(&self) -> ObjectName {
        ObjectName {
            resource: self.kind.qualified(),
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
        }
    }

    /// For `kube::Api`, in the version that the cluster serves.
    #[must_use]
    pub fn resource(&self) -> kube::core::ApiResource {
        self.kind.resource_in(&self.version)
    }
}

impl Inventory {
    /// How many VMs exist: a machine and the objects generated from it count once.
    #[must_use]
    pub fn count(&self) -> usize {
        self.roots().len()
    }

    /// The machines that [`count`](Self::count) counts: those that no other machine owns.
    #[must_use]
    pub fn roots(&self) -> Vec<&Workload> {
        let by_uid: BTreeMap<&str, &Workload> = self
            .machines
            .iter()
            .map(|machine| (machine.uid.as_str(), machine))
            .collect();
        let roots: BTreeSet<&str> = by_uid.keys().map(|uid| root_of(uid, &by_uid)).collect();
        self.machines
            .iter()
            .filter(|machine| roots.contains(machine.uid.as_str()))
            .collect()
    }

    /// Machines and disks, told apart by their kinds.
    #[must_use]
    pub fn of(workloads: impl IntoIterator<Item = Workload>) -> Self {
        let (machines, disks) = workloads
            .into_iter()
            .partition(|workload| workload.kind.role == WorkloadRole::Machine);
        Self { machines, disks }
    }
}

/// Climbs to the machine that owns the others. Machines that own each other in a circle (which only a faulty controller
/// makes) have the smallest of them as their root, so that a circle still counts as one and not as none.
fn root_of<'a>(uid: &'a str, machines: &BTreeMap<&'a str, &'a Workload>) -> &'a str {
    let mut path = vec![uid];
    let mut current = uid;
    loop {
        let owner = machines[current]
            .owners
            .iter()
            .find(|owner| machines.contains_key(owner.as_str()));
        let Some(owner) = owner else { return current };
        if let Some(start) = path.iter().position(|seen| seen == owner) {
            return path[start..].iter().min().copied().unwrap_or(current);
        }
        current = owner;
        path.push(current);
    }
}

/// Lists all workload kinds at once, page by page. Whatever can not be determined is a failure, never a zero.
pub async fn take(client: &kube::Client, retry: &Retry<'_>) -> Result<Inventory, Failure> {
    let lists = WORKLOAD_KINDS
        .iter()
        .map(|kind| async move { (kind, list::all(client, retry, *kind).await) });
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for (kind, result) in join_all(lists).await {
        match result {
            Ok(workloads) => found.extend(workloads),
            Err(failure) => failed.push((*kind, failure)),
        }
    }
    if failed.is_empty() {
        Ok(Inventory::of(found))
    } else {
        Err(undetermined(failed))
    }
}

/// One failure from all lists that failed. Denied wins, because somebody can do something about it.
fn undetermined(failed: Vec<(WorkloadKind, Failure)>) -> Failure {
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
        let cause = failure.root_cause();
        merged
            .causes
            .push(format!("list {}: {cause}", kind.qualified()));
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
