//! `bmctl get vmruntimepfc`: what preflight checks there were, or one of them in full.

use super::{
    Context,
    context::InterruptNote,
    preflight,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
    watching,
};
use crate::{
    api::{VMRuntimePreflightCheck, name::SYSTEM_NAMESPACE},
    cluster::{Cluster, Observer, Retry, Silent, preflight_check},
    command_id::CommandId,
    commands::typed::LATEST,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, nearest, shell_word, shown},
    render::{
        clean,
        history::{HistoryEntry, HistoryReport},
        preflight::PreflightReport,
    },
};

/// Show which preflight checks there were, newest first, or one of them in full.
///
/// The exit code is 0 where it could be shown, whatever the checks found: 'bmctl check vmruntimepfc' judges.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct GetVmruntimepfcArgs {
    /// A check, to show every check of every node. Its name, the beginning of its name, or latest. Default: a table of
    /// all.
    #[arg(value_name = "NAME", value_parser = crate::cli::name)]
    pub name: Option<String>,
    /// Show only the nodes that did not pass. These failed, or could not be verified. Documents have all.
    #[arg(long, requires = "name")]
    pub failed: bool,
    /// Show it again after every change, until Ctrl-C. With -o json and yaml each change is a document.
    #[arg(short, long)]
    pub watch: bool,
    /// Leave out the header of the table.
    #[arg(long)]
    pub no_headers: bool,
}

const EXAMPLES: &str = "\
Examples:
  bmctl get vmruntimepfc
  bmctl get vmruntimepfc latest
  bmctl get vmruntimepfc --watch
  bmctl get vmruntimepfc -o json";

pub async fn run(context: &Context, args: &GetVmruntimepfcArgs) -> Exit {
    let mut session = Session::new(context, HistoryReport::default());
    if args.watch {
        let looking = async |session: &mut Session<'_, _>, cluster: &Cluster| {
            get(session, cluster, &Silent, args).await
        };
        return Box::pin(watching::run(context, session, looking)).await;
    }
    let ended = context
        .unless_interrupted(get_once(&mut session, args), InterruptNote::nothing)
        .await;
    session.end(ended)
}

async fn get_once(
    session: &mut Session<'_, HistoryReport>,
    args: &GetVmruntimepfcArgs,
) -> Result<Exit, Failure> {
    let cluster = session.connect(Intent::Read).await?;
    let reporter = ProgressReporter::new(session.context, "Reading the preflight checks");
    reporter.step("Reading the preflight checks");
    get(session, &cluster, &reporter, args).await
}

async fn get(
    session: &mut Session<'_, HistoryReport>,
    cluster: &Cluster,
    observer: &dyn Observer,
    args: &GetVmruntimepfcArgs,
) -> Result<Exit, Failure> {
    session.report = HistoryReport {
        now: jiff::Timestamp::now(),
        no_headers: args.no_headers,
        ..HistoryReport::default()
    };
    let retry = Retry::new(session.deadline(), observer);
    let checks = preflight_check::list(&cluster.client, &retry).await?;
    match &args.name {
        None => {
            session.report.checks = checks.iter().map(entry).collect();
            session.report.read = true;
        }
        Some(name) => {
            let check = named(&checks, name)?;
            session.report.others = checks.iter().map(entry).collect();
            session.report.preflight_check = Some(PreflightReport {
                failed_only: args.failed,
                ..preflight::report(check)
            });
        }
    }
    Ok(Exit::Ok)
}

/// One line of the history.
pub(super) fn entry(check: &VMRuntimePreflightCheck) -> HistoryEntry {
    HistoryEntry::new(
        &preflight::report(check),
        check
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|created| created.0),
    )
}

/// How many names are told where a beginning fits several.
const TOLD: usize = 10;

/// The check of that name; else the newest, for `latest`; else the only one whose name begins so.
fn named<'a>(
    checks: &'a [VMRuntimePreflightCheck],
    wanted: &str,
) -> Result<&'a VMRuntimePreflightCheck, Failure> {
    let name_of = |check: &VMRuntimePreflightCheck| check.metadata.name.clone().unwrap_or_default();
    if let Some(check) = checks.iter().find(|check| name_of(check) == wanted) {
        return Ok(check);
    }
    let fitting: Vec<&VMRuntimePreflightCheck> = if wanted == LATEST {
        checks.iter().take(1).collect()
    } else {
        let begins = |check: &&VMRuntimePreflightCheck| name_of(check).starts_with(wanted);
        let begun = checks.iter().filter(begins);
        begun.filter(|_| !wanted.is_empty()).collect()
    };
    match fitting.as_slice() {
        [check] => Ok(check),
        [] => {
            let names: Vec<String> = checks.iter().map(name_of).collect();
            Err(not_found(wanted, &names))
        }
        several => {
            let mut failure = Failure::new(
                Kind::Usage,
                Reason::InvalidUsage,
                format!(
                    "{} preflight checks have a name that begins with {}",
                    several.len(),
                    clean(&shown(wanted))
                ),
            );
            let names = several.iter().take(TOLD);
            failure.causes = names.map(|check| clean(&name_of(check))).collect();
            if several.len() > TOLD {
                let more = several.len() - TOLD;
                failure.causes.push(format!("and {more} more"));
            }
            Err(failure.hint(Hint::run(
                "the newest one",
                CommandId::GetVmruntimepfc.with(LATEST),
            )))
        }
    }
}

fn not_found(wanted: &str, names: &[String]) -> Failure {
    let message = match wanted {
        LATEST => format!("there is no preflight check in namespace {SYSTEM_NAMESPACE}"),
        wanted => format!(
            "there is no preflight check {} in namespace {SYSTEM_NAMESPACE}",
            clean(&shown(wanted))
        ),
    };
    let failure = Failure::new(Kind::NotInstalled, Reason::NotFound, message);
    match nearest(wanted, names) {
        Some(near) => failure.hint(Hint::run(
            "did you mean this one?",
            CommandId::GetVmruntimepfc.with(shell_word(near)),
        )),
        None => failure.hint(Hint::run(
            "which ones there are",
            CommandId::GetVmruntimepfc,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::preflight_check::VMRuntimePreflightCheckSpec;

    #[test]
    fn a_check_is_found_by_its_name_its_beginning_or_as_the_latest() {
        let checks: Vec<VMRuntimePreflightCheck> = ["manual-b", "manual-a", "manual", "auto"]
            .into_iter()
            .map(|name| VMRuntimePreflightCheck::new(name, VMRuntimePreflightCheckSpec::default()))
            .collect();
        let found = |wanted| {
            named(&checks, wanted)
                .map(|check| check.metadata.name.clone().unwrap_or_default())
                .map_err(|failure| (failure.kind, failure.causes))
        };
        for (wanted, expected) in [
            ("latest", "manual-b"),
            ("manual", "manual"),
            ("manual-a", "manual-a"),
            ("a", "auto"),
        ] {
            assert_eq!(found(wanted).as_deref(), Ok(expected), "{wanted}");
        }
        let several = vec!["manual-b".to_owned(), "manual-a".to_owned()];
        assert_eq!(found("manual-"), Err((Kind::Usage, several)));
        for missing in ["", "x", "auto-1"] {
            assert_eq!(
                found(missing),
                Err((Kind::NotInstalled, vec![])),
                "{missing}"
            );
        }
        assert!(named(&[], LATEST).is_err());
    }
}
