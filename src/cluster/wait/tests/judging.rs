//! The tables of `judge`: what was heard, and what follows from it.

mod asked;
mod disabled;
mod earlier;
mod proof;

use super::*;
use crate::{
    api::name::PREFLIGHT_INPUTS,
    runtime::preflight::{Inputs, Trigger},
};

/// What a verdict comes to, in one line.
fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Ended(Conclusion::Done(done)) => {
            let warnings = done.warnings.iter().map(|note| format!("warning: {note}"));
            let unknown = done.unknown.iter().map(|note| format!("unknown: {note}"));
            let done = std::iter::once("done".to_owned());
            done.chain(warnings)
                .chain(unknown)
                .collect::<Vec<_>>()
                .join("; ")
        }
        Verdict::Ended(Conclusion::CheckFailed(check)) => {
            format!("check failed: {}", check.metadata.name.as_deref().unwrap())
        }
        Verdict::Waiting(waiting) => {
            let said = [waiting.missing.clone(), waiting.names.clone()].concat();
            format!("waiting: {}", said.join("; "))
        }
        Verdict::Ended(Conclusion::Failed(failure)) => {
            format!("failed: {} {}", failure.reason, failure.exit().code())
        }
    }
}

/// Hears that, and judges.
fn judged(wait: &Wait, heard: Vec<(Seen, Update)>) -> String {
    judged_after(wait, heard, Duration::ZERO, Duration::ZERO)
}

fn judged_after(
    wait: &Wait,
    heard: Vec<(Seen, Update)>,
    elapsed: Duration,
    degraded_for: Duration,
) -> String {
    let mut snapshot = Snapshot::starting(wait);
    for (seen, update) in heard {
        snapshot.take(seen, update, wait);
    }
    snapshot.elapsed = elapsed;
    snapshot.degraded_for = degraded_for;
    snapshot.owners = [
        ("rs-controller", snapshot::PodOwner::Controller),
        ("rs-other", snapshot::PodOwner::Other),
        ("rs-secret", snapshot::PodOwner::Unknown),
    ]
    .map(|(uid, owner)| (uid.to_owned(), owner))
    .into();
    line(&judge(&snapshot, wait))
}

fn runtime(raw: Value) -> (Seen, Update) {
    (Seen::Runtime, Update::Changed(raw))
}

fn came(check: Value) -> (Seen, Update) {
    (Seen::Checks, Update::Added(check))
}

fn changed(check: Value) -> (Seen, Update) {
    (Seen::Checks, Update::Changed(check))
}

fn all_checks(checks: &[Value]) -> (Seen, Update) {
    (Seen::Checks, Update::All(checks.to_vec()))
}

fn all_pods(pods: &[Value]) -> (Seen, Update) {
    (Seen::Pods, Update::All(pods.to_vec()))
}

fn refused(seen: Seen) -> (Seen, Update) {
    let failure = Failure::new(
        crate::failure::Kind::Denied,
        crate::failure::Reason::Forbidden,
        "no",
    )
    .caused_by("forbidden");
    (seen, Update::Refused(failure))
}

const LATER: &str = "2026-11-22T10:00:20Z";
const EARLIER: &str = "2026-11-22T09:00:00Z";
const LAG: &str = "the controller has not looked at the change yet (generation 4, it has seen 3)";
const NO_CHECK: &str = "no preflight check has started since the change";

#[test]
fn enabling_is_not_fooled_by_what_was_true_before() {
    let wait = after_enabling();
    // A stale ready, with or without an old check that had passed.
    assert_eq!(judged(&wait, vec![]), format!("waiting: {LAG}; {NO_CHECK}"));
    let old = all_checks(&[
        check("old", EARLIER, Some(true)),
        check("older", EARLIER, Some(true)),
    ]);
    assert_eq!(
        judged(&wait, vec![old]),
        format!("waiting: {LAG}; {NO_CHECK}")
    );
    // Ready of this generation, but by the old check.
    let still_old = with(
        ready(),
        json!({"status": {"preflightCheckSummary": {"preflightCheckName": "old"}}}),
    );
    assert_eq!(
        judged(&wait, vec![runtime(still_old)]),
        format!("waiting: {NO_CHECK}")
    );
    // The check has passed, but the controller has not drawn its conclusion.
    let passed = || came(check("new", LATER, Some(true)));
    assert_eq!(
        judged(&wait, vec![passed()]),
        format!("waiting: {LAG}; the controller has not taken over the result of new yet")
    );
    assert_eq!(judged(&wait, vec![passed(), runtime(ready())]), "done");
    // And the other way round.
    assert_eq!(
        judged(
            &wait,
            vec![runtime(ready()), came(check("new", LATER, None))]
        ),
        "waiting: the preflight check is running: new"
    );
}

