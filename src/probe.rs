//! The node-side check: can this node run virtual machines?
//!
//! [`gather`] reads the facts of a node from `/proc`, `/sys` and `/dev` below a root folder, [`judge`] turns them into
//! verdicts, without any I/O. The controller runs both in a pod on every node (`bmctl controller probe`) and reads the
//! report back from the pod's termination message; the sandbox runs them over this machine, or over a folder.
//!
//! A fact that could not be read is not an absent one: a verdict that depends on it is *unknown*, never a pass.

mod cgroup;
pub mod check;
pub mod command;
mod cpu;
pub mod facts;
mod inotify;
mod iommu;
mod kernel;
mod kvm;
mod nested;
mod publish;
pub mod report;
mod tun;
mod vhost_net;
mod vsock;

pub use check::{CHECKS, CheckId, CheckInfo};
pub use facts::{Facts, gather};
pub use publish::node_result;
pub use report::{Outcome, ProbeMessageError, ProbeReport, Verdict};

/// How the VMs of the cluster are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Virtualization {
    /// With the processor's help, through KVM.
    Hardware,
    /// In software (`useEmulation: true`): CPU and KVM are not required.
    Emulation,
}

/// How much of the host the probe can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// An ordinary pod: the host's `/proc` and `/sys`, but not its `/dev`. The kernel's registration decides.
    Pod,
    /// The host's `/dev` is mounted at `/mnt/dev` as well, and the device itself must be there.
    Deep,
}

/// Judges the facts of one node with every check, in the order of [`CHECKS`].
#[must_use]
pub fn judge(facts: &Facts, virtualization: Virtualization) -> ProbeReport {
    let verdicts = CHECKS
        .iter()
        .map(|check| {
            let (outcome, message) = (check.judge)(facts, virtualization);
            Verdict {
                check: check.id,
                outcome,
                message,
            }
        })
        .collect();
    ProbeReport {
        architecture: facts.architecture.to_string(),
        verdicts,
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
