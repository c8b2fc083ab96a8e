//! Does the target hold? Pure: what was heard and for how long goes in, a verdict comes out.

use std::time::Duration;

use super::{
    Baseline, Target, Wait, disabled, ready,
    snapshot::{Reading, Snapshot},
};
use crate::{
    api::{
        Condition, ConditionStatus, VMRuntimePreflightCheck,
        condition::{find, kind, reason},
        tolerant::UNREADABLE_COUNT,
    },
    cluster::vmruntime::RuntimeObject,
    failure::{Failure, Hint, Kind, Reason, controller_log, kubectl},
    runtime::{
        difference::{Difference, spoken},
        observed, verdict,
    },
};

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Waiting(Waiting),
    Ended(Conclusion),
}

/// Why there is nothing to wait for any more.
#[derive(Clone, Debug)]
pub(super) enum Conclusion {
    Done(Box<Done>),
    /// By the check that the target needs VMs cannot be run.
    CheckFailed(Box<VMRuntimePreflightCheck>),
    /// It cannot hold any more.
    Failed(Failure),
}

impl Verdict {
    pub(super) fn done(done: Done) -> Self {
        Self::Ended(Conclusion::Done(Box::new(done)))
    }

    pub(super) fn failed(failure: Failure) -> Self {
        Self::Ended(Conclusion::Failed(failure))
    }
}

/// The target holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    pub check: Option<VMRuntimePreflightCheck>,
    pub warnings: Vec<String>,
    pub unknown: Vec<String>,
}

/// The target does not hold yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// What must still happen, one line each. Never empty.
    pub missing: Vec<String>,
    /// Names of what `missing` counts, for whoever waited in vain.
    pub names: Vec<String>,
    /// When to look again although nothing was heard.
    pub look_again: Option<Duration>,
}

/// A Degraded or Failed condition must have been there this long before it ends a wait.
const STABLE: Duration = Duration::from_secs(30);

/// What comes up (images are pulled) or is removed may take long, and goes on by itself as soon as whoever it waits for acts:
/// no reason to give up before the time that the caller gave is over.
const SLOW: [&str; 4] = [
    reason::ENGINE_DOWN,
    reason::ENGINE_INSTALL_SLOW,
    reason::ENGINE_UNINSTALL_SLOW,
    reason::DRAIN_SLOW,
];

/// Judges.
pub(super) fn judge(snapshot: &Snapshot, wait: &Wait) -> Verdict {
    match (&wait.target, &wait.baseline) {
        (Target::Preflight { name }, _) => preflight(snapshot, name),
        (Target::Ready, Some(baseline)) => runtime(snapshot, wait, baseline, ready::judge),
        (Target::Disabled, Some(baseline)) => runtime(snapshot, wait, baseline, disabled::judge),
        (Target::Ready | Target::Disabled, None) => Verdict::failed(Failure::new(
            Kind::Other,
            Reason::NoBaseline,
            "a wait for vmruntime must know from where it starts",
        )),
    }
}

/// What both targets of the VMRuntime have in common: it must be the same object, and the controller must not have
/// given up.
fn runtime(
    snapshot: &Snapshot,
    wait: &Wait,
    baseline: &Baseline,
    target: fn(&Snapshot, &Wait, &Baseline, &RuntimeObject) -> Verdict,
) -> Verdict {
    let runtime = match &snapshot.runtime {
        Reading::Known(Some(runtime)) => runtime,
        Reading::Known(None) => return Verdict::failed(gone("vmruntime was deleted")),
        Reading::Refused(failure) => return Verdict::failed(failure.clone()),
        Reading::Pending => return waiting_for("vmruntime has not been read yet"),
    };
    if runtime.uid() != baseline.object.uid() {
        return Verdict::failed(gone("vmruntime was deleted and created again"));
    }
    let verdict = target(snapshot, wait, baseline, runtime);
    match (verdict, degraded(snapshot, baseline)) {
        (Verdict::Waiting(mut waiting), Some(condition)) if wait.fail_fast => {
            if snapshot.degraded_for >= STABLE {
                return Verdict::failed(given_up(&condition));
            }
            let left = STABLE
                .checked_sub(snapshot.degraded_for)
                .unwrap_or_default();
            waiting.look_again = Some(waiting.look_again.map_or(left, |again| again.min(left)));
            Verdict::Waiting(waiting)
        }
        (verdict, _) => verdict,
    }
}

pub(super) fn waiting_for(missing: impl Into<String>) -> Verdict {
    Verdict::Waiting(Waiting {
        missing: vec![missing.into()],
        ..Waiting::default()
    })
}

fn gone(what: &str) -> Failure {
    Failure::new(
        Kind::Conflict,
        Reason::Deleted,
        format!("{what} while we waited for it"),
    )
}

