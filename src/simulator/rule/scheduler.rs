//! kube-scheduler: gives pods a node that is ready, schedulable and asked for: one that has their images, as its plugin
//! ImageLocality would have it, and of these the one with the fewest pods.

use serde_json::{Value, json};

use crate::simulator::{
    builder::{Wanted, conditions, matches_labels},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

pub fn plan(cluster: &ClusterState, pod: &Object) -> Vec<Step> {
    let unbound = pod.text("/spec/nodeName").is_none_or(str::is_empty);
    if !unbound || pod.deleting() {
        return Vec::new();
    }
    let wish = wish(pod);
    if cluster.is_hopeless(&wish) {
        return unschedulable(cluster, pod);
    }
    let mut suitable = cluster
        .emptiest_nodes(pod.uid())
        .filter(|node| suits(node, pod))
        .peekable();
    let emptiest = suitable.peek().copied();
    let Some(node) = suitable.find(|node| has_images(cluster, node)).or(emptiest) else {
        cluster.note_hopeless(wish);
        return unschedulable(cluster, pod);
    };
    let message = format!(
        "Successfully assigned {}/{} to {}",
        pod.namespace(),
        pod.name(),
        node.name()
    );
    vec![
        Action::Bind {
            pod: Target::of(Kind::Pod, pod),
            node: node.name().to_owned(),
        }
        .now(),
        Action::Tell {
            about: pod.clone(),
            reason: "Scheduled",
            message,
        }
        .now(),
    ]
}

/// Everything that [`suits`] asks of a pod: pods of one wish suit the same nodes.
fn wish(pod: &Object) -> String {
    let devices: Vec<&str> = devices(pod).collect();
    let parts = [
        "/spec/nodeSelector",
        "/spec/affinity/nodeAffinity",
        "/spec/tolerations",
    ]
    .map(|path| pod.value(path).map(Value::to_string).unwrap_or_default());
    format!("{}\n{}", parts.join("\n"), devices.join(","))
}

fn unschedulable(cluster: &ClusterState, pod: &Object) -> Vec<Step> {
    let nodes = cluster.count(Kind::Node);
    let message =
        format!("0/{nodes} nodes are available: none is ready, schedulable and selected.");
    let wanted = Wanted {
        kind: "PodScheduled",
        status: false,
        reason: "Unschedulable",
        message: &message,
    };
    let status = json!({"conditions": conditions(pod, cluster.now, &[wanted])});
    let Some(write) = Action::status(Kind::Pod, pod, &status) else {
        return Vec::new();
    };
    let tell = Action::Tell {
        about: pod.clone(),
        reason: "FailedScheduling",
        message,
    };
    vec![write.now(), tell.now()]
}

fn suits(node: &Object, pod: &Object) -> bool {
    node.condition("Ready") == Some("True")
        && node.value("/spec/unschedulable") != Some(&Value::Bool(true))
        && selects(pod.value("/spec"), node)
        && tolerates(pod.value("/spec/tolerations"), node)
        && devices(pod).all(|device| offers(node, device))
}

/// A node that can pull nothing has nothing.
fn has_images(cluster: &ClusterState, node: &Object) -> bool {
    let profile = cluster.profile(node.name());
    profile.is_none_or(|profile| profile.pulls_images)
}

/// The devices that a pod asks for: resources with a group of their own, such as `devices.kubevirt.io/kvm`. Processors
/// and memory are not counted here, and neither is how many devices are taken.
fn devices(pod: &Object) -> impl Iterator<Item = &str> {
    let containers = pod.value("/spec/containers").and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| container["resources"]["requests"].as_object())
        .flat_map(serde_json::Map::keys)
        .filter(|resource| resource.contains('/'))
        .map(String::as_str)
}

fn offers(node: &Object, device: &str) -> bool {
    node.value("/status/allocatable")
        .and_then(|allocatable| allocatable.get(device))
        .is_some_and(|amount| amount != "0")
}

/// Do `nodeSelector` and the required node affinity of a pod's spec ask for this node?
pub fn selects(spec: Option<&Value>, node: &Object) -> bool {
    let Some(spec) = spec else {
        return true;
    };
    let terms = spec.pointer(
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    matches_labels(spec.get("nodeSelector"), node)
        && terms.and_then(Value::as_array).is_none_or(|terms| {
            // Terms are alternatives; what a term says must hold together.
            terms.iter().any(|term| {
                list(term, "matchExpressions")
                    .all(|expression| holds(expression, |key| node.label(key)))
                    && list(term, "matchFields").all(|expression| {
                        holds(expression, |key| {
                            (key == "metadata.name").then(|| node.name())
                        })
                    })
            })
        })
}

fn list<'a>(term: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    term.get(field)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// One requirement of a node selector; an operator that is not played here never holds.
fn holds<'a>(expression: &Value, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    let held = expression["key"].as_str().and_then(value);
    let listed = || held.is_some_and(|held| list(expression, "values").any(|value| value == held));
    match expression["operator"].as_str() {
        Some("Exists") => held.is_some(),
        Some("DoesNotExist") => held.is_none(),
        Some("In") => listed(),
        Some("NotIn") => !listed(),
        _ => false,
    }
}

