//! `bmctl sandbox start`: a cluster in the foreground.

use std::path::Path;

use super::{ClusterArgs, assembly::Assembly, workspace::Claim};
use crate::{
    commands::{Context, context::WORKSPACE},
    exit::Exit,
    failure::{Failure, Kind, Reason},
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
    context.ui.result(&greeting(
        &args.name,
        &assembly.sandbox.url(),
        &nodes,
        kubeconfig,
    ))?;
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

fn greeting(name: &str, url: &str, nodes: &[String], kubeconfig: &Path) -> String {
    let path = kubeconfig.display();
    format!(
        "\
Cluster {name} is running at {url}{}.
Its kubeconfig is {path}

From another shell in this folder:
  bmctl enable vmruntime --cluster {name}
  bmctl check vmruntimepfc --cluster {name}
  kubectl --kubeconfig {path} get vmruntime

Ctrl-C stops it and removes the kubeconfig.
",
        described(nodes)
    )
}

/// The nodes in a few words; empty where there are none.
pub fn described(nodes: &[String]) -> String {
    match nodes {
        [] => String::new(),
        [one] => format!(", with node {one}"),
        [first, rest @ ..] => format!(", with {} nodes ({first}, {}…)", nodes.len(), rest[0]),
    }
}
