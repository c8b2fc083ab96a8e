//! The engine's release files while VM Runtime is enabled: upgraded, put right, and removed with what earlier ones brought.

use std::time::Duration;

use anyhow::ensure;
use bmctl::{
    api::name,
    controller::{ControllerOptions, EngineManifests},
    simulator::OPERATOR_MANIFESTS,
};
use k8s_openapi::{
    api::{apps::v1::Deployment, rbac::v1::ClusterRole},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use libtest_mimic::Trial;
use serde_json::json;

use super::test_cluster::{TestCluster, run, until};

pub fn trials() -> Vec<Trial> {
    tests![
        "controller", run:
        an_upgrade_takes_away_what_is_no_longer_held,
        what_others_change_of_a_release_is_put_right,
    ]
}

/// The operators, and roles beside them.
fn release(roles: &[&str]) -> anyhow::Result<ControllerOptions> {
    let role = |role: &&str| {
        format!(
            "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: {role}, labels: {{of-the-file: given}}}}
rules: []
"
        )
    };
    let beside: String = roles.iter().map(role).collect();
    let parts = [("beside.yaml", beside.as_str())];
    let mut options = TestCluster::options()?;
    options.engine_manifests = Some(EngineManifests::from_parts(
        OPERATOR_MANIFESTS.into_iter().chain(parts),
    )?);
    Ok(options)
}

fn roles(cluster: &TestCluster) -> Api<ClusterRole> {
    Api::all(cluster.client.clone())
}

async fn an_upgrade_takes_away_what_is_no_longer_held(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.start(release(&["of-the-first"])?);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    roles(&cluster).get("of-the-first").await?;
    cluster.machine("vm").await?;
    controller.stop().await?;
    // Meanwhile the next release is unpacked.
    let controller = cluster.start(release(&["of-the-second"])?);
    until(
        roles(&cluster),
        "the second role instead of the first",
        |roles| {
            let is_there = |name: &str| roles.iter().any(|role| role.name_any() == name);
            (is_there("of-the-second") && !is_there("of-the-first")).then_some(())
        },
    )
    .await?;
    cluster.ready().await?;
    cluster.machines().get("vm").await?;
    controller.stop().await?;

    // It was disabled while no controller ran, and a third release is unpacked.
    cluster
        .machines()
        .delete("vm", &DeleteParams::default())
        .await?;
    cluster.enable(false).await?;
    let controller = cluster.start(release(&["of-the-third"])?);
    cluster.phase("Disabled").await?;
    let ours = ListParams::default().labels(name::ENGINE_MANIFESTS);
    let left = roles(&cluster).list(&ours).await?;
    let left: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
    ensure!(left.is_empty(), "{left:?}");
    let deployments: Api<Deployment> = Api::all(cluster.client.clone());
    ensure!(deployments.list(&ours).await?.items.is_empty());
    controller.stop().await
}

async fn what_others_change_of_a_release_is_put_right(cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = release(&["beside", "operated"])?;
    // Nobody watches what a release holds: it is looked at now and then.
    options.pace.resync = Duration::from_millis(200);
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let modernized = until(definitions.clone(), "a version less", |definitions| {
        definitions
            .iter()
            .find(|cdi| cdi.name_any() == "cdis.cdi.kubevirt.io" && cdi.spec.versions.len() == 1)
            .cloned()
    })
    .await?;
    changed_by(&cluster, "operated", "cdi-operator").await?;
    // A person's change beside it, in the same object, is put right all the same.
    let label = json!({"metadata": {"labels": {"of-the-file": "changed"}}});
    let by = PatchParams {
        field_manager: Some("kubectl-edit".to_owned()),
        ..PatchParams::default()
    };
    roles(&cluster)
        .patch("operated", &by, &Patch::Merge(&label))
        .await?;
    until(roles(&cluster), "the label of the file again", |roles| {
        let operated = roles.iter().find(|role| role.name_any() == "operated")?;
        (operated.labels().get("of-the-file")? == "given").then_some(())
    })
    .await?;
    // Twice, so that the files have been applied in between.
    for _ in 0..2 {
        changed_by(&cluster, "beside", "somebody-else").await?;
        until(roles(&cluster), "no rules again", |roles| {
            roles
                .iter()
                .find(|role| role.name_any() == "beside")
                .filter(|role| role.rules.as_ref().is_none_or(Vec::is_empty))
                .map(drop)
        })
        .await?;
    }
    // What an operator makes of its own release is its business: to put that right would never end. The played one takes
    // a version out of its definition by itself.
    let cdi = definitions.get("cdis.cdi.kubevirt.io").await?;
    let versions: Vec<&str> = cdi
        .spec
        .versions
        .iter()
        .map(|version| version.name.as_str())
        .collect();
    ensure!(versions == ["v1beta1"], "{versions:?}");
    ensure!(
        cdi.metadata.resource_version == modernized.metadata.resource_version,
        "they fight over {cdi:?}"
    );
    let operated = roles(&cluster).get("operated").await?;
    ensure!(
        operated.rules.is_some_and(|rules| rules.len() == 1),
        "the operator's change was undone"
    );
    cluster
        .put_right_is_told(
            "ClusterRole beside of the engine manifests was changed by somebody-else",
        )
        .await?;
    controller.stop().await
}

async fn changed_by(cluster: &TestCluster, role: &str, manager: &str) -> anyhow::Result<()> {
    let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    let by = PatchParams {
        field_manager: Some(manager.to_owned()),
        ..PatchParams::default()
    };
    roles(cluster)
        .patch(role, &by, &Patch::Merge(&rules))
        .await?;
    Ok(())
}
