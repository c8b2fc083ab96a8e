use serde_json::{Value, json};

use super::*;

fn status(value: Value) -> VMRuntimePreflightCheckStatus {
    serde_json::from_value(value).unwrap()
}

fn good() -> Value {
    node(true, &[("CPU", true), ("KVM", true), ("VSOCK", true)])
}

fn bad() -> Value {
    node(false, &[("CPU", true), ("KVM", false)])
}

fn unknown() -> Value {
    json!({"passed": false, "unknown": true, "results": []})
}

fn node(passed: bool, results: &[(&str, bool)]) -> Value {
    let results: Vec<Value> = results
        .iter()
        .map(|(check, passed)| json!({"checkName": check, "passed": passed}))
        .collect();
    json!({"passed": passed, "results": results})
}

/// What is said of a status, and whether VMs can be run by it.
fn judged(value: Value) -> (Verdict, bool) {
    let status = status(value);
    let judgement = judge(Some(&status));
    (judgement.verdict, judgement.suffices())
}

#[test]
fn pass_must_agree_with_the_nodes() {
    use Verdict::{Failed, Incomplete, Inconsistent, Passed, Unfinished};
    let without_vsock = node(true, &[("KVM", true), ("VSOCK", false)]);
    let lying = node(true, &[("KVM", false)]);
    let speechless = node(false, &[]);
    let table = [
        (json!({}), Unfinished, false),
        (json!({"checks": {"a": good()}}), Unfinished, false),
        (json!({"pass": true, "checks": {"a": good()}}), Passed, true),
        (
            json!({"pass": true, "checks": {"a": good(), "b": without_vsock}}),
            Passed,
            true,
        ),
        (
            json!({"pass": false, "checks": {"a": good(), "b": bad()}}),
            Failed,
            false,
        ),
        (
            json!({"pass": false, "checks": {"a": bad(), "b": unknown()}}),
            Failed,
            false,
        ),
        (
            json!({"pass": false, "checks": {"a": good()}}),
            Inconsistent,
            false,
        ),
        // No node was verified.
        (json!({"pass": true}), Incomplete, false),
        (json!({"pass": true, "checks": {}}), Incomplete, false),
        (json!({"pass": false, "checks": {}}), Incomplete, false),
        (
            json!({"pass": true, "checks": {"a": unknown()}}),
            Incomplete,
            false,
        ),
        (
            json!({"pass": false, "checks": {"a": unknown()}}),
            Incomplete,
            false,
        ),
        (
            json!({"pass": true, "checks": {"a": {"passed": true, "unknown": true}}}),
            Incomplete,
            false,
        ),
        // Some were, and the others are named.
        (
            json!({"pass": true, "unknownNodeNum": 1, "checks": {"a": good(), "b": unknown()}}),
            Incomplete,
            true,
        ),
        (
            json!({"pass": true, "checks": {"a": good(), "b": speechless}}),
            Incomplete,
            true,
        ),
        (
            json!({"pass": true, "checks": {"a": good(), "b": "nonsense"}}),
            Incomplete,
            true,
        ),
        (
            json!({"pass": false, "checks": {"a": good(), "b": unknown()}}),
            Incomplete,
            false,
        ),
        // They are counted, but not named.
        (
            json!({"pass": true, "unknownNodeNum": 1, "checks": {"a": good()}}),
            Incomplete,
            false,
        ),
        (
            json!({"pass": true, "unknownNodeNum": 2, "checks": {"a": good(), "b": unknown()}}),
            Incomplete,
            false,
        ),
        (
            json!({"pass": true, "unknownNodeNum": "1", "checks": {"a": good()}}),
            Incomplete,
            false,
        ),
        (
            json!({"pass": true, "unknownNodeNum": 0, "checks": {"a": good()}}),
            Passed,
            true,
        ),
        // A verified node failed.
        (
            json!({"pass": true, "checks": {"a": good(), "b": bad()}}),
            Inconsistent,
            false,
        ),
        (
            json!({"pass": true, "checks": {"a": lying}}),
            Inconsistent,
            false,
        ),
        (
            json!({"pass": true, "checks": {"a": good()}, "failures": {"a": bad()}}),
            Inconsistent,
            false,
        ),
        (
            json!({"pass": true, "checks": {"a": good()}, "failures": {"b": bad()}}),
            Inconsistent,
            false,
        ),
        (
            json!({"pass": true, "checks": {"a": good()}, "failures": {"a": good()}}),
            Inconsistent,
            false,
        ),
        (
            json!({"pass": true, "checks": {"a": good()}, "failures": {"b": null}}),
            Incomplete,
            true,
        ),
        (
            json!({"pass": "true", "checks": {"a": good()}}),
            Inconsistent,
            false,
        ),
    ];
    for (value, verdict, suffices) in table {
        assert_eq!(judged(value.clone()), (verdict, suffices), "{value}");
    }
    assert_eq!(judge(None).verdict, Verdict::Unfinished);
}

#[test]
fn what_googles_controller_writes_is_judged_without_what_it_does_not_know() {
    // As it documents it: messages only of what failed, results only where there are some, no word for unknown.
    let passed = json!({"pass": true, "checks": {"w1": {"passed": true, "results": [
        {"checkName": "CPU", "passed": true}, {"checkName": "KVM", "passed": true},
    ]}}});
    assert_eq!(judged(passed), (Verdict::Passed, true));
    let short = json!({"pass": true, "checks": {"w1": {"passed": true}}});
    assert_eq!(judged(short), (Verdict::Passed, true));
    let results = json!([
        {"checkName": "CPU", "passed": true},
        {"checkName": "KVM", "passed": false, "message": "command terminated with exit code 1\nls: /mnt/dev/kvm"},
    ]);
    // An entry of failures has no `passed`.
    let failed = json!({
        "pass": false,
        "checks": {"w1": {"passed": false, "results": results}},
        "failures": {"w1": {"results": results}},
    });
    assert_eq!(judged(failed), (Verdict::Failed, false));
    // Maps that are empty are left out: there was no node.
    let nothing = json!({"pass": true, "startTime": "2026-01-01T00:00:00Z"});
    assert_eq!(judged(nothing), (Verdict::Incomplete, false));
}

#[test]
fn the_worse_of_two_entries_is_shown_and_counted_once() {
    let status = status(json!({
        "pass": true, "unknownNodeNum": 3,
        "checks": {"a": good(), "b": good(), "c": unknown()}, "failures": {"a": bad(), "c": {"passed": false}},
    }));
    let judgement = judge(Some(&status));
    let names = |verdict| judgement.that(verdict).collect::<Vec<_>>();
    assert_eq!(names(NodeVerdict::Failed), ["a"]);
    assert_eq!(names(NodeVerdict::Passed), ["b"]);
    assert_eq!(names(NodeVerdict::Unknown), ["c"]);
    assert_eq!(judgement.nodes[&Natural("a")].result.results.len(), 2);
    assert_eq!(
        (judgement.unnamed, judgement.count(NodeVerdict::Unknown)),
        (2, 3)
    );
}

#[test]
fn many_names_are_counted() {
    let names: Vec<String> = (0..25).map(|at| format!("n{at}")).collect();
    let text = listed(names.iter().map(String::as_str));
    assert!(text.ends_with("n19 and 5 more"), "{text}");
    assert_eq!(listed(["a", "b"].into_iter()), "a, b");
}
