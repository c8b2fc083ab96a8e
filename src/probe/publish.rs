//! A probe's report in the words of VMRuntimePreflightCheck.

use super::report::{Outcome, ProbeReport, Verdict};
use crate::api::{CheckResult, NodeResult};

/// What is published of one node: the published checks, or the reason why the node is unknown.
#[must_use]
pub fn node_result(report: &ProbeReport) -> NodeResult {
    if let Some(why) = report.unknown() {
        return NodeResult {
            passed: false,
            unknown: Some(true),
            message: Some(why),
            results: Vec::new(),
        };
    }
    NodeResult {
        passed: report.passed(),
        unknown: None,
        message: None,
        results: report
            .verdicts
            .iter()
            .filter(|verdict| verdict.check.info().published)
            .map(check_result)
            .collect(),
    }
}

fn check_result(verdict: &Verdict) -> CheckResult {
    CheckResult {
        check_name: verdict.check.to_string(),
        passed: matches!(verdict.outcome, Outcome::Passed | Outcome::NotApplicable),
        message: verdict.message.clone(),
    }
}
