//! The controller: makes VM Runtime work on a cluster that is not Google's, with KubeVirt and CDI as the engine.
//!
//! ```text
//! watch ──(something changed)──▶ observe ──Observed──▶ plan ──Plan──▶ apply ──▶ the API server
//!   ▲                            (reads)    (data)    (pure)  (data)  (writes)        │
//!   └─────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Level-triggered: every round looks at everything and takes the steps that are due; any step may be the last one
//! that this process runs. `plan` holds all decisions and touches nothing; the phase is reported, never read back.
//! Started by `commands` with a client that somebody else made; talks to the log and to the API server only.

mod admission;
mod apply;
pub mod election;
mod engine;
mod event;
pub mod failure_policy;
pub mod install;
mod leader_gate;
pub mod manifest;
pub mod metric;
mod node;
mod observe;
pub mod observed;
pub mod options;
mod ownership;
mod placement;
pub mod plan;
mod preflight;
mod reconcile;
mod release;
mod request;
pub mod role;
mod serve;
mod trace;
pub mod uninstall;
mod watch;
mod why;

use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub use election::ElectionOptions;
pub use manifest::EngineManifests;
pub use options::{ControllerOptions, Pace};

use election::{Candidate, Leadership};
use metric::Metrics;
use serve::Health;

/// Runs the controller until `shutdown` is cancelled. An API server that is away is waited for, for ever.
///
/// Told to stop, it finishes the step that it is in the middle of, gives its Lease back and ends; what takes longer than
/// [`Pace::grace`] is left as it is, because the next controller finds out what is missing.
///
/// # Errors
/// The address to serve metrics on is taken, or a part of the controller itself ends, which is a bug.
pub async fn run(
    client: Client,
    options: ControllerOptions,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health::new(&options.pace));
    let mut served = JoinSet::new();
    if let Some(address) = options.listen {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("could not listen on {address}"))?;
        served.spawn(serve::run(listener, metrics.clone(), health.clone()));
    }
    let leadership = match options.election {
        Some(_) => Leadership::none(),
        None => Leadership::unlimited(),
    };
    let term = || {
        let client = leader_gate::client(client.clone(), leadership.clone(), metrics.clone());
        lead(client, &options, &metrics, &health, &shutdown)
    };
    let working = async {
        match &options.election {
            None => term().await,
            Some(election) => {
                let mut candidate = Candidate::new(client.clone(), election, leadership.clone());
                let asked = || health.answered();
                candidate.campaign(&shutdown, asked, term).await
            }
        }
    };
    tokio::select! {
        ended = working => ended,
        () = overdue(&shutdown, &options.pace) => {
            tracing::warn!("what was under way did not end in time and is left as it is");
            Ok(())
        }
        Some(ended) = served.join_next() => anyhow::bail!("serving metrics ended: {ended:?}"),
    }
}

/// Everything that a leader does, until it is told to stop or the future is dropped: then all of it ends at once.
async fn lead(
    client: Client,
    options: &ControllerOptions,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let _leading = serve::Leading::new(metrics.clone(), health.clone());
    let mut watches = JoinSet::new();
    let trigger = watch::Trigger::new();
    let probes_trigger = watch::Trigger::new();
    let place = options.kubevirt_namespace.as_deref();
    let caches = watch::start(&client, place, &trigger, &probes_trigger, &mut watches);
    let check_failures = preflight::CheckFailures::default();
    let reconciler = reconcile::Reconciler {
        client: &client,
        caches: &caches,
        options,
        announcer: event::Announcer::new(client.clone()),
        check_failures: &check_failures,
        metrics,
        health,
    };
    let runner = preflight::Runner {
        client: &client,
        caches: &caches,
        options,
        trigger: &trigger,
        check_failures: &check_failures,
        metrics,
    };
    let work = async {
        tokio::join!(
            reconciler.run(trigger.listen(), shutdown),
            runner.run(trigger.listen().and(&probes_trigger), shutdown)
        );
    };
    tokio::select! {
        () = work => Ok(()),
        Some(ended) = watches.join_next() => anyhow::bail!("a watch ended: {ended:?}"),
    }
}

async fn overdue(shutdown: &CancellationToken, pace: &Pace) {
    shutdown.cancelled().await;
    tokio::time::sleep(pace.grace).await;
}
