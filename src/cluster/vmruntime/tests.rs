use std::sync::{Arc, Mutex};

use super::*;
use crate::cluster::script::{self, Answer, Call};

fn runtime(version: u64, enabled: bool) -> Value {
    json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
        "metadata": {"name": "vmruntime", "uid": "u1", "resourceVersion": version.to_string(), "generation": 3},
        "spec": {"enabled": enabled, "haPolicy": {"defaultRecoveryStrategy": "Reschedule"}},
    })
}

fn parsed(raw: Value) -> RuntimeObject {
    RuntimeObject::parse(raw).unwrap()
}

#[test]
fn what_we_do_not_know_does_not_hide_what_we_know() {
    let mut raw = runtime(5, true);
    raw["spec"]["vmImageFormat"] = "vmdk".into();
    raw["spec"]["useEmulation"] = true.into();
    raw["status"] = json!({
        "ready": true,
        "conditions": [{"type": "Ready", "status": "Perhaps"}],
        "preflightCheckSummary": {"preflightCheckName": "check-1"},
        "phase": {"new": "shape"},
    });
    let object = parsed(raw);
    assert!(object.object.spec.enabled && object.object.spec.use_emulation);
    assert_eq!(object.status().ready, Some(true));
    let [ready] = object.status().conditions.try_into().unwrap();
    assert_eq!(
        (ready.type_.as_str(), ready.status.as_bool()),
        ("Ready", None)
    );
    assert_eq!(object.check_name().as_deref(), Some("check-1"));
    assert_eq!(
        (object.uid(), object.resource_version(), object.generation()),
        ("u1", "5", 3)
    );
}

#[test]
fn what_decisions_hang_on_must_be_readable() {
    let mut odd = runtime(5, true);
    odd["spec"]["enabled"] = "yes".into();
    let mut nameless = runtime(5, true);
    nameless["metadata"] = json!({"name": "vmruntime"});
    for raw in [odd, nameless, json!({}), json!([1])] {
        assert_eq!(
            RuntimeObject::parse(raw).unwrap_err().kind,
            Kind::Incomplete
        );
    }
    let mut without = runtime(5, true);
    without["spec"] = Value::Null;
    assert!(
        !parsed(without).object.spec.enabled,
        "the default of the field"
    );
}

