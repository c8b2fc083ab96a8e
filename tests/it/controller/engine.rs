//! The engine as it is found on clusters: somebody else's, half ready, slow, being updated, behind a webhook that is
//! down, and with disks that nobody wants to lose.

use std::time::Duration;

use anyhow::ensure;
use bmctl::{
    api::{
        condition::{ConditionStatus, kind, reason},
        name,
    },
    controller::EngineManifests,
    simulator::{NodeProfile, OPERATOR_MANIFESTS},
};
use http::Method;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Node, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    enable::{install_by_hand, on_their_engine},
    interference::{Interference, Refusal},
    table::{trial, trial_on},
    test_cluster::{Controller, TestCluster, pass, run, run_on, until},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("foreign_engine_goes_by_itself", foreign_goes),
        Trial::test("controller::engine_runs_where_it_may", || {
            run(no_control_plane)?;
            run_on(vec![control_plane()], with_control_plane).map(drop)
        }),
        trial_on("one_node_of_many_is_not_ready", many, one_not_ready),
        Trial::test("controller::update_of_the_engine_is_waited_for", || {
            run(update)
        }),
        trial("an_outage_is_no_installation", outage),
        trial_on("a_node_that_is_left_out_gets_no_vms", two, left_out),
        trial("webhook_is_down", webhook_down),
        trial("slow_installation_is_said", slow),
        trial("disks_keep_cdi", disks),
    ]
}

/// What was up is degraded, whatever of it is missing, and not being installed.
async fn outage(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let deployments: Api<Deployment> =
        Api::namespaced(cluster.client.clone(), name::SYSTEM_NAMESPACE);
    let scale = async |replicas: i32| {
        let patch = json!({"spec": {"replicas": replicas}});
        let by = PatchParams::default();
        deployments
            .patch("virt-api", &by, &Patch::Merge(&patch))
            .await
    };
    scale(0).await?;
    let runtime = cluster.phase("Degraded").await?;
    let degraded = bmctl::api::condition::find(
        &runtime.status.unwrap_or_default().conditions,
        kind::DEGRADED,
    )
    .cloned()
    .unwrap_or_default();
    ensure!(degraded.reason == reason::ENGINE_DOWN, "{degraded:?}");
    ensure!(degraded.message.contains("virt-api"), "{degraded:?}");
    scale(2).await?;
    cluster.ready().await?;
    controller.stop().await
}

fn two() -> Vec<NodeProfile> {
    vec![NodeProfile::pretend("n1"), NodeProfile::pretend("n2")]
}

/// KubeVirt does not know the label: the controller excludes the node where KubeVirt does know it, beside what the user
/// set, and takes that away again.
async fn left_out(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let theirs = json!({"tolerations": [{"operator": "Exists"}]});
    let patch = json!({"spec": {"workloads": {"nodePlacement": theirs}}});
    let by = PatchParams::default();
    cluster
        .kubevirt()
        .patch("kubevirt", &by, &Patch::Merge(&patch))
        .await?;
    cluster.label("n2", name::SKIP_SCHEDULE, json!("")).await?;
    let excluded = until(cluster.kubevirt(), "n2 is excluded", |kubevirts| {
        let placement = &kubevirts.first()?.data["spec"]["workloads"]["nodePlacement"];
        placement
            .to_string()
            .contains(name::SKIP_SCHEDULE)
            .then(|| placement.clone())
    })
    .await?;
    ensure!(
        excluded["tolerations"] == theirs["tolerations"],
        "{excluded}"
    );
    let pods = Api::<Pod>::namespaced(cluster.client.clone(), name::SYSTEM_NAMESPACE);
    until(pods.clone(), "virt-handler is on n1 alone", |pods| {
        let mut nodes = handlers(pods);
        nodes.dedup();
        (nodes == ["n1"]).then_some(())
    })
    .await?;
    // virt-controller places by this label, which follows the pod.
    until(
        Api::<Node>::all(cluster.client.clone()),
        "n2 takes no VMs",
        |nodes| {
            let n2 = nodes.iter().find(|node| node.name_any() == "n2")?;
            let schedulable = n2.labels().get("kubevirt.io/schedulable");
            (schedulable.map(String::as_str) == Some("false")).then_some(())
        },
    )
    .await?;
    cluster.ready().await?;
    for name in ["one", "two", "three"] {
        cluster.machine(name).await?;
        let start = Patch::Merge(json!({"spec": {"running": true}}));
        cluster.machines().patch(name, &by, &start).await?;
    }
    until(
        Api::<Pod>::all(cluster.client.clone()),
        "the VMs run on n1",
        |pods| {
            let launchers = || {
                pods.iter()
                    .filter(|pod| {
                        pod.labels().get("kubevirt.io").map(String::as_str) == Some("virt-launcher")
                    })
                    .filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
            };
            (launchers().count() == 3 && launchers().all(|node| node == "n1")).then_some(())
        },
    )
    .await?;
    cluster
        .label("n2", name::SKIP_SCHEDULE, Value::Null)
        .await?;
    until(cluster.kubevirt(), "n2 is taken in", |kubevirts| {
        let placement = &kubevirts.first()?.data["spec"]["workloads"]["nodePlacement"];
        (*placement == theirs).then_some(())
    })
    .await?;
    until(pods, "virt-handler is back on n2", |pods| {
        (handlers(pods) == ["n1", "n2"]).then_some(())
    })
    .await?;
    controller.stop().await
}

