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
    test_cluster::{Ended, Host, MACHINES, TestCluster, eventually, needs_kubectl},
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
        let test_cluster = brought_to(phase)?;
        eventually(&format!("phase {phase}"), || {
            let runtime = test_cluster
                .read(RUNTIME)
                .map_err(|error| format!("{error:?}"))?;
            let is_there = runtime["status"]["phase"] == phase.to_string().as_str();
            if is_there {
                Ok(())
            } else {
                Err(runtime.to_string())
            }
        })?;
        said(&test_cluster, phase, &mut text)?;
    }
    golden::is_current("docs/phases.md", &text)
}

/// A cluster that comes to this phase and stays there.
fn brought_to(phase: Phase) -> Result<TestCluster, Failed> {
    match phase {
        Phase::Disabled => Ok(TestCluster::new()),
        Phase::Ready => TestCluster::enabled(),
        Phase::Preflight => {
            let test_cluster = TestCluster::new();
            without_kubelet(&test_cluster)?;
            enable(&test_cluster, true)?;
            Ok(test_cluster)
        }
        Phase::Installing => {
            let test_cluster = TestCluster::new();
            test_cluster.patch(
                "/api/v1/nodes/worker-0",
                &json!({"metadata": {"labels": {SKIP_SCHEDULE: ""}}}),
            )?;
            without_kubelet(&test_cluster)?;
            enable(&test_cluster, true)?;
            Ok(test_cluster)
        }
        Phase::Degraded => {
            let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
            test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
            Ok(test_cluster)
        }
        Phase::Fencing => {
            let test_cluster = TestCluster::enabled()?;
            let until = (Timestamp::now() + SignedDuration::from_hours(1)).to_string();
            annotate(&test_cluster, CREATION_FENCE_UNTIL, &until)?;
            Ok(test_cluster)
        }
        Phase::DisableBlocked => {
            let test_cluster = TestCluster::enabled()?;
            test_cluster.run_machine("web")?;
            enable(&test_cluster, false)?;
            Ok(test_cluster)
        }
        Phase::Draining => {
            let test_cluster = TestCluster::enabled()?;
            test_cluster.run_machine("web")?;
            hold(&test_cluster, &format!("{MACHINES}/web"))?;
            annotate(&test_cluster, FORCE_DISABLE, "true")?;
            enable(&test_cluster, false)?;
            Ok(test_cluster)
        }
        Phase::Uninstalling => {
            let test_cluster = TestCluster::enabled()?;
            hold(&test_cluster, KUBEVIRT)?;
            enable(&test_cluster, false)?;
            Ok(test_cluster)
        }
    }
}

fn enable(test_cluster: &TestCluster, enabled: bool) -> Result<Value, Failed> {
    test_cluster.patch(RUNTIME, &json!({"spec": {"enabled": enabled}}))
}

fn annotate(test_cluster: &TestCluster, key: &str, value: &str) -> Result<Value, Failed> {
    test_cluster.patch(RUNTIME, &json!({"metadata": {"annotations": {key: value}}}))
}

/// Whatever it is, it does not go.
fn hold(test_cluster: &TestCluster, path: &str) -> Result<Value, Failed> {
    let object = test_cluster.read(path)?;
    let mut finalizers = object["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    finalizers.push(json!("example.com/hold"));
    test_cluster.patch(path, &json!({"metadata": {"finalizers": finalizers}}))
}

/// A node on which no pod ever runs.
fn without_kubelet(test_cluster: &TestCluster) -> Result<(), Failed> {
    test_cluster.create(
        "/api/v1/nodes",
        &json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "worker-9", "labels": {"kubernetes.io/os": "linux"}},
        }),
    )?;
    test_cluster.patch(
        "/api/v1/nodes/worker-9/status",
        &json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]}}),
    )?;
    Ok(())
}

fn said(test_cluster: &TestCluster, phase: Phase, text: &mut String) -> Result<(), Failed> {
    let status = test_cluster.bmctl(&["status"]);
    let headline = status.stdout.lines().next().unwrap_or_default().to_owned();
    let columns =
        "jsonpath=enabled: {.spec.enabled}, ready: {.status.ready}, phase: {.status.phase}";
    let row = test_cluster
        .kubectl(&["get", "vmruntime", "vmruntime", "-o", columns])
        .succeeds()?;
    let ready = test_cluster.bmctl(&["wait", "--for", "ready", "--timeout", "0"]);
    let disabled = test_cluster.bmctl(&["wait", "--for", "disabled", "--timeout", "0"]);
    let _ = write!(
        text,
        "\n## {phase}\n\n| asked | answer |\n|---|---|\n| `bmctl status` | {headline} (exit code {}) |\n\
         | `kubectl get vmruntime` | {} |\n| `bmctl wait --for ready --timeout 0` | {} |\n\
         | `bmctl wait --for disabled --timeout 0` | {} |\n| Event of the VMRuntime | {} |\n",
        status.code.unwrap_or(-1),
        row.stdout,
        answer(&ready),
        answer(&disabled),
        event(test_cluster, phase)?,
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
fn event(test_cluster: &TestCluster, phase: Phase) -> Result<String, Failed> {
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
        let list = test_cluster
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
