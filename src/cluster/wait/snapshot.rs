//! What a wait has heard so far, as plain data for [`judge`](super::judge::judge).

use std::{collections::BTreeMap, fmt, time::Duration};

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use serde_json::{Value, json};

use super::{Target, Wait};
use crate::{
    api::{
        VMRuntimePreflightCheck,
        name::{CONTROLLER_DEPLOYMENT, PREFLIGHT_CHECK_LABEL, SYSTEM_NAMESPACE},
    },
    cluster::{event::Event, list, retry::Retry, vmruntime::RuntimeObject, watch::Update},
    failure::{self, Denial, Failure},
    runtime::verdict::{self, Verdict},
};

/// What a wait can listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Runtime,
    Checks,
    Pods,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runtime => "vmruntime",
            Self::Checks => "preflight checks",
            Self::Pods => "pods",
        })
    }
}

/// Something that is read at its own time, if it may be read.
#[derive(Clone, Debug)]
pub(super) enum Reading<T> {
    /// Not yet.
    Pending,
    /// Again and again refused.
    Refused(Failure),
    Known(T),
}

impl<T> Reading<T> {
    fn denial(&self) -> Option<Box<Denial>> {
        match self {
            Self::Refused(failure) => failure.denial.clone(),
            Self::Pending | Self::Known(_) => None,
        }
    }
}

/// A check that was seen.
#[derive(Clone, Debug)]
pub(super) struct SeenCheck {
    pub check: VMRuntimePreflightCheck,
    /// We saw it come into being after our change.
    pub added: bool,
    /// It is there, and its name and age are all that is known of it.
    pub unreadable: bool,
}

impl SeenCheck {
    /// What a check that has no result still lacks.
    pub fn what_is_missing(&self) -> String {
        let name = self.check.name_any();
        let status = self.check.status.as_ref();
        if self.unreadable {
            format!("preflight check {name} cannot be read")
        } else if status.is_some_and(|status| status.start_time.is_some()) {
            format!("the preflight check is running: {name}")
        } else {
            format!("the controller has not taken up the preflight check: {name}")
        }
    }
}

/// What of a pod is of interest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenPod {
    /// The UID of the ReplicaSet that owns it.
    replica_set: Option<String>,
    /// Does it carry out a preflight check?
    pub probes: bool,
}

/// To whom a pod in `vm-system` belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PodOwner {
    /// The Deployment of the controller.
    Controller,
    Other,
    /// Its ReplicaSet may not be read.
    Unknown,
}

/// Everything that was heard.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// `Known(None)`: deleted.
    pub runtime: Reading<Option<Box<RuntimeObject>>>,
    /// Has anybody written the status since the wait began?
    pub status_written: bool,
    /// By name.
    pub checks: Reading<BTreeMap<String, SeenCheck>>,
    /// Their watch was lost and they are being read again: one that is not among them may be there.
    pub checks_lost: bool,
    /// The names of those that we saw come and go again.
    pub deleted_checks: Vec<String>,
    /// The pods in `vm-system` that have not finished, by name.
    pub pods: Reading<BTreeMap<String, SeenPod>>,
    /// By the UID of their ReplicaSet.
    pub owners: BTreeMap<String, PodOwner>,
    /// How long the wait has lasted.
    pub elapsed: Duration,
    /// For how long the controller has said the same about being degraded.
    pub degraded_for: Duration,
}

impl Snapshot {
    /// What is known before anything was heard.
    pub fn starting(wait: &Wait) -> Self {
        let baseline = wait.baseline.as_ref();
        Self {
            runtime: baseline.map_or(Reading::Pending, |baseline| {
                Reading::Known(Some(Box::new(baseline.object.clone())))
            }),
            checks: if wait.sees_every_check() {
                Reading::Known(BTreeMap::new())
            } else {
                Reading::Pending
            },
            status_written: false,
            checks_lost: false,
            deleted_checks: Vec::new(),
            pods: Reading::Pending,
            owners: BTreeMap::new(),
            elapsed: Duration::ZERO,
            degraded_for: Duration::ZERO,
        }
    }

    /// The VMRuntime, while it is there.
    pub fn runtime(&self) -> Option<&RuntimeObject> {
        match &self.runtime {
            Reading::Known(Some(runtime)) => Some(runtime),
            Reading::Known(None) | Reading::Pending | Reading::Refused(_) => None,
        }
    }

    /// What the API server has denied of what is watched.
    pub fn denial(&self) -> Option<Box<Denial>> {
        let denials = [
            self.runtime.denial(),
            self.checks.denial(),
            self.pods.denial(),
        ];
        denials.into_iter().flatten().next()
    }

