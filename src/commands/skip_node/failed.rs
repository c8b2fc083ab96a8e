//! `bmctl skip node --failed`: the nodes that failed the latest preflight check, shown and asked about.

use kube::ResourceExt as _;

use crate::{
    api::{VMRuntimePreflightCheck, name::SYSTEM_NAMESPACE},
    cli::DryRunChoice,
    cluster::{Cluster, Retry, node, preflight_check},
    command_id::CommandId,
    commands::{Context, consent, preflight, progress_reporter::ProgressReporter},
    failure::{Failure, Hint, Kind, Reason},
    render::clean,
    runtime::verdict::{self, NodeVerdict, Verdict},
};

/// Those nodes, as far as the cluster still has them. None are left out that could not be verified: nothing is known of
/// them.
pub(super) async fn nodes(
    context: &Context,
    cluster: &Cluster,
    retry: &Retry<'_>,
    reporter: &ProgressReporter<'_>,
    dry_run: DryRunChoice,
) -> Result<Vec<String>, Failure> {
    let checks = preflight_check::list(&cluster.client, retry).await?;
    let check = latest(&checks)?;
    let known = node::names(&cluster.client, retry).await?;
    let report = preflight::report(check);
    let unknown = report.count(NodeVerdict::Unknown);
    if unknown > 0 {
        context.warn(&format!(
            "preflight check {} could not verify {unknown} of its nodes; they are not left out",
            report.name
        ));
    }
    let (here, gone): (Vec<_>, Vec<_>) = report
        .nodes_that(NodeVerdict::Failed)
        .partition(|node| known.contains(&node.name));
    if !gone.is_empty() {
        let gone = gone.iter().map(|node| node.name.as_str());
        context.warn(&format!(
            "the cluster does not have these nodes any more, which failed the check: {}",
            verdict::listed(gone)
        ));
    }
    if here.is_empty() {
        context.ui.note(&format!(
            "No node failed preflight check {}: nothing was changed.",
            clean(&report.name)
        ));
        return Ok(Vec::new());
    }
    let named: Vec<String> = here.iter().map(|node| node.with_failures()).collect();
    context.ui.note(&format!(
        "Failed preflight check {}: {}",
        clean(&report.name),
        verdict::listed(named.iter().map(String::as_str))
    ));
    if dry_run == DryRunChoice::None && !context.global.output.yes {
        reporter.pause();
        let what = if here.len() == 1 { "node" } else { "nodes" };
        let question = format!("Type yes to leave out {} {what}", here.len());
        consent::given(context, &question, "nodes that were not named").await?;
    }
    Ok(here.iter().map(|node| node.name.clone()).collect())
}

/// The newest check, which must have ended: what failed an older one may be mended.
fn latest(checks: &[VMRuntimePreflightCheck]) -> Result<&VMRuntimePreflightCheck, Failure> {
    let newest = checks
        .iter()
        .find(|check| check.metadata.deletion_timestamp.is_none());
    let Some(check) = newest else {
        return Err(Failure::new(
            Kind::NotInstalled,
            Reason::NotFound,
            format!("there is no preflight check in namespace {SYSTEM_NAMESPACE} yet; nothing was changed"),
        )
        .hint(Hint::run("to start one", CommandId::CheckVmruntimepfc)));
    };
    if verdict::judge(check.status.as_ref()).verdict == Verdict::Unfinished {
        return Err(Failure::new(
            Kind::Incomplete,
            Reason::PreflightUnfinished,
            format!(
                "the latest preflight check, {}, has not finished; nothing was changed",
                clean(&check.name_any())
            ),
        )
        .hint(Hint::run(
            "wait for it",
            CommandId::CheckVmruntimepfc.with("--attach"),
        )));
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::preflight_check::VMRuntimePreflightCheckSpec;

    fn check(name: &str, status: Value) -> VMRuntimePreflightCheck {
        let mut check = VMRuntimePreflightCheck::new(name, VMRuntimePreflightCheckSpec::default());
        check.status = serde_json::from_value(status).unwrap();
        check
    }

    #[test]
    fn only_the_newest_check_counts_and_only_when_it_has_ended() {
        let ended = check("ended", json!({"pass": false}));
        let running = check("running", json!({}));
        let checks = [ended.clone(), running.clone()];
        assert_eq!(latest(&checks).unwrap().name_any(), "ended");
        let failure = latest(&[running, ended]).unwrap_err();
        assert_eq!(failure.kind, Kind::Incomplete);
        assert_eq!(latest(&[]).unwrap_err().kind, Kind::NotInstalled);
    }
}
