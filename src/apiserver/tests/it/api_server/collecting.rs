//! Owners and dependents.

use anyhow::ensure;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, PropagationPolicy},
};
use serde_json::{Value, json};

use super::{api, config_map, create, same, until_gone};

pub async fn suite(client: &Client) -> anyhow::Result<()> {
    let maps = api(client, "", "ConfigMap", Some("default"));
    owners_that_cannot_be_looked_for(client, &maps).await?;
    background(&maps).await?;
    foreground(&maps).await?;
    orphans(&maps).await?;
    two_owners(&maps).await?;
    no_such_owner(&maps).await
}

fn owned_by(name: &str, owners: &[&DynamicObject]) -> Value {
    let mut map = config_map(name);
    map["metadata"]["ownerReferences"] = owners
        .iter()
        .map(|owner| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name, "uid": owner.metadata.uid,
                   "blockOwnerDeletion": true})
        })
        .collect();
    map
}

fn policy(policy: PropagationPolicy) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(policy),
        ..DeleteParams::default()
    }
}

async fn background(maps: &Api<DynamicObject>) -> anyhow::Result<()> {
    let owner = create(maps, config_map("owner")).await?;
    let child = create(maps, owned_by("child", &[&owner])).await?;
    create(maps, owned_by("grandchild", &[&child])).await?;
    maps.delete("owner", &DeleteParams::default()).await?;
    until_gone(maps, "child").await?;
    until_gone(maps, "grandchild").await
}

async fn foreground(maps: &Api<DynamicObject>) -> anyhow::Result<()> {
    let owner = create(maps, config_map("owner")).await?;
    let mut child = owned_by("child", &[&owner]);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    create(maps, child).await?;
    maps.delete("owner", &policy(PropagationPolicy::Foreground))
        .await?;
    let condition = |child: Option<&DynamicObject>| {
        child.is_some_and(|child| child.metadata.deletion_timestamp.is_some())
    };
    kube::runtime::wait::await_condition(maps.clone(), "child", condition).await?;
    ensure!(
        maps.get_opt("owner").await?.is_some(),
        "the owner went before its dependent"
    );
    let release = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("child", &kube::api::PatchParams::default(), &release)
        .await?;
    until_gone(maps, "owner").await
}

async fn orphans(maps: &Api<DynamicObject>) -> anyhow::Result<()> {
    let owner = create(maps, config_map("owner")).await?;
    create(maps, owned_by("child", &[&owner])).await?;
    maps.delete("owner", &policy(PropagationPolicy::Orphan))
        .await?;
    until_gone(maps, "owner").await?;
    let child = maps.get("child").await?;
    same(&child.metadata.owner_references, &None, "an orphan")?;
    maps.delete("child", &DeleteParams::default()).await?;
    Ok(())
}

async fn two_owners(maps: &Api<DynamicObject>) -> anyhow::Result<()> {
    let first = create(maps, config_map("first")).await?;
    let second = create(maps, config_map("second")).await?;
    create(maps, owned_by("child", &[&first, &second])).await?;
    maps.delete("first", &DeleteParams::default()).await?;
    let condition = |child: Option<&DynamicObject>| {
        let owners = child.and_then(|child| child.metadata.owner_references.as_ref());
        owners.is_some_and(|owners| owners.len() == 1)
    };
    kube::runtime::wait::await_condition(maps.clone(), "child", condition).await?;
    maps.delete("second", &DeleteParams::default()).await?;
    until_gone(maps, "child").await
}

async fn no_such_owner(maps: &Api<DynamicObject>) -> anyhow::Result<()> {
    let gone = create(maps, config_map("gone")).await?;
    maps.delete("gone", &DeleteParams::default()).await?;
    create(maps, owned_by("child", &[&gone])).await?;
    until_gone(maps, "child").await
}

/// What names an owner of a kind that is not served, or one in a namespace without being in one, is left alone.
async fn owners_that_cannot_be_looked_for(
    client: &Client,
    maps: &Api<DynamicObject>,
) -> anyhow::Result<()> {
    let gone = create(maps, config_map("gone")).await?;
    maps.delete("gone", &DeleteParams::default()).await?;
    let of_gone =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": gone.metadata.uid});
    let unserved =
        json!({"apiVersion": "no.such/v1", "kind": "Thing", "name": "x", "uid": "8c4f0d4e"});
    let mut stays = config_map("stays");
    stays["metadata"]["ownerReferences"] = json!([of_gone, unserved]);
    create(maps, stays).await?;
    let roles = api(client, "rbac.authorization.k8s.io", "ClusterRole", None);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "stays", "ownerReferences": [of_gone]},
    });
    create(&roles, role).await?;
    // The collector has been there when it has taken one that came later.
    create(maps, owned_by("goes", &[&gone])).await?;
    until_gone(maps, "goes").await?;
    for (api, name) in [(maps, "stays"), (&roles, "stays")] {
        ensure!(api.get_opt(name).await?.is_some(), "{name} was collected");
        api.delete(name, &DeleteParams::default()).await?;
    }
    Ok(())
}