/// Somebody set `spec.enabled` back.
pub(super) fn flipped(runtime: &RuntimeObject) -> Failure {
    let enabled = runtime.object.spec.enabled;
    let what = format!("spec.enabled was set to {enabled}");
    set_back(runtime, &["spec", "enabled"], &what)
}

/// Somebody set back a setting that was asked for: from what stands there now to what was asked for.
pub(super) fn reverted(runtime: &RuntimeObject, lost: &Difference) -> Failure {
    let path: Vec<&str> = lost.path.iter().map(String::as_str).collect();
    let what = if lost.old.is_null() {
        format!("{} was removed", lost.field())
    } else {
        format!("{} was set to {}", lost.field(), spoken(&lost.old))
    };
    set_back(runtime, &path, &what)
}

fn set_back(runtime: &RuntimeObject, path: &[&str], what: &str) -> Failure {
    let by = runtime
        .writer(path)
        .unwrap_or_else(|| "someone else".to_owned());
    Failure::new(
        Kind::Conflict,
        Reason::FlippedBack,
        format!("{what} by {by} while we waited"),
    )
    .hint(Hint::run(
        "a GitOps tool may hold the object: change it there, or find out who writes it",
        kubectl("get vmruntime vmruntime --output=yaml --show-managed-fields"),
    ))
}

/// The generation that the target must hold for: ours, or a later one that somebody else made.
pub(super) fn generation(baseline: &Baseline, runtime: &RuntimeObject) -> i64 {
    baseline.object.generation().max(runtime.generation())
}

/// Has the controller looked at that generation? Where it does not say what it has looked at, it is taken to have.
pub(super) fn lag(baseline: &Baseline, runtime: &RuntimeObject) -> Option<String> {
    let wanted = generation(baseline, runtime);
    let observed = observed::generation(&runtime.status())?;
    if observed == UNREADABLE_COUNT {
        return Some("status.observedGeneration cannot be read".to_owned());
    }
    (observed < wanted).then(|| {
        format!("the controller has not looked at the change yet (generation {wanted}, it has seen {observed})")
    })
}

pub(super) fn is_foreign(runtime: &RuntimeObject) -> bool {
    observed::is_foreign(&runtime.status())
}

/// A condition that says, of this generation, that the controller cannot go on. Where the checks can be read they say more
/// than a condition about the last that failed: another one may be running.
pub(super) fn degraded(snapshot: &Snapshot, baseline: &Baseline) -> Option<Condition> {
    let runtime = snapshot.runtime()?;
    let status = runtime.status();
    let wanted = generation(baseline, runtime);
    let sees_checks = matches!(snapshot.checks, Reading::Known(_));
    let failed = ["Failed", kind::DEGRADED];
    failed
        .iter()
        .filter_map(|type_| find(&status.conditions, type_))
        .find(|condition| {
            let observed = condition.observed_generation.or(status.observed_generation);
            condition.status == ConditionStatus::True
                && !SLOW.contains(&condition.reason.as_str())
                && !(sees_checks && condition.reason == reason::PREFLIGHT_FAILED)
                && observed.is_some_and(|observed| observed >= wanted)
        })
        .cloned()
}

fn given_up(condition: &Condition) -> Failure {
    let mut failure = Failure::new(
        Kind::OperationFailed,
        Reason::Degraded,
        "the controller cannot go on by itself",
    );
    failure.causes.push(in_full(condition));
    failure.hint(Hint::run("look at its log", controller_log()))
}

/// A condition as a person reads it: its own sentence, or its name where it has none.
pub(super) fn says(condition: &Condition) -> String {
    if condition.message.is_empty() {
        in_full(condition)
    } else {
        condition.message.clone()
    }
}

/// A condition with everything that can be searched for.
fn in_full(condition: &Condition) -> String {
    let head = format!("{} is {:?}", condition.type_, condition.status);
    [head.as_str(), &condition.reason, &condition.message]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(": ")
}

fn preflight(snapshot: &Snapshot, name: &str) -> Verdict {
    let checks = match &snapshot.checks {
        Reading::Known(checks) => checks,
        Reading::Refused(failure) => return Verdict::failed(failure.clone()),
        Reading::Pending => {
            return waiting_for(format!("the preflight check has not been read yet: {name}"));
        }
    };
    let Some(seen) = checks.get(name) else {
        return Verdict::failed(gone(&format!("preflight check {name} was deleted")));
    };
    if verdict::judge(seen.check.status.as_ref()).verdict == verdict::Verdict::Unfinished {
        return waiting_for(seen.what_is_missing());
    }
    Verdict::done(Done {
        check: Some(seen.check.clone()),
        ..Done::default()
    })
}
