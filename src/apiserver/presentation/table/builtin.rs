//! The columns of built-in resources: k8s.io/kubernetes `pkg/printers/internalversion`.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    access,
    cell::{age_of, condition_holds, integer, labels, list, name, size, text, text_or},
    class, flow, network, pod, storage, workload,
};
use crate::{kind::resource::ResourceType, presentation::age};

/// Name, type, and priority: above 0 for `-o wide` alone.
pub(super) type Definition = (&'static str, &'static str, i64);

/// How a resource is printed.
pub(super) struct Printer {
    pub columns: &'static [Definition],
    pub cells: Cells,
}

/// The cells of an object, as of a time.
type Cells = fn(&Value, Timestamp) -> Vec<Value>;

/// The printer of a resource; those without one of their own show when they were created.
pub(super) fn printer(resource: &ResourceType) -> Printer {
    let group = resource.group.as_str();
    let (columns, cells): (&'static [Definition], Cells) = match (group, resource.plural.as_str()) {
        ("", "pods") => (pod::COLUMNS, pod::cells),
        ("", "nodes") => (NODE, node),
        ("", "namespaces") => (NAMESPACE, namespace),
        ("", "services") => (SERVICE, service),
        ("", "configmaps") => (CONFIG_MAP, config_map),
        ("", "secrets") => (SECRET, secret),
        ("", "serviceaccounts") => (SERVICE_ACCOUNT, service_account),
        ("", "persistentvolumeclaims") => (storage::CLAIM, storage::claim),
        ("" | "events.k8s.io", "events") => (EVENT, event),
        ("apps", "deployments") => (workload::DEPLOYMENT, workload::deployment),
        ("apps", "daemonsets") => (workload::DAEMON_SET, workload::daemon_set),
        ("apps", "replicasets") | ("", "replicationcontrollers") => {
            (workload::REPLICA_SET, workload::replica_set)
        }
        ("apps", "controllerrevisions") => (workload::REVISION, workload::revision),
        ("", "podtemplates") => (workload::TEMPLATE, workload::template),
        ("apps", "statefulsets") => (workload::STATEFUL_SET, workload::stateful_set),
        ("batch", "jobs") => (workload::JOB, workload::job),
        ("policy", "poddisruptionbudgets") => (class::BUDGET, class::budget),
        ("", "resourcequotas") => (class::QUOTA, class::quota),
        ("scheduling.k8s.io", "priorityclasses") => (class::PRIORITY, class::priority),
        ("node.k8s.io", "runtimeclasses") => (class::RUNTIME, class::runtime),
        ("", "persistentvolumes") => (storage::VOLUME, storage::volume),
        ("storage.k8s.io", "csinodes") => (storage::CSI_NODE, storage::csi_node),
        ("", "endpoints") => (network::ENDPOINTS, network::endpoints),
        ("discovery.k8s.io", "endpointslices") => (network::SLICE, network::slice),
        ("networking.k8s.io", "ingresses") => (network::INGRESS, network::ingress),
        ("autoscaling", _) => (network::AUTOSCALER, network::autoscaler),
        ("coordination.k8s.io", "leases") => (LEASE, lease),
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => (flow::SCHEMA, flow::schema),
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => {
            (flow::LEVEL, flow::level)
        }
        ("storage.k8s.io", "storageclasses") => (storage::STORAGE_CLASS, storage::storage_class),
        ("rbac.authorization.k8s.io", "clusterrolebindings" | "rolebindings") => {
            (access::ROLE_BINDING, access::role_binding)
        }
        (
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations" | "validatingwebhookconfigurations",
        ) => (access::WEBHOOKS, access::webhooks),
        ("admissionregistration.k8s.io", "validatingadmissionpolicies") => {
            (access::POLICY, access::policy)
        }
        ("admissionregistration.k8s.io", "mutatingadmissionpolicies") => {
            (access::MUTATING_POLICY, access::mutating_policy)
        }
        (
            "admissionregistration.k8s.io",
            "mutatingadmissionpolicybindings" | "validatingadmissionpolicybindings",
        ) => (access::POLICY_BINDING, access::policy_binding),
        ("apiregistration.k8s.io", "apiservices") => (access::SERVICE, access::service),
        ("certificates.k8s.io", "certificatesigningrequests") => {
            (access::CERTIFICATE, access::certificate)
        }
        _ => (CREATED, |object, _| {
            vec![
                name(object),
                text(object, "/metadata/creationTimestamp").into(),
            ]
        }),
    };
    Printer { columns, cells }
}

