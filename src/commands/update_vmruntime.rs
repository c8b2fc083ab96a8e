//! `bmctl update vmruntime`: change settings, enabled or not; where it is enabled, wait until VMs can be run with them.

use std::cell::Cell;

use super::{
    Context,
    context::Left,
    narration::Narrator,
    session::Session,
    vmruntime_change::{PURPOSE, SettingsArgs, Work, changes, conclude, intent},
};
use crate::{
    api::VMRuntime,
    cli::{DryRunArgs, DryRunChoice, WaitArgs},
    cluster::{vmruntime::SpecChange, wait::Baseline},
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Own},
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
    let sent = Cell::new(Sent::Nothing);
    let ended = context
        .unless_interrupted(update(&mut session, args, &sent), || left(sent.get()))
        .await;
    session.end(ended)
}

async fn update(
    session: &mut Session<'_, UpdateReport>,
    args: &UpdateVmruntimeArgs,
    sent: &Cell<Sent>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(intent(args.dry_run.choice())).await?;
    let narrator = Narrator::new(context, PURPOSE);
    let work = Work::new(&cluster, &narrator, session.deadline(), args.waiting);
    let before = work.read().await?;
    session.report.enabled = Some(before.object.spec.enabled);
    let Some(change) = plan(&before.object, args) else {
        session.report.settled = true;
        return Ok(Exit::Ok);
    };
    let how = args.dry_run.choice();
    if how != DryRunChoice::None {
        let outcome = &mut session.report.outcome;
        outcome.changed = work.rehearse(&before, &change, how).await?;
        outcome.dry_run = true;
        return Ok(Exit::Ok);
    }
    sent.set(Sent::Asked);
    let after = work.patch(&before, &change, "Changing VM Runtime").await?;
    sent.set(Sent::Taken);
    let enabled = after.runtime.object.spec.enabled;
    session.report.enabled = Some(enabled);
    let outcome = &mut session.report.outcome;
    outcome.changed = changes(&before, &after.runtime);
    outcome.undo = context.pasted(undo(&before.object, change));
    if !enabled || !args.waiting.wait {
        outcome.unattended = true;
        return Ok(Exit::Ok);
    }
    let ended = work.until_ready(Baseline::patched(&before, after)).await;
    drop(narrator);
    conclude(context, outcome, ended)
}

/// What differs from what was asked for; `None` where nothing does.
fn plan(runtime: &VMRuntime, args: &UpdateVmruntimeArgs) -> Option<SpecChange> {
    let change = args.settings.change(&runtime.spec);
    (change != SpecChange::default()).then_some(change)
}

/// The command that takes the change back.
pub(super) fn undo(before: &VMRuntime, change: SpecChange) -> Own {
    let emulation = change
        .use_emulation
        .map(|_| format!("--use-emulation={}", before.spec.use_emulation));
    let format = change
        .vm_image_format
        .map(|_| format!("--vm-image-format {}", before.spec.vm_image_format));
    let flags: Vec<String> = emulation.into_iter().chain(format).collect();
    CommandId::UpdateVmruntime.with(flags.join(" "))
}

/// How far the change came.
#[derive(Clone, Copy)]
enum Sent {
    Nothing,
    /// The API server was told, and has not answered.
    Asked,
    Taken,
}

fn left(sent: Sent) -> Left {
    match sent {
        Sent::Nothing => Left::nothing(),
        Sent::Asked => Left::unknown("the settings are changed"),
        Sent::Taken => Left {
            sentence: "the settings are changed, and the cluster goes on applying them".to_owned(),
            hints: vec![Hint::run("to look at it", CommandId::StatusVmruntime)],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ImageFormat;

    fn args(
        use_emulation: Option<bool>,
        vm_image_format: Option<ImageFormat>,
    ) -> UpdateVmruntimeArgs {
        UpdateVmruntimeArgs {
            settings: SettingsArgs {
                use_emulation,
                vm_image_format,
            },
            waiting: WaitArgs {
                wait: true,
                timeout: std::time::Duration::ZERO,
                fail_fast: true,
            },
            dry_run: DryRunArgs {
                dry_run: DryRunChoice::None,
            },
        }
    }

    #[test]
    fn only_what_differs_is_changed_and_can_be_taken_back() {
        let runtime = VMRuntime::default();
        for (args, change) in [
            (args(Some(false), None), None),
            (args(Some(false), Some(ImageFormat::Raw)), None),
            (
                args(Some(true), Some(ImageFormat::Raw)),
                Some("update vmruntime --use-emulation=false"),
            ),
            (
                args(Some(true), Some(ImageFormat::Qcow2)),
                Some("update vmruntime --use-emulation=false --vm-image-format raw"),
            ),
        ] {
            let planned = plan(&runtime, &args);
            assert!(planned.is_none_or(|change| change.enabled.is_none()));
            let undo = planned.map(|change| undo(&runtime, change).to_string());
            assert_eq!(undo.as_deref(), change, "{args:?}");
        }
    }
}