/// Is every taint that keeps pods away tolerated?
pub fn tolerates(tolerations: Option<&Value>, node: &Object) -> bool {
    tolerates_all(tolerations, node, &["NoSchedule", "NoExecute"])
}

/// May a pod that is there stay?
pub fn tolerates_staying(tolerations: Option<&Value>, node: &Object) -> bool {
    tolerates_all(tolerations, node, &["NoExecute"])
}

fn tolerates_all(tolerations: Option<&Value>, node: &Object, effects: &[&str]) -> bool {
    let tolerations: Vec<&Value> = tolerations
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let taints = node.value("/spec/taints").and_then(Value::as_array);
    taints
        .into_iter()
        .flatten()
        .filter(|taint| effects.iter().any(|effect| taint["effect"] == *effect))
        .all(|taint| {
            tolerations.iter().any(|toleration| {
                let any_key = toleration["key"].as_str().unwrap_or_default().is_empty();
                let key = toleration["key"] == taint["key"];
                let any_effect = toleration["effect"].as_str().unwrap_or_default().is_empty();
                let exists = toleration["operator"] == "Exists";
                (exists && any_key || key)
                    && (exists || same_text(&toleration["value"], &taint["value"]))
                    && (any_effect || toleration["effect"] == taint["effect"])
            })
        })
}

/// An absent value is an empty one.
fn same_text(a: &Value, b: &Value) -> bool {
    a.as_str().unwrap_or_default() == b.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::simulator::builder::known;

    fn node() -> Object {
        Arc::new(known(json!({
            "metadata": {"name": "a", "labels": {"kubernetes.io/os": "linux", "disk": "ssd"}},
            "spec": {"taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })))
    }

    fn affinity(term: &Value) -> Value {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [term]}}}})
    }

    #[test]
    fn selectors_and_affinity_choose_nodes() {
        for (spec, expected) in [
            (json!({}), true),
            (json!({"nodeSelector": {"disk": "ssd"}}), true),
            (json!({"nodeSelector": {"disk": "hdd"}}), false),
            (
                affinity(&json!({"matchExpressions": [{"key": "disk", "operator": "Exists"}]})),
                true,
            ),
            (
                affinity(&json!({"matchExpressions": [{"key": "gpu", "operator": "Exists"}]})),
                false,
            ),
            (
                affinity(
                    &json!({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}),
                ),
                true,
            ),
            (
                affinity(
                    &json!({"matchExpressions": [{"key": "disk", "operator": "NotIn", "values": ["ssd"]}]}),
                ),
                false,
            ),
            (
                affinity(
                    &json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}),
                ),
                true,
            ),
            (
                affinity(
                    &json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}),
                ),
                false,
            ),
        ] {
            assert_eq!(selects(Some(&spec), &node()), expected, "{spec}");
        }
    }

    #[test]
    fn a_device_must_be_there() {
        let node = |amount: &str| -> Object {
            Arc::new(known(json!({
                "metadata": {"name": "a"},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "allocatable": {"cpu": "4", "devices.kubevirt.io/kvm": amount},
                },
            })))
        };
        let pod = |request: &str| -> Object {
            let resources = json!({"requests": {request: "1"}});
            let containers = json!([{"name": "a", "resources": resources}]);
            Arc::new(known(
                json!({"metadata": {"name": "p"}, "spec": {"containers": containers}}),
            ))
        };
        for (amount, request, expected) in [
            ("1k", "devices.kubevirt.io/kvm", true),
            ("0", "devices.kubevirt.io/kvm", false),
            ("1k", "nvidia.com/gpu", false),
            ("0", "cpu", true),
        ] {
            assert_eq!(
                suits(&node(amount), &pod(request)),
                expected,
                "{amount} {request}"
            );
        }
    }

    #[test]
    fn taints_keep_pods_away_unless_tolerated() {
        for (tolerations, expected) in [
            (json!([]), false),
            (json!([{"operator": "Exists"}]), true),
            (json!([{"key": "dedicated", "operator": "Exists"}]), true),
            (
                json!([{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]),
                true,
            ),
            (json!([{"key": "dedicated", "value": "cpu"}]), false),
            (json!([{"key": "other", "operator": "Exists"}]), false),
            (
                json!([{"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}]),
                false,
            ),
        ] {
            assert_eq!(
                tolerates(Some(&tolerations), &node()),
                expected,
                "{tolerations}"
            );
        }
    }
}
