//! The resources of VM Runtime, as data: one file a kind, and every Kubernetes string spelled once.
//!
//! Every module may use this one; it uses none. The types are what we *read*: nothing here is ever written back
//! as a typed copy, because a cluster may carry fields that we do not know (see `docs/architecture.md`).
//!
//! ```
//! use bmctl::api::{VMRuntime, condition};
//!
//! # fn main() -> Result<(), serde_json::Error> {
//! let object: VMRuntime = serde_json::from_str(
//!     r#"{
//!       "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
//!       "metadata": {"name": "vmruntime"},
//!       "spec": {"enabled": true, "fieldOfALaterRelease": 1},
//!       "status": {"ready": true, "conditions": [{"type": "Ready", "status": "True"}]}
//!     }"#,
//! )?;
//! let status = object.status.unwrap_or_default();
//! assert!(object.spec.enabled && status.ready == Some(true));
//! assert!(condition::is_true(&status.conditions, "Ready"));
//! # Ok(())
//! # }
//! ```
//!
//! The definitions to install the kinds with are [`crd::runtime_definitions`].
//!
//! Sources: Google's documentation of VM Runtime on Google Distributed Cloud for the two kinds of
//! `vm.cluster.gke.io`, KubeVirt's and CDI's own API for the engine.

pub mod comeback;
pub mod condition;
pub mod crd;
pub mod credential;
pub mod dependent;
pub mod engine;
pub mod kubernetes;
pub mod name;
pub mod natural;
pub mod preflight_check;
pub mod text;
pub mod tolerant;
pub mod virtual_machine;
pub mod vmruntime;
pub mod workload;

pub use condition::{Condition, ConditionStatus};
pub use preflight_check::{
    CheckResult, NodeResult, VMRuntimePreflightCheck, VMRuntimePreflightCheckStatus,
};
pub use vmruntime::{
    FeatureStatus, ImageFormat, Phase, PreflightCheckSummary, VMRuntime, VMRuntimeSpec,
    VMRuntimeStatus,
};
pub use workload::{WorkloadKind, WorkloadRole};