#[test]
fn a_check_that_came_while_the_answer_of_the_patch_was_lost_is_read() {
    let wait = after_patch(Patched {
        reread: true,
        ..answered(ready())
    });
    assert_eq!(
        judged(&wait, vec![]),
        "waiting: the preflight checks have not been read yet"
    );
    let came = all_checks(&[check("new", LATER, Some(true))]);
    assert_eq!(judged(&wait, vec![came]), "done");
}

#[test]
fn only_a_check_of_our_change_counts() {
    let wait = after_enabling();
    let listed =
        |created: &str, pass| vec![runtime(ready()), all_checks(&[check("new", created, pass)])];
    assert_eq!(judged(&wait, listed(LATER, Some(true))), "done");
    assert_eq!(
        judged(&wait, listed(EARLIER, Some(true))),
        format!("waiting: {NO_CHECK}")
    );
    // Created in the very second of the patch: new only if it was seen to come, or finished later.
    assert_eq!(
        judged(&wait, listed(PATCHED, None)),
        format!("waiting: {NO_CHECK}")
    );
    assert_eq!(judged(&wait, listed(PATCHED, Some(true))), "done");
    let came_then = vec![
        runtime(ready()),
        came(check("new", PATCHED, None)),
        all_checks(&[check("new", PATCHED, None)]),
    ];
    assert_eq!(
        judged(&wait, came_then),
        "waiting: the preflight check is running: new"
    );
    // Our controller says what it made a check for.
    let made_for = |generation: i64| {
        let inputs = Inputs {
            trigger: Trigger::Enabled,
            runtime: "u1".to_owned(),
            generation,
            enabling: generation,
            ..Inputs::default()
        };
        let inputs = serde_json::to_string(&inputs).unwrap();
        let mut check = check("new", PATCHED, Some(true));
        check["metadata"]["annotations"] = json!({PREFLIGHT_INPUTS: inputs});
        check["status"]["completionTime"] = PATCHED.into();
        vec![runtime(ready()), all_checks(&[check])]
    };
    assert_eq!(judged(&wait, made_for(4)), "done");
    assert_eq!(judged(&wait, made_for(3)), format!("waiting: {NO_CHECK}"));
    // A check from before that only now finishes is not ours.
    let finishes = vec![
        runtime(ready()),
        changed(check("before", EARLIER, Some(true))),
    ];
    assert_eq!(judged(&wait, finishes), format!("waiting: {NO_CHECK}"));
}

#[test]
fn a_failed_check_is_a_report_unless_a_newer_one_may_pass() {
    let wait = after_enabling();
    let failed = || came(check("new", LATER, Some(false)));
    assert_eq!(judged(&wait, vec![failed()]), "check failed: new");
    let newer = |pass| came(check("newer", "2026-11-22T10:00:30Z", pass));
    assert_eq!(
        judged(&wait, vec![failed(), newer(None), runtime(ready())]),
        "waiting: the preflight check is running: newer"
    );
    assert_eq!(
        judged(&wait, vec![failed(), newer(Some(true)), runtime(ready())]),
        "done"
    );
    assert_eq!(
        judged(
            &wait,
            vec![came(check("new", LATER, Some(true))), newer(Some(false))]
        ),
        "check failed: newer"
    );
    let patient = Wait {
        fail_fast: false,
        ..after_enabling()
    };
    assert_eq!(
        judged(&patient, vec![failed(), runtime(ready())]),
        "waiting: preflight check new: failed; a later one must pass"
    );
}

#[test]
fn of_two_checks_of_the_same_second_the_one_that_was_written_last_counts() {
    let wait = after_enabling();
    for name in ["a-later-one", "z-later-one"] {
        let later = |pass| {
            let version = json!({"metadata": {"resourceVersion": "46"}});
            came(with(check(name, LATER, Some(pass)), version))
        };
        let first = |pass| came(check("new", LATER, Some(pass)));
        assert_eq!(
            judged(&wait, vec![first(true), later(false)]),
            format!("check failed: {name}")
        );
        assert!(judged(&wait, vec![first(false), later(true)]).starts_with("waiting: "));
    }
}

