//! Several controllers at once, as processes: one leads, the others wait, and who is woken up too late does no harm.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, ensure};
use bmctl::{
    api::name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    controller::metric::CATALOGUE,
    sandbox::world::OPERATOR_MANIFESTS,
};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, api::ListParams, core::DynamicObject};
use libtest_mimic::Trial;
use serde_json::Value;

use super::stage::{Stage, run, until};
use crate::bench::Bench;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("controller::one_leads_and_a_late_one_does_no_harm", || {
            run(late)
        }),
        Trial::test("controller::a_lease_is_given_back", || run(given_back)),
        Trial::test("controller::metrics_and_health_are_served", || run(served)),
    ]
}

/// Short enough for a story, and long enough for a machine that is busy.
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

async fn late(stage: Stage) -> anyhow::Result<()> {
    let bench = bench(&stage);
    let sleeper = Process::start(&bench, &BRISK)?;
    let first = holder(&stage, |holder| !holder.is_empty()).await?;
    let other = Process::start(&bench, &BRISK)?;
    stage.phase("Disabled").await?;
    stage.enable(true).await?;
    stage.ready().await?;

    // Stopped in the middle of whatever it does, with an enabled VM Runtime in mind.
    sleeper.signal("STOP")?;
    let mine = first.holder_identity.clone().unwrap_or_default();
    let second = holder(&stage, |holder| !holder.is_empty() && holder != mine).await?;
    ensure!(second.lease_transitions == Some(1), "{second:?}");
    stage.enable(false).await?;
    stage.phase("Disabled").await?;
    let before = stage.runtime().get("vmruntime").await?;

    // It wakes up, and finds out before it does anything.
    sleeper.signal("CONT")?;
    sleeper.says("leadership was lost").await?;
    let after = stage.runtime().get("vmruntime").await?;
    ensure!(before.metadata.resource_version == after.metadata.resource_version);
    stage.gone(stage.kubevirt(), "no KubeVirt").await?;
    let lease = holder(&stage, |_| true).await?;
    ensure!(lease.holder_identity == second.holder_identity, "{lease:?}");
    sleeper.stop()?;
    other.stop()
}

async fn given_back(stage: Stage) -> anyhow::Result<()> {
    let bench = bench(&stage);
    let first = Process::start(&bench, &ENDLESS)?;
    let held = holder(&stage, |holder| !holder.is_empty()).await?;
    ensure!(held.lease_duration_seconds == Some(600) && held.lease_transitions == Some(0));
    ensure!(
        held.acquire_time.is_some() && held.renew_time.is_some(),
        "{held:?}"
    );
    let second = Process::start(&bench, &ENDLESS)?;
    let one = held.holder_identity.unwrap_or_default();
    first.stop()?;
    holder(&stage, |holder| !holder.is_empty() && holder != one).await?;
    second.says("\"leading\"").await?;
    second.stop()?;
    let last = holder(&stage, str::is_empty).await?;
    ensure!(last.lease_transitions == Some(1), "{last:?}");
    Ok(())
}

async fn served(stage: Stage) -> anyhow::Result<()> {
    let bench = bench(&stage);
    let leader = Process::start(&bench, &ENDLESS)?;
    stage.phase("Disabled").await?;
    let waiting = Process::start(&bench, &ENDLESS)?;
    stage.enable(true).await?;
    stage.ready().await?;
    stage.machine("vm").await?;
    stage
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
        stage.client.clone(),
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

fn bench(stage: &Stage) -> Bench {
    let bench = Bench::new().file("kubeconfig", &stage.kubeconfig());
    OPERATOR_MANIFESTS
        .into_iter()
        .fold(bench, |bench, (name, text)| {
            bench.file(&format!("engine/{name}"), text)
        })
}

/// Waits for a Lease with such a holder.
async fn holder(stage: &Stage, wanted: impl Fn(&str) -> bool) -> anyhow::Result<LeaseSpec> {
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), SYSTEM_NAMESPACE);
    until(leases, "a holder of the Lease", |leases| {
        let lease = leases
            .iter()
            .find(|lease| lease.metadata.name.as_deref() == Some(CONTROLLER_DEPLOYMENT))?;
        let spec = lease.spec.clone()?;
        wanted(spec.holder_identity.as_deref().unwrap_or_default()).then_some(spec)
    })
    .await
}

/// What a server answers to one question.
fn get(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A controller as a process of its own.
struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Process {
    fn start(bench: &Bench, flags: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bmctl"))
            .args(["controller", "run", "--kubeconfig", "kubeconfig"])
            .args(["--engine-manifests", "engine", "--listen", "127.0.0.1:0"])
            .args(["--log-format", "json"])
            .args(flags)
            .current_dir(bench.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = BufReader::new(child.stderr.take().context("a stderr")?);
        let log: Arc<Mutex<String>> = Arc::default();
        let written = log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Ok(Self { child, log })
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        let told = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()?;
        ensure!(told.success(), "kill -{name} {id}");
        Ok(())
    }

    /// Waits until its log says that.
    async fn says(&self, text: &str) -> anyhow::Result<()> {
        self.line(|line| line.contains(text).then_some(()), text)
            .await
    }

    /// Where it serves metrics; every line of its log is JSON.
    async fn address(&self) -> anyhow::Result<String> {
        let told = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["address"].as_str()?.to_owned())
        };
        self.line(told, "an address").await
    }

    async fn line<T>(&self, wanted: impl Fn(&str) -> Option<T>, what: &str) -> anyhow::Result<T> {
        for _ in 0..600 {
            if let Some(found) = self.log.lock().unwrap().lines().find_map(&wanted) {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{what} was not logged:\n{}", self.log.lock().unwrap())
    }

    /// Tells it to stop, and waits until it has.
    fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM")?;
        let ended = tokio::task::block_in_place(|| self.child.wait())?;
        ensure!(
            ended.code() == Some(0),
            "{ended}\n{}",
            self.log.lock().unwrap()
        );
        for line in self.log.lock().unwrap().lines() {
            serde_json::from_str::<Value>(line).with_context(|| format!("no JSON: {line}"))?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is what the story wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
