//! Runs preflight checks: a pod on every eligible node, its termination message read, the results written once.
//!
//! Level-triggered like the controller itself: `probe_plan` decides from nodes and pods what is due, this file does it. A
//! controller that was restarted finds its pods by their label and goes on; results that had been read but not written
//! are asked for again.

mod pod;
mod probe_plan;
mod queue;

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::{
    Api, Client,
    api::Patch,
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    engine,
    metric::{self, Metrics},
    observe::{self, Caches},
    options::ControllerOptions,
    request::{Doing, creating, exactly, patching, within},
    watch::{Listener, Trigger},
};
use crate::{
    api::{VMRuntimePreflightCheck, VMRuntimePreflightCheckStatus, kubernetes::Pod, name},
    failure::{Failure, Kind},
    probe::Virtualization,
    runtime::{
        preflight::{self, CheckFacts, Occasion},
        verdict::{self, NodeVerdict},
    },
};

use pod::{PodFacts, Probe};
use probe_plan::{Launch, Run};
pub(super) use queue::CheckFailures;
use queue::{Queue, Work};

/// Requests of one step that are made at once.
const REQUESTS: usize = 16;

/// Carries checks out.
pub(super) struct Runner<'a> {
    pub client: &'a Client,
    pub caches: &'a Caches,
    pub options: &'a ControllerOptions,
    /// To wake the controller with: a finished check counts even before its watch tells.
    pub trigger: &'a Trigger,
    /// What keeps checks from being carried out.
    pub check_failures: &'a CheckFailures,
    pub metrics: &'a Metrics,
}

