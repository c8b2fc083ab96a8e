//! The commands: one file each, with its arguments (their docs are the help) and its `run`.
//!
//! `main` calls [`run`] and nothing else. A command gets a [`Context`], does its work through the other rooms, writes
//! its one result, and returns how it ended. A new command is its file, a line in `cli` and an arm in [`dispatch`].

pub mod context;
pub mod controller;
pub mod help;
pub mod sandbox;
pub mod version;

use std::ffi::OsString;

use clap::Parser;

pub use context::Context;

use crate::{
    cli::{Cli, Command},
    exit::Exit,
    failure::{Failure, Kind},
    ui::Ui,
};

/// Runs the program with these arguments, the first of which is its own name, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return help::answer(&error),
    };
    let runtime = match runtime_for(&cli.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(
                Kind::Other,
                "NoRuntime",
                "could not start the asynchronous runtime",
            )
            .caused_by(error.to_string());
            return Context::new(cli.global, Ui::from_environment()).fail(&failure);
        }
    };
    let context = Context::new(cli.global, Ui::from_environment());
    let exit = runtime.block_on(dispatch(&context, cli.command));
    // A prompt may still be reading the terminal on a blocking thread; nobody waits for it.
    runtime.shutdown_background();
    exit
}

/// Which runtime a command wants: a client has nothing to spread over threads, and starts faster with one.
fn runtime_for(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match command {
        Command::Sandbox(_) | Command::Controller(_) => tokio::runtime::Builder::new_multi_thread(),
        Command::Version | Command::Help(_) => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

/// The one place where a typed command becomes a running one.
async fn dispatch(context: &Context, command: Command) -> Exit {
    let ended = match command {
        Command::Sandbox(args) => sandbox::run(context, args).await,
        Command::Controller(args) => controller::run(context, args).await,
        Command::Version => version::run(context),
        Command::Help(args) => help::run(context, &args),
    };
    match ended {
        Ok(exit) => exit,
        Err(failure) => context.fail(&failure),
    }
}
