//! Faults on purpose, and its limits: what clients see over real HTTPS.

use std::{io::ErrorKind, time::Duration};

use anyhow::ensure;
use apiserver::{Identity, Options, Server, fault::Party};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tokio::net::TcpStream;

mod limits;

const PODS: &str = "/api/v1/namespaces/default/pods";
const WATCH: &str = "/api/v1/namespaces/default/pods?watch=true&resourceVersion=1";
/// Longer than anything here takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("faults::only_the_owner_has_faults", || {
            run(only_the_owner_has_faults())
        }),
        Trial::test("faults::requests_fail_as_they_were_asked_to", || {
            run(requests_fail_as_they_were_asked_to())
        }),
        Trial::test("faults::watches_break_off", || run(watches_break_off())),
        Trial::test("faults::the_server_goes_away_and_comes_back", || {
            run(the_server_goes_away_and_comes_back())
        }),
        Trial::test("faults::the_sandboxs_own_parts_are_spared", || {
            run(the_sandboxs_own_parts_are_spared())
        }),
        Trial::test("faults::nobody_takes_more_than_a_share", || {
            run(limits::nobody_takes_more_than_a_share())
        }),
        Trial::test("faults::slow_heads_and_bodies_are_put_out", || {
            run(limits::slow_heads_and_bodies_are_put_out())
        }),
        Trial::test("faults::so_many_connections_and_no_more", || {
            run(limits::so_many_connections_and_no_more())
        }),
        Trial::test("faults::strangers_lock_nobody_out", || {
            run(limits::strangers_lock_nobody_out())
        }),
        Trial::test("faults::a_dear_rule_stops_nobody", || {
            run_on(1, limits::a_dear_rule_stops_nobody())
        }),
    ]
}

fn run(test: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failed> {
    run_on(2, test)
}

fn run_on(threads: usize, test: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    match runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await }) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{error:#}").into()),
        Err(_) => Err(format!("not done after {DEADLINE:?}").into()),
    }
}

async fn client(sandbox: &Server, context: &str) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig())?;
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<Response<Body>> {
    let request = Request::builder().method(method).uri(path);
    let body = Body::from(body.as_bytes().to_vec());
    Ok(client.send(request.body(body)?).await?)
}

/// Status code and document.
async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    body: &str,
) -> anyhow::Result<(u16, Value)> {
    let response = send(client, method, path, body).await?;
    let code = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((code, serde_json::from_slice(&body)?))
}

async fn arm(client: &Client, faults: &str) -> anyhow::Result<()> {
    let (code, answer) = ask(client, "POST", "/sandbox/faults", faults).await?;
    ensure!(code == 200, "{answer}");
    Ok(())
}

async fn only_the_owner_has_faults() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client(&sandbox, "sandbox").await?;
    let limited = client(&sandbox, "limited").await?;
    // Whatever roles say.
    let everything = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "everything"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited"}],
    });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let (code, answer) = ask(&owner, "POST", bindings, &everything.to_string()).await?;
    ensure!(code == 201, "{answer}");
    let (code, _) = ask(&limited, "GET", "/api/v1/nodes", "").await?;
    ensure!(code == 200, "limited is an administrator now: {code}");
    for (method, path) in [
        ("GET", "/sandbox/faults"),
        ("POST", "/sandbox/faults"),
        ("DELETE", "/sandbox/faults"),
        ("POST", "/sandbox/restart"),
    ] {
        let (code, answer) = ask(&limited, method, path, "do: reset").await?;
        ensure!(
            code == 403 && answer["reason"] == "Forbidden",
            "{method} {path}: {answer}"
        );
    }
    let somebody = Request::get("/sandbox/faults")
        .header("Impersonate-User", "jane")
        .body(Body::empty())?;
    ensure!(owner.send(somebody).await?.status() == 403);
    let (_, answer) = ask(&owner, "GET", "/sandbox/faults", "").await?;
    ensure!(answer == json!({"faults": []}), "{answer}");
    let (code, answer) = ask(
        &owner,
        "POST",
        "/sandbox/faults",
        "do: reset\nverb: [get]\n",
    )
    .await?;
    let message = answer["message"].as_str().unwrap_or_default();
    ensure!(code == 400 && message.contains("verb"), "{answer}");
    let (code, _) = ask(&owner, "DELETE", "/sandbox/faults/none", "").await?;
    ensure!(code == 404);
    sandbox.stop().await;
    Ok(())
}

