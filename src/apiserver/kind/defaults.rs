//! What the API server fills into built-in objects that leave it out (`pkg/apis/**/defaults.go`), as far as clients and
//! the machinery look at it.

mod pod;
pub mod workload;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{definition, registration, resource::ResourceType, view};
use crate::object::metadata::text;

/// Fills in the fields of a built-in object that have a fixed default, on every write.
pub fn complete(resource: &ResourceType, object: &mut Value) {
    if resource.custom {
        return;
    }
    times(resource, object);
    match resource.storage_key() {
        ("", "namespaces") => namespace(object),
        ("", "pods") => {
            at(object, "/spec", |spec| {
                pod::spec(spec);
                // Of pods alone, not of templates.
                default(spec, "enableServiceLinks", true);
            });
        }
        ("", "services") => at(object, "/spec", service),
        ("", "secrets") => secret(object),
        ("", "persistentvolumeclaims") => default(&mut object["spec"], "volumeMode", "Filesystem"),
        ("", "endpoints") => {
            for subset in items(object, "subsets") {
                for port in items(subset, "ports") {
                    default(port, "protocol", "TCP");
                }
            }
        }
        ("", "persistentvolumes") => {
            at(object, "/spec/hostPath", |path| default(path, "type", ""));
            default(&mut object["spec"], "volumeMode", "Filesystem");
            default(
                &mut object["spec"],
                "persistentVolumeReclaimPolicy",
                "Retain",
            );
        }
        ("apps", "deployments") => at(object, "/spec", workload::deployment),
        ("apps", "daemonsets") => {
            at(object, "/spec", workload::daemon_set);
            let annotations = &mut object["metadata"]["annotations"];
            default(annotations, workload::TEMPLATE_GENERATION, "1");
        }
        ("apps", "replicasets") => at(object, "/spec", workload::replica_set),
        ("", "replicationcontrollers") => workload::replication_controller(object),
        ("", "podtemplates") => workload::template(object),
        ("autoscaling", _) => {
            view::default_metrics(object);
            at(object, "/spec", |spec| default(spec, "minReplicas", 1));
        }
        ("batch", "jobs") => at(object, "/spec", workload::job),
        ("discovery.k8s.io", _) => endpoint_slice(object),
        ("storage.k8s.io", "csinodes") => at(object, "/spec", |spec| {
            for driver in items(spec, "drivers") {
                default(driver, "topologyKeys", Value::Null);
            }
        }),
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition::default(object),
        ("rbac.authorization.k8s.io", "clusterrolebindings" | "rolebindings") => binding(object),
        // A list that Go writes even where there is nothing in it.
        ("rbac.authorization.k8s.io", _) => default(object, "rules", Value::Null),
        (
            "admissionregistration.k8s.io",
            plural @ ("mutatingwebhookconfigurations" | "validatingwebhookconfigurations"),
        ) => {
            for webhook in items(object, "webhooks") {
                self::webhook(webhook, plural.starts_with("mutating"));
            }
        }
        ("apiregistration.k8s.io", "apiservices") => {
            at(object, "/spec/service", |service| {
                default(service, "port", 443);
            });
        }
        (
            "admissionregistration.k8s.io",
            "mutatingadmissionpolicies" | "validatingadmissionpolicies",
        ) => {
            default(&mut object["spec"], "failurePolicy", "Fail");
            at(object, "/spec/matchConstraints", constraints);
        }
        (
            "admissionregistration.k8s.io",
            "mutatingadmissionpolicybindings" | "validatingadmissionpolicybindings",
        ) => {
            at(object, "/spec/matchResources", constraints);
        }
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => {
            default_zero(&mut object["spec"], "matchingPrecedence", 1000);
        }
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => priority_level(object),
        ("scheduling.k8s.io", "priorityclasses") => {
            default(object, "preemptionPolicy", "PreemptLowerPriority");
        }
        ("storage.k8s.io", "storageclasses") => {
            default(object, "reclaimPolicy", "Delete");
            default(object, "volumeBindingMode", "Immediate");
        }
        _ => {}
    }
}

