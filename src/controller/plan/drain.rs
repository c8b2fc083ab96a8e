//! Which VMs go next, and what is said about those that are there.
//!
//! Parents first, because their controllers would make the children anew; children are left to the garbage collector.
//! Finalizers are never stripped: what is stuck is explained.

use std::{cmp::Reverse, collections::BTreeSet};

use jiff::Timestamp;

use super::{WorkloadReference, explained};
use crate::{
    api::{WorkloadRole, workload::WORKLOAD_KINDS},
    cluster::{
        inventory::{Inventory, Second, Workload},
        stuck::StuckObject,
    },
    controller::observed::{Observed, is_stuck},
};

/// How many objects a message names.
const NAMED: usize = 5;

/// The next batch: machines that nobody else owns, then the disks that only doomed machines use. Pods are none of them:
/// they end with their machines, and one that nobody owns is waited for.
pub(super) fn next(inventory: &Inventory, batch: usize) -> Vec<WorkloadReference> {
    let mut roots = inventory.roots();
    roots.retain(|root| root.is(WorkloadRole::Machine));
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

/// How a drain is getting on: how many are left, which of them take too long, and why. What may only be slow is explained
/// after a minute.
pub(super) fn progress(inventory: &Inventory, observed: &Observed) -> String {
    let number = inventory.count();
    let left = match number {
        1 => "1 virtual machine is being deleted".to_owned(),
        _ => format!("{number} virtual machines are being deleted"),
    };
    let overdue: Vec<&Workload> = inventory
        .machines
        .iter()
        .filter(|machine| is_stuck(machine, observed.now))
        .collect();
    let is_it = |stuck: &StuckObject, machine: &Workload| machine.object_name() == stuck.object;
    let late: Vec<&StuckObject> = observed
        .stuck
        .iter()
        .filter(|stuck| stuck.evident || overdue.iter().any(|machine| is_it(stuck, machine)))
        .collect();
    let unexplained: Vec<String> = overdue
        .into_iter()
        .filter(|machine| !late.iter().any(|stuck| is_it(stuck, machine)))
        .map(|machine| match &*machine.finalizers {
            [] => named(machine),
            finalizers => format!("{} (finalizers {})", named(machine), finalizers.join(", ")),
        })
        .collect();
    let message = if unexplained.is_empty() {
        left
    } else {
        format!(
            "{left}; stuck for more than a minute: {}",
            list(unexplained.into_iter())
        )
    };
    explained(message, late.into_iter())
}

/// Which guests still run although their machines are gone.
pub(super) fn ending(inventory: &Inventory) -> String {
    let number = inventory.launchers.len();
    format!(
        "waiting for {number} pod{} in which a guest may still run: {}",
        if number == 1 { "" } else { "s" },
        list(inventory.launchers.iter().map(named)),
    )
}

/// Since when the slowest of them has been going.
pub(super) fn since(inventory: &Inventory) -> Option<Timestamp> {
    let machines = inventory.machines.iter().chain(&inventory.launchers);
    let deleting = machines.filter_map(|machine| machine.deleting);
    deleting.min().map(Second::timestamp)
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
