//! `bmctl explain`: what a check, a condition, an error or an exit code means. It needs no cluster.

use super::{Context, context::Ending};
use crate::{
    command_id::CommandId,
    exit::Exit,
    explain,
    failure::{Failure, Hint, Kind, Reason, shown},
    render::{clean, explain::ExplainReport},
};

/// Explain a node check, a condition, an error or an exit code: what it means, its cause, and the fix.
///
/// An id is what stands in reports: the name of a check (KVM), the type or the reason of a condition (Degraded), the
/// reason of an error (VMsExist), or an exit code (9). Without an id all of them are listed. It needs no cluster.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// What to explain, in any case.
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  bmctl explain
  bmctl explain KVM
  bmctl explain 9 -o json";

pub fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, Failure> {
    let mut report = match &args.id {
        None => ExplainReport {
            entries: explain::catalogue(),
            listed: true,
        },
        Some(id) => ExplainReport {
            entries: explain::find(id),
            listed: false,
        },
    };
    for command in report
        .entries
        .iter_mut()
        .flat_map(|entry| &mut entry.commands)
    {
        *command = context.global.program.says(command).into_owned();
    }
    match &args.id {
        Some(id) if report.entries.is_empty() => Err(unknown(id)),
        _ => Ok(context.end(Ending::well(report))),
    }
}

fn unknown(id: &str) -> Failure {
    let failure = Failure::new(
        Kind::Usage,
        Reason::UnknownTopic,
        format!("there is nothing called {} to explain", clean(&shown(id))),
    );
    match explain::suggestion(id) {
        Some(near) => failure.hint(Hint::run("did you mean", CommandId::Explain.with(near))),
        None => failure,
    }
    .hint(Hint::run(
        "to see everything that can be explained",
        CommandId::Explain,
    ))
}