async fn requests_fail_as_they_were_asked_to() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client(&sandbox, "sandbox").await?;
    arm(
        &owner,
        "faults:\n\
         - {name: busy, verbs: [list], resources: [pods], times: 2, do: {answer: {code: 429, retryAfter: 3s}}}\n\
         - {name: lost, verbs: [get], times: 1, do: reset}\n\
         - {name: cut, resources: [configmaps], do: {cut: {}}}\n",
    )
    .await?;
    for _ in 0..2 {
        let response = send(&owner, "GET", PODS, "").await?;
        ensure!(response.status() == 429);
        ensure!(
            response.headers()["retry-after"] == "3",
            "{:?}",
            response.headers()
        );
    }
    let (code, _) = ask(&owner, "GET", PODS, "").await?;
    ensure!(code == 200, "the third passes: {code}");

    let reset = send(&owner, "GET", "/api/v1/namespaces/default", "").await;
    ensure!(reset.is_err(), "the connection is reset");
    let (code, _) = ask(&owner, "GET", "/api/v1/namespaces/default", "").await?;
    ensure!(code == 200);

    let broken = send(&owner, "GET", "/api/v1/configmaps", "").await?;
    ensure!(broken.status() == 200);
    ensure!(
        broken.into_body().collect().await.is_err(),
        "the page breaks off"
    );

    let (_, answer) = ask(&owner, "GET", "/sandbox/faults", "").await?;
    ensure!(
        answer["faults"][0]["seen"] == 3 && answer["faults"][0]["hits"] == 2,
        "{answer}"
    );
    ask(&owner, "DELETE", "/sandbox/faults/cut", "").await?;
    let (code, _) = ask(&owner, "GET", "/api/v1/configmaps", "").await?;
    ensure!(code == 200);
    sandbox.stop().await;
    Ok(())
}

async fn watches_break_off() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client(&sandbox, "sandbox").await?;
    let watch = async |fault: &str| -> anyhow::Result<Result<Vec<u8>, String>> {
        arm(&owner, &format!("{{name: w, verbs: [watch], do: {fault}}}")).await?;
        let response = send(&owner, "GET", WATCH, "").await?;
        ensure!(response.status() == 200);
        let body = response.into_body().collect().await;
        Ok(body
            .map(|body| body.to_bytes().to_vec())
            .map_err(|error| error.to_string()))
    };
    let told = watch("{error: {}}").await?.map_err(anyhow::Error::msg)?;
    let event: Value = serde_json::from_slice(&told)?;
    ensure!(
        event["type"] == "ERROR" && event["object"]["code"] == 410,
        "{event}"
    );
    ensure!(event["object"]["reason"] == "Expired", "{event}");
    let ended = watch("{end: {after: 10ms}}").await?;
    ensure!(ended == Ok(Vec::new()), "{ended:?}");
    let cut = watch("{cut: {after: 10ms}}").await?;
    ensure!(cut.is_err(), "{cut:?}");
    arm(
        &owner,
        "{name: w, verbs: [watch], do: {answer: {code: 410}}}",
    )
    .await?;
    let (code, answer) = ask(&owner, "GET", WATCH, "").await?;
    ensure!(code == 410 && answer["reason"] == "Expired", "{answer}");
    sandbox.stop().await;
    Ok(())
}

async fn the_server_goes_away_and_comes_back() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client(&sandbox, "sandbox").await?;
    let map = json!({"metadata": {"name": "kept"}}).to_string();
    ask(
        &owner,
        "POST",
        "/api/v1/namespaces/default/configmaps",
        &map,
    )
    .await?;
    arm(
        &owner,
        "{verbs: [get], times: 1, do: {restart: {downtime: 300ms}}}",
    )
    .await?;
    let path = "/api/v1/namespaces/default/configmaps/kept";
    ensure!(send(&owner, "GET", path, "").await.is_err(), "it is cut");
    let refused = TcpStream::connect(sandbox.address()).await;
    let kind = refused.err().map(|error| error.kind());
    ensure!(kind == Some(ErrorKind::ConnectionRefused), "{kind:?}");
    loop {
        match send(&owner, "GET", path, "").await {
            Ok(response) => {
                ensure!(response.status() == 200, "{response:?}");
                break;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    sandbox.stop().await;
    Ok(())
}

async fn the_sandboxs_own_parts_are_spared() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client(&sandbox, "sandbox").await?;
    let machinery = sandbox.client_of(Party::Machinery, &Identity::owner());
    arm(&owner, "{name: f, do: {answer: {code: 503}}}").await?;
    let (code, _) = ask(&owner, "GET", PODS, "").await?;
    ensure!(code == 503);
    let (code, _) = ask(&machinery, "GET", PODS, "").await?;
    ensure!(code == 200);
    arm(
        &owner,
        "{name: f, target: machinery, do: {answer: {code: 503}}}",
    )
    .await?;
    let (code, _) = ask(&owner, "GET", PODS, "").await?;
    ensure!(code == 200);
    let (code, _) = ask(&machinery, "GET", PODS, "").await?;
    ensure!(code == 503);
    sandbox.stop().await;
    Ok(())
}
