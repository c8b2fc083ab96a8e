//! The machines of the cluster: how many there are, and their deletion where the annotation allows it.

use crate::simulator::{
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    rule::disks,
    step::{Action, Step},
};

const MACHINES: [Kind; 5] = [
    Kind::Pool,
    Kind::InstanceReplicaSet,
    Kind::ProductMachine,
    Kind::VirtualMachine,
    Kind::Instance,
];

pub fn machines(cluster_state: &ClusterState) -> usize {
    MACHINES
        .into_iter()
        .map(|kind| cluster_state.count(kind))
        .sum()
}

/// Deletes what nothing else owns: the rest goes with it. A disk goes with the machine that uses it.
pub fn delete(cluster_state: &ClusterState) -> Vec<Step> {
    let used = cluster_state.all(Kind::ProductMachine).flat_map(|machine| {
        disks(machine).filter_map(|disk| {
            cluster_state.find(Kind::ProductDisk, machine.namespace(), disk.name)
        })
    });
    let disks = used.map(|disk| (Kind::ProductDisk, disk));
    let machines = MACHINES
        .into_iter()
        .flat_map(|kind| cluster_state.all(kind).map(move |machine| (kind, machine)))
        .filter(|(_, machine)| machine.controller().is_none());
    machines
        .chain(disks)
        .filter(|(_, object): &(Kind, &Object)| !object.deleting())
        .map(|(kind, object)| Action::delete(kind, object).later("deleted"))
        .collect()
}
