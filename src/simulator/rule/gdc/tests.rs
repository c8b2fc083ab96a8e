//! The decisions of Google's controller, without an API server.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    api::name::SKIP_SCHEDULE,
    simulator::{NodeProfile, builder::known, step::Action},
};

fn meta(name: &str, namespace: &str) -> Value {
    json!({"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1", "generation": 1})
}

/// A cluster of the newest release with a controller that is up, node `a`, and these objects.
fn cluster(objects: &[(Kind, Value)]) -> ClusterState {
    let mut cluster = ClusterState::new(vec![NodeProfile::pretend("a")], "v1".to_owned());
    cluster.gdc = Some(Release::newest());
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let own = [
        (
            Kind::Deployment,
            json!({"metadata": meta(CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE), "spec": {"replicas": 1},
                "status": {"observedGeneration": 1, "availableReplicas": 1}}),
        ),
        (
            Kind::Node,
            json!({"metadata": meta("a", ""), "status": {"conditions": ready}}),
        ),
    ];
    for (kind, object) in own.iter().chain(objects) {
        cluster.tell(*kind, &Arc::new(known(object.clone())));
    }
    cluster
}

fn vmruntime(enabled: bool, annotation: &str) -> (Kind, Value) {
    let mut metadata = meta(VMRUNTIME, "");
    metadata["annotations"] = json!({FORCE_DISABLE: annotation});
    (
        Kind::Runtime,
        json!({"metadata": metadata, "spec": {"enabled": enabled}}),
    )
}

fn gvm() -> (Kind, Value) {
    (
        Kind::ProductMachine,
        json!({"metadata": meta("db", "default"), "spec": {"disks": [{"virtualMachineDiskName": "boot"}]}}),
    )
}

fn disk() -> (Kind, Value) {
    (
        Kind::ProductDisk,
        json!({"metadata": meta("boot", "default")}),
    )
}

/// What is created and deleted, by name.
fn done(cluster: &ClusterState) -> Vec<String> {
    let subject = cluster.find(Kind::Runtime, "", VMRUNTIME).unwrap().clone();
    let steps = runtime(cluster, &subject);
    steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Create { kind, .. } => Some(format!("create {}", kind.name())),
            Action::Delete { of, .. } => Some(format!("delete {}", of.key.name)),
            Action::Status { .. }
            | Action::Patch { .. }
            | Action::Adopt { .. }
            | Action::Bind { .. }
            | Action::Ask { .. }
            | Action::Tell { .. } => None,
        })
        .collect()
}

#[test]
fn machines_go_only_where_the_annotation_says_exactly_true() {
    for (annotation, expected) in [
        ("true", vec!["delete db", "delete boot"]),
        ("false", Vec::new()),
        ("True", Vec::new()),
        ("", Vec::new()),
    ] {
        let cluster = cluster(&[vmruntime(false, annotation), gvm(), disk()]);
        assert_eq!(done(&cluster), expected, "{annotation:?}");
    }
    let enabled = cluster(&[vmruntime(true, "true"), gvm(), disk()]);
    assert!(!done(&enabled).contains(&"delete db".to_owned()));
}

#[test]
fn a_change_of_the_spec_makes_a_check_once() {
    let mut cluster = cluster(&[vmruntime(true, "false")]);
    let made = "create VMRuntimePreflightCheck".to_owned();
    assert!(done(&cluster).contains(&made));
    let name = check::start(
        &cluster,
        cluster.find(Kind::Runtime, "", VMRUNTIME).unwrap(),
    );
    let Some(Action::Create { object, .. }) = name.map(|step| step.action) else {
        panic!("a check was expected");
    };
    let mut there = serde_json::to_value(&*object).unwrap();
    json_patch::merge(
        &mut there,
        &json!({"metadata": {"uid": "c"}, "status": {"pass": true, "checks": {"a": {"passed": true}}}}),
    );
    let there = Arc::new(known(there));
    cluster.tell(Kind::PreflightCheck, &there);
    assert!(!done(&cluster).contains(&made));
    // Also where somebody deletes it.
    cluster.tell_gone(Kind::PreflightCheck, &there);
    assert!(!done(&cluster).contains(&made));
}

#[test]
fn a_node_that_the_latest_check_has_left_out_makes_another_one() {
    let generation_one = check::start(&cluster(&[]), &Arc::new(known(vmruntime(true, "false").1)));
    let Some(Action::Create { object, .. }) = generation_one.map(|step| step.action) else {
        panic!("a check was expected");
    };
    let mut first = serde_json::to_value(&*object).unwrap();
    json_patch::merge(
        &mut first,
        &json!({"metadata": {"uid": "c"}, "status": {"pass": true, "checks": {"a": {"passed": true}}}}),
    );
    for (labels, expected) in [(json!({SKIP_SCHEDULE: ""}), false), (json!({}), true)] {
        let mut metadata = meta("b", "");
        metadata["labels"] = labels;
        let cluster = cluster(&[
            vmruntime(true, "false"),
            (Kind::PreflightCheck, first.clone()),
            (Kind::Node, json!({"metadata": metadata})),
        ]);
        let found = done(&cluster).contains(&"create VMRuntimePreflightCheck".to_owned());
        assert_eq!(found, expected);
    }
}
