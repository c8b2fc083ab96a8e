//! Several controllers at once, as processes: one leads, the others wait, and who is woken up too late does no harm.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bmctl::{
    api::name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    controller::metric::CATALOGUE,
};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, api::ListParams, core::DynamicObject};
use libtest_mimic::Trial;

use super::{
    process::{Process, bench, get},
    test_cluster::{TestCluster, run, until},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "controller", run:
        one_leads_and_a_late_one_does_no_harm,
        a_lease_is_given_back,
        metrics_and_health_are_served,
    ]
}

/// Short enough for a test, and long enough for a machine that is busy.
const BRISK: [&str; 3] = [
    "--leader-elect-lease-duration=6s",
    "--leader-elect-renew-deadline=4s",
    "--leader-elect-retry-period=200ms",
];
/// It can only be given back.
const ENDLESS: [&str; 3] = [
    "--leader-elect-lease-duration=600s",
    "--leader-elect-renew-deadline=300s",
    "--leader-elect-retry-period=100ms",
];

async fn one_leads_and_a_late_one_does_no_harm(test_cluster: TestCluster) -> anyhow::Result<()> {
    let bench = bench(&test_cluster);
    let sleeper = Process::start(&bench, &BRISK)?;
    let first = holder(&test_cluster, |holder| !holder.is_empty()).await?;
    let other = Process::start(&bench, &BRISK)?;
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;

    // Stopped in the middle of whatever it does, with an enabled VM Runtime in mind.
    sleeper.signal("STOP")?;
    let mine = first.holder_identity.clone().unwrap_or_default();
    let second = holder(&test_cluster, |holder| !holder.is_empty() && holder != mine).await?;
    ensure!(second.lease_transitions == Some(1), "{second:?}");
    test_cluster.enable(false).await?;
    test_cluster.phase("Disabled").await?;
    let before = test_cluster.runtime().get("vmruntime").await?;

    // It wakes up, and finds out before it does anything.
    sleeper.signal("CONT")?;
    sleeper.says("leadership was lost").await?;
    let after = test_cluster.runtime().get("vmruntime").await?;
    ensure!(before.metadata.resource_version == after.metadata.resource_version);
    test_cluster
        .gone(test_cluster.kubevirt(), "no KubeVirt")
        .await?;
    let lease = holder(&test_cluster, |_| true).await?;
    ensure!(lease.holder_identity == second.holder_identity, "{lease:?}");
    sleeper.stop()?;
    other.stop()
}

async fn a_lease_is_given_back(test_cluster: TestCluster) -> anyhow::Result<()> {
    let bench = bench(&test_cluster);
    let first = Process::start(&bench, &ENDLESS)?;
    let held = holder(&test_cluster, |holder| !holder.is_empty()).await?;
    ensure!(held.lease_duration_seconds == Some(600) && held.lease_transitions == Some(0));
    ensure!(
        held.acquire_time.is_some() && held.renew_time.is_some(),
        "{held:?}"
    );
    let second = Process::start(&bench, &ENDLESS)?;
    let one = held.holder_identity.unwrap_or_default();
    first.stop()?;
    holder(&test_cluster, |holder| !holder.is_empty() && holder != one).await?;
    second.says("\"leading\"").await?;
    second.stop()?;
    let last = holder(&test_cluster, str::is_empty).await?;
    ensure!(last.lease_transitions == Some(1), "{last:?}");
    Ok(())
}