const CREATED: &[Definition] = &[("Name", "string", 0), ("Created At", "date", 0)];

/// The kernel and what it runs on.
fn kernel(node: &Value) -> String {
    let kernel = match text(node, "/status/nodeInfo/kernelVersion") {
        "" => "<unknown>",
        known => known,
    };
    match text(node, "/status/nodeInfo/architecture") {
        "" => kernel.to_owned(),
        architecture => format!("{kernel} ({architecture})"),
    }
}

const NODE: &[Definition] = &[
    ("Name", "string", 0),
    ("Status", "string", 0),
    ("Roles", "string", 0),
    ("Age", "string", 0),
    ("Version", "string", 0),
    ("Internal-IP", "string", 1),
    ("External-IP", "string", 1),
    ("OS-Image", "string", 1),
    ("Kernel-Version", "string", 1),
    ("Container-Runtime", "string", 1),
];

fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let has_ready = list(object, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == "Ready");
    let mut status = match (has_ready, condition_holds(object, "Ready")) {
        (true, true) => "Ready",
        (true, false) => "NotReady",
        (false, _) => "Unknown",
    }
    .to_owned();
    if object.pointer("/spec/unschedulable") == Some(&Value::Bool(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let found = list(object, "/status/addresses")
            .iter()
            .find(|address| text(address, "/type") == kind);
        found.map_or_else(
            || "<none>".into(),
            |address| text(address, "/address").into(),
        )
    };
    vec![
        name(object),
        status.into(),
        roles(object).into(),
        age_of(object, now),
        text(object, "/status/nodeInfo/kubeletVersion").into(),
        address("InternalIP"),
        address("ExternalIP"),
        text_or(object, "/status/nodeInfo/osImage", "<unknown>"),
        kernel(object).into(),
        text_or(
            object,
            "/status/nodeInfo/containerRuntimeVersion",
            "<unknown>",
        ),
    ]
}

fn roles(object: &Value) -> String {
    let labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object);
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) => Some(role),
                None if key == "kubernetes.io/role" => value.as_str(),
                None => None,
            },
        )
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        "<none>".to_owned()
    } else {
        roles.join(",")
    }
}

const NAMESPACE: &[Definition] = &[
    ("Name", "string", 0),
    ("Status", "string", 0),
    ("Age", "string", 0),
];

fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        text(object, "/status/phase").into(),
        age_of(object, now),
    ]
}

const SERVICE: &[Definition] = &[
    ("Name", "string", 0),
    ("Type", "string", 0),
    ("Cluster-IP", "string", 0),
    ("External-IP", "string", 0),
    ("Port(s)", "string", 0),
    ("Age", "string", 0),
    ("Selector", "string", 1),
];

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = list(object, "/spec/ports")
        .iter()
        .map(|port| {
            let protocol = match text(port, "/protocol") {
                "" => "TCP",
                protocol => protocol,
            };
            match integer(port, "/nodePort") {
                0 => format!("{}/{protocol}", integer(port, "/port")),
                node_port => format!("{}:{node_port}/{protocol}", integer(port, "/port")),
            }
        })
        .collect();
    let external: Vec<&str> = list(object, "/spec/externalIPs")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let external = match text(object, "/spec/type") {
        "ExternalName" => text(object, "/spec/externalName").to_owned(),
        "LoadBalancer" => {
            let addresses: Vec<&str> = list(object, "/status/loadBalancer/ingress")
                .iter()
                .map(|ingress| match text(ingress, "/ip") {
                    "" => text(ingress, "/hostname"),
                    address => address,
                })
                .collect();
            if addresses.is_empty() {
                "<pending>".to_owned()
            } else {
                addresses.join(",")
            }
        }
        _ if external.is_empty() => "<none>".to_owned(),
        _ => external.join(","),
    };
    vec![
        name(object),
        text_or(object, "/spec/type", "ClusterIP"),
        text_or(object, "/spec/clusterIP", "<none>"),
        external.into(),
        if ports.is_empty() {
            "<none>".into()
        } else {
            ports.join(",").into()
        },
        age_of(object, now),
        labels(object, "/spec/selector").into(),
    ]
}

