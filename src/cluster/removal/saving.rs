//! From the plan to the backup: what is deleted is saved first.

use kube::{Api, Client, Resource as _, api::ListParams, core::DynamicObject};
use serde_json::Value;

use super::{Fate, Plan, Planned, Removal, plan::Places, plan::is_products};
use crate::{
    api::{WorkloadKind, WorkloadRole, workload::removal_order},
    cluster::{
        backup::{BackupWriter, Purpose},
        inventory::{Uid, Workload},
        list::{Fields, Pages},
        retry::{Repeat, Retry},
    },
    failure::{self, Failure},
};

/// Whole objects may be large, and there may be many: this many are in memory at once.
const PAGE: u32 = 50;
/// So many objects are saved between two commits.
const COMMIT: usize = 500;
/// So many files are read back before anything else may happen: the fence is renewed, and an interrupt is heard.
const READ_BACK: usize = 100;

/// Saves everything that the plan deletes and no controller makes again, and the disks beside it, and reads back what
/// earlier runs have saved. Nothing may be deleted before this has returned; from then on the backup says that objects
/// are.
pub async fn save(
    client: &Client,
    plan: &Plan,
    backup: &mut BackupWriter,
    retry: &Retry<'_>,
) -> Result<(), Failure> {
    while !backup.read_back(READ_BACK)? {
        tokio::task::yield_now().await;
    }
    let retry = retry.patient();
    let places = Places::of(&plan.objects);
    for kind in removal_order() {
        let wanted = |planned: &&Planned| {
            planned.workload.kind == kind && purpose(planned, &places, plan).is_some()
        };
        if let Some(first) = plan.objects.iter().find(wanted) {
            each(client, &retry, kind, &first.workload.version, |object| {
                let Some(planned) = places.find(&Uid::from(uid(&object))) else {
                    return Ok(());
                };
                let planned = &plan.objects[planned];
                if let Some(purpose) = purpose(planned, &places, plan) {
                    backup.save(&planned.workload, &object, purpose)?;
                }
                if backup.uncommitted() >= COMMIT {
                    backup.commit(retry.now())?;
                }
                Ok(())
            })
            .await?;
            backup.commit(retry.now())?;
        }
    }
    backup.deleting(retry.now())
}

/// What an object is saved for; `None`: a controller makes it again, or it is of no use later.
fn purpose(planned: &Planned, places: &Places, plan: &Plan) -> Option<Purpose> {
    let workload = &planned.workload;
    let has_owner = workload.owners.iter().any(|owner| {
        places
            .find(owner)
            .is_some_and(|at| plan.objects[at].workload.uid != workload.uid)
    });
    let generated = has_owner && !is_products(workload);
    match (workload.kind.role, planned.fate) {
        (WorkloadRole::Migration, _) => None,
        (_, Fate::Kept(_) | Fate::GoesAlong) if generated => None,
        (_, Fate::Kept(_)) => Some(Purpose::Keep),
        (_, Fate::Deleted) if generated => Some(Purpose::Record),
        (_, Fate::Deleted | Fate::GoesAlong) => Some(Purpose::Delete),
    }
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// Hands out every object of the kind, whole. A list whose continuation has expired is begun again: what was saved
/// before is recognized.
async fn each(
    client: &Client,
    retry: &Retry<'_>,
    kind: &WorkloadKind,
    version: &str,
    mut take: impl FnMut(Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    /// A list of which the continuation expires every time cannot be read.
    const ROUNDS: u32 = 5;
    let path = DynamicObject::url_path(&kind.resource_in(version), None);
    let doing = format!("read {} for the backup", kind.qualified());
    let small = ListParams::default().limit(PAGE);
    let mut pages = Pages::new(client, retry, &doing, &path, Fields::All, uid).selected(&small);
    let mut expired = 0;
    loop {
        match pages.next().await {
            Ok(Some(objects)) => objects.into_iter().try_for_each(&mut take)?,
            Ok(None) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 410 && expired < ROUNDS => {
                expired += 1;
                pages.begin_again();
            }
            Err(error) => return Err(failure::from_kube(&error, &doing)),
        }
    }
}

impl Removal<'_, '_> {
    /// Makes sure that the backup holds what is about to be deleted: what came after the plan was made is saved now. What
    /// is not there any more needs no deletion.
    pub(super) async fn saved(&mut self, due: Vec<usize>) -> Result<Vec<usize>, Failure> {
        if self.backup.is_none() {
            return Ok(due);
        }
        let mut there = Vec::with_capacity(due.len());
        for at in due {
            if self.save_one(at).await? {
                there.push(at);
            }
        }
        // Whoever goes on after a crash does not see any more which disks belonged to the machines that went.
        for at in 0..self.plan.objects.len() {
            let planned = &self.plan.objects[at];
            if planned.workload.is(WorkloadRole::Disk)
                && !self.gone[at]
                && self.purpose(at) == Some(Purpose::Delete)
            {
                self.save_one(at).await?;
            }
        }
        if let Some(backup) = self.backup.as_deref_mut() {
            backup.commit(self.retry.now())?;
        }
        Ok(there)
    }

    fn purpose(&self, at: usize) -> Option<Purpose> {
        purpose(&self.plan.objects[at], &self.places, &self.plan)
    }

    /// Saves it, if it is not saved yet for what becomes of it. Is it there to be saved?
    async fn save_one(&mut self, at: usize) -> Result<bool, Failure> {
        let wanted = self.purpose(at);
        let workload = &self.plan.objects[at].workload;
        let Some(backup) = self.backup.as_deref_mut() else {
            return Ok(true);
        };
        let held = backup.purpose(&workload.uid);
        if held.is_some() && (held == wanted || wanted != Some(Purpose::Delete)) {
            return Ok(true);
        }
        let Some(object) = read(self.client, self.retry, workload).await? else {
            return Ok(false);
        };
        backup.save(workload, &object, wanted.unwrap_or(Purpose::Record))?;
        Ok(true)
    }
}

/// The whole object, if it is still the one that was seen.
async fn read(
    client: &Client,
    retry: &Retry<'_>,
    workload: &Workload,
) -> Result<Option<Value>, Failure> {
    let doing = format!("read {} for the backup", workload.object_name());
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &workload.namespace, &workload.resource());
    let found = retry
        .request(&doing, Repeat::Safe, || api.get_opt(&workload.name))
        .await
        .map_err(|error| failure::from_kube(&error, &doing))?;
    let uid = workload.uid.to_string();
    let same = found.filter(|found| found.metadata.uid.as_ref() == Some(&uid));
    same.map(|found| serde_json::to_value(found).map_err(|error| unreadable(&doing, &error)))
        .transpose()
}

fn unreadable(doing: &str, error: &serde_json::Error) -> Failure {
    Failure::new(
        failure::Kind::Incomplete,
        failure::Reason::UnexpectedAnswer,
        format!("could not {doing}"),
    )
    .caused_by(error.to_string())
}
