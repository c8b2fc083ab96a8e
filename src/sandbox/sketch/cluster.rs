//! Nodes, namespaces, and the small kinds of the core group.

use super::{
    Sketch, atomic_object, boolean, conditions, integer, list, list_by, object, object_reference,
    pod::with_default, set, text, texts, texts_by_name, time,
};

pub(super) fn node() -> Sketch {
    let taints = list(
        "The node's taints.",
        vec![
            ("key", text("The taint's key.")),
            ("value", text("The taint's value.")),
            ("effect", text("NoSchedule, PreferNoSchedule or NoExecute.")),
            ("timeAdded", time("When the taint was added.")),
        ],
    );
    let spec = object(
        "The behavior of the node.",
        vec![
            ("unschedulable", boolean("Is the node closed to new pods?")),
            ("taints", taints),
            (
                "providerID",
                text("ID of the node assigned by the cloud provider."),
            ),
            ("podCIDR", text("The IP range of the node's pods.")),
            ("podCIDRs", set("The IP ranges of the node's pods.")),
        ],
    );
    let info = [
        "architecture",
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "systemUUID",
    ];
    let status = object(
        "Most recently observed status of the node.",
        vec![
            (
                "capacity",
                texts_by_name("The total resources of the node."),
            ),
            (
                "allocatable",
                texts_by_name("The resources of the node that pods can have."),
            ),
            (
                "conditions",
                conditions("Current observed node conditions."),
            ),
            (
                "addresses",
                list_by(
                    &["type"],
                    "Addresses at which the node can be reached.",
                    vec![
                        ("type", text("Hostname, InternalIP or ExternalIP.")),
                        ("address", text("The address.")),
                    ],
                ),
            ),
            (
                "nodeInfo",
                object(
                    "Ids that uniquely identify the node.",
                    info.map(|name| (name, text("As the node reports it.")))
                        .into(),
                ),
            ),
        ],
    );
    (
        "Node is a worker node in Kubernetes.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn namespace() -> Sketch {
    let spec = object(
        "The behavior of the Namespace.",
        vec![("finalizers", texts("What must be emptied before it goes."))],
    );
    let status = object(
        "The current status of a Namespace.",
        vec![
            ("phase", text("Active or Terminating.")),
            (
                "conditions",
                conditions("The latest observations of the namespace's state."),
            ),
        ],
    );
    (
        "Namespace provides a scope for Names.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn config_map() -> Sketch {
    (
        "ConfigMap holds configuration data for pods to consume.",
        vec![
            ("data", texts_by_name("The configuration data.")),
            ("binaryData", texts_by_name("The binary data, in base64.")),
            ("immutable", boolean("May the data never be changed?")),
        ],
    )
}

pub(super) fn secret() -> Sketch {
    (
        "Secret holds secret data of a certain type.",
        vec![
            ("data", texts_by_name("The secret data, in base64.")),
            (
                "stringData",
                texts_by_name("Secret data as text; written into data."),
            ),
            ("type", text("The kind of secret.")),
            ("immutable", boolean("May the data never be changed?")),
        ],
    )
}

pub(super) fn service() -> Sketch {
    let ports = list_by(
        &["port", "protocol"],
        "The ports that are exposed by this service.",
        vec![
            ("name", text("Name of the port.")),
            ("port", integer("The port that will be exposed.")),
            (
                "protocol",
                with_default(text("TCP, UDP or SCTP; TCP by default."), "TCP"),
            ),
            (
                "targetPort",
                object("The port of the pods: a number or a name.", Vec::new()),
            ),
            ("nodePort", integer("The port on each node.")),
        ],
    );
    let mut selector = texts_by_name("Labels of the pods that receive the traffic.");
    selector["x-kubernetes-map-type"] = "atomic".into();
    let spec = object(
        "The behavior of a service.",
        vec![
            (
                "type",
                text("ClusterIP, NodePort, LoadBalancer or ExternalName."),
            ),
            ("clusterIP", text("The address of the service.")),
            ("externalIPs", texts("Addresses from outside the cluster.")),
            ("selector", selector),
            ("ports", ports),
        ],
    );
    let status = object(
        "Most recently observed status of the service.",
        vec![("conditions", conditions("Current service state."))],
    );
    (
        "Service is a named abstraction of software service (for example, mysql) consisting of local port (for example \
         3306) that the proxy listens on, and the selector that determines which pods will answer requests sent through \
         the proxy.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn service_account() -> Sketch {
    let secret = || vec![("name", text("Name of the Secret."))];
    (
        "ServiceAccount binds together a name, a principal that can be authenticated and authorized, and a set of secrets.",
        vec![
            (
                "secrets",
                list_by(
                    &["name"],
                    "Secrets that pods of this account may use.",
                    secret(),
                ),
            ),
            (
                "imagePullSecrets",
                list("Secrets to pull images with.", secret()),
            ),
            (
                "automountServiceAccountToken",
                boolean("Is the token mounted into pods?"),
            ),
        ],
    )
}

pub(super) fn claim() -> Sketch {
    let spec = object(
        "The desired characteristics of a volume.",
        vec![
            ("accessModes", texts("How the volume is to be mounted.")),
            ("storageClassName", text("The StorageClass of the volume.")),
            ("volumeName", text("The volume that is bound to the claim.")),
            ("volumeMode", text("Filesystem or Block.")),
            (
                "resources",
                object(
                    "The size of the volume.",
                    vec![("requests", texts_by_name("The least that is needed."))],
                ),
            ),
        ],
    );
    let status = object(
        "The current status of the claim.",
        vec![
            ("phase", text("Pending, Bound or Lost.")),
            ("capacity", texts_by_name("The actual size of the volume.")),
            ("accessModes", texts("How the volume can be mounted.")),
            (
                "conditions",
                conditions("The current conditions of the claim."),
            ),
        ],
    );
    (
        "PersistentVolumeClaim is a user's request for and claim to a persistent volume",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn event() -> Sketch {
    (
        "Event is a report of an event somewhere in the cluster.",
        vec![
            (
                "involvedObject",
                object_reference("The object that this event is about."),
            ),
            ("type", text("Normal or Warning.")),
            ("reason", text("A word for why the event happened.")),
            ("message", text("What happened, for people.")),
            ("action", text("What was done about it.")),
            ("count", integer("How often the event has occurred.")),
            ("firstTimestamp", time("When the event was first recorded.")),
            ("lastTimestamp", time("When the event was last recorded.")),
            ("eventTime", time("When the event was first observed.")),
            (
                "source",
                object(
                    "Who reported the event.",
                    vec![
                        ("component", text("The component.")),
                        ("host", text("The node.")),
                    ],
                ),
            ),
            ("related", object_reference("A second object.")),
            (
                "reportingComponent",
                text("The controller that reported the event."),
            ),
            ("reportingInstance", text("The controller's instance.")),
            (
                "series",
                atomic_object(
                    "The series that the event belongs to.",
                    vec![
                        ("count", integer("How many there were.")),
                        ("lastObservedTime", time("When the last one was.")),
                    ],
                ),
            ),
        ],
    )
}

pub(super) fn lease() -> Sketch {
    let spec = object(
        "The specification of the Lease.",
        vec![
            ("holderIdentity", text("Who holds the lease.")),
            (
                "leaseDurationSeconds",
                integer("How long it is held without renewal, in seconds."),
            ),
            ("acquireTime", time("When it was acquired.")),
            ("renewTime", time("When it was last renewed.")),
            (
                "leaseTransitions",
                integer("How often it has changed hands."),
            ),
        ],
    );
    ("Lease defines a lease concept.", vec![("spec", spec)])
}

/// The same events as `events.k8s.io` names their fields.
pub(super) fn regarding_event() -> Sketch {
    (
        "Event is a report of an event somewhere in the cluster. It generally denotes some state change in the system.",
        vec![
            (
                "regarding",
                object_reference("The object that this event is about."),
            ),
            ("related", object_reference("A second object.")),
            ("type", text("Normal or Warning.")),
            ("reason", text("A word for why the action was taken.")),
            ("note", text("What happened, for people.")),
            ("action", text("What was done about it.")),
            ("eventTime", time("When the event was first observed.")),
            (
                "reportingController",
                text("The controller that reported the event."),
            ),
            ("reportingInstance", text("The controller's instance.")),
        ],
    )
}
