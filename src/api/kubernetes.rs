//! Kubernetes' own kinds, each with the fields of it that are read, and no others.
//!
//! A Pod as `k8s-openapi` has it is decoded by half a megabyte of code, and a cache of 5,000 of them is mostly volumes
//! that nobody looks at. What is not listed here may have any shape, and what is may be missing. The names are those of the API.

use k8s_openapi::{
    api::{apps, core},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time},
};
use kube::Resource;
use serde::Deserialize;

/// A pod: where it runs and how it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[serde(default)]
#[resource(inherit = core::v1::Pod)]
pub struct Pod {
    pub metadata: ObjectMeta,
    pub spec: Option<PodSpec>,
    pub status: Option<PodStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub node_name: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    pub phase: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub conditions: Option<Vec<StatusCondition>>,
    pub init_container_statuses: Option<Vec<ContainerStatus>>,
    pub container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerStatus {
    pub name: String,
    pub state: Option<ContainerState>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    pub waiting: Option<ContainerStateWaiting>,
    pub terminated: Option<ContainerStateTerminated>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerStateWaiting {
    pub reason: Option<String>,
    pub message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStateTerminated {
    pub exit_code: i32,
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// A condition as these kinds have it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusCondition {
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub last_transition_time: Option<Time>,
}

/// A node: what it is, and whether it answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[serde(default)]
#[resource(inherit = core::v1::Node)]
pub struct Node {
    pub metadata: ObjectMeta,
    pub spec: Option<NodeSpec>,
    pub status: Option<NodeStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    pub taints: Option<Vec<Taint>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Taint {
    pub key: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    pub conditions: Option<Vec<StatusCondition>>,
    pub node_info: Option<NodeSystemInfo>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSystemInfo {
    pub kubelet_version: String,
    pub operating_system: String,
}

/// A Deployment: how many pods are wanted, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[serde(default)]
#[resource(inherit = apps::v1::Deployment)]
pub struct Deployment {
    pub metadata: ObjectMeta,
    pub spec: Option<DeploymentSpec>,
    pub status: Option<DeploymentStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct DeploymentSpec {
    pub replicas: Option<i32>,
    pub selector: LabelSelector,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    pub available_replicas: Option<i32>,
    pub ready_replicas: Option<i32>,
    pub conditions: Option<Vec<StatusCondition>>,
}

#[cfg(test)]
mod tests {
    use serde::{Serialize, de::DeserializeOwned};
    use serde_json::json;

    use super::*;

    /// What is read of an object that `k8s-openapi` has written, every field of which it knows.
    fn read<Whole, Ours>(object: &serde_json::Value) -> Ours
    where
        Whole: Serialize + DeserializeOwned,
        Ours: DeserializeOwned,
    {
        let whole: Whole = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(json!(whole), *object, "a field that the API does not have");
        serde_json::from_value(json!(whole)).unwrap()
    }

    #[test]
    fn the_fields_are_those_of_the_api() {
        let condition = json!({"type": "Ready", "status": "True", "reason": "r", "message": "m",
            "lastTransitionTime": "2026-11-23T08:00:00Z"});
        let container = json!({"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": {
            "waiting": {"reason": "w", "message": "m"},
            "terminated": {"exitCode": 3, "reason": "t", "message": "m"},
        }});
        let pod: Pod = read::<core::v1::Pod, Pod>(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
            "spec": {"nodeName": "n", "containers": []},
            "status": {"phase": "Failed", "reason": "r", "message": "m", "conditions": [condition],
                "initContainerStatuses": [container], "containerStatuses": [container]},
        }));
        let (spec, status) = (pod.spec.unwrap(), pod.status.unwrap());
        assert_eq!(spec.node_name.as_deref(), Some("n"));
        let said = [&status.phase, &status.reason, &status.message];
        assert_eq!(
            said.map(Option::as_deref),
            [Some("Failed"), Some("r"), Some("m")]
        );
        let of_pod = status.conditions.unwrap().remove(0);
        assert_eq!(
            (of_pod.type_.as_str(), of_pod.status.as_str()),
            ("Ready", "True")
        );
        assert!(
            of_pod.reason.is_some()
                && of_pod.message.is_some()
                && of_pod.last_transition_time.is_some()
        );
        for containers in [status.init_container_statuses, status.container_statuses] {
            let state = containers.unwrap().remove(0).state.unwrap();
            let (waiting, terminated) = (state.waiting.unwrap(), state.terminated.unwrap());
            assert_eq!(waiting.reason.as_deref(), Some("w"));
            assert_eq!(
                (terminated.exit_code, terminated.reason.as_deref()),
                (3, Some("t"))
            );
            assert!(waiting.message.is_some() && terminated.message.is_some());
        }
        let node: Node = read::<core::v1::Node, Node>(&json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"},
            "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
            "status": {"conditions": [condition], "nodeInfo": {
                "kubeletVersion": "v1.36.0", "operatingSystem": "linux", "architecture": "amd64", "bootID": "",
                "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "", "machineID": "",
                "osImage": "", "systemUUID": "",
            }},
        }));
        assert_eq!(node.spec.unwrap().taints.unwrap()[0].key, "k");
        let info = node.status.unwrap().node_info.unwrap();
        assert_eq!(
            (&*info.kubelet_version, &*info.operating_system),
            ("v1.36.0", "linux")
        );
        let deployment: Deployment = read::<apps::v1::Deployment, Deployment>(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}, "template": {}},
            "status": {"availableReplicas": 1, "readyReplicas": 2, "conditions": [
                {"type": "ReplicaFailure", "status": "True"},
            ]},
        }));
        let (spec, status) = (deployment.spec.unwrap(), deployment.status.unwrap());
        assert_eq!(spec.replicas, Some(2));
        assert_eq!(spec.selector.match_labels.unwrap()["a"], "b");
        assert_eq!(
            (status.available_replicas, status.ready_replicas),
            (Some(1), Some(2))
        );
        assert_eq!(status.conditions.unwrap()[0].type_, "ReplicaFailure");
    }

    #[test]
    fn what_is_missing_hides_nothing_else() {
        let pod = json!({"status": {"conditions": [{}], "containerStatuses": [{"state": {"terminated": {}}}]}});
        assert!(serde_json::from_value::<Pod>(pod).is_ok());
        let node =
            json!({"spec": {"taints": [{}]}, "status": {"conditions": [{}], "nodeInfo": {}}});
        assert!(serde_json::from_value::<Node>(node).is_ok());
        let deployment = json!({"spec": {}, "status": {"conditions": [{}]}});
        assert!(serde_json::from_value::<Deployment>(deployment).is_ok());
    }
}
