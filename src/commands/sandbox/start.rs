//! `bmctl sandbox start`: a cluster in the foreground.

use std::path::Path;

use super::{ClusterArgs, assembly::Assembly, workspace::Claim};
use crate::{
    commands::{
        Context,
        context::{Ending, WORKSPACE},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::sandbox::SandboxReport,
    ui::Signal,
};

pub async fn run(context: &Context, args: &ClusterArgs) -> Result<Exit, Failure> {
    let options = args.options()?;
    let claim = Claim::take(Path::new(WORKSPACE), &args.name)?;
    let nodes: Vec<String> = options.nodes.iter().map(|node| node.name.clone()).collect();
    let mut assembly = tokio::select! {
        biased;
        signal = context.interrupts.first() => return Ok(signal.exit()),
        started = Assembly::start(options) => started.map_err(|error| not_started(&error))?,
    };
    let kubeconfig = claim.publish(&assembly.sandbox.kubeconfig())?;
    let shown = context.end(Ending::well(SandboxReport {
        name: args.name.clone(),
        server: assembly.sandbox.url(),
        kubeconfig: kubeconfig.display().to_string(),
        nodes,
    }));
    if shown != Exit::Ok {
        return Ok(shown);
    }
    let ended = tokio::select! {
        biased;
        signal = context.interrupts.first() => Ok(signal),
        error = assembly.failure() => Err(error),
    };
    drop(claim);
    assembly.stop().await;
    match ended {
        // Whoever keeps a server in the foreground ends it with Ctrl-C; there is no other normal end.
        Ok(Signal::Interrupt | Signal::Terminate) => Ok(Exit::Ok),
        Err(error) => Err(broken(&error)),
    }
}

/// The cluster never came up.
pub fn not_started(error: &anyhow::Error) -> Failure {
    with_causes(
        Failure::new(
            Kind::Other,
            Reason::SandboxNotStarted,
            "could not start the sandbox",
        ),
        error,
    )
}

/// The cluster broke down while it was in use.
pub fn broken(error: &anyhow::Error) -> Failure {
    with_causes(
        Failure::new(Kind::Other, Reason::SandboxBroken, "the sandbox broke down"),
        error,
    )
}

fn with_causes(failure: Failure, error: &anyhow::Error) -> Failure {
    error.chain().fold(failure, |failure, cause| {
        failure.caused_by(cause.to_string())
    })
}
