//! Enabled, and VMs can be run: ready of this generation, and by a check that was made after the change.

use std::{cmp::Reverse, time::Duration};

use jiff::Timestamp;

use super::{
    Baseline, Change, Wait,
    judge::{Done, Verdict, Waiting, flipped, is_foreign, lag, says},
    snapshot::{Reading, SeenCheck, Snapshot},
};
use crate::{
    api::{
        ConditionStatus, PreflightCheckSummary, VMRuntimePreflightCheck,
        condition::{find, kind},
    },
    cluster::vmruntime::RuntimeObject,
    runtime::preflight::CheckFacts,
};

/// A controller that is not ours may run no check at all: after this long its `ready` counts without one.
const FOREIGN_PATIENCE: Duration = Duration::from_secs(60);

/// What is known of the check that the target needs.
enum Check {
    /// It has passed.
    Passed(Box<VMRuntimePreflightCheck>),
    /// It has failed, and no newer one runs.
    Failed(Box<VMRuntimePreflightCheck>),
    /// There is none to be seen, but the summary vouches for it; with a reservation, where there is one.
    Vouched(Option<String>),
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
        return Verdict::Failed(flipped(runtime));
    }
    let mut missing = not_ready(baseline, runtime);
    let check = match &baseline.change {
        Some(change) if change.starts_check => new_check(snapshot, baseline, change, runtime),
        Some(_) | None => latest_check(snapshot, runtime),
    };
    let mut done = Done::default();
    let mut look_again = None;
    match check {
        Check::Failed(check) if wait.fail_fast => return Verdict::CheckFailed(check),
        Check::Failed(check) => missing.push(format!("preflight check {} failed; a later one must pass", name(&check))),
        Check::Passed(check) => {
            done.warnings.extend(reservations(&check));
            done.check = Some(*check);
        }
        Check::Vouched(reservation) => done.warnings.extend(reservation),
        Check::Missing(what) => missing.push(what),
        Check::MissingForeign(what) => match FOREIGN_PATIENCE.checked_sub(snapshot.elapsed) {
            Some(left) if !left.is_zero() => {
                look_again = Some(left);
                missing.push(what);
            }
            _ => done.warnings.push(
                "the controller of this cluster reports ready, but has run no preflight check since the change".to_owned(),
            ),
        },
    }
    if missing.is_empty() {
        Verdict::Done(Box::new(done))
    } else {
        Verdict::Waiting(Waiting {
            missing,
            look_again,
        })
    }
}

