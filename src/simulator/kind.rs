//! The kinds that the world plays with, and how they are asked for.

use kube::core::{ApiResource, GroupVersionKind};

/// The ConfigMap that tells pods how to know the API server.
pub const ROOT_CERTIFICATE: &str = "kube-root-ca.crt";
/// What KubeVirt validates with: a webhook configuration there, an admission policy and its binding here.
pub const VIRT_VALIDATOR: &str = "virt-api-validator";

/// A kind of object. The two kinds named VirtualMachine are told apart by their group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Namespace,
    ServiceAccount,
    /// The ConfigMap of that name in each namespace, and no other.
    RootCertificate,
    Node,
    Pod,
    PersistentVolumeClaim,
    Deployment,
    ReplicaSet,
    ReplicationController,
    DaemonSet,
    DisruptionBudget,
    Definition,
    /// KubeVirt's policy, and no other.
    AdmissionPolicy,
    /// Its binding.
    AdmissionBinding,
    KubeVirt,
    Cdi,
    VirtualMachine,
    Instance,
    InstanceReplicaSet,
    Pool,
    Migration,
    DataVolume,
    ProductMachine,
    ProductDisk,
    Runtime,
    PreflightCheck,
    ClusterRole,
}

impl Kind {
    /// Every kind, in the order in which they are watched.
    pub const ALL: [Self; 27] = [
        Self::Namespace,
        Self::ServiceAccount,
        Self::RootCertificate,
        Self::Node,
        Self::Pod,
        Self::PersistentVolumeClaim,
        Self::Deployment,
        Self::ReplicaSet,
        Self::ReplicationController,
        Self::DaemonSet,
        Self::DisruptionBudget,
        Self::Definition,
        Self::AdmissionPolicy,
        Self::AdmissionBinding,
        Self::KubeVirt,
        Self::Cdi,
        Self::VirtualMachine,
        Self::Instance,
        Self::InstanceReplicaSet,
        Self::Pool,
        Self::Migration,
        Self::DataVolume,
        Self::ProductMachine,
        Self::ProductDisk,
        Self::Runtime,
        Self::PreflightCheck,
        Self::ClusterRole,
    ];

    /// Group, version, kind and plural.
    const fn names(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Namespace => ("", "v1", "Namespace", "namespaces"),
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::RootCertificate => ("", "v1", "ConfigMap", "configmaps"),
            Self::Node => ("", "v1", "Node", "nodes"),
            Self::Pod => ("", "v1", "Pod", "pods"),
            Self::PersistentVolumeClaim => {
                ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
            }
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::ReplicaSet => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::ReplicationController => {
                ("", "v1", "ReplicationController", "replicationcontrollers")
            }
            Self::DaemonSet => ("apps", "v1", "DaemonSet", "daemonsets"),
            Self::DisruptionBudget => (
                "policy",
                "v1",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
            ),
            Self::Definition => (
                "apiextensions.k8s.io",
                "v1",
                "CustomResourceDefinition",
                "customresourcedefinitions",
            ),
            Self::AdmissionPolicy => (
                "admissionregistration.k8s.io",
                "v1",
                "ValidatingAdmissionPolicy",
                "validatingadmissionpolicies",
            ),
            Self::AdmissionBinding => (
                "admissionregistration.k8s.io",
                "v1",
                "ValidatingAdmissionPolicyBinding",
                "validatingadmissionpolicybindings",
            ),
            Self::KubeVirt => ("kubevirt.io", "v1", "KubeVirt", "kubevirts"),
            Self::Cdi => ("cdi.kubevirt.io", "v1beta1", "CDI", "cdis"),
            Self::VirtualMachine => ("kubevirt.io", "v1", "VirtualMachine", "virtualmachines"),
            Self::Instance => (
                "kubevirt.io",
                "v1",
                "VirtualMachineInstance",
                "virtualmachineinstances",
            ),
            Self::InstanceReplicaSet => (
                "kubevirt.io",
                "v1",
                "VirtualMachineInstanceReplicaSet",
                "virtualmachineinstancereplicasets",
            ),
            Self::Pool => (
                "pool.kubevirt.io",
                "v1beta1",
                "VirtualMachinePool",
                "virtualmachinepools",
            ),
            Self::Migration => (
                "kubevirt.io",
                "v1",
                "VirtualMachineInstanceMigration",
                "virtualmachineinstancemigrations",
            ),
            Self::DataVolume => ("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes"),
            Self::ProductMachine => (
                "vm.cluster.gke.io",
                "v1",
                "VirtualMachine",
                "virtualmachines",
            ),
            Self::ProductDisk => (
                "vm.cluster.gke.io",
                "v1",
                "VirtualMachineDisk",
                "virtualmachinedisks",
            ),
            Self::Runtime => ("vm.cluster.gke.io", "v1", "VMRuntime", "vmruntimes"),
            Self::PreflightCheck => (
                "vm.cluster.gke.io",
                "v1",
                "VMRuntimePreflightCheck",
                "vmruntimepreflightchecks",
            ),
            Self::ClusterRole => (
                "rbac.authorization.k8s.io",
                "v1",
                "ClusterRole",
                "clusterroles",
            ),
        }
    }

    pub const fn group(self) -> &'static str {
        self.names().0
    }

    /// The `kind` field.
    pub const fn name(self) -> &'static str {
        self.names().2
    }

    pub const fn plural(self) -> &'static str {
        self.names().3
    }

    pub fn api_version(self) -> String {
        self.resource().api_version
    }

    /// For `kube::Api`.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.names();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// Is it served by every API server, without a definition?
    pub const fn built_in(self) -> bool {
        match self {
            Self::Namespace
            | Self::ServiceAccount
            | Self::RootCertificate
            | Self::Node
            | Self::Pod
            | Self::PersistentVolumeClaim
            | Self::Deployment
            | Self::ReplicaSet
            | Self::ReplicationController
            | Self::DaemonSet
            | Self::DisruptionBudget
            | Self::Definition
            | Self::AdmissionPolicy
            | Self::AdmissionBinding
            | Self::ClusterRole => true,
            Self::KubeVirt
            | Self::Cdi
            | Self::VirtualMachine
            | Self::Instance
            | Self::InstanceReplicaSet
            | Self::Pool
            | Self::Migration
            | Self::DataVolume
            | Self::ProductMachine
            | Self::ProductDisk
            | Self::Runtime
            | Self::PreflightCheck => false,
        }
    }

    /// Does only Google's controller look at it? Where it is not played, nobody watches the kind.
    pub const fn is_googles(self) -> bool {
        matches!(
            self,
            Self::Runtime | Self::PreflightCheck | Self::ClusterRole
        )
    }

    /// Which objects of the kind are watched: all, or those that a field selector picks.
    pub fn selection(self) -> Option<String> {
        let name = match self {
            Self::RootCertificate => ROOT_CERTIFICATE,
            Self::AdmissionPolicy | Self::AdmissionBinding => VIRT_VALIDATOR,
            _ => return None,
        };
        Some(format!("metadata.name={name}"))
    }

    /// Name of the CustomResourceDefinition that brings it, where it is not built in.
    pub fn definition(self) -> Option<String> {
        (!self.built_in()).then(|| format!("{}.{}", self.plural(), self.group()))
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;
    use crate::api::workload::WORKLOAD_KINDS;

    #[test]
    fn every_workload_kind_of_the_product_is_played() {
        for workload in WORKLOAD_KINDS {
            assert!(
                Kind::ALL.iter().any(|kind| {
                    kind.resource() == workload.resource()
                        && kind.definition() == Some(workload.qualified())
                }),
                "{workload:?}"
            );
        }
    }
}
