//! Which disks belong to machines that were deleted: those that a machine owns or names as its own, and the data
//! volumes that such a disk owns. All others stay.

use std::collections::BTreeSet;

use crate::{
    api::{WorkloadRole, name::GROUP},
    cluster::inventory::Workload,
};

/// UIDs of the disks that belong to the machines among the workloads.
pub(super) fn disks<'a>(
    workloads: &(impl Iterator<Item = &'a Workload> + Clone),
) -> BTreeSet<String> {
    let of = |role| {
        workloads
            .clone()
            .filter(move |workload| workload.kind.role == role)
    };
    let machines: BTreeSet<&str> = of(WorkloadRole::Machine)
        .map(|machine| machine.uid.as_str())
        .collect();
    let named: BTreeSet<(&str, &str)> = of(WorkloadRole::Machine)
        .flat_map(|machine| {
            let disks = machine.uses_disks.iter();
            disks.map(|disk| (machine.namespace.as_str(), disk.as_str()))
        })
        .collect();
    let mut belonging: BTreeSet<String> = of(WorkloadRole::Disk)
        .filter(|disk| {
            let by_name = disk.kind.group == GROUP
                && named.contains(&(disk.namespace.as_str(), disk.name.as_str()));
            by_name
                || disk
                    .owners
                    .iter()
                    .any(|owner| machines.contains(owner.as_str()))
        })
        .map(|disk| disk.uid.clone())
        .collect();
    loop {
        let owned: Vec<String> = of(WorkloadRole::Disk)
            .filter(|disk| !belonging.contains(&disk.uid))
            .filter(|disk| disk.owners.iter().any(|owner| belonging.contains(owner)))
            .map(|disk| disk.uid.clone())
            .collect();
        if owned.is_empty() {
            return belonging;
        }
        belonging.extend(owned);
    }
}
