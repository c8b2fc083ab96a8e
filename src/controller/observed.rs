//! What one round saw: plain data, without a client and without a clock. `observe` fills it in, `plan` reads it.

use jiff::Timestamp;

use std::fmt;

use super::{manifest::Disks, role::UserRole};
use crate::{
    api::VMRuntimeStatus,
    cluster::{
        inventory::{Inventory, Workload},
        stuck::{Leaving, StuckObject},
    },
    runtime::{
        force::ForceAnnotation,
        preflight::{CheckFacts, NodeFacts},
        readiness::EngineFacts,
    },
};

/// The whole cluster, as far as the controller cares.
#[derive(Clone, Debug)]
pub struct Observed {
    pub now: Timestamp,
    /// `None`: there is no VMRuntime object.
    pub runtime: Option<RuntimeFacts>,
    /// Is the system namespace there?
    pub system_namespace: bool,
    /// Linux nodes, skipped ones included.
    pub nodes: Vec<NodeFacts>,
    pub checks: Vec<CheckFacts>,
    pub workloads: Workloads,
    /// Disks that would die with CDI.
    pub disks: Disks,
    pub engine: EngineFacts,
    /// Where the engine lives, or would live.
    pub engine_namespace: String,
    pub manifests: Manifests,
    pub admission: Admission,
    pub creation: Creation,
    /// The ClusterRoles of people who work with VMs.
    pub roles: Vec<RoleFacts>,
    /// What an engine of ours has left on nodes; looked for only when it is gone.
    pub traces: Traces,
    /// What keeps pods of the engine from running, while it is not up, and those of checks.
    pub unready: Unready,
    /// What has been deleted for a while and is still there, and why.
    pub stuck: Vec<StuckObject>,
}

/// Why pods do not run, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unready {
    pub engine: Vec<String>,
    pub probes: Vec<String>,
}

impl Observed {
    /// How many VMs there are, and how many of them have been going away for too long; `None` while that is unknown.
    #[must_use]
    pub fn counted(&self) -> Option<(usize, usize)> {
        match &self.workloads {
            Workloads::Known(inventory) => {
                let stuck = inventory
                    .machines
                    .iter()
                    .filter(|machine| is_stuck(machine, self.now));
                Some((inventory.count(), stuck.count()))
            }
            Workloads::Counted(count) => Some((count.machines, count.stuck)),
            Workloads::Unknown(_) => None,
        }
    }
}

/// How long a deletion may take before it is called stuck.
const STUCK_SECONDS: i64 = 60;

/// Has the deletion of this object been accepted too long ago?
#[must_use]
pub fn is_stuck(workload: &Workload, now: Timestamp) -> bool {
    workload
        .deleting
        .is_some_and(|since| now.as_second() - since.timestamp().as_second() >= STUCK_SECONDS)
}

/// The VMRuntime object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuntimeFacts {
    pub uid: String,
    pub resource_version: String,
    pub generation: i64,
    /// Wanted, and the object is not being deleted.
    pub enabled: bool,
    pub use_emulation: bool,
    pub force: Force,
    /// Until when a `bmctl disable` wants VM creation closed.
    pub fence_until: Option<Timestamp>,
    /// As it was published last: kept for transition times, and to write nothing that is there already.
    pub status: VMRuntimeStatus,
}

/// The annotation that permits deleting VMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Force(pub ForceAnnotation);

impl Default for Force {
    fn default() -> Self {
        Self(ForceAnnotation::read(None))
    }
}

/// The VMs and disks of the cluster.
#[derive(Clone, Debug)]
pub enum Workloads {
    Known(Inventory),
    /// How many there were a moment ago: enough to publish while nothing is decided by it.
    Counted(Count),
    /// Why they could not be listed. Never zero.
    Unknown(String),
}

/// A number of VMs that was taken a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub machines: usize,
    pub stuck: usize,
    /// From then on it may be taken again.
    pub until: Timestamp,
    /// Something happened since it was taken.
    pub stale: bool,
}

/// What is left of the engine manifests that we were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manifests {
    #[default]
    NotGiven,
    /// Nothing of ours is left, as far as it is to be removed.
    Gone,
    /// These objects of ours are there.
    Present(Vec<Leftover>),
}

/// An object of the engine manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// For people.
    pub what: String,
    pub leaving: Leaving,
}

/// The admission policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The cluster has no such API, or does not let us use it.
    Unavailable(String),
    Available(Vec<PolicyFacts>),
}

/// One of our admission policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFacts {
    pub policy: Policy,
    pub armed: Armed,
    pub seen: Seen,
}

/// A policy and its binding, as far as they are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub policy: Option<ObjectVersion>,
    pub binding: Option<ObjectVersion>,
}

/// One version of an object whose name is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectVersion {
    pub uid: String,
    pub resource_version: String,
    /// Who wrote to it last, if it was not the controller.
    pub changed_by: Option<String>,
}

/// One of the ClusterRoles of people who work with VMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleFacts {
    pub role: UserRole,
    pub state: RoleState,
}

/// How far such a role is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleState {
    Absent,
    /// Somebody else made it: it is left alone.
    Foreign,
    Ours {
        version: ObjectVersion,
        right: bool,
    },
}

/// What an engine of ours has left on nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// What can be removed.
    pub left: Vec<NodeTraces>,
    /// Nodes on which virt-handler has not ended yet.
    pub handled: usize,
    /// The same on nodes that are not ready: nobody waits for them.
    pub out_of_reach: usize,
}

impl Traces {
    /// Is nothing left at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty() && self.handled == 0 && self.out_of_reach == 0
    }
}

/// Labels and annotations of one node, by name.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeTraces {
    pub node: String,
    pub uid: String,
    pub resource_version: String,
    pub labels: Vec<String>,
    pub annotations: Vec<String>,
}

/// There may be dozens of labels a node: a log is not for that.
impl fmt::Debug for NodeTraces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.node)
    }
}

/// Which of our admission policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// No VM is created unless VMCreationAllowed says so.
    CreationGate,
    /// The API server refuses a disable while VMs exist.
    SafeDisable,
    /// Nobody removes our engine from under running VMs.
    EngineProtection,
}

impl Policy {
    pub const ALL: [Self; 3] = [
        Self::CreationGate,
        Self::SafeDisable,
        Self::EngineProtection,
    ];

    /// What the policy and its binding are called.
    #[must_use]
    pub const fn object_name(self) -> &'static str {
        match self {
            Self::CreationGate => "vm-create.vmruntime.vm.cluster.gke.io",
            Self::SafeDisable => "safe-disable.vmruntime.vm.cluster.gke.io",
            Self::EngineProtection => "protect-engine.vmruntime.vm.cluster.gke.io",
        }
    }
}

/// How far a policy is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// Policy and binding are both missing.
    Absent,
    /// One of the two is missing, or is not what we want. The policy's own strictness is kept while it is repaired.
    Differs { strict: bool },
    /// In place with failurePolicy Ignore, since then: an API server that is still learning it lets things pass.
    FailsOpen { since: Timestamp },
    /// In place with failurePolicy Fail.
    Strict,
}

/// Can somebody create a VM right now? Told by trying (as a dry run).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// Nobody needed to know.
    NotTried,
    /// No kind of VM is served: there is nothing to create.
    NotServed,
    /// Our policy refused.
    Closed,
    Open,
    /// It was refused for another reason, or could not be tried.
    Unproven(String),
}
