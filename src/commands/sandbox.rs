//! `bmctl sandbox start|run`: assembles the embedded cluster (API server, pretend machinery, controller).

use std::{ffi::OsString, path::PathBuf};

use super::Context;
use crate::{
    exit::Exit,
    failure::{Failure, Kind},
};

/// Run a Kubernetes cluster inside bmctl.
#[derive(clap::Args)]
pub struct SandboxArgs {
    #[command(subcommand)]
    pub command: SandboxCommand,
}

#[derive(clap::Subcommand)]
pub enum SandboxCommand {
    /// Start the sandbox and stay in the foreground until Ctrl-C.
    Start(ClusterArgs),
    /// Run one bmctl command in a sandbox of its own.
    Run(RunArgs),
}

/// What the sandbox cluster looks like.
#[derive(clap::Args)]
pub struct ClusterArgs {
    /// How many nodes the cluster has; the first is this machine.
    #[arg(long, default_value_t = 1)]
    pub nodes: usize,
    /// Add a node that is judged over a folder with proc, sys and dev in it. Repeatable.
    #[arg(long, value_name = "NAME=DIR", value_parser = node_facts)]
    pub node_facts: Vec<(String, PathBuf)>,
}

#[derive(clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The bmctl command and its flags, for example: enable vmruntime.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

fn node_facts(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(folder)))
        }
        _ => Err("expected NAME=DIR".into()),
    }
}

#[expect(
    clippy::unused_async,
    reason = "the assembly that this calls is asynchronous"
)]
pub async fn run(_context: &Context, args: SandboxArgs) -> Result<Exit, Failure> {
    let asked = match args.command {
        SandboxCommand::Start(_) => "start",
        SandboxCommand::Run(_) => "run",
    };
    Err(Failure::new(
        Kind::Other,
        "NotAssembled",
        format!("sandbox {asked} is not assembled yet"),
    ))
}
