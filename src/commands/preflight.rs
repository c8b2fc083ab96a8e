//! What `enable` and `check` share about preflight checks: their report, and what a bad one means for the exit code.

use crate::{
    api::{VMRuntimePreflightCheck, name::SKIP_SCHEDULE},
    command_id::CommandId,
    failure::{Failure, Hint, Kind, Reason, kubectl, shell_word},
    probe,
    render::preflight::{Explanation, PreflightReport},
    runtime::verdict::{NodeVerdict, Verdict},
};

/// The report of a check, with causes and fixes from the probe's own table of checks.
pub fn report(check: &VMRuntimePreflightCheck) -> PreflightReport {
    PreflightReport::new(check, &|id| {
        let check = probe::CheckId::from_name(id)?.info();
        Some(Explanation {
            check: id.to_owned(),
            cause: check.cause.to_owned(),
            fix: check.fix.to_owned(),
        })
    })
}

/// Why this check is not a success; `None` if it is one.
pub fn failure(report: &PreflightReport) -> Option<Failure> {
    failure_by(report, report.result)
}

/// The same, for whoever judges it otherwise.
pub fn failure_by(report: &PreflightReport, verdict: Verdict) -> Option<Failure> {
    let (kind, reason, message) = match verdict {
        Verdict::Passed => return None,
        Verdict::Failed => (
            Kind::CheckFailed,
            Reason::PreflightFailed,
            format!(
                "the preflight check failed on {}",
                nodes(report, NodeVerdict::Failed)
            ),
        ),
        Verdict::Incomplete if report.count(NodeVerdict::Unknown) == 0 => (
            Kind::Incomplete,
            Reason::NoNodeVerified,
            "the preflight check verified no node".to_owned(),
        ),
        Verdict::Incomplete => (
            Kind::Incomplete,
            Reason::NodesUnknown,
            format!(
                "the preflight check could not verify {}",
                nodes(report, NodeVerdict::Unknown)
            ),
        ),
        Verdict::Inconsistent => (
            Kind::Incomplete,
            Reason::PreflightInconsistent,
            format!(
                "the preflight check contradicts itself: pass is {}, but {}",
                report.pass.unwrap_or_default(),
                match report.count(NodeVerdict::Failed) {
                    0 => "no node failed".to_owned(),
                    _ => format!("{} failed", nodes(report, NodeVerdict::Failed)),
                }
            ),
        ),
        Verdict::Unfinished => (
            Kind::Incomplete,
            Reason::PreflightUnfinished,
            "the preflight check has not finished".to_owned(),
        ),
    };
    Some(Failure::new(kind, reason, message))
}

/// The nodes with this verdict, of which there is one: the first by name, with the checks that failed there.
fn nodes(report: &PreflightReport, verdict: NodeVerdict) -> String {
    let nodes = match &report.selection {
        Some(_) => "selected nodes",
        None => "nodes",
    };
    let all = format!(
        "{} {nodes}",
        report.nodes.len() + report.unnamed_unknown_nodes
    );
    let named = report.named(verdict);
    match (report.count(verdict), report.nodes_that(verdict).next()) {
        (1, Some(_)) => named,
        (1, None) => "1 node, which it does not name".to_owned(),
        (many, None) => format!("{many} of {all}, which it does not name"),
        (many, Some(_)) => format!("{many} of {all}: {named}"),
    }
}

/// The ways on from a failed check, best first.
pub fn ways_on(failure: Failure, report: &PreflightReport) -> Failure {
    if report.nodes.is_empty() && report.unnamed_unknown_nodes == 0 {
        return failure
            .hint(Hint::run(
                "which nodes there are, and which are left out",
                kubectl(format!("get nodes --label-columns={SKIP_SCHEDULE}")),
            ))
            .hint(Hint::run(
                "take one in again, then it is checked",
                CommandId::UnskipNode.with("NODE"),
            ));
    }
    let mut failure = failure.hint(Hint::run(
        "fix the nodes, then check again",
        CommandId::CheckVmruntimepfc,
    ));
    if let Some(node) = report.nodes_that(NodeVerdict::Failed).next() {
        failure = failure.hint(Hint::run(
            "leave a node out (it runs no VMs then)",
            CommandId::SkipNode.with(shell_word(&node.name)),
        ));
    }
    let failed = report
        .nodes_that(NodeVerdict::Failed)
        .flat_map(|node| &node.checks)
        .find(|check| !check.passed && probe::CheckId::from_name(&check.name).is_some());
    if let Some(check) = failed {
        failure = failure.hint(Hint::run(
            "what the check means",
            CommandId::Explain.with(shell_word(&check.name)),
        ));
    }
    let lacks_hardware = report
        .nodes_that(NodeVerdict::Failed)
        .flat_map(|node| &node.checks)
        .any(|check| !check.passed && matches!(check.name.as_str(), "CPU" | "KVM"));
    if lacks_hardware && report.engine_is_foreign {
        return failure.hint(Hint::run(
            "KubeVirt is not VM Runtime's own: whoever owns it can set useEmulation there",
            kubectl("get kubevirt --all-namespaces --output=yaml"),
        ));
    }
    if lacks_hardware {
        failure = failure.hint(Hint::run(
            "run all new VMs in software, also on nodes that have KVM",
            CommandId::EnableVmruntime.with("--use-emulation --ensure"),
        ));
    }
    failure
}
