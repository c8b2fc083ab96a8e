//! The engine's release files in the cluster: applied in order, kept as they are given, rid of what an earlier set held,
//! and removed in reverse.
//!
//! What comes from them carries a label that names the set of files, so that whoever holds the next set finds what it no
//! longer holds. Objects that were there before without our mark are used, and stay somebody else's.

mod found;
mod operated;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, Client,
    api::Patch,
    core::{DynamicObject, ObjectMeta},
};

use super::{
    event,
    manifest::{Disks, EngineManifests},
    observed::Leftover,
    ownership,
    request::{Doing, applying, exactly},
};
use crate::{
    api::name,
    failure::{Failure, Kind, Reason},
};
use found::{DEFAULT, Found, Key, Kinds, find, outdated, removal};
use operated::leave_to_operators;

/// Something that was not as it had been applied, and is so again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mended {
    /// For people.
    pub what: String,
    pub object: ObjectReference,
    /// Who had changed it, if that is known.
    pub by: Option<String>,
}

/// What of ours is there that a disable removes.
pub(super) async fn left(
    client: &Client,
    manifests: &EngineManifests,
    disks: Disks,
) -> Result<Vec<Leftover>, Failure> {
    let found = find(client, manifests).await?;
    let left = removal(&found, manifests, disks).into_iter();
    Ok(left
        .map(|found| Leftover {
            what: found.key.describe(),
            leaving: found.leaving.clone(),
        })
        .collect())
}

/// Removes it, in order.
pub(super) async fn remove(
    client: &Client,
    manifests: Option<&EngineManifests>,
    disks: Disks,
) -> Result<(), Failure> {
    let Some(manifests) = manifests else {
        return Ok(());
    };
    let found = find(client, manifests).await?;
    for found in removal(&found, manifests, disks) {
        delete(client, found).await?;
    }
    Ok(())
}

/// Brings the cluster to what the files say. Returns what was not as an earlier apply had left it.
pub(super) async fn apply(
    client: &Client,
    manifests: Option<&EngineManifests>,
) -> Result<Vec<Mended>, Failure> {
    let Some(manifests) = manifests else {
        return Ok(Vec::new());
    };
    let set = manifests.digest();
    let mut kinds = Kinds::default();
    let mut mended = Vec::new();
    for object in manifests.objects() {
        mended.extend(apply_one(client, &mut kinds, object, manifests, &set).await?);
    }
    let found = find(client, manifests).await?;
    for found in outdated(&found, manifests, &set) {
        tracing::info!(
            object = found.key.describe(),
            "the release no longer holds it"
        );
        delete(client, found).await?;
    }
    Ok(mended)
}

async fn apply_one(
    client: &Client,
    kinds: &mut Kinds,
    object: &DynamicObject,
    manifests: &EngineManifests,
    set: &str,
) -> Result<Option<Mended>, Failure> {
    let key = Key::of(object);
    let doing = format!("apply {} of the engine manifests", key.describe());
    let Some(served) = kinds.find(client, object).await? else {
        return Err(Failure::new(
            Kind::NotInstalled,
            Reason::NotServed,
            format!("could not {doing}"),
        )
        .caused_by("its kind is not served yet"));
    };
    let namespace = object.metadata.namespace.as_deref().unwrap_or(DEFAULT);
    let resource = served.resource;
    let api: Api<DynamicObject> = if served.namespaced {
        Api::namespaced_with(client.clone(), namespace, &resource)
    } else {
        Api::all_with(client.clone(), &resource)
    };
    let found = api.get_metadata_opt(&key.name).await.doing(&doing)?;
    let before = found.as_ref().map(|found| &found.metadata);
    let mut object = object.clone();
    // What was decided too long ago is refused where somebody else has written since.
    object.metadata.resource_version = before.and_then(|before| before.resource_version.clone());
    // Somebody else's namespace, for example, is used, and not removed with the rest.
    if before.is_none_or(|before| ownership::is_ours(before.labels.as_ref())) {
        let labels = object.metadata.labels.get_or_insert_default();
        labels.insert(name::MANAGED_BY.to_owned(), name::MANAGER.to_owned());
        labels.insert(name::ENGINE_MANIFESTS.to_owned(), set.to_owned());
    }
    let mut wanted = serde_json::to_value(&object).expect("a manifest is plain data");
    if let Some(before) = before.filter(|before| is_of(before, set)) {
        leave_to_operators(&mut wanted, before, |manager| {
            manifests.is_operator(manager)
        });
    }
    let applied = api
        .patch(&key.name, &applying(), &Patch::Apply(&wanted))
        .await
        .doing(&doing)?;
    let same =
        before.is_some_and(|before| before.resource_version == applied.metadata.resource_version);
    Ok((!same).then(|| Mended {
        what: key.describe(),
        object: ObjectReference {
            namespace: key.namespace,
            ..event::refer(&resource, Some(&key.name))
        },
        by: before.and_then(last_writer),
    }))
}

/// Was it applied from this very set? What another one left is replaced as a whole.
fn is_of(before: &ObjectMeta, set: &str) -> bool {
    let labels = before.labels.as_ref();
    let applied = labels.and_then(|labels| labels.get(name::ENGINE_MANIFESTS));
    applied.is_some_and(|applied| applied == set)
}

fn last_writer(metadata: &ObjectMeta) -> Option<String> {
    ["spec", "rules", "metadata"]
        .iter()
        .find_map(|field| ownership::changed_by(metadata, field))
}

async fn delete(client: &Client, found: &Found) -> Result<(), Failure> {
    let leaving = &found.leaving;
    if leaving.deleting_since.is_some() {
        return Ok(());
    }
    let api: Api<DynamicObject> = match &found.key.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &leaving.resource),
        None => Api::all_with(client.clone(), &leaving.resource),
    };
    let deleted = api
        .delete(&found.key.name, &exactly(&leaving.uid, None))
        .await;
    deleted.or_gone(&format!("delete {}", found.key.describe()))
}
