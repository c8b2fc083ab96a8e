//! `disable`: count the VMs, decide by the table of `runtime::disable`, remove what may be removed, turn VM Runtime off,
//! wait until it is off.
//!
//! [`Disable::run`] is the whole of it. The caller is shown the proposal before anything changes, and is asked where the
//! table says so; tests run it against an API server in their own process.
//!
//! ```text
//! read ─▶ decide ─▶ plan ─▶ (ask) ─▶ close VM creation ─▶ rehearse ─▶ save ─▶ remove ─▶ switch off ─▶ wait
//! ```

mod fence;
mod newcomer;
mod reading;
mod removing;
mod staying;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    time::Duration,
};

use kube::Client;

use self::{fence::Fence, staying::Staying};
pub use self::{fence::LENGTH as FENCE_LENGTH, reading::Proposal};
use crate::{
    cluster::{
        Mode, Retry,
        backup::{Origin, Place},
        removal::{self, Disks, Plan, Removed, Secrets},
        vmruntime::{self, DryRun, Patched, RuntimeObject, SpecChange},
        wait::{self, Baseline, Outcome, Target, Wait},
    },
    failure::{Failure, Kind},
    runtime::{
        disable::{Decision, Force},
        observed,
    },
};

/// A disable: where, and how.
pub struct Disable<'a> {
    pub client: &'a Client,
    pub retry: &'a Retry<'a>,
    /// How the cluster is called, for the backup.
    pub cluster: &'a ClusterNames,
    /// Where the backup goes; `None`: there is none.
    pub place: Option<Place>,
    pub secrets: Secrets,
    pub force: Force,
    pub disks: Disks,
    pub mode: Mode,
    pub wait: bool,
    pub fail_fast: bool,
    pub progress: &'a DisableProgress,
}

/// How people call a cluster.
#[derive(Clone, Debug, Default)]
pub struct ClusterNames {
    pub cluster: String,
    pub context: String,
    pub server: String,
}

/// How far it came and what was done, also when it is dropped in the middle.
#[derive(Default)]
pub struct DisableProgress {
    pub step: Cell<Step>,
    pub switch: Cell<Switch>,
    /// The folder of the backup, once it is open.
    pub backup: RefCell<Option<PathBuf>>,
    pub removed: RefCell<Option<Removed>>,
    /// Before and after our patch.
    pub patched: RefCell<Option<(RuntimeObject, RuntimeObject)>>,
}

/// How far it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    #[default]
    Untouched,
    /// VM Runtime was told to turn off, and the API server has not answered.
    Asked,
    /// VM creation was asked to be closed, and nothing is deleted yet.
    Fenced,
    Deleting,
    Disabled,
}

/// Was VM Runtime told to turn off, whatever is being done? What comes while it turns off is deleted afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    #[default]
    On,
    /// It was told, and the API server has not answered.
    Asked,
    /// It was told, or was found off.
    Off,
}

/// Who is shown what would be done, and asked where the annotation alone permits it.
pub trait Operator {
    /// Called once, before anything is changed.
    fn show(&mut self, proposal: &Proposal);
    /// Returns if the deletion of what was shown is confirmed.
    fn confirm(&mut self) -> impl Future<Output = Result<Consent, Failure>>;
}

/// To what somebody has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// To the deletion of all VMs, whichever there are.
    Everything,
    /// To the deletion of those that were shown.
    Shown,
}

/// How a disable ends that does not fail.
pub enum Ending {
    /// Nothing was left to do. CDI may still be there, where disks were kept.
    AlreadyOff {
        disks_kept: bool,
    },
    /// VMs exist, and nothing permits deleting them. Nothing was changed.
    Refused(Plan),
    /// It was only asked what would be done.
    Previewed,
    /// It was not waited for.
    ToldToTurnOff,
    Off(Box<Outcome>),
}

