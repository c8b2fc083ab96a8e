//! What an API server has to do for the controller and the commands: run against the sandbox.

use std::{collections::BTreeMap, time::Duration};

use bmctl::sandbox::{Identity, Sandbox, SandboxOptions};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("api_server::over_https", || run(over_https())),
        Trial::test("api_server::without_sockets", || run(without_sockets())),
        Trial::test("api_server::away_and_back", || run(away_and_back())),
    ]
}

/// Runs one story to its end, at most this long.
fn run(story: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failed> {
    const DEADLINE: Duration = Duration::from_secs(60);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, story).await });
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{error:?}").into()),
        Err(_) => Err(format!("not done after {DEADLINE:?}").into()),
    }
}

async fn client_of(sandbox: &Sandbox) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig())?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn over_https() -> anyhow::Result<()> {
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    suite(client_of(&sandbox).await?).await?;
    sandbox.stop().await;
    Ok(())
}

async fn without_sockets() -> anyhow::Result<()> {
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    suite(sandbox.client(&Identity::owner())).await
}

async fn away_and_back() -> anyhow::Result<()> {
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    let client = client_of(&sandbox).await?;
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.get("default").await?;
    sandbox.close_listener().await;
    anyhow::ensure!(namespaces.get("default").await.is_err(), "the port is open");
    sandbox.open_listener().await?;
    namespaces.get("default").await?;
    Ok(())
}

/// What every API server does.
async fn suite(client: Client) -> anyhow::Result<()> {
    objects(client.clone()).await
}

async fn objects(client: Client) -> anyhow::Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let map = ConfigMap {
        metadata: kube::api::ObjectMeta {
            name: Some("a".to_owned()),
            labels: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
            ..Default::default()
        },
        data: Some(BTreeMap::from([("x".to_owned(), "1".to_owned())])),
        ..Default::default()
    };
    let created = maps.create(&PostParams::default(), &map).await?;
    anyhow::ensure!(created.metadata.uid.is_some(), "no uid");
    let patch = Patch::Merge(json!({"data": {"x": "2"}}));
    let patched = maps.patch("a", &PatchParams::default(), &patch).await?;
    anyhow::ensure!(patched.data.unwrap_or_default()["x"] == "2", "not patched");
    let listed = maps.list(&ListParams::default().labels("k=v")).await?;
    anyhow::ensure!(listed.items.len() == 1, "not listed");
    maps.delete("a", &DeleteParams::default()).await?;
    anyhow::ensure!(maps.get_opt("a").await?.is_none(), "not deleted");
    Ok(())
}
