//! By which check VMs can be run, and what is no proof of it.

use super::*;

/// A status of a finished check, and what a wait for ready makes of it.
fn proofs() -> Vec<(Value, &'static str)> {
    const INCOMPLETE: &str =
        "done; warning: check incomplete: preflight check new could not verify n2";
    const REFUSED: &str = "check failed: new";
    let good = json!({"passed": true, "results": [{"checkName": "KVM", "passed": true}]});
    let bad = json!({"passed": false, "results": [{"checkName": "KVM", "passed": false}]});
    let lying = json!({"passed": true, "results": [{"checkName": "KVM", "passed": false}]});
    let unknown = json!({"passed": false, "unknown": true, "results": []});
    vec![
        (json!({"checks": {"n1": good}}), "done"),
        (json!({"checks": {"n1": good, "n2": unknown}}), INCOMPLETE),
        (json!({"checks": {"n1": good, "n2": 7}}), INCOMPLETE),
        // It verified no node.
        (json!({}), REFUSED),
        (json!({"checks": {}}), REFUSED),
        (json!({"checks": {"n1": unknown}}), REFUSED),
        (
            json!({"checks": {"n1": {"passed": true, "unknown": true}}}),
            REFUSED,
        ),
        // A node failed.
        (json!({"checks": {"n1": bad}}), REFUSED),
        (json!({"checks": {"n1": lying}}), REFUSED),
        (
            json!({"checks": {"n1": good}, "failures": {"n1": bad}}),
            REFUSED,
        ),
        (
            json!({"checks": {"n1": good, "n2": unknown, "n3": bad}}),
            REFUSED,
        ),
        // A node could not be verified, and nobody says which.
        (
            json!({"checks": {"n1": good}, "unknownNodeNum": 1}),
            REFUSED,
        ),
    ]
}

fn proof(status: &Value) -> Value {
    let mut check = check("new", LATER, None);
    check["status"] = with(
        json!({"pass": true, "startTime": LATER, "completionTime": LATER}),
        status,
    );
    check
}

#[test]
fn pass_alone_proves_nothing() {
    for (status, expected) in proofs() {
        let heard = || vec![came(proof(&status)), runtime(ready())];
        assert_eq!(judged(&after_enabling(), heard()), expected, "{status}");
        // The same where nothing was changed, and the VMRuntime names the check.
        let wait = unchanged(Target::Ready, ready());
        let listed = all_checks(&[proof(&status)]);
        assert_eq!(judged(&wait, vec![listed]), expected, "{status}");
    }
}

#[test]
fn a_check_that_does_not_suffice_is_not_the_end_for_those_who_wait_on() {
    let patient = Wait {
        fail_fast: false,
        ..after_enabling()
    };
    let nothing = proof(&json!({}));
    assert_eq!(
        judged(&patient, vec![came(nothing.clone()), runtime(ready())]),
        "waiting: preflight check new: incomplete; a later one must pass"
    );
    let newer = came(check("newer", "2026-11-22T10:00:30Z", None));
    assert_eq!(
        judged(
            &after_enabling(),
            vec![came(nothing), newer, runtime(ready())]
        ),
        "waiting: the preflight check is running: newer"
    );
}

#[test]
fn a_check_that_cannot_be_read_is_there_and_has_not_passed() {
    let mut broken = check("new", LATER, Some(true));
    broken["spec"] = json!(7);
    assert_eq!(
        judged(&after_enabling(), vec![came(broken), runtime(ready())]),
        "waiting: preflight check new cannot be read"
    );
}

#[test]
fn a_check_that_is_deleted_in_the_middle_is_not_taken_for_none() {
    let foreign = with(
        ready(),
        json!({"status": {"observedGeneration": null, "conditions": null}}),
    );
    let failed = check("new", LATER, Some(false));
    let gone = (Seen::Checks, Update::Gone(failed.clone()));
    for runtime_ in [ready(), foreign] {
        let heard = vec![runtime(runtime_), came(failed.clone()), gone.clone()];
        assert_eq!(
            judged_after(
                &after_enabling(),
                heard,
                Duration::from_secs(600),
                Duration::ZERO
            ),
            "waiting: preflight check new was deleted; another one must pass"
        );
    }
}

#[test]
fn a_vmruntime_that_contradicts_the_check_is_not_believed() {
    let denies = |foreign| {
        let summary = json!({"status": {"preflightCheckSummary": {"preflightCheckPassed": false}}});
        let bare = json!({"status": {"observedGeneration": null, "conditions": null}});
        let denies = with(ready(), summary);
        if foreign { with(denies, bare) } else { denies }
    };
    for foreign in [false, true] {
        let passed = came(check("new", LATER, Some(true)));
        assert_eq!(
            judged(&after_enabling(), vec![passed, runtime(denies(foreign))]),
            "waiting: the controller has not taken over the result of new yet"
        );
    }
    // It names one that has not finished, or that nobody sees.
    let wait = || unchanged(Target::Ready, ready());
    let running = all_checks(&[check("new", LATER, None)]);
    assert_eq!(
        judged(&wait(), vec![running]),
        "waiting: the preflight check is running: new"
    );
    let other = all_checks(&[check("other", LATER, Some(true))]);
    assert_eq!(
        judged(&wait(), vec![other]),
        "done; unknown: vmruntime reports that preflight check new passed, and there is no such check"
    );
    // Nobody ever checked anything.
    let bare = json!({"status": {"observedGeneration": null, "conditions": null, "preflightCheckSummary": null}});
    let wait = unchanged(Target::Ready, with(ready(), bare));
    assert_eq!(
        judged(&wait, vec![all_checks(&[])]),
        "done; unknown: vmruntime reports ready, but there is no preflight check"
    );
    assert_eq!(
        judged(&wait, vec![all_checks(&[check("own", LATER, Some(true))])]),
        "done"
    );
}

#[test]
fn checks_that_may_not_be_read_prove_nothing() {
    let wait = after_enabling();
    assert_eq!(
        judged(&wait, vec![refused(Seen::Checks), runtime(ready())]),
        "done; unknown: the preflight checks cannot be read: forbidden"
    );
    let settled = unchanged(Target::Ready, ready());
    assert_eq!(
        judged(&settled, vec![refused(Seen::Checks)]),
        "done; unknown: the preflight checks cannot be read: forbidden"
    );
    let still_old = with(
        ready(),
        json!({"status": {"preflightCheckSummary": {"preflightCheckName": "old"}}}),
    );
    assert_eq!(
        judged(&wait, vec![refused(Seen::Checks), runtime(still_old)]),
        "waiting: a new preflight check (they cannot be read: forbidden)"
    );
}
