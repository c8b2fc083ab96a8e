//! What stands in the way of a wait, beside what the VMRuntime says: looked for when it takes longer than usual, and once
//! more when the time is over.

use std::time::Duration;

use kube::Client;
use tokio::time::Instant;

use super::{
    Target, Wait,
    judge::{is_foreign, lag},
    snapshot::Snapshot,
};
use crate::cluster::{
    retry::Retry,
    stuck::{self, NextStep, StuckObject, Survey},
};

/// What was found last.
#[derive(Default)]
pub(super) struct Hindrances {
    looked: Option<Instant>,
    found: Survey,
}

impl Hindrances {
    /// When to look next. The first time is soon; what hangs then does not change much.
    pub fn due(&self, began: Instant, explain: Duration) -> Instant {
        match self.looked {
            None => began + explain,
            Some(last) => last + explain * 3,
        }
    }

    /// Looks for what has been deleted for at least that long; where that has not come to an end by then, what was found
    /// before stands.
    pub async fn look(&mut self, client: &Client, retry: &Retry<'_>, long: Duration, end: Instant) {
        let survey = stuck::survey(client, retry.now(), long);
        if let Ok(found) = tokio::time::timeout_at(end, survey).await {
            self.found = found;
        }
        self.looked = Some(Instant::now());
    }

    /// What is in the way, without what the lines of `missing` say already: our controller names what holds it up.
    pub fn lines(&self, missing: &[String], snapshot: &Snapshot, wait: &Wait) -> Vec<String> {
        let controller = self
            .found
            .controller
            .as_ref()
            // It may run where nobody has installed it.
            .filter(|absent| absent.installed || !acts(snapshot, wait));
        let objects = self.objects(wait).iter().filter(|stuck| {
            let name = stuck.object.to_string();
            !missing.iter().any(|line| line.contains(&name))
        });
        let controller = controller.map(|absent| absent.why.clone());
        let objects = objects.map(ToString::to_string);
        controller.into_iter().chain(objects).collect()
    }

    /// What a person can do about it.
    pub fn next_steps(&self, wait: &Wait) -> impl Iterator<Item = &NextStep> {
        let controller = self.found.controller.as_ref();
        let controller = controller.map(|absent| &absent.next_step);
        let objects = self.objects(wait).iter();
        controller
            .into_iter()
            .chain(objects.flat_map(|stuck| &stuck.next_steps))
    }

    /// Only who waits for the end of VM Runtime waits for the end of objects.
    fn objects(&self, wait: &Wait) -> &[StuckObject] {
        match wait.target {
            Target::Disabled => &self.found.objects,
            Target::Ready | Target::Preflight { .. } => &[],
        }
    }
}

/// Has a controller looked at what is waited for?
fn acts(snapshot: &Snapshot, wait: &Wait) -> bool {
    match (snapshot.runtime(), &wait.baseline) {
        (Some(runtime), Some(baseline)) => !is_foreign(runtime) && lag(baseline, runtime).is_none(),
        (None, _) | (_, None) => false,
    }
}
