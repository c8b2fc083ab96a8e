//! A node as an API object, read into facts: is it a machine that could run VMs, and how is it?
//!
//! Called for every node whenever something happened; reads nothing but the object.

use std::collections::BTreeMap;

use crate::{
    api::{kubernetes::Node, name},
    runtime::preflight::NodeFacts,
};

/// Label of the node's operating system.
const OS_LABEL: &str = "kubernetes.io/os";
/// Labels that mark nodes which are no machines: behind each stands a service that runs pods somewhere else.
const NO_MACHINES: [(&str, &str); 4] = [
    // Virtual Kubelet and what is made with it: AKS virtual nodes, Alibaba's ECI, Admiralty.
    ("type", "virtual-kubelet"),
    ("eks.amazonaws.com/compute-type", "fargate"),
    ("liqo.io/type", "virtual-node"),
    ("type", "kwok"),
];
/// Virtual Kubelet's taint, and label, whatever else a provider says of its nodes.
const PROVIDER: &str = "virtual-kubelet.io/provider";
const CONTROL_PLANE: [&str; 2] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
];
fn is_machine(node: &Node, labels: &BTreeMap<String, String>) -> bool {
    let marked = NO_MACHINES
        .iter()
        .any(|(label, value)| labels.get(*label).is_some_and(|found| found == value));
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let provided = labels.contains_key(PROVIDER)
        || taints
            .into_iter()
            .flatten()
            .any(|taint| taint.key == PROVIDER);
    !marked && !provided
}

/// `None`: not a machine that could run VMs.
pub(super) fn facts(node: &Node) -> Option<NodeFacts> {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let status = node.status.as_ref();
    let info = status.and_then(|status| status.node_info.as_ref());
    let system = labels
        .get(OS_LABEL)
        .or_else(|| info.map(|info| &info.operating_system));
    if !is_machine(node, &labels)
        || system.is_some_and(|system| system != "linux" && !system.is_empty())
    {
        return None;
    }
    let ready = status
        .and_then(|status| status.conditions.as_ref())
        .and_then(|conditions| conditions.iter().find(|found| found.type_ == "Ready"));
    Some(NodeFacts {
        name: node.metadata.name.clone()?,
        uid: node.metadata.uid.clone().unwrap_or_default(),
        skipped: labels.contains_key(name::SKIP_SCHEDULE),
        ready: ready.is_some_and(|ready| ready.status == "True")
            && node.metadata.deletion_timestamp.is_none(),
        ready_since: ready
            .and_then(|ready| ready.last_transition_time.as_ref())
            .map(|time| time.0),
        created: node.metadata.creation_timestamp.as_ref().map(|time| time.0),
        kubelet_version: info
            .map(|info| info.kubelet_version.clone())
            .unwrap_or_default(),
        control_plane: CONTROL_PLANE
            .iter()
            .any(|label| labels.contains_key(*label)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_machine_runs_no_vms() {
        for (labels, taint, machine) in [
            (json!({}), "", true),
            (
                json!({"eks.amazonaws.com/compute-type": "fargate"}),
                "eks.amazonaws.com/compute-type",
                false,
            ),
            // Real machines, which EKS manages.
            (json!({"eks.amazonaws.com/compute-type": "auto"}), "", true),
            (json!({"type": "virtual-kubelet"}), "", false),
            (json!({"type": "worker"}), "", true),
            (json!({"type": "kwok"}), "", false),
            (json!({"liqo.io/type": "virtual-node"}), "", false),
            (json!({"virtual-kubelet.io/provider": "azure"}), "", false),
            (json!({}), "virtual-kubelet.io/provider", false),
            (json!({}), "node.kubernetes.io/unschedulable", true),
            (json!({"kubernetes.io/os": "windows"}), "", false),
        ] {
            let taints = if taint.is_empty() {
                json!([])
            } else {
                json!([{"key": taint, "effect": "NoSchedule"}])
            };
            let node: Node = serde_json::from_value(json!({
                "metadata": {"name": "n", "labels": labels}, "spec": {"taints": taints},
            }))
            .unwrap();
            assert_eq!(facts(&node).is_some(), machine, "{labels} {taint}");
        }
    }
}
