//! The kinds that count as virtual machines, and those that belong to them. One table, read by the inventory, the
//! removal, the controller and the admission policies.

use kube::{
    api::ListParams,
    core::{ApiResource, GroupVersionKind},
};

use super::name::qualified;

/// What a kind means for a disable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadRole {
    /// A virtual machine: as long as one exists, running or not, VM Runtime is in use.
    Machine,
    /// Storage of virtual machines: does not keep VM Runtime in use by itself.
    Disk,
    /// A move of a running machine to another node: ends with the machine.
    Migration,
    /// The pod that a guest runs in: as long as it is there, its machine is not gone.
    Launcher,
}

/// A kind of workload object, always named with its group: the plural `virtualmachines` exists in two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadKind {
    pub group: &'static str,
    /// The version that we ask for first; a cluster may serve another one (`cluster::inventory` looks).
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub role: WorkloadRole,
}

impl WorkloadKind {
    /// `plural.group`, as kubectl takes it.
    #[must_use]
    pub fn qualified(&self) -> String {
        qualified(self.plural, self.group)
    }

    /// Which of the kind's objects are meant.
    #[must_use]
    pub fn selected(&self) -> ListParams {
        match self.role {
            WorkloadRole::Launcher => ListParams::default().labels(LAUNCHER_LABEL).fields(RUNS),
            WorkloadRole::Machine | WorkloadRole::Disk | WorkloadRole::Migration => {
                ListParams::default()
            }
        }
    }

    /// For `kube::Api`.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        self.resource_in(self.version)
    }

    /// The same in another version.
    #[must_use]
    pub fn resource_in(&self, version: &str) -> ApiResource {
        ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(self.group, version, self.kind),
            self.plural,
        )
    }
}

const fn machine(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
) -> WorkloadKind {
    WorkloadKind {
        group,
        version,
        kind,
        plural,
        role: WorkloadRole::Machine,
    }
}

const fn disk(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
) -> WorkloadKind {
    WorkloadKind {
        group,
        version,
        kind,
        plural,
        role: WorkloadRole::Disk,
    }
}

/// Parents before children: a VM pool before its machines, a machine before its instance, machines before disks.
/// That is also the order of removal.
pub static WORKLOAD_KINDS: [WorkloadKind; 7] = [
    machine(
        "pool.kubevirt.io",
        "v1beta1",
        "VirtualMachinePool",
        "virtualmachinepools",
    ),
    machine(
        "kubevirt.io",
        "v1",
        "VirtualMachineInstanceReplicaSet",
        "virtualmachineinstancereplicasets",
    ),
    machine(
        "vm.cluster.gke.io",
        "v1",
        "VirtualMachine",
        "virtualmachines",
    ),
    machine("kubevirt.io", "v1", "VirtualMachine", "virtualmachines"),
    machine(
        "kubevirt.io",
        "v1",
        "VirtualMachineInstance",
        "virtualmachineinstances",
    ),
    disk(
        "vm.cluster.gke.io",
        "v1",
        "VirtualMachineDisk",
        "virtualmachinedisks",
    ),
    disk("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes"),
];

/// What moves running machines about. It goes before all others, so that nothing moves a machine that is going.
pub static MIGRATION_KIND: WorkloadKind = WorkloadKind {
    group: "kubevirt.io",
    version: "v1",
    kind: "VirtualMachineInstanceMigration",
    plural: "virtualmachineinstancemigrations",
    role: WorkloadRole::Migration,
};

/// The pods of guests. KubeVirt makes one for each instance that runs; where somebody has taken finalizers off, one may
/// outlive its instance.
pub static LAUNCHER_KIND: WorkloadKind = WorkloadKind {
    group: "",
    version: "v1",
    kind: "Pod",
    plural: "pods",
    role: WorkloadRole::Launcher,
};

/// KubeVirt's label on them.
const LAUNCHER_LABEL: &str = "kubevirt.io=virt-launcher";
/// A pod whose containers have ended runs no guest any more.
const RUNS: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Every kind that a removal looks at, in the order of removal.
pub fn removal_order() -> impl Iterator<Item = &'static WorkloadKind> {
    let of = |role: WorkloadRole| WORKLOAD_KINDS.iter().filter(move |kind| kind.role == role);
    std::iter::once(&MIGRATION_KIND)
        .chain(of(WorkloadRole::Machine))
        .chain(std::iter::once(&LAUNCHER_KIND))
        .chain(of(WorkloadRole::Disk))
}
