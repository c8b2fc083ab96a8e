//! `bmctl enable vmruntime`: read, decide, patch what was asked, wait until it is so.

use std::cell::Cell;

use super::{
    Context,
    context::Left,
    narration::Narrator,
    preflight,
    session::{Intent, Session},
};
use crate::{
    api::{Condition, ConditionStatus, ImageFormat, VMRuntime, condition},
    cli::WaitArgs,
    cluster::{
        self, Deadline, Retry, vmruntime,
        vmruntime::{DryRun, SpecChange},
        wait::{Baseline, Outcome, Reached, Target, Wait},
    },
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{
        enable::{Change, EnableReport},
        preflight::PreflightReport,
    },
    runtime::observed,
};

/// Turn VM Runtime on, and wait until VMs can be run.
///
/// The cluster checks its nodes first (CPU, KVM): where a node fails, VM Runtime stays enabled, but no VM can be
/// created until a later check passes.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EnableVmruntimeArgs {
    /// Run VMs in software, without hardware virtualization. Use it where nodes have none, or where you are not sure.
    /// It forces software emulation for every new VM, even on nodes that have KVM.
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
    /// Succeed where VM Runtime is enabled already; settings are applied, and it is waited for, all the same.
    #[arg(long)]
    pub ensure: bool,
    #[command(flatten)]
    pub waiting: WaitArgs,
}

const EXAMPLES: &str = "\
Examples:
  bmctl enable vmruntime
  bmctl enable vmruntime --use-emulation          nodes without hardware virtualization
  bmctl enable vmruntime --ensure --timeout 20m   safe to run again and again
  bmctl enable vmruntime --wait=false -o json";

/// How far it came, for whoever interrupts.
#[derive(Clone, Copy)]
enum Stage {
    Untouched,
    Enabled,
}

pub async fn run(context: &Context, args: &EnableVmruntimeArgs) -> Exit {
    let mut session = Session::new(
        context,
        EnableReport {
            undo: context.paste("disable vmruntime"),
            ..EnableReport::default()
        },
    );
    let stage = Cell::new(Stage::Untouched);
    let ended = context
        .unless_interrupted(enable(&mut session, args, &stage), || {
            left(context, stage.get())
        })
        .await;
    session.end(ended)
}

