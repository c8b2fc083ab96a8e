//! VMs that come while a disable is under way: the fence keeps them out where our controller reads it; on another one a
//! list and a patch cannot be made one step. None is passed over in silence.

use std::collections::BTreeSet;

use super::{Disable, Step};
use crate::{
    api::{WorkloadRole, dependent::DependentRole},
    cluster::{
        Event,
        inventory::{self, Inventory, Uid},
        removal::{Plan, Planned, PlannedDependent},
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
    /// Returns what is left.
    pub(super) async fn no_guest_is_left(&self) -> Result<Inventory, Failure> {
        let mut round = 0;
        loop {
            round += 1;
            let left = inventory::take(self.client, self.retry).await?;
            if left.count() > 0 {
                return Err(slipped_in(&left));
            }
            let Some(pod) = left.launchers.first() else {
                return Ok(left);
            };
            if self.retry.deadline().passed() {
                let message = "timed out while a guest was still ending";
                let failure = Failure::new(Kind::TimedOut, Reason::TimedOut, message);
                return Err(failure.caused_by(format!("still there: {}", pod.object_name())));
            }
            tokio::time::sleep(self.retry.pace().delay(round)).await;
        }
    }
}

/// What goes and was not shown is not what somebody agreed to delete: VMs that came after the question, and disks and
/// other objects that came, or were to stay when it was asked.
pub(super) fn nothing_more_than(agreed: &Plan, plan: &Plan) -> Result<(), Failure> {
    let objects = agreed.doomed().map(|planned| &planned.workload.uid);
    let dependents = agreed.going_dependents().map(|planned| &planned.object.uid);
    let known: BTreeSet<&Uid> = objects.chain(dependents).collect();
    let machines: Vec<String> = plan
        .roots()
        .filter(|machine| !known.contains(&machine.uid))
        .map(|machine| machine.object_name().to_string())
        .collect();
    if !machines.is_empty() {
        let message = format!(
            "{} VMs were created after the question was asked; nothing was deleted",
            machines.len()
        );
        return Err(appeared(message, "created", &machines));
    }
    // What was shown to stay counts whoever makes it again by now.
    let objects = agreed.kept().map(|(workload, _)| &workload.uid);
    let dependents = agreed.kept_dependents().map(|(object, _)| &object.uid);
    let to_stay: BTreeSet<&Uid> = objects.chain(dependents).collect();
    let is_news =
        |uid: &Uid, counts: bool| to_stay.contains(uid) || (counts && !known.contains(uid));
    let objects = plan
        .doomed()
        .filter(|planned| is_news(&planned.workload.uid, is_somebodys(planned)))
        .map(|planned| planned.workload.object_name());
    let dependents = plan
        .going_dependents()
        .filter(|planned| is_news(&planned.object.uid, is_tied(planned)))
        .map(|planned| planned.object.object_name());
    let more: Vec<String> = objects
        .chain(dependents)
        .map(|object| object.to_string())
        .collect();
    if more.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} more objects would go with the VMs than when the question was asked; nothing was deleted",
        more.len()
    );
    Err(appeared(message, "not shown", &more))
}

/// Controllers make children and disks of machines at any time; migrations come when a node is drained.
fn is_somebodys(planned: &Planned) -> bool {
    !planned.made_again && !planned.workload.is(WorkloadRole::Migration)
}

/// KubeVirt writes a revision when a VM starts.
fn is_tied(planned: &PlannedDependent) -> bool {
    !planned.made_again && planned.object.kind.role != DependentRole::Revision
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
        "created",
        &names,
    )
}

fn appeared(message: String, how: &str, names: &[String]) -> Failure {
    let failure = Failure::new(Kind::Conflict, Reason::VMsAppeared, message);
    naming(failure, how, names)
}

