//! The end of a check: what it means, since when it fails, who was left out, and which old checks went.

use kube::ResourceExt as _;

use super::{CheckVmruntimepfcArgs, look_at};
use crate::{
    api::VMRuntimePreflightCheck,
    commands::{get_vmruntimepfc, preflight, session::Session},
    exit::Exit,
    failure::{Failure, Kind, Reason},
    operation::check::Finished,
    render::{
        check::{CheckReport, FailingSince, Finding, Moment},
        preflight::{PreflightReport, Selection},
    },
    runtime::{
        fail_policy::{self, Conclusion, FailOn, Judged},
        regression, selection,
        verdict::{self, Verdict},
    },
};

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

/// The exit code follows from what the nodes say, not from `pass` alone.
pub(super) fn conclude(
    session: &mut Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    finished: Finished,
    selected: Option<&[String]>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let Finished {
        reached,
        skipped,
        all,
        removed,
        warnings,
    } = finished;
    for warning in reached.warnings.iter().chain(&warnings) {
        context.warn(warning);
    }
    let report = &mut session.report;
    report.skipped_nodes = skipped;
    report.removed = removed;
    report.history = all.iter().map(get_vmruntimepfc::entry).collect();
    let Some(check) = &reached.check else {
        return Err(Failure::new(
            Kind::Incomplete,
            Reason::NoResult,
            "the preflight check ended without a result",
        ));
    };
    let whole = preflight::report(check);
    let judged = selection::judged(check, selected);
    if verdict::judge(judged.status.as_ref()).verdict == Verdict::Failed {
        let judged = all.iter().map(|check| selection::judged(check, selected));
        report.failing_since = failing_since(&judged.collect::<Vec<_>>(), check);
    }
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
    let counted = fail_policy::judge(judged.status.as_ref(), &args.ignore);
    let advisory = found.advisory_failures();
    let others = selection
        .as_ref()
        .filter(|_| found.result == Verdict::Passed)
        .and_then(Selection::beyond);
    if let Some(others) = &others {
        context.warn(others);
    }
    let warned = !advisory.is_empty()
        || !counted.ignored.is_empty()
        || !reached.warnings.is_empty()
        || others.is_some();
    for failure in advisory {
        context.remember(&failure);
    }
    report.ignored = counted.ignored.iter().cloned().map(Finding::from).collect();
    report.nothing_counts = args.fail_on == FailOn::Never && counted.verdict == Verdict::Failed;
    if !counted.ignored.is_empty() {
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
    let contradicted = counted.verdict == Verdict::Inconsistent;
    let blamed = if contradicted { &whole } else { &found };
    let failure = preflight::failure_by(blamed, counted.verdict);
    report.selection = selection;
    report.preflight_check = Some(found);
    let exit = decide(session, args, &counted, warned, failure)?;
    let unverified = reached.unverified("what the preflight check says could not be verified");
    unverified.map_or(Ok(exit), Err)
}

fn decide(
    session: &Session<'_, CheckReport>,
    args: &CheckVmruntimepfcArgs,
    counted: &Judged,
    warned: bool,
    failure: Option<Failure>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let conclusion = fail_policy::conclude(counted, warned, args.fail_on);
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
