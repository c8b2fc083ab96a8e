//! What the operators install: light definitions of their kinds, and their components. Pure builders.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::{
    builder::known,
    cluster_state::{Object, Read as _},
    kind::{Kind, VIRT_VALIDATOR},
};
use crate::api::engine::{COMPONENT_LABEL, VIRT_HANDLER};

/// KubeVirt's components that are Deployments.
pub const VIRT_DEPLOYMENTS: [&str; 2] = ["virt-api", "virt-controller"];
/// CDI's components.
pub const CDI_DEPLOYMENTS: [&str; 3] = ["cdi-apiserver", "cdi-deployment", "cdi-uploadproxy"];
/// What installs them.
pub const CDI_OPERATOR: &str = "cdi-operator";
/// KubeVirt's kinds that virt-operator defines. Nothing is migrated here; that the kind is there matters to clients.
pub const VIRT_KINDS: [Kind; 5] = [
    Kind::VirtualMachine,
    Kind::Instance,
    Kind::InstanceReplicaSet,
    Kind::Pool,
    Kind::Migration,
];
/// What virt-api validates with.
pub const VIRT_VALIDATION: [Kind; 2] = [Kind::AdmissionPolicy, Kind::AdmissionBinding];

/// Is it a Deployment of KubeVirt or CDI, an operator's or one that an operator made?
pub fn is_component(deployment: &Object) -> bool {
    deployment.label(COMPONENT_LABEL).is_some()
        || deployment.name() == CDI_OPERATOR
        || CDI_DEPLOYMENTS.contains(&deployment.name())
}

/// A definition whose schema keeps everything: the kind's real schema is KubeVirt's own affair.
pub fn definition(kind: Kind, owners: Option<Value>) -> DynamicObject {
    let (short_names, columns) = appearance(kind);
    let (_, version) = kind.api_version().split_once('/').map_or_else(
        || (String::new(), kind.api_version()),
        |(group, version)| (group.to_owned(), version.to_owned()),
    );
    let columns: Vec<Value> = columns
        .iter()
        .map(|(name, kind, path)| json!({"name": name, "type": kind, "jsonPath": path}))
        .collect();
    let mut subresources = json!({"status": {}});
    if matches!(kind, Kind::InstanceReplicaSet | Kind::Pool) {
        subresources["scale"] = json!({
            "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
        });
    }
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    known(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{}.{}", kind.plural(), kind.group()),
            "ownerReferences": owners.unwrap_or_else(|| json!([])),
        },
        "spec": {
            "group": kind.group(), "scope": "Namespaced",
            "names": {
                "kind": kind.name(), "listKind": format!("{}List", kind.name()),
                "plural": kind.plural(), "singular": kind.name().to_lowercase(),
                "shortNames": short_names, "categories": ["all"],
            },
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "required": ["spec"],
                    "properties": {"spec": anything, "status": anything},
                }},
                "subresources": subresources, "additionalPrinterColumns": columns,
            }],
        },
    }))
}

type Columns = &'static [(&'static str, &'static str, &'static str)];

/// Short names and columns, as KubeVirt and CDI give them.
fn appearance(kind: Kind) -> (&'static [&'static str], Columns) {
    const AGE: (&str, &str, &str) = ("Age", "date", ".metadata.creationTimestamp");
    match kind {
        Kind::VirtualMachine => (
            &["vm", "vms"],
            &[
                AGE,
                ("Status", "string", ".status.printableStatus"),
                (
                    "Ready",
                    "string",
                    ".status.conditions[?(@.type=='Ready')].status",
                ),
            ],
        ),
        Kind::Instance => (
            &["vmi", "vmis"],
            &[
                AGE,
                ("Phase", "string", ".status.phase"),
                ("IP", "string", ".status.interfaces[0].ipAddress"),
                ("NodeName", "string", ".status.nodeName"),
                (
                    "Ready",
                    "string",
                    ".status.conditions[?(@.type=='Ready')].status",
                ),
            ],
        ),
        Kind::InstanceReplicaSet => (
            &["vmirs", "vmirss"],
            &[
                ("Desired", "integer", ".spec.replicas"),
                ("Current", "integer", ".status.replicas"),
                ("Ready", "integer", ".status.readyReplicas"),
                AGE,
            ],
        ),
        Kind::Pool => (
            &["vmpool", "vmpools"],
            &[
                ("Desired", "integer", ".spec.replicas"),
                ("Current", "integer", ".status.replicas"),
                ("Ready", "integer", ".status.readyReplicas"),
                AGE,
            ],
        ),
        Kind::Migration => (
            &["vmim", "vmims"],
            &[
                ("Phase", "string", ".status.phase"),
                ("VMI", "string", ".spec.vmiName"),
            ],
        ),
        Kind::DataVolume => (
            &["dv", "dvs"],
            &[
                ("Phase", "string", ".status.phase"),
                ("Progress", "string", ".status.progress"),
                ("Restarts", "integer", ".status.restartCount"),
                AGE,
            ],
        ),
        Kind::Namespace
        | Kind::ServiceAccount
        | Kind::RootCertificate
        | Kind::ReplicationController
        | Kind::Node
        | Kind::Pod
        | Kind::PersistentVolumeClaim
        | Kind::Deployment
        | Kind::ReplicaSet
        | Kind::DaemonSet
        | Kind::DisruptionBudget
        | Kind::Definition
        | Kind::AdmissionPolicy
        | Kind::AdmissionBinding
        | Kind::KubeVirt
        | Kind::Cdi
        | Kind::ProductMachine
        | Kind::ProductDisk
        | Kind::Runtime
        | Kind::PreflightCheck
        | Kind::ClusterRole => (&[], &[AGE]),
    }
}

