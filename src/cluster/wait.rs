//! The one wait engine: `enable`, `disable`, `check`, `update` and `wait` all end in [`until`].
//!
//! It listens (`watch`), keeps a [`Snapshot`](snapshot::Snapshot) of what it heard, and asks a pure function
//! ([`judge`](judge::judge)) after every change. Outages, ended streams and expired versions are no news: only what was
//! read of the generation that is waited for can be a success. It never discovers, and never polls where it may watch.

mod disabled;
mod hindrance;
mod judge;
mod last_look;
pub mod nodes;
mod ready;
mod snapshot;
mod timeout;

use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::time::Instant;

use self::{
    hindrance::Hindrances,
    judge::{Conclusion, Verdict, judge},
    snapshot::{Seen, SeenPod, Snapshot},
};
use super::{
    event::Event,
    retry::Retry,
    vmruntime::{Patched, RuntimeObject, SpecChange},
    watch::{Update, Watched, Watches},
};
use crate::{
    api::{
        VMRuntime, VMRuntimePreflightCheck,
        name::{FIELD_MANAGER, SYSTEM_NAMESPACE},
    },
    failure::{Denial, Failure, Kind, Reason},
    runtime::preflight::CheckFacts,
};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Enabled, and VMs can be run.
    Ready,
    /// Not enabled, not ready, and nothing but the controller left in `vm-system`.
    Disabled,
    /// The preflight check of that name has finished, passed or not.
    Preflight { name: String },
}

/// From where a wait for the VMRuntime starts.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// The object as the last read or patch returned it.
    pub object: RuntimeObject,
    /// What our patch changed; `None` where nothing was patched.
    pub change: Option<Change>,
    /// What was asked for, and must go on to hold; nothing where it is only waited.
    pub asked: SpecChange,
}

/// A patch that a wait follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When the server stored it, by its own clock, in whole seconds.
    pub at: Option<Timestamp>,
    /// The check that the summary named before.
    pub previous_check: Option<String>,
    /// Does the change make a controller run a new check?
    pub starts_check: bool,
    /// Was the object read later than the patch, because its answer was lost? Then a check may have come in between.
    pub reread: bool,
}

impl Baseline {
    /// Nothing was changed: what holds already counts.
    #[must_use]
    pub fn unchanged(object: RuntimeObject) -> Self {
        Self {
            object,
            change: None,
            asked: SpecChange::default(),
        }
    }

    /// `before` was patched, `after` is what the patch returned: only what happens from then on counts. A patch that
    /// changed nothing (the API server then stores no new version) leaves everything as it was.
    #[must_use]
    pub fn patched(before: &RuntimeObject, patched: Patched) -> Self {
        let Patched {
            runtime: after,
            reread,
        } = patched;
        if before.uid() == after.uid() && before.resource_version() == after.resource_version() {
            return Self::unchanged(after);
        }
        let (old, new) = (&before.object.spec, &after.object.spec);
        let starts_check = new.enabled && (!old.enabled || old.use_emulation != new.use_emulation);
        let change = Change {
            at: after.written_by(FIELD_MANAGER),
            previous_check: before.check_name(),
            starts_check,
            reread,
        };
        Self {
            object: after,
            change: Some(change),
            asked: SpecChange::default(),
        }
    }

    /// The same for whoever asked for that.
    #[must_use]
    pub fn asking(self, asked: SpecChange) -> Self {
        Self { asked, ..self }
    }
}

/// One wait.
#[derive(Clone, Debug)]
pub struct Wait {
    pub target: Target,
    /// `None` only for [`Target::Preflight`].
    pub baseline: Option<Baseline>,
    /// End early where waiting cannot help any more.
    pub fail_fast: bool,
}

impl Wait {
    /// Is it known that no check has come yet that could count? Those from before a change that brings one about do not,
    /// and from the very version that a patch returned none can be missed.
    fn sees_every_check(&self) -> bool {
        let change = self
            .baseline
            .as_ref()
            .and_then(|baseline| baseline.change.as_ref());
        self.target == Target::Ready
            && change.is_some_and(|change| change.starts_check && !change.reread)
    }
}

/// How a wait ended without a failure.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The target holds.
    Reached(Reached),
    /// By the preflight check that the target needs VMs cannot be run: a report, not a failure. `enabled` stays as it is.
    CheckFailed(Reached),
}

