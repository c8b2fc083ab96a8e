//! `bmctl sandbox run -- COMMAND`: a cluster around one command.
//!
//! The command is a process of its own, so it meets the cluster as anybody would: over HTTPS, by a kubeconfig.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::OpenOptionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use clap::{CommandFactory as _, ValueEnum as _};
use rustix::process::{Pid, Signal as SystemSignal, kill_process};
use tempfile::TempDir;

use super::{
    RunArgs,
    assembly::Assembly,
    start::{broken, not_started},
};
use crate::{
    cli::{OutputArgs, ReportTarget},
    command_id::CommandId,
    commands::{Cli, typed::DEFAULTS},
    commands::{
        Context,
        context::{Ending, InterruptNote},
        suggestion::PASSING_KUBECONFIG,
    },
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, shown_path},
    render::sandbox::{RanReport, with_nodes},
    ui::Signal,
};

pub async fn run(context: &Context, args: &RunArgs) -> Result<Exit, Failure> {
    let options = context
        .unless_interrupted(args.cluster.options(), InterruptNote::nothing)
        .await?;
    if let Some(warning) = args.cluster.warning() {
        context.warn(&warning);
    }
    let mut assembly = tokio::select! {
        biased;
        signal = context.interrupts.first() => return Ok(signal.exit()),
        started = Assembly::start(options) => {
            started.map_err(|error| not_started(&error, &args.cluster))?
        }
    };
    let url = assembly.sandbox.url();
    context
        .ui
        .inform(&format!("sandbox: {url}{}", with_nodes(&assembly.nodes)));
    context.ui.inform(&format!(
        "It is gone when the command ends; to keep one: {} sandbox start",
        context.global.program.name()
    ));
    let private = PrivateKubeconfig::write(&assembly.sandbox.kubeconfig())?;
    let ended = tokio::select! {
        ended = in_cluster(context, &args.command, &private.path) => ended,
        error = assembly.failure() => Err(broken(&error)),
    };
    assembly.stop().await;
    ended
}

/// Runs the command until it ends by itself; signals are its own affair.
async fn in_cluster(
    context: &Context,
    command: &[OsString],
    kubeconfig: &Path,
) -> Result<Exit, Failure> {
    let own = is_own(command);
    let mut process = process(command, &context.global.output)?;
    let program = process.get_program().to_owned();
    // They name a cluster outside, and go before KUBECONFIG.
    for default in DEFAULTS.iter().filter(|default| default.names_cluster) {
        process.env_remove(default.variable);
    }
    let mut child = process
        .env("KUBECONFIG", kubeconfig)
        .env(PASSING_KUBECONFIG, kubeconfig)
        .spawn()
        .map_err(|error| not_run(&program, &error))?;
    context.leave_stdout();
    if own {
        context.leave_reports();
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = tokio::task::spawn_blocking(move || child.wait());
    tokio::pin!(ended);
    let status = tokio::select! {
        status = &mut ended => status,
        () = forward_termination(context, pid) => ended.await,
    };
    match status {
        Ok(Ok(status)) if own => Ok(exit_of(status)),
        Ok(Ok(status)) => Ok(context.end(Ending {
            exit: exit_of(status),
            ..Ending::well(RanReport {
                program: program.to_string_lossy().into_owned(),
            })
        })),
        Ok(Err(error)) => Err(not_run(&program, &error)),
        Err(error) => Err(not_run(&program, &std::io::Error::other(error))),
    }
}

/// Ctrl-C reaches the command without us, as it is in our process group. SIGTERM is sent to us alone, so it is handed
/// on; after that we wait for the command's own end.
async fn forward_termination(context: &Context, child: Option<Pid>) {
    match (context.interrupts.first().await, child) {
        (Signal::Terminate, Some(child)) => {
            if let Err(error) = kill_process(child, SystemSignal::TERM) {
                tracing::debug!(%error, "the command is gone already");
            }
        }
        (Signal::Interrupt, _) | (Signal::Terminate, None) => {}
    }
}

/// One of our own commands is run by this very binary; anything else is a program.
///
/// The result is the command's, so what was asked of the output is handed on to one of our own; it may have asked for
/// something else itself.
fn process(command: &[OsString], output: &OutputArgs) -> Result<Command, Failure> {
    let Some((first, rest)) = command.split_first() else {
        return Err(Failure::new(
            Kind::Usage,
            Reason::NoCommand,
            "no command was given",
        ));
    };
    let own = |arguments: &[OsString]| {
        let binary = std::env::current_exe().map_err(|error| not_run(first, &error))?;
        let mut process = Command::new(binary);
        process.args(handed_on(output));
        process.args(arguments);
        Ok(process)
    };
    if is_own_name(first) {
        own(rest)
    } else if is_own_command(first) {
        own(command)
    } else {
        let mut process = Command::new(first);
        process.args(rest);
        Ok(process)
    }
}

/// The format, the files and the kind of progress, as flags.
fn handed_on(output: &OutputArgs) -> Vec<OsString> {
    let report = |target: &ReportTarget| {
        let mut flag = OsString::from(format!("--report={}=", target.format.name()));
        flag.push(&target.path);
        flag
    };
    let format = format!("--output={}", output.output.typed());
    let progress = output.progress.to_possible_value();
    let progress = progress.map(|value| format!("--progress={}", value.get_name()));
    let reports = output.reports.iter().map(report);
    let told = std::iter::once(format).chain(progress);
    told.map(OsString::from).chain(reports).collect()
}

fn is_own(command: &[OsString]) -> bool {
    command
        .first()
        .is_some_and(|word| is_own_name(word) || is_own_command(word))
}

/// `sandbox run -- bmctl enable vmruntime` is what people paste.
fn is_own_name(word: &OsStr) -> bool {
    word == Cli::command().get_name()
}

fn is_own_command(word: &OsStr) -> bool {
    let cli = Cli::command();
    cli.get_subcommands().any(|command| {
        word == command.get_name() || command.get_all_aliases().any(|alias| word == alias)
    })
}

/// The shell's convention: the command's own code, or 128 and the signal that ended it.
fn exit_of(status: ExitStatus) -> Exit {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    code.map_or(Exit::Error, Exit::passed_on)
}

fn not_run(program: &OsStr, error: &std::io::Error) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::CommandNotRun,
        format!("could not run {}", shown_path(Path::new(program))),
    )
    .caused_by(error.to_string())
    .hint(Hint::run(
        "the command is a program on the PATH or one of bmctl's own",
        CommandId::Help,
    ))
}

