//! The time is over: what was waited for, how far it came, what is still missing, and the latest warning about it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::{Api, Client, api::ListParams};

use super::{Target, Wait, judge::Waiting, snapshot::Snapshot};
use crate::{
    api::{
        Condition,
        name::{SYSTEM_NAMESPACE, VMRUNTIME},
    },
    cluster::{list, retry::Retry},
    failure::{Failure, Kind, Reason},
};

/// The last look was not answered either.
pub(super) struct Silence {
    /// For how long nothing had been heard.
    pub quiet: Duration,
    pub why: String,
}

pub(super) fn summary(
    wait: &Wait,
    elapsed: Duration,
    phase: Option<String>,
    waiting: Waiting,
    silence: Option<Silence>,
) -> Failure {
    let target = match &wait.target {
        Target::Ready => "vmruntime to be ready".to_owned(),
        Target::Disabled => "vmruntime to be disabled".to_owned(),
        Target::Preflight { name } => format!("preflight check {name} to finish"),
    };
    let mut failure = Failure::new(
        Kind::TimedOut,
        Reason::TimedOut,
        format!("timed out after {} waiting for {target}", spoken(elapsed)),
    );
    failure.causes.extend(silence.map(|Silence { quiet, why }| {
        let quiet = spoken(quiet);
        format!("nothing heard for {quiet}, and the last look failed: {why}; what follows is older")
    }));
    failure
        .causes
        .extend(phase.map(|phase| format!("last state: {phase}")));
    let missing = waiting.missing.into_iter().chain(waiting.names);
    failure
        .causes
        .extend(missing.map(|line| format!("still missing: {line}")));
    failure
}

/// For example `1m30s`.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, 0) => format!("{minutes}m"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// The latest warning that may still be a cause, if it can be read at once. Events of cluster-scoped objects are in
/// namespace `default`.
pub(super) async fn latest_warning(
    client: &Client,
    wait: &Wait,
    snapshot: &Snapshot,
) -> Option<String> {
    /// The wait is over: nobody waits long for an extra.
    const LIMIT: Duration = Duration::from_secs(3);
    let (namespace, name) = match &wait.target {
        Target::Ready | Target::Disabled => ("default", VMRUNTIME),
        Target::Preflight { name } => (SYSTEM_NAMESPACE, name.as_str()),
    };
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let of_object = format!("type=Warning,involvedObject.name={name}");
    let parameters = ListParams::default().fields(&of_object);
    let once = Retry::once();
    let listing = list::objects(&api, &parameters, &once, "list events");
    let events = tokio::time::timeout(LIMIT, listing).await.ok()?.ok()?;
    let conditions = snapshot
        .runtime()
        .map(|runtime| runtime.status().conditions);
    let change = wait
        .baseline
        .as_ref()
        .and_then(|baseline| baseline.change.as_ref());
    let rule = Quoting {
        since: change.and_then(|change| change.at),
        conditions: conditions.as_deref().unwrap_or_default(),
    };
    rule.latest(events)
}

/// Which events may be quoted as a cause.
struct Quoting<'a> {
    /// When our change was stored: what was reported before is not about it.
    since: Option<Timestamp>,
    /// What holds now. Our controller gives an event and the condition that it is about the same reason.
    conditions: &'a [Condition],
}

impl Quoting<'_> {
    fn latest(&self, events: Vec<Event>) -> Option<String> {
        let quoted = events
            .into_iter()
            .filter_map(|event| Some((told(&event)?, event)))
            .filter(|(at, event)| self.since.is_none_or(|since| *at >= since) && self.holds(event));
        let (at, latest) = quoted.max_by_key(|(at, _)| *at)?;
        let words = [latest.reason, latest.message];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
        Some(format!("{words} ({at})"))
    }

    /// Where nothing is published nothing contradicts it.
    fn holds(&self, event: &Event) -> bool {
        let mut reasons = self.conditions.iter().map(|condition| &condition.reason);
        self.conditions.is_empty() || reasons.any(|reason| Some(reason) == event.reason.as_ref())
    }
}

/// When it was reported last.
fn told(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref();
    let times = [
        event.last_timestamp.as_ref().map(|time| time.0),
        event.event_time.as_ref().map(|time| time.0),
        series.and_then(|series| series.last_observed_time.as_ref().map(|time| time.0)),
        event
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0),
    ];
    times.into_iter().flatten().max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(reason: &str, at: &str) -> Event {
        serde_json::from_value(json!({
            "metadata": {}, "involvedObject": {}, "reason": reason, "message": "no", "lastTimestamp": at,
        }))
        .unwrap()
    }

    #[test]
    fn only_a_warning_of_now_is_quoted() {
        const OLD: &str = "2026-11-23T09:49:00Z";
        const CHANGE: &str = "2026-11-23T10:00:00Z";
        const NEW: &str = "2026-11-23T10:00:30Z";
        let holding = [Condition {
            type_: "Degraded".to_owned(),
            reason: "StepFailed".to_owned(),
            ..Condition::default()
        }];
        let change: Timestamp = CHANGE.parse().unwrap();
        let step_failed = Some("StepFailed: no (2026-11-23T10:00:30Z)".to_owned());
        for (case, since, conditions, events, expected) in [
            (
                "old",
                Some(change),
                &holding[..],
                vec![event("StepFailed", OLD)],
                None,
            ),
            (
                "over",
                Some(change),
                &holding,
                vec![event("Forbidden", NEW)],
                None,
            ),
            (
                "new, and so",
                Some(change),
                &holding,
                vec![
                    event("StepFailed", NEW),
                    event("Forbidden", "2026-11-23T10:00:40Z"),
                ],
                step_failed.clone(),
            ),
            (
                "of the second of the change",
                Some(change),
                &holding,
                vec![event("StepFailed", CHANGE)],
                Some("StepFailed: no (2026-11-23T10:00:00Z)".to_owned()),
            ),
            (
                "of a controller that publishes no conditions",
                Some(change),
                &[],
                vec![event("StepFailed", NEW), event("Else", OLD)],
                step_failed.clone(),
            ),
            (
                "nothing was changed",
                None,
                &holding,
                vec![event("StepFailed", NEW), event("Forbidden", OLD)],
                step_failed,
            ),
        ] {
            assert_eq!(
                Quoting { since, conditions }.latest(events),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn a_warning_that_is_told_again_is_as_new_as_the_last_time() {
        let mut again = event("StepFailed", "2026-11-23T09:49:00Z");
        again.series =
            serde_json::from_value(json!({"lastObservedTime": "2026-11-23T10:00:30.000000Z"}))
                .unwrap();
        assert_eq!(told(&again), Some("2026-11-23T10:00:30Z".parse().unwrap()));
    }

    #[test]
    fn durations_are_spoken_as_kubectl_does() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (90, "1m30s"),
            (600, "10m"),
        ] {
            assert_eq!(spoken(Duration::from_secs(seconds)), expected);
        }
    }
}
