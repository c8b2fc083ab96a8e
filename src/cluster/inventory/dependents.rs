//! Looking for what VMs and disks own, in their namespaces. Only metadata are read.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{Client, Resource as _, core::DynamicObject};
use serde::Deserialize;

use super::{Dependent, Uid};
use crate::{
    api::dependent::{DEPENDENT_KINDS, DependentKind, DependentRole},
    cluster::{
        list::{Fields, Pages},
        retry::Retry,
    },
    failure::{self, Failure},
};

/// So many lists are read at once.
const IN_FLIGHT: usize = 8;

/// Everything in these namespaces that has an owner. What cannot be determined is a failure, never a nothing.
pub async fn list(
    client: &Client,
    retry: &Retry<'_>,
    namespaces: &BTreeSet<Arc<str>>,
) -> Result<Vec<Dependent>, Failure> {
    list_of(client, retry, namespaces, |_| true).await
}

/// The same of claims and VolumeSnapshots alone.
pub async fn list_data(
    client: &Client,
    retry: &Retry<'_>,
    namespaces: &BTreeSet<Arc<str>>,
) -> Result<Vec<Dependent>, Failure> {
    list_of(client, retry, namespaces, DependentRole::holds_data).await
}

async fn list_of(
    client: &Client,
    retry: &Retry<'_>,
    namespaces: &BTreeSet<Arc<str>>,
    wanted: impl Fn(DependentRole) -> bool,
) -> Result<Vec<Dependent>, Failure> {
    stream::iter(DEPENDENT_KINDS.iter().filter(|kind| wanted(kind.role)))
        .map(|kind| of_kind(client, retry, kind, namespaces))
        .buffer_unordered(IN_FLIGHT)
        .try_concat()
        .await
}

async fn of_kind(
    client: &Client,
    retry: &Retry<'_>,
    kind: &'static DependentKind,
    namespaces: &BTreeSet<Arc<str>>,
) -> Result<Vec<Dependent>, Failure> {
    let mut all = Vec::new();
    for namespace in namespaces {
        match in_namespace(client, retry, kind, namespace).await? {
            Some(found) => all.extend(found),
            // Nor anywhere else.
            None => break,
        }
    }
    Ok(all)
}

/// `None`: the cluster does not serve the kind.
async fn in_namespace(
    client: &Client,
    retry: &Retry<'_>,
    kind: &'static DependentKind,
    namespace: &Arc<str>,
) -> Result<Option<Vec<Dependent>>, Failure> {
    let doing = format!("list {} in namespace {namespace}", kind.qualified());
    let path = DynamicObject::url_path(&kind.resource(), Some(namespace));
    let pages = Pages::new(client, retry, &doing, &path, Fields::Metadata, Item::uid);
    let owned = pages.collect(|item| item.metadata.dependent(kind, namespace));
    match owned.await {
        Err(error) if failure::kind_is_not_served(&error) => Ok(None),
        owned => owned
            .map(Some)
            .map_err(|error| failure::from_kube(&error, &doing)),
    }
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
}

impl Item {
    fn uid(&self) -> &str {
        &self.metadata.uid
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Box<str>,
    uid: String,
    #[serde(default)]
    owner_references: Option<Vec<Owner>>,
}

#[derive(Deserialize)]
struct Owner {
    uid: String,
    #[serde(default)]
    controller: Option<bool>,
}

impl Metadata {
    fn dependent(self, kind: &'static DependentKind, namespace: &Arc<str>) -> Option<Dependent> {
        let owners = self.owner_references.unwrap_or_default();
        (!owners.is_empty()).then(|| Dependent {
            kind,
            namespace: namespace.clone(),
            name: self.name,
            uid: Uid::from(self.uid.as_str()),
            controller: owners
                .iter()
                .find(|owner| owner.controller == Some(true))
                .map(|owner| Uid::from(owner.uid.as_str())),
            owners: owners
                .iter()
                .map(|owner| Uid::from(owner.uid.as_str()))
                .collect(),
        })
    }
}
