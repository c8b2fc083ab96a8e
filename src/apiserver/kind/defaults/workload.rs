//! Defaults of what pods are made from.

use serde_json::{Value, json};

use super::{at, default, pod};

/// How often the template of a DaemonSet has changed; a field of it once.
pub const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

pub fn template(spec: &mut Value) {
    // What is no template yet has defaults already.
    if spec["template"].is_null() {
        spec["template"] = json!({"metadata": {}, "spec": {}});
    }
    at(spec, "/template/spec", pod::spec);
}

pub fn replica_set(spec: &mut Value) {
    default(spec, "replicas", 1);
    template(spec);
}

/// What its template says goes for the controller, where it says nothing itself.
pub fn replication_controller(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        if object["spec"]["selector"].is_null() {
            object["spec"]["selector"] = labels.clone();
        }
        if object["metadata"]["labels"].is_null() {
            object["metadata"]["labels"] = labels;
        }
    }
    at(object, "/spec", |spec| {
        default(spec, "replicas", 1);
        at(spec, "/template/spec", pod::spec);
    });
}

pub fn deployment(spec: &mut Value) {
    default(spec, "replicas", 1);
    default(spec, "revisionHistoryLimit", 10);
    default(spec, "progressDeadlineSeconds", 600);
    default(&mut spec["strategy"], "type", "RollingUpdate");
    if spec["strategy"]["type"] == "RollingUpdate" {
        default(&mut spec["strategy"]["rollingUpdate"], "maxSurge", "25%");
        default(
            &mut spec["strategy"]["rollingUpdate"],
            "maxUnavailable",
            "25%",
        );
    }
    template(spec);
}

pub fn daemon_set(spec: &mut Value) {
    default(spec, "revisionHistoryLimit", 10);
    default(&mut spec["updateStrategy"], "type", "RollingUpdate");
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        let rolling = &mut spec["updateStrategy"]["rollingUpdate"];
        default(rolling, "maxSurge", 0);
        default(rolling, "maxUnavailable", 1);
    }
    template(spec);
}

pub fn job(spec: &mut Value) {
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        spec["completions"] = 1.into();
    }
    default(spec, "parallelism", 1);
    default(spec, "backoffLimit", 6);
    default(spec, "completionMode", "NonIndexed");
    default(spec, "manualSelector", false);
    default(spec, "podReplacementPolicy", "TerminatingOrFailed");
    default(spec, "suspend", false);
    template(spec);
}

/// A new job selects the pods that are marked with its uid.
pub fn select_own(job: &mut Value) {
    if job["spec"]["manualSelector"] == true {
        return;
    }
    let metadata = &job["metadata"];
    let (uid, name) = (metadata["uid"].clone(), metadata["name"].clone());
    job["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"] = uid.clone();
    for (label, value) in [("controller-uid", uid), ("job-name", name)] {
        let labels = &mut job["spec"]["template"]["metadata"]["labels"];
        labels[format!("batch.kubernetes.io/{label}")] = value.clone();
        labels[label] = value;
    }
    // Where it has no labels, it gets those of its pods.
    if job["metadata"]["labels"].is_null() {
        job["metadata"]["labels"] = job["spec"]["template"]["metadata"]["labels"].clone();
    }
}
