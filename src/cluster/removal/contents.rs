//! What DataVolumes hold, where they may go without anybody having deleted them: with CDI, if a controller that is not ours
//! removes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{StreamExt as _, stream};
use kube::{
    Api, Client,
    core::{DynamicObject, PartialObjectMeta},
};

use super::{IN_FLIGHT, release};
use crate::{
    api::dependent::CLAIM,
    cluster::{
        inventory::{Dependent, Uid, dependents},
        retry::{Repeat, Retry},
        subject::Subject,
    },
    failure::{self, Failure},
};

/// Namespace and name.
pub type At = (Arc<str>, Box<str>);

/// Releases the claims and VolumeSnapshots of these DataVolumes from them, and says which those are. They stay where the
/// DataVolumes do not.
pub async fn release_contents(
    client: &Client,
    retry: &Retry<'_>,
    disks: &BTreeMap<Uid, At>,
) -> Result<Vec<Dependent>, Failure> {
    let namespaces = disks.values().map(|(namespace, _)| namespace.clone());
    let mut contents = dependents::list_data(client, retry, &namespaces.collect()).await?;
    contents.retain(|content| content.owners.iter().any(|owner| disks.contains_key(owner)));
    let is_disk = &|owner: &Uid| disks.contains_key(owner);
    let mut releases = stream::iter(&contents)
        .map(|content| async move {
            release::take_owners_off(client, retry, &Subject::from(content), is_disk).await
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some(released) = releases.next().await {
        released?;
    }
    drop(releases);
    let owners: BTreeSet<&Uid> = contents.iter().flat_map(|one| &*one.owners).collect();
    let bare = disks.iter().filter(|(uid, _)| !owners.contains(uid));
    let mut claims = stream::iter(bare)
        .map(|(uid, place)| claim_of(client, retry, uid, place))
        .buffer_unordered(IN_FLIGHT);
    let mut released_before = Vec::new();
    while let Some(claim) = claims.next().await {
        released_before.extend(claim?);
    }
    drop(claims);
    contents.extend(released_before);
    Ok(contents)
}

/// The claim of a DataVolume that does not own it, because an earlier run has released it: it has the same name.
async fn claim_of(
    client: &Client,
    retry: &Retry<'_>,
    disk: &Uid,
    (namespace, name): &At,
) -> Result<Option<Dependent>, Failure> {
    let claim = &CLAIM;
    let doing = format!("look for {} {namespace}/{name}", claim.qualified());
    let api = Api::namespaced_with(client.clone(), namespace, &claim.resource());
    let found = retry
        .request(&doing, Repeat::Safe, || api.get_metadata_opt(name))
        .await
        .map_err(|error| failure::from_kube(&error, &doing))?;
    let uid = found.and_then(|found: PartialObjectMeta<DynamicObject>| found.metadata.uid);
    Ok(uid.map(|uid| Dependent {
        kind: claim,
        namespace: namespace.clone(),
        name: name.clone(),
        uid: Uid::from(uid.as_str()),
        owners: Box::new([disk.clone()]),
        controller: None,
    }))
}

/// Those of them that are there and are not being deleted.
pub async fn still_there(
    client: &Client,
    retry: &Retry<'_>,
    objects: &[Dependent],
) -> Result<Vec<Dependent>, Failure> {
    let mut looks = stream::iter(objects)
        .map(|object| async move {
            let subject = Subject::from(object);
            let (api, name) = (subject.api(client), &subject.name.name);
            let doing = format!("look for {}", subject.name);
            let found = retry
                .request(&doing, Repeat::Safe, || api.get_metadata_opt(name))
                .await
                .map_err(|error| failure::from_kube(&error, &doing))?;
            let uid = Some(object.uid.to_string());
            let stays = found.is_some_and(|found| {
                found.metadata.uid == uid && found.metadata.deletion_timestamp.is_none()
            });
            Ok::<_, Failure>(stays.then(|| object.clone()))
        })
        .buffer_unordered(IN_FLIGHT);
    let mut there = Vec::new();
    while let Some(looked) = looks.next().await {
        there.extend(looked?);
    }
    Ok(there)
}
