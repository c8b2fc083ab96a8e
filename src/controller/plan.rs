//! From what was seen to what is done about it: the one place where the controller decides.
//!
//! Pure: no clock, no client, no memory but the little that is handed in and out. Two invariants hold whatever is observed,
//! and tests try to break them: no VM is deleted unless VM Runtime is disabled and the annotation permits it, and
//! nothing of the engine is removed unless VM Runtime is disabled and the VMs are known to be none.

mod admission;
mod disabled;
mod drain;
mod enabled;
mod report;
#[cfg(test)]
mod tests;
pub mod upkeep;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{
    failure_policy::ReportedFailure,
    manifest::Disks,
    observed::{Count, NodeTraces, Observed, Policy, RuntimeFacts, Seen},
    options::Pace,
    placement::PlacementChange,
    role::UserRole,
};
use crate::{
    api::{
        VMRuntimeStatus, WorkloadKind,
        condition::{self, ConditionStatus},
    },
    cluster::stuck::StuckObject,
    runtime::preflight::{self, Inputs, NodeFacts},
};
use upkeep::{Repair, Upkeep};

/// One thing to do. Each can be done twice without harm, and names the very object that was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The VMRuntime object, disabled.
    CreateRuntime,
    /// The namespace of checks and their pods.
    CreateSystemNamespace,
    /// A preflight check of our own.
    StartCheck(Inputs),
    /// A check that nobody needs any more, with its pods.
    DeleteCheck {
        name: String,
        uid: String,
    },
    ApplyEngineManifests,
    /// Whatever they brought, except what disks depend on.
    RemoveEngineManifests(Disks),
    CreateKubeVirt {
        namespace: String,
        use_emulation: bool,
        /// No node is a control plane: the engine's own pods may run anywhere.
        anywhere: bool,
        /// Nodes with the skip label get no VMs.
        exclude: bool,
    },
    /// Our KubeVirt object, as it was seen, gets these settings.
    ConfigureKubeVirt {
        object: ObjectReference,
        use_emulation: bool,
        placement: Option<PlacementChange>,
    },
    DeleteKubeVirt(ObjectReference),
    CreateCdi,
    /// Our CDI object, as it was seen, gets our settings.
    ConfigureCdi(ObjectReference),
    DeleteCdi(ObjectReference),
    /// Policy and binding, failing closed or (while the API server learns them) open.
    ArmPolicy {
        policy: Policy,
        strict: bool,
        /// Where the engine's service accounts live.
        engine_namespace: String,
        seen: Seen,
    },
    DisarmPolicy {
        policy: Policy,
        seen: Seen,
    },
    /// A ClusterRole of people who work with VMs.
    ApplyRole {
        role: UserRole,
        /// Of the role that is there.
        resource_version: Option<String>,
    },
    DeleteRole {
        role: UserRole,
        uid: String,
    },
    /// What our engine has left on these nodes.
    CleanNodes(Vec<NodeTraces>),
    /// A VM, or a disk of a VM that is going away.
    DeleteWorkload(WorkloadReference),
}

impl Step {
    /// What kind of step it is, for counting.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateRuntime => "CreateRuntime",
            Self::CreateSystemNamespace => "CreateSystemNamespace",
            Self::StartCheck(_) => "StartCheck",
            Self::DeleteCheck { .. } => "DeleteCheck",
            Self::ApplyEngineManifests => "ApplyEngineManifests",
            Self::RemoveEngineManifests(_) => "RemoveEngineManifests",
            Self::CreateKubeVirt { .. } => "CreateKubeVirt",
            Self::ConfigureKubeVirt { .. } => "ConfigureKubeVirt",
            Self::DeleteKubeVirt(_) => "DeleteKubeVirt",
            Self::CreateCdi => "CreateCdi",
            Self::ConfigureCdi(_) => "ConfigureCdi",
            Self::DeleteCdi(_) => "DeleteCdi",
            Self::ArmPolicy { .. } => "ArmPolicy",
            Self::DisarmPolicy { .. } => "DisarmPolicy",
            Self::ApplyRole { .. } => "ApplyRole",
            Self::DeleteRole { .. } => "DeleteRole",
            Self::CleanNodes(_) => "CleanNodes",
            Self::DeleteWorkload(_) => "DeleteWorkload",
        }
    }
}

