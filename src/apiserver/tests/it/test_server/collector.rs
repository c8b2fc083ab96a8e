//! What kube-controller-manager does for every cluster, where there is none: the garbage collector (what is owned goes
//! after its owners, or before them, or stays), the namespace controller, and the aggregation of roles. As slow as it
//! likes; only for tests.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::{
        core::v1::Namespace,
        rbac::v1::{ClusterRole, PolicyRule},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions},
    core::{ApiResource, DynamicObject, PartialObjectMeta, Selector, SelectorExt as _},
    discovery::{ApiCapabilities, Discovery, Scope, verbs},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Between two looks at everything.
const BEAT: Duration = Duration::from_millis(300);
/// Its dependents go first.
const FOREGROUND: &str = "foregroundDeletion";
/// Its dependents stay.
const ORPHAN: &str = "orphan";

/// Collects until it is told to stop. What fails is tried again: the API server is only coming up, or going.
pub async fn run(client: Client, stop: CancellationToken) {
    let work = async {
        loop {
            for ended in [round(&client).await, aggregate(&client).await] {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a round of the collector failed");
                }
            }
            tokio::time::sleep(BEAT).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// A kind that can be listed and deleted.
struct Kind {
    resource: ApiResource,
    capabilities: ApiCapabilities,
}

impl Kind {
    fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match (&self.capabilities.scope, namespace) {
            (Scope::Namespaced, Some(namespace)) => {
                Api::namespaced_with(client.clone(), namespace, &self.resource)
            }
            (Scope::Cluster | Scope::Namespaced, _) => {
                Api::all_with(client.clone(), &self.resource)
            }
        }
    }
}

struct Found<'a> {
    kind: &'a Kind,
    object: PartialObjectMeta<DynamicObject>,
}

impl Found<'_> {
    fn api(&self, client: &Client) -> Api<DynamicObject> {
        self.kind.api(client, self.object.namespace().as_deref())
    }

    fn deleting(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    /// Of this very version of it.
    async fn patch(&self, client: &Client, metadata: Value) -> kube::Result<()> {
        let mut patch = json!({"metadata": metadata});
        patch["metadata"]["uid"] = json!(self.object.metadata.uid);
        patch["metadata"]["resourceVersion"] = json!(self.object.metadata.resource_version);
        let (api, by) = (self.api(client), PatchParams::default());
        let name = self.object.name_any();
        unless_overtaken(api.patch(&name, &by, &Patch::Merge(&patch)).await.map(drop))
    }

    async fn delete(&self, client: &Client) -> kube::Result<()> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: self.object.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        let name = self.object.name_any();
        unless_overtaken(self.api(client).delete(&name, &parameters).await.map(drop))
    }
}

/// Somebody else was quicker: the next round looks at what is left to do.
fn unless_overtaken(ended: kube::Result<()>) -> kube::Result<()> {
    match ended {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        ended => ended,
    }
}

async fn round(client: &Client) -> kube::Result<()> {
    let discovery = Discovery::new(client.clone()).run().await?;
    let mut kinds = Vec::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let can = |verb| capabilities.supports_operation(verb);
            // Nobody waits for the end of news.
            if can(verbs::LIST) && can(verbs::DELETE) && resource.kind != "Event" {
                kinds.push(Kind {
                    resource,
                    capabilities,
                });
            }
        }
    }
    let mut all = Vec::new();
    for kind in &kinds {
        match kind
            .api(client, None)
            .list_metadata(&ListParams::default())
            .await
        {
            Ok(list) => all.extend(list.items.into_iter().map(|object| Found { kind, object })),
            // Its definition is going.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 405 => {}
            Err(error) => return Err(error),
        }
    }
    for found in &all {
        disown(client, found, &all, &kinds).await?;
        if found.deleting() {
            let waits = found.object.finalizers();
            if waits.iter().any(|waits| waits == ORPHAN) {
                orphan(client, found, &all).await?;
            } else if waits.iter().any(|waits| waits == FOREGROUND) {
                foreground(client, found, &all).await?;
            }
            if found.kind.resource.kind == "Namespace" {
                empty(client, &found.object.name_any(), &all).await?;
            }
        }
    }
    Ok(())
}

/// What has only owners that are gone goes too; what has others forgets those.
async fn disown(
    client: &Client,
    found: &Found<'_>,
    all: &[Found<'_>],
    kinds: &[Kind],
) -> kube::Result<()> {
    let owners = found.object.owner_references();
    let mut left: Vec<&OwnerReference> = Vec::new();
    for owner in owners {
        let listed = all
            .iter()
            .any(|other| other.object.metadata.uid.as_ref() == Some(&owner.uid));
        // It may have come between two lists.
        let place = found.object.namespace();
        if listed || is_there(client, owner, place.as_deref(), kinds).await? {
            left.push(owner);
        }
    }
    if left.len() == owners.len() || found.deleting() {
        return Ok(());
    }
    if left.is_empty() {
        return found.delete(client).await;
    }
    found.patch(client, json!({"ownerReferences": left})).await
}

async fn is_there(
    client: &Client,
    owner: &OwnerReference,
    namespace: Option<&str>,
    kinds: &[Kind],
) -> kube::Result<bool> {
    let group = owner
        .api_version
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let kind = kinds
        .iter()
        .find(|kind| kind.resource.kind == owner.kind && kind.resource.group == group);
    let Some(kind) = kind else {
        return Ok(false);
    };
    let there = kind
        .api(client, namespace)
        .get_metadata_opt(&owner.name)
        .await?;
    Ok(there.is_some_and(|there| there.metadata.uid.as_ref() == Some(&owner.uid)))
}

fn dependents<'a>(
    owner: &'a Found<'_>,
    all: &'a [Found<'a>],
) -> impl Iterator<Item = (&'a Found<'a>, &'a OwnerReference)> {
    all.iter().filter_map(|found| {
        let references = found.object.owner_references();
        let reference = references
            .iter()
            .find(|reference| Some(&reference.uid) == owner.object.metadata.uid.as_ref())?;
        Some((found, reference))
    })
}

