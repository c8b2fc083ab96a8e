//! What keeps a node from being probed is told apart from what is wrong with the node.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::ensure;
use bmctl::api::name::SYSTEM_NAMESPACE;
use http::{Method, Request};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    client::Body,
};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    interference::{Interference, Refusal},
    test_cluster::{Answer, Controller, TestCluster, pass, run},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "controller", run:
        refused_probes_say_who_refused_them,
        a_node_whose_probe_is_denied_for_a_moment_is_looked_at,
        a_node_that_is_replaced_is_looked_at_anew,
    ]
}

/// As the API server's own plugins say it.
const QUOTA: Refusal = Refusal(
    403,
    "Forbidden",
    "pods \"p\" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2",
);
const POD_SECURITY: Refusal = Refusal(
    403,
    "Forbidden",
    "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": hostPath volumes (volume \"dev\")",
);

const DENIED: Refusal = Refusal(
    403,
    "Forbidden",
    "pods is forbidden: User \"c\" cannot create resource \"pods\" in API group \"\" in the namespace \"vm-system\"",
);

fn makes_pod(request: &Request<Body>) -> bool {
    let pods = format!("/api/v1/namespaces/{SYSTEM_NAMESPACE}/pods");
    request.method() == Method::POST && request.uri().path() == pods
}

async fn refused_probes_say_who_refused_them(cluster: TestCluster) -> anyhow::Result<()> {
    let interference = Interference::default();
    let client = interference.before(cluster.account());
    let controller = Controller::start(client, TestCluster::options()?);
    cluster.phase("Disabled").await?;
    for (name, refusal, expected) in [
        (
            "quota",
            QUOTA,
            "a quota of namespace vm-system leaves no room",
        ),
        (
            "pod-security",
            POD_SECURITY,
            "the Pod security level of namespace vm-system does not allow",
        ),
        ("denied", DENIED, "the API server did not accept the probe"),
    ] {
        interference.refuse(move |request| makes_pod(request).then_some(refusal));
        cluster.create_check(name).await?;
        let check = cluster.finished(name).await?;
        let status = check.status.unwrap_or_default();
        ensure!(status.pass == Some(false), "nothing was verified");
        ensure!(status.unknown_node_num == Some(1) && status.failures.is_empty());
        let said = status.checks["n1"].message.clone().unwrap_or_default();
        ensure!(said.starts_with(expected), "{said}");
        interference.relent();
    }
    cluster.create_check("afterwards").await?;
    ensure!(pass(&cluster.finished("afterwards").await?) == Some(true));
    controller.stop().await
}

/// As an API server does that has just started.
async fn a_node_whose_probe_is_denied_for_a_moment_is_looked_at(
    cluster: TestCluster,
) -> anyhow::Result<()> {
    let interference = Interference::default();
    let client = interference.before(cluster.account());
    let controller = Controller::start(client, TestCluster::options()?);
    cluster.phase("Disabled").await?;
    let asked = AtomicU32::new(0);
    interference.refuse(move |request| {
        let is_denied = makes_pod(request) && asked.fetch_add(1, Ordering::SeqCst) < 2;
        is_denied.then_some(DENIED)
    });
    cluster.create_check("denied-twice").await?;
    let check = cluster.finished("denied-twice").await?;
    ensure!(pass(&check) == Some(true), "{:?}", check.status);
    controller.stop().await
}

/// In the middle of a check another machine takes the place and the name of one.
async fn a_node_that_is_replaced_is_looked_at_anew(cluster: TestCluster) -> anyhow::Result<()> {
    const ROUNDS: usize = 50;
    let controller = cluster.installed().await?;
    for round in 0..ROUNDS {
        let name = format!("interrupted-{round}");
        replace_during(&cluster, &name).await?;
        let check = cluster.finished(&name).await?;
        let status = check.status.clone().unwrap_or_default();
        // Whoever looks while the old node is gone and the new one is not there sees none.
        let message = status.message.as_deref().unwrap_or_default();
        if message.starts_with("no node is eligible") {
            continue;
        }
        ensure!(pass(&check) == Some(true), "{status:?}");
        ensure!(status.checks["n1"].passed && status.checks.len() == 1);
        return controller.stop().await;
    }
    anyhow::bail!("the controller looked in between {ROUNDS} times")
}

/// A node makes way for another one of its name while the probe on it says nothing.
async fn replace_during(cluster: &TestCluster, check: &str) -> anyhow::Result<()> {
    cluster.nodes.say("n1", Answer::Silent);
    cluster.create_check(check).await?;
    cluster.running_probe().await?;
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let mut node = nodes.get("n1").await?;
    nodes.delete("n1", &DeleteParams::default()).await?;
    cluster.nodes.say("n1", Answer::Healthy);
    let status = node.status.clone();
    node.metadata.uid = None;
    node.metadata.resource_version = None;
    node.metadata.managed_fields = None;
    nodes.create(&PostParams::default(), &node).await?;
    if let Some(status) = status {
        let patch = Patch::Merge(json!({"status": status}));
        let parameters = PatchParams::default();
        nodes.patch_status("n1", &parameters, &patch).await?;
    }
    Ok(())
}
