//! The fields that go into a bundle, by kind. A row is a path of keys, with spaces between them because keys have dots
//! and slashes; lists are gone through; `prefix*` stands for every key that begins so.

use serde_json::{Map, Value};

pub(super) const RUNTIME: &[&str] = &[
    "metadata name",
    "metadata uid",
    "metadata generation",
    "metadata resourceVersion",
    "metadata creationTimestamp",
    "metadata deletionTimestamp",
    "metadata finalizers",
    "metadata annotations baremetal.cluster.gke.io/vmrumtime-force-disable",
    "metadata annotations baremetal.cluster.gke.io/vmruntime-force-disable",
    "metadata annotations vm.cluster.gke.io/creation-fence-until",
    "spec enabled",
    "spec useEmulation",
    "spec vmImageFormat",
    "spec enableGPU",
    "spec disableCDIUploadProxyVIP",
    "spec storage defaultStorageClass",
    "spec evictionPolicy",
    "spec featureGates",
    "status",
];

pub(super) const CHECK: &[&str] = &[
    "metadata name",
    "metadata uid",
    "metadata creationTimestamp",
    "metadata deletionTimestamp",
    "metadata annotations vm.cluster.gke.io/preflight-trigger",
    "metadata annotations vm.cluster.gke.io/preflight-occasion",
    "status",
];

pub(super) const NODE: &[&str] = &[
    "metadata name",
    "metadata creationTimestamp",
    "metadata deletionTimestamp",
    "metadata labels kubevm.io/VM-SkipSchedule",
    "metadata labels kubevirt.io/*",
    "metadata labels kubernetes.io/arch",
    "metadata labels kubernetes.io/os",
    "metadata labels node-role.kubernetes.io/*",
    "spec unschedulable",
    "spec taints key",
    "spec taints effect",
    "status allocatable",
    "status conditions type",
    "status conditions status",
    "status conditions reason",
    "status conditions message",
    "status conditions lastTransitionTime",
    "status nodeInfo architecture",
    "status nodeInfo containerRuntimeVersion",
    "status nodeInfo kernelVersion",
    "status nodeInfo kubeletVersion",
    "status nodeInfo operatingSystem",
    "status nodeInfo osImage",
];

pub(super) const DEPLOYMENT: &[&str] = &[
    "metadata name",
    "metadata namespace",
    "metadata generation",
    "metadata creationTimestamp",
    "spec replicas",
    "spec template spec containers name",
    "spec template spec containers image",
    "status replicas",
    "status readyReplicas",
    "status availableReplicas",
    "status observedGeneration",
    "status conditions type",
    "status conditions status",
    "status conditions reason",
    "status conditions message",
];

pub(super) const DAEMON_SET: &[&str] = &[
    "metadata name",
    "metadata namespace",
    "metadata generation",
    "metadata creationTimestamp",
    "spec template spec containers name",
    "spec template spec containers image",
    "status desiredNumberScheduled",
    "status currentNumberScheduled",
    "status numberReady",
    "status numberAvailable",
    "status numberMisscheduled",
    "status updatedNumberScheduled",
    "status observedGeneration",
];

pub(super) const POD: &[&str] = &[
    "metadata name",
    "metadata namespace",
    "metadata creationTimestamp",
    "metadata deletionTimestamp",
    "metadata labels vm.cluster.gke.io/preflight-check",
    "metadata ownerReferences kind",
    "metadata ownerReferences name",
    "spec nodeName",
    "spec containers name",
    "spec containers image",
    "status phase",
    "status reason",
    "status message",
    "status startTime",
    "status conditions type",
    "status conditions status",
    "status conditions reason",
    "status conditions message",
    "status containerStatuses name",
    "status containerStatuses ready",
    "status containerStatuses restartCount",
    "status containerStatuses state",
    "status containerStatuses lastState",
];

pub(super) const EVENT: &[&str] = &[
    "metadata creationTimestamp",
    "type",
    "reason",
    "message",
    "count",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "reportingComponent",
    "source component",
    "involvedObject kind",
    "involvedObject name",
    "involvedObject namespace",
];