async fn metrics_and_health_are_served(test_cluster: TestCluster) -> anyhow::Result<()> {
    let bench = bench(&test_cluster);
    let leader = Process::start(&bench, &ENDLESS)?;
    test_cluster.phase("Disabled").await?;
    let waiting = Process::start(&bench, &ENDLESS)?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    test_cluster.machine("vm").await?;
    test_cluster
        .status("one workload", |_, status| status.workload_count == Some(1))
        .await?;
    let address = leader.address().await?;
    ensure!(get(&address, "/livez")?.starts_with("HTTP/1.1 200 "));
    ensure!(get(&address, "/healthz")?.starts_with("HTTP/1.1 200 "));
    ensure!(get(&address, "/readyz")?.starts_with("HTTP/1.1 200 "));
    ensure!(get(&address, "/else")?.starts_with("HTTP/1.1 404 "));
    let mut text = get(&address, "/metrics")?;
    for _ in 0..200 {
        if text.contains("\nvmruntime_virtual_machines 1\n") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        text = get(&address, "/metrics")?;
    }
    for wanted in [
        "\nvmruntime_leader 1\n",
        "\nvmruntime_enabled 1\n",
        "\nvmruntime_virtual_machines 1\n",
        "\nvmruntime_stuck_objects 0\n",
        "\nvmruntime_phase{phase=\"Ready\"} 1\n",
        "\nvmruntime_condition{type=\"Ready\"} 1\n",
        "\nvmruntime_preflight_checks_total{result=\"passed\"} 1\n",
        "\nvmruntime_preflight_nodes{state=\"passed\"} 1\n",
        "\nvmruntime_steps_total{step=\"CreateKubeVirt\"} 1\n",
        "vmruntime_api_requests_total{method=\"POST\",code=\"201\"}",
        "vmruntime_reconcile_duration_seconds_bucket{le=\"+Inf\"}",
    ] {
        ensure!(text.contains(wanted), "{wanted:?} is not in\n{text}");
    }
    is_what_prometheus_reads(&text)?;
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap_or_default();
        ensure!(CATALOGUE.iter().any(|family| family.name == name), "{line}");
    }
    // Who waits could lead, and says nothing about the cluster.
    let address = waiting.address().await?;
    ensure!(get(&address, "/readyz")?.starts_with("HTTP/1.1 200 "));
    let text = get(&address, "/metrics")?;
    ensure!(text.contains("\nvmruntime_leader 0\n"), "{text}");
    ensure!(!text.contains("vmruntime_virtual_machines"), "{text}");

    let events: Api<DynamicObject> = Api::namespaced_with(
        test_cluster.client.clone(),
        "default",
        &kube::core::ApiResource::erase::<k8s_openapi::api::events::v1::Event>(&()),
    );
    let events = events.list(&ListParams::default()).await?;
    ensure!(
        events
            .iter()
            .any(|event| event.data["reason"] == "EngineReady"),
        "no Event says that it is ready: {events:?}"
    );
    leader.stop()?;
    waiting.stop()
}

/// By Prometheus' own tool, where there is one.
fn is_what_prometheus_reads(answer: &str) -> anyhow::Result<()> {
    const PROMTOOL: &str = "BMCTL_PROMTOOL";
    let Some(promtool) = std::env::var_os(PROMTOOL) else {
        let insists = std::env::var_os("BMCTL_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
        ensure!(!insists, "{PROMTOOL} is not set");
        return Ok(());
    };
    let (_, metrics) = answer.split_once("\r\n\r\n").context("no body")?;
    let mut promtool = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = promtool.stdin.take().context("no stdin")?;
    stdin.write_all(metrics.as_bytes())?;
    // It reads until there is no more.
    drop(stdin);
    let ended = promtool.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{said}\n{metrics}");
    Ok(())
}

/// Waits for a Lease with such a holder.
async fn holder(
    test_cluster: &TestCluster,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(test_cluster.client.clone(), SYSTEM_NAMESPACE);
    until(leases, "a holder of the Lease", |leases| {
        let lease = leases
            .iter()
            .find(|lease| lease.metadata.name.as_deref() == Some(CONTROLLER_DEPLOYMENT))?;
        let spec = lease.spec.clone()?;
        wanted(spec.holder_identity.as_deref().unwrap_or_default()).then_some(spec)
    })
    .await
}
