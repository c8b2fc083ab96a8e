//! The loop: one round at a time, whenever something rang, a timer is due, or the last round failed.

use std::time::Instant;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::{
    apply::Hand,
    event::Announcer,
    metric::{self, Metrics},
    observe::{self, Caches},
    observed::Observed,
    options::ControllerOptions,
    plan::{self, Memory, Settings},
    request::within,
    serve::Health,
    watch::Listener,
};
use crate::{
    api::VMRuntimeStatus,
    failure::{Failure, Kind},
};

/// After so many failures in a row a failure that may pass is published all the same.
const PATIENCE: u32 = 4;

/// Reconciles the one VMRuntime.
pub(super) struct Reconciler<'a> {
    pub client: &'a Client,
    pub caches: &'a Caches,
    pub options: &'a ControllerOptions,
    pub announcer: Announcer,
    pub metrics: &'a Metrics,
    pub health: &'a Health,
}

impl Reconciler<'_> {
    /// Reconciles until it is told to stop.
    pub(super) async fn run(&self, mut listener: Listener, stop: &CancellationToken) {
        let pace = self.options.pace;
        let mut memory = Memory::default();
        let mut failures = 0;
        while !stop.is_cancelled() {
            let began = Instant::now();
            self.health.round_begins(began);
            let ended = Box::pin(self.round(&mut memory, stop)).await;
            self.health.round_ends(ended.is_ok());
            self.metrics
                .observe(&metric::RECONCILE_SECONDS, began.elapsed());
            self.metrics
                .add(&metric::RECONCILES, &[result(&ended)], 1.0);
            let wait = match ended {
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
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = listener.rang() => tokio::time::sleep(pace.debounce).await,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Observes, plans, publishes, acts. Returns when to look again at the latest.
    async fn round(
        &self,
        memory: &mut Memory,
        stop: &CancellationToken,
    ) -> Result<std::time::Duration, Failure> {
        let limit = self.options.pace.request;
        let manifests = self.options.engine_manifests.as_ref();
        tokio::select! {
            () = stop.cancelled() => return Ok(limit),
            filled = within(limit, "fill the caches", self.caches.ready()) => filled?,
        }
        let observing = observe::observe(self.client, self.caches, self.options, memory);
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
            self.measure(&observed, runtime.enabled, status);
        }
        for step in &plan.steps {
            if stop.is_cancelled() {
                break;
            }
            tracing::info!(?step, "step");
            let limit = self.limit(step);
            within(limit, "perform a step", hand.perform(step)).await?;
            self.metrics.add(&metric::STEPS, &[step.name()], 1.0);
            if *step == plan::Step::ApplyEngineManifests {
                memory.manifests_applied = true;
            }
        }
        Ok(plan.requeue)
    }

    /// A release file holds dozens of objects; everything else is a request or two.
    fn limit(&self, step: &plan::Step) -> std::time::Duration {
        let pace = self.options.pace;
        if matches!(
            step,
            plan::Step::ApplyEngineManifests | plan::Step::RemoveEngineManifests(_)
        ) {
            pace.install
        } else {
            pace.request
        }
    }

    /// What a round saw, as numbers. What is unknown is absent, not zero.
    fn measure(&self, observed: &Observed, enabled: bool, status: &VMRuntimeStatus) {
        let metrics = self.metrics;
        let truth = |is_so: bool| if is_so { 1.0 } else { 0.0 };
        metrics.set(&metric::ENABLED, &[], truth(enabled));
        metrics.forget(&metric::PHASE);
        if let Some(phase) = &status.phase {
            metrics.set(&metric::PHASE, &[phase], 1.0);
        }
        for condition in &status.conditions {
            let is_so = condition.status.as_bool() == Some(true);
            metrics.set(&metric::CONDITION, &[&condition.type_], truth(is_so));
        }
        if let Some((machines, stuck)) = observed.counted() {
            metrics.set(&metric::VIRTUAL_MACHINES, &[], metric::count(machines));
            metrics.set(&metric::STUCK_OBJECTS, &[], metric::count(stuck));
        } else {
            metrics.forget(&metric::VIRTUAL_MACHINES);
            metrics.forget(&metric::STUCK_OBJECTS);
        }
    }
}

/// How a round ended, as a label.
fn result<T>(ended: &Result<T, Failure>) -> &'static str {
    match ended {
        Ok(_) => "done",
        Err(failure) if failure.kind == Kind::Conflict => "conflict",
        Err(_) => "failed",
    }
}
