//! Putting a backup back: storage first, then machines. What exists already is left as it is and reported; every
//! checksum was verified before the first object is created, and is once more for each.

use futures::{StreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use serde_json::Value;

use super::{
    backup::{BackupReader, Entry},
    event::{Event, ObjectName},
    retry::{Repeat, Retry},
    segment,
};
use crate::{
    api::{WorkloadKind, name::FIELD_MANAGER},
    failure::{self, Failure, Kind, Reason},
};

/// So many objects are created at once.
const IN_FLIGHT: usize = 16;

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Create,
    /// The API server does everything but store it.
    AskServer,
    /// Nothing is sent but reads.
    OnlyLook,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Created, or what would be.
    pub created: Vec<ObjectName>,
    /// Was there already, and was left as it is.
    pub existing: Vec<ObjectName>,
    /// Not put back, because a controller makes it again.
    pub generated: Vec<ObjectName>,
    pub failed: Vec<(ObjectName, Failure)>,
}

/// What came of one object.
enum Outcome {
    Created,
    Existed,
}

/// Puts everything back that is not there. An object that cannot be created does not keep the others from it.
pub async fn restore(
    client: &Client,
    backup: &BackupReader,
    manner: Manner,
    retry: &Retry<'_>,
) -> Result<Restored, Failure> {
    for entry in &backup.entries {
        let (kind, manifest) = backup.manifest(entry)?;
        api(client, kind, &manifest, entry)?;
    }
    let mut restored = Restored {
        generated: backup.generated.iter().map(name).collect(),
        ..Restored::default()
    };
    // Entries of a kind stand together; the next kind waits for them.
    for kind in backup
        .entries
        .chunk_by(|one, next| one.resource == next.resource)
    {
        if let Some(first) = kind.first() {
            let step = format!("Restoring {} {}", kind.len(), first.resource);
            retry.observer().event(&Event::Step(step));
        }
        let mut tries = stream::iter(kind)
            .map(|entry| async move { (entry, one(client, backup, entry, manner, retry).await) })
            .buffered(IN_FLIGHT);
        while let Some((entry, tried)) = tries.next().await {
            match tried {
                Ok(Outcome::Created) => restored.created.push(name(entry)),
                Ok(Outcome::Existed) => restored.existing.push(name(entry)),
                Err(failure) => restored.failed.push((name(entry), failure)),
            }
        }
    }
    Ok(restored)
}

async fn one(
    client: &Client,
    backup: &BackupReader,
    entry: &Entry,
    manner: Manner,
    retry: &Retry<'_>,
) -> Result<Outcome, Failure> {
    let (kind, manifest) = backup.manifest(entry)?;
    let api = api(client, kind, &manifest, entry)?;
    let doing = format!("create {}", name(entry));
    if manner == Manner::OnlyLook {
        let found = retry
            .request(&doing, Repeat::Safe, || api.get_metadata_opt(&entry.name))
            .await
            .map_err(|error| failure::from_kube(&error, &doing))?;
        return Ok(found.map_or(Outcome::Created, |_| Outcome::Existed));
    }
    let object: DynamicObject =
        serde_json::from_value(manifest).map_err(|error| damaged(entry, error.to_string()))?;
    let parameters = PostParams {
        dry_run: manner == Manner::AskServer,
        field_manager: Some(FIELD_MANAGER.to_owned()),
    };
    // Twice does no harm: the second time it exists.
    let created = retry
        .request(&doing, Repeat::Safe, || api.create(&parameters, &object))
        .await;
    match created {
        Ok(_) => Ok(Outcome::Created),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(Outcome::Existed),
        Err(error) => Err(failure::from_kube(&error, &doing)),
    }
}

/// In the version in which it was saved. What the files say becomes the path of a URL.
fn api(
    client: &Client,
    kind: &WorkloadKind,
    manifest: &Value,
    entry: &Entry,
) -> Result<Api<DynamicObject>, Failure> {
    let version = manifest["apiVersion"]
        .as_str()
        .and_then(|version| version.strip_prefix(kind.group)?.strip_prefix('/'))
        .unwrap_or(kind.version);
    for part in [version, &entry.namespace, &entry.name] {
        if let Some(fault) = segment::fault(part) {
            return Err(damaged(
                entry,
                format!("{part:?} cannot be part of a URL: {fault}"),
            ));
        }
    }
    let resource = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.group, version, kind.kind),
        kind.plural,
    );
    Ok(Api::namespaced_with(
        client.clone(),
        &entry.namespace,
        &resource,
    ))
}

fn damaged(entry: &Entry, why: String) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::BackupDamaged,
        format!("could not use {} of the backup", entry.file),
    )
    .caused_by(why)
}

fn name(entry: &Entry) -> ObjectName {
    ObjectName {
        resource: entry.resource.clone(),
        namespace: Some(entry.namespace.clone()),
        name: entry.name.clone(),
    }
}
