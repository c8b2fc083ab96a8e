//! What goes with VMs and disks without being one: what came after the plan was made is planned and saved before their
//! owners are deleted, and all of it is waited for.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fate, Removal, progress::Progress, saving};
use crate::{
    cluster::{
        event::{Event, RemovalProgress},
        inventory::{Dependent, Uid, dependents},
    },
    failure::{Failure, Kind, Reason},
};

impl Removal<'_, '_> {
    /// Lists again what machines and disks own: who owned it when the plan was made says nothing about now.
    pub(super) async fn look_at_dependents(&mut self) -> Result<(), Failure> {
        let namespaces = self.plan.namespaces();
        let found = dependents::list(self.client, self.retry, &namespaces).await?;
        self.plan.see_dependents(found);
        Ok(())
    }

    /// Once before the first deletion, and again after a machine has come.
    pub(super) async fn save_late_dependents(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.dependents_seen, true) {
            return Ok(());
        }
        self.look_at_dependents().await?;
        let Some(backup) = self.backup.as_deref_mut() else {
            return Ok(());
        };
        let mut others = saving::others(&self.plan);
        others.retain(|(subject, _)| !backup.holds(&subject.uid));
        saving::save_others(self.client, self.retry, others, backup).await
    }

    /// Waits until the garbage collector has taken all that went along. What somebody else owns as well may stay.
    pub(super) async fn wait_for_dependents(&mut self) -> Result<(), Failure> {
        let expected = self.expected();
        if expected.is_empty() {
            return Ok(());
        }
        self.retry
            .observer()
            .step("Waiting until what they owned is gone");
        let namespaces = self
            .plan
            .dependents
            .iter()
            .filter(|planned| expected.contains(&planned.object.uid))
            .map(|planned| planned.object.namespace.clone())
            .collect();
        for round in 1.. {
            let mut left = dependents::list(self.client, self.retry, &namespaces).await?;
            left.retain(|dependent| expected.contains(&dependent.uid));
            if left.is_empty() {
                break;
            }
            if self.retry.deadline().passed() {
                return Err(timed_out(&left));
            }
            self.retry.observer().event(&Event::Removal(counted(&left)));
            tokio::time::sleep(self.retry.pace().delay(round)).await;
        }
        Ok(())
    }

    /// What goes, and is owned by nothing that we do not know.
    fn expected(&self) -> BTreeSet<Uid> {
        let dependents: BTreeSet<&Uid> = self
            .plan
            .dependents
            .iter()
            .map(|planned| &planned.object.uid)
            .collect();
        let is_known = |uid: &Uid| dependents.contains(uid) || self.places.find(uid).is_some();
        self.plan
            .dependents
            .iter()
            .filter(|planned| planned.fate == Fate::GoesAlong)
            .filter(|planned| planned.object.owners.iter().all(is_known))
            .map(|planned| planned.object.uid.clone())
            .collect()
    }
}

fn counted(left: &[Dependent]) -> RemovalProgress {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for dependent in left {
        *counts.entry(dependent.kind.qualified()).or_default() += 1;
    }
    RemovalProgress {
        left: counts.into_iter().collect(),
        slowest: None,
    }
}

fn timed_out(left: &[Dependent]) -> Failure {
    let mut failure = Failure::new(
        Kind::TimedOut,
        Reason::TimedOut,
        format!(
            "timed out while {} objects that VMs and disks owned were being deleted",
            left.len()
        ),
    );
    for dependent in left.iter().take(Progress::NAMED) {
        failure = failure.caused_by(format!("still there: {}", dependent.object_name()));
    }
    failure
}
