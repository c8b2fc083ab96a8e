//! `bmctl disable vmruntime`: count the VMs, decide by the table of `runtime::disable`, remove what may be removed, turn
//! VM Runtime off, wait until it is off.

mod confirmation;
mod fence;

use std::{cell::Cell, time::Duration};

use confirmation::Confirmation;

use super::{
    Context,
    context::Left,
    narration::Narrator,
    session::{Intent, Session},
    vmruntime_change::changes,
};
use crate::{
    cli::WaitArgs,
    cluster::{
        self, Cluster, Deadline, Retry,
        event::ObjectName,
        inventory::{self, Inventory, Workload},
        vmruntime::{self, DryRun, Patched, RuntimeObject, SpecChange},
        wait::{self, Baseline, Outcome, Reached, Target, Wait},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::disable::{DisableReport, GoneObject, MachineReport, Machines},
    runtime::{
        disable::{Decision, Force, decide},
        force::ForceAnnotation,
    },
};

/// Turn VM Runtime off, and wait until it is off.
///
/// It refuses as long as virtual machines exist, running or not. To delete them all, together with their disks, and
/// turn VM Runtime off: --force=true. There is no backup. Where the VMRuntime carries the annotation
/// baremetal.cluster.gke.io/vmrumtime-force-disable: "true", it asks instead of refusing.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DisableVmruntimeArgs {
    /// Delete all VMs and what belongs to them first. This is itself the confirmation: nothing is asked.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = crate::cli::go_bool,
        action = clap::ArgAction::Set
    )]
    pub force: bool,
    /// Confirm the deletion of all VMs in the cluster of this context, where it would be asked. --yes does not.
    #[arg(long, value_name = "CONTEXT")]
    pub confirm: Option<String>,
    /// Succeed where VM Runtime is off already.
    #[arg(long)]
    pub ensure: bool,
    #[command(flatten)]
    pub waiting: WaitArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl disable vmruntime
  bmctl disable vmruntime --force=true            deletes all VMs and their disks
  bmctl disable vmruntime --confirm my-context    answers the question in a script
  bmctl disable vmruntime --ensure                safe to run again and again";

/// How far it came, for whoever interrupts.
#[derive(Clone, Copy)]
enum Stage {
    Untouched,
    Deleting,
    Disabled,
}

pub async fn run(context: &Context, args: &DisableVmruntimeArgs) -> Exit {
    let mut session = Session::new(
        context,
        DisableReport {
            undo: context.paste("enable vmruntime"),
            now: jiff::Timestamp::now(),
            ..DisableReport::default()
        },
    )
    .within(args.waiting.timeout);
    let stage = Cell::new(Stage::Untouched);
    let ended = context
        .unless_interrupted(disable(&mut session, args, &stage), || {
            left(context, args, stage.get())
        })
        .await;
    session.end(ended)
}

async fn disable(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    stage: &Cell<Stage>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(Intent::Change).await?;
    let confirmation = Confirmation::new(&cluster, args)?;
    let narrator = Narrator::new(context, "Waiting until VM Runtime is off");
    let retry = Retry::new(session.deadline(), &narrator);

    narrator.step("Reading VM Runtime");
    let before = vmruntime::get(&cluster.client, &retry).await?;
    let annotation = ForceAnnotation::read(before.object.metadata.annotations.as_ref());
    if let Some(warning) = &annotation.warning {
        context.warn(warning);
    }
    if !before.object.spec.enabled {
        if is_off(&cluster, &before).await? {
            return already_off(session, args);
        }
        narrator.happened("VM Runtime is being turned off already, and is not off yet");
        stage.set(Stage::Disabled);
    }
    narrator.step("Counting VMs");
    let inventory = inventory::take(&cluster.client, &retry).await?;
    report_machines(&mut session.report, &inventory);
    match decide(inventory.count(), Force::from(args.force), &annotation) {
        Decision::Disable => {}
        Decision::Refuse => return Err(refusal(context, &inventory)),
        decision @ (Decision::AskThenDelete | Decision::DeleteThenDisable) => {
            if decision == Decision::AskThenDelete {
                narrator.pause();
                confirmation.ask(session, &inventory).await?;
            }
            delete(session, &cluster, &retry, &narrator, &inventory, stage).await?;
        }
    }
    narrator.step("Turning VM Runtime off");
    let baseline = turn_off(session, &cluster, &retry, before).await?;
    stage.set(Stage::Disabled);
    if session.report.machines_were == Machines::Deleted {
        fence::lift(context, &cluster.client, &retry).await;
    }
    if !args.waiting.wait {
        session.report.unattended = true;
        return Ok(Exit::Ok);
    }
    let outcome = wait::until(
        &cluster.client,
        &Wait {
            target: Target::Disabled,
            baseline: Some(baseline),
            fail_fast: args.waiting.fail_fast,
        },
        &retry,
    )
    .await;
    drop(narrator);
    conclude(session, args, outcome)
}

