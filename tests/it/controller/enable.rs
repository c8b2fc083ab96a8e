//! From disabled to ready.

use anyhow::ensure;
use bmctl::{
    api::{
        VMRuntimePreflightCheck,
        condition::{self, ConditionStatus, kind, reason},
        name,
    },
    controller::EngineManifests,
    simulator::OPERATOR_MANIFESTS,
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    eventually::settles,
    table::trial,
    test_cluster::{Controller, TestCluster, pass, run, until},
};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::ships_the_object_disabled", || run(ships)),
        trial("enable_ends_ready", ends_ready),
        trial("enable_again_checks_again", checks_again),
        trial("emulation_is_handed_on", emulation),
        trial("foreign_engine_is_used_and_kept", foreign),
        trial("nodes_are_judged_by_the_engines_own_setting", their_setting),
        trial("missing_operator_is_said", no_operator),
    ]
}

async fn ships(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.installed().await?;
    let runtime = cluster.runtime().get(name::VMRUNTIME).await?;
    ensure!(!runtime.spec.enabled);
    ensure!(runtime.annotations()[name::FORCE_DISABLE] == "false");
    let status = runtime.status.unwrap_or_default();
    ensure!(status.ready == Some(false), "{status:?}");
    let features = status
        .preflight_check_summary
        .unwrap_or_default()
        .feature_statuses;
    ensure!(features.keys().collect::<Vec<_>>() == ["CPU", "KVM", "VSOCK"]);
    controller.stop().await
}

async fn ends_ready(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let runtime = cluster.runtime().get(name::VMRUNTIME).await?;
    let status = runtime.status.unwrap_or_default();
    let summary = status.preflight_check_summary.unwrap_or_default();
    ensure!(summary.preflight_check_passed == Some(true), "{summary:?}");
    ensure!(
        summary
            .feature_statuses
            .values()
            .all(|status| status.passed)
    );
    ensure!(status.workload_count == Some(0));
    let kubevirt = cluster.kubevirt().get("kubevirt").await?;
    ensure!(kubevirt.data["spec"]["uninstallStrategy"] == "BlockUninstallIfWorkloadsExist");
    cluster.machine("vm").await?;
    cluster
        .status("one workload", |_, status| status.workload_count == Some(1))
        .await?;
    until(cluster.pods(), "no probe pod is left", |pods| {
        pods.iter()
            .all(|pod| !pod.labels().contains_key(name::PREFLIGHT_CHECK_LABEL))
            .then_some(())
    })
    .await?;
    controller.stop().await
}

/// What was true before a disable says nothing about after an enable.
async fn checks_again(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let first = cluster.finished_checks(1).await?;
    cluster.enable(false).await?;
    cluster.phase("Disabled").await?;
    cluster.nodes.say("n1", super::test_cluster::Answer::NoKvm);
    cluster.enable(true).await?;
    let second = cluster.finished_checks(2).await?;
    ensure!(second.name_any() != first.name_any());
    ensure!(pass(&second) == Some(false));
    let runtime = cluster.phase("Degraded").await?;
    ensure!(runtime.status.unwrap_or_default().ready == Some(false));
    controller.stop().await
}

async fn emulation(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster
        .patch_runtime(json!({"spec": {"useEmulation": true}}))
        .await?;
    cluster.ready().await?;
    cluster
        .condition(kind::EMULATION_FORCED, ConditionStatus::True)
        .await?;
    cluster.finished_checks(2).await?;
    let kubevirt = cluster.kubevirt().get("kubevirt").await?;
    let configured = &kubevirt.data["spec"]["configuration"]["developerConfiguration"];
    ensure!(configured["useEmulation"] == true, "{configured}");
    cluster
        .patch_runtime(json!({"spec": {"useEmulation": false}}))
        .await?;
    cluster
        .condition(kind::EMULATION_FORCED, ConditionStatus::False)
        .await?;
    cluster.ready().await?;
    controller.stop().await
}

async fn foreign(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = on_their_engine(&cluster).await?;
    cluster
        .condition(kind::ENGINE_FOREIGN, ConditionStatus::True)
        .await?;
    let before = cluster.kubevirt().get("theirs").await?;
    cluster.enable(false).await?;
    cluster.phase("Disabled").await?;
    let after = cluster.kubevirt().get("theirs").await?;
    ensure!(before.uid() == after.uid() && after.metadata.deletion_timestamp.is_none());
    ensure!(before.metadata.generation == after.metadata.generation);
    // It has been up all the time: only the check is waited for.
    cluster.enable(true).await?;
    cluster.ready().await?;
    controller.stop().await
}

