//! What is said in each phase, as a page: `bmctl status`, `kubectl get vmruntime`, two waits and the events, side by side,
//! so that one who reads it sees where they contradict each other.

use std::fmt::Write;

use bmctl::api::{
    Phase,
    name::{CREATION_FENCE_UNTIL, FORCE_DISABLE, SKIP_SCHEDULE},
};
use jiff::{SignedDuration, Timestamp};
use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::{Value, json};

use crate::{
    golden,
    stage::{Ended, Host, MACHINES, Stage, eventually, needs_kubectl},
};

pub fn trials() -> Vec<Trial> {
    vec![needs_kubectl("phases::the_page_shows_what_is_said", page)]
}

const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const KUBEVIRT: &str = "/apis/kubevirt.io/v1/namespaces/vm-system/kubevirts/kubevirt";

fn page() -> Result<(), Failed> {
    let mut text = String::from(
        "# What is said in each phase\n\nGenerated from a sandbox that was brought into each phase and held there. A test compares it with what the \
        program\nsays today. `CHECK`, `PODS`, `TIME` and `N` stand for what is another one each time.\n",
    );
    for phase in Phase::ALL {
        let stage = brought_to(phase)?;
        eventually(&format!("phase {phase}"), || {
            let runtime = stage.read(RUNTIME).map_err(|error| format!("{error:?}"))?;
            let is_there = runtime["status"]["phase"] == phase.to_string().as_str();
            if is_there {
                Ok(())
            } else {
                Err(runtime.to_string())
            }
        })?;
        said(&stage, phase, &mut text)?;
    }
    golden::is_current("docs/phases.md", &text)
}

/// A cluster that comes to this phase and stays there.
fn brought_to(phase: Phase) -> Result<Stage, Failed> {
    match phase {
        Phase::Disabled => Ok(Stage::new()),
        Phase::Ready => Stage::enabled(),
        Phase::Preflight => {
            let stage = Stage::new();
            without_kubelet(&stage)?;
            enable(&stage, true)?;
            Ok(stage)
        }
        Phase::Installing => {
            let stage = Stage::new();
            stage.patch(
                "/api/v1/nodes/worker-0",
                &json!({"metadata": {"labels": {SKIP_SCHEDULE: ""}}}),
            )?;
            without_kubelet(&stage)?;
            enable(&stage, true)?;
            Ok(stage)
        }
        Phase::Degraded => {
            let stage = Stage::with_hosts(&[("worker-0", Host::WithoutKvm)]);
            stage.bmctl(&["enable", "vmruntime"]).exits(3)?;
            Ok(stage)
        }
        Phase::Fencing => {
            let stage = Stage::enabled()?;
            let until = (Timestamp::now() + SignedDuration::from_hours(1)).to_string();
            annotate(&stage, CREATION_FENCE_UNTIL, &until)?;
            Ok(stage)
        }
        Phase::DisableBlocked => {
            let stage = Stage::enabled()?;
            stage.run_machine("web")?;
            enable(&stage, false)?;
            Ok(stage)
        }
        Phase::Draining => {
            let stage = Stage::enabled()?;
            stage.run_machine("web")?;
            hold(&stage, &format!("{MACHINES}/web"))?;
            annotate(&stage, FORCE_DISABLE, "true")?;
            enable(&stage, false)?;
            Ok(stage)
        }
        Phase::Uninstalling => {
            let stage = Stage::enabled()?;
            hold(&stage, KUBEVIRT)?;
            enable(&stage, false)?;
            Ok(stage)
        }
    }
}

fn enable(stage: &Stage, enabled: bool) -> Result<Value, Failed> {
    stage.patch(RUNTIME, &json!({"spec": {"enabled": enabled}}))
}

fn annotate(stage: &Stage, key: &str, value: &str) -> Result<Value, Failed> {
    stage.patch(RUNTIME, &json!({"metadata": {"annotations": {key: value}}}))
}

/// Whatever it is, it does not go.
fn hold(stage: &Stage, path: &str) -> Result<Value, Failed> {
    let object = stage.read(path)?;
    let mut finalizers = object["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    finalizers.push(json!("example.com/hold"));
    stage.patch(path, &json!({"metadata": {"finalizers": finalizers}}))
}

/// A node on which no pod ever runs.
fn without_kubelet(stage: &Stage) -> Result<(), Failed> {
    stage.create(
        "/api/v1/nodes",
        &json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "worker-9", "labels": {"kubernetes.io/os": "linux"}},
        }),
    )?;
    stage.patch(
        "/api/v1/nodes/worker-9/status",
        &json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]}}),
    )?;
    Ok(())
}

