//! APIServices: which groups and versions are served, and in which order clients hear of them (k8s.io/kube-aggregator,
//! k8s.io/kubernetes `cmd/kube-apiserver/app/aggregator.go`).
//!
//! Those that this server serves itself register themselves. Requests are forwarded to no other server, so that any
//! other APIService is kept and never available.

use serde_json::{Value, json};

use crate::object::metadata::text;

pub const GROUP: &str = "apiregistration.k8s.io";
pub const PLURAL: &str = "apiservices";
/// Says that an APIService comes and goes with what is served.
pub const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// Group, version, and the priorities of both.
const PRIORITIES: [(&str, &str, i64, i64); 20] = [
    ("", "v1", 18_000, 1),
    ("apps", "v1", 17_800, 15),
    ("events.k8s.io", "v1", 17_750, 15),
    ("authentication.k8s.io", "v1", 17_700, 15),
    ("authorization.k8s.io", "v1", 17_600, 15),
    ("autoscaling", "v1", 17_500, 15),
    ("autoscaling", "v2", 17_500, 30),
    ("batch", "v1", 17_400, 15),
    ("certificates.k8s.io", "v1", 17_300, 15),
    ("networking.k8s.io", "v1", 17_200, 15),
    ("policy", "v1", 17_100, 15),
    ("rbac.authorization.k8s.io", "v1", 17_000, 15),
    ("storage.k8s.io", "v1", 16_800, 15),
    ("admissionregistration.k8s.io", "v1", 16_700, 15),
    ("apiextensions.k8s.io", "v1", 16_700, 15),
    ("scheduling.k8s.io", "v1", 16_600, 15),
    ("coordination.k8s.io", "v1", 16_500, 15),
    ("node.k8s.io", "v1", 16_300, 15),
    ("discovery.k8s.io", "v1", 16_200, 15),
    ("flowcontrol.apiserver.k8s.io", "v1", 16_100, 21),
];
const OF_DEFINITIONS: (i64, i64) = (1_000, 100);

/// How far in front a group is listed; the one of the APIServices comes before all.
pub fn priority(group: &str) -> i64 {
    let known = PRIORITIES.iter().find(|(known, ..)| *known == group);
    match known {
        _ if group == GROUP => i64::MAX,
        Some((_, _, priority, _)) => *priority,
        None => OF_DEFINITIONS.0,
    }
}

pub fn name(group: &str, version: &str) -> String {
    format!("{version}.{group}")
}

/// The APIServices of the groups that every server has.
pub fn built_in() -> impl Iterator<Item = Value> {
    PRIORITIES
        .into_iter()
        .map(|(group, version, of_group, of_version)| {
            local(group, version, (of_group, of_version), "onstart")
        })
}

/// The APIService of a version that definitions bring.
pub fn of_definitions(group: &str, version: &str) -> Value {
    local(group, version, OF_DEFINITIONS, "true")
}

fn local(group: &str, version: &str, priorities: (i64, i64), managed: &str) -> Value {
    let mut spec = json!({
        "version": version, "groupPriorityMinimum": priorities.0, "versionPriority": priorities.1,
    });
    if !group.is_empty() {
        spec["group"] = group.into();
    }
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "APIService",
        "metadata": {"name": name(group, version), "labels": {MANAGED: managed}}, "spec": spec,
    })
}

/// Whether a new APIService is available: what this server serves itself always is, and nothing else ever.
pub fn fresh_status(service: &Value) -> Value {
    let (status, reason, message) = if service["spec"]["service"].is_null() {
        ("True", "Local", "Local APIServices are always available")
    } else {
        (
            "False",
            "FailedDiscoveryCheck",
            "this API server forwards requests to no other",
        )
    };
    let since = text(&service["metadata"], "creationTimestamp");
    json!({"conditions": [{
        "type": "Available", "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
    }]})
}
