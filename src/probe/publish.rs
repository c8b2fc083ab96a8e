//! A probe's report in the words of VMRuntimePreflightCheck.

use super::{CHECKS, ProbeReport};
use crate::api::{CheckResult, NodeResult};

/// What a preflight check publishes of a node: the published checks, and nothing at all of a node that could not be
/// judged.
#[must_use]
pub fn node_result(report: &ProbeReport) -> NodeResult {
    if let Some(reason) = report.unknown() {
        return NodeResult {
            passed: false,
            unknown: Some(true),
            message: Some(reason),
            results: Vec::new(),
        };
    }
    let results = CHECKS
        .iter()
        .filter(|check| check.published)
        .map(|check| match report.verdict(check.id) {
            Some(verdict) => CheckResult {
                check_name: check.id.to_string(),
                passed: verdict.outcome.is_pass(),
                message: verdict.message.clone(),
            },
            None => CheckResult {
                check_name: check.id.to_string(),
                passed: false,
                message: Some("no result".to_owned()),
            },
        })
        .collect();
    NodeResult {
        passed: report.passed(),
        unknown: None,
        message: None,
        results,
    }
}