/// What KubeVirt's webhook refuses, as a policy and its binding: some labels only KubeVirt's own components may give
/// (pkg/virt-api/webhooks/validating-webhook/admitters/vmi-create-admitter.go).
pub fn virt_validator(kind: Kind, namespace: &str) -> DynamicObject {
    let spec = if kind == Kind::AdmissionBinding {
        json!({"policyName": VIRT_VALIDATOR, "validationActions": ["Deny"]})
    } else {
        let components = format!("system:serviceaccount:{namespace}:kubevirt-");
        let instance = Kind::Instance;
        json!({
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [instance.group()], "apiVersions": ["*"],
                "resources": [instance.plural()], "operations": ["CREATE"],
            }]},
            "matchConditions": [{
                "name": "not-by-kubevirt",
                "expression": format!("!request.userInfo.username.startsWith('{components}')"),
            }],
            "validations": [{
                "expression": "!has(object.metadata.labels) || !object.metadata.labels.exists(label, label in [\
                    'kubevirt.io/created-by', 'kubevirt.io/install-strategy', 'kubevirt.io/migrationJobUID', \
                    'kubevirt.io/migrationTargetNodeName', 'kubevirt.io/nodeName', 'kubevirt.io/schedulable'])",
                "message": "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited",
            }],
        })
    };
    let mut object = known(json!({
        "apiVersion": kind.api_version(), "kind": kind.name(), "metadata": {"name": VIRT_VALIDATOR},
    }));
    object.data["spec"] = spec;
    object
}

/// virt-api and virt-controller. Without a placement of their own they want a control plane node, as the real ones.
pub fn virt_deployment(name: &str, kubevirt: &Object, version: &str) -> DynamicObject {
    let replicas = kubevirt
        .value("/spec/infra/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(2);
    let placement = kubevirt
        .value("/spec/infra/nodePlacement")
        .cloned()
        .unwrap_or_else(on_control_plane);
    let labels = json!({COMPONENT_LABEL: name});
    let image = format!("quay.io/kubevirt/{name}:{version}");
    let spec = json!({
        "replicas": replicas, "selector": {"matchLabels": labels},
        "template": pod_template(name, &labels, &image, &placement),
    });
    workload("Deployment", name, kubevirt.namespace(), &labels, spec)
}

/// virt-handler, on every node where instances may run.
pub fn virt_handler(kubevirt: &Object, version: &str) -> DynamicObject {
    let placement = kubevirt
        .value("/spec/workloads/nodePlacement")
        .cloned()
        .unwrap_or_else(|| json!({"nodeSelector": {"kubernetes.io/os": "linux"}}));
    let labels = json!({COMPONENT_LABEL: VIRT_HANDLER});
    let image = format!("quay.io/kubevirt/{VIRT_HANDLER}:{version}");
    let spec = json!({
        "selector": {"matchLabels": labels},
        "template": pod_template(VIRT_HANDLER, &labels, &image, &placement),
    });
    workload(
        "DaemonSet",
        VIRT_HANDLER,
        kubevirt.namespace(),
        &labels,
        spec,
    )
}

/// One of CDI's components.
pub fn cdi_deployment(name: &str, namespace: &str, version: &str, owners: Value) -> DynamicObject {
    let labels = json!({"app": "containerized-data-importer", "cdi.kubevirt.io": name});
    let image = format!("quay.io/kubevirt/{name}:{version}");
    let spec = json!({
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": pod_template(name, &labels, &image, &json!({})),
    });
    let mut deployment = workload("Deployment", name, namespace, &labels, spec);
    deployment.metadata.owner_references = serde_json::from_value(owners).ok();
    deployment
}

fn on_control_plane() -> Value {
    let role = |role: &str| {
        json!({"matchExpressions": [
            {"key": format!("node-role.kubernetes.io/{role}"), "operator": "Exists"},
        ]})
    };
    json!({
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [role("control-plane"), role("master")],
        }}},
        "tolerations": [
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
        ],
    })
}

fn pod_template(name: &str, labels: &Value, image: &str, placement: &Value) -> Value {
    let mut spec = json!({"containers": [{"name": name, "image": image}]});
    json_patch::merge(&mut spec, placement);
    json!({"metadata": {"labels": labels}, "spec": spec})
}

fn workload(kind: &str, name: &str, namespace: &str, labels: &Value, spec: Value) -> DynamicObject {
    let mut object = known(json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }));
    object.data["spec"] = spec;
    object
}
