//! What is said of an earlier generation proves nothing of this one.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_condition_speaks_of_its_own_generation() {
    let ready_of = |condition: i64| {
        let of = json!({"type": "Ready", "status": "True", "observedGeneration": condition});
        let status = json!({"observedGeneration": null, "conditions": [of]});
        unchanged(Target::Ready, with(ready(), json!({"status": status})))
    };
    let passed = || all_checks(&[check("new", EARLIER, Some(true))]);
    assert_eq!(
        judged(&ready_of(3), vec![passed()]),
        format!("waiting: {LAG}")
    );
    assert_eq!(judged(&ready_of(4), vec![passed()]), "done");
    let off_of = |condition: i64| {
        let of = json!({"type": "Ready", "status": "False", "observedGeneration": condition});
        let status = json!({"observedGeneration": null, "conditions": [of]});
        let off = with(disabled(), json!({"status": status}));
        unchanged(Target::Disabled, off)
    };
    let no_pods = || all_pods(&[]);
    assert_eq!(
        judged(&off_of(3), vec![no_pods()]),
        format!("waiting: {LAG}")
    );
    assert_eq!(judged(&off_of(4), vec![no_pods()]), "done");
}

#[test]
fn a_failed_check_of_before_ends_no_wait() {
    const NO_RESULT: &str = "no preflight check has finished since the change";
    let passed = |passed: Option<bool>| json!({"preflightCheckPassed": passed});
    let cases = [
        // The controller has not looked at the enabling yet.
        (
            json!({"observedGeneration": 3, "preflightCheckSummary": passed(Some(false))}),
            format!("waiting: {LAG}; {NO_RESULT}"),
        ),
        (
            json!({"observedGeneration": 3, "preflightCheckSummary": passed(Some(true))}),
            format!("waiting: {LAG}; {NO_RESULT}"),
        ),
        (
            json!({"observedGeneration": 3, "preflightCheckSummary": null, "phase": null}),
            format!("waiting: {LAG}; {NO_RESULT}"),
        ),
        // It has, and no check has finished that counts.
        (
            json!({"ready": false, "preflightCheckSummary": passed(None)}),
            format!("waiting: status.ready is not true; {NO_RESULT}"),
        ),
        (
            json!({"ready": false, "preflightCheckSummary": null}),
            format!("waiting: status.ready is not true; {NO_RESULT}"),
        ),
        // This one counts.
        (
            json!({"ready": false, "preflightCheckSummary": passed(Some(false))}),
            "check failed: new".to_owned(),
        ),
        // A foreign controller says so too, or never says anything.
        (
            json!({"ready": false, "preflightCheckSummary": passed(Some(false)), "phase": null}),
            "check failed: new".to_owned(),
        ),
        (
            json!({"ready": false, "preflightCheckSummary": null, "phase": null}),
            "check failed: new".to_owned(),
        ),
    ];
    for (status, expected) in cases {
        let wait = unchanged(Target::Ready, with(ready(), json!({"status": status})));
        let failed = all_checks(&[check("new", EARLIER, Some(false))]);
        assert_eq!(judged(&wait, vec![failed]), expected, "{status}");
    }
}

#[test]
fn where_no_generation_is_published_a_check_of_before_is_told_by_its_age() {
    const NO_RESULT: &str = "no preflight check has finished since the change";
    let written = |at: &str| {
        let write = json!({"manager": "kubectl-patch", "operation": "Update", "time": at,
            "fieldsV1": {"f:spec": {"f:enabled": {}}}});
        let status = json!({"ready": false, "observedGeneration": null, "phase": null, "conditions": null,
            "preflightCheckSummary": null});
        let change = json!({"metadata": {"managedFields": [write]}, "status": status});
        unchanged(Target::Ready, with(ready(), change))
    };
    let failed = || all_checks(&[check("old", EARLIER, Some(false))]);
    assert_eq!(
        judged(&written(LATER), vec![failed()]),
        format!("waiting: status.ready is not true; {NO_RESULT}")
    );
    assert_eq!(
        judged(&written(EARLIER), vec![failed()]),
        "check failed: old"
    );
}

#[test]
fn a_check_for_later_settings_says_more_than_the_one_that_has_passed() {
    let wait = unchanged(Target::Ready, ready());
    let made = |name: &str, generation: i64, pass: Option<bool>| {
        let inputs = Inputs {
            trigger: Trigger::SettingsChanged,
            runtime: wait.baseline.as_ref().unwrap().object.uid().to_owned(),
            generation,
            enabling: 2,
            kubelets: BTreeMap::new(),
        };
        let mut check = check(name, if name == "new" { EARLIER } else { LATER }, pass);
        let inputs = serde_json::to_string(&inputs).unwrap();
        check["metadata"]["annotations"][PREFLIGHT_INPUTS] = inputs.into();
        check
    };
    for (before, pass, expected) in [
        (3, None, "waiting: the preflight check is running: later"),
        (3, Some(false), "check failed: later"),
        (
            3,
            Some(true),
            "waiting: the controller has not taken over the result of later yet",
        ),
        // Made for another reason: the controller goes by the last result until there is another.
        (4, None, "done"),
    ] {
        let checks = [made("new", before, Some(true)), made("later", 4, pass)];
        assert_eq!(judged(&wait, vec![all_checks(&checks)]), expected);
    }
}
