//! What kind of processor the machine has: it decides which checks apply.

use std::fmt;

use super::{cpu::Processor, facts::Fact, root::Root};

/// Kubernetes' (Go's) names for the architectures that have rules here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
    S390x,
    /// No rule of ours: KVM alone decides there. The kernel's own name, for example `riscv64`.
    Other(String),
}

impl Architecture {
    /// From the kernel's name of the machine, as `uname -m` says it.
    #[must_use]
    pub fn from_machine(machine: &str) -> Self {
        match machine {
            "x86_64" | "amd64" => Self::Amd64,
            "aarch64" | "arm64" => Self::Arm64,
            "s390x" => Self::S390x,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Asks the kernel, then the shape of `/proc/cpuinfo`, and on the running machine the program itself.
    pub(super) fn gather(root: &Root, processor: &Fact<Processor>) -> Fact<Self> {
        // Linux ≥ 6.1 says what `uname -m` says here.
        let kernel = root.line("proc/sys/kernel/arch");
        match (kernel, processor) {
            (Fact::Known(machine), _) if !machine.is_empty() => {
                Fact::Known(Self::from_machine(&machine))
            }
            (_, Fact::Known(processor)) if processor.architecture.is_some() => processor
                .architecture
                .clone()
                .map_or(Fact::Absent, Fact::Known),
            _ if root.is_running_machine() => {
                Fact::Known(Self::from_machine(std::env::consts::ARCH))
            }
            (Fact::Unreadable(reason), _) => Fact::Unreadable(reason),
            (_, Fact::Unreadable(reason)) => Fact::Unreadable(reason.clone()),
            (Fact::Known(_) | Fact::Absent, Fact::Known(_) | Fact::Absent) => Fact::Absent,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::S390x => "s390x",
            Self::Other(machine) => machine,
        })
    }
}
