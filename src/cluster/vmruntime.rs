//! Under construction: see the types.
#![allow(clippy::unused_async, reason = "the body follows")]

use serde_json::Value;

use super::retry::Retry;
use crate::{
    api::{ImageFormat, VMRuntime},
    failure::{Failure, Kind},
};

/// The one VMRuntime as it was read: typed where we know the field, and as it came for comparing.
#[derive(Clone, Debug)]
pub struct RuntimeObject {
    pub object: VMRuntime,
    /// Everything, also the fields that we do not know.
    pub raw: Value,
}

/// A change to the spec: only what was asked for is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecChange {
    pub enabled: Option<bool>,
    pub use_emulation: Option<bool>,
    pub vm_image_format: Option<ImageFormat>,
}

/// Is a write carried out?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    #[default]
    No,
    /// The server does everything but store it.
    Server,
}

/// Reads the VMRuntime. Not there, or its kind not served: [`Kind::NotInstalled`].
pub async fn get(_client: &kube::Client, _retry: &Retry<'_>) -> Result<RuntimeObject, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "get"))
}

/// Patches the spec on the condition that it is still the one that was `read`. Somebody else's unrelated change (of a
/// label, of the status) does not matter; another spec, force annotation or UID is a [`Kind::Conflict`].
pub async fn patch(
    _client: &kube::Client,
    _retry: &Retry<'_>,
    _read: &RuntimeObject,
    _change: &SpecChange,
    _dry_run: DryRun,
) -> Result<RuntimeObject, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "patch"))
}

/// Keeps VM creation closed until then (our controller reads it, a foreign one ignores it); `None` takes it away.
pub async fn fence(
    _client: &kube::Client,
    _retry: &Retry<'_>,
    _until: Option<jiff::Timestamp>,
) -> Result<RuntimeObject, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "fence"))
}
