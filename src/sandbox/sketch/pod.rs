//! Pods, and the pod templates of the workload kinds.

use serde_json::Value;

use super::{
    Field, Sketch, atomic_object, boolean, conditions, integer, list, list_by, object, text, texts,
    texts_by_name, time,
};

pub(super) fn pod() -> Sketch {
    (
        "Pod is a collection of containers that can run on a host. This resource is created by clients and scheduled \
         onto hosts.",
        vec![("spec", spec()), ("status", status())],
    )
}

/// The template that a workload makes its pods from.
pub(super) fn template() -> Value {
    object(
        "The pods that will be created.",
        vec![
            (
                "metadata",
                object(
                    "Standard object's metadata.",
                    vec![
                        ("labels", texts_by_name("Labels of the pods.")),
                        ("annotations", texts_by_name("Annotations of the pods.")),
                    ],
                ),
            ),
            ("spec", spec()),
        ],
    )
}

fn spec() -> Value {
    object(
        "Specification of the desired behavior of the pod.",
        vec![
            ("containers", containers("Containers belonging to the pod.")),
            (
                "initContainers",
                containers(
                    "Containers that run to completion, one after another, before the others.",
                ),
            ),
            (
                "ephemeralContainers",
                containers("Containers that were added to look into the running pod."),
            ),
            ("volumes", volumes()),
            (
                "hostAliases",
                list_by(
                    &["ip"],
                    "Entries for the pod's hosts file.",
                    vec![
                        ("ip", text("An address.")),
                        ("hostnames", texts("Names for the address.")),
                    ],
                ),
            ),
            (
                "topologySpreadConstraints",
                list_by(
                    &["topologyKey", "whenUnsatisfiable"],
                    "How the pods are spread over the topology.",
                    vec![
                        (
                            "topologyKey",
                            text("The node label that tells domains apart."),
                        ),
                        (
                            "whenUnsatisfiable",
                            text("DoNotSchedule or ScheduleAnyway."),
                        ),
                        ("maxSkew", integer("How uneven the spread may be.")),
                    ],
                ),
            ),
            ("nodeName", text("The node that the pod is bound to.")),
            ("nodeSelector", node_selector()),
            (
                "affinity",
                object("Scheduling constraints of the pod.", Vec::new()),
            ),
            ("tolerations", tolerations()),
            (
                "serviceAccountName",
                text("The ServiceAccount that the pod runs as."),
            ),
            (
                "restartPolicy",
                text("Always, OnFailure or Never; Always by default."),
            ),
            (
                "terminationGracePeriodSeconds",
                integer("How long the pod may take to end, in seconds; 30 by default."),
            ),
            (
                "activeDeadlineSeconds",
                integer("How long the pod may run, in seconds."),
            ),
            (
                "hostNetwork",
                boolean("Use the network namespace of the node."),
            ),
            ("hostPID", boolean("Use the process namespace of the node.")),
            ("priorityClassName", text("The PriorityClass of the pod.")),
            ("schedulerName", text("The scheduler that places the pod.")),
            (
                "dnsPolicy",
                text("How names are resolved; ClusterFirst by default."),
            ),
            (
                "securityContext",
                object("Security attributes of the whole pod.", Vec::new()),
            ),
            (
                "imagePullSecrets",
                list_by(
                    &["name"],
                    "Secrets to pull the images with.",
                    vec![("name", text("Name of the Secret."))],
                ),
            ),
        ],
    )
}

fn node_selector() -> Value {
    let mut labels = texts_by_name("Labels that a node must have to run the pod.");
    labels["x-kubernetes-map-type"] = "atomic".into();
    labels
}

fn containers(description: &str) -> Value {
    list_by(&["name"], description, container())
}

