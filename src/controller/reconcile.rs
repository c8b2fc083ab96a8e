//! The loop: one round at a time, whenever something rang, a timer is due, or the last round failed.

use kube::Client;

use super::{
    apply::Hand,
    event::Announcer,
    observe::{self, Caches},
    options::ControllerOptions,
    plan::{self, Memory, Settings},
    request::within,
    watch::Listener,
};
use crate::failure::{Failure, Kind};

/// After so many failures in a row a failure that may pass is published all the same.
const PATIENCE: u32 = 4;

/// Reconciles the one VMRuntime.
pub(super) struct Reconciler<'a> {
    pub client: &'a Client,
    pub caches: &'a Caches,
    pub options: &'a ControllerOptions,
    pub announcer: Announcer,
}

impl Reconciler<'_> {
    /// Reconciles for ever.
    pub(super) async fn run(&self, mut listener: Listener) {
        let pace = self.options.pace;
        let mut memory = Memory::default();
        let mut failures = 0;
        loop {
            let wait = match Box::pin(self.round(&mut memory)).await {
                Ok(wait) => {
                    failures = 0;
                    memory.trouble = None;
                    wait
                }
                // The picture was stale: look again at once, unless that goes on.
                Err(failure) if failure.kind == Kind::Conflict && failures < PATIENCE => {
                    tracing::debug!(%failure, "something changed meanwhile");
                    failures += 1;
                    pace.debounce
                }
                Err(failure) => {
                    tracing::warn!(%failure, "a round failed");
                    failures += 1;
                    if failures >= PATIENCE && failure.kind != Kind::Unreachable {
                        memory.trouble = Some(failure.to_string());
                    }
                    pace.backoff(failures)
                }
            };
            if failures > 0 {
                // Whatever rings now is looked at then: failing is no reason to hurry.
                tokio::time::sleep(wait).await;
                continue;
            }
            tokio::select! {
                () = listener.rang() => tokio::time::sleep(pace.debounce).await,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Observes, plans, publishes, acts. Returns when to look again at the latest.
    async fn round(&self, memory: &mut Memory) -> Result<std::time::Duration, Failure> {
        let limit = self.options.pace.request;
        let manifests = self.options.engine_manifests.as_ref();
        within(limit, "fill the caches", self.caches.ready()).await?;
        let observing = observe::observe(self.client, self.caches, manifests, memory);
        let observed = within(limit, "observe the cluster", Box::pin(observing)).await?;
        let settings = Settings {
            engine_manifests: manifests.is_some(),
            safe_disable: self.options.safe_disable,
            pace: self.options.pace,
        };
        let plan = plan::plan(&observed, memory, &settings);
        *memory = plan.memory;
        let hand = Hand {
            client: self.client,
            manifests,
            checks: &observed.checks,
        };
        // First what is said: closing VM creation is a word of the status, and steps may depend on it.
        if let (Some(runtime), Some(status)) = (&observed.runtime, &plan.status) {
            let publishing = hand.publish(runtime, status);
            within(limit, "publish the status", publishing).await?;
            self.announcer.announce(runtime, status).await;
        }
        for step in &plan.steps {
            tracing::info!(?step, "step");
            within(limit, "perform a step", hand.perform(step)).await?;
            if *step == plan::Step::ApplyEngineManifests {
                memory.manifests_applied = true;
            }
        }
        Ok(plan.requeue)
    }
}