fn said(stage: &Stage, phase: Phase, text: &mut String) -> Result<(), Failed> {
    let status = stage.bmctl(&["status"]);
    let headline = status.stdout.lines().next().unwrap_or_default().to_owned();
    let columns =
        "jsonpath=enabled: {.spec.enabled}, ready: {.status.ready}, phase: {.status.phase}";
    let row = stage
        .kubectl(&["get", "vmruntime", "vmruntime", "-o", columns])
        .succeeds()?;
    let ready = stage.bmctl(&["wait", "--for", "ready", "--timeout", "0"]);
    let disabled = stage.bmctl(&["wait", "--for", "disabled", "--timeout", "0"]);
    let _ = write!(
        text,
        "\n## {phase}\n\n| asked | answer |\n|---|---|\n| `bmctl status` | {headline} (exit code {}) |\n\
         | `kubectl get vmruntime` | {} |\n| `bmctl wait --for ready --timeout 0` | {} |\n\
         | `bmctl wait --for disabled --timeout 0` | {} |\n| Event of the VMRuntime | {} |\n",
        status.code.unwrap_or(-1),
        row.stdout,
        answer(&ready),
        answer(&disabled),
        event(stage, phase)?,
    );
    Ok(())
}

/// The result, or what went wrong and why; without hints, and without what is another one each time.
fn answer(ended: &Ended) -> String {
    let reasons = ended.stderr.lines().filter(|line| {
        (line.starts_with("error: ") || line.starts_with("caused by: "))
            && !line.starts_with("caused by: latest warning")
    });
    let result = ended.stdout.lines().rfind(|line| !line.is_empty());
    let lines: Vec<&str> = result.into_iter().chain(reasons).collect();
    let said = lines.join("<br>").replace('|', "\\|");
    let said = [
        ("vmruntime-preflight-check-[0-9a-f-]+", "CHECK"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\b\d+(ms|s)\b", "TIME"),
        // What follows is said after some seconds, and depends on how far the machinery is.
        (r"is running: CHECK[^<(]*", "is running: CHECK "),
        (
            r"missing: (the engine is being installed|KubeVirt is [A-Z][^<]*)",
            "missing: the engine",
        ),
        (r"is being removed[^<(]*", "is being removed "),
        (r"pods left in vm-system: \d+", "pods left in vm-system: N"),
        (
            r"still missing: [^<]*-[a-z0-9]{10}-[a-z0-9]{5}[^<]*( \(exit)?",
            "still missing: PODS",
        ),
    ]
    .into_iter()
    .fold(said, |said, (pattern, word)| {
        Regex::new(pattern)
            .unwrap()
            .replace_all(&said, word)
            .into_owned()
    });
    format!("{said} (exit code {})", ended.code.unwrap_or(-1))
}

/// What the controller says when it comes to the phase. It is written a moment after the status.
fn event(stage: &Stage, phase: Phase) -> Result<String, Failed> {
    let reason = match phase {
        Phase::Disabled | Phase::Preflight | Phase::Installing | Phase::Fencing => {
            return Ok("none".to_owned());
        }
        Phase::Ready => "EngineReady",
        Phase::DisableBlocked => "WorkloadsExist",
        Phase::Draining => "Draining",
        Phase::Uninstalling => "EngineUninstalling",
        Phase::Degraded => "PreflightFailed",
    };
    eventually(&format!("an event {reason}"), || {
        let list = stage
            .read("/api/v1/namespaces/default/events")
            .map_err(|error| format!("{error:?}"))?;
        let mut events = list["items"].as_array().into_iter().flatten();
        let event = events
            .find(|event| event["reason"] == reason)
            .ok_or_else(|| list.to_string())?;
        let kind = event["type"].as_str().unwrap_or_default();
        let message = event["message"].as_str().unwrap_or_default();
        let check = Regex::new("vmruntime-preflight-check-[0-9a-f-]+").unwrap();
        Ok(format!(
            "{kind} {reason}: {}",
            check.replace_all(message, "CHECK")
        ))
    })
}
