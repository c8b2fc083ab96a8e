//! What is seldom so: no object, a second one, no spec, fields of tomorrow, VMs that nobody may count.

use anyhow::ensure;
use bmctl::api::{
    condition::{ConditionStatus, kind, reason},
    name,
};
use http::Method;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    meddler::{Meddler, Refusal},
    stage::{Controller, Stage, run},
    table::told,
};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "controller::object_that_is_deleted_comes_back_disabled",
            || run(no_object),
        ),
        Trial::test("controller::second_object_is_refused", || run(second_name)),
        Trial::test("controller::no_spec_is_disabled", || run(no_spec)),
        Trial::test("controller::unknown_fields_are_kept", || {
            run(unknown_fields)
        }),
        told("unknown_vms_are_no_vms_to_forget", unknown_machines),
    ]
}

async fn no_object(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.machine("vm").await?;
    let first = stage.runtime().get(name::VMRUNTIME).await?.uid();
    let engine = stage.kubevirt().get("kubevirt").await?.uid();
    stage
        .runtime()
        .delete(name::VMRUNTIME, &DeleteParams::default())
        .await?;
    let blocked = stage
        .status("another object that protects the VM", |runtime, status| {
            runtime.uid() != first && status.phase.as_deref() == Some("DisableBlocked")
        })
        .await?;
    ensure!(!blocked.spec.enabled);
    ensure!(blocked.annotations()[name::FORCE_DISABLE] == "false");
    stage.machines().get("vm").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    ensure!(stage.kubevirt().get("kubevirt").await?.uid() == engine);
    controller.stop().await
}

async fn second_name(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    let other = serde_json::from_value(json!({
        "metadata": {"name": "other"}, "spec": {"enabled": false},
    }))?;
    let refused = stage.runtime().create(&PostParams::default(), &other).await;
    let refused = refused.unwrap_err().to_string();
    ensure!(refused.contains("its name is vmruntime"), "{refused}");
    stage.ready().await?;
    controller.stop().await
}

async fn no_spec(stage: Stage) -> anyhow::Result<()> {
    let bare = serde_json::from_value::<DynamicObject>(json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime", "metadata": {"name": "vmruntime"},
    }))?;
    let objects = stage.untyped();
    objects.create(&PostParams::default(), &bare).await?;
    let controller = stage.start(Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    stage.patch_runtime(json!({"spec": null})).await?;
    stage.phase("Disabled").await?;
    stage.gone(stage.kubevirt(), "no KubeVirt").await?;
    controller.stop().await
}

/// Of the spec they are somebody's settings for a newer controller, of the status another controller's words.
async fn unknown_fields(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.installed().await?;
    let spec = json!({
        "enableGPU": true, "haPolicy": {"defaultRecoveryStrategy": "Reschedule"},
        "storage": {"defaultStorageClass": "fast"}, "evictionPolicy": {"maxMigrationAttemptsPerVM": 3},
        "featureGates": {"new": true}, "ofTomorrow": [{"a": 1}],
    });
    let patch = json!({"spec": spec});
    stage.patch_runtime(patch).await?;
    let parameters = PatchParams::default();
    let status = json!({"status": {"ofTomorrow": {"a": 1}}});
    stage
        .runtime()
        .patch_status(name::VMRUNTIME, &parameters, &Patch::Merge(&status))
        .await?;
    for enabled in [true, false] {
        stage.enable(enabled).await?;
        stage
            .phase(if enabled { "Ready" } else { "Disabled" })
            .await?;
        let object = stage.untyped().get(name::VMRUNTIME).await?;
        for (field, value) in spec.as_object().unwrap() {
            ensure!(&object.data["spec"][field] == value, "{field}: {object:?}");
        }
        ensure!(object.data["status"]["ofTomorrow"]["a"] == 1, "{object:?}");
    }
    controller.stop().await
}

async fn unknown_machines(stage: Stage) -> anyhow::Result<()> {
    let meddler = Meddler::default();
    let controller = Controller::start(meddler.before(stage.account()), Stage::options()?);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    stage.machine("vm").await?;
    stage.force("true").await?;
    meddler.refuse(|request| {
        let lists = request.method() == Method::GET
            && request
                .uri()
                .path()
                .ends_with("/virtualmachineinstancereplicasets");
        lists.then_some(Refusal(403, "Forbidden", "somebody took a right away"))
    });
    stage.enable(false).await?;
    stage.phase("Fencing").await?;
    let unknown = stage
        .condition(kind::DEGRADED, ConditionStatus::True)
        .await?;
    ensure!(unknown.reason == reason::WORKLOADS_UNKNOWN, "{unknown:?}");
    ensure!(
        unknown.message.contains("somebody took a right away"),
        "{unknown:?}"
    );
    let runtime = stage.runtime().get(name::VMRUNTIME).await?;
    ensure!(runtime.status.unwrap_or_default().workload_count.is_none());
    let machine = stage.machines().get("vm").await?;
    ensure!(machine.metadata.deletion_timestamp.is_none());
    let engine = stage.kubevirt().get("kubevirt").await?;
    ensure!(engine.metadata.deletion_timestamp.is_none());
    meddler.relent();
    // Any news has it looked at again; nobody has to wait for the timer.
    stage.force("true ").await?;
    stage.phase("DisableBlocked").await?;
    stage.force("true").await?;
    stage.phase("Disabled").await?;
    controller.stop().await
}