/// What only a new object gets: first states, and what the API server's own admission adds.
pub fn complete_new(resource: &ResourceType, object: &mut Value) {
    match resource.storage_key() {
        ("", "namespaces") => {
            object["spec"]["finalizers"] = json!(["kubernetes"]);
            object["status"] = json!({"phase": "Active"});
        }
        ("", "nodes") => node(object),
        ("", "pods") => pod::new(object),
        ("", "persistentvolumeclaims") => object["status"] = json!({"phase": "Pending"}),
        ("", "persistentvolumes") => {
            let now = object["metadata"]["creationTimestamp"].clone();
            object["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
        }
        ("", "services") => {
            object["status"] = json!({"loadBalancer": {}});
            address(object);
        }
        ("", "events") => view::default_event(object),
        ("apiregistration.k8s.io", "apiservices") => {
            object["status"] = registration::fresh_status(object);
        }
        ("autoscaling", _) => view::new_autoscaler(object),
        ("policy", "poddisruptionbudgets") => {
            object["status"] = json!({
                "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
            });
        }
        ("batch", "jobs") => workload::select_own(object),
        ("networking.k8s.io", "ingresses") => object["status"] = json!({"loadBalancer": {}}),
        ("apps", "daemonsets") => {
            object["status"] = json!({
                "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0,
            });
        }
        ("", "replicationcontrollers") | ("apps", "replicasets") => {
            object["status"] = json!({"replicas": 0});
        }
        _ => {}
    }
}

/// Does something to a part of the object, where it is there.
fn at(object: &mut Value, pointer: &str, act: impl FnOnce(&mut Value)) {
    if let Some(part) = object.pointer_mut(pointer).filter(|part| part.is_object()) {
        act(part);
    }
}

/// The items of a list, where it is there.
fn items<'a>(object: &'a mut Value, field: &str) -> impl Iterator<Item = &'a mut Value> {
    object
        .get_mut(field)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter(|item| item.is_object())
}

fn default(object: &mut Value, field: &str, value: impl Into<Value>) {
    if (object.is_object() || object.is_null()) && object[field].is_null() {
        object[field] = value.into();
    }
}

/// The same of a field that is no pointer in Go: zero is as good as nothing.
fn default_zero(object: &mut Value, field: &str, value: impl Into<Value>) {
    if object[field] == 0 || object[field] == "" {
        object[field] = Value::Null;
    }
    default(object, field, value);
}

/// The times of conditions are there even when nobody set them.
fn times(resource: &ResourceType, object: &mut Value) {
    let fields: &[&str] = match resource.storage_key() {
        ("", "pods" | "persistentvolumeclaims") | ("batch", "jobs") => {
            &["lastProbeTime", "lastTransitionTime"]
        }
        ("", "nodes") => &["lastHeartbeatTime", "lastTransitionTime"],
        ("apps", "deployments") => &["lastTransitionTime", "lastUpdateTime"],
        ("", "namespaces" | "replicationcontrollers")
        | ("apps", "daemonsets" | "replicasets")
        | ("autoscaling", _) => &["lastTransitionTime"],
        _ => return,
    };
    at(object, "/status", |status| {
        for condition in items(status, "conditions") {
            for field in fields {
                default(condition, field, Value::Null);
            }
        }
    });
}

/// `stringData` is only a way to write `data`.
fn secret(object: &mut Value) {
    default(object, "type", "Opaque");
    let given = object
        .as_object_mut()
        .and_then(|fields| fields.remove("stringData"));
    for (key, text) in given
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let text = text.as_str().unwrap_or_default();
        object["data"][key] = STANDARD.encode(text).into();
    }
}

fn namespace(object: &mut Value) {
    let name = text(&object["metadata"], "name").to_owned();
    if !name.is_empty() {
        object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name.into();
    }
}

/// A node is not ready until its kubelet says so (admission plugin TaintNodesByCondition).
fn node(object: &mut Value) {
    const NOT_READY: &str = "node.kubernetes.io/not-ready";
    if !object["spec"]["taints"].is_array() {
        object["spec"]["taints"] = json!([]);
    }
    if let Some(taints) = object["spec"]["taints"].as_array_mut()
        && !taints.iter().any(|taint| taint["key"] == NOT_READY)
    {
        taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
    }
    default(
        &mut object["status"],
        "daemonEndpoints",
        json!({"kubeletEndpoint": {"Port": 0}}),
    );
    for field in [
        "machineID",
        "systemUUID",
        "bootID",
        "kernelVersion",
        "osImage",
        "containerRuntimeVersion",
        "kubeletVersion",
        "kubeProxyVersion",
        "operatingSystem",
        "architecture",
    ] {
        default(&mut object["status"]["nodeInfo"], field, "");
    }
}

fn webhook(webhook: &mut Value, mutates: bool) {
    constraints(webhook);
    default(webhook, "failurePolicy", "Fail");
    default(webhook, "timeoutSeconds", 10);
    if mutates {
        default(webhook, "reinvocationPolicy", "Never");
    }
    for rule in items(webhook, "rules") {
        default(rule, "scope", "*");
    }
    at(webhook, "/clientConfig/service", |service| {
        default(service, "port", 443);
    });
}

