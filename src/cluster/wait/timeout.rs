//! The time is over: what was waited for, how far it came, and what is still missing.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use kube::{Api, Client, api::ListParams};

use super::{Target, Wait};
use crate::{
    api::name::{SYSTEM_NAMESPACE, VMRUNTIME},
    cluster::{list, retry::Retry},
    failure::{Failure, Kind, Reason},
};

/// The last look was not answered either.
pub(super) struct Silence {
    /// For how long nothing had been heard.
    pub quiet: Duration,
    pub why: String,
}

/// With the latest warning of the cluster, if that can be read at once.
pub(super) async fn with_warning(client: &Client, wait: &Wait, failure: Failure) -> Failure {
    match latest_warning(client, wait).await {
        Some(warning) => failure.caused_by(format!("latest warning: {warning}")),
        None => failure,
    }
}

pub(super) fn summary(
    wait: &Wait,
    elapsed: Duration,
    phase: Option<String>,
    missing: Vec<String>,
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
    let missing = missing
        .into_iter()
        .map(|line| format!("still missing: {line}"));
    failure.causes.extend(missing);
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

/// Events of cluster-scoped objects are in namespace `default`.
async fn latest_warning(client: &Client, wait: &Wait) -> Option<String> {
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
    let when = |event: &Event| {
        let times = [
            event.last_timestamp.as_ref().map(|time| time.0),
            event.event_time.as_ref().map(|time| time.0),
            event
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0),
        ];
        times.into_iter().flatten().max()
    };
    let latest = events.into_iter().max_by_key(when)?;
    let words = [latest.reason, latest.message];
    Some(words.into_iter().flatten().collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

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
