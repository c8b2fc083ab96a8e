//! From ready to disabled: what protects VMs, what permits deleting them, and changes of mind.

use anyhow::ensure;
use bmctl::api::{
    condition::{ConditionStatus, kind},
    name,
};
use kube::{ResourceExt, api::DeleteParams};
use libtest_mimic::Trial;
use serde_json::json;

use super::stage::{Stage, run, until};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::disable_removes_the_engine", || run(removes)),
        Trial::test("controller::disable_is_blocked_by_vms", || run(blocked)),
        Trial::test("controller::annotation_drains", || run(drains)),
        Trial::test("controller::enable_in_the_middle_of_a_disable", || {
            run(middle)
        }),
        Trial::test("controller::creation_is_closed_while_disabled", || {
            run(closed)
        }),
        Trial::test("controller::fence_closes_creation_while_enabled", || {
            run(fence)
        }),
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

async fn closed(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    stage.machine("vm").await?;
    stage.enable(false).await?;
    stage.phase("DisableBlocked").await?;
    let refused = stage.create_machine("another").await.unwrap_err();
    ensure!(
        refused.to_string().contains("VM Runtime is not enabled"),
        "{refused}"
    );
    controller.stop().await
}

async fn fence(stage: Stage) -> anyhow::Result<()> {
    let controller = stage.enabled().await?;
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    stage
        .patch_runtime(json!({"metadata": {"annotations": {
            name::CREATION_FENCE_UNTIL: until.to_string(),
        }}}))
        .await?;
    let closed = stage
        .condition(kind::VM_CREATION_ALLOWED, ConditionStatus::False)
        .await?;
    let refused = stage.create_machine("vm").await.unwrap_err();
    ensure!(refused.to_string().contains(&closed.message), "{refused}");
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
