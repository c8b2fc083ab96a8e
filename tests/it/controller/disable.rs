//! From ready to disabled: what protects VMs, what permits deleting them, and changes of mind.

use anyhow::ensure;
use bmctl::api::{
    condition::{ConditionStatus, kind},
    name,
};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    stage::{Stage, run, until},
    table::told,
};
use crate::ground::assets;

pub fn trials() -> Vec<Trial> {
    vec![
        told("disable_removes_the_engine", removes),
        told("disable_is_blocked_by_vms", blocked),
        told("annotation_drains", drains),
        told("enable_in_the_middle_of_a_disable", middle),
        told("enable_in_the_middle_of_a_drain", drain_called_off),
        Trial::test("controller::enable_in_the_middle_of_fencing", || {
            run(fencing_called_off)
        }),
        Trial::test("controller::creation_is_closed_while_disabled", || {
            run(closed)
        }),
        told("fence_closes_creation_while_enabled", fence),
        Trial::test("controller::restarted_while_uninstalling", || {
            run(restarted)
        }),
    ]
}

async fn removes(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    stage.gone(stage.kubevirt(), "no KubeVirt").await?;
    until(stage.pods(), "no pod is left in vm-system", |pods| {
        pods.is_empty().then_some(())
    })
    .await?;
    controller.stop().await
}

async fn blocked(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.machine("vm").await?;
    stage.enable(false).await?;
    let blocked = stage
        .condition(kind::DISABLE_BLOCKED, ConditionStatus::True)
        .await?;
    ensure!(blocked.message.contains("default/vm"), "{blocked:?}");
    stage.phase("DisableBlocked").await?;
    stage.machines().get("vm").await?;
    stage.kubevirt().get("kubevirt").await?;
    stage
        .machines()
        .delete("vm", &DeleteParams::default())
        .await?;
    stage.phase("Disabled").await?;
    controller.stop().await
}

async fn drains(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.machine("one").await?;
    stage.machine("two").await?;
    stage.enable(false).await?;
    stage.phase("DisableBlocked").await?;
    stage.force("true").await?;
    stage.phase("Disabled").await?;
    stage.gone(stage.machines(), "no machine").await?;
    stage
        .condition(kind::FORCE_ANNOTATION_LEFT, ConditionStatus::True)
        .await?;
    stage.force("false").await?;
    stage
        .condition(kind::FORCE_ANNOTATION_LEFT, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn middle(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.machine("vm").await?;
    let uid = stage.machines().get("vm").await?.uid();
    stage.enable(false).await?;
    stage.phase("DisableBlocked").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    ensure!(stage.machines().get("vm").await?.uid() == uid);
    stage
        .machines()
        .delete("vm", &DeleteParams::default())
        .await?;
    stage
        .status("no workload", |_, status| status.workload_count == Some(0))
        .await?;
    // Now in the middle of the removal itself.
    stage.enable(false).await?;
    stage
        .status("uninstalling", |_, status| {
            status.phase.as_deref() == Some("Uninstalling")
        })
        .await?;
    stage.enable(true).await?;
    stage.ready().await?;
    stage.kubevirt().get("kubevirt").await?;
    controller.stop().await
}

async fn drain_called_off(stage: Stage) -> anyhow::Result<()> {
    const HOLD: &str = "example.com/hold";
    let controller = stage.enabled().await?;
    stage.machine("held").await?;
    let hold = |finalizers: serde_json::Value| {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        let machines = stage.machines();
        async move {
            machines
                .patch("held", &PatchParams::default(), &patch)
                .await
        }
    };
    let mut finalizers = stage.machines().get("held").await?.finalizers().to_vec();
    finalizers.push(HOLD.to_owned());
    hold(json!(finalizers)).await?;
    stage.force("true").await?;
    stage.enable(false).await?;
    stage.phase("Draining").await?;
    until(stage.machines(), "its deletion is accepted", |machines| {
        let going =
            |machine: &&kube::core::DynamicObject| machine.metadata.deletion_timestamp.is_some();
        machines.iter().any(|machine| going(&machine)).then_some(())
    })
    .await?;
    // What has begun to go goes; what comes now is nobody's to delete.
    stage.enable(true).await?;
    stage.ready().await?;
    stage
        .condition(kind::FORCE_ANNOTATION_LEFT, ConditionStatus::True)
        .await?;
    stage.machine("new").await?;
    let held = stage.machines().get("held").await?;
    ensure!(
        held.finalizers().iter().any(|one| one == HOLD),
        "never stripped"
    );
    let rest: Vec<&String> = held
        .finalizers()
        .iter()
        .filter(|one| *one != HOLD)
        .collect();
    hold(json!(rest)).await?;
    until(stage.machines(), "only the new one is left", |machines| {
        let names: Vec<String> = machines.iter().map(ResourceExt::name_any).collect();
        (names == ["new"]).then_some(())
    })
    .await?;
    ensure!(
        stage
            .machines()
            .get("new")
            .await?
            .metadata
            .deletion_timestamp
            .is_none()
    );
    stage.kubevirt().get("kubevirt").await?;
    controller.stop().await
}

async fn fencing_called_off(stage: Stage) -> anyhow::Result<()> {
    let mut options = Stage::options()?;
    // So long that nobody gets beyond it.
    options.pace.settle = std::time::Duration::from_secs(3600);
    let controller = stage.start(options);
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    let uid = stage.kubevirt().get("kubevirt").await?.uid();
    stage.enable(false).await?;
    stage.phase("Fencing").await?;
    stage.enable(true).await?;
    stage.ready().await?;
    ensure!(
        stage.kubevirt().get("kubevirt").await?.uid() == uid,
        "the engine was never removed"
    );
    stage.machine("vm").await?;
    controller.stop().await
}

async fn closed(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.machine("vm").await?;
    stage.enable(false).await?;
    stage.phase("DisableBlocked").await?;
    stage.refuses_machines("VM Runtime is not enabled").await?;
    controller.stop().await
}

async fn fence(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    let until = jiff::Timestamp::now()
        + jiff::SignedDuration::from_secs(if assets().is_some() { 60 } else { 3 });
    stage
        .patch_runtime(json!({"metadata": {"annotations": {
            name::CREATION_FENCE_UNTIL: until.to_string(),
        }}}))
        .await?;
    let closed = stage
        .condition(kind::VM_CREATION_ALLOWED, ConditionStatus::False)
        .await?;
    stage.refuses_machines(&closed.message).await?;
    // It expires by itself.
    stage.machine("vm").await?;
    controller.stop().await
}

async fn restarted(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.enable(false).await?;
    stage
        .status("uninstalling", |_, status| {
            status.phase.as_deref() == Some("Uninstalling")
        })
        .await?;
    controller.stop().await?;
    let controller = stage.start(Stage::options()?);
    stage.phase("Disabled").await?;
    stage.gone(stage.kubevirt(), "no KubeVirt").await?;
    controller.stop().await
}
