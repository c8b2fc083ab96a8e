//! When a check is due: told from what stands on the checks and the nodes, never from memory.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CheckFacts, NodeFacts, gate, kubelets};
use crate::runtime::verdict::{self, NodeVerdict};

/// Why the controller makes a check.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// VM Runtime was enabled: VM creation stays closed until this check has passed.
    #[default]
    Enabled,
    /// useEmulation, or anything else in the spec, was changed while enabled.
    SettingsChanged,
    /// A node joined, or its skip label was removed.
    NodeAdded,
    /// A node is ready again, or was replaced by another of the same name.
    NodeBack,
    /// More nodes than before run some version of the kubelet.
    Upgraded,
    /// Somebody changed useEmulation on a KubeVirt object that is not ours.
    EngineChanged,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a check was made for, kept in an annotation of the check.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Inputs {
    pub trigger: Trigger,
    /// UID of the VMRuntime: another object of the same name starts anew.
    pub runtime: String,
    /// Generation of the VMRuntime.
    pub generation: i64,
    /// Generation in which the enabling was noticed that this check belongs to. Checks of another one open no gate.
    pub enabling: i64,
    /// How many eligible nodes ran which kubelet.
    pub kubelets: BTreeMap<String, usize>,
}

/// What VMRuntime was like when the controller took a check up, kept in an annotation of the check. Whoever made the
/// check: this tells which enabling its result counts for, and keeps one check from judging nodes in two ways.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Occasion {
    /// UID of the VMRuntime; empty if there was none.
    pub runtime: String,
    pub generation: i64,
    /// What new VMs get, whatever VMRuntime asks for: nodes are judged by it.
    pub use_emulation: bool,
    /// What VMRuntime asks for; only where somebody else decides on it, because KubeVirt is theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<bool>,
}

impl Occasion {
    /// That nodes were judged by another setting than the one that VMRuntime asks for.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        let (has, asked) = (self.use_emulation, self.asked?);
        let effect = if has {
            "new VMs are emulated in software, and whether nodes have KVM was not judged"
        } else {
            "new VMs need KVM, and nodes were checked for it"
        };
        (has != asked).then(|| {
            format!(
                "useEmulation is {has} on a KubeVirt object that is not VM Runtime's own, although VMRuntime asks for \
                 {asked}: {effect}; change it there, or: bmctl update vmruntime --use-emulation={has}"
            )
        })
    }
}

/// The VMRuntime that checks are made for, and the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub uid: String,
    pub generation: i64,
    pub now: Timestamp,
    /// What new VMs get by now.
    pub use_emulation: bool,
    /// When these nodes were seen to have lost the skip label.
    pub unskipped: BTreeMap<String, Timestamp>,
}

/// Is a check due?
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    No,
    Now(Inputs),
    /// Nodes changed, but the last check is too recent.
    At(Timestamp),
}

/// Whether an enabled VM Runtime needs a new check.
///
/// Every change of the spec brings one about. Two changes since the last check may have been a disable and an enable
/// that nobody saw (one change can not: VM Runtime was enabled then and is now), so they count as an enabling.
#[must_use]
pub fn due(subject: &Subject, nodes: &[NodeFacts], checks: &[CheckFacts], gap: Duration) -> Due {
    let now = |trigger, enabling| {
        Due::Now(Inputs {
            trigger,
            runtime: subject.uid.clone(),
            generation: subject.generation,
            enabling,
            kubelets: kubelets(nodes),
        })
    };
    let Some(last) = last_inputs(subject, checks) else {
        return now(Trigger::Enabled, subject.generation);
    };
    match subject.generation - last.generation {
        0 => {}
        1 => return now(Trigger::SettingsChanged, last.enabling),
        _ => return now(Trigger::Enabled, subject.generation),
    }
    let running = checks
        .iter()
        .any(|check| !check.finished() && !check.deleting);
    let Some(base) = gate::finished_in_epoch(subject, checks).filter(|_| !running) else {
        return Due::No;
    };
    let changed = engine_trigger(subject, base);
    let Some(trigger) = changed.or_else(|| node_trigger(subject, nodes, base, last)) else {
        return Due::No;
    };
    let completed = base.status.completion_time.as_ref();
    let earliest = completed
        .map_or(base.created, |time| time.0)
        .checked_add(gap);
    match earliest {
        Ok(earliest) if earliest > subject.now => Due::At(earliest),
        Ok(_) | Err(_) => now(trigger, last.enabling),
    }
}

