//! `bmctl completion`: a script that lets a shell complete commands and flags.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Context, context::Ending};
use crate::{cli::Cli, exit::Exit, render::verbatim::VerbatimReport};

/// Print a script that completes commands and flags of bmctl in a shell.
#[derive(clap::Args, Clone, Copy, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CompletionArgs {
    /// The shell that the script is for.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(bmctl completion bash)
  bmctl completion zsh > \"${fpath[1]}/_bmctl\"
  bmctl completion fish > ~/.config/fish/completions/bmctl.fish";

/// Prints the script as the result.
pub fn run(context: &Context, args: CompletionArgs) -> Exit {
    context.end(Ending::well(VerbatimReport {
        subject: args.shell.to_string(),
        text: script(args.shell),
        painted: None,
    }))
}

/// The script for a shell, made from the definition of the command line.
#[must_use]
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bmctl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
