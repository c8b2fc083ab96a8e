//! What `enable` and `update` share: the settings that they take, and the report of `operation::change`.

use super::{
    Context, preflight,
    progress_reporter::ProgressReporter,
    session::{Intent, Session},
};
use crate::{
    api::{Condition, ImageFormat, VMRuntime, condition, text::shortened},
    cli::{DryRunChoice, WaitArgs},
    cluster::{
        Retry,
        vmruntime::SpecChange,
        wait::{Outcome, Reached},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Own, Reason},
    operation::change::{Change, ChangeProgress, Ending, Step},
    render::{self, Report, enable::EnableReport, preflight::PreflightReport},
    runtime::difference::{self, Difference},
};

/// Settings of VM Runtime.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct SettingsArgs {
    /// Run VMs in software, without KVM. Use it where nodes have none, or where you are not sure.
    /// It forces software emulation for every new VM, even on nodes that have KVM; VMs that run stay as they are.
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = crate::cli::go_bool
    )]
    pub use_emulation: Option<bool>,
    /// Format of VM disk images. raw may perform better than the copy-on-write qcow2, but may use more disk.
    /// Ignored by Google Distributed Cloud since 1.28.
    #[arg(long, value_name = "FORMAT", value_parser = crate::cli::image_format)]
    pub vm_image_format: Option<ImageFormat>,
}

impl From<SettingsArgs> for SpecChange {
    fn from(args: SettingsArgs) -> Self {
        Self {
            enabled: None,
            use_emulation: args.use_emulation,
            vm_image_format: args.vm_image_format,
        }
    }
}

/// Why all of this waits, for people.
const PURPOSE: &str = "Waiting until VM Runtime is ready";

/// Does the work on the cluster: `work` says which.
pub(super) async fn carry_out<R: Report + 'static>(
    session: &mut Session<'_, R>,
    waiting: WaitArgs,
    dry_run: DryRunChoice,
    progress: &ChangeProgress,
    work: impl AsyncFnOnce(Change<'_>) -> Result<Ending, Failure>,
) -> Result<Ending, Failure> {
    let cluster = session.connect(Intent::of_a_change(dry_run)).await?;
    let reporter = ProgressReporter::new(session.context, PURPOSE);
    let retry = Retry::new(session.deadline(), &reporter);
    work(Change {
        client: &cluster.client,
        retry: &retry,
        mode: dry_run.into(),
        wait: waiting.wait,
        fail_fast: waiting.fail_fast,
        progress,
    })
    .await
}

/// What differs, as reports show it.
pub(super) fn changes(differences: &[Difference]) -> Vec<render::enable::Change> {
    differences
        .iter()
        .map(|difference| render::enable::Change {
            field: difference.field(),
            old: shortened(difference::spoken(&difference.old)),
            new: shortened(difference::spoken(&difference.new)),
        })
        .collect()
}

/// Puts what was changed into the report, however it ended.
fn fill_report(context: &Context, report: &mut EnableReport, progress: &ChangeProgress) {
    report.changed = changes(&progress.changed.borrow());
    let before = progress.before.borrow();
    let undone = progress.sent.get().zip(before.as_ref());
    report.undo = undone.and_then(|(change, before)| context.pasted(undo(&before.object, change)));
}

/// The command that takes the change back.
fn undo(before: &VMRuntime, change: SpecChange) -> Own {
    if change.enabled.is_some() {
        return CommandId::DisableVmruntime.into();
    }
    let emulation = change
        .use_emulation
        .map(|_| format!("--use-emulation={}", before.spec.use_emulation));
    let format = change
        .vm_image_format
        .map(|_| format!("--vm-image-format {}", before.spec.vm_image_format));
    let flags: Vec<String> = emulation.into_iter().chain(format).collect();
    CommandId::UpdateVmruntime.with(flags.join(" "))
}

