//! `bmctl controller run|manifests|uninstall|probe`.

use super::Context;
use crate::{
    exit::Exit,
    failure::{Failure, Kind},
};

/// The controller: what makes VM Runtime work on a cluster that is not Google's.
#[derive(clap::Args)]
pub struct ControllerArgs {
    #[command(subcommand)]
    pub command: ControllerCommand,
}

#[derive(clap::Subcommand)]
pub enum ControllerCommand {
    /// Run the controller against a cluster until it is told to stop.
    Run,
    /// Print what to apply to install the controller.
    Manifests,
    /// Judge the node that this runs on; the controller's probe pods call it.
    Probe,
}

#[expect(
    clippy::unused_async,
    reason = "the controller that this calls is asynchronous"
)]
pub async fn run(_context: &Context, args: ControllerArgs) -> Result<Exit, Failure> {
    let asked = match args.command {
        ControllerCommand::Run => "run",
        ControllerCommand::Manifests => "manifests",
        ControllerCommand::Probe => "probe",
    };
    Err(Failure::new(
        Kind::Other,
        "NotAssembled",
        format!("controller {asked} is not assembled yet"),
    ))
}
