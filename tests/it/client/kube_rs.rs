//! kube, the library that Rust programs use: list, watch, patch, apply, wait, as somebody else's program would.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Secret};
use kube::{
    Api, Client, Config, ResourceExt as _,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
    runtime::{WatchStreamExt as _, reflector, wait::await_condition, watcher},
};
use libtest_mimic::Failed;
use serde_json::json;

use crate::test_cluster::{TestCluster, runtime};

const DEADLINE: Duration = Duration::from_secs(60);

pub fn flow() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let kubeconfig = std::fs::read_to_string(test_cluster.kubeconfig())?;
    let told = runtime().block_on(async { tokio::time::timeout(DEADLINE, act(&kubeconfig)).await });
    Ok(told
        .map_err(|_| format!("not done after {DEADLINE:?}"))?
        .map_err(|error| format!("{error:#}"))?)
}

async fn connect(kubeconfig: &str, context: &str) -> anyhow::Result<Client> {
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    Ok(Client::try_from(
        Config::from_custom_kubeconfig(kubeconfig, &options).await?,
    )?)
}

async fn act(kubeconfig: &str) -> anyhow::Result<()> {
    let client = connect(kubeconfig, "sandbox").await?;
    let nodes: Api<Node> = Api::all(client.clone());
    let names: Vec<String> = nodes
        .list(&ListParams::default())
        .await?
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    ensure!(names == ["worker-0"], "{names:?}");

    for streams in [false, true] {
        follow(&client, streams)
            .await
            .with_context(|| format!("streaming lists: {streams}"))?;
    }
    apply(&client).await.context("apply")?;
    pages(&client).await.context("pages")?;

    // Custom resources, and waiting for one.
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "vm.cluster.gke.io",
        "v1",
        "VMRuntime",
    ));
    let runtimes: Api<DynamicObject> = Api::all_with(client, &resource);
    let enable = Patch::Merge(json!({"spec": {"enabled": true}}));
    let patched = runtimes
        .patch("vmruntime", &PatchParams::default(), &enable)
        .await?;
    ensure!(patched.data["spec"]["enabled"] == true, "{patched:?}");
    let ready = |runtime: Option<&DynamicObject>| {
        runtime.is_some_and(|runtime| runtime.data["status"]["ready"] == true)
    };
    await_condition(runtimes, "vmruntime", ready).await?;

    let limited: Api<Secret> = Api::default_namespaced(connect(kubeconfig, "limited").await?);
    match limited.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) => ensure!(status.code == 403, "{status:?}"),
        other => anyhow::bail!("not refused: {other:?}"),
    }
    Ok(())
}

/// A cache that is kept by watching has what was written, changed and deleted.
async fn follow(client: &Client, streams: bool) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let config = watcher::Config::default().labels("by=kube");
    let config = if streams {
        config.streaming_lists()
    } else {
        config
    };
    let (cache, writer) = reflector::store();
    let mut changes = watcher(maps.clone(), config)
        .reflect(writer)
        .applied_objects()
        .boxed();
    let map = |value: &str| -> anyhow::Result<ConfigMap> {
        Ok(serde_json::from_value(json!({
            "metadata": {"name": "kube", "labels": {"by": "kube"}}, "data": {"a": value},
        }))?)
    };
    maps.create(&PostParams::default(), &map("1")?).await?;
    let mut value = async || -> anyhow::Result<String> {
        let map = changes.try_next().await?.context("the watch has ended")?;
        Ok(map.data.unwrap_or_default().remove("a").unwrap_or_default())
    };
    ensure!(value().await? == "1", "the first state");
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    maps.patch("kube", &PatchParams::default(), &patch).await?;
    ensure!(value().await? == "2", "the change");
    ensure!(cache.state().len() == 1, "{:?}", cache.state());
    maps.delete("kube", &kube::api::DeleteParams::default())
        .await?;
    // What leaves is no applied object: the next one shows that it has been seen.
    maps.create(&PostParams::default(), &map("3")?).await?;
    ensure!(value().await? == "3", "after it was deleted");
    maps.delete("kube", &kube::api::DeleteParams::default())
        .await?;
    Ok(())
}

/// Two appliers share an object, and are told of a conflict.
async fn apply(client: &Client) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let intent = |data: serde_json::Value| {
        Patch::Apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data,
        }))
    };
    let (one, two) = (PatchParams::apply("one"), PatchParams::apply("two"));
    maps.patch("applied", &one, &intent(json!({"a": "1"})))
        .await?;
    let both = maps
        .patch("applied", &two, &intent(json!({"b": "2"})))
        .await?;
    ensure!(both.managed_fields().len() == 2, "{both:?}");
    match maps
        .patch("applied", &two, &intent(json!({"a": "2"})))
        .await
    {
        Err(kube::Error::Api(status)) => {
            let message = "Apply failed with 1 conflict: conflict with \"one\": .data.a";
            ensure!(
                status.code == 409 && status.message == message,
                "{status:?}"
            );
        }
        other => anyhow::bail!("no conflict: {other:?}"),
    }
    let forced = maps
        .patch("applied", &two.clone().force(), &intent(json!({"a": "2"})))
        .await?;
    let data = forced.data.unwrap_or_default();
    ensure!(data.len() == 1 && data["a"] == "2", "{data:?}");
    Ok(())
}

async fn pages(client: &Client) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let mut names = Vec::new();
    let mut question = ListParams::default().limit(2);
    loop {
        let page = namespaces.list(&question).await?;
        names.extend(page.items.iter().map(kube::ResourceExt::name_any));
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => question = question.continue_token(&token),
            Some(_) | None => break,
        }
    }
    let mut all = namespaces.list(&ListParams::default()).await?;
    let all: Vec<String> = all.items.drain(..).map(|one| one.name_any()).collect();
    ensure!(names == all && names.len() > 2, "{names:?}, {all:?}");
    Ok(())
}
