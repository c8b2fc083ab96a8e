#![allow(
    clippy::needless_pass_by_value,
    reason = "objects are written where they are used"
)]

mod changes;

use serde_json::{Value, json};

use super::faults;
use crate::kind::{defaults, registry::Registry};

/// The faults as a message lists them; the objects are completed as on their way in.
fn found(group: &str, plural: &str, new: Value, old: Option<Value>) -> Vec<String> {
    let registry = Registry::built_in();
    let resource = registry.find(group, "v1", plural).unwrap();
    let complete = |mut object: Value| {
        defaults::complete(resource, &mut object);
        object
    };
    let old = old.map(complete);
    faults(resource, &complete(new), old.as_ref())
        .iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect()
}

fn pod(spec: Value) -> Vec<String> {
    found(
        "",
        "pods",
        json!({"metadata": {"name": "a"}, "spec": spec}),
        None,
    )
}

#[test]
fn pods() {
    let container = |extra: Value| {
        let mut container = json!({"name": "a", "image": "x"});
        json_patch::merge(&mut container, &extra);
        json!({"containers": [container]})
    };
    assert_eq!(pod(container(json!({}))), [""; 0]);
    for (spec, expected) in [
        (json!({"containers": []}), "spec.containers: Required value"),
        (
            json!({"containers": [{"name": "a"}]}),
            "spec.containers[0].image: Required value",
        ),
        (
            json!({"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]}),
            "spec.containers[1].name: Duplicate value: \"a\"",
        ),
        (
            container(json!({"ports": [{"containerPort": 70000}]})),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            container(json!({"ports": [{"containerPort": 1, "protocol": "tcp"}]})),
            r#"spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP""#,
        ),
        (
            container(json!({"imagePullPolicy": "Sometimes"})),
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#,
        ),
        (
            container(json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]})),
            r#"spec.containers[0].volumeMounts[0].name: Not found: "v""#,
        ),
        (
            container(json!({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}})),
            r#"spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1"#,
        ),
        (
            json!({"containers": [{"name": "a", "image": "x"}], "restartPolicy": "Maybe"}),
            r#"spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never""#,
        ),
    ] {
        assert_eq!(pod(spec.clone()), [expected], "{spec}");
    }
}

#[test]
fn workloads() {
    let deployment = |extra: Value| {
        let mut object = json!({"metadata": {"name": "a"}, "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}},
        }});
        json_patch::merge(&mut object, &extra);
        object
    };
    let check = |extra: Value| found("apps", "deployments", deployment(extra), None);
    assert_eq!(check(json!({})), [""; 0]);
    assert_eq!(
        check(json!({"spec": {"selector": null}})),
        [
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: {\"app\":\"a\"}: `selector` does not match template `labels`"
        ]
    );
    assert_eq!(
        check(json!({"spec": {"replicas": -1}})),
        ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]
    );
    assert_eq!(
        check(json!({"spec": {"template": {"spec": {"restartPolicy": "Never"}}}})),
        [
            r#"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#
        ]
    );
    let other = json!({"spec": {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}});
    assert_eq!(
        found(
            "apps",
            "deployments",
            deployment(other),
            Some(deployment(json!({})))
        ),
        [r#"spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable"#]
    );
}

#[test]
fn others() {
    for (group, plural, object, expected) in [
        (
            "",
            "configmaps",
            json!({"data": {"a b": "x"}}),
            "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or \
             '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        ),
        (
            "",
            "secrets",
            json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}),
            "data[tls.key]: Required value",
        ),
        (
            "",
            "services",
            json!({"spec": {"selector": {"a": "b"}}}),
            "spec.ports: Required value",
        ),
        (
            "",
            "services",
            json!({"spec": {"type": "Odd", "ports": [{"port": 80}]}}),
            r#"spec.type: Unsupported value: "Odd": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort""#,
        ),
        (
            "",
            "persistentvolumeclaims",
            json!({"spec": {"resources": {"requests": {"storage": "1Gi"}}}}),
            "spec.accessModes: Required value: at least 1 access mode is required",
        ),
        (
            "",
            "events",
            json!({"metadata": {"namespace": "a"}, "involvedObject": {"namespace": "b"}}),
            r#"involvedObject.namespace: Invalid value: "b": does not match event.namespace"#,
        ),
        (
            "flowcontrol.apiserver.k8s.io",
            "flowschemas",
            json!({"spec": {"matchingPrecedence": 10001, "priorityLevelConfiguration": {"name": "p"}}}),
            "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
        ),
        (
            "flowcontrol.apiserver.k8s.io",
            "flowschemas",
            json!({"spec": {"matchingPrecedence": 2, "priorityLevelConfiguration": {"name": "p"}, "rules": [
                {"subjects": [{"kind": "User"}]},
            ]}}),
            "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
        ),
        (
            "flowcontrol.apiserver.k8s.io",
            "prioritylevelconfigurations",
            json!({"spec": {"type": "Limited"}}),
            "spec.limited: Required value: must not be empty when type is Limited",
        ),
        (
            "coordination.k8s.io",
            "leases",
            json!({"spec": {"leaseDurationSeconds": 0}}),
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        ),
        (
            "rbac.authorization.k8s.io",
            "roles",
            json!({"rules": [{"verbs": ["get"], "resources": ["pods"]}]}),
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        ),
        (
            "rbac.authorization.k8s.io",
            "clusterrolebindings",
            json!({"roleRef": {"kind": "Role", "name": "a"}}),
            r#"roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole""#,
        ),
        (
            "admissionregistration.k8s.io",
            "validatingadmissionpolicybindings",
            json!({"spec": {"policyName": "a", "validationActions": ["Stop"]}}),
            r#"spec.validationActions[0]: Unsupported value: "Stop": supported values: "Audit", "Deny", "Warn""#,
        ),
        (
            "storage.k8s.io",
            "storageclasses",
            json!({}),
            "provisioner: Required value",
        ),
    ] {
        assert_eq!(
            found(group, plural, object.clone(), None),
            [expected],
            "{object}"
        );
    }
}
