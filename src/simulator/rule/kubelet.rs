//! kubelet, about the pods on its node, and kube-controller-manager, about pods whose kubelet is silent.

use serde_json::{Value, json};

use super::{is_ready, node::address};
use crate::simulator::{
    PodExit,
    builder::{Wanted, conditions, digest},
    cluster_state::{ClusterState, Fate, Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

/// Starts, ends and takes away the pods of a node whose kubelet is up.
pub fn plan(cluster: &ClusterState, pod: &Object) -> Vec<Step> {
    let node = pod.text("/spec/nodeName").unwrap_or_default();
    let up = cluster
        .find(Kind::Node, "", node)
        .is_some_and(|node| node.condition("Ready") == Some("True"));
    let Some(profile) = cluster.profile(node).filter(|_| up) else {
        return Vec::new();
    };
    if pod.deleting() {
        return vec![take_away(pod).later("terminated")];
    }
    let phase = pod.text("/status/phase").unwrap_or("Pending");
    match (phase, cluster.fate(pod)) {
        ("Pending" | "Running", None) => vec![Action::Ask { pod: pod.clone() }.now()],
        ("Pending", Some(_)) if !profile.pulls_images => fail_to_pull(pod),
        ("Pending", Some(_)) => start(cluster, pod),
        ("Running", Some(Fate::Ends(exit))) => {
            Action::status(Kind::Pod, pod, &ended(cluster, pod, exit))
                .map(|action| action.later("ended"))
                .into_iter()
                .collect()
        }
        ("Running", Some(Fate::Runs)) => readiness(cluster, pod, true),
        // It has ended.
        (_, Some(Fate::Runs | Fate::Ends(_)) | None) => Vec::new(),
    }
}

/// kube-controller-manager, about pods whose kubelet cannot speak for them: they are not ready while their node is
/// not, and nobody else will finish them once it is gone.
pub fn collect(cluster: &ClusterState, pod: &Object) -> Vec<Step> {
    let node = pod.text("/spec/nodeName").unwrap_or_default();
    if node.is_empty() {
        return Vec::new();
    }
    match cluster.find(Kind::Node, "", node) {
        None => vec![take_away(pod).later("collected")],
        Some(node) if is_lost(node) && is_ready(pod) => readiness(cluster, pod, false),
        Some(_) => Vec::new(),
    }
}

/// It says that it is not ready, or has said nothing for so long that nobody knows.
fn is_lost(node: &Object) -> bool {
    matches!(node.condition("Ready"), Some("False" | "Unknown"))
}

fn readiness(cluster: &ClusterState, pod: &Object, ready: bool) -> Vec<Step> {
    let wanted = ["Ready", "ContainersReady"].map(|kind| Wanted {
        kind,
        status: ready,
        reason: if ready { "" } else { "NodeNotReady" },
        message: "",
    });
    let status = json!({"conditions": conditions(pod, cluster.now, &wanted)});
    Action::report(Kind::Pod, pod, &status)
}

fn take_away(pod: &Object) -> Action {
    Action::Delete {
        of: Target::of(Kind::Pod, pod),
        grace: Some(0),
    }
}

fn start(cluster: &ClusterState, pod: &Object) -> Vec<Step> {
    let Some(write) = Action::status(Kind::Pod, pod, &started(cluster, pod)) else {
        return Vec::new();
    };
    let tell = Action::Tell {
        about: pod.clone(),
        reason: "Started",
        message: "Started container".to_owned(),
    };
    vec![write.later("started"), tell.later("started")]
}

/// The pod waits for its images, for as long as nobody takes it away.
fn fail_to_pull(pod: &Object) -> Vec<Step> {
    let image = pod
        .text("/spec/containers/0/image")
        .unwrap_or("its image")
        .to_owned();
    let waiting = json!({"waiting": {
        "reason": "ImagePullBackOff", "message": format!("Back-off pulling image \"{image}\""),
    }});
    let status = json!({"phase": "Pending", "containerStatuses": containers(pod, false, &waiting)});
    let Some(write) = Action::status(Kind::Pod, pod, &status) else {
        return Vec::new();
    };
    let tell = Action::Tell {
        about: pod.clone(),
        reason: "Failed",
        message: format!("Failed to pull image \"{image}\": the registry does not answer"),
    };
    vec![write.later("pulled"), tell.later("pulled")]
}

fn started(cluster: &ClusterState, pod: &Object) -> Value {
    let ready = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .map(|kind| Wanted {
        kind,
        status: true,
        reason: "",
        message: "",
    });
    let address = pod_address(pod);
    json!({
        "phase": "Running",
        "conditions": conditions(pod, cluster.now, &ready),
        "startTime": cluster.now,
        "hostIP": host_address(pod), "hostIPs": [{"ip": host_address(pod)}],
        "podIP": address, "podIPs": [{"ip": address}],
        "containerStatuses": containers(pod, true, &json!({"running": {"startedAt": cluster.now}})),
    })
}

fn ended(cluster: &ClusterState, pod: &Object, exit: &PodExit) -> Value {
    let passed = exit.code == 0;
    let reason = if passed { "Completed" } else { "Error" };
    let not_ready = ["Ready", "ContainersReady"].map(|kind| Wanted {
        kind,
        status: false,
        reason: if passed { "PodCompleted" } else { "PodFailed" },
        message: "",
    });
    let state = json!({"terminated": {
        "exitCode": exit.code, "reason": reason, "message": exit.message,
        "startedAt": pod.value("/status/startTime"), "finishedAt": cluster.now,
        "containerID": container_id(pod, 0),
    }});
    json!({
        "phase": if passed { "Succeeded" } else { "Failed" },
        "conditions": conditions(pod, cluster.now, &not_ready),
        "containerStatuses": containers(pod, false, &state),
    })
}

fn containers(pod: &Object, ready: bool, state: &Value) -> Vec<Value> {
    pod.value("/spec/containers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, container)| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": container["image"],
                "containerID": container_id(pod, index), "restartCount": 0,
                "ready": ready, "started": ready, "state": state, "lastState": {},
            })
        })
        .collect()
}

fn container_id(pod: &Object, index: usize) -> String {
    format!("sandbox://{}", digest(&[pod.uid(), &index.to_string()]))
}

fn host_address(pod: &Object) -> String {
    address(pod.text("/spec/nodeName").unwrap_or_default())
}

/// An address of the pod network, which exists on paper alone.
fn pod_address(pod: &Object) -> String {
    if pod.value("/spec/hostNetwork") == Some(&Value::Bool(true)) {
        return host_address(pod);
    }
    let digest = digest(&[pod.uid()]);
    let part = |from: usize| {
        digest
            .bytes()
            .skip(from)
            .take(5)
            .fold(7u32, |sum, byte| (sum * 31 + u32::from(byte)) % 254)
            + 1
    };
    format!("10.244.{}.{}", part(0), part(5))
}
