//! The table of checks: one row each, in the order in which they are reported.
//!
//! A new check is its file, a row here, and a section in `docs/checks.md`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Virtualization, cgroup, cpu, facts::Facts, inotify, iommu, kernel, kvm, nested,
    report::Outcome, tun, vhost_net, vsock,
};

/// Id of a check, as it is published and as `docs/checks.md` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(non_camel_case_types, reason = "the ids are the product's own")]
pub enum CheckId {
    CPU,
    KVM,
    VSOCK,
    TUN,
    VHOST_NET,
    NESTED,
    CGROUP,
    IOMMU,
    INOTIFY,
    KERNEL,
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a check is about, for people, and how it judges.
pub struct CheckInfo {
    pub id: CheckId,
    /// A few words.
    pub title: &'static str,
    /// Does a node that fails it fail as a whole?
    pub blocking: bool,
    /// Is its result written into the status of a VMRuntimePreflightCheck?
    pub published: bool,
    /// What it looks at, and what follows from it.
    pub meaning: &'static str,
    /// Why it usually fails. Empty for a check that can not fail.
    pub cause: &'static str,
    /// What to do then. Empty for a check that can not fail.
    pub fix: &'static str,
    pub(super) judge: fn(&Facts, Virtualization) -> (Outcome, Option<String>),
}

/// Every check.
pub const CHECKS: [CheckInfo; 10] = [
    cpu::INFO,
    kvm::INFO,
    vsock::INFO,
    tun::INFO,
    vhost_net::INFO,
    nested::INFO,
    cgroup::INFO,
    iommu::INFO,
    inotify::INFO,
    kernel::INFO,
];

impl CheckId {
    /// Its row of [`CHECKS`].
    #[must_use]
    pub fn info(self) -> &'static CheckInfo {
        static TABLE: [CheckInfo; 10] = CHECKS;
        // The rows stand in the order of the enum; a test holds that.
        &TABLE[self as usize]
    }

    /// The check with that id, spelled exactly.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        CHECKS
            .iter()
            .map(|check| check.id)
            .find(|id| id.to_string() == name)
    }
}
