//! What a VMRuntimePreflightCheck really says. `pass` alone is not believed: it must agree with the nodes.
//!
//! The one judge: the wait of `enable`, `update` and `wait`, `check`, `get`, `status`, the events, every rendering and the
//! controller's gate ask it, so that no two of them can disagree. Unknown is never a pass.
//!
//! What releases of Google's controller leave out is judged by the same rules. Their type (`checks`, `failures`, `pass`, the
//! two times) knows neither `unknown` nor `unknownNodeNum` nor `message`; `results` is absent where it is empty, and so are
//! `checks` and `failures`; an entry of `failures` has no `passed`; VSOCK came later than CPU and KVM, which nothing here
//! depends on. A `pass` without any entry in `checks` is what that controller writes where there was no node, so it verified
//! none.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::{
    NodeResult, VMRuntimePreflightCheckStatus,
    name::{ADVISORY_CHECKS, BLOCKING_CHECKS},
    natural::Natural,
};

/// What a whole check says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It has not finished.
    #[default]
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

impl Verdict {
    /// As people read it: `check incomplete`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unfinished => "not finished",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Inconsistent => "inconsistent",
        }
    }
}

// In this order: where a check says two things of one node, the later one counts.
/// What a check says of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NodeVerdict {
    Passed,
    /// The check could not be carried out there.
    Unknown,
    Failed,
}

/// A check, judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement<'a> {
    pub verdict: Verdict,
    /// In the order in which people count them.
    pub nodes: BTreeMap<Natural<'a>, JudgedNode<'a>>,
    /// How many more nodes could not be verified, by the check's own count, that it does not name.
    pub unnamed: usize,
    /// What the cluster itself says.
    pass: bool,
}

/// What is said of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedNode<'a> {
    pub verdict: NodeVerdict,
    /// The entry that says so.
    pub result: &'a NodeResult,
}

impl<'a> Judgement<'a> {
    /// Can VMs be run by this check? At least one node was verified, no verified node failed, and every node that could
    /// not be verified is named, so that people can be told. Where it is not [`Verdict::Passed`], they must be.
    #[must_use]
    pub fn suffices(&self) -> bool {
        match self.verdict {
            Verdict::Passed => true,
            Verdict::Incomplete => {
                self.pass && self.unnamed == 0 && self.that(NodeVerdict::Passed).next().is_some()
            }
            Verdict::Unfinished | Verdict::Failed | Verdict::Inconsistent => false,
        }
    }

    /// The names of the nodes with this verdict.
    pub fn that(&self, verdict: NodeVerdict) -> impl Iterator<Item = &'a str> {
        let nodes = self.nodes.iter();
        nodes
            .filter(move |(_, node)| node.verdict == verdict)
            .map(|(name, _)| name.0)
    }

    /// The nodes that could not be verified, as a sentence takes them.
    #[must_use]
    pub fn unverified(&self) -> String {
        let named = listed(self.that(NodeVerdict::Unknown));
        match (named.as_str(), self.unnamed) {
            (_, 0) => named,
            ("", 1) => "1 node that it does not name".to_owned(),
            ("", unnamed) => format!("{unnamed} nodes that it does not name"),
            (_, unnamed) => format!("{named} and {unnamed} more that it does not name"),
        }
    }

    /// How many nodes have this verdict, also those that are not named.
    #[must_use]
    pub fn count(&self, verdict: NodeVerdict) -> usize {
        let unnamed = match verdict {
            NodeVerdict::Unknown => self.unnamed,
            NodeVerdict::Passed | NodeVerdict::Failed => 0,
        };
        self.that(verdict).count() + unnamed
    }
}

/// Judges a check.
#[must_use]
pub fn judge(status: Option<&VMRuntimePreflightCheckStatus>) -> Judgement<'_> {
    let Some(status) = status else {
        return Judgement::default();
    };
    let nodes = nodes(status);
    let named = nodes
        .values()
        .filter(|node| node.verdict == NodeVerdict::Unknown)
        .count();
    let mut judgement = Judgement {
        verdict: Verdict::Unfinished,
        unnamed: counted(status).saturating_sub(named),
        nodes,
        pass: status.pass == Some(true),
    };
    if status.pass.is_some() {
        judgement.verdict = finished(&judgement);
    }
    judgement
}

fn finished(judgement: &Judgement<'_>) -> Verdict {
    let has = |verdict| judgement.count(verdict) > 0;
    let unverified = has(NodeVerdict::Unknown) || !has(NodeVerdict::Passed);
    match (judgement.pass, has(NodeVerdict::Failed)) {
        (false, true) => Verdict::Failed,
        (_, false) if unverified => Verdict::Incomplete,
        (true, false) => Verdict::Passed,
        (true, true) | (false, false) => Verdict::Inconsistent,
    }
}

/// `checks` holds all nodes, `failures` repeats those that failed or could not be verified. Where they say different things
/// of one node, the worse counts.
fn nodes(status: &VMRuntimePreflightCheckStatus) -> BTreeMap<Natural<'_>, JudgedNode<'_>> {
    let mut nodes: BTreeMap<Natural<'_>, JudgedNode<'_>> = BTreeMap::new();
    let checks = status.checks.iter().map(|entry| (entry, of_node(entry.1)));
    let failures = status.failures.iter();
    let failures = failures.map(|entry| (entry, of_listed_failure(entry.1)));
    for ((name, result), verdict) in checks.chain(failures) {
        let judged = JudgedNode { verdict, result };
        nodes
            .entry(Natural(name))
            .and_modify(|known| {
                if known.verdict < judged.verdict {
                    *known = judged;
                }
            })
            .or_insert(judged);
    }
    nodes
}

/// How many unknown nodes the check counts. A number that makes no sense stands for at least one.
fn counted(status: &VMRuntimePreflightCheckStatus) -> usize {
    let number = status.unknown_node_num.unwrap_or_default();
    usize::try_from(number).unwrap_or(1)
}

/// Judges one node.
#[must_use]
pub fn of_node(node: &NodeResult) -> NodeVerdict {
    let failed = node
        .results
        .iter()
        .any(|check| !check.passed && blocks(&check.check_name));
    if node.unknown == Some(true) {
        NodeVerdict::Unknown
    } else if failed {
        // Whatever the summary of the node says: VMs cannot run without this.
        NodeVerdict::Failed
    } else if node.passed {
        NodeVerdict::Passed
    } else if node.results.is_empty() {
        // A foreign controller has no word for unknown; failing without a single result is the nearest it gets.
        NodeVerdict::Unknown
    } else {
        NodeVerdict::Failed
    }
}

/// That a node is listed as a failure says more than its entry does, which may be empty.
fn of_listed_failure(node: &NodeResult) -> NodeVerdict {
    match of_node(node) {
        NodeVerdict::Passed => NodeVerdict::Failed,
        verdict @ (NodeVerdict::Unknown | NodeVerdict::Failed) => verdict,
    }
}

/// Is it known that VMs depend on that check?
#[must_use]
pub fn blocks(check: &str) -> bool {
    BLOCKING_CHECKS.contains(&check)
}

/// Is it known that VMs do not depend on that check? One that we do not know may be why a node failed.
#[must_use]
pub fn is_advisory(check: &str) -> bool {
    ADVISORY_CHECKS.contains(&check)
}

/// The names of nodes or other objects as a sentence takes them: the first ones, and the number of the others.
#[must_use]
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const NAMED: usize = 20;
    let names: Vec<&str> = names.collect();
    let first = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
