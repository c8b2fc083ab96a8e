//! Enabled, and VMs can be run: ready of this generation, and by a check that was made after the change.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    Baseline, Change, Wait,
    judge::{Conclusion, Done, Verdict, Waiting, flipped, is_foreign, lag, reverted, says},
    snapshot::{Reading, SeenCheck, Snapshot},
};
use crate::{
    api::{
        ConditionStatus, VMRuntimePreflightCheck,
        condition::{find, kind},
    },
    cluster::vmruntime::RuntimeObject,
    failure::Failure,
    runtime::{
        observed,
        preflight::CheckFacts,
        verdict::{self, Judgement},
    },
};

/// A controller that is not ours may run no check at all: after this long its `ready` counts without one.
const FOREIGN_PATIENCE: Duration = Duration::from_secs(60);

/// What is known of the check that the target needs.
enum Check {
    /// By it VMs can be run.
    Sufficient(Box<VMRuntimePreflightCheck>),
    /// By it they cannot, and no newer one runs.
    Insufficient(Box<VMRuntimePreflightCheck>),
    /// The VMRuntime says that there is one by which they can, and it cannot be seen.
    Unproven(String),
    Missing(String),
    /// As missing, on a controller that may never make one.
    MissingForeign(String),
}

pub(super) fn judge(
    snapshot: &Snapshot,
    wait: &Wait,
    baseline: &Baseline,
    runtime: &RuntimeObject,
) -> Verdict {
    if !runtime.object.spec.enabled {
        return Verdict::failed(flipped(runtime));
    }
    if let Some(lost) = baseline.asked.lost_in(runtime).first() {
        return Verdict::failed(reverted(runtime, lost));
    }
    let mut missing = not_ready(baseline, runtime);
    let check = match &baseline.change {
        Some(change) if change.starts_check => new_check(snapshot, baseline, change, runtime),
        Some(_) | None => latest_check(snapshot, baseline, runtime),
    };
    let mut done = Done::default();
    let mut look_again = None;
    match check {
        Check::Insufficient(check) if wait.fail_fast => return Verdict::Ended(Conclusion::CheckFailed(check)),
        Check::Insufficient(check) => missing.push(format!(
            "preflight check {}: {}; a later one must pass",
            name(&check),
            verdict_of(&check).verdict.word()
        )),
        Check::Sufficient(check) => {
            done.warnings.extend(reservation(&check));
            done.check = Some(*check);
        }
        Check::Unproven(why) => done.unknown.push(why),
        // The condition may have said the same.
        Check::Missing(what) if missing.contains(&what) => {}
        Check::Missing(what) => missing.push(what),
        Check::MissingForeign(what) => match FOREIGN_PATIENCE.checked_sub(snapshot.elapsed) {
            Some(left) if !left.is_zero() => {
                look_again = Some(left);
                missing.push(what);
            }
            _ if !snapshot.status_written => missing.push(format!(
                "{what}, and nobody has written the status of vmruntime since"
            )),
            _ => done.warnings.push(
                "the controller of this cluster reports ready, but has run no preflight check since the change".to_owned(),
            ),
        },
    }
    if missing.is_empty() {
        missing.extend(observed::creation_closed(&runtime.status()).map(says));
    }
    if missing.is_empty() {
        Verdict::done(done)
    } else {
        Verdict::Waiting(Waiting {
            missing,
            look_again,
            ..Waiting::default()
        })
    }
}

/// Why the VMRuntime itself is not ready for this generation.
fn not_ready(baseline: &Baseline, runtime: &RuntimeObject) -> Vec<String> {
    if let Some(lag) = lag(baseline, runtime) {
        return vec![lag];
    }
    // A controller that does not care goes on to call it ready, until it is gone.
    if runtime.object.metadata.deletion_timestamp.is_some() {
        return vec!["the VMRuntime object is being deleted".to_owned()];
    }
    let status = runtime.status();
    let condition = find(&status.conditions, kind::READY);
    match (status.ready, condition) {
        (_, Some(condition)) if condition.status != ConditionStatus::True => vec![says(condition)],
        (Some(true), _) => Vec::new(),
        (Some(false) | None, _) => vec!["status.ready is not true".to_owned()],
    }
}

