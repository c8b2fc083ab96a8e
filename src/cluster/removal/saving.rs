//! From the plan to the backup: what is deleted is saved first.

use futures::{StreamExt as _, stream};
use kube::{Client, Resource as _, api::ListParams, core::DynamicObject};
use serde_json::Value;

use super::{Fate, IN_FLIGHT, Plan, Planned, Removal, Secrets, Why, plan::Places};
use crate::{
    api::{WorkloadKind, WorkloadRole, comeback::Comeback, workload::removal_order},
    cluster::{
        backup::{BackupWriter, Purpose},
        inventory::Uid,
        list::{Fields, Pages},
        retry::{Repeat, Retry},
        subject::Subject,
    },
    failure::{self, Failure},
};

/// Whole objects may be large, and there may be many: this many are in memory at once.
const PAGE: u32 = 50;
/// So many objects are saved between two commits.
const COMMIT: usize = 500;
/// So many files are read back before anything else may happen: the fence is renewed, and an interrupt is heard.
const READ_BACK: usize = 100;

/// Saves everything that goes and no controller makes again, and the disks beside it, and reads back what earlier runs
/// have saved. Nothing may be deleted before this has returned.
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
    for planned in plan.objects.iter().filter(|planned| is_generated(planned)) {
        backup.generated(&Subject::from(&planned.workload));
    }
    let generated = plan.going_dependents().filter(|planned| planned.made_again);
    for planned in generated {
        backup.generated(&Subject::from(&planned.object));
    }
    for kind in removal_order() {
        let wanted =
            |planned: &&Planned| planned.workload.kind == kind && purpose(planned).is_some();
        if let Some(first) = plan.objects.iter().find(wanted) {
            each(client, &retry, kind, &first.workload.version, |object| {
                let Some(planned) = places.find(&Uid::from(uid(&object))) else {
                    return Ok(());
                };
                let planned = &plan.objects[planned];
                if let Some(purpose) = purpose(planned) {
                    backup.save(&Subject::from(&planned.workload), &object, purpose)?;
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
    save_others(client, &retry, others(plan), backup).await
}

/// What an object is saved for; `None`: it is of no use later.
fn purpose(planned: &Planned) -> Option<Purpose> {
    match (planned.workload.kind.role, planned.fate) {
        (WorkloadRole::Migration | WorkloadRole::Launcher, _) => None,
        (_, Fate::Kept(_) | Fate::GoesAlong) if planned.made_again => None,
        (_, Fate::Kept(_)) => Some(Purpose::Keep),
        (_, Fate::Deleted) if planned.made_again => Some(Purpose::Record),
        (_, Fate::Deleted | Fate::GoesAlong) => Some(Purpose::Delete),
    }
}

/// Goes it with another object, without being saved?
fn is_generated(planned: &Planned) -> bool {
    planned.made_again && planned.fate == Fate::GoesAlong
}

/// What beside VMs and disks is to be saved, and what for.
pub(super) fn others(plan: &Plan) -> Vec<(Subject, Purpose)> {
    let dependents = plan.dependents.iter().filter(|planned| {
        let is_secret = planned.object.kind.is_secret();
        !(planned.made_again || is_secret && plan.secrets == Secrets::LeftOut)
    });
    let dependents = dependents.filter_map(|planned| {
        let purpose = match planned.fate {
            Fate::Deleted | Fate::GoesAlong => Purpose::Delete,
            Fate::Kept(Why::Asked | Why::Released) => Purpose::Keep,
            Fate::Kept(Why::NotTheVms | Why::Unused | Why::Earlier | Why::OwnedElsewhere) => {
                return None;
            }
        };
        Some((Subject::from(&planned.object), purpose))
    });
    let engine = plan.engine.iter().filter(|object| {
        let resource = &object.subject.resource;
        let is_secret = resource.group.is_empty() && resource.kind == "Secret";
        !(is_secret && plan.secrets == Secrets::LeftOut)
    });
    let engine = engine.map(|object| {
        let purpose = match object.comeback {
            Comeback::Created => Purpose::Delete,
            Comeback::Settings => Purpose::Settings,
            Comeback::Never => Purpose::Record,
        };
        (object.subject.clone(), purpose)
    });
    engine.chain(dependents).collect()
}

/// Saves these, each if it is still there.
pub(super) async fn save_others(
    client: &Client,
    retry: &Retry<'_>,
    others: Vec<(Subject, Purpose)>,
    backup: &mut BackupWriter,
) -> Result<(), Failure> {
    let mut reads = stream::iter(others)
        .map(|(subject, purpose)| async move {
            let object = read(client, retry, &subject).await;
            (subject, purpose, object)
        })
        .buffered(IN_FLIGHT);
    while let Some((subject, purpose, object)) = reads.next().await {
        if let Some(object) = object? {
            backup.save(&subject, &object, purpose)?;
        }
        if backup.uncommitted() >= COMMIT {
            backup.commit(retry.now())?;
        }
    }
    backup.commit(retry.now())
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
        // Whoever goes on after a crash does not see any more what belonged to the machines that went.
        for at in 0..self.plan.objects.len() {
            let planned = &self.plan.objects[at];
            if is_generated(planned)
                && let Some(backup) = self.backup.as_deref_mut()
            {
                backup.generated(&Subject::from(&planned.workload));
            }
            // Also what the garbage collector takes along: nobody else deletes that.
            if !self.gone[at] && self.purpose(at) == Some(Purpose::Delete) {
                self.save_one(at).await?;
            }
        }
        if let Some(backup) = self.backup.as_deref_mut() {
            backup.commit(self.retry.now())?;
        }
        Ok(there)
    }

    /// Saves as they are now what was changed since it was saved. Another object of the same name is not the one that was
    /// seen; the next list decides about it. Returns those that are still there.
    pub(super) async fn saved_anew(&mut self, changed: Vec<usize>) -> Result<Vec<usize>, Failure> {
        let (client, retry) = (self.client, self.retry);
        let subjects: Vec<_> = changed
            .into_iter()
            .map(|at| (at, Subject::from(&self.plan.objects[at].workload)))
            .collect();
        let mut reads = stream::iter(subjects)
            .map(|(at, subject)| async move {
                let object = read(client, retry, &subject).await;
                (at, subject, object)
            })
            .buffered(IN_FLIGHT);
        let mut there = Vec::new();
        while let Some((at, subject, object)) = reads.next().await {
            let Some(object) = object? else {
                continue;
            };
            there.push(at);
            let purpose = self.purpose(at);
            if let Some(backup) = self.backup.as_deref_mut() {
                backup.save(&subject, &object, purpose.unwrap_or(Purpose::Record))?;
            }
        }
        if let Some(backup) = self.backup.as_deref_mut() {
            backup.commit(self.retry.now())?;
        }
        Ok(there)
    }

    fn purpose(&self, at: usize) -> Option<Purpose> {
        purpose(&self.plan.objects[at])
    }

    /// Saves it, if it is not saved yet for what becomes of it. Is it there to be saved?
    async fn save_one(&mut self, at: usize) -> Result<bool, Failure> {
        let wanted = self.purpose(at);
        let subject = Subject::from(&self.plan.objects[at].workload);
        let Some(backup) = self.backup.as_deref_mut() else {
            return Ok(true);
        };
        let held = backup.purpose(&subject.uid);
        if held.is_some() && (held == wanted || wanted != Some(Purpose::Delete)) {
            return Ok(true);
        }
        let Some(object) = read(self.client, self.retry, &subject).await? else {
            return Ok(false);
        };
        backup.save(&subject, &object, wanted.unwrap_or(Purpose::Record))?;
        Ok(true)
    }
}

/// The whole object, if it is still the one that was seen.
async fn read(
    client: &Client,
    retry: &Retry<'_>,
    subject: &Subject,
) -> Result<Option<Value>, Failure> {
    let doing = format!("read {} for the backup", subject.name);
    let api = subject.api(client);
    let found = retry
        .request(&doing, Repeat::Safe, || api.get_opt(&subject.name.name))
        .await
        .map_err(|error| failure::from_kube(&error, &doing))?;
    let uid = subject.uid.to_string();
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
