//! A preflight check as JUnit: a suite a node, a case a check.

use super::{CheckReport, NodeReport, PreflightReport};
use crate::{
    render::junit::{Case, Outcome, Suite, Words},
    runtime::{fail_policy, verdict::NodeVerdict},
};

/// Does a failure of that check on that node count? The command succeeds in spite of one that does not, so its file must
/// not make a build fail.
type Counts<'a> = &'a dyn Fn(&str, &str) -> bool;

impl PreflightReport {
    /// Every node × every check.
    #[must_use]
    pub fn suites(&self, counts: Counts<'_>) -> Vec<Suite> {
        let columns = self.columns();
        self.nodes
            .iter()
            .map(|node| Suite::new(&node.name, self.cases(node, &columns, counts)))
            .collect()
    }

    fn cases(&self, node: &NodeReport, columns: &[&str], counts: Counts<'_>) -> Vec<Case> {
        let mut cases: Vec<Case> = columns
            .iter()
            .map(|check| Case {
                name: (*check).to_owned(),
                outcome: self.outcome(node, check, counts),
            })
            .collect();
        // The node as a whole is a case where its checks do not say what it is, or nobody says which ones there are.
        let failed = |check: &&CheckReport| !check.passed && check.blocking;
        let told = cases.iter().any(|case| case.outcome.is_bad())
            || node.checks.iter().any(|check| failed(&check));
        if columns.is_empty() || (node.result != NodeVerdict::Passed && !told) {
            cases.push(Case {
                name: "preflight".to_owned(),
                outcome: whole(node, counts),
            });
        }
        cases
    }

    fn outcome(&self, node: &NodeReport, check: &str, counts: Counts<'_>) -> Outcome {
        let skipped = |result: &CheckReport, why: &str| {
            let words = self.words(result);
            Outcome::Skipped(Words {
                message: format!("failed, but {why}: {}", words.message),
                ..words
            })
        };
        let found = node.checks.iter().find(|result| result.name == check);
        match (found, node.result) {
            (Some(result), _) if result.passed => Outcome::Passed,
            (Some(result), _) if !result.blocking => skipped(result, "VMs run without it"),
            (Some(result), _) if counts(check, &node.name) => Outcome::Failed(self.words(result)),
            (Some(result), _) => skipped(result, "that does not count here"),
            (None, NodeVerdict::Unknown) => whole(node, counts),
            (None, NodeVerdict::Failed) if node.checks.is_empty() => whole(node, counts),
            (None, NodeVerdict::Passed | NodeVerdict::Failed) => Outcome::Skipped(Words::new(
                "NotReported",
                "the node does not report this check",
            )),
        }
    }

    /// What the node said, and what is known about such a failure.
    fn words(&self, result: &CheckReport) -> Words {
        let message = result.message.as_deref().unwrap_or("no reason was given");
        let known = self
            .explanations
            .iter()
            .find(|explanation| explanation.check == result.name);
        let text = known.map_or_else(
            || message.to_owned(),
            |known| format!("{message}\ncause: {}\nfix: {}", known.cause, known.fix),
        );
        Words::new("CheckFailed", message).with_text(text)
    }
}

/// What is said of the node without any check of it.
fn whole(node: &NodeReport, counts: Counts<'_>) -> Outcome {
    let why = node.message.as_deref().unwrap_or("no reason was given");
    match node.result {
        NodeVerdict::Passed => Outcome::Passed,
        NodeVerdict::Failed if is_excused(node, counts) => Outcome::Skipped(Words::new(
            "NodeFailed",
            &format!("failed, but that does not count here: {why}"),
        )),
        NodeVerdict::Failed => Outcome::Failed(Words::new("NodeFailed", why)),
        NodeVerdict::Unknown => Outcome::Unknown(Words::new("NodeUnknown", why)),
    }
}

/// Does the failure of the node not count?
fn is_excused(node: &NodeReport, counts: Counts<'_>) -> bool {
    let misses = node.checks.iter().filter(|result| !result.passed);
    let misses = misses.map(|result| result.name.as_str());
    match misses.clone().next() {
        None => !counts("", &node.name),
        Some(_) => fail_policy::is_excused(misses, |check| !counts(check, &node.name)),
    }
}
