//! Sketches of the built-in kinds' schemas: which of their lists are maps and sets, and which maps are one value.
//!
//! Server-side apply and `managedFields` need this much to speak of `k:{"type":"Ready"}` and not of a whole list. The
//! merge keys are those of `k8s.io/api` (`+listType`, `+listMapKey`). What is not sketched is merged member by member,
//! and lists are replaced whole. `patch::strategic` has its own table, because strategic merge patch has its own keys.

use serde_json::{Value, json};

use super::schema::Schema;

/// The sketch of a kind.
pub fn of(group: &str, kind: &str) -> Option<Schema> {
    let fields = match (group, kind) {
        ("", "Pod") => json!({"spec": pod_spec(), "status": pod_status()}),
        ("", "Node") => json!({
            "spec": object(&json!({"taints": atomic_list(), "podCIDRs": set()})),
            "status": object(&json!({
                "conditions": conditions(), "addresses": list_by(&["type"], &json!({})),
                "images": atomic_list(),
            })),
        }),
        ("", "Event") => {
            json!({"involvedObject": atomic_map(), "related": atomic_map(), "source": object(&json!({}))})
        }
        ("events.k8s.io", "Event") => json!({"regarding": atomic_map(), "related": atomic_map()}),
        ("", "Service") => json!({
            "spec": object(&json!({
                "ports": list_by(&["port", "protocol"], &json!({})), "selector": atomic_map(),
                "clusterIPs": atomic_list(), "ipFamilies": atomic_list(),
            })),
            "status": with_conditions(),
        }),
        ("", "ServiceAccount") => json!({
            "secrets": list_by(&["name"], &json!({})), "imagePullSecrets": list_by(&["name"], &json!({})),
        }),
        ("", "Namespace" | "PersistentVolumeClaim")
        | ("policy", "PodDisruptionBudget")
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            json!({"status": with_conditions()})
        }
        ("apps", "Deployment" | "DaemonSet" | "ReplicaSet") => json!({
            "spec": object(&json!({
                "selector": atomic_map(),
                "template": object(&json!({"spec": pod_spec()})),
            })),
            "status": with_conditions(),
        }),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => json!({
            "spec": object(&json!({
                "variables": list_by(&["name"], &json!({})),
                "matchConditions": list_by(&["name"], &json!({})),
                "validations": atomic_list(), "auditAnnotations": atomic_list(),
            })),
            "status": with_conditions(),
        }),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => json!({
            "spec": object(&json!({"validationActions": set(), "paramRef": atomic_map()})),
        }),
        _ => json!({}),
    };
    Schema::sketch(object(&fields)).ok()
}

fn object(properties: &Value) -> Value {
    json!({
        "type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": true,
    })
}

fn list_by(keys: &[&str], item: &Value) -> Value {
    json!({
        "type": "array", "items": object(item),
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys,
    })
}

fn set() -> Value {
    json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"})
}

fn atomic_list() -> Value {
    json!({
        "type": "array", "items": {"x-kubernetes-preserve-unknown-fields": true},
        "x-kubernetes-list-type": "atomic",
    })
}

fn atomic_map() -> Value {
    json!({
        "type": "object", "x-kubernetes-map-type": "atomic",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

fn conditions() -> Value {
    list_by(&["type"], &json!({}))
}

fn with_conditions() -> Value {
    object(&json!({"conditions": conditions()}))
}

fn pod_spec() -> Value {
    let container = json!({
        "env": list_by(&["name"], &json!({})), "envFrom": atomic_list(),
        "ports": list_by(&["containerPort", "protocol"], &json!({})),
        "volumeMounts": list_by(&["mountPath"], &json!({})),
        "volumeDevices": list_by(&["devicePath"], &json!({})),
        "command": atomic_list(), "args": atomic_list(),
    });
    object(&json!({
        "containers": list_by(&["name"], &container),
        "initContainers": list_by(&["name"], &container),
        "ephemeralContainers": list_by(&["name"], &container),
        "volumes": list_by(&["name"], &json!({})),
        "imagePullSecrets": list_by(&["name"], &json!({})),
        "hostAliases": list_by(&["ip"], &json!({})),
        "topologySpreadConstraints": list_by(&["topologyKey", "whenUnsatisfiable"], &json!({})),
        "tolerations": atomic_list(), "nodeSelector": atomic_map(),
    }))
}

fn pod_status() -> Value {
    object(&json!({
        "conditions": conditions(), "podIPs": list_by(&["ip"], &json!({})),
        "hostIPs": atomic_list(), "containerStatuses": atomic_list(),
        "initContainerStatuses": atomic_list(), "ephemeralContainerStatuses": atomic_list(),
    }))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::registry::Registry;

    #[test]
    fn every_stored_kind_has_a_sketch() {
        for resource in Registry::built_in().all() {
            let sketch = super::of(&resource.group, &resource.kind);
            assert!(
                sketch.is_some_and(|sketch| sketch.is_sketch()),
                "{}",
                resource.kind
            );
        }
    }
}
