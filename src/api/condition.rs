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

/// One observation about the VM Runtime. What a foreign controller may leave out is optional.
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

/// Constants, and the list of them all with what each means, from one list.
macro_rules! words {
    ($($(#[doc = $meaning:literal])+ $name:ident = $word:literal,)+) => {
        $($(#[doc = $meaning])+ pub const $name: &str = $word;)+

        /// Every word, and what it means as sentences.
        pub const ALL: &[(&str, &str)] = &[$(($name, concat!($($meaning),+))),+];
    };
}

/// Condition types of VMRuntime.
pub mod kind {
    words! {
        /// The engine is up and the latest finished preflight check passed.
        READY = "Ready",
        /// The controller is on its way from one state to another.
        PROGRESSING = "Progressing",
        /// The controller cannot get where the spec wants it.
        DEGRADED = "Degraded",
        /// The latest finished preflight check passed.
        PREFLIGHT_PASSED = "PreflightPassed",
        /// Admission lets new VMs in. The admission policy reads this condition and nothing else.
        VM_CREATION_ALLOWED = "VMCreationAllowed",
        /// A disable was asked for, but VMs exist and nothing permits deleting them.
        DISABLE_BLOCKED = "DisableBlocked",
        /// The engine runs, but not on every eligible node.
        ENGINE_DEGRADED = "EngineDegraded",
        /// The KubeVirt object belongs to somebody else: it is used, never deleted.
        ENGINE_FOREIGN = "EngineForeign",
        /// The controller made the engine: a disable removes it, and what it has left on nodes.
        ENGINE_OWNED = "EngineOwned",
        /// virt-operator is not installed and we were given no manifests of it.
        ENGINE_OPERATOR_MISSING = "EngineOperatorMissing",
        /// Every new VM is emulated in software, even on nodes that have KVM.
        EMULATION_FORCED = "EmulationForced",
        /// The force annotation is still "true" although nothing is being disabled.
        FORCE_ANNOTATION_LEFT = "ForceAnnotationLeft",
        /// CDI stays installed after a disable, because disks were kept.
        DISKS_KEPT = "DisksKept",
        /// Somebody else keeps changing what the controller manages; it is put right ever more seldom.
        CONTESTED = "Contested",
        /// The cluster does not enforce our admission policies (older than Kubernetes 1.30, not permitted, or its plugin is off).
        ADMISSION_MISSING = "AdmissionMissing",
    }
}

/// Reasons of [`kind`], one CamelCase word each.
pub mod reason {
    words! {
        /// VM Runtime is disabled.
        DISABLED = "Disabled",
        /// VM Runtime is enabled.
        ENABLED = "Enabled",
        /// The engine is up, and the latest finished preflight check passed.
        ENGINE_READY = "EngineReady",
        /// The engine is coming up.
        ENGINE_INSTALLING = "EngineInstalling",
        /// The engine has been coming up for longer than it should.
        ENGINE_INSTALL_SLOW = "EngineInstallSlow",
        /// The engine was up, and something that VMs need of it does not run any more.
        ENGINE_DOWN = "EngineDown",
        /// The engine is being removed.
        ENGINE_UNINSTALLING = "EngineUninstalling",
        /// The engine has been being removed for longer than it should.
        ENGINE_UNINSTALL_SLOW = "EngineUninstallSlow",
        /// The engine does not run on every eligible node.
        ENGINE_PARTIAL = "EnginePartial",
        /// A preflight check is running.
        PREFLIGHT_RUNNING = "PreflightRunning",
        /// The latest finished preflight check passed.
        PREFLIGHT_PASSED = "PreflightPassed",
        /// The latest finished preflight check failed.
        PREFLIGHT_FAILED = "PreflightFailed",
        /// A preflight check is about to start.
        PREFLIGHT_PENDING = "PreflightPending",
        /// VM creation is kept closed for a disable.
        FENCED = "Fenced",
        /// VMs exist, and nothing permits deleting them.
        WORKLOADS_EXIST = "WorkloadsExist",
        /// Whether VMs exist could not be determined.
        WORKLOADS_UNKNOWN = "WorkloadsUnknown",
        /// All VMs are being deleted.
        DRAINING = "Draining",
        /// A VM has been being deleted for longer than it should.
        DRAIN_SLOW = "DrainSlow",
        /// Nothing blocks a disable.
        NO_WORKLOADS = "NoWorkloads",
        /// The KubeVirt object is somebody else's.
        ADOPTED = "Adopted",
        /// The KubeVirt object is somebody else's, and its useEmulation is not the one that is wanted.
        SETTINGS_DIFFER = "SettingsDiffer",
        /// Every node is left out, or none is a Linux machine.
        NO_ELIGIBLE_NODE = "NoEligibleNode",
        /// The controller made the KubeVirt object.
        ENGINE_MADE = "EngineMade",
        /// Somebody else changed what the controller manages, again and again.
        CHANGED_BY_OTHERS = "ChangedByOthers",
        /// virt-operator is not installed.
        OPERATOR_NOT_FOUND = "OperatorNotFound",
        /// The spec asks for emulation in software.
        USE_EMULATION = "UseEmulation",
        /// The force annotation is "true".
        ANNOTATION_TRUE = "AnnotationTrue",
        /// Nothing is left to do.
        CONVERGED = "Converged",
        /// Disks are left.
        DISKS_EXIST = "DisksExist",
        /// Admission policies cannot be put in force.
        ADMISSION_UNAVAILABLE = "AdmissionUnavailable",
        /// Admission policies are in place, and the API server does not enforce them.
        ADMISSION_NOT_ENFORCED = "AdmissionNotEnforced",
        /// Something that the controller does fails again and again.
        STEP_FAILED = "StepFailed",
        /// The controller lacks a right.
        FORBIDDEN = "Forbidden",
        /// A policy, a webhook, a quota or validation of the cluster refuses what the controller wants to do.
        REFUSED = "Refused",
    }
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
