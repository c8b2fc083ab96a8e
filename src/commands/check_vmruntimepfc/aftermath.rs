//! After a check: what it means, since when it fails, who was left out, and which old checks go.

use kube::ResourceExt as _;

use super::{CheckVmruntimepfcArgs, look_at};
use crate::{
    api::VMRuntimePreflightCheck,
    cluster::{Cluster, Retry, node, preflight_check, vmruntime, wait::Reached},
    commands::{get_vmruntimepfc, preflight, session::Session},
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{
        check::{CheckReport, FailingSince, Finding, Moment},
        history::HistoryEntry,
        preflight::{PreflightReport, Selection},
    },
    runtime::{
        leniency::{self, Conclusion, FailOn, Lenient},
        preflight::{CheckFacts, superfluous},
        regression, selection,
        verdict::Verdict,
    },
};

/// What was looked at beside the check itself, `has_page` for a page that shows the history. None of it changes the verdict, so what cannot be read is a warning.
#[derive(Default)]
pub(super) struct Aftermath {
    skipped: Option<Vec<String>>,
    history: Vec<HistoryEntry>,
    since: Option<FailingSince>,
    removed: Vec<String>,
    warnings: Vec<String>,
}

pub(super) async fn look(
    args: &CheckVmruntimepfcArgs,
    cluster: &Cluster,
    retry: &Retry<'_>,
    reached: &Reached,
    selected: Option<&[String]>,
    has_page: bool,
) -> Aftermath {
    let mut aftermath = Aftermath::default();
    let mut warn = |what: &str, failure: Failure| {
        aftermath
            .warnings
            .push(format!("{what}: {}", failure.root_cause()));
    };
    match node::skipped(&cluster.client, retry).await {
        Ok(names) => aftermath.skipped = Some(names),
        Err(failure) => warn("which nodes are left out could not be read", failure),
    }
    let Some(check) = &reached.check else {
        return aftermath;
    };
    let failed = preflight::report(&judged(check, selected)).result == Verdict::Failed;
    if !failed && args.keep.is_none() && !has_page {
        return aftermath;
    }
    let checks = match preflight_check::list(&cluster.client, retry).await {
        Ok(checks) => checks,
        Err(failure) => {
            warn("the earlier preflight checks could not be read", failure);
            return aftermath;
        }
    };
    aftermath.history = checks.iter().map(get_vmruntimepfc::entry).collect();
    if failed {
        let checks: Vec<_> = checks.iter().map(|check| judged(check, selected)).collect();
        aftermath.since = failing_since(&checks, check);
    }
    if let Some(keep) = args.keep {
        match remove(keep, &checks, cluster, retry).await {
            Ok(removed) => aftermath.removed = removed,
            Err(failure) => warn("old preflight checks could not be deleted", failure),
        }
    }
    aftermath
}

/// The check as it is judged: for the selected nodes, or for all.
fn judged(check: &VMRuntimePreflightCheck, selected: Option<&[String]>) -> VMRuntimePreflightCheck {
    let mut judged = check.clone();
    if let (Some(nodes), Some(status)) = (selected, &check.status) {
        judged.status = Some(selection::part(status, nodes));
    }
    judged
}

fn failing_since(
    checks: &[VMRuntimePreflightCheck],
    failed: &VMRuntimePreflightCheck,
) -> Option<FailingSince> {
    let moment = |check: &VMRuntimePreflightCheck| Moment {
        name: check.name_any(),
        created: check.creation_timestamp().map(|time| time.0),
    };
    let since = regression::since(checks, &failed.name_any())?;
    Some(FailingSince {
        first_failed: moment(since.first_failed),
        last_passed: since.last_passed.map(moment),
        regressions: since.regressions.into_iter().map(Finding::from).collect(),
    })
}

/// Deletes what nobody needs; the names of what is gone.
async fn remove(
    keep: usize,
    checks: &[VMRuntimePreflightCheck],
    cluster: &Cluster,
    retry: &Retry<'_>,
) -> Result<Vec<String>, Failure> {
    let stood_on = match vmruntime::get(&cluster.client, retry).await {
        Ok(runtime) => runtime.check_name(),
        Err(failure) if failure.kind == Kind::NotInstalled => None,
        Err(failure) => return Err(failure),
    };
    let facts: Vec<CheckFacts> = checks.iter().map(CheckFacts::read).collect();
    let needed: Vec<&str> = stood_on.as_deref().into_iter().collect();
    let mut removed = Vec::new();
    for check in superfluous(&facts, keep, &needed) {
        preflight_check::delete(&cluster.client, retry, &check.name, &check.uid).await?;
        removed.push(check.name.clone());
    }
    Ok(removed)
}

