//! What a cluster of the product has before anybody enables VM Runtime: the kinds, the controller's Deployment, and the
//! VMRuntime object, disabled.

use serde_json::{Value, json};

use super::{Release, schema};
use crate::api::{
    crd,
    name::{CONTROLLER_DEPLOYMENT, FORCE_DISABLE, GROUP, SYSTEM_NAMESPACE, VERSION, VMRUNTIME},
};

/// What blocks VM creation until a preflight check has passed. Google's own way is not published: the API server of the
/// sandbox calls no webhooks, so it is a policy here.
const GATE: &str = "vm-creation.vmruntime.vm.cluster.gke.io";

/// The objects, in the order in which they are to be created. The last one, the VMRuntime, needs its definition to be
/// served.
///
/// # Errors
/// None in practice: the definitions are plain data.
pub fn installation(release: &Release) -> serde_json::Result<Vec<Value>> {
    let mut objects = vec![schema::vmruntime(release), schema::preflight_check()];
    for definition in crd::machine_definitions() {
        objects.push(serde_json::to_value(definition)?);
    }
    objects.push(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}}),
    );
    objects.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata()}));
    objects.push(deployment(release));
    if release.summary {
        objects.extend(gate());
    }
    objects.push(vmruntime());
    Ok(objects)
}

/// The object as it is shipped.
fn vmruntime() -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "VMRuntime",
        "metadata": {"name": VMRUNTIME, "annotations": {FORCE_DISABLE: "false"}},
        "spec": {"enabled": false},
    })
}

fn metadata() -> Value {
    json!({
        "name": CONTROLLER_DEPLOYMENT, "namespace": SYSTEM_NAMESPACE,
        "labels": {"app": CONTROLLER_DEPLOYMENT},
    })
}

fn deployment(release: &Release) -> Value {
    let labels = json!({"app": CONTROLLER_DEPLOYMENT});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": metadata(),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": CONTROLLER_DEPLOYMENT,
                    "containers": [{
                        "name": "manager",
                        "image": format!("{CONTROLLER_DEPLOYMENT}:{}", release.name),
                    }],
                },
            },
        },
    })
}

fn gate() -> [Value; 2] {
    let api = "admissionregistration.k8s.io/v1";
    let rule = |group: &str| {
        json!({
            "apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE"],
            "resources": ["virtualmachines"],
        })
    };
    let passed = "has(params.status) && has(params.status.preflightCheckSummary) \
        && has(params.status.preflightCheckSummary.preflightCheckPassed) \
        && params.status.preflightCheckSummary.preflightCheckPassed";
    [
        json!({
            "apiVersion": api, "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": GATE},
            "spec": {
                "failurePolicy": "Fail",
                "paramKind": {"apiVersion": format!("{GROUP}/{VERSION}"), "kind": "VMRuntime"},
                "matchConstraints": {"resourceRules": [rule(GROUP), rule("kubevirt.io")]},
                "validations": [{
                    "expression": passed, "reason": "Forbidden",
                    "message": "VM creation is blocked: the latest VM Runtime preflight check has not passed",
                }],
            },
        }),
        json!({
            "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": GATE},
            "spec": {
                "policyName": GATE,
                "paramRef": {"name": VMRUNTIME, "parameterNotFoundAction": "Deny"},
                "validationActions": ["Deny"],
            },
        }),
    ]
}
