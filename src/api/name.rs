//! Names that the product and we agree on: group, namespace, annotations, labels, field managers.
//!
//! Source: the product's documentation, unless a comment says *ours*.

/// API group of VMRuntime, VMRuntimePreflightCheck and the product's own virtual machines.
pub const GROUP: &str = "vm.cluster.gke.io";
/// The only version of [`GROUP`] that is served.
pub const VERSION: &str = "v1";
/// The one VMRuntime object.
pub const VMRUNTIME: &str = "vmruntime";
/// Where preflight checks, their pods and the controller live.
pub const SYSTEM_NAMESPACE: &str = "vm-system";
/// The Deployment whose pods are all that is left in [`SYSTEM_NAMESPACE`] while VM Runtime is disabled.
pub const CONTROLLER_DEPLOYMENT: &str = "vmruntime-controller-manager";

/// Allows a disable to delete all VMs. The misspelling *is* the product's key.
pub const FORCE_DISABLE: &str = "baremetal.cluster.gke.io/vmrumtime-force-disable";
/// The spelling that people try instead; read (with a warning) only where [`FORCE_DISABLE`] is absent, never written.
pub const FORCE_DISABLE_CORRECTED: &str = "baremetal.cluster.gke.io/vmruntime-force-disable";
/// Ours: until this RFC 3339 time our controller keeps VM creation closed, because a disable is deleting VMs.
pub const CREATION_FENCE_UNTIL: &str = "vm.cluster.gke.io/creation-fence-until";
/// Ours: finalizer on a machine that a disable deletes and whose disks stay, until they are released from it.
pub const RELEASE_FINALIZER: &str = "vm.cluster.gke.io/release-disks";
/// Ours: label on everything that the controller itself made (engine objects, probe pods, admission policies).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Ours: value of [`MANAGED_BY`].
pub const MANAGER: &str = "vmruntime-controller";
/// Ours: label on what came from the engine's release files; its value names the set of files.
pub const ENGINE_MANIFESTS: &str = "vm.cluster.gke.io/engine-manifests";
/// Ours: label on a probe pod, with the UID of the check that it belongs to.
pub const PREFLIGHT_CHECK_LABEL: &str = "vm.cluster.gke.io/preflight-check";
/// Ours: on a VMRuntimePreflightCheck that the controller made, why it was made (see `runtime::preflight::Trigger`).
pub const PREFLIGHT_TRIGGER: &str = "vm.cluster.gke.io/preflight-trigger";
/// Ours: on the same, what was known of spec and nodes when it was made (see `runtime::preflight::Inputs`).
pub const PREFLIGHT_INPUTS: &str = "vm.cluster.gke.io/preflight-inputs";
/// Ours: on every check that was taken up, what VMRuntime was like then (see `runtime::preflight::Occasion`).
pub const PREFLIGHT_OCCASION: &str = "vm.cluster.gke.io/preflight-occasion";

/// A node with this label (any value, usually empty) is left out of preflight checks and runs no VMs.
pub const SKIP_SCHEDULE: &str = "kubevm.io/VM-SkipSchedule";

/// The user of a request that came without a credential (`k8s.io/apiserver/pkg/authentication/user`).
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of everybody who came without a credential.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Is it a name of nobody in particular? A right of theirs is everybody's who reaches the API server.
#[must_use]
pub fn is_nobody(user: &str) -> bool {
    user.is_empty() || user == ANONYMOUS || user == UNAUTHENTICATED
}

/// Automatic checks are called this and a UUID.
pub const PREFLIGHT_CHECK_PREFIX: &str = "vmruntime-preflight-check-";

/// `plural.group`, as kubectl takes it.
#[must_use]
pub fn qualified(plural: &str, group: &str) -> String {
    match group {
        "" => plural.to_owned(),
        group => format!("{plural}.{group}"),
    }
}

/// Field manager of everything that the command line writes.
pub const FIELD_MANAGER: &str = "bmctl";
/// Field manager of everything that the controller writes.
pub const CONTROLLER_FIELD_MANAGER: &str = "vmruntime-controller";

/// The ids of the checks whose result is always published as a feature status.
/// A public health check of the product reads all three without looking whether they are there.
pub const PUBLISHED_FEATURES: [&str; 3] = ["CPU", "KVM", "VSOCK"];
/// The ids of the checks without which a node cannot run VMs. What they look at: `probe`.
pub const BLOCKING_CHECKS: [&str; 2] = ["CPU", "KVM"];
/// The ids of the checks without which a node can run VMs all the same.
pub const ADVISORY_CHECKS: [&str; 9] = [
    "VSOCK",
    "TUN",
    "VHOST_NET",
    "NESTED",
    "CGROUP",
    "IOMMU",
    "INOTIFY",
    "HUGEPAGES",
    "KERNEL",
];
