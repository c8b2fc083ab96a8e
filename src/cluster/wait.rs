//! Under construction: see the types.
#![allow(clippy::unused_async, reason = "the body follows")]

use std::time::Duration;

use jiff::Timestamp;

use super::{retry::Retry, vmruntime::RuntimeObject};
use crate::{
    api::{VMRuntime, VMRuntimePreflightCheck},
    failure::{Failure, Kind},
};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Enabled, and VMs can be run.
    Ready,
    /// Not enabled, not ready, and nothing but the controller left in `vm-system`.
    Disabled,
    /// The preflight check of that name has finished, passed or not.
    Preflight { name: String },
}

/// From where a wait for the VMRuntime starts.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// The object as the last read or patch returned it.
    pub object: RuntimeObject,
    /// What our patch changed; `None` where nothing was patched.
    pub change: Option<Change>,
}

/// A patch that a wait follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When the server stored it, by its own clock, in whole seconds.
    pub at: Option<Timestamp>,
    /// The check that the summary named before.
    pub previous_check: Option<String>,
    /// Does the change make a controller run a new check?
    pub starts_check: bool,
}

impl Baseline {
    /// Nothing was changed: what holds already counts.
    #[must_use]
    pub fn unchanged(object: RuntimeObject) -> Self {
        Self {
            object,
            change: None,
        }
    }

    /// `before` was patched, `after` is what the patch returned: only what happens from then on counts.
    #[must_use]
    pub fn patched(_before: &RuntimeObject, after: RuntimeObject) -> Self {
        Self::unchanged(after)
    }
}

/// One wait.
#[derive(Clone, Debug)]
pub struct Wait {
    pub target: Target,
    /// `None` only for [`Target::Preflight`].
    pub baseline: Option<Baseline>,
    /// End early where waiting can not help any more.
    pub fail_fast: bool,
}

/// How a wait ended without a failure.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The target holds.
    Reached(Reached),
    /// The preflight check that the target needs has failed: a report, not a failure. `enabled` stays as it is.
    CheckFailed(Reached),
}

/// What was seen at the end of a wait.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    pub runtime: Option<VMRuntime>,
    /// The check that decided, in full.
    pub check: Option<VMRuntimePreflightCheck>,
    pub elapsed: Duration,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What could not be verified: not a success without reservation (exit code 5).
    pub unknown: Vec<String>,
}

/// Waits until the target holds, or can not hold any more, or the time is over ([`Kind::TimedOut`], naming what is
/// still missing).
pub async fn until(
    _client: &kube::Client,
    _wait: &Wait,
    _retry: &Retry<'_>,
) -> Result<Outcome, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "until"))
}