/// What was seen at the end of a wait.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    pub runtime: Option<VMRuntime>,
    /// The check that decided, in full.
    pub check: Option<VMRuntimePreflightCheck>,
    pub elapsed: Duration,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What could not be verified: not a success without reservation (exit code 5).
    pub unknown: Vec<String>,
    /// What the API server has denied of what was to be read.
    pub denial: Option<Box<Denial>>,
}

impl Reached {
    /// That it could not be verified, in these words; `None` where everything was.
    #[must_use]
    pub fn unverified(&self, message: &str) -> Option<Failure> {
        if self.unknown.is_empty() {
            return None;
        }
        let mut failure = Failure::new(Kind::Incomplete, Reason::NotVerified, message);
        failure.causes.clone_from(&self.unknown);
        failure.denial.clone_from(&self.denial);
        Some(failure)
    }
}

/// Waits until the target holds, or cannot hold any more, or the time is over ([`Kind::TimedOut`], naming what is
/// still missing).
///
/// [`Kind::TimedOut`]: crate::failure::Kind::TimedOut
pub async fn until(client: &Client, wait: &Wait, retry: &Retry<'_>) -> Result<Outcome, Failure> {
    let mut engine = Engine::new(client, wait, retry);
    let mut ended = match engine.look() {
        // Every command that waits holds this future.
        Verdict::Waiting(_) => Box::pin(engine.run()).await,
        Verdict::Ended(conclusion) => engine.conclude(conclusion),
    };
    if let Ok(Outcome::Reached(reached)) = &mut ended {
        // It may have been reached in the last moment, or seen by the last look.
        nodes::compare(client, &retry.with_grace(), reached).await;
    }
    ended
}

/// One wait under way.
struct Engine<'a> {
    client: &'a Client,
    wait: &'a Wait,
    retry: &'a Retry<'a>,
    snapshot: Snapshot,
    began: Instant,
    /// What the controller says that it is degraded by, and since when we have seen that unchanged.
    degraded: Option<(String, Instant)>,
    /// What was reported last.
    told: Option<Event>,
    hindrances: Hindrances,
    /// When something was last heard of what is listened to.
    heard: Instant,
}

impl<'a> Engine<'a> {
    fn new(client: &'a Client, wait: &'a Wait, retry: &'a Retry<'a>) -> Self {
        Self {
            client,
            wait,
            retry,
            snapshot: Snapshot::starting(wait),
            began: Instant::now(),
            degraded: None,
            told: None,
            hindrances: Hindrances::default(),
            heard: Instant::now(),
        }
    }

    /// Judges what is known now.
    fn look(&mut self) -> Verdict {
        let reported = self.wait.baseline.as_ref().and_then(|baseline| {
            judge::degraded(&self.snapshot, baseline).map(|condition| format!("{condition:?}"))
        });
        self.degraded = match (reported, self.degraded.take()) {
            (Some(now), Some((before, since))) if now == before => Some((before, since)),
            (Some(now), _) => Some((now, Instant::now())),
            (None, _) => None,
        };
        self.snapshot.elapsed = self.began.elapsed();
        self.snapshot.degraded_for = self
            .degraded
            .as_ref()
            .map(|(_, since)| since.elapsed())
            .unwrap_or_default();
        judge(&self.snapshot, self.wait)
    }

    async fn run(&mut self) -> Result<Outcome, Failure> {
        let mut watches = Watches::new(self.retry.pace());
        let mut silent = self.listen(&mut watches);
        self.heard = Instant::now();
        loop {
            let waiting = match self.look() {
                Verdict::Waiting(waiting) => waiting,
                Verdict::Ended(conclusion) => return self.conclude(conclusion),
            };
            let explain = self.retry.pace().explain;
            if Instant::now() >= self.hindrances.due(self.began, explain) {
                let end = self.retry.deadline().end();
                self.hindrances
                    .look(self.client, self.retry, explain, end)
                    .await;
            }
            let hindrances = self
                .hindrances
                .lines(&waiting.missing, &self.snapshot, self.wait);
            let mut missing = waiting.missing.clone();
            missing.extend(hindrances);
            self.tell(Event::Waiting {
                phase: self.snapshot.phase(),
                missing,
            });
            let deadline = self.retry.deadline();
            if deadline.looks_once() && (silent.is_empty() || deadline.expired()) {
                return Err(self.timed_out(waiting, None).await);
            }
            if deadline.expired() {
                drop(watches);
                return self.look_a_last_time().await;
            }
            let mut wake = deadline.end().min(self.hindrances.due(self.began, explain));
            if let Some(after) = waiting.look_again {
                wake = wake.min(Instant::now() + after);
            }
            let heard = tokio::select! {
                heard = watches.next() => Some(heard),
                () = tokio::time::sleep_until(wake) => None,
            };
            let mut next = heard;
            while let Some((seen, update)) = next {
                silent.retain(|still| *still != seen);
                self.take(seen, update);
                next = watches.ready();
            }
            self.snapshot.resolve_owners(self.client, self.retry).await;
        }
    }

