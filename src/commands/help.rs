//! `bmctl help`: the help of commands (clap's), and topics that belong to no command.

use clap::{CommandFactory, error::ErrorKind};

use super::Context;
use crate::{
    cli::Cli,
    exit::Exit,
    failure::{Failure, Kind},
    ui::Ui,
};

/// Explain a command or a topic.
///
/// Examples:
///   bmctl help enable vmruntime
///   bmctl help exit-codes
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct HelpArgs {
    /// A command, or the topic exit-codes.
    #[arg(value_name = "COMMAND|TOPIC")]
    pub subject: Vec<String>,
}

/// Prints the help of a command or a topic as the result.
pub fn run(context: &Context, args: &HelpArgs) -> Result<Exit, Failure> {
    if args.subject == ["exit-codes"] {
        context.ui.result(&exit_codes())?;
        return Ok(Exit::Ok);
    }
    let mut command = Cli::command();
    command.build();
    let mut found = &mut command;
    for word in &args.subject {
        let known = found.get_name().to_owned();
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                "UnknownTopic",
                format!("{known} has no command or topic '{word}'"),
            )
            .hint("bmctl help")
        })?;
    }
    context.ui.result(&found.render_long_help().to_string())?;
    Ok(Exit::Ok)
}

/// Answers what clap did not accept, or was asked to print.
pub fn answer(error: &clap::Error) -> Exit {
    let ui = Ui::from_environment();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match ui.result(&error.render().to_string()) {
                Ok(()) => Exit::Ok,
                Err(failure) => failure.exit(),
            }
        }
        _ => {
            ui.note(error.render().to_string().trim_end());
            Exit::Usage
        }
    }
}

fn exit_codes() -> String {
    use std::fmt::Write;
    let mut text = String::from("Exit codes, the same for every output format:\n\n");
    for exit in Exit::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}
