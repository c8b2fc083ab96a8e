//! The rows of Deployments, DaemonSets, ReplicaSets, StatefulSets and Jobs.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, condition_holds, containers, integer, labels, list, name, selector, text},
};
use crate::presentation::age;

pub(super) const DEPLOYMENT: &[Definition] = &[
    ("Name", "string", 0),
    ("Ready", "string", 0),
    ("Up-to-date", "string", 0),
    ("Available", "string", 0),
    ("Age", "string", 0),
    ("Containers", "string", 1),
    ("Images", "string", 1),
    ("Selector", "string", 1),
];

pub(super) fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/template/spec/containers");
    vec![
        name(object),
        format!(
            "{}/{}",
            integer(object, "/status/readyReplicas"),
            integer(object, "/spec/replicas")
        )
        .into(),
        integer(object, "/status/updatedReplicas").into(),
        integer(object, "/status/availableReplicas").into(),
        age_of(object, now),
        names.into(),
        images.into(),
        selector(object, "/spec/selector").into(),
    ]
}

pub(super) const DAEMON_SET: &[Definition] = &[
    ("Name", "string", 0),
    ("Desired", "integer", 0),
    ("Current", "integer", 0),
    ("Ready", "integer", 0),
    ("Up-to-date", "integer", 0),
    ("Available", "integer", 0),
    ("Node Selector", "string", 0),
    ("Age", "string", 0),
    ("Containers", "string", 1),
    ("Images", "string", 1),
    ("Selector", "string", 1),
];

pub(super) fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/template/spec/containers");
    vec![
        name(object),
        integer(object, "/status/desiredNumberScheduled").into(),
        integer(object, "/status/currentNumberScheduled").into(),
        integer(object, "/status/numberReady").into(),
        integer(object, "/status/updatedNumberScheduled").into(),
        integer(object, "/status/numberAvailable").into(),
        labels(object, "/spec/template/spec/nodeSelector").into(),
        age_of(object, now),
        names.into(),
        images.into(),
        selector(object, "/spec/selector").into(),
    ]
}

pub(super) const REPLICA_SET: &[Definition] = &[
    ("Name", "string", 0),
    ("Desired", "integer", 0),
    ("Current", "integer", 0),
    ("Ready", "integer", 0),
    ("Age", "string", 0),
    ("Containers", "string", 1),
    ("Images", "string", 1),
    ("Selector", "string", 1),
];

pub(super) fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/template/spec/containers");
    vec![
        name(object),
        integer(object, "/spec/replicas").into(),
        integer(object, "/status/replicas").into(),
        integer(object, "/status/readyReplicas").into(),
        age_of(object, now),
        names.into(),
        images.into(),
        selector(object, "/spec/selector").into(),
    ]
}

pub(super) const STATEFUL_SET: &[Definition] = &[
    ("Name", "string", 0),
    ("Ready", "string", 0),
    ("Age", "string", 0),
    ("Containers", "string", 1),
    ("Images", "string", 1),
];

pub(super) fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/template/spec/containers");
    vec![
        name(object),
        format!(
            "{}/{}",
            integer(object, "/status/readyReplicas"),
            integer(object, "/spec/replicas")
        )
        .into(),
        age_of(object, now),
        names.into(),
        images.into(),
    ]
}

pub(super) const JOB: &[Definition] = &[
    ("Name", "string", 0),
    ("Status", "string", 0),
    ("Completions", "string", 0),
    ("Duration", "string", 0),
    ("Age", "string", 0),
    ("Containers", "string", 1),
    ("Images", "string", 1),
    ("Selector", "string", 1),
];

pub(super) fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/spec/template/spec/containers");
    let status = if condition_holds(object, "Complete") {
        "Complete"
    } else if condition_holds(object, "Failed") {
        "Failed"
    } else if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else if condition_holds(object, "Suspended") {
        "Suspended"
    } else if condition_holds(object, "FailureTarget") {
        "FailureTarget"
    } else if condition_holds(object, "SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let succeeded = integer(object, "/status/succeeded");
    let completions = match object.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(completions) => format!("{succeeded}/{completions}"),
        None => match object.pointer("/spec/parallelism").and_then(Value::as_i64) {
            Some(parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
            Some(_) | None => format!("{succeeded}/1"),
        },
    };
    let time = |pointer: &str| text(object, pointer).parse::<Timestamp>().ok();
    let duration = match (time("/status/startTime"), time("/status/completionTime")) {
        (None, _) => String::new(),
        (Some(start), None) => age::between(start, now),
        (Some(start), Some(end)) => age::between(start, end),
    };
    vec![
        name(object),
        status.into(),
        completions.into(),
        duration.into(),
        age_of(object, now),
        names.into(),
        images.into(),
        selector(object, "/spec/selector").into(),
    ]
}

pub(super) const REVISION: &[Definition] = &[
    ("Name", "string", 0),
    ("Controller", "string", 0),
    ("Revision", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn revision(object: &Value, now: Timestamp) -> Vec<Value> {
    let owners = list(object, "/metadata/ownerReferences");
    let controller = owners.iter().find(|owner| owner["controller"] == true);
    let shown = controller.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let kind = text(owner, "/kind").to_lowercase();
            let group = text(owner, "/apiVersion").split_once('/');
            let group = group.map_or(String::new(), |(group, _)| format!(".{group}"));
            format!("{kind}{group}/{}", text(owner, "/name"))
        },
    );
    vec![
        name(object),
        shown.into(),
        integer(object, "/revision").into(),
        age_of(object, now),
    ]
}

pub(super) const TEMPLATE: &[Definition] = &[
    ("Name", "string", 0),
    ("Containers", "string", 0),
    ("Images", "string", 0),
    ("Pod Labels", "string", 0),
];

pub(super) fn template(object: &Value, _: Timestamp) -> Vec<Value> {
    let (names, images) = containers(object, "/template/spec/containers");
    vec![
        name(object),
        names.into(),
        images.into(),
        labels(object, "/template/metadata/labels").into(),
    ]
}
