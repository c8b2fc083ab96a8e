//! VMRuntime: the one object that turns the VM Runtime on and off.

use std::{collections::BTreeMap, fmt};

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Condition;

/// What is wanted of the VM Runtime. Fields that are not listed here are kept as they are.
#[derive(
    CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema,
)]
#[kube(
    group = "vm.cluster.gke.io",
    version = "v1",
    kind = "VMRuntime",
    plural = "vmruntimes",
    singular = "vmruntime",
    status = "VMRuntimeStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "VMRuntime turns the VM Runtime of a cluster on and off. There is one object, named vmruntime.",
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Enabled","type":"boolean","jsonPath":".spec.enabled","description":"Whether the VM Runtime is wanted"}"#,
    printcolumn = r#"{"name":"Ready","type":"boolean","jsonPath":".status.ready","description":"Whether VMs can be run"}"#,
    printcolumn = r#"{"name":"PreflightCheck","type":"boolean","jsonPath":".status.preflightCheckSummary.preflightCheckPassed","description":"Whether the latest finished preflight check passed"}"#
)]
#[serde(rename_all = "camelCase", default)]
pub struct VMRuntimeSpec {
    /// Whether the VM Runtime is wanted. Set it to true to install the engine that runs VMs, to false to remove it.
    pub enabled: bool,
    /// Run VMs in software instead of with hardware virtualization. Set it to true where nodes have no hardware
    /// virtualization, or where you are not sure. True forces software emulation for every new VM, even on nodes
    /// that have KVM.
    pub use_emulation: bool,
    /// Format of VM disk images: raw or qcow2. raw may perform better than the copy-on-write qcow2 but may use more
    /// disk. Ignored by Google Distributed Cloud since 1.28.
    #[serde(rename = "vmImageFormat")]
    pub vm_image_format: ImageFormat,
}

/// Format of VM disk images.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageFormat {
    /// Plain image; may perform better, may use more disk.
    #[default]
    Raw,
    /// Copy on write.
    Qcow2,
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        })
    }
}

/// What the controller observes. On Google Distributed Cloud, Google's controller writes it and may leave out
/// conditions and observedGeneration: both are used where present and never required.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VMRuntimeStatus {
    /// VMs can be run: the engine is up and the latest finished preflight check passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Where the controller is on its way, for people. Programs read the conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// How many VMs of any kind exist, running or not. Absent while it could not be determined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_count: Option<i64>,
    /// The latest preflight check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight_check_summary: Option<PreflightCheckSummary>,
    /// Observations, one of each type.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "super::tolerant::conditions"
    )]
    pub conditions: Vec<Condition>,
    /// The generation of the spec that all of this was observed of.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::tolerant::count"
    )]
    pub observed_generation: Option<i64>,
    /// The nodes with the label that leaves them out, a thousand at most. One that loses the label is checked, also where no
    /// controller ran meanwhile.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "super::tolerant::names"
    )]
    pub skipped_nodes: Vec<String>,
}

/// What the latest finished preflight check found.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightCheckSummary {
    /// Name of the VMRuntimePreflightCheck in namespace vm-system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight_check_name: Option<String>,
    /// Whether it passed; absent while none has finished.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::tolerant::verdict"
    )]
    pub preflight_check_passed: Option<bool>,
    /// What it found for each feature: CPU, KVM and VSOCK.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_statuses: BTreeMap<String, FeatureStatus>,
    /// How many nodes could not be verified.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::tolerant::count"
    )]
    pub unknown_node_num: Option<i64>,
}

/// What a preflight check found for one feature over all nodes.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FeatureStatus {
    /// Whether every verified node has it.
    pub passed: bool,
    /// How many verified nodes lack it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_node_num: Option<i64>,
}

/// Where the controller is on its way. Reported in `status.phase`; decisions never read it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Disabled,
    Preflight,
    Installing,
    Ready,
    Fencing,
    DisableBlocked,
    Draining,
    Uninstalling,
    Degraded,
}

impl Phase {
    pub const ALL: [Self; 9] = [
        Self::Disabled,
        Self::Preflight,
        Self::Installing,
        Self::Ready,
        Self::Fencing,
        Self::DisableBlocked,
        Self::Draining,
        Self::Uninstalling,
        Self::Degraded,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
