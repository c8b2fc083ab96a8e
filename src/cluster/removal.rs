//! Under construction: see the types.
#![allow(clippy::unused_async, reason = "the body follows")]

use super::{event::ObjectName, inventory::Inventory, retry::Retry};
use crate::failure::{Failure, Kind};

/// What is gone now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub machines: Vec<ObjectName>,
    pub disks: Vec<ObjectName>,
}

/// Deletes all VMs and the disks that belong to them, and returns when they are really gone and nothing new has come.
pub async fn remove(
    _client: &kube::Client,
    _inventory: &Inventory,
    _retry: &Retry<'_>,
) -> Result<Removed, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "remove"))
}
