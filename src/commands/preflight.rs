//! What `enable` and `check` share about preflight checks: their report, and what a bad one means for the exit code.

use super::Context;
use crate::{
    api::VMRuntimePreflightCheck,
    failure::{Failure, Kind, Reason, shell_word},
    probe,
    render::preflight::{Explanation, Knowledge, PreflightReport},
    runtime::verdict::{NodeVerdict, Verdict},
};

/// Do VMs depend on that check, as far as we know it?
pub fn blocks(id: &str) -> bool {
    probe::CheckId::from_name(id).is_some_and(|check| check.info().blocking)
}

/// The report of a check, with causes and fixes from the probe's own table of checks.
pub fn report(check: &VMRuntimePreflightCheck) -> PreflightReport {
    let info = |id: &str| probe::CheckId::from_name(id).map(probe::CheckId::info);
    PreflightReport::new(
        check,
        &Knowledge {
            blocks: &blocks,
            explain: &|id| {
                info(id).map(|check| Explanation {
                    check: id.to_owned(),
                    cause: check.cause.to_owned(),
                    fix: check.fix.to_owned(),
                })
            },
        },
    )
}

/// Why this check is not a success; `None` if it is one.
pub fn failure(report: &PreflightReport) -> Option<Failure> {
    failure_by(report, report.result)
}

/// The same, for whoever judges it otherwise.
pub fn failure_by(report: &PreflightReport, verdict: Verdict) -> Option<Failure> {
    let names = |verdict| {
        let all: Vec<&str> = report
            .nodes_that(verdict)
            .map(|node| node.name.as_str())
            .collect();
        match all.as_slice() {
            [] => "no node".to_owned(),
            [only] => format!("node {only}"),
            many => format!("{} of {} nodes", many.len(), report.nodes.len()),
        }
    };
    match verdict {
        Verdict::Passed => None,
        Verdict::Failed => Some(Failure::new(
            Kind::CheckFailed,
            Reason::PreflightFailed,
            format!(
                "the preflight check failed on {}",
                names(NodeVerdict::Failed)
            ),
        )),
        Verdict::Incomplete if report.nodes.is_empty() => Some(Failure::new(
            Kind::Incomplete,
            Reason::NoNodeVerified,
            "the preflight check verified no node",
        )),
        Verdict::Incomplete => Some(Failure::new(
            Kind::Incomplete,
            Reason::NodesUnknown,
            format!(
                "the preflight check could not verify {}",
                names(NodeVerdict::Unknown)
            ),
        )),
        Verdict::Inconsistent => Some(Failure::new(
            Kind::Incomplete,
            Reason::PreflightInconsistent,
            format!(
                "the preflight check contradicts itself: pass is {}, but {} failed",
                report.pass.unwrap_or_default(),
                names(NodeVerdict::Failed)
            ),
        )),
        Verdict::Unfinished => Some(Failure::new(
            Kind::Incomplete,
            Reason::PreflightUnfinished,
            "the preflight check has not finished",
        )),
    }
}

/// The ways on from a failed check, best first.
pub fn ways_on(context: &Context, failure: Failure, report: &PreflightReport) -> Failure {
    let mut failure = failure.hint(format!(
        "fix the nodes, then check again: {}",
        context.paste("check vmruntimepfc")
    ));
    if let Some(node) = report.nodes_that(NodeVerdict::Failed).next() {
        failure = failure.hint(format!(
            "leave a node out (it runs no VMs then): {}",
            context.paste(&format!("skip node {}", shell_word(&node.name)))
        ));
    }
    let failed = report
        .nodes_that(NodeVerdict::Failed)
        .flat_map(|node| &node.checks)
        .find(|check| !check.passed && probe::CheckId::from_name(&check.name).is_some());
    if let Some(check) = failed {
        failure = failure.hint(format!(
            "what the check means: bmctl explain {}",
            check.name
        ));
    }
    let lacks_hardware = report
        .nodes_that(NodeVerdict::Failed)
        .flat_map(|node| &node.checks)
        .any(|check| !check.passed && matches!(check.name.as_str(), "CPU" | "KVM"));
    if lacks_hardware {
        failure = failure.hint(format!(
            "run all new VMs in software, also on nodes that have KVM: {}",
            context.paste("enable vmruntime --use-emulation --ensure")
        ));
    }
    failure
}
