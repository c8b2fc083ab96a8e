//! The row of a pod: one word for what its containers do.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, condition_holds, integer, list, name, size, text, text_or},
};
use crate::presentation::age;

pub(super) const COLUMNS: &[Definition] = &[
    ("Name", "string", 0),
    ("Ready", "string", 0),
    ("Status", "string", 0),
    ("Restarts", "string", 0),
    ("Age", "string", 0),
    ("IP", "string", 1),
    ("Node", "string", 1),
    ("Nominated Node", "string", 1),
    ("Readiness Gates", "string", 1),
];

pub(super) fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let summary = summarize(pod);
    let restarts = match (summary.restarts, summary.last_restart) {
        (0, _) | (_, None) => summary.restarts.to_string(),
        (restarts, Some(last)) => format!("{restarts} ({} ago)", age::between(last, now)),
    };
    let gates = list(pod, "/spec/readinessGates");
    let open = gates
        .iter()
        .filter(|gate| condition_holds(pod, text(gate, "/conditionType")))
        .count();
    vec![
        name(pod),
        format!("{}/{}", summary.ready, summary.containers).into(),
        summary.reason.into(),
        restarts.into(),
        age_of(pod, now),
        text_or(pod, "/status/podIP", "<none>"),
        text_or(pod, "/spec/nodeName", "<none>"),
        text_or(pod, "/status/nominatedNodeName", "<none>"),
        if gates.is_empty() {
            "<none>".into()
        } else {
            format!("{open}/{}", gates.len()).into()
        },
    ]
}

struct Summary {
    reason: String,
    containers: usize,
    ready: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl Summary {
    fn count_restarts(&mut self, status: &Value) {
        self.restarts += integer(status, "/restartCount");
        let finished = text(status, "/lastState/terminated/finishedAt")
            .parse()
            .ok();
        self.last_restart = self.last_restart.max(finished);
    }
}

fn summarize(pod: &Value) -> Summary {
    let reason = match (text(pod, "/status/reason"), text(pod, "/status/phase")) {
        ("", phase) => phase,
        (reason, _) => reason,
    };
    let gated = list(pod, "/status/conditions").iter().any(|condition| {
        text(condition, "/type") == "PodScheduled"
            && text(condition, "/reason") == "SchedulingGated"
    });
    let sidecars: Vec<&str> = list(pod, "/spec/initContainers")
        .iter()
        .filter(|container| text(container, "/restartPolicy") == "Always")
        .map(|container| text(container, "/name"))
        .collect();
    let mut summary = Summary {
        reason: if gated { "SchedulingGated" } else { reason }.to_owned(),
        containers: size(pod, "/spec/containers") + sidecars.len(),
        ready: 0,
        restarts: 0,
        last_restart: None,
    };
    let mut sidecar_summary = Summary {
        reason: String::new(),
        containers: 0,
        ready: 0,
        restarts: 0,
        last_restart: None,
    };
    let initializing =
        summarize_init_containers(pod, &sidecars, &mut summary, &mut sidecar_summary);
    if !initializing || condition_holds(pod, "Initialized") {
        summary.restarts = sidecar_summary.restarts;
        summary.last_restart = sidecar_summary.last_restart;
        summarize_containers(pod, &mut summary);
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        if text(pod, "/status/reason") == "NodeLost" {
            "Unknown".clone_into(&mut summary.reason);
        } else if !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

/// Is the pod still initializing?
fn summarize_init_containers(
    pod: &Value,
    sidecars: &[&str],
    summary: &mut Summary,
    sidecar_summary: &mut Summary,
) -> bool {
    for (index, status) in list(pod, "/status/initContainerStatuses")
        .iter()
        .enumerate()
    {
        summary.count_restarts(status);
        let is_sidecar = sidecars.contains(&text(status, "/name"));
        if is_sidecar {
            sidecar_summary.count_restarts(status);
        }
        let terminated = status.pointer("/state/terminated");
        let waiting = text(status, "/state/waiting/reason");
        if terminated.is_some_and(|state| integer(state, "/exitCode") == 0) {
            continue;
        }
        if is_sidecar && status.pointer("/started") == Some(&Value::Bool(true)) {
            summary.ready += usize::from(status.pointer("/ready") == Some(&Value::Bool(true)));
            continue;
        }
        summary.reason = match terminated {
            Some(state) => format!("Init:{}", exit_reason(state)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => {
                format!("Init:{waiting}")
            }
            None => format!("Init:{index}/{}", size(pod, "/spec/initContainers")),
        };
        return true;
    }
    false
}

fn summarize_containers(pod: &Value, summary: &mut Summary) {
    let mut has_running = false;
    for status in list(pod, "/status/containerStatuses").iter().rev() {
        summary.count_restarts(status);
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() {
            waiting.clone_into(&mut summary.reason);
        } else if let Some(state) = status.pointer("/state/terminated") {
            summary.reason = exit_reason(state);
        } else if status.pointer("/ready") == Some(&Value::Bool(true))
            && status.pointer("/state/running").is_some()
        {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" && has_running {
        let word = if condition_holds(pod, "Ready") {
            "Running"
        } else {
            "NotReady"
        };
        word.clone_into(&mut summary.reason);
    }
}

fn exit_reason(terminated: &Value) -> String {
    match (text(terminated, "/reason"), integer(terminated, "/signal")) {
        ("", 0) => format!("ExitCode:{}", integer(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}
