//! A preflight check as data: every node × every check, always all of them, and what is known about what failed.

mod suites;
mod text;

pub(super) use text::tone_of;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::name::ResourceName;
use crate::{
    api::{
        CheckResult, VMRuntimePreflightCheck,
        text::{cut, shortened},
    },
    runtime::{
        preflight::CheckFacts,
        verdict::{self, JudgedNode, NodeVerdict, Verdict},
    },
};

/// One run of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreflightReport {
    /// Name of the VMRuntimePreflightCheck.
    pub name: String,
    pub result: Verdict,
    /// What the cluster itself says.
    pub pass: Option<bool>,
    /// Why the check could not be carried out at all, where that is so.
    pub message: Option<String>,
    #[serde(rename = "durationSeconds", serialize_with = "seconds")]
    #[schemars(with = "Option<u64>")]
    pub duration: Option<Duration>,
    pub nodes: Vec<NodeReport>,
    /// How many more nodes could not be verified, by the check's own count, that it does not name.
    pub unnamed_unknown_nodes: usize,
    /// One for each check that failed somewhere and that we know.
    pub explanations: Vec<Explanation>,
    /// Does somebody else decide whether VMs are emulated, because KubeVirt is theirs?
    #[serde(skip)]
    #[schemars(skip)]
    pub engine_is_foreign: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReport {
    pub name: String,
    pub result: NodeVerdict,
    /// Why it is unknown.
    pub message: Option<String>,
    pub checks: Vec<CheckReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    pub name: String,
    pub passed: bool,
    /// Do VMs depend on it?
    pub blocking: bool,
    pub message: Option<String>,
}

/// What a failed check means, from our own table of checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    pub check: String,
    pub cause: String,
    pub fix: String,
}

/// What is known about a check beside its results: `commands` takes it from the probe's table.
pub type Explain<'a> = &'a dyn Fn(&str) -> Option<Explanation>;

impl PreflightReport {
    #[must_use]
    pub fn new(check: &VMRuntimePreflightCheck, explain: Explain<'_>) -> Self {
        let status = check.status.clone().unwrap_or_default();
        let judgement = verdict::judge(Some(&status));
        let nodes: Vec<NodeReport> = judgement
            .nodes
            .iter()
            .map(|(name, judged)| node(name, *judged, explain))
            .collect();
        let mut failed: Vec<&str> = Vec::new();
        for check in nodes.iter().flat_map(|node| &node.checks) {
            if !check.passed && !failed.contains(&check.name.as_str()) {
                failed.push(&check.name);
            }
        }
        let explanations = failed.into_iter().filter_map(explain).collect();
        let started = status
            .start_time
            .as_ref()
            .or(check.metadata.creation_timestamp.as_ref());
        let duration = started
            .zip(status.completion_time.as_ref())
            .and_then(|(started, completed)| completed.0.duration_since(started.0).try_into().ok());
        Self {
            name: shortened(check.metadata.name.clone().unwrap_or_default()),
            result: judgement.verdict,
            pass: status.pass,
            message: status.message.clone().map(shortened),
            duration,
            nodes,
            unnamed_unknown_nodes: judgement.unnamed,
            explanations,
            engine_is_foreign: CheckFacts::read(check)
                .occasion
                .is_some_and(|occasion| occasion.asked.is_some()),
        }
    }

    /// For `-o name`.
    #[must_use]
    pub fn resource(&self) -> ResourceName {
        ResourceName::preflight_check(&self.name)
    }

    /// The nodes with this verdict.
    pub fn nodes_that(&self, verdict: NodeVerdict) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().filter(move |node| node.result == verdict)
    }

    /// The checks that failed on nodes that nevertheless can run VMs.
    pub fn advisory_failures(&self) -> Vec<String> {
        self.failures()
            .into_iter()
            .filter(|(check, _)| !self.blocks(check))
            .map(|(check, nodes)| format!("{check} failed on {}", text::names(&nodes)))
            .collect()
    }

    fn blocks(&self, check: &str) -> bool {
        self.nodes
            .iter()
            .flat_map(|node| &node.checks)
            .any(|found| found.name == check && found.blocking)
    }

    /// Check → the nodes that it failed on, in the order of the table.
    fn failures(&self) -> Vec<(&str, Vec<&NodeReport>)> {
        self.columns()
            .into_iter()
            .map(|check| {
                let nodes = self
                    .nodes
                    .iter()
                    .filter(|node| {
                        node.checks
                            .iter()
                            .any(|result| result.name == check && !result.passed)
                    })
                    .collect::<Vec<_>>();
                (check, nodes)
            })
            .filter(|(_, nodes)| !nodes.is_empty())
            .collect()
    }

    /// Every check that any node has, what VMs depend on first, in the order in which the nodes tell them.
    fn columns(&self) -> Vec<&str> {
        let mut columns: Vec<&CheckReport> = Vec::new();
        for check in self.nodes.iter().flat_map(|node| &node.checks) {
            if !columns.iter().any(|known| known.name == check.name) {
                columns.push(check);
            }
        }
        columns.sort_by_key(|check| !check.blocking);
        columns
            .into_iter()
            .map(|check| check.name.as_str())
            .collect()
    }
}

fn node(name: &str, judged: JudgedNode<'_>, explain: Explain<'_>) -> NodeReport {
    let JudgedNode { verdict, result } = judged;
    // A check that we do not know, on a node that failed: then it may be the reason.
    let may_be_the_reason = |check: &CheckResult| {
        !check.passed && verdict == NodeVerdict::Failed && explain(&check.check_name).is_none()
    };
    NodeReport {
        name: cut(name).into_owned(),
        result: verdict,
        message: result.message.clone().map(shortened),
        checks: result
            .results
            .iter()
            .map(|check| CheckReport {
                name: shortened(check.check_name.clone()),
                passed: check.passed,
                blocking: verdict::blocks(&check.check_name) || may_be_the_reason(check),
                message: check.message.clone().map(shortened),
            })
            .collect(),
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
pub(super) fn seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs())
        .serialize(serializer)
}

#[cfg(test)]
pub(super) mod tests;
