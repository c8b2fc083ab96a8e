//! `metav1.Condition` as we read and publish it, and the condition types and reasons of VMRuntime.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Status of a condition. `Unknown` is never a pass.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum ConditionStatus {
    True,
    False,
    #[default]
    Unknown,
}

impl ConditionStatus {
    /// `None` where it is unknown.
    #[must_use]
    pub const fn as_bool(self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Unknown => None,
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// One observation about the VM Runtime. Lenient where a foreign controller may leave something out.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is observed, for example Ready. One condition of each type.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Why, as one CamelCase word that programs can compare.
    #[serde(default)]
    pub reason: String,
    /// Why, as a sentence for people.
    #[serde(default)]
    pub message: String,
    /// When the status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::crd::date_time")]
    pub last_transition_time: Option<Time>,
    /// The generation of the object that this was observed of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Condition types of VMRuntime.
pub mod kind {
    /// The engine is up and the latest finished preflight check passed.
    pub const READY: &str = "Ready";
    /// The controller is on its way from one state to another.
    pub const PROGRESSING: &str = "Progressing";
    /// The controller can not get where the spec wants it.
    pub const DEGRADED: &str = "Degraded";
    /// The latest finished preflight check passed.
    pub const PREFLIGHT_PASSED: &str = "PreflightPassed";
    /// Admission lets new VMs in. The admission policy reads this condition and nothing else.
    pub const VM_CREATION_ALLOWED: &str = "VMCreationAllowed";
    /// A disable was asked for, but VMs exist and nothing permits deleting them.
    pub const DISABLE_BLOCKED: &str = "DisableBlocked";
    /// The engine runs, but not on every eligible node.
    pub const ENGINE_DEGRADED: &str = "EngineDegraded";
    /// The KubeVirt object belongs to somebody else: it is used, never deleted.
    pub const ENGINE_FOREIGN: &str = "EngineForeign";
    /// virt-operator is not installed and we were given no manifests of it.
    pub const ENGINE_OPERATOR_MISSING: &str = "EngineOperatorMissing";
    /// Every new VM is emulated in software, even on nodes that have KVM.
    pub const EMULATION_FORCED: &str = "EmulationForced";
    /// The force annotation is still "true" although nothing is being disabled.
    pub const FORCE_ANNOTATION_LEFT: &str = "ForceAnnotationLeft";
    /// CDI stays installed after a disable, because disks were kept.
    pub const DISKS_KEPT: &str = "DisksKept";
    /// The cluster does not enforce our admission policies (older than Kubernetes 1.30, or not permitted).
    pub const ADMISSION_MISSING: &str = "AdmissionMissing";
}

/// Reasons of [`kind`], one CamelCase word each.
pub mod reason {
    pub const DISABLED: &str = "Disabled";
    pub const ENABLED: &str = "Enabled";
    pub const ENGINE_READY: &str = "EngineReady";
    pub const ENGINE_INSTALLING: &str = "EngineInstalling";
    pub const ENGINE_INSTALL_SLOW: &str = "EngineInstallSlow";
    pub const ENGINE_UNINSTALLING: &str = "EngineUninstalling";
    pub const ENGINE_PARTIAL: &str = "EnginePartial";
    pub const ENGINE_FAILED: &str = "EngineFailed";
    pub const PREFLIGHT_RUNNING: &str = "PreflightRunning";
    pub const PREFLIGHT_PASSED: &str = "PreflightPassed";
    pub const PREFLIGHT_FAILED: &str = "PreflightFailed";
    pub const PREFLIGHT_PENDING: &str = "PreflightPending";
    pub const FENCED: &str = "Fenced";
    pub const WORKLOADS_EXIST: &str = "WorkloadsExist";
    pub const WORKLOADS_UNKNOWN: &str = "WorkloadsUnknown";
    pub const DRAINING: &str = "Draining";
    pub const NO_WORKLOADS: &str = "NoWorkloads";
    pub const ADOPTED: &str = "Adopted";
    pub const OPERATOR_NOT_FOUND: &str = "OperatorNotFound";
    pub const USE_EMULATION: &str = "UseEmulation";
    pub const ANNOTATION_TRUE: &str = "AnnotationTrue";
    pub const CONVERGED: &str = "Converged";
    pub const DISKS_EXIST: &str = "DisksExist";
    pub const ADMISSION_UNAVAILABLE: &str = "AdmissionUnavailable";
    pub const STEP_FAILED: &str = "StepFailed";
}

/// The condition of that type, if it is published.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Is a condition of that type published as True?
#[must_use]
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == ConditionStatus::True)
}
