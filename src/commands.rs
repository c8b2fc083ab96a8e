//! The commands: one file each, with its arguments (their docs are the help) and its `run`.
//!
//! `main` calls [`run`] and nothing else. A command gets a [`Context`], does its work through the other modules, writes
//! its one result, and returns how it ended. A new command is its file, a line in `tree` and an arm in [`dispatch`].

pub mod auth_check;
mod brief;
pub mod check_host;
pub mod check_vmruntimepfc;
pub mod completion;
mod consent;
pub mod context;
pub mod controller;
pub mod controller_manifests;
mod controller_uninstall;
pub mod disable_vmruntime;
pub mod enable_vmruntime;
pub mod explain;
pub mod fault;
pub mod get_vmruntimepfc;
pub mod help;
pub mod man;
pub mod multi_cluster;
mod nodes;
mod permission;
pub mod preflight;
mod program;
pub mod progress_reporter;
pub mod restore;
#[cfg_attr(not(feature = "sandbox"), path = "commands/no_sandbox.rs")]
pub mod sandbox;
pub mod session;
pub mod skip_node;
pub mod snapshot_vmruntime;
pub mod status_vmruntime;
pub mod suggestion;
mod tree;
pub mod typed;
pub mod update_vmruntime;
pub mod usage;
pub mod version;
pub mod vmruntime_change;
pub mod wait_vmruntime;
pub mod watching;

use std::ffi::OsString;

use clap::FromArgMatches as _;

pub use context::Context;
use multi_cluster::Scope;
use tree::{Auth, Check, Disable, Enable, Get, Skip, Snapshot, Status, Unskip, Update, Wait};
pub use tree::{Cli, Command};
use typed::Typed;

use crate::{
    cli::Program,
    exit::Exit,
    failure::{Failure, Kind, Reason},
};

/// Runs the program with these arguments, the first of which is its own name, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(exit) = completion::answer(&arguments) {
        return exit;
    }
    let program = arguments
        .first()
        .map_or_else(Program::default, |name| Program::of(name));
    let mut definition = program.command();
    let Typed {
        arguments,
        objection,
    } = typed::read(program, &definition, &arguments, |name| {
        std::env::var_os(name)
    });
    if let Some(objection) = objection {
        return usage::refuse(&objection, &arguments);
    }
    let parsed = definition
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| {
            Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))
        });
    let Cli {
        mut global,
        command,
        ..
    } = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::answer(error, program, &arguments),
    };
    global.program = program;
    let runtime = match runtime_for(&command) {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(
                Kind::Other,
                Reason::NoRuntime,
                "could not start the runtime",
            )
            .caused_by(error.to_string());
            return context::startup_failure::fail(&global, command.id(), failure);
        }
    };
    let exit = runtime.block_on(async {
        let id = command.id();
        match Context::new(global.clone(), id, command.log_format()) {
            // A command's future is too large for the stack.
            Ok(context) => Box::pin(until_second_signal(&context, command)).await,
            Err(failure) => context::startup_failure::fail(&global, id, failure),
        }
    });
    // A prompt may still be reading the terminal on a blocking thread; nobody waits for it.
    runtime.shutdown_background();
    exit
}

/// The first signal is the command's to answer; the second ends it wherever it is.
async fn until_second_signal(context: &Context, command: Command) -> Exit {
    tokio::select! {
        biased;
        signal = context.interrupts.second() => context.fail(context::ended_at_once(signal)),
        exit = on_clusters(context, command) => exit,
    }
}

/// On the one cluster, or on several.
async fn on_clusters(context: &Context, command: Command) -> Exit {
    match Scope::of(&context.global.connection) {
        Scope::One => Box::pin(dispatch(context, command)).await,
        several => Box::pin(multi_cluster::run(context, several, &command)).await,
    }
}

/// Which runtime a command wants: a client has nothing to spread over threads, and starts faster with one.
fn runtime_for(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match command {
        Command::Sandbox(_) | Command::Controller(_) => tokio::runtime::Builder::new_multi_thread(),
        Command::Enable(_)
        | Command::Disable(_)
        | Command::Check(_)
        | Command::Get(_)
        | Command::Status(_)
        | Command::Update(_)
        | Command::Wait(_)
        | Command::Skip(_)
        | Command::Unskip(_)
        | Command::Auth(_)
        | Command::Snapshot(_)
        | Command::Explain(_)
        | Command::Restore(_)
        | Command::Completion(_)
        | Command::Man(_)
        | Command::Version
        | Command::Help(_) => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

/// The one place where a typed command becomes a running one.
async fn dispatch(context: &Context, command: Command) -> Exit {
    let ended = match command {
        Command::Enable(Enable::Vmruntime(args)) => Ok(enable_vmruntime::run(context, &args).await),
        Command::Disable(Disable::Vmruntime(args)) => {
            Ok(disable_vmruntime::run(context, &args).await)
        }
        Command::Check(Check::Host(args)) => Ok(check_host::run(context, &args)),
        Command::Check(Check::Vmruntimepfc(args)) => {
            Ok(check_vmruntimepfc::run(context, &args).await)
        }
        Command::Get(Get::Vmruntimepfc(args)) => Ok(get_vmruntimepfc::run(context, &args).await),
        Command::Status(Status::Vmruntime(args)) => Ok(status_vmruntime::run(context, args).await),
        Command::Update(Update::Vmruntime(args)) => Ok(update_vmruntime::run(context, &args).await),
        Command::Wait(Wait::Vmruntime(args)) => Ok(wait_vmruntime::run(context, args).await),
        Command::Skip(Skip::Node(args)) => Ok(skip_node::skip(context, &args).await),
        Command::Unskip(Unskip::Node(args)) => Ok(skip_node::unskip(context, &args).await),
        Command::Auth(Auth::Check(args)) => Ok(auth_check::run(context, &args).await),
        Command::Snapshot(Snapshot::Vmruntime(args)) => {
            Ok(snapshot_vmruntime::run(context, &args).await)
        }
        Command::Explain(args) => explain::run(context, &args),
        Command::Restore(args) => Ok(restore::run(context, &args).await),
        Command::Sandbox(args) => sandbox::run(context, args).await,
        Command::Controller(args) => controller::run(context, args).await,
        Command::Completion(args) => Ok(completion::run(context, args)),
        Command::Man(args) => man::run(context, &args),
        Command::Version => Ok(version::run(context)),
        Command::Help(args) => help::run(context, &args),
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => context.fail(failure),
    }
}
