//! When a check is due, as tables.

use super::{
    super::tests::{at, check},
    *,
};

const GAP: Duration = Duration::from_secs(10);

fn subject(generation: i64, second: i64) -> Subject {
    Subject {
        uid: "u".to_owned(),
        generation,
        now: at(second),
        ..Subject::default()
    }
}

fn node(name: &str) -> NodeFacts {
    NodeFacts {
        name: name.to_owned(),
        ready: true,
        ready_since: Some(at(-100)),
        created: Some(at(-100)),
        kubelet_version: "v1".to_owned(),
        ..NodeFacts::default()
    }
}

fn own(name: &str, second: i64, generation: i64, pass: Option<bool>) -> CheckFacts {
    CheckFacts {
        inputs: Some(Inputs {
            trigger: Trigger::Enabled,
            runtime: "u".to_owned(),
            generation,
            enabling: generation,
            kubelets: BTreeMap::from([("v1".to_owned(), 1)]),
        }),
        ..check(name, second, pass)
    }
}

fn trigger(due: Due) -> Option<Trigger> {
    match due {
        Due::Now(inputs) => Some(inputs.trigger),
        Due::No | Due::At(_) => None,
    }
}

#[test]
fn the_spec_decides_first() {
    let nodes = [node("n1")];
    let table = [
        ("never checked", vec![], Some(Trigger::Enabled)),
        (
            "somebody's own check does not enable",
            vec![check("own", 0, Some(true))],
            Some(Trigger::Enabled),
        ),
        ("checked", vec![own("a", 0, 5, Some(true))], None),
        ("being checked", vec![own("a", 0, 5, None)], None),
        (
            "changed once",
            vec![own("a", 0, 4, Some(true))],
            Some(Trigger::SettingsChanged),
        ),
        (
            "changed while being checked",
            vec![own("a", 0, 4, None)],
            Some(Trigger::SettingsChanged),
        ),
        (
            "maybe disabled and enabled",
            vec![own("a", 0, 3, Some(true))],
            Some(Trigger::Enabled),
        ),
        (
            "another object of that name",
            vec![own("a", 0, 9, Some(true))],
            Some(Trigger::Enabled),
        ),
    ];
    for (case, checks, expected) in table {
        assert_eq!(
            trigger(due(&subject(5, 60), &nodes, &checks, GAP)),
            expected,
            "{case}"
        );
    }
}

#[test]
fn nodes_bring_a_check_about_when_the_last_one_could_not_know() {
    let back = |second| NodeFacts {
        ready_since: Some(at(second)),
        ..node("n1")
    };
    let upgraded = NodeFacts {
        kubelet_version: "v2".to_owned(),
        ..node("n1")
    };
    let skipped = NodeFacts {
        skipped: true,
        ..node("n2")
    };
    let away = NodeFacts {
        ready: false,
        ready_since: Some(at(30)),
        ..node("n1")
    };
    let replaced = NodeFacts {
        created: Some(at(30)),
        ..node("n1")
    };
    let table = [
        ("nothing", vec![node("n1")], None),
        ("gone", vec![], None),
        (
            "joined",
            vec![node("n1"), node("n2")],
            Some(Trigger::NodeAdded),
        ),
        ("skipped", vec![node("n1"), skipped], None),
        ("back", vec![back(30)], Some(Trigger::NodeBack)),
        ("back before the check", vec![back(0)], None),
        ("back in the future", vec![back(3600)], None),
        ("away", vec![away], None),
        ("replaced", vec![replaced], Some(Trigger::NodeBack)),
        ("upgraded", vec![upgraded], Some(Trigger::Upgraded)),
    ];
    for (case, nodes, expected) in table {
        let checks = [own("a", 0, 5, Some(true))];
        assert_eq!(
            trigger(due(&subject(5, 60), &nodes, &checks, GAP)),
            expected,
            "{case}"
        );
    }
}

#[test]
fn an_unknown_node_is_checked_again_when_it_is_back_and_not_before() {
    let mut last = own("a", 0, 5, Some(true));
    last.status.checks.insert(
        "n2".to_owned(),
        super::super::unknown("the node is not ready"),
    );
    for (ready_since, expected) in [
        (at(-100), None),
        (at(0), Some(Trigger::NodeBack)),
        (at(20), Some(Trigger::NodeBack)),
    ] {
        let nodes = [
            node("n1"),
            NodeFacts {
                ready_since: Some(ready_since),
                kubelet_version: "v1".to_owned(),
                ..node("n2")
            },
        ];
        let mut last = last.clone();
        last.inputs.as_mut().unwrap().kubelets = kubelets(&nodes);
        assert_eq!(
            trigger(due(&subject(5, 60), &nodes, &[last], GAP)),
            expected,
            "{ready_since}"
        );
    }
}

#[test]
fn a_node_that_loses_the_skip_label_is_checked_whatever_is_known_of_it() {
    let subject = |unskipped| Subject {
        unskipped: BTreeMap::from([("n1".to_owned(), at(unskipped))]),
        ..subject(5, 60)
    };
    let checks = [own("a", 20, 5, Some(true))];
    for (unskipped, expected) in [(10, None), (30, Some(Trigger::NodeAdded))] {
        let due = due(&subject(unskipped), &[node("n1")], &checks, GAP);
        assert_eq!(trigger(due), expected, "{unskipped}");
    }
}

#[test]
fn nodes_are_judged_again_when_the_engine_emulates_otherwise() {
    let judged = |use_emulation| CheckFacts {
        occasion: Some(Occasion {
            runtime: "u".to_owned(),
            generation: 5,
            use_emulation,
            asked: None,
        }),
        ..own("a", 0, 5, Some(true))
    };
    for (judged_by, effective, expected) in [
        (false, false, None),
        (true, true, None),
        (true, false, Some(Trigger::EngineChanged)),
        (false, true, Some(Trigger::EngineChanged)),
    ] {
        let subject = Subject {
            use_emulation: effective,
            ..subject(5, 60)
        };
        let due = due(&subject, &[node("n1")], &[judged(judged_by)], GAP);
        assert_eq!(trigger(due), expected, "{judged_by} {effective}");
    }
}

#[test]
fn a_setting_that_is_not_the_wanted_one_is_said() {
    for (use_emulation, asked, said) in [
        (false, None, None),
        (true, Some(true), None),
        (false, Some(true), Some("new VMs need KVM")),
        (true, Some(false), Some("new VMs are emulated")),
    ] {
        let occasion = Occasion {
            use_emulation,
            asked,
            ..Occasion::default()
        };
        let found = occasion.difference();
        let right = match (&found, said) {
            (None, None) => true,
            (Some(found), Some(said)) => found.contains(said),
            (_, _) => false,
        };
        assert!(right, "{found:?}");
    }
    let before: Occasion =
        serde_json::from_str(r#"{"runtime": "u", "generation": 1, "useEmulation": true}"#).unwrap();
    assert_eq!(before.asked, None);
}

#[test]
fn a_flapping_node_causes_no_storm() {
    let nodes = [node("n1"), node("n2")];
    let finished = [own("a", 55, 5, Some(true))];
    assert_eq!(
        due(&subject(5, 60), &nodes, &finished, GAP),
        Due::At(at(65))
    );
    let running = [own("a", 0, 5, Some(true)), check("b", 50, None)];
    assert_eq!(due(&subject(5, 60), &nodes, &running, GAP), Due::No);
}
