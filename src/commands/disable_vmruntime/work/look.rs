//! Looking: what is there, and what follows from it. Nothing is changed here.

use std::{collections::BTreeSet, time::Duration};

use super::{Looked, Proposal, Stage, Work, before_anything, deletes};
use crate::{
    api::condition::{is_true, kind},
    cluster::{
        self, Retry,
        backup::Earlier,
        inventory::{self, Inventory, Uid},
        removal::{LeftOver, Plan},
        vmruntime::{self, RuntimeObject},
        wait::{self, Baseline, Outcome, Target, Wait},
    },
    commands::disable_vmruntime::fence,
    failure::{Failure, Kind},
    runtime::{
        disable::{Decision, decide},
        force::ForceAnnotation,
    },
};

impl Work<'_> {
    /// Reads everything, decides, and changes nothing.
    pub async fn look(&self) -> Result<Looked, Failure> {
        self.step("Reading VM Runtime");
        let before = vmruntime::get(self.client, self.retry).await?;
        let annotation = ForceAnnotation::read(before.object.metadata.annotations.as_ref());
        if let Some(warning) = &annotation.warning {
            self.warn(warning.clone());
        }
        self.step("Counting VMs");
        let inventory = inventory::take(self.client, self.retry).await?;
        let doomed = self.doomed_before(&before)?;
        let decision = self.judge(&inventory, &doomed, &annotation);
        if !before.object.spec.enabled {
            // A controller that does not care about VMs calls itself off while they are there.
            let nothing_to_do =
                inventory.count() == 0 && decision == Decision::Disable && !fence::stands(&before);
            if nothing_to_do && self.is_off(&before).await? {
                let disks_kept = is_true(&before.status().conditions, kind::DISKS_KEPT);
                return Ok(Looked::AlreadyOff { disks_kept });
            }
            self.account.stage.set(Stage::Disabled);
        }
        if decision == Decision::Disable && are_left(&inventory, &doomed) {
            self.warn(
                "disks are left of VMs that an interrupted disable deleted; they stay, unless --force=true is given"
                    .to_owned(),
            );
        }
        let left_over = LeftOver {
            doomed,
            permitted: deletes(decision),
        };
        Ok(Looked::Proposal(Box::new(Proposal {
            before,
            plan: Plan::new(inventory, self.disks, &left_over),
            decision,
            permitted_by_annotation: annotation.permits,
        })))
    }

    /// What an earlier run that did not come to its end was to delete.
    pub(super) fn doomed_before(&self, runtime: &RuntimeObject) -> Result<BTreeSet<Uid>, Failure> {
        let Some(place) = self.place_now() else {
            return Ok(BTreeSet::new());
        };
        let earlier = Earlier::find(&place, &self.origin(runtime)).map_err(before_anything)?;
        Ok(earlier.map(|found| found.doomed).unwrap_or_default())
    }

    /// By the table. Where the VMs are gone, by an earlier run that was to delete their disks as well, the disks count as
    /// VMs do; but they do not keep VM Runtime on.
    fn judge(
        &self,
        inventory: &Inventory,
        doomed: &BTreeSet<Uid>,
        annotation: &ForceAnnotation,
    ) -> Decision {
        let machines = inventory.count();
        if machines > 0 || !are_left(inventory, doomed) {
            return decide(machines, self.force, annotation);
        }
        match decide(1, self.force, annotation) {
            Decision::Refuse => Decision::Disable,
            permitted => permitted,
        }
    }

    /// Looks once whether a disable that somebody asked for before has come to its end.
    async fn is_off(&self, runtime: &RuntimeObject) -> Result<bool, Failure> {
        let once = Retry::new(cluster::Deadline::after(Duration::ZERO), &cluster::Silent);
        let looked = wait::until(
            self.client,
            &Wait {
                target: Target::Disabled,
                baseline: Some(Baseline::unchanged(runtime.clone())),
                fail_fast: true,
            },
            &once,
        )
        .await;
        match looked {
            // What could not be verified is not off for sure: the wait at the end of the command says so.
            Ok(Outcome::Reached(reached)) => Ok(reached.unknown.is_empty()),
            Ok(Outcome::CheckFailed(_)) => Ok(false),
            // Not off yet, or blocked: both are what this command is about to see to.
            Err(failure)
                if matches!(
                    failure.kind,
                    Kind::TimedOut | Kind::OperationFailed | Kind::Refused
                ) =>
            {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Are disks there that an earlier run was to delete?
fn are_left(inventory: &Inventory, doomed: &BTreeSet<Uid>) -> bool {
    let mut disks = inventory.disks.iter();
    disks.any(|disk| doomed.contains(&disk.uid))
}