#[test]
fn the_last_writer_of_a_field_is_known_by_managed_fields() {
    let mut raw = runtime(5, true);
    raw["metadata"]["managedFields"] = json!([
        {"manager": "bmctl", "operation": "Update", "time": "2026-11-22T10:00:00Z", "fieldsV1": {"f:spec": {"f:enabled": {}}}},
        {"manager": "kubectl-edit", "operation": "Update", "time": "2026-11-22T10:00:05Z", "fieldsV1": {"f:spec": {"f:enabled": {}}}},
        {"manager": "bmctl", "operation": "Update", "time": "2026-11-22T10:00:09Z", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]);
    let object = parsed(raw);
    assert_eq!(
        object.writer(&["spec", "enabled"]).as_deref(),
        Some("kubectl-edit")
    );
    assert_eq!(object.writer(&["spec", "useEmulation"]), None);
    assert_eq!(
        object.written_by("bmctl").unwrap().to_string(),
        "2026-11-22T10:00:00Z"
    );
}

/// A server that conflicts once, and shows another object afterwards.
fn conflicting(then: Value) -> (kube::Client, Arc<Mutex<Vec<Call>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let client = script::client(move |call| {
        let mut calls = seen.lock().unwrap();
        calls.push(call.clone());
        let version = call.body["metadata"]["resourceVersion"].as_str();
        match call.method.as_str() {
            "PATCH" if version == Some("5") => {
                Answer::status(409, "Conflict", "the object has been modified")
            }
            "PATCH" => {
                let mut stored = then.clone();
                json_patch::merge(&mut stored, &json!({"spec": call.body["spec"]}));
                Answer::json(&stored)
            }
            _ => Answer::json(&then),
        }
    });
    (client, calls)
}

const ENABLE: SpecChange = SpecChange {
    enabled: Some(true),
    use_emulation: None,
    vm_image_format: None,
};

async fn patched(then: Value) -> (Result<Patched, Failure>, Vec<Call>) {
    let (client, calls) = conflicting(then);
    let read = parsed(runtime(5, false));
    let result = patch(&client, &Retry::once(), &read, &ENABLE, DryRun::No).await;
    let calls = calls.lock().unwrap().clone();
    (result, calls)
}

#[tokio::test]
async fn only_what_was_asked_is_sent_with_a_precondition() {
    let (_, calls) = patched(runtime(6, false)).await;
    assert_eq!(
        calls[0].body,
        json!({"metadata": {"uid": "u1", "resourceVersion": "5"}, "spec": {"enabled": true}})
    );
    assert_eq!(calls[0].query("fieldManager").as_deref(), Some("bmctl"));
    assert_eq!(calls[0].query("dryRun"), None);
}

#[tokio::test]
async fn an_unrelated_change_is_no_conflict() {
    let mut then = runtime(6, false);
    then["metadata"]["labels"] = json!({"team": "a"});
    then["status"] = json!({"ready": false});
    let (result, calls) = patched(then).await;
    assert!(result.unwrap().runtime.object.spec.enabled);
    assert_eq!(calls.len(), 3, "patch, read, patch");
}

#[tokio::test]
async fn a_change_that_was_carried_out_already_is_done() {
    let (result, calls) = patched(runtime(6, true)).await;
    assert!(result.unwrap().runtime.object.spec.enabled);
    assert_eq!(calls.len(), 2, "patch, read");
}

#[tokio::test]
async fn another_spec_annotation_or_object_is_a_conflict() {
    let mut spec = runtime(6, false);
    spec["spec"]["useEmulation"] = true.into();
    spec["metadata"]["managedFields"] = json!([
        {"manager": "argocd", "time": "2026-11-22T10:00:00Z", "fieldsV1": {"f:spec": {"f:useEmulation": {}}}},
    ]);
    let mut annotation = runtime(6, false);
    annotation["metadata"]["annotations"] = json!({FORCE_DISABLE: "true"});
    let mut other = runtime(6, false);
    other["metadata"]["uid"] = "u2".into();
    for (then, cause) in [
        (spec, Some("spec.useEmulation: unset → true, by argocd")),
        (
            annotation,
            Some(
                r#"metadata.annotations["baremetal.cluster.gke.io/vmrumtime-force-disable"]: unset → true"#,
            ),
        ),
        (other, Some("it was deleted and created again")),
    ] {
        let failure = patched(then).await.0.unwrap_err();
        assert_eq!(failure.kind, Kind::Conflict);
        assert_eq!(failure.causes.first().map(String::as_str), cause);
    }
}

#[tokio::test]
async fn what_is_not_installed_is_said_so() {
    for (answer, reason) in [
        (Answer::not_served(), Reason::NotServed),
        (
            Answer::status(
                404,
                "NotFound",
                "vmruntimes.vm.cluster.gke.io \"vmruntime\" not found",
            ),
            Reason::NotFound,
        ),
    ] {
        let client = script::client(move |call| match call.path.as_str() {
            path if path.ends_with("/vmruntimes/vmruntime") => answer.clone(),
            _ => Answer::nothing_served(call),
        });
        let failure = get(&client, &Retry::once()).await.unwrap_err();
        assert_eq!((failure.kind, failure.reason), (Kind::NotInstalled, reason));
        assert_eq!(failure.hints.len(), 1);
    }
}

#[test]
fn only_what_differs_is_changed() {
    let spec = VMRuntimeSpec::default();
    let of = |enabled, use_emulation, vm_image_format| SpecChange {
        enabled,
        use_emulation,
        vm_image_format,
    };
    let raw = Some(ImageFormat::Raw);
    let qcow2 = Some(ImageFormat::Qcow2);
    for (asked, changed) in [
        (of(None, None, None), of(None, None, None)),
        (of(Some(false), Some(false), raw), of(None, None, None)),
        (of(Some(true), None, raw), of(Some(true), None, None)),
        (of(None, Some(true), raw), of(None, Some(true), None)),
        (of(None, Some(true), qcow2), of(None, Some(true), qcow2)),
    ] {
        assert_eq!(asked.differing_from(&spec), changed, "{asked:?}");
    }
}

#[test]
fn what_the_answer_does_not_hold_was_not_kept() {
    let asked = SpecChange {
        enabled: Some(true),
        use_emulation: Some(true),
        vm_image_format: Some(ImageFormat::Raw),
    };
    let of = |spec: Value| {
        let mut raw = runtime(6, true);
        raw["spec"] = spec;
        parsed(raw)
    };
    for (spec, lost) in [
        // What is absent is as its default says.
        (json!({"enabled": true, "useEmulation": true}), ""),
        (
            json!({"enabled": true, "useEmulation": true, "vmImageFormat": "raw", "haPolicy": {}}),
            "",
        ),
        (
            json!({"enabled": true}),
            "the cluster did not keep spec.useEmulation: spec.useEmulation is unset in its answer, not true as asked",
        ),
        (
            json!({"enabled": false, "useEmulation": false}),
            "the cluster did not keep spec.enabled and spec.useEmulation: spec.enabled is false in its answer, not true as \
             asked: spec.useEmulation is false in its answer, not true as asked",
        ),
    ] {
        let failure = kept(asked, &of(spec.clone())).err();
        let said = failure.as_ref().map(ToString::to_string);
        assert_eq!(said.unwrap_or_default(), lost, "{spec}");
        if let Some(failure) = failure {
            assert_eq!(
                (failure.kind, failure.reason, failure.retryable),
                (Kind::Refused, Reason::NotKept, false)
            );
        }
    }
    assert!(kept(SpecChange::default(), &of(Value::Null)).is_ok());
}
