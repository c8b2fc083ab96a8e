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
mod engine;
mod event;
pub mod install;
pub mod manifest;
mod observe;
pub mod observed;
pub mod options;
pub mod plan;
mod preflight;
mod reconcile;
mod request;
mod watch;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use manifest::EngineManifests;
pub use options::{ControllerOptions, Pace};

/// Runs the controller until `shutdown` is cancelled. An API server that is away is waited for, for ever; a step that
/// is under way then is left as it is, because the next controller finds out what is missing.
///
/// # Errors
/// Only if a part of the controller itself ends, which is a bug.
pub async fn run(
    client: kube::Client,
    options: ControllerOptions,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut watches = JoinSet::new();
    let bell = watch::Bell::new();
    let caches = watch::start(&client, &bell, &mut watches);
    let reconciler = reconcile::Reconciler {
        client: &client,
        caches: &caches,
        options: &options,
        announcer: event::Announcer::new(client.clone()),
    };
    let runner = preflight::Runner {
        client: &client,
        caches: &caches,
        options: &options,
        bell: &bell,
    };
    tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        () = reconciler.run(bell.listen()) => anyhow::bail!("the reconciler ended"),
        () = runner.run(bell.listen()) => anyhow::bail!("the preflight runner ended"),
        Some(ended) = watches.join_next() => anyhow::bail!("a watch ended: {ended:?}"),
    }
}