    /// The phase that the controller reports, if it does.
    pub fn phase(&self) -> Option<String> {
        self.runtime()?.status().phase
    }

    /// Takes in what was heard, and says what of it is worth telling.
    pub fn take(&mut self, seen: Seen, update: Update, wait: &Wait) -> Vec<Event> {
        match seen {
            Seen::Runtime => {
                self.take_runtime(update);
                Vec::new()
            }
            Seen::Checks => self.take_check(update, wait),
            Seen::Pods => {
                self.take_pod(update);
                Vec::new()
            }
        }
    }

    fn take_runtime(&mut self, update: Update) {
        let known = |raw| match RuntimeObject::parse(raw) {
            Ok(runtime) => Reading::Known(Some(Box::new(runtime))),
            Err(failure) => Reading::Refused(failure),
        };
        let before = self.runtime().map(|runtime| runtime.raw["status"].clone());
        self.runtime = match update {
            Update::Added(raw) | Update::Changed(raw) => known(raw),
            Update::All(items) => match items.into_iter().next() {
                Some(raw) => known(raw),
                None => Reading::Known(None),
            },
            Update::Gone(_) => Reading::Known(None),
            Update::Refused(failure) => Reading::Refused(failure),
            Update::Lost(_) => return,
        };
        let now = self.runtime().map(|runtime| &runtime.raw["status"]);
        self.status_written |= before.is_some() && now.is_some() && before.as_ref() != now;
    }

    fn take_check(&mut self, update: Update, wait: &Wait) -> Vec<Event> {
        match update {
            Update::Lost(_) => self.checks_lost = true,
            Update::All(_) => self.checks_lost = false,
            Update::Added(_) | Update::Changed(_) | Update::Gone(_) | Update::Refused(_) => {}
        }
        let before = match std::mem::replace(&mut self.checks, Reading::Pending) {
            Reading::Known(checks) => checks,
            Reading::Pending if matches!(update, Update::Lost(_)) => return Vec::new(),
            Reading::Refused(failure) if matches!(update, Update::Lost(_)) => {
                self.checks = Reading::Refused(failure);
                return Vec::new();
            }
            Reading::Pending | Reading::Refused(_) => BTreeMap::new(),
        };
        let mut checks = before.clone();
        match update {
            Update::Added(raw) => insert(&mut checks, raw, true),
            Update::Changed(raw) => insert(&mut checks, raw, false),
            Update::Gone(raw) => {
                checks.remove(raw["metadata"]["name"].as_str().unwrap_or_default());
            }
            Update::All(items) => {
                let seen_to_come = std::mem::take(&mut checks);
                for raw in items {
                    let name = raw["metadata"]["name"].as_str().unwrap_or_default();
                    let added = seen_to_come.get(name).is_some_and(|seen| seen.added);
                    insert(&mut checks, raw, added);
                }
            }
            Update::Refused(failure) => {
                self.checks = Reading::Refused(failure);
                return Vec::new();
            }
            Update::Lost(_) => {}
        }
        let news = news(&before, &checks, wait);
        let gone = before
            .iter()
            .filter(|(name, seen)| seen.added && !checks.contains_key(*name));
        self.deleted_checks
            .extend(gone.map(|(name, _)| name.clone()));
        self.checks = Reading::Known(checks);
        news
    }

    fn take_pod(&mut self, update: Update) {
        let mut pods = match std::mem::replace(&mut self.pods, Reading::Pending) {
            Reading::Known(pods) => pods,
            other if matches!(update, Update::Lost(_)) => {
                self.pods = other;
                return;
            }
            Reading::Pending | Reading::Refused(_) => BTreeMap::new(),
        };
        match update {
            Update::Added(raw) | Update::Changed(raw) => insert_pod(&mut pods, &raw),
            Update::Gone(raw) => {
                pods.remove(raw["metadata"]["name"].as_str().unwrap_or_default());
            }
            Update::All(items) => {
                pods.clear();
                for raw in &items {
                    insert_pod(&mut pods, raw);
                }
            }
            Update::Refused(failure) => {
                self.pods = Reading::Refused(failure);
                return;
            }
            Update::Lost(_) => {}
        }
        self.pods = Reading::Known(pods);
    }

