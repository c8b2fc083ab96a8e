//! The controller as people start it: the real binary.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};
use bmctl::{controller::EngineManifests, probe::ProbeReport};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams},
    core::{DynamicObject, GroupVersionKind},
    discovery::{self, Scope},
};
use libtest_mimic::{Failed, Trial};

use super::test_cluster::{TestCluster, run};
use crate::bench::Bench;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::manifests_can_be_applied", || run(manifests)),
        Trial::test("controller::runs_until_told_to_stop", || run(process)),
        Trial::test("controller::probe_leaves_its_report", probe),
    ]
}

async fn manifests(cluster: TestCluster) -> anyhow::Result<()> {
    let printed = Bench::new()
        .bmctl("controller manifests --image registry.example/bmctl:1")
        .code(0)
        .map_err(|failed| said(&failed))?;
    // The same reader: several documents, each an object with a name.
    let objects = EngineManifests::parse(&printed.stdout)?;
    let mut images = 0;
    for object in objects.objects() {
        let types = object.types.clone().context("a type")?;
        let kind = GroupVersionKind::try_from(&types)?;
        let (resource, capabilities) = discovery::pinned_kind(&cluster.client, &kind).await?;
        let client = cluster.client.clone();
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(client, &resource),
            Scope::Namespaced => Api::namespaced_with(
                client,
                object
                    .metadata
                    .namespace
                    .as_deref()
                    .context("a namespace")?,
                &resource,
            ),
        };
        let name = object.metadata.name.as_deref().context("a name")?;
        api.patch(
            name,
            &PatchParams::apply("a-person").force(),
            &Patch::Apply(object),
        )
        .await
        .with_context(|| format!("{} {name}", types.kind))?;
        images += object
            .data
            .to_string()
            .matches("registry.example/bmctl:1")
            .count();
    }
    ensure!(images == 2, "for itself and for its probe pods");
    Ok(())
}

/// Over real HTTPS, by a kubeconfig.
async fn process(cluster: TestCluster) -> anyhow::Result<()> {
    let bench = Bench::new().file("kubeconfig", &cluster.kubeconfig());
    let child = Command::new(env!("CARGO_BIN_EXE_bmctl"))
        .args(["controller", "run", "--kubeconfig", "kubeconfig"])
        .args(["--image-pull-secret", "one", "--image-pull-secret", "two"])
        .current_dir(bench.folder())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut child = Stopped(child);
    cluster.phase("Disabled").await?;
    let before = cluster.pods().list(&ListParams::default()).await?;
    let probe = tokio::spawn(first(
        cluster.pods(),
        before.metadata.resource_version.unwrap_or_default(),
    ));
    cluster.create_check("from-outside").await?;
    let secrets = probe.await??.spec.and_then(|spec| spec.image_pull_secrets);
    let secrets: Vec<String> = secrets
        .into_iter()
        .flatten()
        .map(|secret| secret.name)
        .collect();
    ensure!(secrets == ["one", "two"], "{secrets:?}");
    cluster.finished("from-outside").await?;
    let told = Command::new("kill")
        .arg(child.0.id().to_string())
        .status()?;
    ensure!(told.success());
    let ended = tokio::task::block_in_place(|| child.0.wait())?;
    ensure!(ended.code() == Some(0), "{ended}");
    Ok(())
}

/// The first pod that is made after that version, which may be gone a moment later.
async fn first(pods: Api<Pod>, after: String) -> anyhow::Result<Pod> {
    let mut changes = pods.watch(&WatchParams::default(), &after).await?.boxed();
    while let Some(change) = changes.try_next().await? {
        match change {
            WatchEvent::Added(pod) => return Ok(pod),
            WatchEvent::Error(status) => bail!("{status}"),
            WatchEvent::Modified(_) | WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
        }
    }
    bail!("no pod was made")
}

/// A test that fails must not leave a process behind.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended by itself, which is what the test wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn probe() -> Result<(), Failed> {
    let bench = Bench::new();
    let probed = bench.bmctl("controller probe --emulation --termination-log report");
    // This machine may hide what the probe looks for; it is unknown then, and never a pass.
    if !matches!(probed.code, Some(0 | 5)) {
        return Err(format!("{probed:?}").into());
    }
    let left = std::fs::read_to_string(bench.folder().join("report"))?;
    let report = ProbeReport::parse_termination_message(&left)?;
    if probed.stdout != format!("{left}\n") || report.passed() != (probed.code == Some(0)) {
        return Err(format!("{probed:?}\n{left}").into());
    }
    Ok(())
}

fn said(failed: &Failed) -> anyhow::Error {
    anyhow::anyhow!("{}", failed.message().unwrap_or_default())
}
