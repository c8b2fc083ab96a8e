//! A preflight check as JUnit: a suite a node, a case a check.

use super::{CheckReport, NodeReport, PreflightReport};
use crate::{
    render::junit::{Case, Outcome, Suite, Words},
    runtime::verdict::NodeVerdict,
};

impl PreflightReport {
    /// Every node × every check.
    #[must_use]
    pub fn suites(&self) -> Vec<Suite> {
        let columns = self.columns();
        self.nodes
            .iter()
            .map(|node| Suite::new(&node.name, self.cases(node, &columns)))
            .collect()
    }

    fn cases(&self, node: &NodeReport, columns: &[&str]) -> Vec<Case> {
        let mut cases: Vec<Case> = columns
            .iter()
            .map(|check| Case {
                name: (*check).to_owned(),
                outcome: self.outcome(node, check),
            })
            .collect();
        // The node as a whole is a case where its checks do not say what it is, or nobody says which ones there are.
        let told = cases.iter().any(|case| case.outcome.is_bad());
        if columns.is_empty() || (node.result != NodeVerdict::Passed && !told) {
            cases.push(Case {
                name: "preflight".to_owned(),
                outcome: whole(node),
            });
        }
        cases
    }

    fn outcome(&self, node: &NodeReport, check: &str) -> Outcome {
        let found = node.checks.iter().find(|result| result.name == check);
        match (found, node.result) {
            (Some(result), _) if result.passed => Outcome::Passed,
            (Some(result), _) if result.blocking => Outcome::Failed(self.words(result)),
            // The command succeeds in spite of it, so its file must not make a build fail.
            (Some(result), _) => {
                let words = self.words(result);
                Outcome::Skipped(Words {
                    message: format!("failed, but VMs run without it: {}", words.message),
                    ..words
                })
            }
            (None, NodeVerdict::Unknown) => whole(node),
            (None, NodeVerdict::Failed) if node.checks.is_empty() => whole(node),
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
fn whole(node: &NodeReport) -> Outcome {
    let why = node.message.as_deref().unwrap_or("no reason was given");
    match node.result {
        NodeVerdict::Passed => Outcome::Passed,
        NodeVerdict::Failed => Outcome::Failed(Words::new("NodeFailed", why)),
        NodeVerdict::Unknown => Outcome::Unknown(Words::new("NodeUnknown", why)),
    }
}
