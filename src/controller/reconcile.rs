//! The loop: one round at a time, whenever something changed, a timer is due, or the last round failed.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::{
    apply::Applier,
    event::{self, Announcer},
    failure_policy::{self, Part, ReportedFailure},
    metric::{self, Metrics},
    observe::{self, Caches},
    observed::{Observed, RuntimeFacts},
    options::ControllerOptions,
    plan::{self, Memory, Settings, upkeep::Repair},
    preflight::CheckFailures,
    release::Mended,
    request::within,
    serve::Health,
    watch::Listener,
};
use crate::{
    api::VMRuntimeStatus,
    failure::{Failure, Kind},
};

/// Reconciles the one VMRuntime.
pub(super) struct Reconciler<'a> {
    pub client: &'a Client,
    pub caches: &'a Caches,
    pub options: &'a ControllerOptions,
    pub announcer: Announcer,
    /// Of whoever carries checks out.
    pub check_failures: &'a CheckFailures,
    pub metrics: &'a Metrics,
    pub health: &'a Health,
}

impl Reconciler<'_> {
    /// Reconciles until it is told to stop.
    pub(super) async fn run(&self, mut listener: Listener, stop: &CancellationToken) {
        let pace = self.options.pace;
        let mut memory = Memory::default();
        let mut reported = None;
        let mut failures = 0;
        while !stop.is_cancelled() {
            let began = Instant::now();
            self.health.round_begins(began);
            memory.reported = reported.clone().or_else(|| self.check_failures.read());
            let ended = Box::pin(self.round(&mut memory, stop)).await;
            self.health.round_ends(ended.is_ok());
            self.metrics
                .observe(&metric::RECONCILE_SECONDS, began.elapsed());
            self.metrics
                .add(&metric::RECONCILES, &[result(&ended)], 1.0);
            let (pause, wait) = match ended {
                Ok(wait) => {
                    failures = 0;
                    match reported.take() {
                        // What was said about it is no longer true.
                        Some(_) => (pace.debounce, pace.debounce),
                        // However much happens: half of the time at most is spent with looking.
                        None => (began.elapsed(), wait),
                    }
                }
                Err((part, failure)) => {
                    failures += 1;
                    let consequence = failure_policy::consequence(&failure, part, failures, &pace);
                    if failure.kind == Kind::Conflict {
                        tracing::debug!(%failure, "something changed meanwhile");
                    } else {
                        tracing::warn!(%failure, failures, "a round failed");
                    }
                    reported = consequence.said.or(reported);
                    if let (Part::Looking, Some(reported)) = (part, &reported) {
                        Box::pin(self.publish_failure(reported)).await;
                    }
                    (consequence.pause, consequence.wait)
                }
            };
            // Failing is no reason to hurry: whatever fires now is looked at then.
            let pausing = async {
                tokio::time::sleep(pause).await;
                tokio::select! {
                    () = listener.fired() => tokio::time::sleep(pace.debounce).await,
                    () = tokio::time::sleep(wait.saturating_sub(pause)) => {}
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = pausing => {}
            }
        }
    }

    /// Observes, plans, publishes, acts. Returns when to look again at the latest, or how far it came.
    async fn round(
        &self,
        memory: &mut Memory,
        stop: &CancellationToken,
    ) -> Result<Duration, (Part, Failure)> {
        let limit = self.options.pace.request;
        let looking = async {
            within(limit, "fill the caches", self.caches.ready()).await?;
            let observing = observe::observe(self.client, self.caches, self.options, memory);
            within(limit, "observe the cluster", Box::pin(observing)).await
        };
        let observed = tokio::select! {
            () = stop.cancelled() => return Ok(limit),
            observed = looking => observed.map_err(|failure| (Part::Looking, failure))?,
        };
        let acting = Box::pin(self.act(&observed, memory, stop)).await;
        acting.map_err(|failure| (Part::Acting, failure))
    }

    async fn act(
        &self,
        observed: &Observed,
        memory: &mut Memory,
        stop: &CancellationToken,
    ) -> Result<Duration, Failure> {
        let manifests = self.options.engine_manifests.as_ref();
        let settings = Settings {
            engine_manifests: manifests.is_some(),
            safe_disable: self.options.safe_disable,
            pace: self.options.pace,
        };
        let plan = plan::plan(observed, memory, &settings);
        *memory = plan.memory;
        let applier = Applier {
            client: self.client,
            manifests,
            checks: &observed.checks,
        };
        // First what is said: closing VM creation is a word of the status, and steps may depend on it.
        if let (Some(runtime), Some(status)) = (&observed.runtime, &plan.status) {
            self.publish(&applier, runtime, status).await?;
            self.measure(observed, runtime.enabled, status);
        }
        for step in &plan.steps {
            if stop.is_cancelled() {
                break;
            }
            tracing::info!(step = step.name(), details = ?step, "step");
            let limit = self.limit(step);
            let mended = within(limit, "perform a step", applier.perform(step)).await?;
            self.metrics.add(&metric::STEPS, &[step.name()], 1.0);
            if *step == plan::Step::ApplyEngineManifests {
                // What this process had not applied before was not changed behind its back.
                if memory.manifests_applied.replace(observed.now).is_some() {
                    for mended in mended {
                        let what = format!("{} of the engine manifests", mended.what);
                        let Mended { object, by, .. } = mended;
                        self.repaired(observed, "EngineManifests", &what, object, by)
                            .await;
                    }
                }
            }
        }
        for Repair { kept, by } in plan.repairs {
            let object = event::reference(kept, &observed.engine);
            self.repaired(observed, kept.name(), &kept.to_string(), object, by)
                .await;
        }
        Ok(plan.requeue)
    }

    async fn repaired(
        &self,
        observed: &Observed,
        kind: &str,
        what: &str,
        object: ObjectReference,
        by: Option<String>,
    ) {
        self.metrics.add(&metric::REPAIRS, &[kind], 1.0);
        if let Some(runtime) = &observed.runtime {
            let announcer = &self.announcer;
            announcer
                .repaired(runtime, what, object, by.as_deref())
                .await;
        }
    }

    async fn publish(
        &self,
        applier: &Applier<'_>,
        runtime: &RuntimeFacts,
        status: &VMRuntimeStatus,
    ) -> Result<(), Failure> {
        let limit = self.options.pace.request;
        within(
            limit,
            "publish the status",
            applier.publish(runtime, status),
        )
        .await?;
        self.announcer.announce(runtime, status).await;
        Ok(())
    }

    /// Says what keeps the controller from looking at the cluster. The VMRuntime itself it may still be able to see.
    async fn publish_failure(&self, reported: &ReportedFailure) {
        let limit = self.options.pace.request;
        let applier = Applier {
            client: self.client,
            manifests: None,
            checks: &[],
        };
        let published = async {
            let runtime = observe::runtime(self.client);
            if let Some(runtime) = within(limit, "read vmruntime", runtime).await? {
                let status = failure_policy::blind(&runtime, reported, jiff::Timestamp::now());
                self.publish(&applier, &runtime, &status).await?;
            }
            Ok::<(), Failure>(())
        };
        if let Err(failure) = published.await {
            tracing::warn!(%failure, "could not say so in the status");
        }
    }

    /// A release file holds dozens of objects; everything else is a request or two.
    fn limit(&self, step: &plan::Step) -> Duration {
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
fn result<T>(ended: &Result<T, (Part, Failure)>) -> &'static str {
    match ended {
        Ok(_) => "done",
        Err((_, failure)) if failure.kind == Kind::Conflict => "conflict",
        Err(_) => "failed",
    }
}