impl Runner<'_> {
    /// Carries checks out until it is told to stop; what is under way is taken up again by the next controller.
    pub(super) async fn run(&self, mut listener: Listener, stop: &CancellationToken) {
        let mut queue = Queue::default();
        while !stop.is_cancelled() {
            let wait = tokio::select! {
                () = stop.cancelled() => return,
                wait = self.round(&mut queue) => wait,
            };
            let flights = metric::count(queue.in_flight());
            self.metrics.set(&metric::CHECK_PODS, &[], flights);
            if self.check_failures.say(queue.reported()) {
                self.trigger.fire();
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = listener.fired() => tokio::time::sleep(self.options.pace.debounce).await,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// One step of every check that is running. Returns when to look again at the latest.
    async fn round(&self, queue: &mut Queue) -> Duration {
        let pace = &self.options.pace;
        if let Err(failure) = self.caches.ready().await {
            tracing::warn!(%failure, "no preflight check can be carried out");
            return pace.retry_most;
        }
        let mut unfinished: Vec<CheckFacts> = self.caches.checks();
        unfinished.retain(|check| !check.finished() && !check.deleting);
        unfinished
            .sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        let uids: Vec<&str> = unfinished.iter().map(|check| check.uid.as_str()).collect();
        let due = queue.due(&uids, Instant::now());

        let mut wait = pace.resync;
        let due = unfinished
            .iter()
            .filter(|check| due.contains(&check.uid.as_str()));
        for check in due {
            let mut work = queue.take(&check.uid);
            let advancing = self.advance(check, &mut work, queue.in_flight());
            match Box::pin(advancing).await {
                Ok(again) => {
                    work.succeeded();
                    wait = wait.min(again);
                }
                Err(failure) => {
                    tracing::warn!(%failure, check = check.name, "could not go on with a preflight check");
                    work.failed(&failure, Instant::now(), pace);
                }
            }
            queue.put_back(&check.uid, work);
        }
        queue
            .rest(Instant::now())
            .map_or(wait, |rest| wait.min(rest))
    }

    async fn advance(
        &self,
        check: &CheckFacts,
        work: &mut Work,
        others_in_flight: usize,
    ) -> Result<Duration, Failure> {
        let run = match &mut work.run {
            Some(run) => run,
            None => work.run.insert(self.begin(check).await?),
        };
        if run.concluded {
            // The watch has not shown it yet.
            return Ok(self.options.pace.resync);
        }
        self.plan(check, run, others_in_flight).await
    }

    /// Takes a check up, or takes up again what another controller began.
    async fn begin(&self, check: &CheckFacts) -> Result<Run, Failure> {
        if let (Some(started), Some(occasion)) = (&check.status.start_time, &check.occasion) {
            tracing::info!(check = check.name, "preflight check goes on");
            return Ok(Run::new(started.0, virtualization(occasion)));
        }
        let limit = self.options.pace.request;
        let runtime = within(limit, "read vmruntime", observe::runtime(self.client)).await?;
        let place = self.options.kubevirt_namespace.as_deref();
        let runtime = runtime.unwrap_or_default();
        let foreign = engine::foreign_emulation(self.client, place);
        let foreign = within(limit, "read KubeVirt's settings", foreign).await?;
        let occasion = Occasion {
            runtime: runtime.uid,
            generation: runtime.generation,
            use_emulation: foreign.unwrap_or(runtime.use_emulation),
            asked: foreign.map(|_| runtime.use_emulation),
        };
        let version = self.remember(check, &occasion).await?;
        let started = Timestamp::now();
        let status = VMRuntimePreflightCheckStatus {
            start_time: Some(Time(started)),
            ..VMRuntimePreflightCheckStatus::default()
        };
        let version = self.write(check, version, &status).await?;
        tracing::info!(check = check.name, "preflight check begins");
        let mut run = Run::new(started, virtualization(&occasion));
        run.version = version;
        Ok(run)
    }

    /// Before the start time, which makes it believed. Returns the version that came of it.
    async fn remember(&self, check: &CheckFacts, occasion: &Occasion) -> Result<u64, Failure> {
        let text = serde_json::to_string(occasion).expect("plain data is always valid JSON");
        let mut patch = of_version(check, check.resource_version);
        patch["metadata"]["annotations"] = json!({name::PREFLIGHT_OCCASION: text});
        let doing = format!("take up preflight check {}", check.name);
        let api = self.checks_api();
        let patched = async {
            let patch = Patch::Merge(&patch);
            let patched = api.patch(&check.name, &patching(), &patch).await;
            written(patched, &doing)
        };
        within(self.options.pace.request, &doing, patched).await
    }

    async fn plan(
        &self,
        check: &CheckFacts,
        run: &mut Run,
        others_in_flight: usize,
    ) -> Result<Duration, Failure> {
        let pods = self.pods(check);
        let nodes = self.caches.nodes();
        let pace = &self.options.pace;
        let room = pace.pods_in_flight.saturating_sub(others_in_flight);
        let plan = run.plan(Timestamp::now(), &nodes, &pods, pace, room);
        self.discard(&plan.discard).await?;
        self.launch(check, run, plan.launch).await?;
        if let Some(results) = plan.results {
            let status = preflight::conclude(results, run.started, Timestamp::now());
            let verdict = verdict::judge(Some(&status)).verdict;
            let version = run.version.max(check.resource_version);
            run.version = self.write(check, version, &status).await?;
            run.concluded = true;
            tracing::info!(check = check.name, ?verdict, "preflight check ends");
            self.measure(&status, run.started);
            self.trigger.fire();
        }
        Ok(plan.wait)
    }

    fn measure(&self, status: &VMRuntimePreflightCheckStatus, started: Timestamp) {
        let judgement = verdict::judge(Some(status));
        let result = judgement.verdict.word();
        self.metrics.add(&metric::CHECKS, &[result], 1.0);
        for (state, verdict) in [
            ("passed", NodeVerdict::Passed),
            ("failed", NodeVerdict::Failed),
            ("unknown", NodeVerdict::Unknown),
        ] {
            let nodes = metric::count(judgement.count(verdict));
            self.metrics.set(&metric::CHECK_NODES, &[state], nodes);
        }
        let took = Timestamp::now().duration_since(started);
        let took = Duration::try_from(took).unwrap_or_default();
        self.metrics.observe(&metric::CHECK_SECONDS, took);
    }

    /// The pods of a check, without what only looks like one.
    fn pods(&self, check: &CheckFacts) -> Vec<PodFacts> {
        let pods = self.caches.probe_pods.state();
        pods.iter()
            .filter_map(|pod| PodFacts::read(pod, &check.uid))
            .collect()
    }

    async fn launch(
        &self,
        check: &CheckFacts,
        run: &mut Run,
        launches: Vec<Launch>,
    ) -> Result<(), Failure> {
        let mut creations = Vec::new();
        for launch in launches {
            let probe = Probe {
                owner: owner(check),
                node: launch.node.clone(),
                machine: launch.machine.clone(),
                attempt: launch.attempt,
                image: self.options.probe_image.clone(),
                pull_secrets: self.options.image_pull_secrets.clone(),
                deep: self.options.deep_probe,
                virtualization: run.virtualization,
                deadline: self.options.pace.node,
            };
            creations.push(self.create(probe, launch));
        }
        let mut created = stream::iter(creations).buffer_unordered(REQUESTS);
        let mut failed = None;
        while let Some((launch, created)) = created.next().await {
            let now = Timestamp::now();
            match created {
                Ok(()) => run.launched(&launch, now),
                // One of ours that ends makes room for another.
                Err(failure) if pod::is_quota(&failure.to_string()) && run.in_flight() > 0 => {
                    tracing::debug!(%failure, "a quota is used up for the moment");
                }
                Err(failure) => {
                    let why = pod::refusal(&failure.to_string());
                    let pace = &self.options.pace;
                    let believed = pod::patience(&failure)
                        .is_some_and(|patience| run.refused(&launch, why, patience, now, pace));
                    if believed {
                        self.metrics.add(&metric::PODS_REFUSED, &[], 1.0);
                    } else {
                        failed = failed.or(Some(failure));
                    }
                }
            }
        }
        if run.refusals_are_news() {
            self.trigger.fire();
        }
        failed.map_or(Ok(()), Err)
    }

    async fn create(&self, probe: Probe, launch: Launch) -> (Launch, Result<(), Failure>) {
        let doing = format!("create the probe pod for node {}", launch.node);
        let resource = ApiResource::erase::<Pod>(&());
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), name::SYSTEM_NAMESPACE, &resource);
        let creation = async {
            let created = api.create(&creating(), &probe.pod()).await;
            created.or_there(&doing)
        };
        let created = within(self.options.pace.request, &doing, creation).await;
        (launch, created)
    }

    async fn discard(&self, pods: &[PodFacts]) -> Result<(), Failure> {
        let deletions: Vec<_> = pods.iter().map(|pod| self.delete(pod)).collect();
        let mut deleted = stream::iter(deletions).buffer_unordered(REQUESTS);
        while let Some(deleted) = deleted.next().await {
            match deleted {
                // Another pod of that name: not the one that was seen.
                Err(failure) if failure.kind == Kind::Conflict => {}
                deleted => deleted?,
            }
        }
        Ok(())
    }

    async fn delete(&self, pod: &PodFacts) -> Result<(), Failure> {
        let exactly = exactly(&pod.uid, None).grace_period(0);
        let doing = format!("delete probe pod {}", pod.name);
        let api = self.pods_api();
        let deletion = async { api.delete(&pod.name, &exactly).await.or_gone(&doing) };
        within(self.options.pace.request, &doing, deletion).await
    }

    fn checks_api(&self) -> Api<VMRuntimePreflightCheck> {
        Api::namespaced(self.client.clone(), name::SYSTEM_NAMESPACE)
    }

    fn pods_api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), name::SYSTEM_NAMESPACE)
    }

    /// Onto that version only. Returns the version that came of it.
    async fn write(
        &self,
        check: &CheckFacts,
        version: u64,
        status: &VMRuntimePreflightCheckStatus,
    ) -> Result<u64, Failure> {
        let api = self.checks_api();
        let mut patch = of_version(check, version);
        patch["status"] = json!(status);
        let doing = format!("write the status of preflight check {}", check.name);
        let patched = async {
            let patch = Patch::Merge(&patch);
            let patched = api.patch_status(&check.name, &patching(), &patch).await;
            written(patched, &doing)
        };
        within(self.options.pace.request, &doing, patched).await
    }
}

/// The beginning of a patch: what was decided too long ago is refused.
fn of_version(check: &CheckFacts, version: u64) -> Value {
    let mut metadata = json!({"uid": check.uid});
    // Versions are numbers, everywhere that is known; where they are not, the UID has to do.
    if version > 0 {
        metadata["resourceVersion"] = json!(version.to_string());
    }
    json!({"metadata": metadata})
}

/// The version that came of it; of a check that is gone, none.
fn written(patched: kube::Result<VMRuntimePreflightCheck>, doing: &str) -> Result<u64, Failure> {
    match patched {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(0),
        patched => Ok(CheckFacts::read(&patched.doing(doing)?).resource_version),
    }
}

fn virtualization(occasion: &Occasion) -> Virtualization {
    if occasion.use_emulation {
        Virtualization::Emulation
    } else {
        Virtualization::Hardware
    }
}

fn owner(check: &CheckFacts) -> OwnerReference {
    let resource = kube::core::ApiResource::erase::<VMRuntimePreflightCheck>(&());
    OwnerReference {
        api_version: resource.api_version,
        kind: resource.kind,
        name: check.name.clone(),
        uid: check.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}
