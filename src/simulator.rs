//! The pretend machinery behind the API server: nodes, kubelets, workload controllers, KubeVirt's and CDI's operators,
//! the machines that they run and, where it is asked for, Google's controller of VM Runtime.
//!
//! It is written as declared rules (see [`rule`]) over an ordinary `kube::Client`: it watches, decides with pure
//! functions and writes back, as the real components do, so it could play them for any API server. `commands` starts
//! it; it must never know the controller, the commands or the store of the sandbox.
//!
//! ```text
//! watch ──▶ ClusterState (what is) ──▶ rule::plan (what is wanted, pure) ──▶ event_loop (when) ──▶ perform (the API)
//!   ▲                                                                                      │
//!   └──────────────────────────────────────────────────────────────────────────────────────┘
//! ```

mod actuator;
mod builder;
mod cluster_state;
mod engine;
mod event_loop;
pub mod gdc;
mod kind;
mod profile;
mod rule;
mod step;
mod watching;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use futures::{FutureExt as _, TryStreamExt as _, stream};
use kube::Client;
use tokio_util::sync::CancellationToken;

pub use profile::NodeProfile;

/// Manifests of KubeVirt's and CDI's operators as the sandbox has them, by file name, for whoever installs the engine.
pub const OPERATOR_MANIFESTS: [(&str, &str); 2] = [
    (
        "kubevirt-operator.yaml",
        include_str!("simulator/engine/kubevirt-operator.yaml"),
    ),
    (
        "cdi-operator.yaml",
        include_str!("simulator/engine/cdi-operator.yaml"),
    ),
];

/// So many nodes are registered at a time.
const REGISTRATIONS: usize = 16;

/// What the world plays.
#[derive(Clone, Debug, Default)]
pub struct WorldOptions {
    /// The machines of the cluster. Each is registered once; a node that a user deletes stays deleted.
    pub nodes: Vec<NodeProfile>,
    /// Names of machines that were registered in an earlier life of the cluster.
    pub registered: BTreeSet<String>,
    /// Until it is cancelled everything takes no time: what comes first is to be there at once.
    pub instant_until: Option<CancellationToken>,
    pub pace: Pace,
    /// So much longer than others these components take for each transition, by the names of [`components`].
    pub delays: BTreeMap<String, Duration>,
    /// The certificate that the API server's is signed with, PEM: each namespace gets it.
    pub authority: Option<String>,
    /// Play Google's controller of that release, too.
    pub gdc: Option<&'static gdc::Release>,
}

/// How long a transition that takes time in a real cluster takes here: a container's start, a machine's boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub transition: Duration,
}

impl Pace {
    /// Slow enough to be seen, quick enough not to bore.
    pub const NORMAL: Self = Self {
        transition: Duration::from_millis(200),
    };
    /// As fast as the API server takes it.
    pub const INSTANT: Self = Self {
        transition: Duration::ZERO,
    };
}

impl Default for Pace {
    fn default() -> Self {
        Self::NORMAL
    }
}

/// What the containers of a node do. The world itself runs nothing.
pub trait NodeRunner: Send + Sync {
    /// The end on that node of a pod whose only container has these arguments; `None` for an ordinary pod that keeps
    /// running. May block: it is called on a thread of its own.
    fn run(&self, node: &NodeProfile, arguments: &[String]) -> Option<PodExit>;
}

/// How a pod's only container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodExit {
    pub code: i32,
    /// The termination message, as the container wrote it.
    pub message: String,
}

/// The components that are played, by the field managers of their writes.
#[must_use]
pub fn components() -> BTreeSet<&'static str> {
    rule::RULES.iter().map(|rule| rule.component).collect()
}

/// Plays the machinery until `shutdown`.
///
/// # Errors
/// Only what makes it impossible to begin: the API server's version cannot be read or a node cannot be registered.
/// Later failures of single writes are logged and tried again, because the real components do so too.
pub async fn run(
    client: Client,
    options: WorldOptions,
    runner: Arc<dyn NodeRunner>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let version = client
        .apiserver_version()
        .await
        .context("reading the API server's version")?
        .git_version;
    let new = |node: &&NodeProfile| !options.registered.contains(&node.name);
    stream::iter(options.nodes.iter().filter(new).map(Ok))
        .try_for_each_concurrent(REGISTRATIONS, |node| {
            let registered = actuator::register(&client, node);
            registered
                .map(move |done| done.with_context(|| format!("registering node {}", node.name)))
        })
        .await?;
    let mut cluster_state = cluster_state::ClusterState::new(options.nodes, version);
    cluster_state.authority = options.authority;
    cluster_state.gdc = options.gdc;
    let performer = actuator::Performer::new(client.clone(), runner);
    event_loop::EventLoop::new(
        client,
        cluster_state,
        performer,
        options.pace,
        options.delays,
        options.instant_until,
    )
    .play(shutdown)
    .await;
    Ok(())
}
