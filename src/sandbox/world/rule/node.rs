//! kubelet, about its node: reports once what the machine is.
//!
//! Once, not forever: a test that writes another Ready condition means it, and the world believes it.

use serde_json::json;

use crate::sandbox::world::{
    builder::{Wanted, conditions, digest},
    kind::Kind,
    scene::{Object, Read as _, Scene},
    step::{Action, Step},
};

pub fn plan(scene: &Scene, node: &Object) -> Vec<Step> {
    let Some(profile) = scene.profile(node.name()) else {
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
    let status = json!({
        "capacity": capacity,
        "allocatable": capacity,
        "conditions": conditions(node, scene.now, &wanted),
        "addresses": [
            {"type": "InternalIP", "address": address(node.name())},
            {"type": "Hostname", "address": node.name()},
        ],
        "nodeInfo": profile.info(&scene.version),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    });
    Action::status(Kind::Node, node, &status)
        .map(Action::now)
        .into_iter()
        .collect()
}

/// An address out of TEST-NET-1 (RFC 5737), which leads nowhere: on purpose, nothing listens there.
pub fn address(node: &str) -> String {
    let last = digest(&[node]).bytes().map(u32::from).sum::<u32>() % 254 + 1;
    format!("192.0.2.{last}")
}
