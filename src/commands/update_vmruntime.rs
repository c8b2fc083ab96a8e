//! `bmctl update vmruntime`: the arguments and the report of `operation::change`.

use super::{
    Context,
    context::InterruptNote,
    session::Session,
    vmruntime_change::{SettingsArgs, carry_out, conclude},
};
use crate::{
    cli::{DryRunArgs, WaitArgs},
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint},
    operation::change::{Change, ChangeProgress, Ending, Step},
    render::update::UpdateReport,
};

/// Change settings of VM Runtime, whether it is enabled or not.
///
/// Only what is given is changed. Where VM Runtime is enabled, it is waited until VMs can be run with the new settings;
/// changing --use-emulation makes the cluster check its nodes again.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = EXAMPLES,
    group = clap::ArgGroup::new("settings")
        .args(["use_emulation", "vm_image_format"])
        .required(true)
        .multiple(true)
)]
pub struct UpdateVmruntimeArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub waiting: WaitArgs,
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl update vmruntime --use-emulation          run new VMs in software
  bmctl update vmruntime --use-emulation=false    run new VMs with KVM again
  bmctl update vmruntime --use-emulation --dry-run
  bmctl update vmruntime --vm-image-format qcow2 --wait=false";

pub async fn run(context: &Context, args: &UpdateVmruntimeArgs) -> Exit {
    let mut session = Session::new(context, UpdateReport::default()).within(args.waiting.timeout);
    let progress = ChangeProgress::default();
    let ended = context
        .unless_interrupted(Box::pin(update(&mut session, args, &progress)), || {
            left(progress.step.get())
        })
        .await;
    let UpdateReport {
        enabled,
        settled,
        outcome,
    } = &mut session.report;
    let before = progress.before.borrow();
    *enabled = before.as_ref().map(|before| before.object.spec.enabled);
    let ended = conclude(context, outcome, &progress, ended, || {
        *settled = true;
        Ok(Exit::Ok)
    });
    session.end(ended)
}

async fn update(
    session: &mut Session<'_, UpdateReport>,
    args: &UpdateVmruntimeArgs,
    progress: &ChangeProgress,
) -> Result<Ending, Failure> {
    let asked = args.settings.into();
    let work = async |change: Change<'_>| change.update(asked).await;
    carry_out(session, args.waiting, args.dry_run.choice(), progress, work).await
}

fn left(step: Step) -> InterruptNote {
    match step {
        Step::Untouched => InterruptNote::nothing(),
        Step::Asked => InterruptNote::unknown("the settings are changed"),
        Step::Taken => InterruptNote {
            sentence: "the settings are changed, and the cluster goes on applying them".to_owned(),
            hints: vec![Hint::run("to look at it", CommandId::StatusVmruntime)],
        },
    }
}
