//! The kinds that every Kubernetes API server brings along, as far as this one serves them: one table.
//!
//! A kind that is not in here answers 404, as on a server that was built without it; nothing is served half.

use std::sync::{Arc, LazyLock};

use super::{model, resource::ResourceType};

/// What objects of a kind may do beyond being stored.
#[derive(Clone, Copy, Debug, Default)]
struct Traits {
    status: bool,
    scale: bool,
    generation: bool,
    /// Part of `kubectl get all`.
    all: bool,
}

const PLAIN: Traits = Traits {
    status: false,
    scale: false,
    generation: false,
    all: false,
};
const WITH_STATUS: Traits = Traits {
    status: true,
    ..PLAIN
};
const WORKLOAD: Traits = Traits {
    status: true,
    scale: true,
    generation: true,
    all: true,
};

const CLUSTER: bool = false;
const NAMESPACED: bool = true;

/// As discovery lists them; those of definitions come in an order of their own.
const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
/// Namespaces are deleted one by one.
const WITHOUT_DELETECOLLECTION: [&str; 7] = [
    "create", "delete", "get", "list", "patch", "update", "watch",
];
const CREATE_ONLY: &[&str] = &["create"];

type Row = (
    &'static str,            // group
    &'static str,            // version
    &'static str,            // kind
    &'static str,            // plural
    &'static [&'static str], // short names
    bool,                    // namespaced
    Traits,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("", "v1", "ConfigMap", "configmaps", &["cm"], NAMESPACED, PLAIN),
    ("", "v1", "Endpoints", "endpoints", &["ep"], NAMESPACED, PLAIN),
    ("", "v1", "Event", "events", &["ev"], NAMESPACED, PLAIN),
    ("", "v1", "LimitRange", "limitranges", &["limits"], NAMESPACED, PLAIN),
    ("", "v1", "Namespace", "namespaces", &["ns"], CLUSTER, WITH_STATUS),
    ("", "v1", "Node", "nodes", &["no"], CLUSTER, WITH_STATUS),
    ("", "v1", "PersistentVolume", "persistentvolumes", &["pv"], CLUSTER, WITH_STATUS),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], NAMESPACED, WITH_STATUS),
    ("", "v1", "Pod", "pods", &["po"], NAMESPACED, Traits { all: true, generation: true, ..WITH_STATUS }),
    ("", "v1", "PodTemplate", "podtemplates", &[], NAMESPACED, Traits { generation: true, ..PLAIN }),
    ("", "v1", "ReplicationController", "replicationcontrollers", &["rc"], NAMESPACED, WORKLOAD),
    ("", "v1", "ResourceQuota", "resourcequotas", &["quota"], NAMESPACED, WITH_STATUS),
    ("", "v1", "Secret", "secrets", &[], NAMESPACED, PLAIN),
    ("", "v1", "Service", "services", &["svc"], NAMESPACED, Traits { all: true, ..WITH_STATUS }),
    ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], NAMESPACED, PLAIN),
    ("admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", &[], CLUSTER, Traits { generation: true, ..PLAIN }),
    ("admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", &[], CLUSTER, Traits { generation: true, ..PLAIN }),
    ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", &[], CLUSTER, Traits { generation: true, ..PLAIN }),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", &[], CLUSTER, Traits { generation: true, ..WITH_STATUS }),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", &[], CLUSTER, Traits { generation: true, ..PLAIN }),
    ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", &[], CLUSTER, Traits { generation: true, ..PLAIN }),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"], CLUSTER, Traits { generation: true, ..WITH_STATUS }),
    ("apiregistration.k8s.io", "v1", "APIService", "apiservices", &[], CLUSTER, WITH_STATUS),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", &[], NAMESPACED, PLAIN),
    ("apps", "v1", "DaemonSet", "daemonsets", &["ds"], NAMESPACED, Traits { scale: false, ..WORKLOAD }),
    ("apps", "v1", "Deployment", "deployments", &["deploy"], NAMESPACED, WORKLOAD),
    ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], NAMESPACED, WORKLOAD),
    ("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], NAMESPACED, Traits { all: true, ..WITH_STATUS }),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], NAMESPACED, Traits { all: true, ..WITH_STATUS }),
    ("batch", "v1", "Job", "jobs", &[], NAMESPACED, Traits { scale: false, ..WORKLOAD }),
    ("certificates.k8s.io", "v1", "CertificateSigningRequest", "certificatesigningrequests", &["csr"], CLUSTER, WITH_STATUS),
    ("coordination.k8s.io", "v1", "Lease", "leases", &[], NAMESPACED, PLAIN),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[], NAMESPACED, Traits { generation: true, ..PLAIN }),
    ("events.k8s.io", "v1", "Event", "events", &["ev"], NAMESPACED, PLAIN),
    ("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema", "flowschemas", &[], CLUSTER, Traits { generation: true, ..WITH_STATUS }),
    ("flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations", &[], CLUSTER, Traits { generation: true, ..WITH_STATUS }),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", &["ing"], NAMESPACED, Traits { generation: true, ..WITH_STATUS }),
    ("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses", &[], CLUSTER, PLAIN),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], NAMESPACED, Traits { generation: true, ..WITH_STATUS }),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[], CLUSTER, PLAIN),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[], CLUSTER, PLAIN),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], NAMESPACED, PLAIN),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[], NAMESPACED, PLAIN),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", &["pc"], CLUSTER, Traits { generation: true, ..PLAIN }),
    ("storage.k8s.io", "v1", "CSINode", "csinodes", &[], CLUSTER, PLAIN),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", &["sc"], CLUSTER, PLAIN),
];

