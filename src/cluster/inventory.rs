//! Under construction: see the types.
#![allow(clippy::unused_async, reason = "the body follows")]

use jiff::Timestamp;

use super::{event::ObjectName, retry::Retry};
use crate::{
    api::WorkloadKind,
    failure::{Failure, Kind},
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
        self.machines.iter().collect()
    }
}

/// Lists all workload kinds at once, page by page. Whatever can not be determined is a failure, never a zero.
pub async fn take(_client: &kube::Client, _retry: &Retry<'_>) -> Result<Inventory, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "take"))
}