/// What the newest check of the controller for this VMRuntime was made for.
pub(super) fn last_inputs<'a>(subject: &Subject, checks: &'a [CheckFacts]) -> Option<&'a Inputs> {
    checks
        .iter()
        .filter(|check| !check.deleting)
        .filter_map(|check| check.inputs.as_ref().map(|inputs| (check, inputs)))
        .filter(|(_, inputs)| inputs.runtime == subject.uid)
        .max_by_key(|(check, inputs)| (inputs.generation, inputs.enabling, check.created))
        .map(|(_, inputs)| inputs)
}

/// Were the nodes judged by another setting than the one that new VMs get?
fn engine_trigger(subject: &Subject, base: &CheckFacts) -> Option<Trigger> {
    let judged = base.occasion.as_ref()?.use_emulation;
    (judged != subject.use_emulation).then_some(Trigger::EngineChanged)
}

/// Did something happen to a node that the last finished check could not know?
fn node_trigger(
    subject: &Subject,
    nodes: &[NodeFacts],
    base: &CheckFacts,
    last: &Inputs,
) -> Option<Trigger> {
    let mut triggers = nodes
        .iter()
        .filter(|node| !node.skipped && node.ready)
        .filter_map(|node| changed_node(subject, node, base));
    if let Some(trigger) = triggers.next() {
        return Some(trigger);
    }
    let upgraded = kubelets(nodes)
        .into_iter()
        .any(|(version, nodes)| nodes > last.kubelets.get(&version).copied().unwrap_or(0));
    upgraded.then_some(Trigger::Upgraded)
}

/// A node that stays unknown although it is ready (its image can not be pulled, say) is no reason for another check:
/// that would go on for ever. A time in the future, from a clock that is ahead, is not believed yet.
fn changed_node(subject: &Subject, node: &NodeFacts, base: &CheckFacts) -> Option<Trigger> {
    let now = subject.now;
    let Some(entry) = base.status.checks.get(&node.name) else {
        return Some(Trigger::NodeAdded);
    };
    // Whatever that check says of it: what happened to a node that was left out, nobody looked at.
    let unskipped = subject.unskipped.get(&node.name);
    if unskipped.is_some_and(|unskipped| *unskipped >= base.started()) {
        return Some(Trigger::NodeAdded);
    }
    // Times of the API are whole seconds. Within the second in which the check began, only a node that it could not
    // reach may have come back afterwards.
    let started = base.started().as_second();
    let first = if verdict::of_node(entry) == NodeVerdict::Unknown {
        started
    } else {
        started + 1
    };
    let after =
        |time: Option<Timestamp>| time.is_some_and(|time| time <= now && time.as_second() >= first);
    (after(node.ready_since) || after(node.created)).then_some(Trigger::NodeBack)
}

#[cfg(test)]
mod tests {
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
        for (story, checks, expected) in table {
            assert_eq!(
                trigger(due(&subject(5, 60), &nodes, &checks, GAP)),
                expected,
                "{story}"
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
        for (story, nodes, expected) in table {
            let checks = [own("a", 0, 5, Some(true))];
            assert_eq!(
                trigger(due(&subject(5, 60), &nodes, &checks, GAP)),
                expected,
                "{story}"
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
            serde_json::from_str(r#"{"runtime": "u", "generation": 1, "useEmulation": true}"#)
                .unwrap();
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
}