    /// Finds out which of the pods belong to the controller: those of a ReplicaSet of its Deployment. Asks only where
    /// there is a ReplicaSet that was not asked about before.
    pub async fn resolve_owners(&mut self, client: &Client, retry: &Retry<'_>) {
        let Reading::Known(pods) = &self.pods else {
            return;
        };
        let unresolved: Vec<String> = pods
            .values()
            .filter_map(|pod| pod.replica_set.clone())
            .filter(|uid| !self.owners.contains_key(uid))
            .collect();
        if unresolved.is_empty() {
            return;
        }
        let api: Api<ReplicaSet> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let doing = format!("list replicasets in {SYSTEM_NAMESPACE}");
        let listed = list::metadata(&api, &ListParams::default(), retry, &doing).await;
        let (sets, otherwise) = match &listed {
            Ok(sets) => (sets.as_slice(), PodOwner::Other),
            Err(_) => (&[][..], PodOwner::Unknown),
        };
        for uid in unresolved {
            let set = sets.iter().find(|set| set.uid.as_ref() == Some(&uid));
            let owner = set.map_or(otherwise, |set| {
                let owners = set.owner_references.as_deref().unwrap_or_default();
                let of_controller = owners
                    .iter()
                    .any(|owner| owner.kind == "Deployment" && owner.name == CONTROLLER_DEPLOYMENT);
                if of_controller {
                    PodOwner::Controller
                } else {
                    PodOwner::Other
                }
            });
            self.owners.insert(uid, owner);
        }
        if let Err(error) = listed
            && failure::transience(&error) != failure::Transience::Permanent
        {
            // An outage is no answer: ask again at the next change.
            self.owners.retain(|_, owner| *owner != PodOwner::Unknown);
        }
    }

    /// To whom that pod belongs.
    pub fn owner(&self, pod: &SeenPod) -> PodOwner {
        pod.replica_set.as_ref().map_or(PodOwner::Other, |uid| {
            let known = self.owners.get(uid).copied();
            known.unwrap_or(PodOwner::Unknown)
        })
    }
}

impl SeenPod {
    /// Takes off a pod what is of no interest.
    pub fn slim(mut pod: Value) -> Value {
        let mut metadata = pod["metadata"].take();
        if let Some(fields) = metadata.as_object_mut() {
            let kept = ["name", "uid", "labels", "ownerReferences"];
            fields.retain(|field, _| kept.contains(&field.as_str()));
        }
        json!({"metadata": metadata, "status": {"phase": pod["status"]["phase"].take()}})
    }

    /// One whose owners cannot be read belongs to nobody that we know.
    fn read(pod: &Value) -> Self {
        let owners = pod["metadata"]["ownerReferences"].as_array();
        let set = owners
            .into_iter()
            .flatten()
            .find(|owner| owner["kind"] == "ReplicaSet")
            .and_then(|owner| owner["uid"].as_str());
        Self {
            replica_set: set.map(str::to_owned),
            probes: !pod["metadata"]["labels"][PREFLIGHT_CHECK_LABEL].is_null(),
        }
    }
}

fn insert(checks: &mut BTreeMap<String, SeenCheck>, raw: Value, added: bool) {
    let name = raw["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let added = added || checks.get(&name).is_some_and(|seen| seen.added);
    let created = raw["metadata"]["creationTimestamp"].clone();
    let read = serde_json::from_value::<VMRuntimePreflightCheck>(raw);
    let seen = SeenCheck {
        added,
        unreadable: read.is_err(),
        check: read.unwrap_or_else(|_| {
            let mut check = VMRuntimePreflightCheck::default();
            check.metadata.name = Some(name.clone());
            check.metadata.creation_timestamp = serde_json::from_value(created).unwrap_or_default();
            check
        }),
    };
    checks.insert(name, seen);
}

fn insert_pod(pods: &mut BTreeMap<String, SeenPod>, raw: &Value) {
    let name = raw["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let phase = raw["status"]["phase"].as_str().unwrap_or_default();
    if matches!(phase, "Succeeded" | "Failed") {
        pods.remove(&name);
        return;
    }
    pods.insert(name, SeenPod::read(raw));
}

/// Which checks that the wait depends on have started or finished.
fn news(
    before: &BTreeMap<String, SeenCheck>,
    now: &BTreeMap<String, SeenCheck>,
    wait: &Wait,
) -> Vec<Event> {
    let verdict = |seen: &SeenCheck| verdict::judge(seen.check.status.as_ref()).verdict;
    let unfinished = |seen: &SeenCheck| verdict(seen) == Verdict::Unfinished;
    let mut events = Vec::new();
    for (name, seen) in now {
        let matters = match &wait.target {
            Target::Ready => seen.added,
            Target::Preflight { name: wanted } => wanted == name,
            Target::Disabled => false,
        };
        if !matters {
            continue;
        }
        let old = before.get(name);
        if old.is_none() {
            events.push(Event::CheckStarted { name: name.clone() });
        }
        if old.is_none_or(unfinished) && !unfinished(seen) {
            events.push(Event::CheckFinished {
                name: name.clone(),
                verdict: verdict(seen),
            });
        }
    }
    events
}