    /// Starts to listen to what the target needs, and says to what.
    fn listen(&self, watches: &mut Watches<Seen>) -> Vec<Seen> {
        // From the version that the patch returned; to look once, everything is read.
        let from = match &self.wait.baseline {
            Some(baseline) if !self.retry.deadline().looks_once() => {
                Some(baseline.object.resource_version().to_owned())
            }
            _ => None,
        };
        let mut listened = Vec::new();
        for (seen, subject) in self.subjects() {
            let known = match seen {
                Seen::Runtime => true,
                Seen::Checks => self.wait.sees_every_check(),
                Seen::Pods => false,
            };
            watches.start(seen, self.client, subject, from.clone().filter(|_| known));
            listened.push(seen);
        }
        listened
    }

    /// What the target needs to know.
    fn subjects(&self) -> Vec<(Seen, Watched)> {
        let runtime = || (Seen::Runtime, Watched::runtime());
        match &self.wait.target {
            Target::Ready => vec![runtime(), (Seen::Checks, Watched::checks())],
            Target::Disabled => {
                let pods = Watched {
                    what: "pods".to_owned(),
                    path: format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods"),
                    field_selector: None,
                    metadata_only: false,
                    keep: SeenPod::slim,
                };
                vec![runtime(), (Seen::Pods, pods)]
            }
            Target::Preflight { name } => {
                let check = Watched {
                    what: name.clone(),
                    field_selector: Some(format!("metadata.name={name}")),
                    ..Watched::checks()
                };
                vec![(Seen::Checks, check)]
            }
        }
    }

    fn take(&mut self, seen: Seen, update: Update) {
        if let Update::Lost(Some(why)) = &update {
            self.retry.observer().event(&Event::WatchLost {
                watched: seen.to_string(),
                why: why.clone(),
            });
        }
        match &update {
            Update::Lost(_) | Update::Refused(_) => {}
            Update::Added(_) | Update::Changed(_) | Update::Gone(_) | Update::All(_) => {
                self.heard = Instant::now();
            }
        }
        for event in self.snapshot.take(seen, update, self.wait) {
            self.retry.observer().event(&event);
        }
    }

    /// Says it once.
    fn tell(&mut self, event: Event) {
        if self.told.as_ref() != Some(&event) {
            self.retry.observer().event(&event);
            self.told = Some(event);
        }
    }

    fn conclude(&self, conclusion: Conclusion) -> Result<Outcome, Failure> {
        let reached =
            |check: Option<VMRuntimePreflightCheck>, mut warnings: Vec<String>, unknown| {
                warnings.extend(check.as_ref().and_then(difference));
                Reached {
                    runtime: self
                        .snapshot
                        .runtime()
                        .map(|runtime| runtime.object.clone()),
                    check,
                    elapsed: self.retry.deadline().elapsed(),
                    warnings,
                    unknown,
                    denial: self.snapshot.denial(),
                }
            };
        match conclusion {
            Conclusion::Done(done) => Ok(Outcome::Reached(reached(
                done.check,
                done.warnings,
                done.unknown,
            ))),
            Conclusion::CheckFailed(check) => Ok(Outcome::CheckFailed(reached(
                Some(*check),
                Vec::new(),
                Vec::new(),
            ))),
            Conclusion::Failed(failure) => Err(failure),
        }
    }
}

/// That the check judged nodes by another setting than the one that is asked for.
#[must_use]
pub fn difference(check: &VMRuntimePreflightCheck) -> Option<String> {
    CheckFacts::read(check).occasion?.difference()
}

#[cfg(test)]
mod tests;
