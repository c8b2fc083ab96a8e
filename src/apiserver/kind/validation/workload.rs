//! Deployments, ReplicaSets, ReplicationControllers, DaemonSets and Jobs, and the revisions of such.

use serde_json::Value;

use super::{
    amount, immutable, is_empty_selector, label_selector, not_negative, one_of, pod, selects,
};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
};

pub fn deployment(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    not_negative(spec, "replicas", "spec", causes);
    selector(spec, "deployment", causes);
    template(spec, "ReplicaSet", causes);
    let strategy = text(&spec["strategy"], "type");
    match strategy {
        "Recreate" if spec["strategy"]["rollingUpdate"].is_object() => {
            let path = "spec.strategy.rollingUpdate";
            let why = "may not be specified when strategy `type` is 'Recreate'";
            causes.push(field_error::forbidden(path, why));
        }
        "RollingUpdate" => rolling_update(&spec["strategy"]["rollingUpdate"], causes),
        "Recreate" => {}
        other => causes.push(FieldError {
            reason: "FieldValueNotSupported",
            message: format!(
                "Unsupported value: {{\"Type\":{other:?},\"RollingUpdate\":null}}: supported values: \"Recreate\", \
                 \"RollingUpdate\""
            ),
            field: "spec.strategy".to_owned(),
        }),
    }
    for field in [
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
    ] {
        not_negative(spec, field, "spec", causes);
    }
    let (deadline, ready) = (
        spec["progressDeadlineSeconds"].as_i64(),
        spec["minReadySeconds"].as_i64().unwrap_or_default(),
    );
    if let Some(deadline) = deadline.filter(|deadline| *deadline <= ready) {
        let why = "must be greater than minReadySeconds";
        causes.push(field_error::invalid(
            "spec.progressDeadlineSeconds",
            &deadline.into(),
            why,
        ));
    }
    if let Some(old) = old {
        immutable(new, old, "spec.selector", causes);
    }
}

pub fn job(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    for field in ["parallelism", "completions", "backoffLimit"] {
        not_negative(spec, field, "spec", causes);
    }
    let template = &spec["template"]["spec"];
    pod::spec(template, "spec.template.spec", causes);
    if !matches!(text(template, "restartPolicy"), "OnFailure" | "Never") {
        let why = "valid values: \"OnFailure\", \"Never\"";
        let path = "spec.template.spec.restartPolicy";
        causes.push(field_error::required(path, why));
    }
    if let Some(old) = old {
        immutable(new, old, "spec.selector", causes);
        if old["spec"]["suspend"] != true {
            immutable(new, old, "spec.template", causes);
        }
    }
}

pub fn replica_set(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    not_negative(spec, "replicas", "spec", causes);
    not_negative(spec, "minReadySeconds", "spec", causes);
    // The API server says deployment here too.
    selector(spec, "deployment", causes);
    template(spec, "ReplicaSet", causes);
    if let Some(old) = old {
        immutable(new, old, "spec.selector", causes);
    }
}

pub fn daemon_set(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    if let Some(old) = old {
        immutable(new, old, "spec.selector", causes);
    }
    if spec["selector"].is_object() {
        selector(spec, "daemonset", causes);
    }
    template(spec, "DaemonSet", causes);
    not_negative(spec, "minReadySeconds", "spec", causes);
    let strategy = text(&spec["updateStrategy"], "type");
    one_of(
        strategy,
        &["RollingUpdate", "OnDelete"],
        "spec.updateStrategy.type",
        causes,
    );
    not_negative(spec, "revisionHistoryLimit", "spec", causes);
}

fn selector(spec: &Value, word: &str, causes: &mut Vec<FieldError>) {
    let selector = &spec["selector"];
    if selector.is_null() {
        causes.push(field_error::required("spec.selector", ""));
        return;
    }
    label_selector(selector, "spec.selector", causes);
    if is_empty_selector(selector) {
        let why = format!("empty selector is invalid for {word}");
        causes.push(field_error::invalid("spec.selector", selector, why));
    }
}

fn template(spec: &Value, kind: &str, causes: &mut Vec<FieldError>) {
    let template = &spec["template"];
    let (selector, labels) = (&spec["selector"], &template["metadata"]["labels"]);
    let is_empty = selector.is_object() && is_empty_selector(selector);
    if !is_empty && !selects(selector, labels) {
        let why = "`selector` does not match template `labels`";
        causes.push(field_error::invalid(
            "spec.template.metadata.labels",
            labels,
            why,
        ));
    }
    pod::spec(&template["spec"], "spec.template.spec", causes);
    let policy = text(&template["spec"], "restartPolicy");
    if matches!(policy, "OnFailure" | "Never") {
        one_of(
            policy,
            &["Always"],
            "spec.template.spec.restartPolicy",
            causes,
        );
    }
    if !template["spec"]["activeDeadlineSeconds"].is_null() {
        causes.push(field_error::forbidden(
            "spec.template.spec.activeDeadlineSeconds",
            &format!("activeDeadlineSeconds in {kind} is not Supported"),
        ));
    }
}

fn rolling_update(update: &Value, causes: &mut Vec<FieldError>) {
    let none = |field: &str| matches!(&update[field], value if *value == 0 || *value == "0%");
    for field in ["maxUnavailable", "maxSurge"] {
        amount(
            &update[field],
            &format!("spec.strategy.rollingUpdate.{field}"),
            causes,
        );
    }
    if none("maxUnavailable") && none("maxSurge") {
        causes.push(field_error::invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            &update["maxUnavailable"],
            "may not be 0 when `maxSurge` is 0",
        ));
    }
}

pub fn replication_controller(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    not_negative(spec, "minReadySeconds", "spec", causes);
    if spec["selector"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
    {
        causes.push(field_error::required("spec.selector", ""));
    }
    not_negative(spec, "replicas", "spec", causes);
    if spec["template"].is_null() {
        causes.push(field_error::required("spec.template", ""));
        return;
    }
    // The same with a selector that is labels alone.
    let mut labelled = spec.clone();
    labelled["selector"] = serde_json::json!({"matchLabels": spec["selector"]});
    template(&labelled, "ReplicationController", causes);
}

/// What a controller was once.
pub fn revision(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    let number = new["revision"].as_i64().unwrap_or_default();
    if number < 0 {
        let why = "must be greater than or equal to 0";
        causes.push(field_error::invalid("revision", &number.into(), why));
    }
    if new["data"].is_null() {
        causes.push(field_error::required("data", "data is mandatory"));
    }
    if let Some(old) = old {
        immutable(new, old, "data", causes);
    }
}
