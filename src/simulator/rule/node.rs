//! kubelet, about its node: reports once what the machine is. And what follows from a node's state.
//!
//! Once, not forever: a test that writes another Ready condition means it, and the world believes it.

use serde_json::{Value, json};

use crate::simulator::{
    builder::{Wanted, conditions, digest},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

pub fn plan(cluster: &ClusterState, node: &Object) -> Vec<Step> {
    let Some(profile) = cluster.profile(node.name()) else {
        return Vec::new();
    };
    if node.condition("Ready").is_some() {
        return Vec::new();
    }
    let capacity = profile.capacity();
    let ready = if profile.ready {
        Wanted {
            kind: "Ready",
            status: true,
            reason: "KubeletReady",
            message: "kubelet is posting ready status",
        }
    } else {
        Wanted {
            kind: "Ready",
            status: false,
            reason: "KubeletNotReady",
            message: "container runtime is down",
        }
    };
    let pressure = ["MemoryPressure", "DiskPressure", "PIDPressure"].map(|kind| Wanted {
        kind,
        status: false,
        reason: "KubeletHasSufficientResources",
        message: "kubelet has sufficient resources available",
    });
    let wanted: Vec<Wanted<'_>> = pressure.into_iter().chain([ready]).collect();
    let mut conditions = conditions(node, cluster.now, &wanted);
    for condition in conditions.as_array_mut().into_iter().flatten() {
        condition["lastHeartbeatTime"] = json!(cluster.now);
    }
    let status = json!({
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": conditions,
        "addresses": [
            {"type": "InternalIP", "address": address(node.name())},
            {"type": "Hostname", "address": node.name()},
        ],
        "nodeInfo": profile.info(&cluster.version),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    });
    Action::report(Kind::Node, node, &status)
}

/// kube-controller-manager: the taints that follow from a node's state. A node that a client made up has no machine
/// behind it; all of it is the client's.
pub fn taint(cluster: &ClusterState, node: &Object) -> Vec<Step> {
    if cluster.profile(node.name()).is_none() {
        return Vec::new();
    }
    let ready = node.condition("Ready");
    let cordoned = node.value("/spec/unschedulable") == Some(&Value::Bool(true));
    let states = [
        (
            "node.kubernetes.io/not-ready",
            !matches!(ready, Some("True" | "Unknown")),
        ),
        ("node.kubernetes.io/unreachable", ready == Some("Unknown")),
        ("node.kubernetes.io/unschedulable", cordoned),
    ];
    let before: Vec<Value> = node
        .value("/spec/taints")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut taints = before.clone();
    for (key, holds) in states {
        let is_it = |taint: &Value| taint["key"] == key && taint["effect"] == "NoSchedule";
        if !holds {
            taints.retain(|taint| !is_it(taint));
        } else if !taints.iter().any(is_it) {
            taints.push(json!({"key": key, "effect": "NoSchedule"}));
        }
    }
    if taints == before {
        return Vec::new();
    }
    let patch = json!({
        "metadata": {"resourceVersion": node.metadata.resource_version},
        "spec": {"taints": taints},
    });
    let of = Target::of(Kind::Node, node);
    vec![Action::Patch { of, patch }.now()]
}

/// An address out of TEST-NET-1 (RFC 5737), which leads nowhere: on purpose, nothing listens there.
pub fn address(node: &str) -> String {
    let last = digest(&[node]).bytes().map(u32::from).sum::<u32>() % 254 + 1;
    format!("192.0.2.{last}")
}