/// Why the VMRuntime itself is not ready for this generation.
fn not_ready(baseline: &Baseline, runtime: &RuntimeObject) -> Vec<String> {
    if let Some(lag) = lag(baseline, runtime) {
        return vec![lag];
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
    let checks = match &snapshot.checks {
        Reading::Known(checks) => checks,
        Reading::Pending => {
            return Check::Missing("the preflight checks have not been read yet".to_owned());
        }
        Reading::Refused(failure) => {
            let why = failure.root_cause();
            return match &summary.preflight_check_name {
                name @ Some(_) if *name != change.previous_check => vouched(
                    &summary,
                    Some(format!("the preflight checks can not be read: {why}")),
                ),
                _ => Check::Missing(format!(
                    "a new preflight check (they can not be read: {why})"
                )),
            };
        }
    };
    let new = checks
        .values()
        .filter(|seen| made_for(&baseline.object, &seen.check) || is_new(seen, change));
    match newest(new) {
        Newest::None => {
            let what = "no preflight check has started since the change".to_owned();
            if is_foreign(runtime) {
                Check::MissingForeign(what)
            } else {
                Check::Missing(what)
            }
        }
        Newest::Running(name) => Check::Missing(format!("preflight check {name} is running")),
        Newest::Failed(check) => Check::Failed(check),
        Newest::Passed(check) => {
            let taken_over = summary.preflight_check_name != change.previous_check
                && summary.preflight_check_passed == Some(true);
            if taken_over || is_foreign(runtime) {
                Check::Passed(check)
            } else {
                Check::Missing(format!(
                    "the controller has not taken over the result of {} yet",
                    name(&check)
                ))
            }
        }
    }
}

/// Without a change: the latest check, by the summary while it says enough.
fn latest_check(snapshot: &Snapshot, runtime: &RuntimeObject) -> Check {
    let summary = runtime.status().preflight_check_summary.unwrap_or_default();
    if summary.preflight_check_passed == Some(true) {
        return passed_by_summary(snapshot, &summary);
    }
    let checks = match &snapshot.checks {
        Reading::Known(checks) => checks,
        Reading::Pending => {
            return match summary.preflight_check_passed {
                None if is_foreign(runtime) => {
                    Check::Vouched(Some("no finished preflight check is recorded".to_owned()))
                }
                _ => Check::Missing("a preflight check that has passed".to_owned()),
            };
        }
        Reading::Refused(failure) => {
            return Check::Missing(format!(
                "a preflight check that has passed (they can not be read: {})",
                failure.root_cause()
            ));
        }
    };
    match newest(checks.values()) {
        Newest::None => Check::Missing("no preflight check has started".to_owned()),
        Newest::Running(name) => Check::Missing(format!("preflight check {name} is running")),
        Newest::Failed(check) => Check::Failed(check),
        Newest::Passed(check) => Check::Missing(format!(
            "the controller has not taken over the result of {} yet",
            name(&check)
        )),
    }
}

fn passed_by_summary(snapshot: &Snapshot, summary: &PreflightCheckSummary) -> Check {
    let name = summary.preflight_check_name.as_deref().unwrap_or_default();
    if let Reading::Known(checks) = &snapshot.checks
        && let Some(seen) = checks.get(name)
    {
        return Check::Passed(Box::new(seen.check.clone()));
    }
    vouched(summary, None)
}

fn vouched(summary: &PreflightCheckSummary, reservation: Option<String>) -> Check {
    match summary.preflight_check_passed {
        Some(true) => Check::Vouched(reservation),
        Some(false) => Check::Missing("the latest preflight check has failed".to_owned()),
        None => Check::Missing("the preflight check has not finished".to_owned()),
    }
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
    Running(String),
    Passed(Box<VMRuntimePreflightCheck>),
    Failed(Box<VMRuntimePreflightCheck>),
}

/// The newest that has passed; else the newest that runs; else the newest that has failed. A failure counts only if
/// nothing newer has passed or still may.
fn newest<'a>(checks: impl Iterator<Item = &'a SeenCheck>) -> Newest {
    let mut checks: Vec<&VMRuntimePreflightCheck> = checks.map(|seen| &seen.check).collect();
    checks.sort_by_key(|check| Reverse((created(check), name(check))));
    let pass =
        |check: &VMRuntimePreflightCheck| check.status.as_ref().and_then(|status| status.pass);
    let finished = checks.iter().find(|check| pass(check).is_some());
    let running = checks.iter().find(|check| pass(check).is_none());
    match (finished, running) {
        (None, None) => Newest::None,
        (None, Some(running)) => Newest::Running(name(running)),
        (Some(finished), _) if pass(finished) == Some(true) => {
            Newest::Passed(Box::new((*finished).clone()))
        }
        (Some(finished), Some(running)) if created(running) >= created(finished) => {
            Newest::Running(name(running))
        }
        (Some(finished), _) => Newest::Failed(Box::new((*finished).clone())),
    }
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

/// What a passed check does not say by itself.
fn reservations(check: &VMRuntimePreflightCheck) -> Vec<String> {
    let status = check.status.clone().unwrap_or_default();
    let nodes = |unknown: bool| -> Vec<String> {
        status
            .checks
            .iter()
            .filter(|(_, node)| !node.passed && node.unknown.unwrap_or(false) == unknown)
            .map(|(name, _)| name.clone())
            .collect()
    };
    let (failed, unknown) = (nodes(false), nodes(true));
    let mut reservations = Vec::new();
    if !failed.is_empty() {
        reservations.push(format!(
            "preflight check {} says pass although it failed on {}",
            name(check),
            failed.join(", ")
        ));
    }
    if !unknown.is_empty() {
        reservations.push(format!(
            "preflight check {} could not verify {}",
            name(check),
            unknown.join(", ")
        ));
    }
    reservations
}
