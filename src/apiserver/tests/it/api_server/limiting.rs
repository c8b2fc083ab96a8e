//! Quotas are counted, charged and enforced, as by the quota controller and the admission plugin.

use std::time::{Duration, Instant};

use anyhow::ensure;
use apiserver::{Identity, Options, Server};
use kube::Client;
use serde_json::{Value, json};

use super::{call, config_map, same};
use crate::test_server;

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// Waits until a quota says that so much is used.
async fn until_used(client: &Client, quota: &str, used: Value) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let (_, found) = call(client, "GET", &format!("{QUOTAS}/{quota}"), Value::Null).await?;
        let status = &found["status"];
        if status["used"] == used && status["hard"] == found["spec"]["hard"] {
            return Ok(());
        }
        ensure!(
            start.elapsed() < test_server::patience(),
            "expected {used}, got {found}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn limit(client: &Client, name: &str, spec: Value) -> anyhow::Result<()> {
    let quota = json!({"metadata": {"name": name}, "spec": spec});
    let (code, answer) = call(client, "POST", QUOTAS, quota).await?;
    same(&code, &201, &answer.to_string())
}

fn pod(name: &str, cpu: &str) -> Value {
    let resources = json!({"requests": {"cpu": cpu, "memory": "1Gi"}});
    json!({"metadata": {"name": name}, "spec": {
        "containers": [{"name": "c", "image": "i", "resources": resources}]}})
}

pub async fn quotas() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    counted_and_refused(&client).await?;
    put_right(&client).await?;
    of_pods(&client).await
}

async fn counted_and_refused(client: &Client) -> anyhow::Result<()> {
    call(client, "POST", MAPS, config_map("first")).await?;
    let hard = json!({"configmaps": "3", "count/configmaps": "4", "count/things.example.com": "1"});
    limit(client, "maps", json!({"hard": hard})).await?;
    // The certificates of the cluster are in every namespace, where somebody puts them there.
    let (_, all) = call(client, "GET", MAPS, Value::Null).await?;
    let before = all["items"].as_array().map_or(0, Vec::len);
    let used = |number: usize| json!({"configmaps": number.to_string(), "count/configmaps": number.to_string()});
    until_used(client, "maps", used(before)).await?;
    let dry = format!("{MAPS}?dryRun=All");
    let (code, _) = call(client, "POST", &dry, config_map("dry")).await?;
    same(&code, &201, "a dry run")?;
    for more in before..3 {
        let (code, answer) = call(client, "POST", MAPS, config_map(&format!("m{more}"))).await?;
        same(&code, &201, &answer.to_string())?;
        until_used(client, "maps", used(more + 1)).await?;
    }
    let (code, answer) = call(client, "POST", MAPS, config_map("late")).await?;
    same(&code, &403, "one too many")?;
    same(
        &answer["message"],
        &json!(
            "configmaps \"late\" is forbidden: exceeded quota: maps, requested: configmaps=1, used: configmaps=3, \
             limited: configmaps=3"
        ),
        "one too many",
    )?;
    call(client, "DELETE", &format!("{MAPS}/first"), Value::Null).await?;
    until_used(client, "maps", used(2)).await?;
    // Another limit is taken over.
    let path = format!("{QUOTAS}/maps");
    let less =
        json!({"spec": {"hard": {"count/configmaps": null, "count/things.example.com": null}}});
    call(client, "PATCH", &path, less).await?;
    until_used(client, "maps", json!({"configmaps": "2"})).await?;
    call(client, "DELETE", &path, Value::Null).await?;
    Ok(())
}

/// What somebody else writes into the status does not last.
async fn put_right(client: &Client) -> anyhow::Result<()> {
    limit(client, "wrong", json!({"hard": {"secrets": "5"}})).await?;
    until_used(client, "wrong", json!({"secrets": "0"})).await?;
    let path = format!("{QUOTAS}/wrong/status");
    let patch = json!({"status": {"hard": {"secrets": "7"}, "used": {"secrets": "3"}}});
    let (code, patched) = call(client, "PATCH", &path, patch).await?;
    same(&code, &200, "the status")?;
    same(
        &patched["status"]["used"]["secrets"],
        &json!("3"),
        "the status",
    )?;
    until_used(client, "wrong", json!({"secrets": "0"})).await
}

async fn of_pods(client: &Client) -> anyhow::Result<()> {
    let hard = json!({"pods": "2", "requests.cpu": "1500m", "requests.memory": "4Gi"});
    limit(client, "all", json!({"hard": hard})).await?;
    let scoped = json!({"hard": {"pods": "1"}, "scopes": ["Terminating"]});
    let mut wrong = json!({"metadata": {"name": "wrong-scope"}, "spec": scoped});
    wrong["spec"]["hard"]["services"] = "1".into();
    let (code, answer) = call(client, "POST", QUOTAS, wrong).await?;
    same(&code, &422, "a scope that services are not in")?;
    same(
        &answer["message"],
        &json!(
            "ResourceQuota \"wrong-scope\" is invalid: spec.scopes: Invalid value: [\"Terminating\"]: unsupported scope \
             applied to resource"
        ),
        "a scope that services are not in",
    )?;
    limit(client, "ending", scoped).await?;
    let used = |pods: &str, cpu: &str, memory: &str| json!({"pods": pods, "requests.cpu": cpu, "requests.memory": memory});
    until_used(client, "all", used("0", "0", "0")).await?;
    until_used(client, "ending", json!({"pods": "0"})).await?;
    let mut ending = pod("a", "500m");
    ending["spec"]["activeDeadlineSeconds"] = 600.into();
    let (code, answer) = call(client, "POST", PODS, ending).await?;
    same(&code, &201, &answer.to_string())?;
    until_used(client, "all", used("1", "500m", "1Gi")).await?;
    until_used(client, "ending", json!({"pods": "1"})).await?;
    let (code, answer) = call(client, "POST", PODS, pod("b", "1100m")).await?;
    same(&code, &403, "too much")?;
    same(
        &answer["message"],
        &json!(
            "pods \"b\" is forbidden: exceeded quota: all, requested: requests.cpu=1100m, used: requests.cpu=500m, \
             limited: requests.cpu=1500m"
        ),
        "too much",
    )?;
    let (code, answer) = call(client, "POST", PODS, pod("b", "1")).await?;
    same(&code, &201, &answer.to_string())?;
    until_used(client, "all", used("2", "1500m", "2Gi")).await?;
    until_used(client, "ending", json!({"pods": "1"})).await?;
    // A pod that has ended uses nothing.
    let ended = json!({"status": {"phase": "Succeeded"}});
    let (code, answer) = call(client, "PATCH", &format!("{PODS}/a/status"), ended).await?;
    same(&code, &200, &answer.to_string())?;
    until_used(client, "all", used("1", "1", "1Gi")).await?;
    until_used(client, "ending", json!({"pods": "0"})).await
}