/// The nodes with a virt-handler that stays.
fn handlers(pods: &[Pod]) -> Vec<String> {
    let mut nodes: Vec<String> = pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .filter(|pod| pod.labels().get("kubevirt.io").map(String::as_str) == Some("virt-handler"))
        .filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
        .collect();
    nodes.sort();
    nodes
}

async fn foreign_goes(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = on_their_engine(&cluster).await?;
    cluster
        .kubevirt()
        .delete("theirs", &DeleteParams::default())
        .await?;
    // It is still wanted, so there has to be another one.
    cluster
        .condition(kind::ENGINE_FOREIGN, ConditionStatus::False)
        .await?;
    cluster.ready().await?;
    let ours = cluster.kubevirt().get("kubevirt").await?;
    ensure!(ours.labels()[name::MANAGED_BY] == name::MANAGER);
    controller.stop().await
}

async fn no_control_plane(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let kubevirt = cluster.kubevirt().get("kubevirt").await?;
    ensure!(
        kubevirt.data["spec"]["infra"]["nodePlacement"] == json!({}),
        "{kubevirt:?}"
    );
    controller.stop().await
}

fn control_plane() -> NodeProfile {
    NodeProfile {
        control_plane: true,
        ..NodeProfile::pretend("n1")
    }
}

async fn with_control_plane(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let kubevirt = cluster.kubevirt().get("kubevirt").await?;
    ensure!(
        kubevirt.data["spec"]["infra"] == Value::Null,
        "{kubevirt:?}"
    );
    controller.stop().await
}

/// `BMCTL_NODES=5000` plays as many.
fn many() -> Vec<NodeProfile> {
    let wanted = std::env::var("BMCTL_NODES").ok();
    let number: usize = wanted.and_then(|text| text.parse().ok()).unwrap_or(30);
    let silent = NodeProfile {
        ready: false,
        ..NodeProfile::pretend("silent")
    };
    (1..number)
        .map(|number| NodeProfile::pretend(format!("n{number:04}")))
        .chain([silent])
        .collect()
}

async fn one_not_ready(cluster: TestCluster) -> anyhow::Result<()> {
    let all = many().len();
    let controller = cluster.installed().await?;
    cluster.enable(true).await?;
    let check = cluster.finished_checks(1).await?;
    let status = check.status.clone().unwrap_or_default();
    ensure!(pass(&check) == Some(true), "{:?}", status.failures);
    ensure!(status.unknown_node_num == Some(1) && status.checks.len() == all);
    ensure!(status.checks["silent"].unknown == Some(true));
    cluster.ready().await?;
    let missing = format!("virt-handler is ready on {} of {all} nodes", all - 1);
    let nearly = cluster
        .status(&missing, |_, status| {
            bmctl::api::condition::find(&status.conditions, kind::ENGINE_DEGRADED)
                .is_some_and(|condition| condition.message == missing)
        })
        .await?;
    ensure!(nearly.status.unwrap_or_default().ready == Some(true));
    // It comes back, and is looked at.
    let ready = json!({"status": {"conditions": [{
        "type": "Ready", "status": "True", "reason": "KubeletReady",
        "lastTransitionTime": jiff::Timestamp::now().to_string(),
    }]}});
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    nodes
        .patch_status("silent", &PatchParams::default(), &Patch::Strategic(&ready))
        .await?;
    cluster
        .condition(kind::ENGINE_DEGRADED, ConditionStatus::False)
        .await?;
    let check = cluster.finished_checks(2).await?;
    let status = check.status.unwrap_or_default();
    ensure!(status.unknown_node_num.unwrap_or(0) == 0 && status.checks.len() == all);
    controller.stop().await
}