/// One version of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReference {
    pub namespace: Option<String>,
    pub name: String,
    pub uid: String,
    pub resource_version: String,
}

/// One workload object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadReference {
    pub kind: WorkloadKind,
    /// The version that it was read in.
    pub version: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

/// What is to be done, and what is to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In this order; a step that fails ends the round.
    pub steps: Vec<Step>,
    /// What to publish; `None` while there is no object to publish it on.
    pub status: Option<VMRuntimeStatus>,
    /// When to look again at the latest, if nothing is heard.
    pub requeue: Duration,
    /// Which of the steps put right what somebody else has changed.
    pub repairs: Vec<Repair>,
    pub memory: Memory,
}

/// What one round hands to the next. Losing it costs time, never safety.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Since when every list of VMs was empty while creation was closed.
    pub empty_since: Option<Timestamp>,
    /// When this process applied the engine manifests last.
    pub manifests_applied: Option<Timestamp>,
    /// This process has seen that nothing of them is left.
    pub manifests_gone: bool,
    /// What keeps the controller from its work.
    pub reported: Option<ReportedFailure>,
    /// How many VMs there were when they were counted last, while enabled.
    pub count: Option<Count>,
    /// What was as it should be, and what had to be put right.
    pub upkeep: Upkeep,
    /// The gate was seen open although it is to be closed: the API server does not enforce it.
    pub unenforced: bool,
    /// Nodes with the skip label, and those that had it.
    pub skipped: Skipped,
}

/// Which nodes were left out, and when one of them was taken in again. What the status names is known to the next process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(BTreeMap<String, Option<Timestamp>>);

impl Skipped {
    /// The most that a status names.
    const PUBLISHED: usize = 1000;

    /// What an earlier process has said.
    fn recall(&mut self, published: &[String]) {
        for name in published {
            self.0.entry(name.clone()).or_insert(None);
        }
    }

    fn published(&self) -> Vec<String> {
        let left_out = self.0.iter().filter(|(_, lost)| lost.is_none());
        let names = left_out.map(|(name, _)| name.clone());
        names.take(Self::PUBLISHED).collect()
    }

    fn see(&mut self, nodes: &[NodeFacts], now: Timestamp) {
        self.0
            .retain(|name, _| nodes.iter().any(|node| node.name == *name));
        for node in nodes {
            if node.skipped {
                self.0.insert(node.name.clone(), None);
            } else if let Some(lost) = self.0.get_mut(&node.name) {
                lost.get_or_insert(now);
            }
        }
    }

    /// The nodes that have lost the label, and when that was seen.
    fn lost(&self) -> BTreeMap<String, Timestamp> {
        let lost = |(name, lost): (&String, &Option<Timestamp>)| Some((name.clone(), (*lost)?));
        self.0.iter().filter_map(lost).collect()
    }
}

/// What the controller was started with, as far as decisions depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub engine_manifests: bool,
    pub safe_disable: bool,
    pub pace: Pace,
}

/// Decides one round.
#[must_use]
pub fn plan(observed: &Observed, memory: &Memory, settings: &Settings) -> Plan {
    let mut draft = Draft {
        observed,
        settings,
        steps: Vec::new(),
        repairs: Vec::new(),
        requeue: settings.pace.resync,
        memory: Memory {
            empty_since: None,
            count: None,
            ..memory.clone()
        },
    };
    if !observed.system_namespace {
        draft.steps.push(Step::CreateSystemNamespace);
    }
    let Some(runtime) = &observed.runtime else {
        draft.steps.push(Step::CreateRuntime);
        return draft.finish(None);
    };
    admission::arm(&mut draft);
    admission::see_enforced(&mut draft, runtime);
    let report = if runtime.enabled {
        enabled::decide(&mut draft, runtime)
    } else {
        disabled::decide(&mut draft, runtime, memory)
    };
    let status = report.publish(observed, runtime, &draft.memory);
    draft.forget_checks(&status);
    draft.finish(Some(status))
}

/// A plan in the making.
struct Draft<'a> {
    observed: &'a Observed,
    settings: &'a Settings,
    steps: Vec<Step>,
    repairs: Vec<Repair>,
    requeue: Duration,
    memory: Memory,
}