/// The check that our change has started: the newest that has come since.
fn new_check(
    snapshot: &Snapshot,
    baseline: &Baseline,
    change: &Change,
    runtime: &RuntimeObject,
) -> Check {
    let summary = runtime.status().preflight_check_summary.unwrap_or_default();
    let passed = summary.preflight_check_passed;
    let is_news = summary.preflight_check_name != change.previous_check;
    let checks = match &snapshot.checks {
        Reading::Known(checks) => checks,
        Reading::Pending => return unread(),
        Reading::Refused(failure) if is_news && passed == Some(true) => return unreadable(failure),
        Reading::Refused(failure) => {
            let why = failure.root_cause();
            return Check::Missing(format!(
                "a new preflight check (they cannot be read: {why})"
            ));
        }
    };
    let new = checks
        .values()
        .filter(|seen| made_for(&baseline.object, &seen.check) || is_new(seen, change));
    match newest(new) {
        // What has come while they could not be read is not known.
        Newest::None if snapshot.checks_lost => unread(),
        Newest::None => none_has_started(snapshot, runtime),
        Newest::Unfinished(what) => Check::Missing(what),
        Newest::Insufficient(check) => Check::Insufficient(check),
        Newest::Sufficient(check) => {
            let denied =
                summary.preflight_check_name == check.metadata.name && passed == Some(false);
            let taken_over = is_news && passed == Some(true);
            if taken_over || (is_foreign(runtime) && !denied) {
                Check::Sufficient(check)
            } else {
                not_taken_over(&check)
            }
        }
    }
}

fn none_has_started(snapshot: &Snapshot, runtime: &RuntimeObject) -> Check {
    if let Some(name) = snapshot.deleted_checks.last() {
        return Check::Missing(format!(
            "preflight check {name} was deleted; another one must pass"
        ));
    }
    let what = "no preflight check has started since the change".to_owned();
    if is_foreign(runtime) {
        Check::MissingForeign(what)
    } else {
        Check::Missing(what)
    }
}

/// Without a change: the check that the VMRuntime names, or the latest. What the VMRuntime says of it must be seen on it.
/// By one that does not suffice nothing is over before the VMRuntime speaks of this generation and says the same: until
/// then it may be from before the enabling, or from before a change that somebody else has made.
fn latest_check(snapshot: &Snapshot, baseline: &Baseline, runtime: &RuntimeObject) -> Check {
    let published = runtime.status().preflight_check_summary;
    let is_current = lag(baseline, runtime).is_none();
    // Where no generation is published, a check of before the enabling is told by its age.
    let is_older = |check: &VMRuntimePreflightCheck| {
        observed::generation(&runtime.status()).is_none()
            && created(check) < runtime.written(&["spec", "enabled"])
    };
    let is_told = match &published {
        Some(summary) => summary.preflight_check_passed == Some(false),
        // It never says anything.
        None => is_foreign(runtime),
    };
    let summary = published.unwrap_or_default();
    let passed = summary.preflight_check_passed == Some(true);
    let checks = match &snapshot.checks {
        Reading::Known(checks) => checks,
        Reading::Pending => return unread(),
        Reading::Refused(failure) if passed => return unreadable(failure),
        Reading::Refused(failure) => {
            return Check::Missing(format!(
                "a preflight check that has passed (they cannot be read: {})",
                failure.root_cause()
            ));
        }
    };
    if passed {
        let name = summary.preflight_check_name.unwrap_or_default();
        let seen = checks.get(&name);
        if seen.is_none() && snapshot.checks_lost {
            return unread();
        }
        match newest(made_for_later_settings(checks, seen, baseline)) {
            Newest::None => {}
            Newest::Unfinished(what) => return Check::Missing(what),
            Newest::Insufficient(check) => return Check::Insufficient(check),
            Newest::Sufficient(check) => return not_taken_over(&check),
        }
        return match named_check(seen, &name) {
            Check::Insufficient(_) if !is_current => none_has_finished(),
            check => check,
        };
    }
    match newest(checks.values()) {
        Newest::None if is_foreign(runtime) => {
            Check::Unproven("vmruntime reports ready, but there is no preflight check".to_owned())
        }
        Newest::None => Check::Missing("no preflight check has started".to_owned()),
        Newest::Unfinished(what) => Check::Missing(what),
        Newest::Insufficient(check) if is_current && is_told && !is_older(&check) => {
            Check::Insufficient(check)
        }
        Newest::Insufficient(_) => none_has_finished(),
        Newest::Sufficient(check)
            if is_foreign(runtime) && summary.preflight_check_passed.is_none() =>
        {
            Check::Sufficient(check)
        }
        Newest::Sufficient(check) => not_taken_over(&check),
    }
}