const CONFIG_MAP: &[Definition] = &[
    ("Name", "string", 0),
    ("Data", "string", 0),
    ("Age", "string", 0),
];

fn config_map(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        (size(object, "/data") + size(object, "/binaryData")).into(),
        age_of(object, now),
    ]
}

const SECRET: &[Definition] = &[
    ("Name", "string", 0),
    ("Type", "string", 0),
    ("Data", "string", 0),
    ("Age", "string", 0),
];

fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        text_or(object, "/type", "Opaque"),
        size(object, "/data").into(),
        age_of(object, now),
    ]
}

const SERVICE_ACCOUNT: &[Definition] = &[("Name", "string", 0), ("Age", "string", 0)];

fn service_account(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), age_of(object, now)]
}

const EVENT: &[Definition] = &[
    ("Last Seen", "string", 0),
    ("Type", "string", 0),
    ("Reason", "string", 0),
    ("Object", "string", 0),
    ("Subobject", "string", 1),
    ("Source", "string", 1),
    ("Message", "string", 0),
    ("First Seen", "string", 1),
    ("Count", "string", 1),
    ("Name", "string", 1),
];

fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let given = |pointer: &str| object.pointer(pointer).filter(|time| !time.is_null());
    let first = given("/firstTimestamp")
        .or_else(|| given("/deprecatedFirstTimestamp"))
        .or_else(|| given("/eventTime"));
    let last = given("/series/lastObservedTime")
        .or_else(|| given("/lastTimestamp"))
        .or_else(|| given("/deprecatedLastTimestamp"))
        .or(first);
    let about = if object.get("regarding").is_some() {
        "/regarding"
    } else {
        "/involvedObject"
    };
    let at = |field: &str| text(object, &format!("{about}{field}"));
    let source = ["source", "deprecatedSource"].map(|field| &object[field]);
    let source = source.into_iter().find(|source| source.is_object());
    let source = source.unwrap_or(&Value::Null);
    let (component, host) = match text(source, "/component") {
        "" => (
            text(object, "/reportingComponent"),
            text(object, "/reportingInstance"),
        ),
        component => (component, text(source, "/host")),
    };
    let component = if component.is_empty() {
        text(object, "/reportingController")
    } else {
        component
    };
    let source = if host.is_empty() {
        component.to_owned()
    } else {
        format!("{component}, {host}")
    };
    let count = integer(object, "/series/count")
        .max(integer(object, "/count"))
        .max(integer(object, "/deprecatedCount"))
        .max(1);
    let message = match text(object, "/message") {
        "" => text(object, "/note"),
        message => message,
    };
    vec![
        age::since(last, now).into(),
        text(object, "/type").into(),
        text(object, "/reason").into(),
        format!("{}/{}", at("/kind").to_lowercase(), at("/name")).into(),
        at("/fieldPath").into(),
        source.into(),
        message.trim().into(),
        age::since(first, now).into(),
        count.into(),
        name(object),
    ]
}

const LEASE: &[Definition] = &[
    ("Name", "string", 0),
    ("Holder", "string", 0),
    ("Age", "string", 0),
];

fn lease(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        text(object, "/spec/holderIdentity").into(),
        age_of(object, now),
    ]
}