#[test]
fn what_ready_needs_of_the_object() {
    let wait = after_enabling();
    let passed = || came(check("new", LATER, Some(true)));
    let cases = [
        (
            json!({"status": {"ready": false}}),
            "waiting: status.ready is not true",
        ),
        (
            json!({"status": {"ready": null}}),
            "waiting: status.ready is not true",
        ),
        (
            json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "EngineInstalling", "message": "virt-api is not ready"}]}}),
            "waiting: virt-api is not ready",
        ),
        (
            json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
            "waiting: Ready is Unknown",
        ),
        (
            json!({"status": {"ready": "yes"}}),
            "waiting: status.ready is not true",
        ),
        (
            // What cannot be read is not what is left out.
            json!({"status": {"observedGeneration": "4"}}),
            "waiting: status.observedGeneration cannot be read",
        ),
        (
            json!({"status": {"conditions": [{"type": "Ready", "status": "Perhaps"}, 7]}}),
            "waiting: the condition cannot be read",
        ),
        (
            // Somebody else changed the spec further: that must be seen too.
            json!({"metadata": {"generation": 5}}),
            "waiting: the controller has not looked at the change yet (generation 5, it has seen 4)",
        ),
        (json!({"metadata": {"uid": "u2"}}), "failed: Deleted 11"),
        (
            json!({"spec": {"enabled": false}}),
            "failed: FlippedBack 11",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(
            judged(&wait, vec![passed(), runtime(with(ready(), &change))]),
            expected,
            "{change}"
        );
    }
    let gone = (Seen::Runtime, Update::Gone(ready()));
    assert_eq!(judged(&wait, vec![gone]), "failed: Deleted 11");
    assert_eq!(
        judged(&wait, vec![(Seen::Runtime, Update::All(vec![]))]),
        "failed: Deleted 11"
    );
    assert_eq!(
        judged(&wait, vec![refused(Seen::Runtime)]),
        "failed: Forbidden 9"
    );
    let lost = (Seen::Runtime, Update::Lost(Some("reset".into())));
    assert_eq!(
        judged(&wait, vec![passed(), runtime(ready()), lost]),
        "done"
    );
}

#[test]
fn who_flipped_it_back_is_named() {
    let raw = with(
        ready(),
        json!({"spec": {"enabled": false}, "metadata": {"managedFields": [
            {"manager": "argocd", "time": "2026-11-22T10:01:00Z", "fieldsV1": {"f:spec": {"f:enabled": {}}}},
        ]}}),
    );
    let failure = judge::flipped(&object(raw));
    assert_eq!(
        failure.message,
        "spec.enabled was set to false by argocd while we waited"
    );
}

#[test]
fn a_foreign_controller_gets_a_minute_to_start_a_check() {
    let foreign = |change| {
        let status = json!({"status": {"observedGeneration": null, "conditions": null}});
        runtime(with(with(ready(), status), change))
    };
    let wait = after_enabling();
    let after =
        |seconds, heard| judged_after(&wait, heard, Duration::from_secs(seconds), Duration::ZERO);
    let alone = || vec![foreign(json!({}))];
    assert_eq!(after(59, alone()), format!("waiting: {NO_CHECK}"));
    // Nobody has written anything since: what stands there is from before.
    let before = with(
        enabled(),
        json!({"status": {"observedGeneration": null, "conditions": null}}),
    );
    let stale = after_patch(answered(before.clone()));
    let heard = vec![runtime(before)];
    assert_eq!(
        judged_after(&stale, heard, Duration::from_secs(600), Duration::ZERO),
        format!("waiting: {NO_CHECK}, and nobody has written the status of vmruntime since")
    );
    assert_eq!(
        after(60, alone()),
        "done; warning: the controller of this cluster reports ready, but has run no preflight check since the change"
    );
    // What has come while they could not be read is not known.
    let lost = (Seen::Checks, Update::Lost(Some("reset".into())));
    assert_eq!(
        after(600, vec![foreign(json!({})), lost]),
        "waiting: the preflight checks have not been read yet"
    );
    assert_eq!(
        after(600, vec![foreign(json!({"status": {"ready": false}}))]),
        "waiting: status.ready is not true"
    );
    // If it does start one, that counts.
    assert_eq!(
        after(
            600,
            vec![foreign(json!({})), came(check("new", LATER, None))]
        ),
        "waiting: the preflight check is running: new"
    );
    assert_eq!(
        after(
            1,
            vec![foreign(json!({})), came(check("new", LATER, Some(true)))]
        ),
        "done"
    );
    // Ours gets all the time.
    assert_eq!(
        after(600, vec![runtime(ready())]),
        format!("waiting: {NO_CHECK}")
    );
}

