//! Putting a backup back: what others refer to first, VMs last. What exists already is left as it is and reported; every
//! checksum was verified before the first object is created, and is once more for each.
//!
//! ```text
//! namespaces ─▶ settings of the engine ─▶ kinds, in the order of `backup::order` ─▶ what restored VMs refer to
//! ```

mod entry;
mod halting;
mod identity;
mod namespaces;
mod references;
mod settings;

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DynamicObject, PostParams, TypeMeta},
    core::ApiResource,
};

use super::{
    backup::{BackupReader, Entry},
    discovery::{self, Sought},
    event::ObjectName,
    mode::Mode,
    retry::{Repeat, Retry},
    subject,
};
use crate::{
    api::name::FIELD_MANAGER,
    failure::{self, Failure, Kind, Reason},
};

pub use self::{identity::identities, references::Unstartable};

/// So many objects are created at once.
const IN_FLIGHT: usize = 16;

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub mode: Mode,
    /// VMs come back stopped, whatever they were.
    pub halted: bool,
    /// Namespaces that are gone are made again.
    pub create_namespaces: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Created, or what would be.
    pub created: Vec<ObjectName>,
    /// Was there already, and was left as it is.
    pub existing: Vec<ObjectName>,
    /// What people had set was put back on it.
    pub changed: Vec<ObjectName>,
    /// Not put back, because a controller makes it again, or because it was an order to do something once.
    pub generated: Vec<ObjectName>,
    pub failed: Vec<(ObjectName, Failure)>,
    /// VMs that are there now and cannot start.
    pub unstartable: Vec<Unstartable>,
}

/// What came of one object.
enum Outcome {
    Created,
    Existed,
    /// It is being deleted: what is there will not stay.
    Leaving,
}

/// Puts everything back that is not there. An object that cannot be created does not keep the others from it.
pub async fn restore(
    client: &Client,
    backup: &BackupReader,
    wish: Wish,
    retry: &Retry<'_>,
) -> Result<Restored, Failure> {
    for entry in backup.entries.iter().chain(&backup.settings) {
        let (resource, _) = backup.manifest(entry)?;
        entry::check(&resource, entry)?;
    }
    let mut restoration = Restoration {
        client,
        backup,
        wish,
        retry,
        restored: Restored {
            generated: backup.generated.clone(),
            ..Restored::default()
        },
    };
    let missing = restoration.namespaces().await?;
    restoration.settings().await;
    // Entries of a kind stand together; the next kind waits for them.
    let kinds = backup
        .entries
        .chunk_by(|one, next| one.resource == next.resource);
    for kind in kinds {
        restoration.kind(kind, &missing).await;
    }
    restoration.references().await;
    Ok(restoration.restored)
}

/// One restore under way.
struct Restoration<'a> {
    client: &'a Client,
    backup: &'a BackupReader,
    wish: Wish,
    retry: &'a Retry<'a>,
    restored: Restored,
}

/// Namespaces that are not there, and why nothing can be created in them.
type MissingNamespaces = BTreeMap<String, Failure>;

impl Restoration<'_> {
    async fn kind(&mut self, entries: &[Entry], missing: &MissingNamespaces) {
        let Some(first) = entries.first() else {
            return;
        };
        let step = format!("Restoring {} {}", entries.len(), first.resource);
        self.retry.observer().step(&step);
        let this = &*self;
        let mut tries = stream::iter(entries)
            .map(|entry| async move {
                match missing.get(&entry.namespace) {
                    Some(failure) => Err(failure.clone()),
                    None => this.one(entry).await,
                }
            })
            .buffered(IN_FLIGHT);
        let mut outcomes = Vec::with_capacity(entries.len());
        while let Some(outcome) = tries.next().await {
            outcomes.push(outcome);
        }
        drop(tries);
        for (entry, outcome) in entries.iter().zip(outcomes) {
            let name = entry.object_name();
            match outcome {
                Ok(Outcome::Created) => self.restored.created.push(name),
                Ok(Outcome::Existed) => self.restored.existing.push(name),
                Ok(Outcome::Leaving) => self.restored.failed.push((name, leaving("it"))),
                Err(failure) => self.restored.failed.push((name, failure)),
            }
        }
    }

    /// In the version that it was saved in, if that is still served.
    async fn one(&self, entry: &Entry) -> Result<Outcome, Failure> {
        let (resource, mut manifest) = self.backup.manifest(entry)?;
        if self.wish.halted {
            halting::halt(&resource, &mut manifest)?;
        }
        let doing = format!("create {}", entry.object_name());
        let mut object: DynamicObject = serde_json::from_value(manifest)
            .map_err(|error| entry::damaged(entry, error.to_string()))?;
        let name = entry.object_name();
        let error = match self.create(&resource, &name, &object).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        if !failure::kind_is_not_served(&error) {
            return Err(failure::from_kube(&error, &doing));
        }
        let sought = Sought::Plural(&resource.plural);
        let found = discovery::find(self.client, self.retry, &resource.group, sought).await;
        let created = match found {
            Ok(Some(served)) if served.resource.version != resource.version => {
                object.types = Some(TypeMeta {
                    api_version: served.resource.api_version.clone(),
                    kind: served.resource.kind.clone(),
                });
                self.create(&served.resource, &name, &object).await
            }
            Ok(Some(served)) => Err(discovery::hidden(&served)),
            Ok(None) => Err(error),
            Err(error) => Err(error),
        };
        created.map_err(|error| failure::from_kube(&error, &doing))
    }

    async fn create(
        &self,
        resource: &ApiResource,
        name: &ObjectName,
        object: &DynamicObject,
    ) -> kube::Result<Outcome> {
        let api = subject::api(self.client, resource, name);
        let doing = format!("create {name}");
        let dry_run = match self.wish.mode {
            Mode::Preview => {
                return match self.present(&api, name).await {
                    // A kind that is not served takes no object.
                    Err(error) if failure::kind_is_not_served(&error) => Err(error),
                    Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Outcome::Created),
                    found => found,
                };
            }
            Mode::Rehearse => true,
            Mode::Change => false,
        };
        let parameters = PostParams {
            dry_run,
            field_manager: Some(FIELD_MANAGER.to_owned()),
        };
        // Twice does no harm: the second time it exists.
        let created = self
            .retry
            .request(&doing, Repeat::Safe, || api.create(&parameters, object))
            .await;
        match created {
            Ok(_) => Ok(Outcome::Created),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                match self.present(&api, name).await {
                    // It has gone since.
                    Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Outcome::Leaving),
                    found => found,
                }
            }
            Err(error) => Err(error),
        }
    }

    /// How the object is that is there already.
    async fn present(&self, api: &Api<DynamicObject>, name: &ObjectName) -> kube::Result<Outcome> {
        let doing = format!("look at {name}");
        let found = self
            .retry
            .request(&doing, Repeat::Safe, || api.get_metadata(&name.name))
            .await?;
        Ok(match found.metadata.deletion_timestamp {
            Some(_) => Outcome::Leaving,
            None => Outcome::Existed,
        })
    }
}

/// What is being deleted is neither there to stay nor gone to be created again.
fn leaving(what: &str) -> Failure {
    let message = format!("{what} is still being deleted");
    let mut failure = Failure::new(Kind::Incomplete, Reason::AlreadyExists, message)
        .hint("restore again when what is being deleted is gone");
    failure.retryable = true;
    failure
}
