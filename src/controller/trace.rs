//! What KubeVirt leaves on nodes: the labels and annotations that virt-handler, its node labeller and virt-controller
//! write (KubeVirt's `staging/src/kubevirt.io/api/core/v1/types.go`), and nobody takes away with the engine.
//!
//! Only what is known to be theirs is ever removed. What people set for KubeVirt stays (`node-labeller.kubevirt.io/skip-node`,
//! the overrides of KSM), and so does `cpumanager`, whose name could be anybody's.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use kube::{Api, Client, ResourceExt, api::Patch};
use serde_json::{Map, Value, json};

use super::{
    node,
    observed::{NodeTraces, Traces},
    request::{Doing, patching},
};
use crate::{
    api::kubernetes::{Node, Pod},
    failure::{Failure, Kind},
};

/// Labels by their whole name.
const LABELS: [&str; 9] = [
    "kubevirt.io/schedulable",
    "kubevirt.io/ksm-enabled",
    "kubevirt.io/realtime",
    "kubevirt.io/sev",
    "kubevirt.io/sev-es",
    "kubevirt.io/sev-snp",
    "kubevirt.io/tdx",
    "kubevirt.io/secure-execution",
    "node-labeller.kubevirt.io/obsolete-host-model",
];
/// Labels by what stands before the slash: the rest is a model, a feature, a machine type.
const LABEL_DOMAINS: [&str; 10] = [
    "cpu-feature.node.kubevirt.io",
    "cpu-model.node.kubevirt.io",
    "cpu-model-migration.node.kubevirt.io",
    "cpu-timer.node.kubevirt.io",
    "cpu-vendor.node.kubevirt.io",
    "host-model-cpu.node.kubevirt.io",
    "host-model-required-features.node.kubevirt.io",
    "hyperv.node.kubevirt.io",
    "machine-type.node.kubevirt.io",
    "scheduling.node.kubevirt.io",
];
const ANNOTATIONS: [&str; 3] = [
    "kubevirt.io/heartbeat",
    "kubevirt.io/ksm-handler-managed",
    "node-labeller.kubevirt.io/obsolete-host-model",
];
/// Nodes that are written to at once.
const REQUESTS: usize = 16;

fn is_label(key: &str) -> bool {
    LABELS.contains(&key)
        || key
            .split_once('/')
            .is_some_and(|(domain, _)| LABEL_DOMAINS.contains(&domain))
}

/// What is left on nodes. As long as virt-handler is on a node it would write again: such a node is waited for, unless
/// it is not ready, because its pod may then stay for ever.
pub(super) fn find<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    handlers: impl Iterator<Item = &'a Pod>,
) -> Traces {
    let handled: BTreeSet<&str> = handlers
        .filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref())
        .collect();
    let mut traces = Traces::default();
    for node in nodes {
        let Some(left) = of(node) else { continue };
        let ready = node::facts(node).is_some_and(|facts| facts.ready);
        match (handled.contains(left.node.as_str()), ready) {
            (false, _) => traces.left.push(left),
            (true, true) => traces.handled += 1,
            (true, false) => traces.out_of_reach += 1,
        }
    }
    traces
}

fn of(node: &Node) -> Option<NodeTraces> {
    let labels: Vec<String> = node
        .labels()
        .keys()
        .filter(|key| is_label(key))
        .cloned()
        .collect();
    let annotations: Vec<String> = node
        .annotations()
        .keys()
        .filter(|key| ANNOTATIONS.contains(&key.as_str()))
        .cloned()
        .collect();
    (!labels.is_empty() || !annotations.is_empty()).then(|| NodeTraces {
        node: node.name_any(),
        uid: node.uid().unwrap_or_default(),
        resource_version: node.resource_version().unwrap_or_default(),
        labels,
        annotations,
    })
}