/// With the first of these as causes.
pub(super) fn naming(mut failure: Failure, how: &str, names: &[String]) -> Failure {
    const NAMED: usize = 10;
    failure.causes.extend(
        names
            .iter()
            .take(NAMED)
            .map(|name| format!("{how}: {name}")),
    );
    if names.len() > NAMED {
        failure = failure.caused_by(format!("... and {} more", names.len() - NAMED));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{dependent::DEPENDENT_KINDS, workload::removal_order},
        cluster::{
            inventory::{Dependent, Workload},
            removal::{Fate, Why},
        },
    };

    fn planned(role: WorkloadRole, uid: &str, fate: Fate) -> Planned {
        Planned {
            workload: Workload {
                kind: removal_order().find(|kind| kind.role == role).unwrap(),
                version: "v1".into(),
                namespace: "ns".into(),
                name: uid.into(),
                uid: uid.into(),
                state: None,
                created: None,
                deleting: None,
                finalizers: [].into(),
                owners: Box::default(),
                generated: false,
                uses: Box::default(),
            },
            fate,
            counts: role == WorkloadRole::Machine && fate == Fate::Deleted,
            made_again: false,
        }
    }

    fn owned(resource: &str, uid: &str) -> PlannedDependent {
        PlannedDependent {
            object: Dependent {
                kind: DEPENDENT_KINDS
                    .iter()
                    .find(|kind| kind.plural == resource)
                    .unwrap(),
                namespace: "ns".into(),
                name: uid.into(),
                uid: uid.into(),
                owners: Box::new(["vm".into()]),
                controller: None,
            },
            fate: Fate::GoesAlong,
            made_again: false,
        }
    }

    fn plan(objects: Vec<Planned>, dependents: Vec<PlannedDependent>) -> Plan {
        Plan {
            objects,
            dependents,
            ..Plan::default()
        }
    }

    #[test]
    fn what_was_shown_to_stay_counts_whoever_makes_it_again() {
        let disk = |fate, made_again| Planned {
            made_again,
            ..planned(WorkloadRole::Disk, "disk", fate)
        };
        let shown = plan(vec![vm(), disk(Fate::Kept(Why::NotTheVms), false)], vec![]);
        let adopted = plan(vec![vm(), disk(Fate::GoesAlong, true)], vec![]);
        let refused = nothing_more_than(&shown, &adopted).unwrap_err();
        assert!(refused.message.starts_with("1 more objects"), "{refused}");
        assert!(nothing_more_than(&adopted, &adopted).is_ok());
    }

    fn vm() -> Planned {
        planned(WorkloadRole::Machine, "vm", Fate::Deleted)
    }

    #[test]
    fn what_was_not_shown_is_not_agreed_to() {
        let disk = |fate| planned(WorkloadRole::Disk, "disk", fate);
        let agreed = plan(
            vec![vm(), disk(Fate::Kept(Why::Unused))],
            vec![owned("secrets", "shown")],
        );
        let again = Planned {
            made_again: true,
            ..planned(WorkloadRole::Disk, "again", Fate::GoesAlong)
        };
        let shown = || owned("secrets", "shown");
        for (case, now, refused) in [
            ("the same", agreed.clone(), None),
            ("less", plan(vec![vm()], Vec::new()), None),
            (
                "what controllers make",
                plan(
                    vec![
                        vm(),
                        again,
                        planned(WorkloadRole::Migration, "move", Fate::Deleted),
                    ],
                    vec![shown(), owned("controllerrevisions", "start")],
                ),
                None,
            ),
            (
                "a VM",
                plan(
                    vec![vm(), planned(WorkloadRole::Machine, "new", Fate::Deleted)],
                    vec![shown()],
                ),
                Some("1 VMs were created after the question was asked; nothing was deleted"),
            ),
            (
                "a disk that was to stay",
                plan(vec![vm(), disk(Fate::Deleted)], vec![shown()]),
                Some(
                    "1 more objects would go with the VMs than when the question was asked; nothing was deleted",
                ),
            ),
            (
                "a Secret",
                plan(vec![vm()], vec![shown(), owned("secrets", "new")]),
                Some(
                    "1 more objects would go with the VMs than when the question was asked; nothing was deleted",
                ),
            ),
        ] {
            let failure = nothing_more_than(&agreed, &now).err();
            let message = failure.as_ref().map(|failure| failure.message.as_str());
            assert_eq!(message, refused, "{case}");
        }
    }
}