/// A kubeconfig that only the command is told of; it goes with this value.
struct PrivateKubeconfig {
    path: PathBuf,
    _folder: TempDir,
}

impl PrivateKubeconfig {
    fn write(kubeconfig: &str) -> Result<Self, Failure> {
        let write = || {
            let folder = tempfile::Builder::new()
                .prefix("bmctl-sandbox-")
                .tempdir()?;
            let path = folder.path().join("kubeconfig");
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            std::io::Write::write_all(&mut file, kubeconfig.as_bytes())?;
            Ok(Self {
                path,
                _folder: folder,
            })
        };
        write().map_err(|error: std::io::Error| {
            Failure::new(
                Kind::Other,
                Reason::KubeconfigNotWritten,
                "could not write the sandbox's kubeconfig",
            )
            .caused_by(error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn own_commands_are_run_by_this_binary() {
        let own = std::env::current_exe().unwrap();
        let typed = "bmctl -o json --progress plain --report junit=r.xml version";
        let output = Cli::parse_from(typed.split(' ')).global.output;
        for (command, program, arguments) in [
            (
                &["enable", "vmruntime"][..],
                own.as_os_str(),
                &[
                    "--output=json",
                    "--progress=plain",
                    "--report=junit=r.xml",
                    "enable",
                    "vmruntime",
                ][..],
            ),
            (
                &["bmctl", "version"],
                own.as_os_str(),
                &[
                    "--output=json",
                    "--progress=plain",
                    "--report=junit=r.xml",
                    "version",
                ],
            ),
            (
                &["kubectl", "get", "pods"],
                OsStr::new("kubectl"),
                &["get", "pods"],
            ),
        ] {
            let process = process(&words(command), &output).unwrap();
            assert_eq!(process.get_program(), program);
            assert_eq!(process.get_args().collect::<Vec<_>>(), arguments);
        }
    }

    #[test]
    fn exit_codes_are_those_of_the_command() {
        assert_eq!(exit_of(ExitStatus::from_raw(0)), Exit::Ok);
        assert_eq!(exit_of(ExitStatus::from_raw(3 << 8)), Exit::CheckFailed);
        assert_eq!(exit_of(ExitStatus::from_raw(42 << 8)).code(), 42);
        assert_eq!(exit_of(ExitStatus::from_raw(9)).code(), 137);
        assert_eq!(exit_of(ExitStatus::from_raw(15)), Exit::Terminated);
    }
}
