//! The kinds of objects that people and tools make VMs and disks the owners of: Kubernetes deletes such an object with
//! its owner, whoever made it.
//!
//! Each kind of the table is read in the namespaces of all VMs before these are deleted, and the role for `bmctl disable`
//! names it.

use kube::core::{ApiResource, GroupVersionKind};

use super::name::qualified;

/// A namespaced kind.
#[derive(Debug, PartialEq, Eq)]
pub struct DependentKind {
    /// Empty for the core group.
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub role: DependentRole,
}

/// What a kind means for a disable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependentRole {
    /// A PersistentVolumeClaim: the contents of a disk go with it.
    Claim,
    /// A VolumeSnapshot: what a disk held once goes with it.
    Snapshot,
    /// A ControllerRevision: what KubeVirt remembers of the instance type of a VM.
    Revision,
    Other,
}

impl DependentRole {
    /// Is it data of somebody's, that no manifest brings back?
    #[must_use]
    pub const fn holds_data(self) -> bool {
        match self {
            Self::Claim | Self::Snapshot => true,
            Self::Revision | Self::Other => false,
        }
    }
}

impl DependentKind {
    /// `plural.group`, as kubectl takes it.
    #[must_use]
    pub fn qualified(&self) -> String {
        qualified(self.plural, self.group)
    }

    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }

    /// For `kube::Api`.
    #[must_use]
    pub fn resource(&self) -> ApiResource {
        ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(self.group, self.version, self.kind),
            self.plural,
        )
    }
}

const fn kind(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    role: DependentRole,
) -> DependentKind {
    DependentKind {
        group,
        version: "v1",
        kind,
        plural,
        role,
    }
}

/// What a disk's contents are in.
pub const CLAIM: DependentKind = kind(
    "",
    "PersistentVolumeClaim",
    "persistentvolumeclaims",
    DependentRole::Claim,
);

/// All of them.
pub static DEPENDENT_KINDS: [DependentKind; 18] = [
    CLAIM,
    kind("", "Secret", "secrets", DependentRole::Other),
    kind("", "ConfigMap", "configmaps", DependentRole::Other),
    kind("", "Service", "services", DependentRole::Other),
    kind(
        "",
        "ServiceAccount",
        "serviceaccounts",
        DependentRole::Other,
    ),
    kind("apps", "Deployment", "deployments", DependentRole::Other),
    kind("apps", "StatefulSet", "statefulsets", DependentRole::Other),
    kind("apps", "DaemonSet", "daemonsets", DependentRole::Other),
    kind("batch", "Job", "jobs", DependentRole::Other),
    kind("batch", "CronJob", "cronjobs", DependentRole::Other),
    kind(
        "rbac.authorization.k8s.io",
        "Role",
        "roles",
        DependentRole::Other,
    ),
    kind(
        "rbac.authorization.k8s.io",
        "RoleBinding",
        "rolebindings",
        DependentRole::Other,
    ),
    kind(
        "policy",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        DependentRole::Other,
    ),
    kind(
        "snapshot.storage.k8s.io",
        "VolumeSnapshot",
        "volumesnapshots",
        DependentRole::Snapshot,
    ),
    kind(
        "k8s.cni.cncf.io",
        "NetworkAttachmentDefinition",
        "network-attachment-definitions",
        DependentRole::Other,
    ),
    kind(
        "apps",
        "ControllerRevision",
        "controllerrevisions",
        DependentRole::Revision,
    ),
    kind(
        "networking.k8s.io",
        "Ingress",
        "ingresses",
        DependentRole::Other,
    ),
    kind(
        "networking.k8s.io",
        "NetworkPolicy",
        "networkpolicies",
        DependentRole::Other,
    ),
];
