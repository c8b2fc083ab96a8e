//! CPU: does the processor offer virtualization?

use std::collections::BTreeSet;

use super::{
    Architecture, CheckId, CheckInfo, Depth, Fact, Facts, Trial, Virtualization,
    kvm::{self, Kvm},
    report::Finding,
    root::Root,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::CPU,
    title: "The processor offers hardware virtualization",
    blocking: true,
    published: true,
    meaning: "amd64: one of the flags vmx (Intel VT-x) and svm (AMD-V) in /proc/cpuinfo, or KVM at work without \
              them through another backend. s390x: the feature sie. Other architectures: not applicable, KVM decides.",
    cause: "The node is itself a virtual machine and its hypervisor does not pass virtualization on (the flag \
            hypervisor is set); or virtualization is switched off in the firmware; or the processor has none.",
    fix: "In a virtual machine, switch nested virtualization on in its hypervisor. On bare metal, switch VT-x or \
          AMD-V (SVM) on in the firmware (BIOS/UEFI). Or leave the node out with the label kubevm.io/VM-SkipSchedule. \
          Or run VMs in software: --use-emulation forces it for every new VM, even on nodes that have KVM.",
    judge,
};

/// How much of `/proc/cpuinfo` is read. One processor takes 2 to 6 KiB, and the first one is enough.
const CPUINFO_LIMIT: u64 = 256 * 1024;

/// The first processor of `/proc/cpuinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processor {
    /// What the names of the fields tell.
    pub architecture: Option<Architecture>,
    /// The words after `flags` (amd64) or `features` (s390x, arm64); `None` where there is no such line.
    pub features: Option<BTreeSet<String>>,
}

impl Processor {
    pub(super) fn gather(root: &Root) -> Fact<Self> {
        root.text("proc/cpuinfo", CPUINFO_LIMIT)
            .map(|text| Self::parse(&text))
    }

    fn parse(cpuinfo: &str) -> Self {
        // The end may be cut in the middle of a line: such a line is not looked at.
        let whole = cpuinfo.rfind('\n').map_or("", |end| &cpuinfo[..end]);
        let field = |name: &str| {
            whole
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value)
        };
        let words = |value: &str| value.split_whitespace().map(ToOwned::to_owned).collect();
        let (architecture, features) = if let Some(flags) = field("flags") {
            (Some(Architecture::Amd64), Some(flags))
        } else if field("vendor_id").is_some_and(|vendor| vendor.contains("IBM/S390")) {
            (Some(Architecture::S390x), field("features"))
        } else if field("CPU implementer").is_some() {
            (Some(Architecture::Arm64), field("Features"))
        } else {
            (None, None)
        };
        Self {
            architecture,
            features: features.map(words),
        }
    }

    pub(super) fn has(&self, feature: &str) -> bool {
        self.features
            .as_ref()
            .is_some_and(|features| features.contains(feature))
    }
}

fn judge(facts: &Facts, virtualization: Virtualization) -> Finding {
    let finding = judge_hardware(facts);
    match virtualization {
        Virtualization::Hardware => finding,
        Virtualization::Emulation => finding.not_required(),
    }
}

fn judge_hardware(facts: &Facts) -> Finding {
    match &facts.architecture {
        Fact::Known(Architecture::Amd64) => flagged(facts, &["vmx", "svm"]),
        Fact::Known(Architecture::S390x) => flagged(facts, &["sie"]),
        Fact::Known(architecture @ (Architecture::Arm64 | Architecture::Other(_))) => {
            Finding::not_applicable(format!("not applicable on {architecture}: KVM decides"))
        }
        Fact::Absent => Finding::unknown("the architecture could not be determined"),
        Fact::Unreadable(reason) => Finding::unknown(reason),
    }
}

