//! Removals that do not come to their end: what holds them is said, first in passing and then as `Degraded`, and once it
//! lets go they end at once.

use std::time::Duration;

use anyhow::ensure;
use bmctl::{
    api::{
        VMRuntimeStatus,
        condition::{self, ConditionStatus, kind, reason},
        name::SYSTEM_NAMESPACE,
    },
    controller::{ControllerOptions, EngineManifests},
    simulator::OPERATOR_MANIFESTS,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject},
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    table::trial,
    test_cluster::{TestCluster, run, until},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("slow_removal_is_said", operator_away),
        trial("slow_drain_is_said", drain),
        Trial::test("controller::a_namespace_that_goes_late_is_noticed", || {
            run(namespace)
        }),
        Trial::test(
            "controller::what_holds_an_engine_that_is_wanted_again_is_said",
            || run(wanted_again),
        ),
    ]
}

const HOLD: &str = "example.com/hold";
const AWAY: &str = "virt-operator in vm-system has to remove the finalizer, and is scaled to 0";

/// A controller that looks for causes at once, and calls slow what takes a second.
fn impatient() -> anyhow::Result<ControllerOptions> {
    let mut options = TestCluster::options()?;
    options.pace.explain = Duration::ZERO;
    options.pace.removal = Duration::from_millis(100);
    options.pace.install = Duration::from_secs(1);
    Ok(options)
}

fn says(status: &VMRuntimeStatus, type_: &str, text: &str) -> bool {
    let condition = condition::find(&status.conditions, type_);
    condition.is_some_and(|condition| condition.message.contains(text))
}

async fn operator_away(cluster: TestCluster) -> anyhow::Result<()> {
    // Its installation is not called slow.
    cluster.enabled().await?.stop().await?;
    cluster.scale_operator(0).await?;
    cluster.enable(false).await?;
    let controller = cluster.start(impatient()?);
    let degraded = cluster
        .condition(kind::DEGRADED, ConditionStatus::True)
        .await?;
    ensure!(
        degraded.reason == reason::ENGINE_UNINSTALL_SLOW,
        "{degraded:?}"
    );
    let kubevirt = cluster.kubevirt().get("kubevirt").await?;
    let command = format!(
        "kubectl scale deployment virt-operator --namespace={SYSTEM_NAMESPACE} --replicas=1"
    );
    for said in [&kubevirt.finalizers().join(", "), AWAY, &command] {
        ensure!(
            degraded.message.contains(said),
            "{degraded:?} without {said}"
        );
        cluster
            .status(said, |_, status| says(status, kind::PROGRESSING, said))
            .await?;
    }
    is_an_event(&cluster, reason::ENGINE_UNINSTALL_SLOW).await?;
    cluster.scale_operator(1).await?;
    cluster.phase("Disabled").await?;
    cluster
        .condition(kind::DEGRADED, ConditionStatus::False)
        .await?;
    controller.stop().await
}

async fn is_an_event(cluster: &TestCluster, reason: &str) -> anyhow::Result<()> {
    let resource = ApiResource::erase::<k8s_openapi::api::events::v1::Event>(&());
    let events: Api<DynamicObject> =
        Api::namespaced_with(cluster.client.clone(), "default", &resource);
    until(events, &format!("an Event: {reason}"), |events| {
        let is_it = |event: &DynamicObject| {
            event.data["reason"] == *reason && event.data["type"] == "Warning"
        };
        events.iter().any(is_it).then_some(())
    })
    .await
}

async fn drain(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.machine("held").await?;
    hold_machine(&cluster, &json!([HOLD])).await?;
    controller.stop().await?;
    cluster.force("true").await?;
    cluster.enable(false).await?;
    let controller = cluster.start(impatient()?);
    let degraded = cluster
        .condition(kind::DEGRADED, ConditionStatus::True)
        .await?;
    ensure!(degraded.reason == reason::DRAIN_SLOW, "{degraded:?}");
    ensure!(
        degraded
            .message
            .starts_with("1 virtual machine is being deleted"),
        "{degraded:?}"
    );
    let held = cluster.machines().get("held").await?;
    ensure!(
        held.finalizers().contains(&HOLD.to_owned()),
        "never stripped"
    );
    hold_machine(&cluster, &json!([])).await?;
    cluster.phase("Disabled").await?;
    cluster.force("false").await?;
    controller.stop().await
}

async fn hold_machine(cluster: &TestCluster, finalizers: &Value) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let by = PatchParams::default();
    cluster.machines().patch("held", &by, &patch).await?;
    Ok(())
}

/// The operators, and a namespace beside them. Nobody watches namespaces, and the resync is far away.
async fn namespace(cluster: TestCluster) -> anyhow::Result<()> {
    const NAME: &str = "engine-of-the-test";
    let file = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAME}}}\n");
    let files = [("00-namespace.yaml", file.as_str())].into_iter();
    let mut options = impatient()?;
    options.pace.install = Duration::from_secs(3600);
    options.pace.resync = Duration::from_secs(3600);
    options.engine_manifests = Some(EngineManifests::from_parts(
        files.chain(OPERATOR_MANIFESTS),
    )?);
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    let inside: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), NAME);
    let held = serde_json::from_value(json!({"metadata": {"name": "held", "finalizers": [HOLD]}}))?;
    inside.create(&PostParams::default(), &held).await?;
    cluster.enable(false).await?;
    let left = format!("still there: namespaces {NAME}");
    let why = format!("finalizers remaining: {HOLD} in 1 resource instances");
    cluster
        .status(&why, |_, status| {
            says(status, kind::PROGRESSING, &left) && says(status, kind::PROGRESSING, &why)
        })
        .await?;
    // Now it goes, and nothing else happens.
    let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    inside
        .patch("held", &PatchParams::default(), &release)
        .await?;
    cluster.phase("Disabled").await?;
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    ensure!(namespaces.get_opt(NAME).await?.is_none());
    controller.stop().await
}

async fn wanted_again(cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = impatient()?;
    options.pace.install = Duration::from_secs(3600);
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    cluster.scale_operator(0).await?;
    cluster.enable(false).await?;
    until(cluster.kubevirt(), "KubeVirt is being deleted", |objects| {
        let mut objects = objects.iter();
        let going = objects.any(|object| object.metadata.deletion_timestamp.is_some());
        going.then_some(())
    })
    .await?;
    cluster.enable(true).await?;
    cluster
        .status(AWAY, |runtime, status| {
            runtime.spec.enabled && says(status, kind::READY, AWAY)
        })
        .await?;
    cluster.scale_operator(1).await?;
    cluster.ready().await?;
    controller.stop().await
}