async fn foreground(client: &Client, owner: &Found<'_>, all: &[Found<'_>]) -> kube::Result<()> {
    let mut blocked = false;
    for (dependent, reference) in dependents(owner, all) {
        blocked |= reference.block_owner_deletion == Some(true);
        if !dependent.deleting() {
            dependent.delete(client).await?;
        }
    }
    if blocked {
        return Ok(());
    }
    release(client, owner, FOREGROUND).await
}

async fn orphan(client: &Client, owner: &Found<'_>, all: &[Found<'_>]) -> kube::Result<()> {
    for (dependent, reference) in dependents(owner, all) {
        let others: Vec<&OwnerReference> = dependent
            .object
            .owner_references()
            .iter()
            .filter(|other| other.uid != reference.uid)
            .collect();
        let others = if others.is_empty() {
            Value::Null
        } else {
            json!(others)
        };
        dependent
            .patch(client, json!({"ownerReferences": others}))
            .await?;
    }
    release(client, owner, ORPHAN).await
}

async fn release(client: &Client, found: &Found<'_>, finalizer: &str) -> kube::Result<()> {
    let rest: Vec<&String> = found
        .object
        .finalizers()
        .iter()
        .filter(|other| *other != finalizer)
        .collect();
    found.patch(client, json!({"finalizers": rest})).await
}

/// Deletes what is in a namespace that is going, and lets it go when nothing is.
async fn empty(client: &Client, name: &str, all: &[Found<'_>]) -> kube::Result<()> {
    let inside: Vec<&Found<'_>> = all
        .iter()
        .filter(|found| found.object.metadata.namespace.as_deref() == Some(name))
        .collect();
    // Pods go first: what they use stays until they are gone.
    let is_pod = |found: &&Found<'_>| found.kind.resource.kind == "Pod";
    let only_pods = inside.iter().any(is_pod);
    let is_empty = inside.is_empty();
    let mut held = BTreeMap::<&String, usize>::new();
    for found in inside {
        for finalizer in found.object.finalizers() {
            *held.entry(finalizer).or_default() += 1;
        }
        if !found.deleting() && (is_pod(&found) || !only_pods) {
            found.delete(client).await?;
        }
    }
    let api: Api<Namespace> = Api::all(client.clone());
    if !held.is_empty() {
        return explain(&api, name, &held).await;
    }
    let Some(mut namespace) = api.get_opt(name).await?.filter(|_| is_empty) else {
        return Ok(());
    };
    // Its own; what others wait for is theirs.
    let finalizers = &mut namespace.spec.get_or_insert_default().finalizers;
    let finalizers = finalizers.get_or_insert_default();
    let waiting = finalizers.len();
    finalizers.retain(|finalizer| finalizer != "kubernetes");
    if finalizers.len() == waiting {
        return Ok(());
    }
    let request = http::Request::put(format!("/api/v1/namespaces/{name}/finalize"))
        .header("Content-Type", "application/json")
        .body(json!(namespace).to_string().into_bytes())
        .map_err(kube::Error::HttpError)?;
    unless_overtaken(client.request::<Value>(request).await.map(drop))
}

/// Says what the namespace waits for, in the words of the namespace controller.
async fn explain(
    api: &Api<Namespace>,
    name: &str,
    held: &BTreeMap<&String, usize>,
) -> kube::Result<()> {
    let held = held
        .iter()
        .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
    let held = held.collect::<Vec<_>>().join(", ");
    let condition = json!({
        "type": "NamespaceFinalizersRemaining", "status": "True", "reason": "SomeFinalizersRemain",
        "message": format!("Some content in the namespace has finalizers remaining: {held}"),
    });
    let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
    let patched = api
        .patch_status(name, &PatchParams::default(), &patch)
        .await;
    unless_overtaken(patched.map(drop))
}

/// Roles that are made of others, `admin`, `edit` and `view` among them: empty until somebody gathers their rules.
async fn aggregate(client: &Client) -> kube::Result<()> {
    let api: Api<ClusterRole> = Api::all(client.clone());
    let roles: BTreeMap<String, ClusterRole> = api
        .list(&ListParams::default())
        .await?
        .into_iter()
        .map(|role| (role.name_any(), role))
        .collect();
    for (name, role) in &roles {
        let Some(aggregation) = &role.aggregation_rule else {
            continue;
        };
        let selectors: Vec<Selector> = aggregation
            .cluster_role_selectors
            .iter()
            .flatten()
            .filter_map(|selector: &LabelSelector| selector.clone().try_into().ok())
            .collect();
        let mut rules: Vec<&PolicyRule> = Vec::new();
        let gathered = roles
            .values()
            .filter(|other| other.name_any() != *name)
            .filter(|other| {
                selectors
                    .iter()
                    .any(|selector| selector.matches(other.labels()))
            });
        for rule in gathered.flat_map(|other| other.rules.iter().flatten()) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        if json!(rules) != json!(role.rules.clone().unwrap_or_default()) {
            let patch = Patch::Merge(json!({
                "metadata": {"resourceVersion": role.metadata.resource_version}, "rules": rules,
            }));
            let patched = api.patch(name, &PatchParams::default(), &patch).await;
            unless_overtaken(patched.map(drop))?;
        }
    }
    Ok(())
}
