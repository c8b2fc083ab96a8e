//! The rules of VM Runtime as pure functions over plain data: no clock, no network, no terminal.
//!
//! `commands` and `controller` both decide with them, so that a `kubectl edit` and a `bmctl disable` are judged alike.
//!
//! What does a disable do? [`disable::decide`] is the documented table:
//!
//! ```
//! use bmctl::runtime::{disable::{Decision, Force, decide}, force::ForceAnnotation};
//!
//! let absent = ForceAnnotation::read(None);
//! assert_eq!(decide(0, Force::Absent, &absent), Decision::Disable);
//! assert_eq!(decide(2, Force::Absent, &absent), Decision::Refuse);
//! assert_eq!(decide(2, Force::Given, &absent), Decision::DeleteThenDisable);
//! ```
//!
//! What does a preflight check prove? [`verdict::judge`] says it, and unknown is never a pass:
//!
//! ```
//! use bmctl::{api::VMRuntimePreflightCheckStatus, runtime::verdict::{NodeVerdict, Verdict, judge}};
//!
//! # fn main() -> Result<(), serde_json::Error> {
//! let status: VMRuntimePreflightCheckStatus = serde_json::from_str(
//!     r#"{
//!       "pass": true, "unknownNodeNum": 1,
//!       "checks": {
//!         "worker-1": {"passed": true, "results": [{"checkName": "KVM", "passed": true}]},
//!         "worker-2": {"passed": false, "unknown": true, "results": []}
//!       }
//!     }"#,
//! )?;
//! let judged = judge(Some(&status));
//! assert_eq!(judged.verdict, Verdict::Incomplete);
//! assert_eq!(judged.count(NodeVerdict::Unknown), 1);
//! # Ok(())
//! # }
//! ```

pub mod access;
pub mod blockers;
pub mod cause;
pub mod difference;
pub mod disable;
pub mod fail_policy;
pub mod force;
pub mod observed;
pub mod preflight;
pub mod readiness;
pub mod regression;
pub mod selection;
pub mod verdict;