/// Who brought the operator updates it; nothing of that is ready before it is done.
async fn update(cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = TestCluster::options()?;
    let manifests = options.engine_manifests.take().unwrap_or_default();
    install_by_hand(&cluster, &manifests).await?;
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.ready().await?;
    // The operator stops in the middle of it.
    cluster.scale_operator(0).await?;
    let going = json!({"status": {"targetKubeVirtVersion": "v9.9.9"}});
    cluster
        .kubevirt()
        .patch_status("kubevirt", &PatchParams::default(), &Patch::Merge(&going))
        .await?;
    let waiting = cluster
        .condition(kind::PROGRESSING, ConditionStatus::True)
        .await?;
    ensure!(waiting.reason == reason::ENGINE_INSTALLING, "{waiting:?}");
    ensure!(waiting.message == "KubeVirt is updating", "{waiting:?}");
    cluster
        .condition(kind::READY, ConditionStatus::False)
        .await?;
    // What was verified is: VMs may go on being created.
    cluster.machine("meanwhile").await?;
    cluster.scale_operator(1).await?;
    cluster.ready().await?;
    controller.stop().await
}

const WEBHOOK: Refusal = Refusal(
    500,
    "InternalError",
    "Internal error occurred: failed calling webhook \"virt-api\": no endpoints available",
);

async fn webhook_down(cluster: TestCluster) -> anyhow::Result<()> {
    let interference = Interference::default();
    let client = interference.before(cluster.account());
    let controller = Controller::start(client, TestCluster::options()?);
    cluster.phase("Disabled").await?;
    for (method, enabled) in [(Method::POST, true), (Method::DELETE, false)] {
        interference.refuse(move |request| {
            let concerned =
                request.method() == method && request.uri().path().contains("/kubevirts");
            concerned.then_some(WEBHOOK)
        });
        cluster.enable(enabled).await?;
        let failed = cluster
            .condition(kind::DEGRADED, ConditionStatus::True)
            .await?;
        ensure!(failed.reason == reason::STEP_FAILED, "{failed:?}");
        ensure!(
            failed.message.contains("failed calling webhook"),
            "{failed:?}"
        );
        interference.relent();
        let reached = if enabled { "Ready" } else { "Disabled" };
        cluster.phase(reached).await?;
        cluster
            .condition(kind::DEGRADED, ConditionStatus::False)
            .await?;
    }
    controller.stop().await
}

/// The operator is there and asleep.
async fn slow(cluster: TestCluster) -> anyhow::Result<()> {
    let mut options = TestCluster::options()?;
    options.engine_manifests = None;
    options.pace.install = Duration::from_secs(1);
    install_by_hand(&cluster, &EngineManifests::from_parts(OPERATOR_MANIFESTS)?).await?;
    cluster.scale_operator(0).await?;
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    cluster.phase("Installing").await?;
    let slow = cluster
        .condition(kind::DEGRADED, ConditionStatus::True)
        .await?;
    ensure!(slow.reason == reason::ENGINE_INSTALL_SLOW, "{slow:?}");
    ensure!(
        slow.message.contains("not picked up by its operator yet"),
        "{slow:?}"
    );
    cluster.phase("Degraded").await?;
    cluster.scale_operator(1).await?;
    cluster.ready().await?;
    controller.stop().await
}

async fn disks(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    let volumes = cluster.volumes();
    let volume: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
        "metadata": {"name": "precious"},
        "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}},
    }))?;
    volumes.create(&PostParams::default(), &volume).await?;
    cluster.enable(false).await?;
    cluster.phase("Disabled").await?;
    cluster
        .condition(kind::DISKS_KEPT, ConditionStatus::True)
        .await?;
    cluster.gone(cluster.kubevirt(), "no KubeVirt").await?;
    volumes.get("precious").await?;
    let cdis = cluster.api("cdi.kubevirt.io", "v1beta1", "CDI", "cdis");
    cdis.get("cdi").await?;
    volumes.delete("precious", &DeleteParams::default()).await?;
    cluster.gone(cdis, "no CDI").await?;
    cluster
        .condition(kind::DISKS_KEPT, ConditionStatus::False)
        .await?;
    cluster.phase("Disabled").await?;
    controller.stop().await
}

/// A kubelet reports, and says nothing new.
pub async fn heartbeat(cluster: &TestCluster, node: &str) -> anyhow::Result<()> {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let beat = json!({"status": {"conditions": [{
        "type": "Ready", "lastHeartbeatTime": jiff::Timestamp::now().to_string(),
    }]}});
    let by = PatchParams::default();
    nodes
        .patch_status(node, &by, &Patch::Strategic(&beat))
        .await?;
    Ok(())
}
