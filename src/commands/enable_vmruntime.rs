//! `bmctl enable vmruntime`: read, decide, patch what was asked, wait until it is so.

use std::cell::Cell;

use super::{
    Context,
    context::Left,
    narration::Narrator,
    session::Session,
    update_vmruntime::undo,
    vmruntime_change::{PURPOSE, SettingsArgs, Work, changes, conclude, go_on_waiting, intent},
};
use crate::{
    api::VMRuntime,
    cli::{DryRunArgs, DryRunChoice, WaitArgs},
    cluster::{vmruntime::SpecChange, wait::Baseline},
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason},
    render::enable::EnableReport,
    runtime::observed,
};

/// Turn VM Runtime on, and wait until VMs can be run.
///
/// The cluster checks its nodes first (CPU, KVM): where a node fails, VM Runtime stays enabled, but no VM can be
/// created until a later check passes.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EnableVmruntimeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Succeed where VM Runtime is enabled already. Settings are applied, and it is waited for, all the same.
    #[arg(long)]
    pub ensure: bool,
    #[command(flatten)]
    pub waiting: WaitArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl enable vmruntime
  bmctl enable vmruntime --use-emulation          nodes without KVM
  bmctl enable vmruntime --ensure --timeout 20m   safe to repeat
  bmctl enable vmruntime --dry-run=server         what would change
  bmctl enable vmruntime --wait=false -o json";

/// How far it came, for whoever interrupts.
#[derive(Clone, Copy)]
enum Stage {
    Untouched,
    /// The API server was told, and has not answered.
    Asked,
    Enabled,
}

pub async fn run(context: &Context, args: &EnableVmruntimeArgs) -> Exit {
    let mut session = Session::new(context, EnableReport::default()).within(args.waiting.timeout);
    let stage = Cell::new(Stage::Untouched);
    let ended = context
        .unless_interrupted(enable(&mut session, args, &stage), || left(stage.get()))
        .await;
    session.end(ended)
}

async fn enable(
    session: &mut Session<'_, EnableReport>,
    args: &EnableVmruntimeArgs,
    stage: &Cell<Stage>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(intent(args.dry_run.choice())).await?;
    let narrator = Narrator::new(context, PURPOSE);
    let work = Work::new(&cluster, &narrator, session.deadline(), args.waiting);
    let before = work.read().await?;
    let plan = plan(&before.object, args);
    let how = args.dry_run.choice();
    if how != DryRunChoice::None && plan != Plan::AlreadyReady {
        session.report.changed = work.rehearse(&before, &plan.change(), how).await?;
        session.report.dry_run = true;
        return Ok(Exit::Ok);
    }
    let baseline = match plan {
        Plan::AlreadyReady => {
            return Err(Failure::new(
                Kind::Already,
                Reason::AlreadyEnabled,
                "VM Runtime is already enabled and ready",
            )
            .hint(Hint::run(
                "to succeed in this case, and to apply settings",
                CommandId::EnableVmruntime.with("--ensure"),
            )));
        }
        Plan::Wait => {
            narrator.happened("VM Runtime is already enabled; nothing is changed");
            stage.set(Stage::Enabled);
            Baseline::unchanged(before)
        }
        Plan::Patch(change) => {
            stage.set(Stage::Asked);
            let after = work
                .patch(&before, &change, "Turning VM Runtime on")
                .await?;
            stage.set(Stage::Enabled);
            session.report.changed = changes(&before, &after.runtime);
            session.report.undo = context.pasted(match change.enabled {
                Some(_) => CommandId::DisableVmruntime.into(),
                None => undo(&before.object, change),
            });
            Baseline::patched(&before, after)
        }
    };
    if !args.waiting.wait {
        session.report.unattended = true;
        return Ok(Exit::Ok);
    }
    let outcome = work.until_ready(baseline).await;
    drop(narrator);
    conclude(context, &mut session.report, outcome)
}

/// What is to be done, decided from what was read.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Enabled, converged, and nobody said `--ensure`.
    AlreadyReady,
    /// Everything is as asked; it only has to become ready.
    Wait,
    Patch(SpecChange),
}

impl Plan {
    fn change(&self) -> SpecChange {
        match self {
            Self::AlreadyReady | Self::Wait => SpecChange::default(),
            Self::Patch(change) => *change,
        }
    }
}

fn plan(runtime: &VMRuntime, args: &EnableVmruntimeArgs) -> Plan {
    let spec = &runtime.spec;
    if spec.enabled && observed::is_ready(runtime) && !args.ensure {
        return Plan::AlreadyReady;
    }
    let change = SpecChange {
        enabled: (!spec.enabled).then_some(true),
        ..args.settings.change(spec)
    };
    if change == SpecChange::default() {
        Plan::Wait
    } else {
        Plan::Patch(change)
    }
}

fn left(stage: Stage) -> Left {
    match stage {
        Stage::Untouched => Left::nothing(),
        Stage::Asked => Left::unknown("VM Runtime is enabled now"),
        Stage::Enabled => Left {
            sentence: "VM Runtime stays enabled, and the cluster goes on making it ready"
                .to_owned(),
            hints: vec![
                go_on_waiting(),
                Hint::run("to undo", CommandId::DisableVmruntime),
            ],
        },
    }
}