pub(super) const ENGINE: &[&str] = &[
    "metadata name",
    "metadata namespace",
    "metadata generation",
    "metadata creationTimestamp",
    "metadata deletionTimestamp",
    "metadata finalizers",
    "metadata labels app.kubernetes.io/managed-by",
    "spec configuration developerConfiguration featureGates",
    "spec configuration developerConfiguration useEmulation",
    "spec uninstallStrategy",
    "status phase",
    "status observedKubeVirtVersion",
    "status targetKubeVirtVersion",
    "status observedVersion",
    "status targetVersion",
    "status operatorVersion",
    "status conditions type",
    "status conditions status",
    "status conditions reason",
    "status conditions message",
];

pub(super) const DEFINITION: &[&str] = &[
    "metadata name",
    "metadata creationTimestamp",
    "metadata deletionTimestamp",
    "spec group",
    "spec versions name",
    "spec versions served",
    "spec versions storage",
    "status storedVersions",
    "status conditions type",
    "status conditions status",
    "status conditions reason",
    "status conditions message",
];

pub(super) const POLICY: &[&str] = &[
    "metadata name",
    "metadata generation",
    "metadata creationTimestamp",
    "metadata labels app.kubernetes.io/managed-by",
    "spec failurePolicy",
    "spec policyName",
    "spec validationActions",
    "spec matchConstraints resourceRules",
    "spec matchResources resourceRules",
    "status observedGeneration",
    "status conditions type",
    "status conditions status",
    "status conditions message",
];

/// What of a value these rows keep.
pub(super) fn only(value: &Value, rows: &[&str]) -> Value {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split(' ').collect()).collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    within(value, &rows)
}

fn within(value: &Value, rows: &[&[&str]]) -> Value {
    // A row that ends here keeps everything below.
    if rows.iter().any(|row| row.is_empty()) {
        return value.clone();
    }
    match value {
        Value::Array(items) => items.iter().map(|item| within(item, rows)).collect(),
        Value::Object(fields) => Value::Object(fields_within(fields, rows)),
        // Where an object was expected there is something else: nobody has said that it may go in.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Value::Null,
    }
}

fn fields_within(fields: &Map<String, Value>, rows: &[&[&str]]) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in fields {
        let below: Vec<&[&str]> = rows
            .iter()
            .filter_map(|row| row.split_first())
            .filter(|(head, _)| match head.strip_suffix('*') {
                Some(prefix) => key.starts_with(prefix),
                None => key == *head,
            })
            .map(|(_, rest)| rest)
            .collect();
        if !below.is_empty() {
            kept.insert(key.clone(), within(value, &below));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_named_is_kept() {
        let node = json!({
            "metadata": {
                "name": "a",
                "labels": {"kubevirt.io/schedulable": "true", "team": "secret", "kubernetes.io/os": "linux"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
                "managedFields": [],
            },
            "spec": {"providerID": "x", "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
            "status": {"addresses": [], "conditions": "what?"},
        });
        assert_eq!(
            only(&node, NODE),
            json!({
                "metadata": {"name": "a", "labels": {"kubevirt.io/schedulable": "true", "kubernetes.io/os": "linux"}},
                "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
                "status": {"conditions": null},
            })
        );
    }

    #[test]
    fn environment_arguments_and_annotations_are_in_no_list() {
        let spec = json!({"containers": [{
            "name": "c", "image": "i", "args": ["--token=x"], "command": ["x"], "env": [{"name": "A", "value": "x"}],
        }]});
        let annotations =
            json!({"kubectl.kubernetes.io/last-applied-configuration": "x", "other": "x"});
        let object = json!({
            "metadata": {"name": "a", "annotations": annotations, "managedFields": "x"},
            "spec": {"containers": spec["containers"], "template": {"spec": spec}, "configuration": {"x": "x"}},
            "data": {"password": "x"},
        });
        for rows in [
            RUNTIME, CHECK, NODE, DEPLOYMENT, POD, EVENT, ENGINE, DEFINITION, POLICY,
        ] {
            let text = only(&object, rows).to_string();
            assert!(!text.contains('x'), "{text}");
        }
    }
}
