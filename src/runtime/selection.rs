//! A check, judged for some of its nodes: `--node` and `--selector` of `bmctl check vmruntimepfc`.
//!
//! The cluster always checks all of its nodes, and its `pass` speaks of all. What is selected here is judged by the same
//! rules as a whole check: an entry for each selected node, unknown where the check does not name it.

use super::verdict::{self, NodeVerdict, Verdict};
use crate::api::{NodeResult, VMRuntimePreflightCheck, VMRuntimePreflightCheckStatus};

/// Why a selected node has no result.
const NOT_NAMED: &str = "the preflight check does not name this node";

/// The check as it is judged: for the selected nodes, or for all.
#[must_use]
pub fn judged(
    check: &VMRuntimePreflightCheck,
    selected: Option<&[String]>,
) -> VMRuntimePreflightCheck {
    let mut judged = check.clone();
    if let (Some(nodes), Some(status)) = (selected, &check.status) {
        judged.status = Some(part(status, nodes));
    }
    judged
}

/// What a check says of these nodes, as if there were no others.
///
/// A check that contradicts itself stays what it is: nothing that it says of a single node is believed.
#[must_use]
pub fn part(
    status: &VMRuntimePreflightCheckStatus,
    nodes: &[String],
) -> VMRuntimePreflightCheckStatus {
    let whole = verdict::judge(Some(status));
    let selected = |name: &String, _: &mut NodeResult| nodes.contains(name);
    let mut part = VMRuntimePreflightCheckStatus {
        unknown_node_num: None,
        ..status.clone()
    };
    part.checks.retain(selected);
    part.failures.retain(selected);
    for name in nodes {
        if !part.checks.contains_key(name) && !part.failures.contains_key(name) {
            let missing = NodeResult {
                unknown: Some(true),
                message: Some(NOT_NAMED.to_owned()),
                ..NodeResult::default()
            };
            part.checks.insert(name.clone(), missing);
        }
    }
    let failed = verdict::judge(Some(&part)).count(NodeVerdict::Failed) > 0;
    part.pass = match whole.verdict {
        Verdict::Unfinished => None,
        // The opposite of what its nodes say.
        Verdict::Inconsistent => Some(failed),
        Verdict::Passed | Verdict::Failed | Verdict::Incomplete => Some(!failed),
    };
    part
}

/// How many nodes the check is about, with those of the selection that it does not name.
#[must_use]
pub fn all(status: &VMRuntimePreflightCheckStatus, nodes: &[String]) -> usize {
    let whole = verdict::judge(Some(status));
    let named = |name: &&String| {
        status.checks.contains_key(name.as_str()) || status.failures.contains_key(name.as_str())
    };
    let not_named = nodes.len() - nodes.iter().filter(named).count();
    // Nodes that the check counts and does not name may be the selected ones.
    whole.nodes.len() + whole.unnamed.max(not_named)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(value: Value) -> VMRuntimePreflightCheckStatus {
        serde_json::from_value(value).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn bad() -> Value {
        json!({"passed": false, "results": [{"checkName": "KVM", "passed": false}]})
    }

    #[test]
    fn a_selection_is_judged_like_a_whole() {
        use Verdict::{Failed, Incomplete, Inconsistent, Passed, Unfinished};
        let good = json!({"passed": true, "results": [{"checkName": "KVM", "passed": true}]});
        let mixed = json!({
            "pass": false, "unknownNodeNum": 1,
            "checks": {"a": good, "b": good, "c": bad(), "d": {"unknown": true}}, "failures": {"c": bad()},
        });
        for (value, selected, verdict, all_of) in [
            (mixed.clone(), &["a", "b"][..], Passed, 4),
            (mixed.clone(), &["a", "c"], Failed, 4),
            (mixed.clone(), &["a", "d"], Incomplete, 4),
            (mixed.clone(), &["c", "d"], Failed, 4),
            // A node that the check does not name was not verified.
            (mixed.clone(), &["a", "e"], Incomplete, 5),
            (mixed.clone(), &["e"], Incomplete, 5),
            (
                json!({"pass": true, "checks": {"a": good}}),
                &["e"],
                Incomplete,
                2,
            ),
            (
                json!({"pass": true, "unknownNodeNum": 3, "checks": {"a": good}}),
                &["a", "e"],
                Incomplete,
                4,
            ),
            // What contradicts itself proves nothing of any of its nodes.
            (
                json!({"pass": true, "checks": {"a": good, "c": bad()}}),
                &["a"],
                Inconsistent,
                2,
            ),
            (
                json!({"pass": true, "checks": {"a": good, "c": bad()}}),
                &["c"],
                Inconsistent,
                2,
            ),
            (json!({"checks": {"a": good}}), &["a"], Unfinished, 1),
            // Only in the list of failures.
            (
                json!({"pass": false, "failures": {"c": bad()}}),
                &["c"],
                Failed,
                1,
            ),
        ] {
            let (status, selected) = (status(value.clone()), names(selected));
            let part = part(&status, &selected);
            assert_eq!(
                verdict::judge(Some(&part)).verdict,
                verdict,
                "{value} {selected:?}"
            );
            assert_eq!(all(&status, &selected), all_of, "{value} {selected:?}");
        }
    }

    #[test]
    fn an_unknown_node_says_why() {
        let status = status(json!({"pass": true, "checks": {}}));
        let part = part(&status, &names(&["e"]));
        assert_eq!(part.checks["e"].message.as_deref(), Some(NOT_NAMED));
    }
}
