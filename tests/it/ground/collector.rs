//! The garbage collector and the namespace controller of a control plane that has no kube-controller-manager: what is
//! owned goes after its owners, and what is in a namespace before it. As slow as it likes; only for stories.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Preconditions},
    core::{ApiResource, DynamicObject, ObjectMeta, PartialObjectMeta, gvk::GroupVersionKind},
    discovery::{ApiCapabilities, Discovery, Scope, verbs},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Between two looks at everything.
const BEAT: Duration = Duration::from_millis(200);

type Found = PartialObjectMeta<DynamicObject>;

/// Collects until it is told to stop. What fails is tried again: the API server is only coming up, or going.
pub async fn run(client: Client, stop: CancellationToken) {
    let work = async {
        loop {
            if let Err(error) = round(&client).await {
                tracing::debug!(%error, "a round of the collector failed");
            }
            tokio::time::sleep(BEAT).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn round(client: &Client) -> kube::Result<()> {
    let discovery = Discovery::new(client.clone())
        .exclude(&["metrics.k8s.io"])
        .run()
        .await?;
    let mut kinds = Vec::new();
    let mut objects = Vec::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            if [verbs::LIST, verbs::DELETE]
                .iter()
                .all(|verb| capabilities.supports_operation(verb))
            {
                let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
                let list = api.list_metadata(&ListParams::default()).await?;
                objects.extend(list.items.into_iter().map(|found| (kinds.len(), found)));
                kinds.push((resource, capabilities));
            }
        }
    }
    let alive: BTreeSet<&str> = objects
        .iter()
        .filter_map(|(_, found)| found.metadata.uid.as_deref())
        .collect();
    for (kind, found) in &objects {
        let lonely = is_lonely(&found.metadata, &alive);
        // It may have come between two lists.
        if lonely && owners_are_gone(client, found, &kinds).await? {
            delete(client, &kinds[*kind], found).await?;
        }
    }
    for (kind, found) in &objects {
        if kinds[*kind].0.kind == "Namespace" && found.metadata.deletion_timestamp.is_some() {
            empty(client, &found.name_any(), &kinds, &objects).await?;
        }
    }
    Ok(())
}

/// Is every owner of it gone, as far as can be seen?
fn is_lonely(metadata: &ObjectMeta, alive: &BTreeSet<&str>) -> bool {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    metadata.deletion_timestamp.is_none()
        && !owners.is_empty()
        && owners
            .iter()
            .all(|owner| !alive.contains(owner.uid.as_str()))
}

async fn owners_are_gone(
    client: &Client,
    found: &Found,
    kinds: &[(ApiResource, ApiCapabilities)],
) -> kube::Result<bool> {
    for owner in found.metadata.owner_references.iter().flatten() {
        let kind = kinds.iter().find(|(resource, _)| {
            resource.kind == owner.kind
                && GroupVersionKind::try_from(resource_types(&owner.api_version, &owner.kind))
                    .is_ok_and(|kind| kind.group == resource.group)
        });
        let Some((resource, capabilities)) = kind else {
            continue;
        };
        let api = api(client, resource, capabilities, found.namespace().as_deref());
        let there = api.get_metadata_opt(&owner.name).await?;
        if there.is_some_and(|there| there.metadata.uid.as_ref() == Some(&owner.uid)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn resource_types(api_version: &str, kind: &str) -> kube::core::TypeMeta {
    kube::core::TypeMeta {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
    }
}

fn api(
    client: &Client,
    resource: &ApiResource,
    capabilities: &ApiCapabilities,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    match (&capabilities.scope, namespace) {
        (Scope::Namespaced, Some(namespace)) => {
            Api::namespaced_with(client.clone(), namespace, resource)
        }
        (Scope::Cluster | Scope::Namespaced, _) => Api::all_with(client.clone(), resource),
    }
}

async fn delete(
    client: &Client,
    (resource, capabilities): &(ApiResource, ApiCapabilities),
    found: &Found,
) -> kube::Result<()> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: found.metadata.uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::background()
    };
    let api = api(client, resource, capabilities, found.namespace().as_deref());
    match api.delete(&found.name_any(), &parameters).await {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        ended => ended.map(drop),
    }
}

/// Deletes what is in a namespace that is going, and lets it go when nothing is.
async fn empty(
    client: &Client,
    name: &str,
    kinds: &[(ApiResource, ApiCapabilities)],
    objects: &[(usize, Found)],
) -> kube::Result<()> {
    let inside = objects
        .iter()
        .filter(|(_, found)| found.metadata.namespace.as_deref() == Some(name));
    let mut is_empty = true;
    for (kind, found) in inside {
        is_empty = false;
        if found.metadata.deletion_timestamp.is_none() {
            delete(client, &kinds[*kind], found).await?;
        }
    }
    if is_empty {
        let api: Api<Namespace> = Api::all(client.clone());
        let Some(mut namespace) = api.get_opt(name).await? else {
            return Ok(());
        };
        namespace.spec.get_or_insert_default().finalizers = None;
        let request = http::Request::put(format!("/api/v1/namespaces/{name}/finalize"))
            .header("Content-Type", "application/json")
            .body(json!(namespace).to_string().into_bytes())
            .map_err(kube::Error::HttpError)?;
        client.request::<serde_json::Value>(request).await?;
    }
    Ok(())
}
