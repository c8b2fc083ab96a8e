//! `bmctl completion`: a script that lets a shell complete commands, flags and values; and the answers to that script.
//!
//! The script holds no candidates: it runs bmctl with [`VARIABLE`] set, and gets those of this very version and this
//! very cluster. So it is short, and the same however often bmctl is changed.

mod value;

use std::{
    ffi::{OsStr, OsString},
    io,
};

use clap_complete::{Shell, engine, env::Shells};

use super::{Context, context::Ending};
use crate::{
    cli::Program,
    exit::Exit,
    render::verbatim::VerbatimReport,
    ui::{Environment, Ui, UiOptions},
};

/// Set by the script to the name of its shell.
pub const VARIABLE: &str = "BMCTL_COMPLETE";

/// Print a script that completes commands, flags and values of bmctl in a shell.
///
/// Values are completed too: contexts of the kubeconfig, clusters in bmctl-workspace, node checks, what can be
/// explained, and the nodes of the cluster where it answers within half a second.
///
/// As a plugin of kubectl: put a link named kubectl_complete-vmruntime to bmctl on the PATH, and kubectl's own
/// completion asks it.
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
  bmctl completion fish > ~/.config/fish/completions/bmctl.fish
  bmctl completion powershell | Out-String | Invoke-Expression
  eval (bmctl completion elvish | slurp)";

/// Prints the script as the result.
pub fn run(context: &Context, args: CompletionArgs) -> Exit {
    context.end(Ending::well(VerbatimReport {
        subject: args.shell.to_string(),
        text: script(args.shell),
        painted: None,
    }))
}

/// The script for a shell.
///
/// # Panics
/// For a shell that clap_complete knows a name of and no script, which there is none of.
#[must_use]
pub fn script(shell: Shell) -> String {
    const NAME: &str = "bmctl";
    /// clap_complete's, but with whole words.
    const BASH: &str = include_str!("completion/bash.sh");
    if shell == Shell::Bash {
        return BASH.to_owned();
    }
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell.to_string())
        .expect("every shell that can be asked for has a script");
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, NAME, NAME, NAME, &mut script)
        .expect("memory can be written");
    String::from_utf8_lossy(&script).trim().to_owned() + "\n"
}

/// Where a shell asks for candidates, prints them. Whatever goes wrong is no candidate: a shell has nowhere to say it.
pub fn answer(arguments: &[OsString]) -> Option<Exit> {
    let (name, words) = arguments.split_first()?;
    let mut candidates = Vec::new();
    let written = if asks_for_kubectl(name) {
        to_kubectl(words, &mut candidates)
    } else {
        let shell = std::env::var(VARIABLE)
            .ok()
            .filter(|shell| !shell.is_empty())?;
        to_shell(&shell, words, &mut candidates)
    };
    if let Err(error) = written {
        tracing::debug!(%error, "no candidates");
    }
    let ui = Ui::new(&UiOptions::default(), &Environment::read());
    Some(match ui.result(&String::from_utf8_lossy(&candidates)) {
        Ok(()) => Exit::Ok,
        Err(failure) => failure.exit(),
    })
}

/// `bmctl -- WORDS`: the words of the command line so far, with more about them in variables of the script's own.
fn to_shell(shell: &str, words: &[OsString], candidates: &mut Vec<u8>) -> io::Result<()> {
    let words: Vec<OsString> = match words.split_first() {
        Some((escape, words)) if escape == "--" && !words.is_empty() => words.to_vec(),
        _ => return Ok(()),
    };
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell) else {
        return Ok(());
    };
    let mut command = value::offered(Program::Bmctl.command(), &words);
    completer.write_complete(&mut command, words, folder().as_deref(), candidates)
}

/// Where paths that are typed begin.
fn folder() -> Option<std::path::PathBuf> {
    std::env::current_dir().ok()
}

/// kubectl runs this name with the words after the plugin's, the last of which is being typed.
fn asks_for_kubectl(name: &OsStr) -> bool {
    std::path::Path::new(name).file_name() == Some(OsStr::new("kubectl_complete-vmruntime"))
}

/// The protocol of cobra: a candidate a line with its help behind a tab, and at last what the shell is to do with them.
fn to_kubectl(words: &[OsString], candidates: &mut Vec<u8>) -> io::Result<()> {
    use std::io::Write as _;
    /// ShellCompDirectiveNoFileComp.
    const NO_FILES: &str = ":4";
    let mut line = vec![OsString::from("kubectl-vmruntime")];
    line.extend_from_slice(words);
    let last = line.len() - 1;
    let mut command = value::offered(Program::KubectlPlugin.command(), &line);
    for candidate in engine::complete(&mut command, line, last, folder().as_deref())? {
        let help = candidate
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        writeln!(
            candidates,
            "{}\t{help}",
            candidate.get_value().to_string_lossy()
        )?;
    }
    writeln!(candidates, "{NO_FILES}")
}