impl Disable<'_> {
    /// Does all of it, or says why not. Nothing is changed before the operator has seen the proposal.
    pub async fn run(&self, operator: &mut impl Operator) -> Result<Ending, Failure> {
        let found = self.read().await?;
        let decision = found.decide(self.force);
        if self.nothing_to_do(&found, decision).await? {
            let disks_kept = found.disks_kept();
            return Ok(Ending::AlreadyOff { disks_kept });
        }
        let proposal = self.propose(found, decision);
        let mut staying = Staying::of(&proposal.plan);
        let is_foreign = observed::is_foreign(&proposal.before.status());
        let danger = staying.danger().filter(|_| is_foreign);
        if proposal.decision != Decision::Refuse
            && let Some(danger) = &danger
        {
            self.retry.observer().warn(danger);
        }
        operator.show(&proposal);

        if proposal.decision == Decision::Refuse {
            return Ok(Ending::Refused(proposal.plan));
        }
        if self.mode != Mode::Change {
            self.preview(&proposal).await?;
            return Ok(Ending::Previewed);
        }
        let consent = match proposal.decision {
            Decision::AskThenDelete => operator.confirm().await?,
            Decision::Disable | Decision::DeleteThenDisable | Decision::Refuse => {
                Consent::Everything
            }
        };

        let deletes = proposal.deletes();
        let fence = if deletes {
            Some(
                self.remove(&proposal.before, proposal.plan.agreed_to(consent))
                    .await?,
            )
        } else {
            if danger.is_some() || !proposal.plan.engine.is_empty() {
                self.save_what_goes(&proposal).await?;
            }
            let plan = proposal.plan;
            removal::release_from_engine(self.client, plan, self.retry).await?;
            None
        };
        if danger.is_some()
            && let Err(failure) = staying.release(self.client, self.retry).await
        {
            if let Some(fence) = fence {
                fence.lift().await;
            }
            return Err(failure);
        }
        let baseline = self.switch_off(proposal.before, fence).await?;
        self.clear_newcomers(&baseline.object, deletes).await?;

        if self.wait {
            let outcome = self.wait_until_off(baseline, &staying).await?;
            Ok(Ending::Off(Box::new(outcome)))
        } else {
            Ok(Ending::ToldToTurnOff)
        }
    }

    /// Asks the API server whether it would do all this, where that is wanted.
    async fn preview(&self, proposal: &Proposal) -> Result<(), Failure> {
        if self.mode != Mode::Rehearse {
            return Ok(());
        }
        if proposal.deletes() {
            removal::rehearse(self.client, &proposal.plan, self.retry).await?;
        }
        // As long as VMs exist, a policy may refuse what it will permit when they are gone.
        if proposal.plan.machines == 0 && proposal.before.object.spec.enabled {
            let before = &proposal.before;
            let patched =
                vmruntime::patch(self.client, self.retry, before, &OFF, DryRun::Server).await?;
            vmruntime::kept(OFF, &patched.runtime)?;
        }
        Ok(())
    }

    /// Sets `enabled: false`, unless somebody has done so already, and opens VM creation again where VM Runtime stays on.
    async fn switch_off(
        &self,
        before: RuntimeObject,
        fence: Option<Fence<'_>>,
    ) -> Result<Baseline, Failure> {
        self.retry.observer().step("Turning VM Runtime off");
        let fenced = fence.is_some() || fence::stands(&before);
        let baseline = match (self.patch_off(before).await, fence) {
            (Ok(baseline), _) => baseline,
            (Err(failure), Some(fence)) => {
                fence.lift().await;
                return Err(failure);
            }
            (Err(failure), None) => return Err(failure),
        };
        self.progress.step.set(Step::Disabled);
        self.progress.switch.set(Switch::Off);
        if fenced {
            fence::clear(self.client, self.retry).await;
        }
        Ok(baseline)
    }

    async fn patch_off(&self, before: RuntimeObject) -> Result<Baseline, Failure> {
        if !before.object.spec.enabled {
            return Ok(Baseline::unchanged(before));
        }
        if self.progress.step.get() == Step::Untouched {
            self.progress.step.set(Step::Asked);
        }
        self.progress.switch.set(Switch::Asked);
        let after = self.patch_in_spite_of_lag(&before).await?;
        vmruntime::kept(OFF, &after.runtime)?;
        let patched = (before.clone(), after.runtime.clone());
        self.progress.patched.replace(Some(patched));
        Ok(Baseline::patched(&before, after))
    }

    /// A policy of our controller refuses a disable while the VMs that its status counts exist, and the status lags
    /// behind the VMs that we have just seen to be gone. So a refusal is final only after it has had time to catch up.
    async fn patch_in_spite_of_lag(&self, before: &RuntimeObject) -> Result<Patched, Failure> {
        const LAG: Duration = Duration::from_secs(30);
        const PAUSE: Duration = Duration::from_secs(1);
        let started = tokio::time::Instant::now();
        loop {
            let patched = vmruntime::patch(self.client, self.retry, before, &OFF, DryRun::No).await;
            let lagging = matches!(&patched, Err(failure) if failure.kind == Kind::Refused);
            if !lagging || started.elapsed() >= LAG || !self.retry.deadline().allows(PAUSE) {
                return patched;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the controller says that it is off, and looks once more whether no VM is there, and every disk that was
    /// to stay.
    async fn wait_until_off(
        &self,
        baseline: Baseline,
        staying: &Staying,
    ) -> Result<Outcome, Failure> {
        let wait = Wait {
            target: Target::Disabled,
            baseline: Some(baseline),
            fail_fast: self.fail_fast,
        };
        let outcome = wait::until(self.client, &wait, self.retry).await?;
        self.retry.observer().step("Making sure that no VM is left");
        let left = self.no_guest_is_left().await?;
        staying.are_there(&left, self.client, self.retry).await?;
        Ok(outcome)
    }

    fn origin(&self, runtime: &RuntimeObject) -> Origin {
        Origin {
            cluster: self.cluster.cluster.clone(),
            context: self.cluster.context.clone(),
            server: self.cluster.server.clone(),
            vmruntime: runtime.uid().to_owned(),
        }
    }
}

const OFF: SpecChange = SpecChange {
    enabled: Some(false),
    use_emulation: None,
    vm_image_format: None,
};

/// Nothing was deleted before this failure.
fn before_anything(mut failure: Failure) -> Failure {
    failure.message.push_str("; nothing was deleted");
    failure
}
