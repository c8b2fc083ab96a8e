//! The work of a disable, without a terminal: look, and then carry out what was decided. Between the two the command
//! refuses or asks. Tests run it against an API server in their own process.

mod look;
mod newcomer;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    time::Duration,
};

use kube::Client;

use super::fence::{self, Fence};
use crate::{
    cluster::{
        Event, Retry,
        backup::{BackupWriter, Origin, Place},
        inventory,
        removal::{self, Disks, LeftOver, Plan, Removed},
        vmruntime::{self, DryRun, Patched, RuntimeObject, SpecChange},
        wait::{self, Baseline, Outcome, Target, Wait},
    },
    failure::{Failure, Kind},
    runtime::disable::{Decision, Force},
};

/// A disable: where, and how.
pub struct Work<'a> {
    pub client: &'a Client,
    pub retry: &'a Retry<'a>,
    /// How the cluster is called, for the backup.
    pub cluster: &'a ClusterNames,
    /// Where the backup goes; `None`: there is none.
    pub place: Option<Place>,
    pub force: Force,
    pub disks: Disks,
    pub wait: bool,
    pub fail_fast: bool,
    pub account: &'a Account,
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
pub struct Account {
    pub stage: Cell<Stage>,
    /// The folder of the backup, once it is open.
    pub backup: RefCell<Option<PathBuf>>,
    pub removed: RefCell<Option<Removed>>,
    /// Before and after our patch.
    pub patched: RefCell<Option<(RuntimeObject, RuntimeObject)>>,
}

/// How far it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Untouched,
    /// The fence is up, and nothing is deleted yet.
    Fenced,
    Deleting,
    Disabled,
}

/// What was found.
pub enum Looked {
    /// Nothing is left to do. CDI may still be there, where disks were kept.
    AlreadyOff {
        disks_kept: bool,
    },
    Proposal(Box<Proposal>),
}

/// What would be done.
pub struct Proposal {
    pub before: RuntimeObject,
    pub plan: Plan,
    pub decision: Decision,
    /// The force annotation was "true".
    pub permitted_by_annotation: bool,
}

/// To what somebody has agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// To the deletion of all VMs, whichever there are.
    Everything,
    /// To the deletion of those that were shown.
    Shown,
}

