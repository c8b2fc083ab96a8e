//! Deleting VMs and what belongs to them, in order, until they are really gone.
//!
//! Called by `bmctl disable` and by the controller while it drains; whether anything may be deleted was decided before.
//! Everything is deleted on the condition of its UID, so that nothing is deleted that was not seen. Finalizers are
//! never stripped: what is stuck is told. A user's own PersistentVolumeClaims, Secrets and ConfigMaps are never touched.

mod belonging;
mod going;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DeleteParams, Preconditions},
    core::DynamicObject,
};

use self::going::Going;
use super::{
    event::{Event, ObjectName},
    inventory::{self, Inventory, Workload},
    retry::{Repeat, Retry},
};
use crate::{
    api::{WorkloadRole, workload::WORKLOAD_KINDS},
    failure::{self, Failure, Kind, Reason},
};

/// What is gone now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    pub machines: Vec<ObjectName>,
    pub disks: Vec<ObjectName>,
}

/// So many deletions are under way at once.
const IN_FLIGHT: usize = 50;

/// Deletes all VMs and the disks that belong to them, and returns when they are really gone and nothing new has come:
/// when two lists in a row are empty. What appears meanwhile is deleted too.
pub async fn remove(
    client: &Client,
    inventory: &Inventory,
    retry: &Retry<'_>,
) -> Result<Removed, Failure> {
    let retry = retry.patient();
    let mut removal = Removal {
        client,
        retry: &retry,
        seen: BTreeMap::new(),
        gone: BTreeSet::new(),
    };
    match removal.run(inventory).await {
        Ok(()) => Ok(removal.removed()),
        Err(failure) => Err(removal.progress(failure)),
    }
}

/// One removal under way.
struct Removal<'a> {
    client: &'a Client,
    retry: &'a Retry<'a>,
    /// Every workload that was ever seen, by UID: a disk may have to be recognized by a machine that is gone.
    seen: BTreeMap<String, Workload>,
    /// UIDs.
    gone: BTreeSet<String>,
}

