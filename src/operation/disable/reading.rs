//! Reading: what is there, and what follows from it. Nothing is changed here.

use std::collections::BTreeSet;

use super::{Disable, Step, Switch, before_anything, fence};
use crate::{
    api::condition::{is_true, kind},
    cluster::{
        backup::{Earlier, Place},
        inventory::{self, Inventory, Uid},
        removal::{LeftOver, Plan},
        vmruntime::{self, RuntimeObject},
        wait::{self, Baseline, Outcome, Target, Wait},
    },
    failure::{Failure, Kind},
    runtime::{
        disable::{Decision, Force, decide},
        force::ForceAnnotation,
    },
};

/// What the cluster and an earlier backup say.
pub(super) struct Found {
    before: RuntimeObject,
    annotation: ForceAnnotation,
    inventory: Inventory,
    /// What an earlier run that did not come to its end was to delete.
    doomed: BTreeSet<Uid>,
}

/// What would be done.
pub struct Proposal {
    pub before: RuntimeObject,
    pub plan: Plan,
    pub decision: Decision,
    /// The force annotation was "true".
    pub permitted_by_annotation: bool,
}

impl Proposal {
    /// Does the decision permit deleting VMs (after a question, perhaps)?
    #[must_use]
    pub const fn deletes(&self) -> bool {
        deletes(self.decision)
    }

    #[must_use]
    pub const fn is_being_turned_off(&self) -> bool {
        !self.before.object.spec.enabled
    }
}

const fn deletes(decision: Decision) -> bool {
    match decision {
        Decision::DeleteThenDisable | Decision::AskThenDelete => true,
        Decision::Disable | Decision::Refuse => false,
    }
}

impl Found {
    /// By the table. Where the VMs are gone, by an earlier run that was to delete their disks as well, the disks count as
    /// VMs do; but they do not keep VM Runtime on.
    pub fn decide(&self, force: Force) -> Decision {
        let machines = self.inventory.count();
        if machines > 0 || !self.disks_are_left() {
            return decide(machines, force, &self.annotation);
        }
        match decide(1, force, &self.annotation) {
            Decision::Refuse => Decision::Disable,
            permitted => permitted,
        }
    }

    /// Are disks there that an earlier run was to delete?
    fn disks_are_left(&self) -> bool {
        let mut disks = self.inventory.disks.iter();
        disks.any(|disk| self.doomed.contains(&disk.uid))
    }

    pub fn disks_kept(&self) -> bool {
        is_true(&self.before.status().conditions, kind::DISKS_KEPT)
    }
}

impl Disable<'_> {
    /// Reads everything that the decision needs.
    pub(super) async fn read(&self) -> Result<Found, Failure> {
        self.retry.observer().step("Reading VM Runtime");
        let before = vmruntime::get(self.client, self.retry).await?;
        let annotation = ForceAnnotation::read(before.object.metadata.annotations.as_ref());
        if let Some(warning) = &annotation.warning {
            self.retry.observer().warn(warning);
        }
        self.retry.observer().step("Counting VMs");
        let inventory = inventory::take_with_all_that_goes(self.client, self.retry).await?;
        let doomed = self.doomed_before(&before)?;
        Ok(Found {
            before,
            annotation,
            inventory,
            doomed,
        })
    }

    /// Has an earlier disable come to its end? A controller that does not care about VMs calls itself off while they are
    /// there.
    pub(super) async fn nothing_to_do(
        &self,
        found: &Found,
        decision: Decision,
    ) -> Result<bool, Failure> {
        Ok(!found.before.object.spec.enabled
            && found.inventory.is_gone()
            && decision == Decision::Disable
            && !fence::stands(&found.before)
            && self.is_off(&found.before).await?)
    }

    /// What would be done about what was found.
    pub(super) fn propose(&self, found: Found, decision: Decision) -> Proposal {
        if !found.before.object.spec.enabled {
            self.progress.step.set(Step::Disabled);
            self.progress.switch.set(Switch::Off);
        }
        if decision == Decision::Disable && found.disks_are_left() {
            self.retry.observer().warn(
                "disks are left of VMs that an interrupted disable deleted; they stay, unless --force=true is given",
            );
        }
        let left_over = LeftOver {
            doomed: found.doomed,
            permitted: deletes(decision),
        };
        Proposal {
            plan: self.plan(found.inventory, &left_over),
            before: found.before,
            decision,
            permitted_by_annotation: found.annotation.permits,
        }
    }

    /// What becomes of what was found.
    pub(super) fn plan(&self, inventory: Inventory, left_over: &LeftOver) -> Plan {
        let mut plan = Plan::new(inventory, self.disks, left_over);
        plan.secrets = self.secrets;
        plan
    }

    /// What comes later is saved where the rest is: one restore puts all of it back.
    pub(super) fn place_now(&self) -> Option<Place> {
        let used = self.progress.backup.borrow().clone();
        used.map(Place::Exactly).or_else(|| self.place.clone())
    }

    /// What an earlier run that did not come to its end was to delete.
    pub(super) fn doomed_before(&self, runtime: &RuntimeObject) -> Result<BTreeSet<Uid>, Failure> {
        let Some(place) = self.place_now() else {
            return Ok(BTreeSet::new());
        };
        let earlier = Earlier::find(&place, &self.origin(runtime)).map_err(before_anything)?;
        Ok(earlier.map(|found| found.doomed).unwrap_or_default())
    }

    /// Looks once whether a disable that somebody asked for before has come to its end.
    async fn is_off(&self, runtime: &RuntimeObject) -> Result<bool, Failure> {
        let once = self.retry.looking_once();
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
            // The time of the whole command is over.
            Err(failure) if once.deadline().expired() => Err(failure),
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
