//! What to apply to install the controller: definitions, namespace, identity and rights, Deployment. Pure data; printed
//! by `bmctl controller manifests`. The VMRuntime object and the admission policies are made by the controller itself,
//! because they need the definitions to be established first.

use serde_json::{Value, json};

use crate::api::{WorkloadKind, WorkloadRole, crd, engine, name, workload::removal_order};

/// An unprivileged user; the image has no users of its own.
const NOBODY: i64 = 65532;

/// The objects, in the order in which they are to be applied.
#[must_use]
pub fn manifests(image: &str) -> Vec<Value> {
    let mut objects: Vec<Value> = crd::runtime_definitions()
        .iter()
        .map(|definition| serde_json::to_value(definition).expect("definitions are plain data"))
        .collect();
    objects.extend([
        namespace(),
        service_account(),
        cluster_role(),
        cluster_role_binding(),
        role(),
        role_binding(),
        deployment(image),
    ]);
    objects
}

fn labels() -> Value {
    json!({"app": name::CONTROLLER_DEPLOYMENT})
}

/// Probe pods and controller pass the strictest Pod security level.
fn namespace() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name::SYSTEM_NAMESPACE,
            "labels": {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
    })
}

fn service_account() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name::CONTROLLER_DEPLOYMENT, "namespace": name::SYSTEM_NAMESPACE},
    })
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn cluster_role() -> Value {
    const READ: [&str; 3] = ["get", "list", "watch"];
    const OWN: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];
    let mut rules = vec![
        rule(
            name::GROUP,
            &["vmruntimes"],
            &["get", "list", "watch", "create"],
        ),
        rule(
            name::GROUP,
            &["vmruntimes/status", "vmruntimepreflightchecks/status"],
            &["patch"],
        ),
        rule(
            name::GROUP,
            &["vmruntimepreflightchecks"],
            &["get", "list", "watch", "create", "patch", "delete"],
        ),
        rule("", &["nodes", "pods"], &READ),
        rule("", &["namespaces"], &["get", "create"]),
        rule("", &["persistentvolumeclaims"], &["list"]),
        rule("apps", &["deployments"], &READ),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
        rule(
            "apiextensions.k8s.io",
            &["customresourcedefinitions"],
            &READ,
        ),
        rule(
            "admissionregistration.k8s.io",
            &[
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
            ],
            &OWN,
        ),
        rule(engine::KUBEVIRT_GROUP, &["kubevirts"], &OWN),
        rule(engine::CDI_GROUP, &["cdis"], &OWN),
    ];
    rules.extend(removal_order().map(workload_rule));
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name::CONTROLLER_DEPLOYMENT},
        "rules": rules,
    })
}

/// VMs are created as a dry run only: the proof that creation is closed.
fn workload_rule(kind: &WorkloadKind) -> Value {
    let verbs: &[&str] = match kind.role {
        WorkloadRole::Machine => &["get", "list", "watch", "delete", "create"],
        WorkloadRole::Disk | WorkloadRole::Migration => &["get", "list", "watch", "delete"],
    };
    rule(kind.group, &[kind.plural], verbs)
}

fn cluster_role_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name::CONTROLLER_DEPLOYMENT},
        "roleRef": role_reference("ClusterRole"),
        "subjects": [subject()],
    })
}

/// Pods are made in the system namespace only.
fn role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name::CONTROLLER_DEPLOYMENT, "namespace": name::SYSTEM_NAMESPACE},
        "rules": [rule("", &["pods"], &["create", "delete"])],
    })
}

fn role_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name::CONTROLLER_DEPLOYMENT, "namespace": name::SYSTEM_NAMESPACE},
        "roleRef": role_reference("Role"),
        "subjects": [subject()],
    })
}

fn role_reference(kind: &str) -> Value {
    json!({
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": kind,
        "name": name::CONTROLLER_DEPLOYMENT,
    })
}

fn subject() -> Value {
    json!({
        "kind": "ServiceAccount",
        "name": name::CONTROLLER_DEPLOYMENT,
        "namespace": name::SYSTEM_NAMESPACE,
    })
}

/// One replica, and never two at once: there is no leader election yet.
fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name::CONTROLLER_DEPLOYMENT,
            "namespace": name::SYSTEM_NAMESPACE,
            "labels": labels(),
        },
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels()},
            "template": {
                "metadata": {"labels": labels()},
                "spec": {
                    "serviceAccountName": name::CONTROLLER_DEPLOYMENT,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": NOBODY,
                        "runAsGroup": NOBODY,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [{
                        "name": "manager",
                        "image": image,
                        "args": ["controller", "run", "--image", image],
                        "resources": {
                            "requests": {"cpu": "50m", "memory": "64Mi"},
                            "limits": {"memory": "512Mi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "readOnlyRootFilesystem": true,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_needed_and_no_kind_that_only_the_sandbox_brings() {
        let objects = manifests("bmctl:1");
        let kinds: Vec<&str> = objects
            .iter()
            .map(|object| object["kind"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "CustomResourceDefinition",
                "CustomResourceDefinition",
                "Namespace",
                "ServiceAccount",
                "ClusterRole",
                "ClusterRoleBinding",
                "Role",
                "RoleBinding",
                "Deployment",
            ]
        );
        for object in &objects {
            assert!(object["apiVersion"].is_string(), "{object}");
        }
    }

    #[test]
    fn the_controller_may_not_do_everything() {
        let text = json!(manifests("bmctl:1")).to_string();
        for forbidden in ["\"*\"", "escalate", "\"bind\"", "secrets"] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
    }
}
