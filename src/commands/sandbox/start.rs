//! `bmctl sandbox start`: a cluster in the foreground.

use std::io;

use apiserver::StateFault;

use super::{
    ClusterArgs,
    assembly::{Assembly, OtherController},
    workspace::Claim,
};
use crate::{
    commands::{
        Context,
        context::{Ending, InterruptNote, WORKSPACE},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason, shown_path},
    render::sandbox::SandboxReport,
    ui::Signal,
};

pub async fn run(context: &Context, args: &ClusterArgs) -> Result<Exit, Failure> {
    let options = context
        .unless_interrupted(args.options(), InterruptNote::nothing)
        .await?;
    if let Some(warning) = args.warning() {
        context.warn(&warning);
    }
    let claim = Claim::take_apart(WORKSPACE.into(), args.name.clone());
    let claim = context
        .unless_interrupted(claim, InterruptNote::nothing)
        .await?;
    let mut assembly = tokio::select! {
        biased;
        signal = context.interrupts.first() => return Ok(signal.exit()),
        started = Assembly::start(options) => started.map_err(|error| not_started(&error, args))?,
    };
    let kubeconfig = claim.publish(&assembly.sandbox.kubeconfig())?;
    let shown = context.end(Ending::well(SandboxReport {
        name: args.name.clone(),
        server: assembly.sandbox.url(),
        kubeconfig: kubeconfig.display().to_string(),
        nodes: assembly.nodes.clone(),
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
pub fn not_started(error: &anyhow::Error, args: &ClusterArgs) -> Failure {
    if let Some(other) = error.downcast_ref::<OtherController>() {
        return Failure::new(
            Kind::Usage,
            Reason::StateNotUsable,
            "cannot use the state with another controller",
        )
        .caused_by(other.to_string())
        .hint("give the same controller, or another folder");
    }
    let (kind, reason, hint) = match (error.downcast_ref::<StateFault>(), io_error(error)) {
        (Some(StateFault::Taken), _) => (
            Kind::Conflict,
            Reason::SandboxRunning,
            Some("end the other one first, or give this one a state of its own"),
        ),
        (Some(StateFault::TooNew { .. }), _) => (
            Kind::Usage,
            Reason::StateNotUsable,
            Some("use the bmctl that wrote it, or another folder"),
        ),
        (Some(StateFault::Unsafe(_)), _) => (Kind::Usage, Reason::StateNotUsable, None),
        (Some(StateFault::Damaged(_) | StateFault::Io(_)), _) => {
            (Kind::Other, Reason::StateNotUsable, None)
        }
        (None, Some(io::ErrorKind::AddrInUse)) => (
            Kind::Other,
            Reason::SandboxNotStarted,
            Some("another program has that port; without --port a free one is taken"),
        ),
        (None, _) => (Kind::Other, Reason::SandboxNotStarted, None),
    };
    let message = match (&args.state, error.is::<StateFault>()) {
        (Some(folder), true) => format!("cannot use the state in {}", shown_path(folder)),
        (Some(_) | None, _) => "could not start the sandbox".to_owned(),
    };
    let failure = Failure::new(kind, reason, message);
    let failure = match error.downcast_ref::<StateFault>() {
        Some(fault) => failure.caused_by(fault.to_string()),
        None => with_causes(failure, error),
    };
    hint.into_iter().fold(failure, Failure::hint)
}

fn io_error(error: &anyhow::Error) -> Option<io::ErrorKind> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind)
}

/// The cluster broke down while it was in use.
pub fn broken(error: &anyhow::Error) -> Failure {
    with_causes(
        Failure::new(Kind::Other, Reason::SandboxBroken, "the sandbox failed"),
        error,
    )
}

fn with_causes(failure: Failure, error: &anyhow::Error) -> Failure {
    error.chain().fold(failure, |failure, cause| {
        failure.caused_by(cause.to_string())
    })
}