#[test]
fn without_a_change_what_holds_counts() {
    let wait = |change| unchanged(Target::Ready, with(ready(), change));
    assert_eq!(
        judged(&wait(json!({})), vec![]),
        "waiting: the preflight checks have not been read yet"
    );
    let passed = all_checks(&[check("new", EARLIER, Some(true))]);
    assert_eq!(judged(&wait(json!({})), vec![passed]), "done");
    let failed = json!({"status": {"ready": false, "preflightCheckSummary": {"preflightCheckPassed": false}}});
    let failed_check = || all_checks(&[check("new", EARLIER, Some(false))]);
    assert_eq!(
        judged(&wait(failed.clone()), vec![]),
        "waiting: status.ready is not true; the preflight checks have not been read yet",
        "the failed check is read before it is reported"
    );
    assert_eq!(
        judged(&wait(failed.clone()), vec![failed_check()]),
        "check failed: new"
    );
    let rerun = all_checks(&[
        check("new", EARLIER, Some(false)),
        check("rerun", LATER, None),
    ]);
    assert_eq!(
        judged(&wait(failed), vec![rerun]),
        "waiting: status.ready is not true; the preflight check is running: rerun"
    );
    let image_format = {
        let before = with(
            enabled(),
            json!({"metadata": {"resourceVersion": "39"}, "spec": {"vmImageFormat": "qcow2"}}),
        );
        Baseline::patched(&object(before), answered(enabled()))
    };
    assert!(
        !image_format.change.unwrap().starts_check,
        "the image format needs no new check"
    );
    let nothing = Baseline::patched(&object(enabled()), answered(enabled()));
    assert!(
        nothing.change.is_none(),
        "a patch that stored nothing changed nothing"
    );
}

#[test]
fn trouble_ends_a_wait_only_when_it_lasts_and_is_of_this_generation() {
    let wait = after_enabling();
    let degraded = |observed: i64| {
        runtime(with(
            ready(),
            json!({"status": {"ready": false, "conditions": [
                {"type": "Degraded", "status": "True", "reason": "EngineFailed", "message": "no room", "observedGeneration": observed},
            ]}}),
        ))
    };
    let after = |wait: &Wait, seconds, heard| {
        judged_after(
            wait,
            vec![heard],
            Duration::ZERO,
            Duration::from_secs(seconds),
        )
    };
    assert!(after(&wait, 29, degraded(4)).starts_with("waiting"));
    assert_eq!(after(&wait, 30, degraded(4)), "failed: Degraded 12");
    assert!(after(&wait, 300, degraded(3)).starts_with("waiting"));
    let patient = Wait {
        fail_fast: false,
        ..after_enabling()
    };
    assert!(after(&patient, 300, degraded(4)).starts_with("waiting"));
}

/// Our controller goes on saying what the last check said until the next one has a result.
#[test]
fn a_check_that_runs_outweighs_the_one_that_failed_before() {
    let failed = || {
        runtime(with(
            ready(),
            json!({"status": {"ready": false, "conditions": [
                {"type": "Degraded", "status": "True", "reason": "PreflightFailed", "message": "1 node", "observedGeneration": 4},
            ], "preflightCheckSummary": {"preflightCheckName": "old", "preflightCheckPassed": false}}}),
        ))
    };
    let after_long = |heard| {
        judged_after(
            &after_enabling(),
            heard,
            Duration::ZERO,
            Duration::from_secs(300),
        )
    };
    let running = came(check("new", LATER, None));
    assert_eq!(
        after_long(vec![failed(), running]),
        "waiting: status.ready is not true; the preflight check is running: new"
    );
    // Whoever may not see the checks has only the condition.
    assert_eq!(
        after_long(vec![failed(), refused(Seen::Checks)]),
        "failed: Degraded 12"
    );
}

#[test]
fn a_check_is_over_when_it_has_a_result() {
    let wait = Wait {
        target: Target::Preflight {
            name: "mine".into(),
        },
        baseline: None,
        fail_fast: true,
    };
    let mut fresh = check("mine", LATER, None);
    fresh["status"] = Value::Null;
    let cases = [
        (
            all_checks(&[fresh]),
            "waiting: the controller has not taken up the preflight check: mine",
        ),
        (
            all_checks(&[check("mine", LATER, None)]),
            "waiting: the preflight check is running: mine",
        ),
        (all_checks(&[check("mine", LATER, Some(true))]), "done"),
        (all_checks(&[check("mine", LATER, Some(false))]), "done"),
        (all_checks(&[]), "failed: Deleted 11"),
        (refused(Seen::Checks), "failed: Forbidden 9"),
    ];
    for (heard, expected) in cases {
        assert_eq!(judged(&wait, vec![heard]), expected);
    }
    assert_eq!(
        judged(&wait, vec![]),
        "waiting: the preflight check has not been read yet: mine"
    );
}
