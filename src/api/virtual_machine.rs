//! The product's own virtual machines and disks: only what a client needs to count, show and remove them.
//!
//! On Google Distributed Cloud these kinds are Google's; the sandbox brings its own. Our controller never installs
//! them elsewhere, because nothing there would turn a `gvm` into a running machine.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is wanted of a virtual machine. Fields that are not listed here are kept as they are.
#[derive(
    CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema,
)]
#[kube(
    group = "vm.cluster.gke.io",
    version = "v1",
    kind = "VirtualMachine",
    plural = "virtualmachines",
    singular = "virtualmachine",
    shortname = "gvm",
    namespaced,
    status = "VirtualMachineStatus",
    derive = "Default",
    doc = "VirtualMachine is a virtual machine that the VM Runtime runs.",
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.state"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"IP","type":"string","jsonPath":".status.interfaces[0].ipAddresses[0]"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineSpec {
    /// Linux or Windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_type: Option<String>,
    /// Whether the machine is wanted Running or Stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_state: Option<String>,
    /// The disks of the machine, the boot disk among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<VirtualMachineDiskReference>,
}

/// A disk that a virtual machine uses.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineDiskReference {
    /// Name of a VirtualMachineDisk in the same namespace.
    pub virtual_machine_disk_name: String,
    /// Whether the machine boots from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot: Option<bool>,
    /// Whether the disk is deleted with the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_delete: Option<bool>,
}

/// What is observed of a virtual machine.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineStatus {
    /// For example Running, Stopped, Provisioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What is wanted of a disk. Fields that are not listed here are kept as they are.
#[derive(
    CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema,
)]
#[kube(
    group = "vm.cluster.gke.io",
    version = "v1",
    kind = "VirtualMachineDisk",
    plural = "virtualmachinedisks",
    singular = "virtualmachinedisk",
    shortname = "gdisk",
    namespaced,
    status = "VirtualMachineDiskStatus",
    derive = "Default",
    doc = "VirtualMachineDisk is a disk for virtual machines, in a persistent volume.",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineDiskSpec {
    /// Size of the disk, for example 20Gi.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Storage class of the persistent volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
}

/// What is observed of a disk.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualMachineDiskStatus {
    /// For example Succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}
