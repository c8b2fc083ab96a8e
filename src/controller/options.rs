//! What a controller is started with. Made by `commands`; the controller itself never reads flags or the environment.

use std::{net::SocketAddr, time::Duration};

use super::{election::ElectionOptions, manifest::EngineManifests};

/// How one controller works.
#[derive(Clone, Debug)]
pub struct ControllerOptions {
    /// Image of the probe pods: one that carries this program.
    pub probe_image: String,
    /// Secrets of the system namespace with which it is pulled.
    pub image_pull_secrets: Vec<String>,
    /// Let the probe pods see the host's /dev. Such pods do not pass PodSecurity `restricted`.
    pub deep_probe: bool,
    /// Release files of the engine's operators, for a cluster that does not bring them. They need rights to escalate.
    pub engine_manifests: Option<EngineManifests>,
    /// The engine is in this namespace and in no other. `None`: wherever its operator is found.
    pub kubevirt_namespace: Option<String>,
    /// Arm the policy that lets the API server refuse a disable while VMs exist.
    pub safe_disable: bool,
    /// Where metrics and health are served.
    pub listen: Option<SocketAddr>,
    /// Several controllers may be started: the one that holds the Lease works. `None`: there is no other.
    pub election: Option<ElectionOptions>,
    pub pace: Pace,
}

impl ControllerOptions {
    /// The careful defaults, with this image for the probe pods.
    pub fn new(probe_image: impl Into<String>) -> Self {
        Self {
            probe_image: probe_image.into(),
            image_pull_secrets: Vec::new(),
            deep_probe: false,
            engine_manifests: None,
            kubevirt_namespace: None,
            safe_disable: false,
            listen: None,
            election: None,
            pace: Pace::default(),
        }
    }
}

/// Every duration and bound that the controller works with, so that a sandbox can be quick and a test exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long events are collected before one reconcile answers them all.
    pub debounce: Duration,
    /// How far apart the two empty lists are that make "no VMs" believed.
    pub settle: Duration,
    /// After this long an engine that does not come up is called slow, and so is one that does not go.
    pub install: Duration,
    /// How often it is looked whether something that is being removed is gone, whatever is heard.
    pub removal: Duration,
    /// After this long it is looked why something that is being removed is still there.
    pub explain: Duration,
    /// How long one attempt on one node may take.
    pub node: Duration,
    /// After this long an image that the registry refuses is not waited for any more.
    pub image: Duration,
    /// How long a whole check may take; the nodes that are left are unknown.
    pub check: Duration,
    /// The least time between two checks that changes of nodes bring about.
    pub node_checks: Duration,
    /// How many probe pods exist at once.
    pub pods_in_flight: usize,
    /// How many VM objects one reconcile deletes.
    pub drain_batch: usize,
    /// After this long an admission policy that could not be seen at work is armed all the same.
    pub arming: Duration,
    /// How long the API server may take for one answer.
    pub request: Duration,
    /// Reconcile again after this long even if nothing was heard: a watch may have missed something.
    pub resync: Duration,
    /// Waiting time after a first failed reconcile; doubles up to [`Pace::outage_most`].
    pub retry: Duration,
    /// The longest waiting time after what may pass by itself, an API server that is away above all: so soon after it is
    /// back the work goes on.
    pub outage_most: Duration,
    /// The longest waiting time after what stays until somebody changes something.
    pub retry_most: Duration,
    /// After it has put something right that somebody changed, the controller leaves it alone for this long; after the
    /// next time for twice as long, up to [`Pace::repair_most`].
    pub repair: Duration,
    pub repair_most: Duration,
    /// How long a controller that is told to stop may take to finish what it is in the middle of.
    pub grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            debounce: Duration::from_millis(20),
            settle: Duration::from_secs(10),
            install: Duration::from_secs(8 * 60),
            removal: Duration::from_secs(2),
            explain: Duration::from_secs(10),
            node: Duration::from_secs(2 * 60),
            image: Duration::from_secs(20),
            check: Duration::from_secs(8 * 60),
            node_checks: Duration::from_secs(10),
            pods_in_flight: 100,
            drain_batch: 50,
            arming: Duration::from_secs(30),
            request: Duration::from_secs(30),
            resync: Duration::from_secs(5 * 60),
            retry: Duration::from_millis(500),
            outage_most: Duration::from_secs(4),
            retry_most: Duration::from_secs(30),
            repair: Duration::from_secs(5),
            repair_most: Duration::from_secs(5 * 60),
            grace: Duration::from_secs(10),
        }
    }
}

impl Pace {
    /// How long to wait after that many failures in a row.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.retry
            .saturating_mul(1 << doublings)
            .min(self.outage_most)
    }
}
