//! `bmctl controller uninstall`: the controller and everything that was installed with it, but never a VM.

use std::time::Duration;

use super::{
    Context,
    context::InterruptNote,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    api::name::SYSTEM_NAMESPACE,
    cli::go_duration,
    cluster::{Cluster, Retry, inventory, vmruntime},
    command_id::CommandId,
    controller::uninstall::{self, Act},
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, kubectl},
    render::uninstall::{StepReport, UninstallReport},
};

/// Remove the controller and everything that was installed with it.
///
/// It refuses while VMs exist, while VM Runtime is enabled, and while an engine is there that the controller made. The
/// namespace stays, with whatever else is in it.
#[derive(clap::Args, Clone, Debug)]
pub struct UninstallArgs {
    /// Print what would be done, in order, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Give up after this time.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = go_duration)]
    pub timeout: Duration,
}

pub async fn run(context: &Context, args: &UninstallArgs) -> Exit {
    let mut session =
        Session::new(context, UninstallReport::new(args.dry_run)).within(args.timeout);
    let ended = context
        .unless_interrupted(remove(&mut session, args), || InterruptNote {
            sentence: "the controller may be removed in part".to_owned(),
            hints: vec![Hint::run("to go on", CommandId::ControllerUninstall)],
        })
        .await;
    session.end(ended)
}

async fn remove(
    session: &mut Session<'_, UninstallReport>,
    args: &UninstallArgs,
) -> Result<Exit, Failure> {
    let intent = if args.dry_run {
        Intent::Read
    } else {
        Intent::Change
    };
    let cluster = session.connect(intent).await?;
    let reporter = ProgressReporter::new(session.context, "Removing the controller");
    let retry = Retry::new(session.deadline(), &reporter);
    reporter.step("Looking for the controller");
    demand_nothing_in_use(&cluster, &retry).await?;
    let namespace = kubectl(format!("delete namespace {SYSTEM_NAMESPACE}"));
    session.report.delete_namespace = session.context.pasted(namespace);
    let parts = uninstall::find(&cluster.client, &retry).await?;
    if parts.is_empty() {
        return Err(Failure::new(
            Kind::NotInstalled,
            Reason::NotFound,
            "there is nothing of the controller in this cluster",
        ));
    }
    session.report.steps = parts
        .iter()
        .map(|part| StepReport {
            action: match part.act {
                Act::Stop => "stop",
                Act::Delete => "delete",
            },
            api_version: part.resource.api_version.clone(),
            kind: part.resource.kind.clone(),
            namespace: part.namespace.clone(),
            name: part.name.clone(),
            done: false,
        })
        .collect();
    if args.dry_run {
        return Ok(Exit::Ok);
    }
    for (at, part) in parts.iter().enumerate() {
        reporter.step(&format!("{} {}", part.resource.kind, part.name));
        part.perform(&cluster.client, &retry).await?;
        session.report.steps[at].done = true;
    }
    Ok(Exit::Ok)
}

/// Unknown is not none: what cannot be listed keeps everything where it is.
async fn demand_nothing_in_use(cluster: &Cluster, retry: &Retry<'_>) -> Result<(), Failure> {
    let machines = inventory::take(&cluster.client, retry).await?.count();
    if machines > 0 {
        return Err(Failure::new(
            Kind::Refused,
            Reason::VMsExist,
            format!("{machines} VMs exist: nothing was removed"),
        )
        .hint(Hint::run(
            "delete them, and disable VM Runtime",
            CommandId::DisableVmruntime,
        )));
    }
    let enabled = match vmruntime::get(&cluster.client, retry).await {
        Ok(runtime) => runtime.object.spec.enabled,
        Err(failure) if failure.kind == Kind::NotInstalled => false,
        Err(failure) => return Err(failure),
    };
    if enabled || uninstall::engine_is_there(&cluster.client, retry).await? {
        return Err(Failure::new(
            Kind::Refused,
            Reason::StillEnabled,
            if enabled {
                "VM Runtime is enabled: nothing was removed"
            } else {
                "the engine is still being removed: nothing was removed"
            },
        )
        .hint(Hint::run("first", CommandId::DisableVmruntime)));
    }
    Ok(())
}
