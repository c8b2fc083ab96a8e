//! The rules of VM Runtime as pure functions over plain data: no clock, no network, no terminal.
//!
//! `commands` and `controller` both decide with them, so that a `kubectl edit` and a `bmctl disable` are judged alike.

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
