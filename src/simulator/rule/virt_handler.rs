//! virt-handler: says of its node whether instances may be scheduled there, and offers the node's devices to them, as a
//! device plugin does.
//!
//! The label outlives KubeVirt, as the real one does; of the devices none is left to give.

use serde_json::{Value, json};

use crate::{
    api::engine::{COMPONENT_LABEL, VIRT_HANDLER},
    simulator::{
        cluster_state::{ClusterState, Object, Read as _},
        kind::Kind,
        rule::is_ready,
        step::{Action, Step, Target},
    },
};

/// Label of nodes that take instances.
pub const SCHEDULABLE: &str = "kubevirt.io/schedulable";
/// What an instance takes one of, unless it is emulated.
pub const KVM_DEVICE: &str = "devices.kubevirt.io/kvm";
/// As many as a machine offers: they are never used up.
const PLENTY: &str = "1k";

pub fn plan(cluster: &ClusterState, node: &Object) -> Vec<Step> {
    let handled = cluster
        .pods_on(node.name())
        .any(|pod| pod.label(COMPONENT_LABEL) == Some(VIRT_HANDLER) && is_ready(pod));
    let mut steps = mark(node, handled);
    steps.extend(offer(cluster, node, handled));
    steps
}

/// The device plugin's part.
fn offer(cluster: &ClusterState, node: &Object, handled: bool) -> Option<Step> {
    let able = cluster
        .profile(node.name())
        .is_some_and(|profile| profile.kvm);
    let offered = node
        .value("/status/allocatable")
        .and_then(|allocatable| allocatable.get(KVM_DEVICE))
        .and_then(Value::as_str);
    let wanted = match (handled && able, offered) {
        (true, _) => PLENTY,
        (false, Some(_)) => "0",
        (false, None) => return None,
    };
    let status = json!({"capacity": {KVM_DEVICE: wanted}, "allocatable": {KVM_DEVICE: wanted}});
    Action::status(Kind::Node, node, &status).map(Action::now)
}

/// Whether instances may be scheduled. The real one does not know VM Runtime's skip label either.
fn mark(node: &Object, handled: bool) -> Vec<Step> {
    let marked = node.label(SCHEDULABLE);
    let wanted = if handled {
        "true"
    } else if marked.is_some() || handled {
        "false"
    } else {
        return Vec::new();
    };
    if marked == Some(wanted) {
        return Vec::new();
    }
    let write = Action::Patch {
        of: Target::of(Kind::Node, node),
        patch: json!({"metadata": {"labels": {SCHEDULABLE: wanted}}}),
    };
    vec![write.now()]
}