/// Looks once whether a disable that somebody asked for before has come to its end.
async fn is_off(cluster: &Cluster, runtime: &RuntimeObject) -> Result<bool, Failure> {
    let once = Retry::new(Deadline::after(Duration::ZERO), &cluster::Silent);
    let looked = wait::until(
        &cluster.client,
        &Wait {
            target: Target::Disabled,
            baseline: Some(Baseline::unchanged(runtime.clone())),
            fail_fast: true,
        },
        &once,
    )
    .await;
    match looked {
        // What could not be verified is not off for sure: the wait at the end of the command says so.
        Ok(Outcome::Reached(reached)) => Ok(reached.unknown.is_empty()),
        Ok(Outcome::CheckFailed(_)) => Ok(false),
        // Not off yet, or blocked: both are what this command is about to see to.
        Err(failure)
            if matches!(
                failure.kind,
                Kind::TimedOut | Kind::OperationFailed | Kind::Refused
            ) =>
        {
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

fn already_off(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
) -> Result<Exit, Failure> {
    if args.ensure {
        session.report.disabled = Some(true);
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Kind::Already,
        Reason::AlreadyDisabled,
        "VM Runtime is already disabled",
    )
    .hint(format!(
        "to succeed in this case: {}",
        session.context.paste("disable vmruntime --ensure")
    )))
}

fn report_machines(report: &mut DisableReport, inventory: &Inventory) {
    report.machine_count = Some(inventory.count());
    report.machines = inventory.roots().into_iter().map(machine).collect();
}

fn machine(workload: &Workload) -> MachineReport {
    MachineReport {
        resource: workload.kind.qualified(),
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        state: workload.state.clone(),
        created: workload.created,
        deleting: workload.deleting.is_some(),
    }
}

/// Row five of the table: both ways out.
fn refusal(context: &Context, inventory: &Inventory) -> Failure {
    let count = inventory.count();
    let verb = if count == 1 { "VM exists" } else { "VMs exist" };
    let mut kinds: Vec<String> = inventory
        .roots()
        .iter()
        .map(|machine| machine.kind.qualified())
        .collect();
    kinds.sort();
    kinds.dedup();
    Failure::new(
        Kind::Refused,
        Reason::VMsExist,
        format!("{count} {verb}; nothing was deleted, and VM Runtime was not disabled"),
    )
    .hint(format!(
        "delete the VMs yourself, then disable again: kubectl get {} --all-namespaces",
        kinds.join(",")
    ))
    .hint(format!(
        "or delete all of them, with their disks: {}",
        context.paste("disable vmruntime --force=true")
    ))
}

/// Deletes everything while the fence keeps new VMs out.
async fn delete(
    session: &mut Session<'_, DisableReport>,
    cluster: &Cluster,
    retry: &Retry<'_>,
    narrator: &Narrator<'_>,
    inventory: &Inventory,
    stage: &Cell<Stage>,
) -> Result<(), Failure> {
    narrator.step("Deleting VMs and what belongs to them");
    stage.set(Stage::Deleting);
    session.report.machines_were = Machines::Deleting;
    let removed = fence::around(
        &cluster.client,
        retry,
        cluster::removal::remove(&cluster.client, inventory, retry),
    )
    .await;
    match removed {
        Ok(removed) => {
            session.report.machines_were = Machines::Deleted;
            session.report.deleted = removed
                .machines
                .iter()
                .chain(&removed.disks)
                .map(gone)
                .collect();
            Ok(())
        }
        Err(failure) => {
            fence::lift(session.context, &cluster.client, retry).await;
            Err(failure.hint(format!(
                "to go on where this ended: {}",
                session.context.paste("disable vmruntime --force=true")
            )))
        }
    }
}

fn gone(object: &ObjectName) -> GoneObject {
    GoneObject {
        resource: object.resource.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
    }
}

/// Sets `enabled: false`, unless somebody has done so already.
async fn turn_off(
    session: &mut Session<'_, DisableReport>,
    cluster: &Cluster,
    retry: &Retry<'_>,
    before: RuntimeObject,
) -> Result<Baseline, Failure> {
    if !before.object.spec.enabled {
        return Ok(Baseline::unchanged(before));
    }
    let change = SpecChange {
        enabled: Some(false),
        ..SpecChange::default()
    };
    let after = patch_in_spite_of_lag(cluster, retry, &before, &change).await?;
    session.report.changed = changes(&before.object, &after.runtime.object);
    Ok(Baseline::patched(&before, after))
}

/// A policy of our controller refuses a disable while the VMs that its status counts exist, and the status lags behind
/// the VMs that we have just seen to be gone. So a refusal is final only after it has had time to catch up.
async fn patch_in_spite_of_lag(
    cluster: &Cluster,
    retry: &Retry<'_>,
    before: &RuntimeObject,
    change: &SpecChange,
) -> Result<Patched, Failure> {
    const LAG: Duration = Duration::from_secs(30);
    const PAUSE: Duration = Duration::from_secs(1);
    let started = tokio::time::Instant::now();
    loop {
        let patched = vmruntime::patch(&cluster.client, retry, before, change, DryRun::No).await;
        let lagging = matches!(&patched, Err(failure) if failure.kind == Kind::Refused);
        if !lagging || started.elapsed() >= LAG || retry.deadline().passed() {
            return patched;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn conclude(
    session: &mut Session<'_, DisableReport>,
    args: &DisableVmruntimeArgs,
    outcome: Result<Outcome, Failure>,
) -> Result<Exit, Failure> {
    match outcome {
        Ok(Outcome::Reached(reached) | Outcome::CheckFailed(reached)) => {
            let Reached {
                elapsed,
                warnings,
                unknown,
                ..
            } = reached;
            for warning in &warnings {
                session.context.warn(warning);
            }
            session.report.disabled = Some(true);
            session.report.waited = elapsed;
            if unknown.is_empty() {
                return Ok(Exit::Ok);
            }
            let mut failure = Failure::new(
                Kind::Incomplete,
                Reason::NotVerified,
                "VM Runtime is disabled, but not everything could be verified",
            );
            failure.causes = unknown;
            Err(failure)
        }
        Err(failure) if failure.kind == Kind::TimedOut => Err(failure.hint(format!(
            "to go on waiting: {}",
            session.context.paste(continuing(args))
        ))),
        Err(failure) => Err(failure),
    }
}

/// The command that goes on where this one ended.
const fn continuing(args: &DisableVmruntimeArgs) -> &'static str {
    if args.force {
        "disable vmruntime --force=true --ensure"
    } else {
        "disable vmruntime --ensure"
    }
}

fn left(context: &Context, args: &DisableVmruntimeArgs, stage: Stage) -> Left {
    let to_continue = format!("to go on: {}", context.paste(continuing(args)));
    let to_undo = format!("to undo: {}", context.paste("enable vmruntime"));
    match stage {
        Stage::Untouched => Left {
            sentence: "nothing was changed".to_owned(),
            hints: Vec::new(),
        },
        Stage::Deleting => Left {
            sentence: format!(
                "VM Runtime stays enabled; VMs whose deletion has begun go on disappearing, and no new VM can be \
                 created for at most {}",
                crate::render::age::span(fence::LENGTH)
            ),
            hints: vec![to_continue],
        },
        Stage::Disabled => Left {
            sentence: "VM Runtime is disabled, and the cluster goes on removing its engine"
                .to_owned(),
            hints: vec![to_continue, to_undo],
        },
    }
}
