//! What a cluster has before the first run: the kinds of GDC, KubeVirt and CDI, and KubeVirt's protection of machines.

use bmctl::api::crd;
use serde_json::{Value, json};

use super::people::{DV, POOL, PROTECTION, VM, VMI};

/// Where each is posted.
pub fn objects() -> Vec<(&'static str, Value)> {
    const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let ours = crd::runtime_definitions()
        .into_iter()
        .chain(crd::machine_definitions())
        .map(|definition| serde_json::to_value(definition).unwrap());
    let theirs = [POOL, VM, VMI, DV].map(|(group, plural, kind)| {
        let (group, version) = group.split_once('/').unwrap();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
                "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
            },
        })
    });
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vm-system"}});
    let definitions = ours
        .chain(theirs)
        .map(|definition| (DEFINITIONS, definition));
    definitions
        .chain([("/api/v1/namespaces", namespace)])
        .chain(protection())
        .collect()
}

/// What KubeVirt installs to keep machines from being deleted that somebody has protected.
fn protection() -> [(&'static str, Value); 2] {
    const NAME: &str = "kubevirt-vm-delete-protection";
    let protected =
        format!("has(oldObject.metadata.labels) && '{PROTECTION}' in oldObject.metadata.labels");
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": NAME},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["kubevirt.io"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["virtualmachines"],
            }]},
            "validations": [{"expression": format!("!({protected})"), "message": "it is protected from deletion"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    });
    [
        (
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
            policy,
        ),
        (
            "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
            binding,
        ),
    ]
}
