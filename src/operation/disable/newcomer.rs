//! VMs that come while a disable is under way: the fence keeps them out where our controller reads it; on another one a
//! list and a patch cannot be made one step. None is passed over in silence.

use super::{Disable, Step};
use crate::{
    cluster::{
        Event, inventory,
        removal::Plan,
        vmruntime::{self, RuntimeObject},
    },
    failure::{Failure, Kind, Reason},
};

impl Disable<'_> {
    /// A VM may have been created between the last list and the patch: it is looked for, and deleted only where the
    /// deletion of all VMs was agreed to.
    pub(super) async fn clear_newcomers(
        &self,
        off: &RuntimeObject,
        permitted: bool,
    ) -> Result<(), Failure> {
        /// Who creates VMs faster than this does not want them gone.
        const ROUNDS: u32 = 3;
        for round in 0.. {
            self.retry
                .observer()
                .step("Looking for VMs that were created in the meantime");
            let found = inventory::take(self.client, self.retry).await?;
            if found.count() == 0 {
                break;
            }
            if !permitted || round == ROUNDS {
                return Err(slipped_in(&found));
            }
            let count = found.count();
            self.retry.observer().event(&Event::FoundMore { count });
            let now = vmruntime::get(self.client, self.retry).await?;
            if now.object.spec.enabled {
                // Somebody has turned it on again: the VMs are theirs.
                return vmruntime::unchanged(off, &now);
            }
            let fence = self.remove(&now, None).await?;
            fence.lift().await;
            self.progress.step.set(Step::Disabled);
        }
        Ok(())
    }

    /// Waits for the pods of guests that still end, although no machine is left. A VM that is there after all is a failure.
    pub(super) async fn no_guest_is_left(&self) -> Result<(), Failure> {
        for round in 1.. {
            let left = inventory::take(self.client, self.retry).await?;
            if left.count() > 0 {
                return Err(slipped_in(&left));
            }
            let Some(pod) = left.launchers.first() else {
                break;
            };
            if self.retry.deadline().passed() {
                let message = "timed out while a guest was still ending";
                let failure = Failure::new(Kind::TimedOut, Reason::TimedOut, message);
                return Err(failure.caused_by(format!("still there: {}", pod.object_name())));
            }
            tokio::time::sleep(self.retry.pace().delay(round)).await;
        }
        Ok(())
    }
}

/// VMs that came after the question are not those that somebody agreed to delete.
pub(super) fn nothing_more_than(agreed: &Plan, plan: &Plan) -> Result<(), Failure> {
    let known: std::collections::BTreeSet<_> = agreed.roots().map(|machine| &machine.uid).collect();
    let more: Vec<String> = plan
        .roots()
        .filter(|machine| !known.contains(&machine.uid))
        .map(|machine| machine.object_name().to_string())
        .collect();
    if more.is_empty() {
        return Ok(());
    }
    Err(appeared(
        format!(
            "{} VMs were created after the question was asked; nothing was deleted",
            more.len()
        ),
        &more,
    ))
}

/// VMs that are there after all, although VM Runtime was told to turn off.
pub(super) fn slipped_in(found: &inventory::Inventory) -> Failure {
    let names: Vec<String> = found
        .roots()
        .iter()
        .map(|machine| machine.object_name().to_string())
        .collect();
    appeared(
        format!(
            "VM Runtime was told to turn off, but {} VMs were created in the meantime, and were not deleted",
            names.len()
        ),
        &names,
    )
}

fn appeared(message: String, names: &[String]) -> Failure {
    const NAMED: usize = 10;
    let mut failure = Failure::new(Kind::Conflict, Reason::VMsAppeared, message);
    failure.causes.extend(
        names
            .iter()
            .take(NAMED)
            .map(|name| format!("created: {name}")),
    );
    if names.len() > NAMED {
        failure = failure.caused_by(format!("... and {} more", names.len() - NAMED));
    }
    failure
}
