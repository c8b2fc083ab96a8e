//! A preflight check as data: every node × every check, always all of them, and what is known about what failed.

mod suites;
mod text;
mod told;

pub(super) use text::tone_of;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::{clean::clean, name::ResourceName};
use crate::{
    api::{
        CheckResult, VMRuntimePreflightCheck,
        text::{cut, shortened},
    },
    runtime::{
        cause,
        preflight::CheckFacts,
        verdict::{self, JudgedNode, NodeVerdict, Verdict},
    },
};

/// The two checks that may fail for one cause.
const CPU: &str = "CPU";
const KVM: &str = "KVM";

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
    /// People see only the nodes that did not pass; documents have all.
    #[serde(skip)]
    #[schemars(skip)]
    pub failed_only: bool,
    /// Only some of its nodes were judged, and are here.
    #[serde(skip)]
    #[schemars(skip)]
    pub selection: Option<Selection>,
}

/// That only some of the nodes of a check were judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// The labels that select them; null where they were named.
    pub labels: Option<String>,
    pub judged_nodes: usize,
    /// How many nodes there are with those that were not judged.
    pub all_nodes: usize,
    /// What the check says with all of them.
    pub whole_result: Verdict,
}

impl Selection {
    /// For people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self {
            judged_nodes,
            all_nodes,
            whole_result,
            ..
        } = self;
        let word = match whole_result {
            Verdict::Unfinished => "has not finished",
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Incomplete => "is incomplete",
            Verdict::Inconsistent => "contradicts itself",
        };
        let were = if *judged_nodes == 1 { "was" } else { "were" };
        format!("Only {judged_nodes} of {all_nodes} nodes {were} judged; the whole check {word}.")
    }

    /// What whoever reads only of the selected nodes must know of the others.
    #[must_use]
    pub fn beyond(&self) -> Option<String> {
        let Self {
            judged_nodes,
            all_nodes,
            ..
        } = self;
        let what = match self.whole_result {
            Verdict::Passed => return None,
            Verdict::Failed => "failed on nodes that were not selected",
            Verdict::Incomplete => "could not verify nodes that were not selected",
            Verdict::Inconsistent => "contradicts itself",
            Verdict::Unfinished => "has not finished",
        };
        let were = if *judged_nodes == 1 { "was" } else { "were" };
        Some(format!(
            "only {judged_nodes} of {all_nodes} nodes {were} judged; the preflight check {what}"
        ))
    }
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
            .map(|(name, judged)| node(name.0, *judged, explain))
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
            failed_only: false,
            selection: None,
        }
    }

    /// For `-o name`.
    #[must_use]
    pub fn resource(&self) -> ResourceName {
        ResourceName::preflight_check(&self.name)
    }

    /// The nodes with this verdict, as a sentence takes them: the first ones, with what failed there, and how many more.
    #[must_use]
    pub fn named(&self, verdict: NodeVerdict) -> String {
        const NAMED: usize = 3;
        let names: Vec<String> = self
            .nodes_that(verdict)
            .take(NAMED)
            .map(NodeReport::with_failures)
            .collect();
        match self.count(verdict) - names.len() {
            0 => names.join(", "),
            more if names.is_empty() => format!("{more} that the check does not name"),
            more => format!("{} and {more} more", names.join(", ")),
        }
    }

    /// How many nodes have this verdict, also those that the check does not name.
    #[must_use]
    pub fn count(&self, verdict: NodeVerdict) -> usize {
        let named = self.nodes_that(verdict).count();
        match verdict {
            NodeVerdict::Unknown => named + self.unnamed_unknown_nodes,
            NodeVerdict::Passed | NodeVerdict::Failed => named,
        }
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
                let failed = |node: &&NodeReport| node.failed(check).is_some();
                (check, self.nodes.iter().filter(failed).collect::<Vec<_>>())
            })
            .filter(|(_, nodes)| !nodes.is_empty())
            .collect()
    }

    /// The same for people: what failed for one cause is one entry under the names of both checks.
    fn causes(&self) -> Vec<(Vec<&str>, Vec<&NodeReport>)> {
        let mut causes = Vec::new();
        for (check, nodes) in self.failures() {
            let pairs = check == CPU || check == KVM;
            let (both, alone): (Vec<&NodeReport>, Vec<&NodeReport>) = nodes
                .into_iter()
                .partition(|node| pairs && node.lacks_virtualization());
            if check == CPU && !both.is_empty() {
                causes.push((vec![CPU, KVM], both));
            }
            if !alone.is_empty() {
                causes.push((vec![check], alone));
            }
        }
        causes
    }

    /// Every check that any node has, what VMs depend on first, in the order in which the nodes tell them.
    pub(in crate::render) fn columns(&self) -> Vec<&str> {
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

impl NodeReport {
    /// The result of this check, where it failed.
    fn failed(&self, check: &str) -> Option<&CheckReport> {
        self.checks
            .iter()
            .find(|result| result.name == check && !result.passed)
    }

    /// KVM failed for the very reason for which CPU did.
    fn lacks_virtualization(&self) -> bool {
        self.failed(CPU)
            .zip(self.failed(KVM))
            .is_some_and(|(cpu, kvm)| {
                cause::kvm_follows_cpu(cpu.message.as_deref(), kvm.message.as_deref())
            })
    }

    /// The name, and which checks keep VMs away from it: `worker-2 (CPU, KVM)`.
    #[must_use]
    pub fn with_failures(&self) -> String {
        /// A node that claims to have failed a thousand checks is not to fill the screen.
        const NAMED: usize = 5;
        let name = clean(&self.name);
        let failed: Vec<&CheckReport> = self
            .checks
            .iter()
            .filter(|check| !check.passed && check.blocking)
            .collect();
        let mut checks: Vec<String> = failed
            .iter()
            .take(NAMED)
            .map(|check| clean(&check.name))
            .collect();
        if failed.len() > NAMED {
            checks.push(format!("{} more", failed.len() - NAMED));
        }
        if checks.is_empty() {
            name
        } else {
            format!("{name} ({})", checks.join(", "))
        }
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
