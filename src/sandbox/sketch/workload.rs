//! Deployments, DaemonSets and ReplicaSets.

use super::{Sketch, conditions, integer, label_selector, object, pod::template, text};

const REPLICAS: &str = "Number of desired pods; 1 by default.";
const MIN_READY: &str = "How long a new pod must be ready to count as available, in seconds.";
const SELECTOR: &str = "Label selector for pods. It must match the pod template's labels.";
const GENERATION: &str = "The generation that was observed last.";

pub(super) fn deployment() -> Sketch {
    let spec = object(
        "Specification of the desired behavior of the Deployment.",
        vec![
            ("replicas", integer(REPLICAS)),
            ("selector", label_selector(SELECTOR)),
            ("template", template()),
            (
                "strategy",
                object(
                    "How pods are replaced: Recreate or RollingUpdate.",
                    vec![("type", text("The strategy."))],
                ),
            ),
            ("minReadySeconds", integer(MIN_READY)),
            (
                "revisionHistoryLimit",
                integer("How many old ReplicaSets are kept."),
            ),
            (
                "progressDeadlineSeconds",
                integer("After how many seconds without progress it counts as failed."),
            ),
        ],
    );
    let status = object(
        "Most recently observed status of the Deployment.",
        vec![
            ("observedGeneration", integer(GENERATION)),
            ("replicas", integer("Number of pods.")),
            (
                "updatedReplicas",
                integer("Number of pods of the current template."),
            ),
            ("readyReplicas", integer("Number of ready pods.")),
            ("availableReplicas", integer("Number of available pods.")),
            (
                "unavailableReplicas",
                integer("Number of pods that are missing."),
            ),
            (
                "conditions",
                conditions("The latest observations of the Deployment's state."),
            ),
        ],
    );
    (
        "Deployment enables declarative updates for Pods and ReplicaSets.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn daemon_set() -> Sketch {
    let spec = object(
        "The desired behavior of this daemon set.",
        vec![
            ("selector", label_selector(SELECTOR)),
            ("template", template()),
            (
                "updateStrategy",
                object(
                    "How pods are replaced.",
                    vec![("type", text("RollingUpdate or OnDelete."))],
                ),
            ),
            ("minReadySeconds", integer(MIN_READY)),
            (
                "revisionHistoryLimit",
                integer("How many old revisions are kept."),
            ),
        ],
    );
    let status = object(
        "The current status of this daemon set.",
        vec![
            ("observedGeneration", integer(GENERATION)),
            (
                "desiredNumberScheduled",
                integer("Number of nodes that should run the pod."),
            ),
            (
                "currentNumberScheduled",
                integer("Number of nodes that run the pod and should."),
            ),
            (
                "numberReady",
                integer("Number of nodes whose pod is ready."),
            ),
            (
                "numberAvailable",
                integer("Number of nodes whose pod is available."),
            ),
            (
                "updatedNumberScheduled",
                integer("Number of nodes that run the current template."),
            ),
            (
                "conditions",
                conditions("The latest observations of the DaemonSet's state."),
            ),
        ],
    );
    (
        "DaemonSet represents the configuration of a daemon set.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn replica_set() -> Sketch {
    let spec = object(
        "Specification of the desired behavior of the ReplicaSet.",
        vec![
            ("replicas", integer(REPLICAS)),
            ("selector", label_selector(SELECTOR)),
            ("template", template()),
            ("minReadySeconds", integer(MIN_READY)),
        ],
    );
    let status = object(
        "Most recently observed status of the ReplicaSet.",
        vec![
            ("observedGeneration", integer(GENERATION)),
            ("replicas", integer("Number of pods.")),
            ("readyReplicas", integer("Number of ready pods.")),
            ("availableReplicas", integer("Number of available pods.")),
            (
                "conditions",
                conditions("The latest observations of the ReplicaSet's state."),
            ),
        ],
    );
    (
        "ReplicaSet ensures that a specified number of pod replicas are running at any given time.",
        vec![("spec", spec), ("status", status)],
    )
}

pub(super) fn disruption_budget() -> Sketch {
    let spec = object(
        "Specification of the desired behavior of the PodDisruptionBudget.",
        vec![
            (
                "selector",
                label_selector("Label selector for the pods that are protected."),
            ),
            (
                "minAvailable",
                object("How many must stay: a number or a percentage.", Vec::new()),
            ),
            (
                "maxUnavailable",
                object("How many may go: a number or a percentage.", Vec::new()),
            ),
        ],
    );
    let status = object(
        "Most recently observed status of the PodDisruptionBudget.",
        vec![
            ("observedGeneration", integer(GENERATION)),
            (
                "disruptionsAllowed",
                integer("Number of pods that may go now."),
            ),
            ("conditions", conditions("The budget's current state.")),
        ],
    );
    (
        "PodDisruptionBudget is an object to define the max disruption that can be caused to a collection of pods",
        vec![("spec", spec), ("status", status)],
    )
}
