//! Connections, credentials and limits.

use anyhow::ensure;
use apiserver::{Identity, Options, Server};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use super::{call, client_of, config_map, same};

pub async fn away_and_back() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = client_of(&sandbox.kubeconfig()).await?;
    let namespaces: Api<Namespace> = Api::all(client);
    let before = namespaces.get("default").await?;
    sandbox.close_listener().await;
    ensure!(namespaces.get("default").await.is_err(), "the port is open");
    let inside: Api<Namespace> = Api::all(sandbox.client(&Identity::owner()));
    inside.get("default").await?;
    sandbox.open_listener().await?;
    let after = namespaces.get("default").await?;
    same(&after.metadata.uid, &before.metadata.uid, "the same store")
}

pub async fn who_is_asking() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client_of(&sandbox.kubeconfig()).await?;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let (_, answer) = call(&owner, "POST", path, question.clone()).await?;
    same(
        &answer["status"]["userInfo"]["username"],
        &json!("kubernetes-admin"),
        "owner",
    )?;

    let account = Identity::service_account("vm-system", "controller");
    let (_, answer) = call(&sandbox.client(&account), "POST", path, question).await?;
    let name = "system:serviceaccount:vm-system:controller";
    same(
        &answer["status"]["userInfo"]["username"],
        &json!(name),
        "service account",
    )?;

    let mut kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig())?;
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = Some(kube::config::AuthInfo::default());
    }
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    let stranger = Client::try_from(config)?;
    let (code, answer) = call(&stranger, "GET", "/api/v1/nodes", Value::Null).await?;
    same(&code, &403, "without a token")?;
    let refused = r#"nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope"#;
    same(&answer["message"], &json!(refused), "without a token")?;
    let (code, _) = call(&stranger, "GET", "/readyz", Value::Null).await?;
    same(&code, &200, "what everybody may know")?;

    for user in &mut kubeconfig.auth_infos {
        let auth = user.auth_info.get_or_insert_default();
        auth.token = Some("wrong".to_owned().into());
    }
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    let (code, answer) = call(&Client::try_from(config)?, "GET", "/readyz", Value::Null).await?;
    same(&code, &401, "with a wrong token")?;
    same(
        &answer["reason"],
        &json!("Unauthorized"),
        "with a wrong token",
    )
}

pub async fn limits() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = client_of(&sandbox.kubeconfig()).await?;
    let path = "/api/v1/namespaces/default/configmaps";
    let mut large = config_map("large");
    large["data"] = json!({"x": "y".repeat(3 * 1024 * 1024)});
    let (code, _) = call(&client, "POST", path, large).await?;
    same(&code, &413, "a body of more than 3 MiB")?;
    let (code, _) = call(&client, "POST", path, config_map("small")).await?;
    same(&code, &201, "the next one")
}

/// The README names every kind that is served, and what it says is not served is not.
pub async fn as_documented() -> anyhow::Result<()> {
    const NOT_SERVED: [(&str, &str); 3] = [
        ("CronJobs", "/apis/batch/v1/cronjobs"),
        ("StatefulSets", "/apis/apps/v1/statefulsets"),
        (
            "NetworkPolicy",
            "/apis/networking.k8s.io/v1/networkpolicies",
        ),
    ];
    let text = include_str!("../../../README.md");
    let section = |title: &str| {
        let after = text.split(title).nth(1).unwrap_or_default();
        after.split("\n## ").next().unwrap_or_default()
    };
    let served = section("## What it serves");
    let absent = section("## What it does not serve");
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let (_, groups) = call(&client, "GET", "/apis", Value::Null).await?;
    let versions = groups["groups"].as_array().into_iter().flatten();
    let mut paths: Vec<String> = versions
        .filter_map(|group| group["preferredVersion"]["groupVersion"].as_str())
        .map(|version| format!("/apis/{version}"))
        .collect();
    paths.push("/api/v1".to_owned());
    let (mut kinds, mut subresources) = (0, 0);
    for path in paths {
        let (_, list) = call(&client, "GET", &path, Value::Null).await?;
        for resource in list["resources"].as_array().into_iter().flatten() {
            let name = resource["name"].as_str().unwrap_or_default();
            let kind = resource["kind"].as_str().unwrap_or_default();
            if let Some((_, below)) = name.split_once('/') {
                subresources += 1;
                ensure!(served.contains(&format!("`/{below}`")), "{path}/{name}");
            } else {
                kinds += 1;
                let is_named = served
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| word == kind);
                let is_role = kind.contains("Role") && served.contains("RBAC");
                let is_question = kind.ends_with("Review") && served.contains("token reviews");
                ensure!(is_named || is_role || is_question, "{path}: {kind}");
            }
        }
    }
    ensure!(
        kinds > 25 && subresources > 5,
        "{kinds} kinds, {subresources} subresources"
    );
    for (name, path) in NOT_SERVED {
        ensure!(absent.contains(name), "{name} is not said to be missing");
        let (code, _) = call(&client, "GET", path, Value::Null).await?;
        same(&code, &404, path)?;
    }
    for below in ["log", "exec", "attach", "portforward", "proxy"] {
        let path = format!("/api/v1/namespaces/default/pods/a/{below}");
        let (code, _) = call(&client, "GET", &path, Value::Null).await?;
        same(&code, &404, &path)?;
    }
    Ok(())
}