fn container() -> Vec<Field> {
    vec![
        ("name", text("Name of the container, unique in the pod.")),
        ("image", text("Container image name.")),
        ("imagePullPolicy", text("Always, Never or IfNotPresent.")),
        ("command", texts("Entrypoint array, not run in a shell.")),
        ("args", texts("Arguments to the entrypoint.")),
        ("workingDir", text("The container's working directory.")),
        (
            "env",
            list_by(
                &["name"],
                "Environment variables of the container.",
                vec![
                    ("name", text("Name of the variable.")),
                    ("value", text("Value of the variable.")),
                    (
                        "valueFrom",
                        object("Where the value comes from.", Vec::new()),
                    ),
                ],
            ),
        ),
        (
            "ports",
            list_by(
                &["containerPort", "protocol"],
                "Ports that the container exposes.",
                vec![
                    ("name", text("Name of the port.")),
                    ("containerPort", integer("Number of the port.")),
                    ("hostPort", integer("Port on the host.")),
                    (
                        "protocol",
                        with_default(text("TCP, UDP or SCTP; TCP by default."), "TCP"),
                    ),
                ],
            ),
        ),
        (
            "volumeMounts",
            list_by(
                &["mountPath"],
                "Volumes to mount into the container.",
                vec![
                    ("name", text("Name of the volume.")),
                    ("mountPath", text("Where in the container it is mounted.")),
                    ("subPath", text("What of the volume is mounted.")),
                    ("readOnly", boolean("Mount it read-only.")),
                ],
            ),
        ),
        (
            "volumeDevices",
            list_by(
                &["devicePath"],
                "Block devices that the container uses.",
                vec![
                    ("name", text("Name of the volume.")),
                    ("devicePath", text("Where in the container it is.")),
                ],
            ),
        ),
        (
            "resources",
            object(
                "Compute resources that the container needs.",
                vec![
                    ("limits", texts_by_name("The most that it may use.")),
                    ("requests", texts_by_name("The least that it needs.")),
                ],
            ),
        ),
        (
            "livenessProbe",
            object("Periodic probe of container liveness.", Vec::new()),
        ),
        (
            "readinessProbe",
            object("Periodic probe of container readiness.", Vec::new()),
        ),
        (
            "securityContext",
            object("Security options of the container.", Vec::new()),
        ),
        (
            "terminationMessagePath",
            text("The file in which the container leaves its last words."),
        ),
        (
            "terminationMessagePolicy",
            text("File or FallbackToLogsOnError."),
        ),
    ]
}

/// A key that may be left out must have a default, or elements could not be told apart by it.
pub(super) fn with_default(mut schema: Value, default: &str) -> Value {
    schema["default"] = default.into();
    schema
}

fn volumes() -> Value {
    let source = |description: &str| object(description, Vec::new());
    list_by(
        &["name"],
        "Volumes that containers of the pod can mount.",
        vec![
            ("name", text("Name of the volume.")),
            (
                "hostPath",
                object(
                    "A file or directory of the host.",
                    vec![
                        ("path", text("Path on the host.")),
                        ("type", text("What must be there.")),
                    ],
                ),
            ),
            (
                "emptyDir",
                source("A directory that lives as long as the pod."),
            ),
            ("configMap", source("The data of a ConfigMap as files.")),
            ("secret", source("The data of a Secret as files.")),
            ("persistentVolumeClaim", source("A claimed volume.")),
            ("downwardAPI", source("Facts about the pod as files.")),
            ("projected", source("Several sources in one directory.")),
        ],
    )
}

fn tolerations() -> Value {
    list(
        "The pod's tolerations.",
        vec![
            ("key", text("The taint's key.")),
            ("operator", text("Exists or Equal.")),
            ("value", text("The taint's value.")),
            (
                "effect",
                text("NoSchedule, PreferNoSchedule or NoExecute; empty for all."),
            ),
            (
                "tolerationSeconds",
                integer("How long a NoExecute taint is tolerated, in seconds."),
            ),
        ],
    )
}

fn status() -> Value {
    object(
        "Most recently observed status of the pod.",
        vec![
            (
                "phase",
                text("Pending, Running, Succeeded, Failed or Unknown."),
            ),
            (
                "conditions",
                conditions("Current service state of the pod."),
            ),
            (
                "message",
                text("Why the pod is in this condition, for people."),
            ),
            ("reason", text("A word for why the pod is in this state.")),
            ("hostIP", text("IP address of the node.")),
            ("podIP", text("IP address of the pod.")),
            (
                "podIPs",
                list_by(
                    &["ip"],
                    "IP addresses of the pod.",
                    vec![("ip", text("An address."))],
                ),
            ),
            ("startTime", time("When the kubelet acknowledged the pod.")),
            (
                "containerStatuses",
                container_statuses("Statuses of the containers."),
            ),
            (
                "initContainerStatuses",
                container_statuses("Statuses of the init containers."),
            ),
        ],
    )
}

fn container_statuses(description: &str) -> Value {
    list(
        description,
        vec![
            ("name", text("Name of the container.")),
            ("image", text("The image that the container runs.")),
            ("ready", boolean("Has it passed its readiness probe?")),
            ("started", boolean("Has it started?")),
            ("restartCount", integer("How often it has been restarted.")),
            (
                "state",
                atomic_object(
                    "What it is doing: waiting, running or terminated.",
                    Vec::new(),
                ),
            ),
            (
                "lastState",
                atomic_object("How it ended the last time.", Vec::new()),
            ),
        ],
    )
}
