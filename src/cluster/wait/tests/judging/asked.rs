//! What was asked for must go on to hold while it is waited for.

use super::*;

fn asking(asked: SpecChange) -> Wait {
    let wait = after_enabling();
    Wait {
        baseline: wait.baseline.map(|baseline| baseline.asking(asked)),
        ..wait
    }
}

#[test]
fn a_setting_that_is_set_back_ends_the_wait() {
    let emulation = |asked| SpecChange {
        enabled: Some(true),
        use_emulation: Some(asked),
        ..SpecChange::default()
    };
    let set_back = "failed: FlippedBack 11";
    let cases = [
        (
            emulation(true),
            json!({"spec": {"useEmulation": true}}),
            "done",
        ),
        (
            emulation(true),
            json!({"spec": {"useEmulation": false}}),
            set_back,
        ),
        (emulation(true), json!({}), set_back),
        // What is absent is as its default says.
        (emulation(false), json!({}), "done"),
        (
            emulation(false),
            json!({"spec": {"useEmulation": true}}),
            set_back,
        ),
        // Nobody has asked for it.
        (
            SpecChange::default(),
            json!({"spec": {"useEmulation": true}}),
            "done",
        ),
        // And what was to be on first of all.
        (
            emulation(true),
            json!({"spec": {"enabled": false, "useEmulation": true}}),
            set_back,
        ),
    ];
    for (asked, change, expected) in cases {
        let heard = vec![
            came(check("new", LATER, Some(true))),
            runtime(with(ready(), &change)),
        ];
        assert_eq!(
            judged(&asking(asked), heard),
            expected,
            "{asked:?} {change}"
        );
    }
}

#[test]
fn who_set_it_back_is_named() {
    let asked = SpecChange {
        use_emulation: Some(true),
        ..SpecChange::default()
    };
    for (change, expected) in [
        (
            json!({"spec": {"useEmulation": false}, "metadata": {"managedFields": [
                {"manager": "argocd", "time": "2026-11-22T10:01:00Z", "fieldsV1": {"f:spec": {"f:useEmulation": {}}}},
            ]}}),
            "spec.useEmulation was set to false by argocd while we waited",
        ),
        (
            json!({}),
            "spec.useEmulation was removed by someone else while we waited",
        ),
    ] {
        let now = object(with(ready(), change));
        let lost = asked.lost_in(&now);
        assert_eq!(judge::reverted(&now, &lost[0]).message, expected);
    }
}