impl Removal<'_> {
    async fn run(&mut self, inventory: &Inventory) -> Result<(), Failure> {
        let mut current = inventory.clone();
        let mut empty_lists = 0;
        loop {
            self.see(&current);
            if !current.machines.is_empty() {
                self.clear(&current.roots(), &current.machines).await?;
            }
            current = inventory::take(self.client, self.retry).await?;
            let new = |machine: &&Workload| !self.seen.contains_key(&machine.uid);
            let count = current.machines.iter().filter(new).count();
            if count > 0 {
                self.tell(&Event::FoundMore { count });
            }
            if current.machines.is_empty() {
                empty_lists += 1;
            } else {
                empty_lists = 0;
            }
            if empty_lists == 2 {
                break;
            }
            tokio::time::sleep(self.retry.pace().settle).await;
        }
        self.clear_disks(&current.disks).await
    }

    /// Deletes the disks that belonged to the machines; those that went with them are gone already.
    async fn clear_disks(&mut self, left: &[Workload]) -> Result<(), Failure> {
        let belonging = belonging::disks(&self.seen.values());
        let there = |uid: &String| left.iter().any(|disk| disk.uid == *uid);
        let (still, went): (Vec<_>, Vec<_>) = belonging.into_iter().partition(there);
        for uid in went {
            self.has_gone(&uid);
        }
        let disks: Vec<Workload> = left
            .iter()
            .filter(|disk| still.contains(&disk.uid))
            .cloned()
            .collect();
        let roots: Vec<&Workload> = disks
            .iter()
            .filter(|disk| !disk.owners.iter().any(|owner| still.contains(owner)))
            .collect();
        self.clear(&roots, &disks).await
    }

    fn see(&mut self, inventory: &Inventory) {
        for workload in inventory.machines.iter().chain(&inventory.disks) {
            self.seen.insert(workload.uid.clone(), workload.clone());
        }
    }

    /// Deletes `roots`, and waits until `all` (the roots, and what goes with them) are gone.
    async fn clear(&mut self, roots: &[&Workload], all: &[Workload]) -> Result<(), Failure> {
        for kind in WORKLOAD_KINDS {
            let to_delete: Vec<&Workload> = roots
                .iter()
                .copied()
                .filter(|root| root.kind == kind && root.deleting.is_none())
                .collect();
            if to_delete.is_empty() {
                continue;
            }
            self.tell(&Event::Removing {
                resource: kind.qualified(),
                count: to_delete.len(),
            });
            let mut deletions = stream::iter(to_delete)
                .map(|workload| delete(self.client, self.retry, workload))
                .buffer_unordered(IN_FLIGHT);
            let mut failed = None;
            while let Some(result) = deletions.next().await {
                failed = failed.or(result.err());
            }
            if let Some(failure) = failed {
                return Err(failure);
            }
        }
        let mut going = Going::new(self.client, self.retry, all);
        while let Some(uid) = going.next().await? {
            self.has_gone(&uid);
        }
        Ok(())
    }

    fn has_gone(&mut self, uid: &str) {
        if !self.gone.insert(uid.to_owned()) {
            return;
        }
        if let Some(workload) = self.seen.get(uid) {
            self.tell(&Event::Removed(workload.object_name()));
        }
    }

    fn tell(&self, event: &Event) {
        self.retry.observer().event(event);
    }

    fn removed(&self) -> Removed {
        let of = |role: WorkloadRole| {
            let gone = self.gone.iter().filter_map(|uid| self.seen.get(uid));
            let mut names: Vec<ObjectName> = gone
                .filter(|workload| workload.kind.role == role)
                .map(Workload::object_name)
                .collect();
            names.sort();
            names
        };
        Removed {
            machines: of(WorkloadRole::Machine),
            disks: of(WorkloadRole::Disk),
        }
    }

    /// A removal that fails has changed something, and says how much.
    fn progress(&self, failure: Failure) -> Failure {
        let removed = self.removed();
        let (machines, disks) = (removed.machines.len(), removed.disks.len());
        failure.caused_by(format!(
            "{machines} VM objects and {disks} disks were deleted before that; running the command again goes on from here"
        ))
    }
}

/// Deletes one object, if it is still the one that was seen.
async fn delete(client: &Client, retry: &Retry<'_>, workload: &Workload) -> Result<(), Failure> {
    /// More conflicts about one UID than this make no sense.
    const ROUNDS: u32 = 5;
    let resource = workload.resource();
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &workload.namespace, &resource);
    let doing = format!("delete {}", workload.object_name());
    let parameters = DeleteParams::background().preconditions(Preconditions {
        uid: Some(workload.uid.clone()),
        resource_version: None,
    });
    for _ in 0..ROUNDS {
        let deleted = retry
            .request(&doing, Repeat::Safe, || async {
                api.delete(&workload.name, &parameters).await
            })
            .await;
        let Err(error) = deleted else { return Ok(()) };
        match &error {
            kube::Error::Api(status) if status.code == 404 => return Ok(()),
            kube::Error::Api(status) if status.code == 409 => {}
            _ => return Err(failure::from_kube(&error, &doing)),
        }
        let found = retry
            .request(&doing, Repeat::Safe, || async {
                api.get_metadata_opt(&workload.name).await
            })
            .await
            .map_err(|error| failure::from_kube(&error, &doing))?;
        // Another object of the same name is not the one that was seen; a later list decides about it.
        let ours = found.is_some_and(|found| found.metadata.uid.as_ref() == Some(&workload.uid));
        if !ours {
            return Ok(());
        }
    }
    Err(Failure::new(
        Kind::Conflict,
        Reason::Conflict,
        format!("could not {doing}"),
    )
    .caused_by("somebody else changes it all the time"))
}

#[cfg(test)]
mod tests;