/// Whoever owns KubeVirt decides whether it emulates; a check that waives KVM because VMRuntime asks for emulation would
/// be a false green.
async fn their_setting(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = on_their_engine(&cluster).await?;
    cluster.nodes.say("n1", super::test_cluster::Answer::NoKvm);
    cluster
        .patch_runtime(json!({"spec": {"useEmulation": true}}))
        .await?;
    let judged = started_by(&cluster, "SettingsChanged").await?;
    ensure!(judged_by(&judged) == json!(false), "KVM was waived");
    ensure!(pass(&judged) == Some(false));
    let said = cluster
        .reason(kind::ENGINE_FOREIGN, reason::SETTINGS_DIFFER)
        .await?;
    ensure!(said.message.contains("theirs"), "{}", said.message);
    let ready = cluster
        .condition(kind::READY, ConditionStatus::False)
        .await?;
    ensure!(
        ready.message.contains("not true as wanted"),
        "{}",
        ready.message
    );
    // They set it, and nobody changes VMRuntime.
    let setting =
        json!({"spec": {"configuration": {"developerConfiguration": {"useEmulation": true}}}});
    let (kubevirt, by) = (cluster.kubevirt(), PatchParams::default());
    kubevirt
        .patch("theirs", &by, &Patch::Merge(&setting))
        .await?;
    cluster
        .nodes
        .say("n1", super::test_cluster::Answer::Healthy);
    cluster.ready().await?;
    let judged = started_by(&cluster, "EngineChanged").await?;
    ensure!(judged_by(&judged) == json!(true));
    cluster
        .reason(kind::ENGINE_FOREIGN, reason::ADOPTED)
        .await?;
    // The reverse: nobody asks for emulation, and VMs are emulated.
    cluster
        .patch_runtime(json!({"spec": {"useEmulation": false}}))
        .await?;
    cluster
        .reason(kind::ENGINE_FOREIGN, reason::SETTINGS_DIFFER)
        .await?;
    let runtime = cluster.ready().await?;
    let status = runtime.status.unwrap_or_default();
    let emulated = condition::is_true(&status.conditions, kind::EMULATION_FORCED);
    ensure!(emulated, "{status:?}");
    let ready = condition::find(&status.conditions, kind::READY);
    ensure!(
        ready.is_some_and(|ready| ready.message.contains("not false as wanted")),
        "{ready:?}"
    );
    controller.stop().await
}

/// The check that the controller made for that reason, when it has finished.
async fn started_by(
    cluster: &TestCluster,
    trigger: &str,
) -> anyhow::Result<VMRuntimePreflightCheck> {
    until(cluster.checks(), trigger, |checks| {
        checks
            .iter()
            .filter(|check| pass(check).is_some())
            .find(|check| {
                check
                    .annotations()
                    .get(name::PREFLIGHT_TRIGGER)
                    .map(String::as_str)
                    == Some(trigger)
            })
            .cloned()
    })
    .await
}

/// The setting that the nodes were judged by.
fn judged_by(check: &VMRuntimePreflightCheck) -> Value {
    let occasion = &check.annotations()[name::PREFLIGHT_OCCASION];
    let occasion: Value = serde_json::from_str(occasion).unwrap_or_default();
    occasion["useEmulation"].clone()
}

/// Enabled and ready on an engine that somebody else has installed.
pub async fn on_their_engine(cluster: &TestCluster) -> anyhow::Result<Controller> {
    let mut options = TestCluster::options()?;
    let manifests = options.engine_manifests.take().unwrap_or_default();
    install_by_hand(cluster, &manifests).await?;
    their_kubevirt(cluster).await?;
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    Ok(controller)
}

/// What an administrator who runs KubeVirt would have done.
pub async fn install_by_hand(
    cluster: &TestCluster,
    manifests: &bmctl::controller::EngineManifests,
) -> anyhow::Result<()> {
    for object in manifests.objects() {
        let types = object.types.clone().unwrap_or_default();
        let kind = kube::core::GroupVersionKind::try_from(&types)?;
        let (resource, capabilities) = kube::discovery::pinned_kind(&cluster.client, &kind).await?;
        let api: Api<DynamicObject> = match capabilities.scope {
            kube::discovery::Scope::Cluster => Api::all_with(cluster.client.clone(), &resource),
            kube::discovery::Scope::Namespaced => Api::namespaced_with(
                cluster.client.clone(),
                object.metadata.namespace.as_deref().unwrap_or("default"),
                &resource,
            ),
        };
        api.create(&PostParams::default(), object).await?;
    }
    Ok(())
}

/// And somebody's own engine.
async fn their_kubevirt(cluster: &TestCluster) -> anyhow::Result<()> {
    let kubevirt: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "theirs"},
        "spec": {"infra": {"nodePlacement": {}}},
    }))?;
    let (kubevirts, by) = (cluster.kubevirt(), PostParams::default());
    settles("its kind is served", async || {
        Ok(kubevirts.create(&by, &kubevirt).await.map(drop)?)
    })
    .await
}

async fn no_operator(cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = TestCluster::options()?;
    options.engine_manifests = None;
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    let missing = cluster
        .condition(kind::ENGINE_OPERATOR_MISSING, ConditionStatus::True)
        .await?;
    ensure!(missing.reason == reason::OPERATOR_NOT_FOUND);
    ensure!(missing.message.contains("--engine-manifests"));
    cluster.phase("Degraded").await?;
    cluster.enable(false).await?;
    cluster.phase("Disabled").await?;
    // An administrator reads that, and installs it.
    cluster.enable(true).await?;
    cluster.phase("Degraded").await?;
    let operators = EngineManifests::from_parts(OPERATOR_MANIFESTS)?;
    install_by_hand(&cluster, &operators).await?;
    cluster.ready().await?;
    cluster
        .condition(kind::ENGINE_OPERATOR_MISSING, ConditionStatus::False)
        .await?;
    controller.stop().await
}
