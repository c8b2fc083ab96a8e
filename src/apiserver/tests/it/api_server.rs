//! What an API server has to do for the controller and the commands: run against the sandbox, over HTTPS and without
//! sockets.

mod admitting;
mod answering;
mod authorizing;
mod collecting;
mod defining;
mod fuzz;
mod invariants;
mod limiting;
mod listing;
mod protobuf;
mod reading;
mod registering;
mod serving;
mod writing;

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use apiserver::{Identity, Options, Server};
use http::Request;
use http_body_util::BodyExt;
use kube::{
    Client, Config, ResourceExt,
    api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams},
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::test_server::{self, TestApiServer};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("api_server::over_https", || run(over_https())),
        Trial::test("api_server::without_sockets", || run(without_sockets())),
        Trial::test(
            "api_server::away_and_back",
            || run(serving::away_and_back()),
        ),
        Trial::test(
            "api_server::who_is_asking",
            || run(serving::who_is_asking()),
        ),
        Trial::test("api_server::limits", || run(serving::limits())),
        Trial::test("api_server::typed_clients", || {
            run(protobuf::typed_clients())
        }),
        Trial::test("api_server::refusals", || run(answering::refusals())),
        Trial::test("api_server::patches", || run(answering::patches())),
        Trial::test("api_server::looks", || run(answering::looks())),
        Trial::test("api_server::warnings", || run(answering::warnings())),
        Trial::test(
            "api_server::as_documented",
            || run(serving::as_documented()),
        ),
        Trial::test("api_server::limited", || run(authorizing::limited())),
        Trial::test("api_server::granted_and_taken", || {
            run(authorizing::granted_and_taken())
        }),
        Trial::test("api_server::aggregated", || run(authorizing::aggregated())),
        Trial::test("api_server::reviews", || run(authorizing::reviews())),
        Trial::test("api_server::impersonated", || {
            run(authorizing::impersonated())
        }),
        Trial::test("api_server::tokens", || run(authorizing::tokens())),
        Trial::test("api_server::strictness", || run(reading::strictness())),
        Trial::test("api_server::headers", || run(reading::headers())),
        Trial::test("api_server::what_built_in_kinds_have_to_be", || {
            run(reading::what_built_in_kinds_have_to_be())
        }),
        Trial::test("api_server::evictions", || run(reading::evictions())),
        Trial::test("api_server::open_api", || run(reading::open_api())),
        Trial::test("api_server::quotas", || run(limiting::quotas())),
        Trial::test("api_server::api_services", || {
            run(registering::api_services())
        }),
        Trial::test("api_server::certificates", || {
            run(registering::certificates())
        }),
        Trial::test("api_server::kinds_with_defaults", || {
            run(registering::kinds_with_defaults())
        }),
        Trial::test("api_server::mutating_policies", || {
            run(registering::mutating_policies())
        }),
        Trial::test("api_server::the_law_of_lists_and_watches", || {
            run(invariants::holds())
        }),
        Trial::test("api_server::nothing_breaks", fuzz::nothing_breaks),
        Trial::test("api_server::options_of_lists", || {
            run(listing::options_that_do_not_go_together())
        }),
        Trial::test("api_server::forgets_old_history", || {
            run(listing::forgets_old_history())
        }),
    ]
}

/// What every API server does.
async fn suite(client: Client) -> anyhow::Result<()> {
    writing::suite(&client).await.context("writing")?;
    listing::suite(&client).await.context("listing")?;
    defining::suite(&client).await.context("defining")?;
    admitting::suite(&client).await.context("admitting")?;
    collecting::suite(&client).await.context("collecting")
}

async fn over_https() -> anyhow::Result<()> {
    let server = TestApiServer::fresh().await?;
    suite(client_of(&server.kubeconfig()).await?).await
}

async fn without_sockets() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    suite(sandbox.client(&Identity::owner())).await
}

/// Runs one test to its end, at most this long.
fn run(test: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failed> {
    let deadline = test_server::patience() * 3;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async { tokio::time::timeout(deadline, test).await });
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{error:#}").into()),
        Err(_) => Err(format!("not done after {deadline:?}").into()),
    }
}

async fn client_of(kubeconfig: &str) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// One raw request; the status code and the answer, a string where it is no JSON.
async fn call(
    client: &Client,
    method: &str,
    path: &str,
    body: Value,
) -> anyhow::Result<(u16, Value)> {
    let media_type = match method {
        "PATCH" if body.is_array() => "application/json-patch+json",
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    call_as(client, method, path, media_type, body).await
}

async fn call_as(
    client: &Client,
    method: &str,
    path: &str,
    media_type: &str,
    body: Value,
) -> anyhow::Result<(u16, Value)> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type)
        .body(Body::from(body.into_bytes()))?;
    let response = client.send(request).await?;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok((code, answer))
}

/// Asks again and again until it is answered with that code: an API server learns of definitions and policies a moment
/// after it has stored them. What is asked must do no harm when it is answered otherwise.
async fn until_answered(
    client: &Client,
    method: &str,
    path: &str,
    body: Value,
    code: u16,
) -> anyhow::Result<Value> {
    const BEAT: Duration = Duration::from_millis(50);
    let start = Instant::now();
    loop {
        let (got, answer) = call(client, method, path, body.clone()).await?;
        if got == code {
            return Ok(answer);
        }
        ensure!(
            start.elapsed() < test_server::patience(),
            "{method} {path}: expected {code}, got {got}: {answer}"
        );
        tokio::time::sleep(BEAT).await;
    }
}

/// The frames of a watch that ends by itself.
async fn frames(client: &Client, path: &str) -> anyhow::Result<Vec<Value>> {
    let request = Request::get(path).body(Body::empty())?;
    let body = client.send(request).await?.into_body();
    let bytes = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

/// A resource by its kind.
fn api(client: &Client, group: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

async fn create(api: &Api<DynamicObject>, object: Value) -> anyhow::Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let name = object.name_any();
    api.create(&PostParams::default(), &object)
        .await
        .with_context(|| format!("creating {name}"))
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

/// Waits until the object is gone; fails with what is left of it.
async fn until_gone(api: &Api<DynamicObject>, name: &str) -> anyhow::Result<()> {
    let patience = test_server::patience();
    let condition = kube::runtime::wait::await_condition(
        api.clone(),
        name,
        |object: Option<&DynamicObject>| object.is_none(),
    );
    if tokio::time::timeout(patience, condition).await.is_err() {
        anyhow::bail!(
            "still there after {patience:?}: {:?}",
            api.get_opt(name).await?
        );
    }
    Ok(())
}

fn same<T: PartialEq + Debug>(got: &T, expected: &T, what: &str) -> anyhow::Result<()> {
    ensure!(
        got == expected,
        "{what}: expected {expected:?}, got {got:?}"
    );
    Ok(())
}
