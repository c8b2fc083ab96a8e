//! Why is it not up? Follows what does not run down to its pods, for the operators, the components and the probes: a pod
//! that cannot be scheduled, a container that waits, pods that the API server does not let in.
//!
//! Asked only while something is not up; conditions quote the answer, and through them `status` and every wait.

use kube::{Client, api::ListParams, runtime::reflector::Store};

use super::engine;
use crate::{
    api::{
        engine::{CDI_COMPONENT_LABEL, COMPONENT_LABEL, COMPONENTS, VIRT_OPERATOR},
        kubernetes::{Deployment, Pod},
    },
    cluster::{list, retry::Retry, stuck},
};

/// A message of a condition is short, and one cause mostly holds for all pods.
const NAMED: usize = 3;

/// What keeps the engine's pods from running, one line for each component. Nothing where pods cannot be listed: this only
/// says more about what is known not to be up.
pub(super) async fn of_engine(client: &Client, place: Option<&str>) -> Vec<String> {
    let pods = engine::somewhere::<Pod>(client, place);
    let mut found = Vec::new();
    for selector in COMPONENTS {
        let selected = ListParams::default().labels(selector);
        match list::objects(&pods, &selected, &Retry::once(), "list the engine's pods").await {
            Ok(pods) => found.extend(pods),
            Err(error) => tracing::debug!(%error, "could not ask why the engine is not up"),
        }
    }
    judge(&found)
}

/// Of each component the first pod that says something.
fn judge(pods: &[Pod]) -> Vec<String> {
    let mut said: Vec<(String, String)> = Vec::new();
    for pod in pods {
        let Some(component) = component(pod) else {
            continue;
        };
        if said.iter().any(|(known, _)| *known == component) {
            continue;
        }
        if let Some(why) = stuck::why_not_ready(pod) {
            said.push((component, why));
        }
    }
    // The operator first: what is missing beside it follows from it.
    said.sort_by_key(|(component, _)| (component != VIRT_OPERATOR, component.clone()));
    said.into_iter()
        .take(NAMED)
        .map(|(component, why)| format!("{component}: {why}"))
        .collect()
}

fn component(pod: &Pod) -> Option<String> {
    let labels = pod.metadata.labels.as_ref()?;
    let named = |label: &str| labels.get(label).filter(|name| !name.is_empty()).cloned();
    named(COMPONENT_LABEL).or_else(|| named(CDI_COMPONENT_LABEL))
}

/// What keeps probes from running, by their nodes.
pub(super) fn of_probes(pods: &Store<Pod>) -> Vec<String> {
    let mut said: Vec<String> = pods
        .state()
        .iter()
        .filter_map(|pod| {
            let node = pod.spec.as_ref()?.node_name.as_ref()?;
            Some(format!("probe on {node}: {}", stuck::why_not_ready(pod)?))
        })
        .collect();
    said.sort();
    said.truncate(NAMED);
    said
}

/// Why a Deployment gets no pods at all: a quota, a policy, the Pod security level of its namespace.
pub(super) fn refused(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    failure
        .message
        .clone()
        .filter(|message| !message.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, labels: &Value, status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"nodeName": "n1", "containers": []},
            "status": status,
        }))
        .unwrap()
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"containerStatuses": [{
            "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}},
        }]})
    }

    #[test]
    fn each_component_says_why_once_and_the_operator_first() {
        let virt = |name: &str| json!({"kubevirt.io": name});
        let pods = [
            pod(
                "a1",
                &virt("virt-api"),
                &waiting(
                    "ImagePullBackOff",
                    "registry.example/virt-api:v1.9: not found",
                ),
            ),
            pod("a2", &virt("virt-api"), &waiting("ErrImagePull", "else")),
            pod(
                "h",
                &virt("virt-handler"),
                &waiting("ContainerCreating", ""),
            ),
            pod(
                "c",
                &json!({"cdi.kubevirt.io": "cdi-operator"}),
                &waiting("CrashLoopBackOff", ""),
            ),
            pod(
                "o",
                &virt("virt-operator"),
                &json!({"conditions": [{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/1 nodes are available",
                }]}),
            ),
        ];
        assert_eq!(
            judge(&pods),
            [
                "virt-operator: Unschedulable: 0/1 nodes are available",
                "cdi-operator: CrashLoopBackOff",
                "virt-api: ImagePullBackOff: registry.example/virt-api:v1.9: not found",
            ]
        );
    }

    #[test]
    fn a_deployment_without_pods_says_what_refused_them() {
        let deployment = |conditions: Value| -> Deployment {
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}}))
                .unwrap()
        };
        let failure =
            json!([{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]);
        assert_eq!(
            refused(&deployment(failure)).as_deref(),
            Some("exceeded quota")
        );
        assert_eq!(refused(&deployment(json!([]))), None);
    }
}
