//! Checks: what starts them, what they find, and what becomes of them.

use anyhow::ensure;
use bmctl::api::{
    condition::{self, ConditionStatus, kind},
    name,
};
use kube::{ResourceExt, api::ListParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{
    table::trial,
    test_cluster::{Answer, TestCluster, pass, run, until},
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("failed_check_closes_creation", failed),
        Trial::test("controller::skip_label", || run(skip_label)),
        trial("the_only_node_is_left_out", nothing_eligible),
        Trial::test("controller::own_check_while_disabled", || run(own_check)),
        Trial::test("controller::silent_and_garbled_nodes_are_unknown", || {
            run(unknown)
        }),
        Trial::test("controller::restarted_in_the_middle_of_a_check", || {
            run(restarted)
        }),
        Trial::test("controller::ten_finished_checks_are_kept", || run(history)),
        Trial::test("controller::check_ends_with_the_enabling", || {
            run(abandoned)
        }),
        trial("engine_up_before_the_check", check_is_last),
    ]
}

async fn failed(cluster: TestCluster) -> anyhow::Result<()> {
    cluster.nodes.say("n1", Answer::NoKvm);
    let controller = cluster.installed().await?;
    cluster.enable(true).await?;
    let runtime = cluster.phase("Degraded").await?;
    let summary = runtime
        .status
        .unwrap_or_default()
        .preflight_check_summary
        .unwrap_or_default();
    ensure!(summary.preflight_check_passed == Some(false));
    ensure!(summary.feature_statuses["KVM"].failed_node_num == Some(1));
    let check = cluster.finished_checks(1).await?;
    let status = check.status.clone().unwrap_or_default();
    ensure!(status.failures.keys().collect::<Vec<_>>() == ["n1"]);
    ensure!(status.start_time.is_some() && status.completion_time.is_some());
    let allowed = cluster
        .condition(kind::VM_CREATION_ALLOWED, ConditionStatus::False)
        .await?;
    ensure!(allowed.message.contains("n1 (KVM)"), "{}", allowed.message);
    // The node is repaired, and somebody checks again.
    cluster.nodes.say("n1", Answer::Healthy);
    cluster.create_check("after-the-repair").await?;
    cluster.finished("after-the-repair").await?;
    cluster.ready().await?;
    controller.stop().await
}

async fn skip_label(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.label("n1", name::SKIP_SCHEDULE, json!("")).await?;
    cluster.create_check("without-n1").await?;
    let check = cluster.finished("without-n1").await?;
    let status = check.status.unwrap_or_default();
    ensure!(status.checks.is_empty(), "{:?}", status.checks);
    ensure!(status.pass == Some(false), "no node was verified");
    cluster
        .label("n1", name::SKIP_SCHEDULE, Value::Null)
        .await?;
    let check = until(cluster.checks(), "a check because of n1", |checks| {
        checks
            .iter()
            .find(|check| {
                check
                    .annotations()
                    .get(name::PREFLIGHT_TRIGGER)
                    .map(String::as_str)
                    == Some("NodeAdded")
            })
            .cloned()
    })
    .await?;
    let check = cluster.finished(&check.name_any()).await?;
    ensure!(pass(&check) == Some(true));
    cluster.ready().await?;
    controller.stop().await
}

/// The latest check covers the node, and what happened to it since nobody has looked at.
async fn nothing_eligible(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.enabled().await?;
    cluster.finished_checks(1).await?;
    cluster.label("n1", name::SKIP_SCHEDULE, json!("")).await?;
    let runtime = cluster.phase("Degraded").await?;
    let status = runtime.status.unwrap_or_default();
    let ready = condition::find(&status.conditions, kind::READY);
    ensure!(
        ready.is_some_and(|ready| ready.message.contains("n1 left out by the label")),
        "{ready:?}"
    );
    cluster.nodes.say("n1", Answer::NoKvm);
    cluster
        .label("n1", name::SKIP_SCHEDULE, Value::Null)
        .await?;
    found_wanting(&cluster, 1).await?;
    cluster.nodes.say("n1", Answer::Healthy);
    cluster.create_check("repaired").await?;
    cluster.finished("repaired").await?;
    cluster.ready().await?;

    // While no controller runs, too.
    cluster.label("n1", name::SKIP_SCHEDULE, json!("")).await?;
    cluster
        .status("the node among those that are left out", |_, status| {
            status.skipped_nodes == ["n1"]
        })
        .await?;
    controller.stop().await?;
    let before = found_wanting(&cluster, 1).await?;
    cluster.nodes.say("n1", Answer::NoKvm);
    cluster
        .label("n1", name::SKIP_SCHEDULE, Value::Null)
        .await?;
    let controller = cluster.start(TestCluster::options()?);
    found_wanting(&cluster, before + 1).await?;
    controller.stop().await
}

