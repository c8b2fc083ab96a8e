//! What stands in the way of a wait, beside what the VMRuntime says: looked for when it takes longer than usual, and once
//! more when the time is over.

use std::time::Duration;

use kube::Client;
use tokio::time::Instant;

use super::{
    Baseline, Target, Wait,
    judge::{is_foreign, lag},
    snapshot::Snapshot,
};
use crate::cluster::{
    retry::Retry,
    stuck::{self, NextStep, Survey},
};

/// What was found last.
#[derive(Default)]
pub(super) struct Around {
    looked: Option<Instant>,
    found: Survey,
}

impl Around {
    /// When to look next. The first time is soon; what hangs then does not change much.
    pub fn due(&self, began: Instant, explain: Duration) -> Instant {
        match self.looked {
            None => began + explain,
            Some(last) => last + explain * 3,
        }
    }

    /// Looks for what has been deleted for at least that long.
    pub async fn look(&mut self, client: &Client, retry: &Retry<'_>, long: Duration) {
        self.found = stuck::survey(client, retry.now(), long).await;
        self.looked = Some(Instant::now());
    }

    /// What is in the way and not yet said by the VMRuntime itself.
    pub fn lines(&self, snapshot: &Snapshot, wait: &Wait) -> Vec<String> {
        let says = says(&self.found, snapshot, wait.baseline.as_ref());
        let controller = self.found.controller.as_ref().filter(|_| says != Says::All);
        let controller = controller.map(|absent| absent.why.clone());
        let objects = self
            .found
            .objects
            .iter()
            .filter(|_| wait.target == Target::Disabled)
            .filter(|stuck| says != Says::All || stuck.object.resource == "pods");
        controller
            .into_iter()
            .chain(objects.map(ToString::to_string))
            .collect()
    }

    /// What a person can do about it.
    pub fn next_steps(&self, wait: &Wait) -> impl Iterator<Item = &NextStep> {
        let objects = self
            .found
            .objects
            .iter()
            .filter(|_| wait.target == Target::Disabled);
        let controller = self.found.controller.as_ref();
        let controller = controller.map(|absent| &absent.next_step);
        controller
            .into_iter()
            .chain(objects.flat_map(|stuck| &stuck.next_steps))
    }
}

/// What the status can be relied on for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A controller of ours is at work: it explains what holds up the engine, and pods are ours to explain.
    All,
    /// Nobody writes it, or somebody who does not explain.
    Little,
}

fn says(found: &Survey, snapshot: &Snapshot, baseline: Option<&Baseline>) -> Says {
    let (Some(runtime), Some(baseline)) = (snapshot.runtime(), baseline) else {
        return match found.controller {
            None => Says::All,
            Some(_) => Says::Little,
        };
    };
    let acts = !is_foreign(runtime) && lag(baseline, runtime).is_none();
    match &found.controller {
        // It may run where nobody has installed it.
        Some(absent) if !absent.installed && acts => Says::All,
        Some(_) => Says::Little,
        None if is_foreign(runtime) => Says::Little,
        None => Says::All,
    }
}
