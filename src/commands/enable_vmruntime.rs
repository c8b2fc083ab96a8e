//! `bmctl enable vmruntime`: the arguments and the report of `operation::change`.

use super::{
    Context,
    context::InterruptNote,
    session::Session,
    vmruntime_change::{SettingsArgs, carry_out, conclude, go_on_waiting},
};
use crate::{
    cli::{DryRunArgs, WaitArgs},
    cluster::vmruntime::SpecChange,
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason},
    operation::change::{Change, ChangeProgress, Ending, Step},
    render::enable::EnableReport,
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

pub async fn run(context: &Context, args: &EnableVmruntimeArgs) -> Exit {
    let mut session = Session::new(context, EnableReport::default()).within(args.waiting.timeout);
    let progress = ChangeProgress::default();
    let ended = context
        .unless_interrupted(Box::pin(enable(&mut session, args, &progress)), || {
            left(progress.step.get())
        })
        .await;
    let ended = conclude(context, &mut session.report, &progress, ended, || {
        Err(already_ready())
    });
    session.end(ended)
}

async fn enable(
    session: &mut Session<'_, EnableReport>,
    args: &EnableVmruntimeArgs,
    progress: &ChangeProgress,
) -> Result<Ending, Failure> {
    let asked = SpecChange {
        enabled: Some(true),
        ..args.settings.into()
    };
    let work = async |change: Change<'_>| change.enable(asked, args.ensure).await;
    carry_out(session, args.waiting, args.dry_run.choice(), progress, work).await
}

fn already_ready() -> Failure {
    Failure::new(
        Kind::Already,
        Reason::AlreadyEnabled,
        "VM Runtime is already enabled and ready",
    )
    .hint(Hint::run(
        "to succeed in this case, and to apply settings",
        CommandId::EnableVmruntime.with("--ensure"),
    ))
}

fn left(step: Step) -> InterruptNote {
    match step {
        Step::Untouched => InterruptNote::nothing(),
        Step::Asked => InterruptNote::unknown("VM Runtime is enabled now"),
        Step::Taken => InterruptNote {
            sentence: "VM Runtime stays enabled, and the cluster goes on making it ready"
                .to_owned(),
            hints: vec![
                go_on_waiting(),
                Hint::run("to undo", CommandId::DisableVmruntime),
            ],
        },
    }
}