/// Waits until so many checks that the node itself brought about have found something wrong with it, and says how many did.
/// What happens within one second may bring about more checks than one.
async fn found_wanting(cluster: &TestCluster, number: usize) -> anyhow::Result<usize> {
    until(cluster.checks(), "checks that the node failed", |checks| {
        let failed = checks.iter().filter(|check| {
            let trigger = check.annotations().get(name::PREFLIGHT_TRIGGER);
            let node = check
                .status
                .as_ref()
                .and_then(|status| status.checks.get("n1"));
            trigger.is_some_and(|trigger| trigger == "NodeAdded")
                && node.is_some_and(|node| !node.passed)
        });
        Some(failed.count()).filter(|count| *count >= number)
    })
    .await
}

async fn own_check(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.installed().await?;
    cluster
        .create_check("vmruntime-preflight-check-manual")
        .await?;
    let check = cluster.finished("vmruntime-preflight-check-manual").await?;
    ensure!(pass(&check) == Some(true));
    let runtime = cluster
        .status("the check in the summary", |_, status| {
            status
                .preflight_check_summary
                .as_ref()
                .is_some_and(|summary| summary.preflight_check_passed == Some(true))
        })
        .await?;
    ensure!(runtime.status.unwrap_or_default().ready == Some(false));
    controller.stop().await
}

async fn unknown(cluster: TestCluster) -> anyhow::Result<()> {
    cluster.nodes.say("n1", Answer::Garbage);
    let mut options = TestCluster::options()?;
    options.pace.node = std::time::Duration::from_secs(2);
    options.pace.check = std::time::Duration::from_secs(10);
    let controller = cluster.start(options);
    cluster.phase("Disabled").await?;
    cluster.create_check("garbled").await?;
    let check = cluster.finished("garbled").await?;
    let status = check.status.unwrap_or_default();
    ensure!(status.pass == Some(false), "nothing was verified");
    ensure!(status.unknown_node_num == Some(1));
    ensure!(status.checks["n1"].unknown == Some(true));
    ensure!(status.failures.is_empty());
    cluster.nodes.say("n1", Answer::Silent);
    cluster.create_check("silent").await?;
    let check = cluster.finished("silent").await?;
    let node = &check.status.unwrap_or_default().checks["n1"];
    ensure!(node.unknown == Some(true));
    let message = node.message.clone().unwrap_or_default();
    ensure!(message.contains("no result within"), "{message}");
    controller.stop().await
}

async fn restarted(cluster: TestCluster) -> anyhow::Result<()> {
    cluster.nodes.say("n1", Answer::Silent);
    let controller = cluster.installed().await?;
    cluster.create_check("interrupted").await?;
    let pod = cluster.running_probe().await?;
    controller.stop().await?;
    // While nobody looks, the pod ends well. A second one would not: the node is still silent.
    cluster.end_probe(&pod).await?;
    let controller = cluster.start(TestCluster::options()?);
    let check = cluster.finished("interrupted").await?;
    ensure!(pass(&check) == Some(true), "{:?}", check.status);
    controller.stop().await
}

async fn history(cluster: TestCluster) -> anyhow::Result<()> {
    let controller = cluster.installed().await?;
    for number in 0..13 {
        let name = format!("check-{number:02}");
        cluster.create_check(&name).await?;
        cluster.finished(&name).await?;
    }
    until(cluster.checks(), "ten checks", |checks| {
        (checks.len() == 10).then_some(())
    })
    .await?;
    controller.stop().await
}

async fn abandoned(cluster: TestCluster) -> anyhow::Result<()> {
    cluster.nodes.say("n1", Answer::Silent);
    let controller = cluster.installed().await?;
    cluster.enable(true).await?;
    until(cluster.pods(), "a probe pod", |pods| {
        pods.iter()
            .any(|pod| pod.labels().contains_key(name::PREFLIGHT_CHECK_LABEL))
            .then_some(())
    })
    .await?;
    cluster.enable(false).await?;
    cluster.phase("Disabled").await?;
    until(cluster.pods(), "no pod is left", |pods| {
        pods.is_empty().then_some(())
    })
    .await?;
    let checks = cluster.checks().list(&ListParams::default()).await?;
    ensure!(checks.items.is_empty(), "{:?}", checks.items);
    controller.stop().await
}

/// The slowest node decides when VM Runtime is ready.
async fn check_is_last(cluster: TestCluster) -> anyhow::Result<()> {
    cluster.nodes.say("n1", Answer::Silent);
    let controller = cluster.installed().await?;
    cluster.enable(true).await?;
    cluster.phase("Preflight").await?;
    cluster.kubevirt().get("kubevirt").await?;
    cluster.refuses_machines("is running").await?;
    let pod = cluster.running_probe().await?;
    cluster.end_probe(&pod).await?;
    cluster.ready().await?;
    cluster.machine("vm").await?;
    controller.stop().await
}