async fn enable(
    session: &mut Session<'_, EnableReport>,
    args: &EnableVmruntimeArgs,
    stage: &Cell<Stage>,
) -> Result<Exit, Failure> {
    let context = session.context;
    let cluster = session.connect(Intent::Change).await?;
    let narrator = Narrator::new(context, "Waiting until VM Runtime is ready");
    let retry = Retry::new(Deadline::after(args.waiting.timeout), &narrator);

    narrator.step("Reading VM Runtime");
    let before = vmruntime::get(&cluster.client, &retry).await?;
    let baseline = match plan(&before.object, args) {
        Plan::AlreadyReady => {
            return Err(Failure::new(
                Kind::Already,
                Reason::AlreadyEnabled,
                "VM Runtime is already enabled and ready",
            )
            .hint(format!(
                "to succeed in this case, and to apply settings: {}",
                context.paste("enable vmruntime --ensure")
            )));
        }
        Plan::Wait => {
            narrator.happened("VM Runtime is already enabled; nothing is changed");
            stage.set(Stage::Enabled);
            Baseline::unchanged(before)
        }
        Plan::Patch(change) => {
            narrator.step("Turning VM Runtime on");
            let after =
                vmruntime::patch(&cluster.client, &retry, &before, &change, DryRun::No).await?;
            stage.set(Stage::Enabled);
            session.report.changed = changes(&before.object, &after.object);
            Baseline::patched(&before, after)
        }
    };
    if !args.waiting.wait {
        session.report.unattended = true;
        return Ok(Exit::Ok);
    }
    let outcome = cluster::wait::until(
        &cluster.client,
        &Wait {
            target: Target::Ready,
            baseline: Some(baseline),
            fail_fast: args.waiting.fail_fast,
        },
        &retry,
    )
    .await;
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

fn plan(runtime: &VMRuntime, args: &EnableVmruntimeArgs) -> Plan {
    let spec = &runtime.spec;
    if spec.enabled && observed::is_ready(runtime) && !args.ensure {
        return Plan::AlreadyReady;
    }
    let change = SpecChange {
        enabled: (!spec.enabled).then_some(true),
        use_emulation: args
            .use_emulation
            .filter(|asked| *asked != spec.use_emulation),
        vm_image_format: args
            .vm_image_format
            .filter(|asked| *asked != spec.vm_image_format),
    };
    if change == SpecChange::default() {
        Plan::Wait
    } else {
        Plan::Patch(change)
    }
}

/// What differs between the two, of all that we may change.
pub(super) fn changes(before: &VMRuntime, after: &VMRuntime) -> Vec<Change> {
    let (before, after) = (&before.spec, &after.spec);
    [
        (
            "spec.enabled",
            before.enabled.to_string(),
            after.enabled.to_string(),
        ),
        (
            "spec.useEmulation",
            before.use_emulation.to_string(),
            after.use_emulation.to_string(),
        ),
        (
            "spec.vmImageFormat",
            before.vm_image_format.to_string(),
            after.vm_image_format.to_string(),
        ),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(field, old, new)| Change { field, old, new })
    .collect()
}

/// Makes the result of how the wait ended, for `update` too.
pub(super) fn conclude(
    context: &Context,
    report: &mut EnableReport,
    outcome: Result<Outcome, Failure>,
) -> Result<Exit, Failure> {
    match outcome {
        Ok(Outcome::Reached(reached)) => {
            report.ready = Some(true);
            take_over(context, report, &reached);
            if reached.unknown.is_empty() {
                return Ok(Exit::Ok);
            }
            let mut failure = Failure::new(
                Kind::Incomplete,
                Reason::NodesUnknown,
                "VM Runtime is enabled and ready, but not everything could be verified",
            );
            failure.causes = reached.unknown;
            Err(failure.hint(context.paste("check vmruntimepfc")))
        }
        Ok(Outcome::CheckFailed(reached)) => {
            report.ready = Some(false);
            take_over(context, report, &reached);
            Err(check_failed(context, report))
        }
        Err(failure) if failure.kind == Kind::TimedOut => Err(failure.hint(format!(
            "to go on waiting: {}",
            context.paste("enable vmruntime --ensure")
        ))),
        Err(failure) => Err(failure),
    }
}

fn take_over(context: &Context, report: &mut EnableReport, reached: &Reached) {
    for warning in &reached.warnings {
        context.warn(warning);
    }
    report.waited = reached.elapsed;
    if let Some(condition) = vm_creation(reached) {
        let allowed = condition.status == ConditionStatus::True;
        report.vm_creation_allowed = Some(allowed);
        if report.ready == Some(true) && !allowed {
            context.warn(&format!("VM creation is closed: {}", condition.message));
        }
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

/// The check failed: VM Runtime stays enabled, and there are ways on.
fn check_failed(context: &Context, report: &EnableReport) -> Failure {
    let check = report.preflight_check.as_ref();
    let mut failure = check.and_then(preflight::failure).unwrap_or_else(|| {
        Failure::new(
            Kind::CheckFailed,
            Reason::PreflightFailed,
            "the preflight check failed",
        )
    });
    failure = failure.caused_by(
        "VM Runtime stays enabled, but no VM can be created or started until a check passes",
    );
    if let Some(check) = check {
        failure = preflight::ways_on(context, failure, check);
    }
    failure.hint(format!(
        "turn VM Runtime off again: {}",
        context.paste("disable vmruntime")
    ))
}

fn left(context: &Context, stage: Stage) -> Left {
    match stage {
        Stage::Untouched => Left {
            sentence: "nothing was changed".to_owned(),
            hints: Vec::new(),
        },
        Stage::Enabled => Left {
            sentence: "VM Runtime stays enabled, and the cluster goes on making it ready"
                .to_owned(),
            hints: vec![
                format!(
                    "to go on waiting: {}",
                    context.paste("enable vmruntime --ensure")
                ),
                format!("to undo: {}", context.paste("disable vmruntime")),
            ],
        },
    }
}
