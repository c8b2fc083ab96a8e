//! The part of a disable that deletes: behind a closed VM creation, everything is listed, saved, and then removed.

use super::{Consent, Disable, Proposal, Step, before_anything, fence::Fence, newcomer};
use crate::{
    cluster::{
        backup::BackupWriter,
        inventory,
        removal::{self, LeftOver, Plan, Removed},
        vmruntime::{self, RuntimeObject},
    },
    failure::Failure,
};

impl Plan {
    /// The plan that a person has agreed to, where they agreed to that one and not to the deletion of whatever there is.
    /// Of a hundred thousand VMs one list is enough: what is there is listed again once VM creation is closed.
    pub(super) fn agreed_to(self, consent: Consent) -> Option<Self> {
        match consent {
            Consent::Shown => Some(self),
            Consent::Everything => None,
        }
    }
}

impl Disable<'_> {
    /// Closes VM creation, saves and deletes everything, and leaves VM creation closed.
    pub(super) async fn remove(
        &self,
        before: &RuntimeObject,
        agreed: Option<Plan>,
    ) -> Result<Fence<'_>, Failure> {
        self.retry.observer().step("Closing VM creation");
        // Also while the API server has not answered: it may have heard.
        if self.progress.step.get() == Step::Untouched {
            self.progress.step.set(Step::Fenced);
        }
        let (fence, now) = Fence::put_up(self.client, self.retry).await?;
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
        // What came before VM creation was closed is in this list.
        let inventory = inventory::take_with_all_that_goes(self.client, self.retry).await?;
        let left_over = LeftOver {
            doomed: self.doomed_before(before)?,
            permitted: true,
        };
        let plan = self.plan(inventory, &left_over);
        if let Some(agreed) = agreed {
            newcomer::nothing_more_than(&agreed, &plan)?;
        }
        self.retry
            .observer()
            .step("Asking whether all of it may be deleted");
        removal::rehearse(self.client, &plan, self.retry).await?;
        let mut backup = self.save(before, &plan).await.map_err(before_anything)?;
        self.retry
            .observer()
            .step("Deleting VMs and what belongs to them");
        self.progress.step.set(Step::Deleting);
        removal::remove(self.client, plan, backup.as_mut(), self.retry).await
    }

    /// Saves everything that goes, where it is wanted.
    async fn save(
        &self,
        before: &RuntimeObject,
        plan: &Plan,
    ) -> Result<Option<BackupWriter>, Failure> {
        let Some(place) = &self.place_now() else {
            return Ok(None);
        };
        self.retry
            .observer()
            .step("Saving the manifests of all that goes");
        let (origin, now) = (self.origin(before), jiff::Timestamp::now());
        let mut backup = BackupWriter::open(place, &origin, now)?;
        self.progress.backup.replace(Some(backup.path().to_owned()));
        removal::save(self.client, plan, &mut backup, self.retry).await?;
        Ok(Some(backup))
    }

    /// Without a VM to delete: what goes with the engine is saved all the same.
    pub(super) async fn save_what_goes(&self, proposal: &Proposal) -> Result<(), Failure> {
        let saved = self.save(&proposal.before, &proposal.plan).await;
        let backup = saved.map_err(before_anything)?;
        backup.map_or(Ok(()), |mut backup| backup.finish(self.retry.now()))
    }

    fn add(&self, mut removed: Removed) {
        let mut all = self.progress.removed.borrow_mut();
        let all = all.get_or_insert_default();
        all.machines.append(&mut removed.machines);
        all.disks.append(&mut removed.disks);
    }
}
