//! The DaemonSet controller: one pod on each node that the template selects and whose taints it tolerates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    is_finished, is_ready,
    scheduler::{selects, tolerates, tolerates_staying},
};
use crate::simulator::{
    builder::{controlled_by, known, template_hash},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step},
};

/// Names the revision of the template that a pod was made from.
const HASH: &str = "controller-revision-hash";
/// How many pods one look creates, as the real controller's burst.
const BURST: usize = 250;

pub fn plan(cluster: &ClusterState, set: &Object) -> Vec<Step> {
    if set.deleting() {
        return Vec::new();
    }
    let template = set.value("/spec/template").cloned().unwrap_or_default();
    let hash = template_hash(&template);
    let tolerations = tolerations(&template);
    let nodes = || {
        let nodes = cluster.all(Kind::Node).filter(|node| !node.deleting());
        nodes.filter(|node| selects(template.get("spec"), node))
    };
    let names = |fits: fn(Option<&Value>, &Object) -> bool| -> BTreeSet<&str> {
        let fitting = nodes().filter(|node| fits(Some(&tolerations), node));
        fitting.map(|node| node.name()).collect()
    };
    // A taint that came later drives nobody away, unless it says so.
    let (selected, stays) = (names(tolerates), names(tolerates_staying));
    let mut pods: BTreeMap<&str, &Object> = BTreeMap::new();
    let mut steps = Vec::new();
    let mut replaceable = None;
    for pod in cluster.controlled(set, Kind::Pod) {
        let node = pod.text("/spec/nodeName").unwrap_or_default();
        let placed = stays.contains(node) && !is_finished(pod);
        let outdated = placed && pod.label(HASH) != Some(&hash);
        if outdated && !pod.deleting() {
            replaceable.get_or_insert(pod);
        }
        if !placed && !pod.deleting() {
            steps.push(Action::delete(Kind::Pod, pod).now());
        }
        // A pod on its way out still has its place: the next one comes when it is gone.
        pods.insert(node, pod);
    }
    // A rolling update, as by default: one at a time, while all others are ready.
    let all_ready = selected.iter().all(|node| {
        pods.get(node)
            .is_some_and(|pod| is_ready(pod) && !pod.deleting())
    });
    steps.extend(
        replaceable
            .filter(|_| all_ready)
            .map(|pod| Action::delete(Kind::Pod, pod).now()),
    );
    let missing = selected.iter().filter(|node| !pods.contains_key(*node));
    steps.extend(
        missing
            .take(BURST)
            .map(|node| create(set, &template, &tolerations, &hash, node).now()),
    );
    steps.extend(report(set, &selected, &pods, &hash));
    steps
}

/// What the template tolerates, and what every DaemonSet's pod does (`AddOrUpdateDaemonPodTolerations`).
fn tolerations(template: &Value) -> Value {
    const ALWAYS: [(&str, &str); 6] = [
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/pid-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ];
    let spec = &template["spec"];
    let on_host = spec["hostNetwork"] == true;
    let network = on_host.then_some(("node.kubernetes.io/network-unavailable", "NoSchedule"));
    let added = ALWAYS.into_iter().chain(network);
    let added =
        added.map(|(key, effect)| json!({"key": key, "operator": "Exists", "effect": effect}));
    let mut all = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for toleration in added {
        if !all.contains(&toleration) {
            all.push(toleration);
        }
    }
    all.into()
}

fn create(set: &Object, template: &Value, tolerations: &Value, hash: &str, node: &str) -> Action {
    let mut labels = template["metadata"]["labels"].clone();
    labels[HASH] = hash.into();
    let mut spec = template["spec"].clone();
    spec["nodeName"] = node.into();
    spec["tolerations"] = tolerations.clone();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", set.name()),
            "namespace": set.namespace(),
            "labels": labels,
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": controlled_by(Kind::DaemonSet, set),
        },
        "spec": spec,
    });
    Action::create(Kind::Pod, known(pod))
}

fn report(
    set: &Object,
    selected: &BTreeSet<&str>,
    pods: &BTreeMap<&str, &Object>,
    hash: &str,
) -> Option<Step> {
    let there = || {
        selected
            .iter()
            .filter_map(|node| pods.get(node))
            .filter(|pod| !pod.deleting())
    };
    let astray = pods
        .iter()
        .filter(|(node, pod)| !selected.contains(*node) && !pod.deleting());
    let desired = selected.len();
    let current = there().count();
    let ready = there().filter(|pod| is_ready(pod)).count();
    let updated = there().filter(|pod| pod.label(HASH) == Some(hash)).count();
    let status = json!({
        "observedGeneration": set.metadata.generation,
        "desiredNumberScheduled": desired,
        "currentNumberScheduled": current,
        "updatedNumberScheduled": updated,
        "numberReady": ready,
        "numberAvailable": ready,
        "numberUnavailable": desired - ready,
        "numberMisscheduled": astray.count(),
    });
    Action::status(Kind::DaemonSet, set, &status).map(Action::now)
}
