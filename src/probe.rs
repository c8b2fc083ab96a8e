//! The node check: can this machine run virtual machines?
//!
//! [`gather`] reads facts from a machine's `/proc`, `/sys` and `/dev` (or from a folder that stands for them), and
//! [`judge`] turns them into a [`ProbeReport`], purely. In a cluster a pod on each node does it and hands the report to
//! the controller in its termination message; `bmctl check host` and the sandbox do it in their own process.
//!
//! ```
//! use bmctl::probe::{CheckId, Depth, Facts, Outcome, Virtualization, gather, judge};
//!
//! // A machine that exists nowhere, without the hardware for virtual machines.
//! let facts = Facts::pretend().without_kvm();
//! let report = judge(&facts, Virtualization::Hardware);
//! assert!(!report.passed());
//! assert_eq!(report.verdict(CheckId::KVM).map(|kvm| kvm.outcome), Some(Outcome::Failed));
//! assert!(judge(&facts, Virtualization::Emulation).passed());
//!
//! // A folder that has nothing of a machine: nothing is known of it, so it is no pass.
//! let nowhere = gather("/nowhere".as_ref(), Depth::Host);
//! assert!(!judge(&nowhere, Virtualization::Hardware).passed());
//! ```
//!
//! This module prints nothing, talks to no cluster and changes nothing on the machine (KVM alone is asked to make a
//! virtual machine, see [`Trial`], which does not outlast the call). What a machine does not let us
//! read is *unknown*: never a pass. A new check is a file here, a row in [`CHECKS`] and a section in `docs/checks.md`.

pub mod architecture;
pub mod check;
pub mod command;
pub mod device;
pub mod facts;
pub mod message;
pub mod report;

mod cgroup;
mod cpu;
mod hugepages;
mod inotify;
mod iommu;
mod kernel;
mod kvm;
mod nested;
mod publish;
mod root;
mod trial;
mod tun;
mod vhost_net;
mod vsock;

#[cfg(test)]
mod fixture;

pub use architecture::Architecture;
pub use check::{CHECKS, CheckId, CheckInfo};
pub use facts::{Fact, Facts, gather};
pub use message::ProbeMessageError;
pub use publish::node_result;
pub use report::{Outcome, ProbeReport, Verdict};
pub use trial::Trial;

/// What VMs are to run on: `spec.useEmulation` of VMRuntime, as the probe sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Virtualization {
    /// KVM: CPU and KVM have to be there.
    Hardware,
    /// Software (QEMU's TCG): CPU and KVM are looked at, and not required.
    Emulation,
}

/// How far the probe can look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// From a pod without the host's `/dev`: what the kernel has registered in `/sys` decides.
    Pod,
    /// From a pod that has the host's `/dev` mounted at `/mnt/dev`: the device nodes are looked at too.
    Deep,
    /// On the machine itself.
    Host,
}

/// Judges the facts by every row of [`CHECKS`], in that order.
#[must_use]
pub fn judge(facts: &Facts, virtualization: Virtualization) -> ProbeReport {
    let verdicts = CHECKS
        .iter()
        .map(|check| (check.judge)(facts, virtualization).of(check.id))
        .collect();
    ProbeReport {
        architecture: facts.architecture_name(),
        verdicts,
    }
}

#[cfg(test)]
mod tests;