/// The rule where the processor says so itself, in one of these features.
fn flagged(facts: &Facts, wanted: &[&str]) -> Finding {
    let processor = match &facts.processor {
        Fact::Known(processor) if processor.features.is_some() => processor,
        Fact::Known(_) => return Finding::unknown("/proc/cpuinfo: no line of flags or features"),
        Fact::Absent => return Finding::unknown("/proc/cpuinfo: not there"),
        Fact::Unreadable(reason) => return Finding::unknown(reason),
    };
    let found = wanted
        .iter()
        .copied()
        .find(|feature| processor.has(feature));
    match (found, kvm::look(facts)) {
        (Some(feature), Kvm::Works(_) | Kvm::Unknown(_)) => Finding::passed(feature),
        (Some(feature), Kvm::Missing(_)) => Finding::passed(feature).saying(format!(
            "{feature} is there, but KVM is not up: {}",
            load_hint(feature)
        )),
        (None, Kvm::Works(_)) if unproven(facts).is_some() => Finding::unknown(&format!(
            "no {} in /proc/cpuinfo, and KVM{} could not be tried: {}",
            wanted.join(" or "),
            kvm::named_backends(facts),
            unproven(facts).unwrap_or_default()
        )),
        (None, Kvm::Works(_)) => {
            let seen = format!(
                "no {} in /proc/cpuinfo; KVM works through another backend{}",
                wanted.join(" or "),
                kvm::named_backends(facts)
            );
            Finding::passed(&seen).saying(seen)
        }
        (None, Kvm::Missing(_)) => Finding::failed(format!(
            "no {} in /proc/cpuinfo: {}",
            wanted.join(" or "),
            lack_hint(processor)
        )),
        (None, Kvm::Unknown(reason)) => Finding::unknown(&format!(
            "no {} in /proc/cpuinfo, and whether KVM works without is unknown: {reason}",
            wanted.join(" or ")
        )),
    }
}

/// On the machine itself only KVM's own answer proves another backend; in a pod its registration has to do.
fn unproven(facts: &Facts) -> Option<&str> {
    match (&facts.kvm_trial, facts.depth) {
        (Trial::NotTried(why), Depth::Host) => Some(why),
        (Trial::NotTried(_), Depth::Pod | Depth::Deep)
        | (Trial::Answered | Trial::Refused(_) | Trial::Unclear(_), _) => None,
    }
}

/// The processor can, KVM is not there.
fn load_hint(feature: &str) -> &'static str {
    match feature {
        "vmx" => "load the module kvm_intel; if that fails, switch VT-x on in the firmware",
        "svm" => "load the module kvm_amd; if that fails, switch SVM on in the firmware",
        _ => "load the module kvm",
    }
}

/// The processor cannot, or may not.
fn lack_hint(processor: &Processor) -> &'static str {
    if processor.has("hypervisor") {
        "this is a virtual machine, and nested virtualization is off in its hypervisor"
    } else {
        "virtualization is switched off in the firmware, or the processor has none"
    }
}

#[cfg(test)]
mod tests {
    use super::{Architecture, Processor};

    #[test]
    fn reads_whole_lines_of_the_first_processor() {
        let intel = Processor::parse(
            "processor\t: 0\nvmx flags\t: vnmi\nflags\t\t: fpu vmx\n\nprocessor\t: 1\nflags\t\t: fpu\n",
        );
        assert_eq!(intel.architecture, Some(Architecture::Amd64));
        assert!(intel.has("vmx") && !intel.has("vnmi"));
        let cut = Processor::parse("processor\t: 0\nflags\t\t: fpu vm");
        assert_eq!(cut.features, None);
        let mainframe = Processor::parse("vendor_id       : IBM/S390\nfeatures\t: esan3 sie \n");
        assert_eq!(mainframe.architecture, Some(Architecture::S390x));
        assert!(mainframe.has("sie"));
        let arm = Processor::parse("processor\t: 0\nFeatures\t: fp\nCPU implementer\t: 0x41\n");
        assert_eq!(arm.architecture, Some(Architecture::Arm64));
        assert_eq!(Processor::parse("").architecture, None);
    }
}
