//! What a VMRuntimePreflightCheck really says. `pass` alone is not believed: it must agree with the nodes.
//!
//! Called by `render::preflight` for every command that shows a check. Unknown is never a pass.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{NodeResult, VMRuntimePreflightCheckStatus};

/// What a whole check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It has not finished.
    Unfinished,
    /// Every node was verified and passed.
    Passed,
    /// A node failed.
    Failed,
    /// Nothing failed, but a node could not be verified, or none was.
    Incomplete,
    /// `pass` and the nodes contradict each other.
    Inconsistent,
}

/// What a check says of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeVerdict {
    Passed,
    Failed,
    /// The check could not be carried out there.
    Unknown,
}

/// `blocks` says of which checks it is known that VMs depend on them.
#[must_use]
pub fn of_node(result: &NodeResult, blocks: &dyn Fn(&str) -> bool) -> NodeVerdict {
    let failed = |only_blocking: bool| {
        result
            .results
            .iter()
            .any(|check| !check.passed && (!only_blocking || blocks(&check.check_name)))
    };
    if result.unknown == Some(true) {
        NodeVerdict::Unknown
    } else if failed(true) {
        // Whatever the summary of the node says: VMs can not run without this.
        NodeVerdict::Failed
    } else if result.passed {
        NodeVerdict::Passed
    } else if result.results.is_empty() {
        // A foreign controller has no word for unknown; failing without a single result is the nearest it gets.
        NodeVerdict::Unknown
    } else {
        NodeVerdict::Failed
    }
}

/// The nodes of a finished check: `checks` holds all of them, `failures` repeats some.
#[must_use]
pub fn nodes(status: &VMRuntimePreflightCheckStatus) -> BTreeMap<&str, &NodeResult> {
    status
        .failures
        .iter()
        .chain(&status.checks)
        .map(|(name, result)| (name.as_str(), result))
        .collect()
}

/// Judges the whole check.
#[must_use]
pub fn of_check(
    status: Option<&VMRuntimePreflightCheckStatus>,
    blocks: &dyn Fn(&str) -> bool,
) -> Verdict {
    let Some((status, pass)) = status.and_then(|status| Some((status, status.pass?))) else {
        return Verdict::Unfinished;
    };
    // Where the two lists say different things of one node, neither is passed over.
    let verdicts: Vec<NodeVerdict> = status
        .checks
        .values()
        .chain(status.failures.values())
        .map(|node| of_node(node, blocks))
        .collect();
    let failed = verdicts.contains(&NodeVerdict::Failed);
    let unknown =
        verdicts.contains(&NodeVerdict::Unknown) || status.unknown_node_num.unwrap_or(0) > 0;
    let passed = verdicts.contains(&NodeVerdict::Passed);
    match (pass, failed) {
        (true, true) => Verdict::Inconsistent,
        (false, true) => Verdict::Failed,
        (true, false) if passed && !unknown => Verdict::Passed,
        (false, false) if passed && !unknown => Verdict::Inconsistent,
        (_, false) => Verdict::Incomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::CheckResult;

    fn blocks(check: &str) -> bool {
        matches!(check, "CPU" | "KVM")
    }

    fn node(passed: bool, results: &[(&str, bool)]) -> NodeResult {
        NodeResult {
            passed,
            results: results
                .iter()
                .map(|(name, passed)| CheckResult {
                    check_name: (*name).to_owned(),
                    passed: *passed,
                    message: None,
                })
                .collect(),
            ..NodeResult::default()
        }
    }

    fn unknown() -> NodeResult {
        NodeResult {
            unknown: Some(true),
            ..NodeResult::default()
        }
    }

    fn verdict(pass: Option<bool>, nodes: &[NodeResult]) -> Verdict {
        let status = VMRuntimePreflightCheckStatus {
            pass,
            checks: nodes
                .iter()
                .enumerate()
                .map(|(at, node)| (format!("worker-{at}"), node.clone()))
                .collect(),
            ..VMRuntimePreflightCheckStatus::default()
        };
        of_check(Some(&status), &blocks)
    }

    #[test]
    fn pass_must_agree_with_the_nodes() {
        let good = node(true, &[("CPU", true), ("KVM", true), ("VSOCK", true)]);
        let without_vsock = node(true, &[("KVM", true), ("VSOCK", false)]);
        let bad = node(false, &[("CPU", true), ("KVM", false)]);
        let lying = node(true, &[("KVM", false)]);
        let speechless = node(false, &[]);
        let both = |other: &NodeResult| [good.clone(), other.clone()];
        for (pass, nodes, expected) in [
            (None, std::slice::from_ref(&good), Verdict::Unfinished),
            (Some(true), &both(&good), Verdict::Passed),
            (Some(true), &both(&without_vsock), Verdict::Passed),
            (Some(false), &both(&bad), Verdict::Failed),
            (Some(false), &[bad.clone(), unknown()], Verdict::Failed),
            (Some(true), &both(&bad), Verdict::Inconsistent),
            (Some(true), &both(&lying), Verdict::Inconsistent),
            (Some(false), &both(&good), Verdict::Inconsistent),
            (Some(true), &both(&unknown()), Verdict::Incomplete),
            (Some(true), &both(&speechless), Verdict::Incomplete),
            (Some(false), &[unknown()], Verdict::Incomplete),
            (Some(true), &[], Verdict::Incomplete),
            (Some(false), &[], Verdict::Incomplete),
        ] {
            assert_eq!(verdict(pass, nodes), expected, "{pass:?} {nodes:?}");
        }
        assert_eq!(of_check(None, &blocks), Verdict::Unfinished);
    }
}
