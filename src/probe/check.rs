//! The table of checks: what each one is called, whether VMs depend on it, and what to do when it fails.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Facts, Virtualization, cgroup, cpu, hugepages, inotify, iommu, kernel, kvm, nested,
    report::Finding, tun, vhost_net, vsock,
};

/// The name of a check, in reports, in `status.checks` of a preflight check and in `docs/checks.md`.
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
    HUGEPAGES,
    KERNEL,
}

impl CheckId {
    /// Its row of [`CHECKS`].
    #[must_use]
    pub fn info(self) -> &'static CheckInfo {
        static TABLE: [CheckInfo; 11] = CHECKS;
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

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One check, as data. Each stands in its own file.
#[derive(Clone, Copy, Debug)]
pub struct CheckInfo {
    pub id: CheckId,
    pub title: &'static str,
    /// VMs cannot run on a node that fails it.
    pub blocking: bool,
    /// Its result is shown in the preflight check and as a feature status of VMRuntime.
    pub published: bool,
    /// What is looked at, and what it means.
    pub meaning: &'static str,
    /// Why it fails, most often first.
    pub cause: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    pub(super) judge: fn(&Facts, Virtualization) -> Finding,
}

/// Every check, in the order in which they are shown.
pub const CHECKS: [CheckInfo; 11] = [
    cpu::INFO,
    kvm::INFO,
    vsock::INFO,
    tun::INFO,
    vhost_net::INFO,
    nested::INFO,
    cgroup::INFO,
    iommu::INFO,
    inotify::INFO,
    hugepages::INFO,
    kernel::INFO,
];
