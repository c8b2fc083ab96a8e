//! What is said in each phase, as a page: `bmctl status`, `kubectl get vmruntime`, two waits and the events, side by side,
//! so that one who reads it sees where they contradict each other.

use std::{collections::BTreeSet, fmt::Write};

use bmctl::api::{
    Phase,
    name::{CREATION_FENCE_UNTIL, FORCE_DISABLE},
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
const KUBEVIRT: &str = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts/kubevirt";

fn page() -> Result<(), Failed> {
    let mut text = String::from(
        "# What is said in each phase\n\nGenerated from a sandbox that was brought into each phase and held there. A test compares it with what the \
        program\nsays today. `CHECK` stands for the name of a preflight check.\n",
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
            let stage = Stage::enabled()?;
            without_kubelet(&stage)?;
            Ok(stage)
        }
        Phase::Installing => {
            let stage = Stage::with_hosts(&[]);
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
    let row = stage
        .kubectl(&["get", "vmruntime", "--no-headers"])
        .succeeds()?;
    let row: Vec<&str> = row.stdout.split_whitespace().collect();
    // The last one is its age.
    let row = row[..row.len().saturating_sub(1)].join(" ");
    let ready = stage.bmctl(&["wait", "--for", "ready", "--timeout", "0"]);
    let disabled = stage.bmctl(&["wait", "--for", "disabled", "--timeout", "0"]);
    let _ = write!(
        text,
        "\n## {phase}\n\n| asked | answer |\n|---|---|\n| `bmctl status` | {headline} (exit code {}) |\n\
         | `kubectl get vmruntime` | {row} |\n| `bmctl wait --for ready --timeout 0` | {} |\n\
         | `bmctl wait --for disabled --timeout 0` | {} |\n| events | {} |\n",
        status.code.unwrap_or(-1),
        answer(&ready),
        answer(&disabled),
        events(stage)?,
    );
    Ok(())
}

/// What went wrong and why, or the result; without hints.
fn answer(ended: &Ended) -> String {
    let reasons = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: ") || line.starts_with("caused by: "));
    let lines: Vec<&str> = ended.stdout.lines().take(1).chain(reasons).collect();
    let checks = Regex::new("vmruntime-preflight-check-[0-9a-f-]+").unwrap();
    let times = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|\b\d+(ms|s)\b").unwrap();
    let said = lines.join("<br>").replace('|', "\\|");
    let said = checks.replace_all(&said, "CHECK");
    let said = times.replace_all(&said, "TIME");
    format!("{said} (exit code {})", ended.code.unwrap_or(-1))
}

fn events(stage: &Stage) -> Result<String, Failed> {
    let list = stage.read("/api/v1/namespaces/default/events")?;
    let reasons: BTreeSet<&str> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| event["involvedObject"]["kind"] == "VMRuntime")
        .filter_map(|event| event["reason"].as_str())
        .collect();
    Ok(reasons.into_iter().collect::<Vec<_>>().join(", "))
}
