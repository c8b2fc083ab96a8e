//! Why a pod is not ready: it cannot be scheduled, a container waits, or its node does not answer.

use crate::api::{
    kubernetes::{ContainerStatus, Pod},
    text::shortened,
};

/// What is wrong with one pod of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodFailure {
    pub pod: String,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// In the words of the scheduler or of the kubelet.
    Said(String),
    /// Nothing is said: then its node may not answer.
    OnNode(String),
}

/// Of the first of these pods that is not ready. Pure.
pub(super) fn failure(pods: &[Pod]) -> Option<PodFailure> {
    pods.iter().find_map(|pod| {
        let why = why(pod)?;
        let pod = pod.metadata.name.clone()?;
        Some(PodFailure { pod, why })
    })
}

/// Why a pod is not ready, in the words of the scheduler or of the kubelet; `None` where they have said nothing that
/// not every pod goes through.
#[must_use]
pub fn why_not_ready(pod: &Pod) -> Option<String> {
    match why(pod)? {
        Why::Said(said) => Some(shortened(said)),
        Why::OnNode(_) => None,
    }
}

fn why(pod: &Pod) -> Option<Why> {
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let condition = |type_: &str| conditions.iter().find(|one| one.type_ == type_);
    if condition("Ready").is_some_and(|ready| ready.status == "True") {
        return None;
    }
    if let Some(scheduled) = condition("PodScheduled").filter(|one| one.status == "False") {
        let words = [scheduled.reason.as_deref(), scheduled.message.as_deref()];
        return Some(Why::Said(joined(&words)));
    }
    let init = status.init_container_statuses.iter().flatten();
    let mut containers = init.chain(status.container_statuses.iter().flatten());
    if let Some(said) = containers.find_map(waits) {
        return Some(Why::Said(said));
    }
    let node = pod.spec.as_ref()?.node_name.clone()?;
    Some(Why::OnNode(node))
}

/// Not for what every container goes through.
fn waits(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let ordinary = ["ContainerCreating", "PodInitializing"].contains(&reason);
    (!ordinary).then(|| joined(&[Some(reason), waiting.message.as_deref()]))
}

fn joined(words: &[Option<&str>]) -> String {
    let words: Vec<&str> = words
        .iter()
        .copied()
        .flatten()
        .filter(|word| !word.is_empty())
        .collect();
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name}, "spec": {"nodeName": "n1", "containers": []}, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn the_first_pod_that_is_not_ready_says_why() {
        let condition = |type_: &str, status: &str, reason: &str, message: &str| json!({"conditions": [{"type": type_, "status": status, "reason": reason, "message": message}]});
        let waiting = |reason: &str, message: &str| {
            json!({"containerStatuses": [{
                "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": message}},
            }]})
        };
        let ready = pod("ready", &condition("Ready", "True", "", ""));
        for (status, expected) in [
            (
                condition(
                    "PodScheduled",
                    "False",
                    "Unschedulable",
                    "0/3 nodes are available",
                ),
                Why::Said("Unschedulable: 0/3 nodes are available".to_owned()),
            ),
            (
                waiting("ImagePullBackOff", "Back-off pulling image \"x\""),
                Why::Said("ImagePullBackOff: Back-off pulling image \"x\"".to_owned()),
            ),
            (
                waiting("ContainerCreating", ""),
                Why::OnNode("n1".to_owned()),
            ),
            (
                condition("Ready", "False", "", ""),
                Why::OnNode("n1".to_owned()),
            ),
        ] {
            let found = failure(&[ready.clone(), pod("p", &status)]);
            let expected = PodFailure {
                pod: "p".to_owned(),
                why: expected,
            };
            assert_eq!(found, Some(expected));
        }
        assert_eq!(failure(&[ready]), None);
    }
}
