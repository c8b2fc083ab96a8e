mod judging;
mod waiting;

use std::borrow::Borrow;

use serde_json::{Value, json};

use super::*;
use crate::{api::name::PREFLIGHT_OCCASION, runtime::preflight::Occasion};

/// When our patch was stored.
const PATCHED: &str = "2026-11-22T10:00:05Z";

/// An enabled VMRuntime of generation 4, just patched from 3, whose controller has only seen 3 and was ready then.
fn enabled() -> Value {
    json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
        "metadata": {
            "name": "vmruntime", "uid": "u1", "resourceVersion": "40", "generation": 4,
            "managedFields": [
                {"manager": "bmctl", "operation": "Update", "time": PATCHED, "fieldsV1": {"f:spec": {"f:enabled": {}}}},
            ],
        },
        "spec": {"enabled": true},
        "status": {
            "ready": true, "observedGeneration": 3, "phase": "Ready",
            "conditions": [{"type": "Ready", "status": "True", "reason": "EngineReady", "message": "", "observedGeneration": 3}],
            "preflightCheckSummary": {"preflightCheckName": "old", "preflightCheckPassed": true},
        },
    })
}

/// The same with that merged in.
fn with(mut value: Value, change: impl Borrow<Value>) -> Value {
    json_patch::merge(&mut value, change.borrow());
    value
}

/// What [`enabled`] looks like when all is well: seen, ready, and by the new check.
fn ready() -> Value {
    with(
        enabled(),
        json!({"metadata": {"resourceVersion": "50"}, "status": {
            "observedGeneration": 4,
            "conditions": [{"type": "Ready", "status": "True", "reason": "EngineReady", "message": "", "observedGeneration": 4}],
            "preflightCheckSummary": {"preflightCheckName": "new", "preflightCheckPassed": true},
        }}),
    )
}

fn disabled() -> Value {
    with(
        enabled(),
        json!({"metadata": {"resourceVersion": "50"}, "spec": {"enabled": false}, "status": {
            "ready": false, "observedGeneration": 4, "phase": "Disabled",
            "conditions": [{"type": "Ready", "status": "False", "reason": "Disabled", "message": "", "observedGeneration": 4}],
        }}),
    )
}

/// A check that our controller took up.
fn check(name: &str, created: &str, pass: Option<bool>) -> Value {
    let occasion = serde_json::to_string(&Occasion::default()).unwrap();
    let mut check = json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
        "metadata": {
            "name": name, "namespace": "vm-system", "uid": name, "resourceVersion": "45", "creationTimestamp": created,
            "annotations": {PREFLIGHT_OCCASION: occasion},
        },
        "spec": {}, "status": {"startTime": created},
    });
    if let Some(pass) = pass {
        check["status"]["pass"] = pass.into();
        check["status"]["completionTime"] = "2026-11-22T10:01:00Z".into();
        check["status"]["checks"] =
            json!({"n1": {"passed": pass, "results": [{"checkName": "KVM", "passed": pass}]}});
    }
    check
}

fn pod(name: &str, replica_set: &str) -> Value {
    json!({
        "metadata": {"name": name, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "uid": replica_set},
        ]},
        "status": {"phase": "Running"},
    })
}

fn object(raw: Value) -> RuntimeObject {
    RuntimeObject::parse(raw).unwrap()
}

/// What a patch returned.
fn answered(raw: Value) -> Patched {
    Patched {
        runtime: object(raw),
        reread: false,
    }
}

/// A wait that follows a patch from disabled to enabled.
fn after_enabling() -> Wait {
    after_patch(answered(enabled()))
}

fn after_patch(patched: Patched) -> Wait {
    let before = with(
        enabled(),
        json!({"metadata": {"resourceVersion": "39", "generation": 3}, "spec": {"enabled": false}}),
    );
    Wait {
        target: Target::Ready,
        baseline: Some(Baseline::patched(&object(before), patched)),
        fail_fast: true,
    }
}

/// A wait that follows no patch.
fn unchanged(target: Target, raw: Value) -> Wait {
    Wait {
        target,
        baseline: Some(Baseline::unchanged(object(raw))),
        fail_fast: true,
    }
}
