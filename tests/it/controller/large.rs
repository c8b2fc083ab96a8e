//! What a large cluster costs the controller: memory in proportion to its nodes, a little for each VM while they are
//! counted, and no more requests a round than in a small one. `BMCTL_NODES=5000 BMCTL_MACHINES=100000` plays as many.

use anyhow::ensure;
use bmctl::simulator::NodeProfile;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{Patch, PatchParams};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{
    engine::heartbeat,
    eventually::settles,
    process::{Process, bench},
    test_cluster::{TestCluster, run_on},
};

pub fn trials() -> Vec<Trial> {
    tests!["controller": a_large_cluster_costs_little]
}

/// So many in the ordinary suite.
const NODES: usize = 80;
const MACHINES: usize = 800;
/// A cluster that is compared with.
const FEW_NODES: usize = 8;
const FEW_MACHINES: usize = 8;
/// What each may cost, in KiB: nodes and their check are at hand, VMs are forgotten when they have been counted.
const EACH_NODE: usize = 16;
const EACH_MACHINE: f64 = 0.6;
/// What a page of a list costs, and an allocator keeps, in KiB.
const SLACK: usize = 12 * 1024;
/// Rounds that are compared.
const ROUNDS: u64 = 10;

/// What one controller has cost.
#[derive(Debug)]
struct Cost {
    /// Requests for so many rounds in which nothing has to be done.
    rounds: u64,
    /// The most memory that it had, in KiB.
    peak: usize,
}

fn number(variable: &str, otherwise: usize) -> usize {
    let given = std::env::var(variable).ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

fn a_large_cluster_costs_little() -> Result<(), Failed> {
    let (nodes, machines) = (
        number("BMCTL_NODES", NODES),
        number("BMCTL_MACHINES", MACHINES),
    );
    let small = measure(FEW_NODES, FEW_MACHINES)?;
    let large = measure(nodes, machines)?;
    if std::env::var_os("BMCTL_NODES").is_some() {
        #[allow(clippy::print_stderr, reason = "a measurement that was asked for")]
        {
            eprintln!("{FEW_NODES} nodes, {FEW_MACHINES} VMs: {small:?}");
            eprintln!("{nodes} nodes, {machines} VMs: {large:?}");
        }
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a limit with room to spare"
    )]
    let counted = (machines as f64 * EACH_MACHINE) as usize;
    // Pages of VMs, which a count reads; a twentieth of the time at most.
    let pages = (machines / 500) as u64 * 2;
    let memory = small.peak + SLACK + nodes * EACH_NODE + counted;
    let rounds = small.rounds * 2 + ROUNDS * pages;
    if large.peak > memory || large.rounds > rounds {
        let limits = format!("at most {memory} KiB and {rounds} requests for the rounds");
        return Err(format!("{limits}: {large:?}, {small:?}").into());
    }
    Ok(())
}

fn measure(nodes: usize, machines: usize) -> Result<Cost, Failed> {
    let profiles = (0..nodes)
        .map(|number| NodeProfile::pretend(format!("n{number:04}")))
        .collect();
    let (sender, cost) = std::sync::mpsc::channel();
    run_on(profiles, async move |cluster: TestCluster| {
        let cost = play(&cluster, nodes, machines).await?;
        sender.send(cost)?;
        anyhow::Ok(())
    })?;
    Ok(cost.recv()?)
}

async fn play(cluster: &TestCluster, nodes: usize, machines: usize) -> anyhow::Result<Cost> {
    let bench = bench(cluster);
    let controller = Process::quick(&bench)?;
    cluster.phase("Disabled").await?;
    cluster.enable(true).await?;
    let ready = cluster.ready().await?;
    let checked = ready
        .status
        .unwrap_or_default()
        .preflight_check_summary
        .unwrap_or_default();
    ensure!(checked.preflight_check_passed == Some(true));
    cluster.machine("first").await?;
    let names = (1..machines).map(|number| format!("vm{number:06}"));
    stream::iter(names)
        .map(Ok)
        .try_for_each_concurrent(16, async |name: String| {
            cluster.create_machine(&name).await.map(drop)
        })
        .await?;
    let wanted = i64::try_from(machines)?;
    // A count may be a while ago: something has to happen before there is another.
    settles("every VM is counted", async || {
        cluster.force("false ").await?;
        cluster.force("false").await?;
        let status = cluster.runtime().get("vmruntime").await?.status;
        let counted = status.unwrap_or_default().workload_count;
        ensure!(counted == Some(wanted), "{counted:?} of {wanted}");
        Ok(())
    })
    .await?;
    // Kubelets report, and say nothing new.
    for number in 0..nodes {
        heartbeat(cluster, &format!("n{number:04}")).await?;
    }
    let before = controller.requests().await?;
    for number in 0..ROUNDS {
        let rounds = controller.rounds().await?;
        touch(cluster, number).await?;
        settles("a round", async || {
            ensure!(controller.rounds().await? > rounds);
            Ok(())
        })
        .await?;
    }
    let rounds = controller.requests().await? - before;
    let (_, peak) = controller.memory()?;
    controller.stop()?;
    Ok(Cost { rounds, peak })
}

/// Something happens to the object, and nothing follows from it.
async fn touch(cluster: &TestCluster, number: u64) -> anyhow::Result<()> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {
        "example.com/touched": number.to_string(),
    }}}));
    let runtime = cluster.runtime();
    runtime
        .patch("vmruntime", &PatchParams::default(), &patch)
        .await?;
    Ok(())
}
