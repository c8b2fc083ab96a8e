//! What `enable` and `update` share: the settings that they take, and the way from reading to the wait for readiness.

use serde_json::Value;

use super::{Context, narration::Narrator, preflight, session::Intent};
use crate::{
    api::{Condition, ConditionStatus, ImageFormat, VMRuntimeSpec, condition, text::shortened},
    cli::{DryRunChoice, WaitArgs},
    cluster::{
        self, Cluster, Deadline, Retry, vmruntime,
        vmruntime::{DryRun, Patched, RuntimeObject, SpecChange},
        wait::{Baseline, Outcome, Reached, Target, Wait},
    },
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason},
    render::{
        enable::{Change, EnableReport},
        preflight::PreflightReport,
    },
    runtime::difference,
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

impl SettingsArgs {
    /// Only what differs from what was asked for is changed.
    pub(super) fn change(self, spec: &VMRuntimeSpec) -> SpecChange {
        SpecChange {
            enabled: None,
            use_emulation: self
                .use_emulation
                .filter(|asked| *asked != spec.use_emulation),
            vm_image_format: self
                .vm_image_format
                .filter(|asked| *asked != spec.vm_image_format),
        }
    }
}

/// Why all of this waits, for people.
pub(super) const PURPOSE: &str = "Waiting until VM Runtime is ready";

/// What a command means to do to the cluster.
pub(super) const fn intent(dry_run: DryRunChoice) -> Intent {
    match dry_run {
        DryRunChoice::None => Intent::Change,
        DryRunChoice::Client | DryRunChoice::Server => Intent::Read,
    }
}

/// A change under way on one cluster.
pub(super) struct Work<'a> {
    cluster: &'a Cluster,
    narrator: &'a Narrator<'a>,
    retry: Retry<'a>,
    waiting: WaitArgs,
}

impl<'a> Work<'a> {
    pub fn new(
        cluster: &'a Cluster,
        narrator: &'a Narrator<'a>,
        deadline: Deadline,
        waiting: WaitArgs,
    ) -> Self {
        Self {
            cluster,
            narrator,
            retry: Retry::new(deadline, narrator),
            waiting,
        }
    }

    pub async fn read(&self) -> Result<RuntimeObject, Failure> {
        self.narrator.step("Reading VM Runtime");
        vmruntime::get(&self.cluster.client, &self.retry).await
    }

    /// Patches what was read. `step` says it to people.
    pub async fn patch(
        &self,
        read: &RuntimeObject,
        change: &SpecChange,
        step: &str,
    ) -> Result<Patched, Failure> {
        self.narrator.step(step);
        vmruntime::patch(&self.cluster.client, &self.retry, read, change, DryRun::No).await
    }

    /// What the change would do; nothing is stored. Where the API server is asked, its policies have their say.
    pub async fn rehearse(
        &self,
        read: &RuntimeObject,
        change: &SpecChange,
        how: DryRunChoice,
    ) -> Result<Vec<Change>, Failure> {
        if how != DryRunChoice::Server {
            return Ok(differing(&read.raw, &vmruntime::rehearsed(read, *change)));
        }
        self.narrator.step("Asking the API server");
        let client = &self.cluster.client;
        let patched = vmruntime::patch(client, &self.retry, read, change, DryRun::Server).await?;
        Ok(changes(read, &patched.runtime))
    }

    pub async fn until_ready(self, baseline: Baseline) -> Result<Outcome, Failure> {
        let wait = Wait {
            target: Target::Ready,
            baseline: Some(baseline),
            fail_fast: self.waiting.fail_fast,
        };
        cluster::wait::until(&self.cluster.client, &wait, &self.retry).await
    }
}

/// What differs between the two, of what people write.
pub(super) fn changes(before: &RuntimeObject, after: &RuntimeObject) -> Vec<Change> {
    differing(&before.raw, &after.raw)
}

fn differing(before: &Value, after: &Value) -> Vec<Change> {
    difference::of_object(before, after)
        .into_iter()
        .map(|difference| Change {
            field: difference.field(),
            old: shortened(difference::spoken(&difference.old)),
            new: shortened(difference::spoken(&difference.new)),
        })
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
            report.ready = reached.unknown.is_empty().then_some(true);
            take_over(context, report, &reached);
            if reached.unknown.is_empty() {
                return Ok(Exit::Ok);
            }
            let mut failure = Failure::new(
                Kind::Incomplete,
                Reason::NotVerified,
                "VM Runtime is enabled and reports ready, but that could not be verified",
            );
            failure.causes = reached.unknown;
            Err(failure.hint(Hint::run("to check again", CommandId::CheckVmruntimepfc)))
        }
        Ok(Outcome::CheckFailed(reached)) => {
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
        Err(failure) if failure.kind == Kind::TimedOut => Err(failure.hint(go_on_waiting())),
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
        "VM Runtime stays enabled, but no VM can be created or started until a check passes"
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
