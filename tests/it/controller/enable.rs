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
    news::settles,
    stage::{Controller, Stage, pass, run, until},
    table::told,
};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::ships_the_object_disabled", || run(ships)),
        told("enable_ends_ready", ends_ready),
        told("enable_again_checks_again", checks_again),
        told("emulation_is_handed_on", emulation),
        told("foreign_engine_is_used_and_kept", foreign),
        told("nodes_are_judged_by_the_engines_own_setting", their_setting),
        told("missing_operator_is_said", no_operator),
    ]
}

async fn ships(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.installed().await?;
    let runtime = stage.runtime().get(name::VMRUNTIME).await?;
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

async fn ends_ready(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    let runtime = stage.runtime().get(name::VMRUNTIME).await?;
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
    let kubevirt = stage.kubevirt().get("kubevirt").await?;
    ensure!(kubevirt.data["spec"]["uninstallStrategy"] == "BlockUninstallIfWorkloadsExist");
    stage.machine("vm").await?;
    stage
        .status("one workload", |_, status| status.workload_count == Some(1))
        .await?;
    until(stage.pods(), "no probe pod is left", |pods| {
        pods.iter()
            .all(|pod| !pod.labels().contains_key(name::PREFLIGHT_CHECK_LABEL))
            .then_some(())
    })
    .await?;
    controller.stop().await
}

/// What was true before a disable says nothing about after an enable.
async fn checks_again(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    let first = stage.finished_checks(1).await?;
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    stage.nodes.say("n1", super::stage::Answer::NoKvm);
    stage.enable(true).await?;
    let second = stage.finished_checks(2).await?;
    ensure!(second.name_any() != first.name_any());
    ensure!(pass(&second) == Some(false));
    let runtime = stage.phase("Degraded").await?;
    ensure!(runtime.status.unwrap_or_default().ready == Some(false));
    controller.stop().await
}

async fn emulation(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage
        .patch_runtime(json!({"spec": {"useEmulation": true}}))
        .await?;
    stage.ready().await?;
    stage
        .condition(kind::EMULATION_FORCED, ConditionStatus::True)
        .await?;
    stage.finished_checks(2).await?;
    let kubevirt = stage.kubevirt().get("kubevirt").await?;
    let configured = &kubevirt.data["spec"]["configuration"]["developerConfiguration"];
    ensure!(configured["useEmulation"] == true, "{configured}");
    stage
        .patch_runtime(json!({"spec": {"useEmulation": false}}))
        .await?;
    stage
        .condition(kind::EMULATION_FORCED, ConditionStatus::False)
        .await?;
    stage.ready().await?;
    controller.stop().await
}

async fn foreign(stage: Stage) -> anyhow::Result<()> {
    let controller = on_their_engine(&stage).await?;
    stage
        .condition(kind::ENGINE_FOREIGN, ConditionStatus::True)
        .await?;
    let before = stage.kubevirt().get("theirs").await?;
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    let after = stage.kubevirt().get("theirs").await?;
    ensure!(before.uid() == after.uid() && after.metadata.deletion_timestamp.is_none());
    ensure!(before.metadata.generation == after.metadata.generation);
    // It has been up all the time: only the check is waited for.
    stage.enable(true).await?;
    stage.ready().await?;
    controller.stop().await
}

/// Whoever owns KubeVirt decides whether it emulates; a check that waives KVM because VMRuntime asks for emulation would
/// be a false green.
async fn their_setting(stage: Stage) -> anyhow::Result<()> {
    let controller = on_their_engine(&stage).await?;
    stage.nodes.say("n1", super::stage::Answer::NoKvm);
    stage
        .patch_runtime(json!({"spec": {"useEmulation": true}}))
        .await?;
    let judged = started_by(&stage, "SettingsChanged").await?;
    ensure!(judged_by(&judged) == json!(false), "KVM was waived");
    ensure!(pass(&judged) == Some(false));
    let said = stage
        .reason(kind::ENGINE_FOREIGN, reason::SETTINGS_DIFFER)
        .await?;
    ensure!(said.message.contains("theirs"), "{}", said.message);
    let ready = stage.condition(kind::READY, ConditionStatus::False).await?;
    ensure!(
        ready.message.contains("not true as wanted"),
        "{}",
        ready.message
    );
    // They set it, and nobody changes VMRuntime.
    let setting =
        json!({"spec": {"configuration": {"developerConfiguration": {"useEmulation": true}}}});
    let (kubevirt, by) = (stage.kubevirt(), PatchParams::default());
    kubevirt
        .patch("theirs", &by, &Patch::Merge(&setting))
        .await?;
    stage.nodes.say("n1", super::stage::Answer::Healthy);
    stage.ready().await?;
    let judged = started_by(&stage, "EngineChanged").await?;
    ensure!(judged_by(&judged) == json!(true));
    stage.reason(kind::ENGINE_FOREIGN, reason::ADOPTED).await?;
    // The reverse: nobody asks for emulation, and VMs are emulated.
    stage
        .patch_runtime(json!({"spec": {"useEmulation": false}}))
        .await?;
    stage
        .reason(kind::ENGINE_FOREIGN, reason::SETTINGS_DIFFER)
        .await?;
    let runtime = stage.ready().await?;
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
async fn started_by(stage: &Stage, trigger: &str) -> anyhow::Result<VMRuntimePreflightCheck> {
    until(stage.checks(), trigger, |checks| {
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
pub async fn on_their_engine(stage: &Stage) -> anyhow::Result<Controller> {
    let mut options = Stage::options()?;
    let manifests = options.engine_manifests.take().unwrap_or_default();
    install_by_hand(stage, &manifests).await?;
    their_kubevirt(stage).await?;
    let controller = stage.start(options);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    Ok(controller)
}

/// What an administrator who runs KubeVirt would have done.
pub async fn install_by_hand(
    stage: &Stage,
    manifests: &bmctl::controller::EngineManifests,
) -> anyhow::Result<()> {
    for object in manifests.objects() {
        let types = object.types.clone().unwrap_or_default();
        let kind = kube::core::GroupVersionKind::try_from(&types)?;
        let (resource, capabilities) = kube::discovery::pinned_kind(&stage.client, &kind).await?;
        let api: Api<DynamicObject> = match capabilities.scope {
            kube::discovery::Scope::Cluster => Api::all_with(stage.client.clone(), &resource),
            kube::discovery::Scope::Namespaced => Api::namespaced_with(
                stage.client.clone(),
                object.metadata.namespace.as_deref().unwrap_or("default"),
                &resource,
            ),
        };
        api.create(&PostParams::default(), object).await?;
    }
    Ok(())
}

/// And somebody's own engine.
async fn their_kubevirt(stage: &Stage) -> anyhow::Result<()> {
    let kubevirt: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "KubeVirt",
        "metadata": {"name": "theirs"},
        "spec": {"infra": {"nodePlacement": {}}},
    }))?;
    let (kubevirts, by) = (stage.kubevirt(), PostParams::default());
    settles("its kind is served", async || {
        Ok(kubevirts.create(&by, &kubevirt).await.map(drop)?)
    })
    .await
}

async fn no_operator(stage: Stage) -> anyhow::Result<()> {
    let mut options = Stage::options()?;
    options.engine_manifests = None;
    let controller = stage.start(options);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    let missing = stage
        .condition(kind::ENGINE_OPERATOR_MISSING, ConditionStatus::True)
        .await?;
    ensure!(missing.reason == reason::OPERATOR_NOT_FOUND);
    ensure!(missing.message.contains("--engine-manifests"));
    stage.phase("Degraded").await?;
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    // An administrator reads that, and installs it.
    stage.enable(true).await?;
    stage.phase("Degraded").await?;
    let operators = EngineManifests::from_parts(OPERATOR_MANIFESTS)?;
    install_by_hand(&stage, &operators).await?;
    stage.ready().await?;
    stage
        .condition(kind::ENGINE_OPERATOR_MISSING, ConditionStatus::False)
        .await?;
    controller.stop().await
}