/// The exit code follows from what the nodes say, not from `pass` alone.
pub(super) fn conclude(
    session: &mut Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    reached: &Reached,
    selected: Option<&[String]>,
    aftermath: Aftermath,
) -> Result<Exit, Failure> {
    let context = session.context;
    for warning in &aftermath.warnings {
        context.warn(warning);
    }
    let report = &mut session.report;
    report.skipped_nodes = aftermath.skipped;
    report.failing_since = aftermath.since;
    report.removed = aftermath.removed;
    report.history = aftermath.history;
    let Some(check) = &reached.check else {
        return Err(Failure::new(
            Kind::Incomplete,
            Reason::NoResult,
            "the preflight check ended without a result",
        ));
    };
    let whole = preflight::report(check);
    let judged = judged(check, selected);
    let selection = selected.map(|nodes| Selection {
        labels: args.nodes.selector.clone(),
        judged_nodes: nodes.len(),
        all_nodes: selection::all(&check.status.clone().unwrap_or_default(), nodes),
        whole_result: whole.result,
    });
    let found = PreflightReport {
        // What the cluster itself says is about all of them.
        pass: whole.pass,
        failed_only: args.failed,
        selection: selection.clone(),
        ..preflight::report(&judged)
    };
    let lenient = leniency::judge(judged.status.as_ref(), &args.ignore);
    let advisory = found.advisory_failures();
    let others = selection
        .as_ref()
        .filter(|_| lenient.verdict == Verdict::Passed)
        .and_then(Selection::beyond);
    if let Some(others) = &others {
        context.warn(others);
    }
    let warned = !advisory.is_empty()
        || !lenient.ignored.is_empty()
        || !reached.warnings.is_empty()
        || others.is_some();
    for failure in advisory {
        context.remember(&failure);
    }
    report.ignored = lenient.ignored.iter().cloned().map(Finding::from).collect();
    if !lenient.ignored.is_empty() {
        let cells: Vec<String> = report.ignored.iter().map(ToString::to_string).collect();
        let blocked = if found.pass == Some(false) {
            "; the cluster still blocks VM creation"
        } else {
            ""
        };
        context.warn(&format!("ignored: {}{blocked}", cells.join(", ")));
    } else if !args.ignore.is_empty() {
        context.warn("--ignore fits nothing that failed");
    }
    let contradicted = lenient.verdict == Verdict::Inconsistent;
    let blamed = if contradicted { &whole } else { &found };
    let failure = preflight::failure_by(blamed, lenient.verdict);
    report.selection = selection;
    report.preflight_check = Some(found);
    let exit = decide(session, args, &lenient, warned, failure)?;
    match reached.unknown.as_slice() {
        [] => Ok(exit),
        unknown => Err(Failure {
            causes: unknown.to_vec(),
            ..Failure::new(
                Kind::Incomplete,
                Reason::NotVerified,
                "what the preflight check says could not be verified",
            )
        }),
    }
}

fn decide(
    session: &Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    lenient: &Lenient,
    warned: bool,
    failure: Option<Failure>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let conclusion = leniency::conclude(lenient, warned, args.fail_on);
    match (conclusion, failure, &session.report.preflight_check) {
        (Conclusion::Warned, _, _) => Ok(Exit::Warnings),
        (Conclusion::Passed, Some(failure), _) if args.fail_on == FailOn::Never => {
            context.warn(&format!(
                "{}; with --fail-on never it does not count",
                failure.message
            ));
            Ok(Exit::Ok)
        }
        (Conclusion::Passed, _, _) | (_, None, _) => Ok(Exit::Ok),
        (Conclusion::Failed, Some(failure), Some(report)) => {
            Err(preflight::ways_on(failure, report))
        }
        (Conclusion::Undetermined, Some(mut failure), Some(report)) => {
            // Something failed that does not count, but not everything was verified.
            failure.kind = Kind::Incomplete;
            Err(failure.hint(look_at(&report.name)))
        }
        (Conclusion::Failed | Conclusion::Undetermined, Some(failure), None) => Err(failure),
    }
}
