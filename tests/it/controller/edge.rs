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
    interference::{Interference, Refusal},
    table::trial,
    test_cluster::{TestCluster, run},
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
        trial("unknown_vms_are_no_vms_to_forget", unknown_machines),
    ]
}

async fn no_object(test_cluster: TestCluster) -> anyhow::Result<()> {
    let controller = test_cluster.enabled().await?;
    test_cluster.machine("vm").await?;
    let first = test_cluster.runtime().get(name::VMRUNTIME).await?.uid();
    let engine = test_cluster.kubevirt().get("kubevirt").await?.uid();
    test_cluster
        .runtime()
        .delete(name::VMRUNTIME, &DeleteParams::default())
        .await?;
    let blocked = test_cluster
        .status("another object that protects the VM", |runtime, status| {
            runtime.uid() != first && status.phase.as_deref() == Some("DisableBlocked")
        })
        .await?;
    ensure!(!blocked.spec.enabled);
    ensure!(blocked.annotations()[name::FORCE_DISABLE] == "false");
    test_cluster.machines().get("vm").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    ensure!(test_cluster.kubevirt().get("kubevirt").await?.uid() == engine);
    controller.stop().await
}

async fn second_name(test_cluster: TestCluster) -> anyhow::Result<()> {
    let controller = test_cluster.enabled().await?;
    let other = serde_json::from_value(json!({
        "metadata": {"name": "other"}, "spec": {"enabled": false},
    }))?;
    let refused = test_cluster
        .runtime()
        .create(&PostParams::default(), &other)
        .await;
    let refused = refused.unwrap_err().to_string();
    ensure!(refused.contains("its name is vmruntime"), "{refused}");
    test_cluster.ready().await?;
    controller.stop().await
}

async fn no_spec(test_cluster: TestCluster) -> anyhow::Result<()> {
    let bare = serde_json::from_value::<DynamicObject>(json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime", "metadata": {"name": "vmruntime"},
    }))?;
    let objects = test_cluster.untyped();
    objects.create(&PostParams::default(), &bare).await?;
    let controller = test_cluster.start(TestCluster::options()?);
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster.patch_runtime(json!({"spec": null})).await?;
    test_cluster.phase("Disabled").await?;
    test_cluster
        .gone(test_cluster.kubevirt(), "no KubeVirt")
        .await?;
    controller.stop().await
}

/// Of the spec they are somebody's settings for a newer controller, of the status another controller's words.
async fn unknown_fields(test_cluster: TestCluster) -> anyhow::Result<()> {
    let controller = test_cluster.installed().await?;
    let spec = json!({
        "enableGPU": true, "haPolicy": {"defaultRecoveryStrategy": "Reschedule"},
        "storage": {"defaultStorageClass": "fast"}, "evictionPolicy": {"maxMigrationAttemptsPerVM": 3},
        "featureGates": {"new": true}, "ofTomorrow": [{"a": 1}],
    });
    let patch = json!({"spec": spec});
    test_cluster.patch_runtime(patch).await?;
    let parameters = PatchParams::default();
    let status = json!({"status": {"ofTomorrow": {"a": 1}}});
    test_cluster
        .runtime()
        .patch_status(name::VMRUNTIME, &parameters, &Patch::Merge(&status))
        .await?;
    for enabled in [true, false] {
        test_cluster.enable(enabled).await?;
        test_cluster
            .phase(if enabled { "Ready" } else { "Disabled" })
            .await?;
        let object = test_cluster.untyped().get(name::VMRUNTIME).await?;
        for (field, value) in spec.as_object().unwrap() {
            ensure!(&object.data["spec"][field] == value, "{field}: {object:?}");
        }
        ensure!(object.data["status"]["ofTomorrow"]["a"] == 1, "{object:?}");
    }
    controller.stop().await
}

async fn unknown_machines(test_cluster: TestCluster) -> anyhow::Result<()> {
    let interference = Interference::default();
    let client = interference.before(test_cluster.account());
    let controller = test_cluster.enabled_by(client).await?;
    test_cluster.machine("vm").await?;
    test_cluster.force("true").await?;
    interference.refuse(|request| {
        let lists = request.method() == Method::GET
            && request
                .uri()
                .path()
                .ends_with("/virtualmachineinstancereplicasets");
        lists.then_some(Refusal(403, "Forbidden", "somebody took a right away"))
    });
    test_cluster.enable(false).await?;
    test_cluster.phase("Fencing").await?;
    let unknown = test_cluster
        .condition(kind::DEGRADED, ConditionStatus::True)
        .await?;
    ensure!(unknown.reason == reason::WORKLOADS_UNKNOWN, "{unknown:?}");
    ensure!(
        unknown.message.contains("somebody took a right away"),
        "{unknown:?}"
    );
    let runtime = test_cluster.runtime().get(name::VMRUNTIME).await?;
    ensure!(runtime.status.unwrap_or_default().workload_count.is_none());
    let machine = test_cluster.machines().get("vm").await?;
    ensure!(machine.metadata.deletion_timestamp.is_none());
    let engine = test_cluster.kubevirt().get("kubevirt").await?;
    ensure!(engine.metadata.deletion_timestamp.is_none());
    interference.relent();
    // Any news has it looked at again; nobody has to wait for the timer.
    test_cluster.force("true ").await?;
    test_cluster.phase("DisableBlocked").await?;
    test_cluster.force("true").await?;
    test_cluster.phase("Disabled").await?;
    controller.stop().await
}