/// Makes the result of how it ended; `already` says what it is where nothing was to be changed.
pub(super) fn conclude(
    context: &Context,
    report: &mut EnableReport,
    progress: &ChangeProgress,
    ended: Result<Ending, Failure>,
    already: impl FnOnce() -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    fill_report(context, report, progress);
    let waited = progress.step.get() == Step::Taken;
    match ended {
        Ok(Ending::AlreadySo) => already(),
        Ok(Ending::Previewed) => {
            report.dry_run = true;
            Ok(Exit::Ok)
        }
        Ok(Ending::Unattended) => {
            report.unattended = true;
            Ok(Exit::Ok)
        }
        Ok(Ending::Waited(outcome)) => judge(context, report, *outcome),
        Err(failure) if waited && failure.kind == Kind::TimedOut => {
            Err(failure.hint(go_on_waiting()))
        }
        Err(failure) => Err(failure),
    }
}

/// What the end of the wait means.
fn judge(context: &Context, report: &mut EnableReport, outcome: Outcome) -> Result<Exit, Failure> {
    match outcome {
        Outcome::Reached(reached) => {
            report.ready = reached.unknown.is_empty().then_some(true);
            take_over(context, report, &reached);
            let unverified = reached.unverified(
                "VM Runtime is enabled and reports ready, but that could not be verified",
            );
            match unverified {
                None => Ok(Exit::Ok),
                Some(failure) => {
                    Err(failure.hint(Hint::run("to check again", CommandId::CheckVmruntimepfc)))
                }
            }
        }
        Outcome::CheckFailed(reached) => {
            // What the VMRuntime says of itself is no better than the check that it stands on.
            let status = reached
                .runtime
                .as_ref()
                .and_then(|runtime| runtime.status.as_ref());
            report.ready = status
                .and_then(|status| status.ready)
                .filter(|ready| !ready);
            take_over(context, report, &reached);
            Err(check_failed(report))
        }
    }
}

fn take_over(context: &Context, report: &mut EnableReport, reached: &Reached) {
    for warning in &reached.warnings {
        context.warn(warning);
    }
    report.waited = reached.elapsed;
    if let Some(condition) = vm_creation(reached) {
        report.vm_creation_allowed = condition.status.as_bool();
    }
    report.preflight_check = reached.check.as_ref().map(preflight::report);
    let advisory = report
        .preflight_check
        .iter()
        .flat_map(PreflightReport::advisory_failures)
        .collect::<Vec<_>>();
    for failure in advisory {
        context.remember(&failure);
    }
}

/// What the cluster says about creating VMs, if it says anything.
fn vm_creation(reached: &Reached) -> Option<&Condition> {
    let status = reached.runtime.as_ref()?.status.as_ref()?;
    condition::find(&status.conditions, condition::kind::VM_CREATION_ALLOWED)
}

/// By the check VMs cannot be run: VM Runtime stays enabled, and there are ways on.
fn check_failed(report: &EnableReport) -> Failure {
    let check = report.preflight_check.as_ref();
    let mut failure = check.and_then(preflight::failure).unwrap_or_else(|| {
        Failure::new(
            Kind::CheckFailed,
            Reason::PreflightFailed,
            "the preflight check failed",
        )
    });
    failure = failure.caused_by(if check.is_some_and(|check| check.pass == Some(true)) {
        "VM Runtime stays enabled; whether virtual machines can be run is not known"
    } else {
        "VM Runtime stays enabled, but is not ready until a check passes"
    });
    if let Some(check) = check {
        failure = preflight::ways_on(failure, check);
    }
    failure.hint(Hint::run(
        "turn VM Runtime off again",
        CommandId::DisableVmruntime,
    ))
}

pub(super) fn go_on_waiting() -> Hint {
    Hint::run(
        "to go on waiting",
        CommandId::EnableVmruntime.with("--ensure"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_can_be_taken_back() {
        let before = VMRuntime::default();
        let change = |enabled, use_emulation, vm_image_format| SpecChange {
            enabled,
            use_emulation,
            vm_image_format,
        };
        let qcow2 = Some(ImageFormat::Qcow2);
        for (change, command) in [
            (change(Some(true), Some(true), None), "disable vmruntime"),
            (
                change(None, Some(true), None),
                "update vmruntime --use-emulation=false",
            ),
            (
                change(None, Some(true), qcow2),
                "update vmruntime --use-emulation=false --vm-image-format raw",
            ),
        ] {
            assert_eq!(undo(&before, change).to_string(), command);
        }
    }
}
