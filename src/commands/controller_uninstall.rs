//! `bmctl controller uninstall`: the controller and everything that was installed with it, but never a VM.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Context,
    context::InterruptNote,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    api::{
        WorkloadKind, WorkloadRole,
        condition::{is_true, kind},
        name::SYSTEM_NAMESPACE,
    },
    cli::go_duration,
    cluster::{
        Cluster, Retry,
        inventory::{self, Inventory},
        vmruntime,
    },
    command_id::CommandId,
    controller::uninstall::{self, Act, EngineLeft},
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
    let inventory = inventory::take(&cluster.client, retry).await?;
    if inventory.count() > 0 {
        return Err(machines_exist(&inventory));
    }
    let runtime = match vmruntime::get(&cluster.client, retry).await {
        Ok(runtime) => Some(runtime.object),
        Err(failure) if failure.kind == Kind::NotInstalled => None,
        Err(failure) => return Err(failure),
    };
    if runtime.as_ref().is_some_and(|runtime| runtime.spec.enabled) {
        return Err(refused("VM Runtime is enabled: nothing was removed")
            .hint(Hint::run("first", CommandId::DisableVmruntime)));
    }
    let status = runtime.and_then(|runtime| runtime.status);
    let disks_kept = status.is_some_and(|status| is_true(&status.conditions, kind::DISKS_KEPT));
    let left = uninstall::engine_left(&cluster.client, retry).await?;
    let served = inventory.listed.iter().map(|(kind, _)| *kind);
    let disks: Vec<String> = served
        .filter(|kind| kind.role == WorkloadRole::Disk)
        .map(WorkloadKind::qualified)
        .collect();
    engine_stays(left, disks_kept, &disks).map_or(Ok(()), Err)
}

/// The ways out are those of a refused disable.
fn machines_exist(inventory: &Inventory) -> Failure {
    let roots = inventory.roots();
    let kinds: BTreeSet<String> = roots.iter().map(|root| root.kind.qualified()).collect();
    let kinds: Vec<String> = kinds.into_iter().collect();
    Failure::new(
        Kind::Refused,
        Reason::VMsExist,
        match roots.len() {
            1 => "1 VM exists: nothing was removed".to_owned(),
            count => format!("{count} VMs exist: nothing was removed"),
        },
    )
    .hint(Hint::run(
        "delete the VMs yourself, then disable VM Runtime and uninstall again",
        kubectl(format!("get {} --all-namespaces", kinds.join(","))),
    ))
    .hint(Hint::run(
        "or disable VM Runtime and delete all of them, with their disks",
        CommandId::DisableVmruntime.with("--force=true"),
    ))
}

/// Why the engine of a disabled VM Runtime is still there, if it is. To disable again changes nothing about it.
/// `disks` are the kinds of disks that the cluster serves.
fn engine_stays(left: EngineLeft, disks_kept: bool, disks: &[String]) -> Option<Failure> {
    match (left, disks_kept) {
        (EngineLeft::Nothing, _) => None,
        (EngineLeft::OnlyCdi, true) => {
            Some(
                refused("CDI stays installed because disks were kept: nothing was removed").hint(
                    Hint::run(
                        "delete the disks if nobody needs what is on them, and uninstall again when CDI is gone",
                        kubectl(format!("get {} --all-namespaces", disks.join(","))),
                    ),
                ),
            )
        }
        (EngineLeft::OnlyCdi | EngineLeft::KubeVirt, _) => Some(
            refused("the engine is still being removed: nothing was removed").hint(Hint::run(
                "wait until it is gone, then uninstall again",
                CommandId::WaitVmruntime.with("--for disabled"),
            )),
        ),
    }
}

fn refused(message: &str) -> Failure {
    Failure::new(Kind::Refused, Reason::StillEnabled, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cdi_that_stays_for_disks_is_not_said_to_be_going() {
        let disks = ["datavolumes.cdi.kubevirt.io".to_owned()];
        assert_eq!(engine_stays(EngineLeft::Nothing, true, &disks), None);
        for (left, disks_kept, message, hint) in [
            (
                EngineLeft::OnlyCdi,
                true,
                "CDI stays installed because disks were kept: nothing was removed",
                "delete the disks if nobody needs what is on them, and uninstall again when CDI is gone: \
                 kubectl get datavolumes.cdi.kubevirt.io --all-namespaces",
            ),
            (
                EngineLeft::OnlyCdi,
                false,
                "the engine is still being removed: nothing was removed",
                "wait until it is gone, then uninstall again: bmctl wait vmruntime --for disabled",
            ),
            (
                EngineLeft::KubeVirt,
                true,
                "the engine is still being removed: nothing was removed",
                "wait until it is gone, then uninstall again: bmctl wait vmruntime --for disabled",
            ),
        ] {
            let failure = engine_stays(left, disks_kept, &disks).unwrap();
            assert_eq!(failure.message, message);
            assert_eq!(failure.hints, [hint]);
        }
    }
}