fn endpoint_slice(slice: &mut Value) {
    for endpoint in items(slice, "endpoints") {
        default(endpoint, "conditions", json!({}));
    }
    for port in items(slice, "ports") {
        default(port, "name", "");
        default(port, "protocol", "TCP");
    }
}

fn service(spec: &mut Value) {
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["type"] != "ExternalName" {
        default(spec, "internalTrafficPolicy", "Cluster");
    }
    for port in items(spec, "ports") {
        default(port, "protocol", "TCP");
        let target = port["port"].clone();
        default_zero(port, "targetPort", target);
    }
}

/// An address in the cluster, for a service that wants one and did not choose it. It is made from the uid, so that it
/// need not be looked for; nobody routes to it.
fn address(object: &mut Value) {
    let seed = text(&object["metadata"], "uid").bytes();
    let seed = seed.fold(7_u32, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    });
    let spec = &mut object["spec"];
    if text(spec, "type") == "ExternalName" || !spec.is_object() {
        return;
    }
    let [_, low, middle, high] = seed.to_le_bytes();
    let free = format!("10.{}.{middle}.{}", 96 + high % 16, 1 + low % 254);
    default(spec, "clusterIP", free);
    let address = spec["clusterIP"].clone();
    default(spec, "clusterIPs", json!([address]));
    default(spec, "ipFamilies", json!(["IPv4"]));
    default(spec, "ipFamilyPolicy", "SingleStack");
}

fn priority_level(object: &mut Value) {
    for (kind, shares) in [("exempt", 0), ("limited", 30)] {
        at(object, &format!("/spec/{kind}"), |level| {
            default(level, "nominalConcurrencyShares", shares);
            default(level, "lendablePercent", 0);
        });
    }
    at(object, "/spec/limited/limitResponse/queuing", |queuing| {
        for (field, value) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)] {
            default_zero(queuing, field, value);
        }
    });
}

fn binding(object: &mut Value) {
    const RBAC: &str = "rbac.authorization.k8s.io";
    default_zero(&mut object["roleRef"], "apiGroup", RBAC);
    for subject in items(object, "subjects") {
        if subject["kind"] == "User" || subject["kind"] == "Group" {
            default_zero(subject, "apiGroup", RBAC);
        }
    }
}

/// `matchConstraints` and `matchResources` of admission policies.
fn constraints(constraints: &mut Value) {
    default(constraints, "matchPolicy", "Equivalent");
    default(constraints, "namespaceSelector", json!({}));
    default(constraints, "objectSelector", json!({}));
    for list in ["resourceRules", "excludeResourceRules"] {
        for rule in items(constraints, list) {
            default(rule, "scope", "*");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::registry::Registry;

    #[test]
    fn a_namespace_is_labelled_with_its_name() {
        let registry = Registry::built_in();
        let mut object = json!({"metadata": {"name": "a"}});
        complete(registry.find("", "v1", "namespaces").unwrap(), &mut object);
        assert_eq!(
            object["metadata"]["labels"]["kubernetes.io/metadata.name"],
            "a"
        );
    }

    #[test]
    fn a_target_port_of_zero_is_none() {
        let registry = Registry::built_in();
        let mut object = json!({"spec": {"ports": [{"port": 80, "targetPort": 0}, {"port": 81, "targetPort": "x"}]}});
        complete(registry.find("", "v1", "services").unwrap(), &mut object);
        assert_eq!(object["spec"]["ports"][0]["targetPort"], 80);
        assert_eq!(object["spec"]["ports"][1]["targetPort"], "x");
    }

    #[test]
    fn a_binding_names_the_group_of_its_role() {
        let registry = Registry::built_in();
        let bindings = registry.find("rbac.authorization.k8s.io", "v1", "rolebindings");
        // As clients in Go write it where nobody has named the group.
        let mut object = json!({"roleRef": {"apiGroup": "", "kind": "Role", "name": "r"}});
        complete(bindings.unwrap(), &mut object);
        assert_eq!(object["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    }

    #[test]
    fn a_priority_level_has_shares_and_queues() {
        let registry = Registry::built_in();
        let level = registry.find(
            "flowcontrol.apiserver.k8s.io",
            "v1",
            "prioritylevelconfigurations",
        );
        let mut object = json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {"queues": 0, "handSize": 2}}}}});
        complete(level.unwrap(), &mut object);
        assert_eq!(
            object["spec"]["limited"],
            json!({
                "nominalConcurrencyShares": 30, "lendablePercent": 0,
                "limitResponse": {"type": "Queue", "queuing": {"queues": 64, "handSize": 2, "queueLengthLimit": 50}},
            })
        );
    }
}