/// What our controller has made for the settings as they are, where the check that it has taken over was for earlier ones:
/// it stays ready by that one until the next has a result.
fn made_for_later_settings<'a>(
    checks: &'a BTreeMap<String, SeenCheck>,
    taken_over: Option<&SeenCheck>,
    baseline: &Baseline,
) -> impl Iterator<Item = &'a SeenCheck> {
    let generation = |seen: &SeenCheck| Some(CheckFacts::read(&seen.check).inputs?.generation);
    let before = taken_over.and_then(generation);
    checks.values().filter(move |seen| {
        before.is_some() && generation(seen) > before && made_for(&baseline.object, &seen.check)
    })
}

/// The check that has passed, if the VMRuntime is believed.
fn named_check(seen: Option<&SeenCheck>, name: &str) -> Check {
    match newest(seen.into_iter()) {
        Newest::None => Check::Unproven(format!(
            "vmruntime reports that preflight check {name} passed, and there is no such check"
        )),
        Newest::Unfinished(what) => Check::Missing(what),
        Newest::Sufficient(check) => Check::Sufficient(check),
        Newest::Insufficient(check) => Check::Insufficient(check),
    }
}

fn none_has_finished() -> Check {
    Check::Missing("no preflight check has finished since the change".to_owned())
}

fn unread() -> Check {
    Check::Missing("the preflight checks have not been read yet".to_owned())
}

fn unreadable(why: &Failure) -> Check {
    Check::Unproven(format!(
        "the preflight checks cannot be read: {}",
        why.root_cause()
    ))
}

fn not_taken_over(check: &VMRuntimePreflightCheck) -> Check {
    Check::Missing(format!(
        "the controller has not taken over the result of {} yet",
        name(check)
    ))
}

/// Our controller writes on a check what it was made for.
fn made_for(runtime: &RuntimeObject, check: &VMRuntimePreflightCheck) -> bool {
    CheckFacts::read(check).inputs.is_some_and(|inputs| {
        inputs.runtime == runtime.uid() && inputs.generation >= runtime.generation()
    })
}

/// Came after our change. Times of the API server have whole seconds: of the same second, only what we saw come, or
/// what finished in a later one, is surely new.
fn is_new(seen: &SeenCheck, change: &Change) -> bool {
    let metadata = &seen.check.metadata;
    if metadata.name.is_some() && metadata.name == change.previous_check {
        return false;
    }
    let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
    let completed = seen
        .check
        .status
        .as_ref()
        .and_then(|status| status.completion_time.as_ref())
        .map(|time| time.0);
    seen.added
        || match (change.at, created) {
            (Some(at), Some(created)) => {
                created > at || (created == at && completed.is_some_and(|completed| completed > at))
            }
            (None, _) | (_, None) => false,
        }
}

enum Newest {
    None,
    /// What it still lacks.
    Unfinished(String),
    Sufficient(Box<VMRuntimePreflightCheck>),
    Insufficient(Box<VMRuntimePreflightCheck>),
}

/// The newest that has finished, unless it does not suffice and something newer still may.
fn newest<'a>(checks: impl Iterator<Item = &'a SeenCheck>) -> Newest {
    let mut checks: Vec<&SeenCheck> = checks.collect();
    checks.sort_by_cached_key(|seen| Reverse(CheckFacts::read(&seen.check).age_order()));
    let has_finished =
        |seen: &&&SeenCheck| verdict_of(&seen.check).verdict != verdict::Verdict::Unfinished;
    let finished = checks.iter().find(has_finished);
    let running = checks.iter().find(|seen| !has_finished(seen));
    let boxed = |seen: &SeenCheck| Box::new(seen.check.clone());
    match (finished, running) {
        (None, None) => Newest::None,
        (Some(finished), _) if verdict_of(&finished.check).suffices() => {
            Newest::Sufficient(boxed(finished))
        }
        (Some(finished), Some(running)) if created(&running.check) < created(&finished.check) => {
            Newest::Insufficient(boxed(finished))
        }
        (_, Some(running)) => Newest::Unfinished(running.what_is_missing()),
        (Some(finished), None) => Newest::Insufficient(boxed(finished)),
    }
}

fn verdict_of(check: &VMRuntimePreflightCheck) -> Judgement<'_> {
    verdict::judge(check.status.as_ref())
}

fn created(check: &VMRuntimePreflightCheck) -> Option<Timestamp> {
    check
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0)
}

fn name(check: &VMRuntimePreflightCheck) -> String {
    check.metadata.name.clone().unwrap_or_default()
}

/// What people must be told of a check by which VMs can be run.
fn reservation(check: &VMRuntimePreflightCheck) -> Option<String> {
    let judgement = verdict_of(check);
    (judgement.verdict != verdict::Verdict::Passed).then(|| {
        format!(
            "check {}: preflight check {} could not verify {}",
            judgement.verdict.word(),
            name(check),
            judgement.unverified()
        )
    })
}
