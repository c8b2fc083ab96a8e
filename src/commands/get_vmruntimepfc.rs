//! `bmctl get vmruntimepfc`: what preflight checks there were, or one of them in full.

use super::{
    Context,
    context::Left,
    narration::Narrator,
    preflight,
    session::{Intent, Session},
};
use crate::{
    api::{VMRuntimePreflightCheck, name::SYSTEM_NAMESPACE},
    cluster::{Retry, preflight_check},
    command_id::CommandId,
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
    /// Name of a check, to show every check of every node. Default: a table of all.
    #[arg(value_name = "NAME", value_parser = crate::cli::name)]
    pub name: Option<String>,
    /// Show only the nodes that failed or could not be verified. Documents have all.
    #[arg(long, requires = "name")]
    pub failed: bool,
}

const EXAMPLES: &str = "\
Examples:
  bmctl get vmruntimepfc
  bmctl get vmruntimepfc vmruntime-preflight-check-6f1d6cbe-9b0c-4a53-8d1f-2f6f0f7a4a3e
  bmctl get vmruntimepfc -o json";

pub async fn run(context: &Context, args: &GetVmruntimepfcArgs) -> Exit {
    let mut session = Session::new(
        context,
        HistoryReport {
            now: jiff::Timestamp::now(),
            ..HistoryReport::default()
        },
    );
    let ended = context
        .unless_interrupted(get(&mut session, args), Left::nothing)
        .await;
    session.end(ended)
}

async fn get(
    session: &mut Session<'_, HistoryReport>,
    args: &GetVmruntimepfcArgs,
) -> Result<Exit, Failure> {
    let cluster = session.connect(Intent::Read).await?;
    let narrator = Narrator::new(session.context, "Reading the preflight checks");
    narrator.step("Reading the preflight checks");
    let retry = Retry::new(session.deadline(), &narrator);
    let checks = preflight_check::list(&cluster.client, &retry).await?;
    drop(narrator);
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

fn named<'a>(
    checks: &'a [VMRuntimePreflightCheck],
    name: &str,
) -> Result<&'a VMRuntimePreflightCheck, Failure> {
    let found = checks
        .iter()
        .find(|check| check.metadata.name.as_deref() == Some(name));
    found.ok_or_else(|| {
        let names: Vec<String> = checks
            .iter()
            .filter_map(|check| check.metadata.name.clone())
            .collect();
        let failure = Failure::new(
            Kind::NotInstalled,
            Reason::NotFound,
            format!(
                "there is no preflight check {} in namespace {SYSTEM_NAMESPACE}",
                clean(&shown(name))
            ),
        );
        match nearest(name, &names) {
            Some(near) => failure.hint(Hint::run(
                "did you mean this one?",
                CommandId::GetVmruntimepfc.with(shell_word(near)),
            )),
            None => failure.hint(Hint::run(
                "which ones there are",
                CommandId::GetVmruntimepfc,
            )),
        }
    })
}
