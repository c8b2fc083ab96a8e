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
    table::trial,
    test_cluster::{TestCluster, run, until},
};
use crate::test_server::assets;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("disable_removes_the_engine", removes),
        trial("disable_is_blocked_by_vms", blocked),
        trial("annotation_drains", drains),
        trial("enable_in_the_middle_of_a_disable", middle),
        trial("enable_in_the_middle_of_a_drain", drain_called_off),
        Trial::test("controller::enable_in_the_middle_of_fencing", || {
            run(fencing_called_off)
        }),
        Trial::test("controller::creation_is_closed_while_disabled", || {
            run(closed)
        }),
        trial("fence_closes_creation_while_enabled", fence),
        Trial::test("controller::restarted_while_uninstalling", || {
            run(restarted)
        }),
    ]
}

async fn removes(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.enable(false).await?;
    cluster.phase("Disabled").await?;
    cluster.gone(cluster.kubevirt(), "no KubeVirt").await?;
    until(cluster.pods(), "no pod is left in vm-system", |pods| {
        pods.is_empty().then_some(())
    })
    .await?;
    controller.stop().await
}

async fn blocked(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.machine("vm").await?;
    cluster.enable(false).await?;
    let blocked = cluster
        .condition(kind::DISABLE_BLOCKED, ConditionStatus::True)
        .await?;
    ensure!(blocked.message.contains("default/vm"), "{blocked:?}");
    cluster.phase("DisableBlocked").await?;
    cluster.machines().get("vm").await?;
    cluster.kubevirt().get("kubevirt").await?;
    cluster
        .machines()
        .delete("vm", &DeleteParams::default())
        .await?;
    cluster.phase("Disabled").await?;
    controller.stop().await
}

async fn drains(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.machine("one").await?;
    cluster.machine("two").await?;
    cluster.enable(false).await?;
    cluster.phase("DisableBlocked").await?;
    cluster.force("true").await?;
    cluster.phase("Disabled").await?;
    cluster.gone(cluster.machines(), "no machine").await?;
    cluster
        .condition(kind::FORCE_ANNOTATION_LEFT, ConditionStatus::True)
        .await?;
    cluster.force("false").await?;
    cluster
        .condition(kind::FORCE_ANNOTATION_LEFT, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn middle(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.machine("vm").await?;
    let uid = cluster.machines().get("vm").await?.uid();
    cluster.enable(false).await?;
    cluster.phase("DisableBlocked").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    ensure!(cluster.machines().get("vm").await?.uid() == uid);
    cluster
        .machines()
        .delete("vm", &DeleteParams::default())
        .await?;
    cluster
        .status("no workload", |_, status| status.workload_count == Some(0))
        .await?;
    // Now in the middle of the removal itself.
    cluster.enable(false).await?;
    cluster
        .status("uninstalling", |_, status| {
            status.phase.as_deref() == Some("Uninstalling")
        })
        .await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    cluster.kubevirt().get("kubevirt").await?;
    controller.stop().await
}

async fn drain_called_off(cluster: TestCluster) -> anyhow::Result<()> {
    const HOLD: &str = "example.com/hold";
    let controller = cluster.enabled().await?;
    cluster.machine("held").await?;
    let hold = |finalizers: serde_json::Value| {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        let machines = cluster.machines();
        async move {
            machines
                .patch("held", &PatchParams::default(), &patch)
                .await
        }
    };
    let mut finalizers = cluster.machines().get("held").await?.finalizers().to_vec();
    finalizers.push(HOLD.to_owned());
    hold(json!(finalizers)).await?;
    cluster.force("true").await?;
    cluster.enable(false).await?;
    cluster.phase("Draining").await?;
    until(cluster.machines(), "its deletion is accepted", |machines| {
        let going =
            |machine: &&kube::core::DynamicObject| machine.metadata.deletion_timestamp.is_some();
        machines.iter().any(|machine| going(&machine)).then_some(())
    })
    .await?;
    // What has begun to go goes; what comes now is nobody's to delete.
    cluster.enable(true).await?;
    cluster.ready().await?;
    cluster
        .condition(kind::FORCE_ANNOTATION_LEFT, ConditionStatus::True)
        .await?;
    cluster.machine("new").await?;
    let held = cluster.machines().get("held").await?;
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
    until(cluster.machines(), "only the new one is left", |machines| {
        let names: Vec<String> = machines.iter().map(ResourceExt::name_any).collect();
        (names == ["new"]).then_some(())
    })
    .await?;
    ensure!(
        cluster
            .machines()
            .get("new")
            .await?
            .metadata
            .deletion_timestamp
            .is_none()
    );
    cluster.kubevirt().get("kubevirt").await?;
    controller.stop().await
}

async fn fencing_called_off(cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = TestCluster::options()?;
    // So long that nobody gets beyond it.
    options.pace.settle = std::time::Duration::from_secs(3600);
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    let uid = cluster.kubevirt().get("kubevirt").await?.uid();
    cluster.enable(false).await?;
    cluster.phase("Fencing").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    ensure!(
        cluster.kubevirt().get("kubevirt").await?.uid() == uid,
        "the engine was never removed"
    );
    cluster.machine("vm").await?;
    controller.stop().await
}

async fn closed(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.machine("vm").await?;
    cluster.enable(false).await?;
    cluster.phase("DisableBlocked").await?;
    cluster
        .refuses_machines("VM Runtime is not enabled")
        .await?;
    controller.stop().await
}

async fn fence(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let until = jiff::Timestamp::now()
        + jiff::SignedDuration::from_secs(if assets().is_some() { 60 } else { 3 });
    cluster
        .patch_runtime(json!({"metadata": {"annotations": {
            name::CREATION_FENCE_UNTIL: until.to_string(),
        }}}))
        .await?;
    let closed = cluster
        .condition(kind::VM_CREATION_ALLOWED, ConditionStatus::False)
        .await?;
    cluster.refuses_machines(&closed.message).await?;
    // It expires by itself.
    cluster.machine("vm").await?;
    controller.stop().await
}

async fn restarted(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.enable(false).await?;
    cluster
        .status("uninstalling", |_, status| {
            status.phase.as_deref() == Some("Uninstalling")
        })
        .await?;
    controller.stop().await?;
    let controller = cluster.start(TestCluster::options()?);
    cluster.phase("Disabled").await?;
    cluster.gone(cluster.kubevirt(), "no KubeVirt").await?;
    controller.stop().await
}