/// Questions that a client puts by creating an object which is answered and not stored.
#[rustfmt::skip]
const QUESTIONS: &[Row] = &[
    ("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", &[], CLUSTER, PLAIN),
    ("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", &[], CLUSTER, PLAIN),
    ("authorization.k8s.io", "v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", &[], NAMESPACED, PLAIN),
    ("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", &[], CLUSTER, PLAIN),
    ("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", &[], CLUSTER, PLAIN),
    ("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", &[], CLUSTER, PLAIN),
];

/// Every built-in resource: the same in all sandboxes of a process.
static RESOURCES: LazyLock<Vec<Arc<ResourceType>>> = LazyLock::new(|| {
    let stored = ROWS.iter().map(resource);
    let questions = QUESTIONS.iter().map(|row| ResourceType {
        verbs: CREATE_ONLY,
        ..resource(row)
    });
    stored.chain(questions).map(Arc::new).collect()
});

/// Every built-in resource.
#[must_use]
pub fn resources() -> Vec<Arc<ResourceType>> {
    RESOURCES.clone()
}

fn resource(row: &Row) -> ResourceType {
    let (group, version, kind, plural, short_names, namespaced, traits) = *row;
    ResourceType {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        list_kind: format!("{kind}List"),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: short_names.iter().map(|&name| name.to_owned()).collect(),
        categories: categories(group, traits),
        namespaced,
        verbs: if kind == "Namespace" {
            &WITHOUT_DELETECOLLECTION
        } else {
            &VERBS
        },
        status_subresource: traits.status,
        scale_subresource: traits.scale,
        counts_generation: traits.generation,
        custom: false,
        schema: Some(Arc::new(model::schema(&model::name_of(
            group, version, kind,
        )))),
        columns: Vec::new(),
        selectable_fields: selectable(group, plural)
            .iter()
            .map(|&path| path.to_owned())
            .collect(),
    }
}

fn categories(group: &str, traits: Traits) -> Vec<String> {
    let of_group = matches!(
        group,
        "admissionregistration.k8s.io" | "apiextensions.k8s.io" | "apiregistration.k8s.io"
    );
    let all = traits.all.then_some("all");
    let extension = of_group.then_some("api-extensions");
    all.into_iter()
        .chain(extension)
        .map(str::to_owned)
        .collect()
}

/// The fields that a field selector may name (`pkg/registry/**/strategy.go`).
fn selectable(group: &str, plural: &str) -> &'static [&'static str] {
    match (group, plural) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "events") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        ("apps", "replicasets") | ("", "replicationcontrollers") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("certificates.k8s.io", "certificatesigningrequests") => &["spec.signerName"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_resource_is_listed_once() {
        let all = resources();
        let name = |one: &Arc<ResourceType>| (one.qualified(), one.version.clone());
        let names: BTreeSet<(String, String)> = all.iter().map(name).collect();
        assert_eq!(names.len(), all.len());
    }
}