impl Work<'_> {
    /// Asks the API server whether it would do all this.
    pub async fn rehearse(&self, proposal: &Proposal) -> Result<(), Failure> {
        if deletes(proposal.decision) {
            removal::rehearse(self.client, &proposal.plan, self.retry).await?;
        }
        // As long as VMs exist, a policy may refuse what it will permit when they are gone.
        if proposal.plan.machines == 0 && proposal.before.object.spec.enabled {
            let before = &proposal.before;
            vmruntime::patch(self.client, self.retry, before, &OFF, DryRun::Server).await?;
        }
        Ok(())
    }

    /// Does what was proposed and agreed to. `None`: it was not waited for.
    pub async fn carry_out(
        &self,
        proposal: Proposal,
        consent: Consent,
    ) -> Result<Option<Outcome>, Failure> {
        let Proposal {
            before,
            plan,
            decision,
            ..
        } = proposal;
        let permitted = deletes(decision);
        let fence = if permitted {
            let agreed = match consent {
                Consent::Shown => Some(plan),
                // Of a hundred thousand VMs one list is enough: what is there is listed again behind the fence.
                Consent::Everything => {
                    drop(plan);
                    None
                }
            };
            Some(self.delete(&before, agreed).await?)
        } else {
            None
        };
        self.step("Turning VM Runtime off");
        let fenced = fence.is_some() || fence::stands(&before);
        let baseline = match (self.turn_off(before).await, fence) {
            (Ok(baseline), _) => baseline,
            // VM Runtime stays on.
            (Err(failure), Some(fence)) => {
                fence.lift().await;
                return Err(failure);
            }
            (Err(failure), None) => return Err(failure),
        };
        self.account.stage.set(Stage::Disabled);
        if fenced {
            fence::clear(self.client, self.retry).await;
        }
        self.clear_what_slipped_in(&baseline.object, permitted)
            .await?;
        if !self.wait {
            return Ok(None);
        }
        let outcome = wait::until(
            self.client,
            &Wait {
                target: Target::Disabled,
                baseline: Some(baseline),
                fail_fast: self.fail_fast,
            },
            self.retry,
        )
        .await?;
        self.step("Making sure that no VM is left");
        let left = inventory::take(self.client, self.retry).await?;
        if left.count() > 0 {
            return Err(newcomer::slipped_in(&left));
        }
        Ok(Some(outcome))
    }

    /// Saves and deletes everything while the fence keeps new VMs out, and leaves the fence standing.
    async fn delete(
        &self,
        before: &RuntimeObject,
        agreed: Option<Plan>,
    ) -> Result<Fence<'_>, Failure> {
        self.step("Closing VM creation");
        let (fence, now) = Fence::put_up(self.client, self.retry).await?;
        if self.account.stage.get() == Stage::Untouched {
            self.account.stage.set(Stage::Fenced);
        }
        let work = async {
            vmruntime::unchanged(before, &now)?;
            fence.closed(&now).await?;
            self.save_and_remove(before, agreed).await
        };
        match fence.around(work).await {
            Ok(removed) => {
                self.add(removed);
                Ok(fence)
            }
            Err(failure) => {
                fence.lift().await;
                Err(failure)
            }
        }
    }

    async fn save_and_remove(
        &self,
        before: &RuntimeObject,
        agreed: Option<Plan>,
    ) -> Result<Removed, Failure> {
        // What came before the fence was closed is in this list.
        let inventory = inventory::take(self.client, self.retry).await?;
        let left_over = LeftOver {
            doomed: self.doomed_before(before)?,
            permitted: true,
        };
        let mut backup = None;
        if let Some(place) = &self.place_now() {
            self.step("Saving the manifests of VMs and disks");
            let (origin, now) = (self.origin(before), jiff::Timestamp::now());
            backup = Some(BackupWriter::open(place, &origin, now).map_err(before_anything)?);
        }
        let plan = Plan::new(inventory, self.disks, &left_over);
        if let Some(agreed) = agreed {
            newcomer::nothing_more_than(&agreed, &plan)?;
        }
        if let Some(backup) = &mut backup {
            let path = backup.path().to_owned();
            self.account.backup.replace(Some(path));
            removal::save(self.client, &plan, backup, self.retry)
                .await
                .map_err(before_anything)?;
        }
        self.step("Deleting VMs and what belongs to them");
        self.account.stage.set(Stage::Deleting);
        removal::remove(self.client, plan, backup.as_mut(), self.retry).await
    }

    /// What comes later is saved where the rest is: one restore puts all of it back.
    fn place_now(&self) -> Option<Place> {
        let used = self.account.backup.borrow().clone();
        used.map(Place::Exactly).or_else(|| self.place.clone())
    }

    fn add(&self, mut removed: Removed) {
        let mut account = self.account.removed.borrow_mut();
        let all = account.get_or_insert_default();
        all.machines.append(&mut removed.machines);
        all.disks.append(&mut removed.disks);
    }

    /// Sets `enabled: false`, unless somebody has done so already.
    async fn turn_off(&self, before: RuntimeObject) -> Result<Baseline, Failure> {
        if !before.object.spec.enabled {
            return Ok(Baseline::unchanged(before));
        }
        let after = self.patch_in_spite_of_lag(&before).await?;
        let patched = (before.clone(), after.runtime.clone());
        self.account.patched.replace(Some(patched));
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
            if !lagging || started.elapsed() >= LAG || self.retry.deadline().passed() {
                return patched;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn origin(&self, runtime: &RuntimeObject) -> Origin {
        Origin {
            cluster: self.cluster.cluster.clone(),
            context: self.cluster.context.clone(),
            server: self.cluster.server.clone(),
            vmruntime: runtime.uid().to_owned(),
        }
    }

    fn step(&self, headline: &str) {
        let event = Event::Step(headline.to_owned());
        self.retry.observer().event(&event);
    }

    fn warn(&self, text: String) {
        self.retry.observer().event(&Event::Warning(text));
    }
}

const OFF: SpecChange = SpecChange {
    enabled: Some(false),
    use_emulation: None,
    vm_image_format: None,
};

/// Does the decision permit deleting VMs (after a question, perhaps)?
#[must_use]
pub const fn deletes(decision: Decision) -> bool {
    match decision {
        Decision::DeleteThenDisable | Decision::AskThenDelete => true,
        Decision::Disable | Decision::Refuse => false,
    }
}

/// Nothing was deleted before this failure.
fn before_anything(mut failure: Failure) -> Failure {
    failure.message.push_str("; nothing was deleted");
    failure
}
