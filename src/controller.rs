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

pub mod manifest;
pub mod observed;
pub mod options;
pub mod plan;

use tokio_util::sync::CancellationToken;

pub use manifest::EngineManifests;
pub use options::{ControllerOptions, Pace};

/// Runs the controller until `shutdown` is cancelled. An API server that is away is waited for, for ever.
///
/// # Errors
/// None so far that would end a controller.
pub async fn run(
    client: kube::Client,
    options: ControllerOptions,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let _ = (client, options);
    shutdown.cancelled().await;
    Ok(())
}