impl Draft<'_> {
    /// Look again at that time at the latest.
    fn wake_at(&mut self, time: Timestamp) {
        let wait = time.duration_since(self.observed.now);
        self.wake_in(Duration::try_from(wait).unwrap_or(Duration::ZERO));
    }

    /// Look again after this long at the latest.
    fn wake_in(&mut self, wait: Duration) {
        // Times of the API are whole seconds: never spin on one.
        const SHORTEST: Duration = Duration::from_millis(10);
        self.requeue = self.requeue.min(wait.max(SHORTEST));
    }

    /// Has it been that long since then? If not, look again when it has.
    fn elapsed(&mut self, since: Timestamp, wait: Duration) -> bool {
        match since.checked_add(wait) {
            Ok(end) if end > self.observed.now => {
                self.wake_at(end);
                false
            }
            Ok(_) | Err(_) => true,
        }
    }

    /// Was the engine up, as far as it was published? What is missing now has been there before.
    fn was_up(&self) -> bool {
        let runtime = self.observed.runtime.as_ref();
        let ready = runtime.and_then(|runtime| {
            condition::find(&runtime.status.conditions, condition::kind::READY)
        });
        ready.is_some_and(|ready| {
            let reasons = [
                condition::reason::ENGINE_DOWN,
                condition::reason::NO_ELIGIBLE_NODE,
            ];
            ready.status == ConditionStatus::True || reasons.contains(&ready.reason.as_str())
        })
    }

    /// Has something that was begun then been under way for too long?
    fn too_slow(&mut self, since: Timestamp) -> bool {
        self.elapsed(since, self.settings.pace.install)
    }

    fn forget_checks(&mut self, status: &VMRuntimeStatus) {
        let summary = status.preflight_check_summary.as_ref();
        let needed: Vec<&str> = summary
            .and_then(|summary| summary.preflight_check_name.as_deref())
            .into_iter()
            .collect();
        for check in preflight::superfluous(&self.observed.checks, preflight::CHECKS_KEPT, &needed)
        {
            self.steps.push(Step::DeleteCheck {
                name: check.name.clone(),
                uid: check.uid.clone(),
            });
        }
    }

    fn finish(self, status: Option<VMRuntimeStatus>) -> Plan {
        Plan {
            steps: self.steps,
            status,
            requeue: self.requeue,
            repairs: self.repairs,
            memory: self.memory,
        }
    }
}

/// A condition's status, reason and message, without its type and times.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    status: bool,
    reason: &'static str,
    message: String,
}

impl Word {
    fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: true,
            reason,
            message: message.into(),
        }
    }

    fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: false,
            reason,
            message: message.into(),
        }
    }
}

/// Since when the controller has been on its way.
fn progressing_since(runtime: &RuntimeFacts) -> Option<Timestamp> {
    let progressing = condition::find(&runtime.status.conditions, condition::kind::PROGRESSING);
    let since = progressing
        .filter(|condition| condition.status == ConditionStatus::True)
        .and_then(|condition| condition.last_transition_time.as_ref());
    since.map(|since| since.0)
}

/// Why these are still there, and what to do about the first, behind what is said anyhow.
fn explained<'a>(mut message: String, stuck: impl Iterator<Item = &'a StuckObject>) -> String {
    /// A message of a condition is short.
    const EXPLAINED: usize = 2;
    let stuck: Vec<&StuckObject> = stuck.take(EXPLAINED).collect();
    for object in &stuck {
        message = format!("{message}; still there: {object}");
    }
    match stuck.first().and_then(|first| first.command()) {
        Some(command) => format!("{message}; see: {command}"),
        None => message,
    }
}

/// The object, in the version that was seen.
fn reference(object: &crate::runtime::readiness::EngineObject) -> ObjectReference {
    ObjectReference {
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        uid: object.uid.clone(),
        resource_version: object.resource_version.clone(),
    }
}

/// The end of the fence that a disable has put up, while it stands.
fn fenced(runtime: &RuntimeFacts, now: Timestamp) -> Option<Timestamp> {
    runtime.fence_until.filter(|until| *until > now)
}