/// Takes them away, from the very versions that were seen: what changed meanwhile is looked at again.
pub(super) async fn remove(client: &Client, nodes: &[NodeTraces]) -> Result<(), Failure> {
    let api: Api<Node> = Api::all(client.clone());
    let patches: Vec<_> = nodes.iter().map(|node| clean(&api, node)).collect();
    let mut cleaned = stream::iter(patches).buffer_unordered(REQUESTS);
    while let Some(cleaned) = cleaned.next().await {
        match cleaned {
            Err(failure) if failure.kind == Kind::Conflict => {}
            cleaned => cleaned?,
        }
    }
    Ok(())
}

async fn clean(api: &Api<Node>, node: &NodeTraces) -> Result<(), Failure> {
    let parameters = patching();
    let patched = api
        .patch(&node.node, &parameters, &Patch::Merge(&patch(node)))
        .await;
    patched.or_gone(&format!("clean node {}", node.node))
}

fn patch(node: &NodeTraces) -> Value {
    let nothing = |keys: &[String]| -> Map<String, Value> {
        keys.iter().map(|key| (key.clone(), Value::Null)).collect()
    };
    json!({"metadata": {
        "uid": node.uid,
        "resourceVersion": node.resource_version,
        "labels": nothing(&node.labels),
        "annotations": nothing(&node.annotations),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, ready: bool, labels: &Value, annotations: &Value) -> Node {
        let ready = if ready { "True" } else { "False" };
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "uid": "u", "resourceVersion": "7",
                "labels": labels, "annotations": annotations,
            },
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    fn handler(node: &str) -> Pod {
        serde_json::from_value(
            json!({"metadata": {}, "spec": {"nodeName": node, "containers": []}}),
        )
        .unwrap()
    }

    #[test]
    fn only_what_is_known_to_be_kubevirts_is_removed() {
        let theirs = json!({
            "kubevirt.io/schedulable": "true",
            "cpu-model.node.kubevirt.io/Skylake-Server": "true",
            "hyperv.node.kubevirt.io/vpindex": "true",
            "host-model-required-features.node.kubevirt.io/vmx": "true",
            "kubernetes.io/hostname": "n",
            "kubevm.io/VM-SkipSchedule": "",
            "kubevirt.io/my-own": "x",
            "example.com/cpu-model.node.kubevirt.io": "x",
            "cpumanager": "true",
        });
        let annotations = json!({
            "kubevirt.io/heartbeat": "2026-11-23T08:00:00Z",
            "kubevirt.io/ksm-pages-min-override": "1",
            "node-labeller.kubevirt.io/skip-node": "true",
        });
        let traces = of(&node("n", true, &theirs, &annotations)).unwrap();
        assert_eq!(
            traces.labels,
            [
                "cpu-model.node.kubevirt.io/Skylake-Server",
                "host-model-required-features.node.kubevirt.io/vmx",
                "hyperv.node.kubevirt.io/vpindex",
                "kubevirt.io/schedulable",
            ]
        );
        assert_eq!(traces.annotations, ["kubevirt.io/heartbeat"]);
        let patch = patch(&traces);
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(patch["metadata"]["labels"].as_object().unwrap().len(), 4);
        assert_eq!(of(&node("n", true, &json!({}), &json!({}))), None);
    }

    #[test]
    fn a_node_with_a_handler_is_waited_for_unless_it_is_away() {
        let marked = json!({"kubevirt.io/schedulable": "false"});
        let nodes = ["free", "handled", "away", "clean"].map(|name| {
            let labels = if name == "clean" {
                json!({})
            } else {
                marked.clone()
            };
            node(name, name != "away", &labels, &json!({}))
        });
        let handlers = ["handled", "away", "clean"].map(handler);
        let traces = find(nodes.iter(), handlers.iter());
        let left: Vec<&str> = traces.left.iter().map(|left| left.node.as_str()).collect();
        assert_eq!(left, ["free"]);
        assert_eq!((traces.handled, traces.out_of_reach), (1, 1));
    }
}
