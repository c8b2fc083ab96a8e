//! Which VMs go next, and what is said about those that are there.
//!
//! Parents first, because their controllers would make the children anew; children are left to the garbage collector.
//! Finalizers are never stripped: what is stuck is explained.

use std::{cmp::Reverse, collections::BTreeSet};

use jiff::Timestamp;

use super::WorkloadReference;
use crate::{
    api::workload::WORKLOAD_KINDS,
    cluster::inventory::{Inventory, Workload},
    controller::observed::is_stuck,
};

/// How many objects a message names.
const NAMED: usize = 5;

/// The next batch: machines that nobody else owns, then the disks that only doomed machines use.
pub(super) fn next(inventory: &Inventory, batch: usize) -> Vec<WorkloadReference> {
    let mut roots = inventory.roots();
    roots.sort_by_key(|machine| (rank(machine), Reverse(machine.deleting)));
    let doomed: Vec<&Workload> = roots
        .iter()
        .copied()
        .filter(|machine| machine.deleting.is_none())
        .take(batch)
        .collect();
    let spared: Vec<&Workload> = roots
        .iter()
        .copied()
        .filter(|machine| machine.deleting.is_none())
        .skip(batch)
        .collect();
    let going = roots
        .iter()
        .copied()
        .filter(|machine| machine.deleting.is_some())
        .chain(doomed.iter().copied());
    let disks = disks_of(going);
    let still_used = disks_of(spared.iter().copied());
    let disks = inventory.disks.iter().filter(|disk| {
        let name = (&*disk.namespace, &*disk.name);
        disk.kind.group == crate::api::name::GROUP
            && disk.deleting.is_none()
            && disks.contains(&name)
            && !still_used.contains(&name)
    });
    doomed.into_iter().chain(disks).map(reference).collect()
}

fn disks_of<'a>(machines: impl Iterator<Item = &'a Workload>) -> BTreeSet<(&'a str, &'a str)> {
    machines
        .flat_map(|machine| {
            let disks = machine.disks();
            disks.map(|disk| (&*machine.namespace, disk))
        })
        .collect()
}

fn rank(machine: &Workload) -> usize {
    WORKLOAD_KINDS
        .iter()
        .position(|kind| kind == machine.kind)
        .unwrap_or(WORKLOAD_KINDS.len())
}

fn reference(workload: &Workload) -> WorkloadReference {
    WorkloadReference {
        kind: *workload.kind,
        version: workload.version.to_string(),
        namespace: workload.namespace.to_string(),
        name: workload.name.to_string(),
        uid: workload.uid.to_string(),
    }
}

/// Why nothing is disabled, and both ways out.
pub(super) fn blocked(inventory: &Inventory) -> String {
    let roots = inventory.roots();
    let number = inventory.count();
    format!(
        "{number} virtual machine{} still exist{}: {}. Delete them first, or run: bmctl disable vmruntime --force=true",
        if number == 1 { "" } else { "s" },
        if number == 1 { "s" } else { "" },
        list(roots.into_iter().map(named)),
    )
}

/// How a drain is getting on.
pub(super) fn progress(inventory: &Inventory, now: Timestamp) -> String {
    let stuck: Vec<String> = inventory
        .machines
        .iter()
        .filter(|machine| is_stuck(machine, now))
        .map(|machine| {
            if machine.finalizers.is_empty() {
                named(machine)
            } else {
                format!(
                    "{} (finalizers {})",
                    named(machine),
                    machine.finalizers.join(", ")
                )
            }
        })
        .collect();
    let left = format!("{} virtual machines are being deleted", inventory.count());
    if stuck.is_empty() {
        left
    } else {
        format!(
            "{left}; stuck for more than a minute: {}",
            list(stuck.into_iter())
        )
    }
}

fn named(workload: &Workload) -> String {
    format!(
        "{} {}/{}",
        workload.kind.qualified(),
        workload.namespace,
        workload.name
    )
}

fn list(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let list = names.join(", ");
    if more == 0 {
        list
    } else {
        format!("{list} and {more} more")
    }
}
