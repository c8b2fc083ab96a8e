//! CPU: does the processor offer hardware virtualization?

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::{Architecture, Fact, Facts, Processor},
    kvm,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::CPU,
    title: "processor offers hardware virtualization",
    blocking: true,
    published: true,
    meaning: "Looks for vmx (Intel) or svm (AMD) on amd64 and for sie on s390x in /proc/cpuinfo. On arm64 the processor \
              does not say, and KVM decides. A processor without the flag passes where KVM is proven to run through \
              another backend.",
    cause: "Virtualization is turned off in the firmware or, where the node is itself a virtual machine, nested \
            virtualization is turned off in its hypervisor.",
    fix: "Turn on VT-x, AMD-V or SVM in the firmware, or nested virtualization in the hypervisor, and restart the node. \
          Else leave the node out with the label kubevm.io/VM-SkipSchedule, or run VMs in software with --use-emulation.",
    judge,
};

fn judge(facts: &Facts, virtualization: Virtualization) -> (Outcome, Option<String>) {
    let (outcome, message) = hardware(facts);
    match virtualization {
        Virtualization::Hardware => (outcome, message),
        Virtualization::Emulation => kvm::not_required(outcome, message),
    }
}

fn hardware(facts: &Facts) -> (Outcome, Option<String>) {
    let flags: &[&str] = match &facts.architecture {
        Architecture::Amd64 => &["vmx", "svm"],
        Architecture::S390x => &["sie"],
        Architecture::Arm64 => {
            let message = "not applicable on arm64: KVM decides";
            return (Outcome::NotApplicable, Some(message.to_owned()));
        }
        Architecture::Other(name) => {
            let message = format!("virtual machines run on amd64, arm64 and s390x, not on {name}");
            return (Outcome::Failed, Some(message));
        }
        Architecture::Unknown => {
            let message = match &facts.processor {
                Fact::Unreadable(why) => format!("/proc/cpuinfo could not be read: {why}"),
                Fact::Known(_) | Fact::Absent => {
                    "the architecture could not be told from /proc/cpuinfo".to_owned()
                }
            };
            return (Outcome::Unknown, Some(message));
        }
    };
    match &facts.processor {
        Fact::Known(processor) if flags.iter().any(|flag| processor.has(flag)) => {
            (Outcome::Passed, None)
        }
        Fact::Known(processor) => without_flag(facts, processor, flags),
        Fact::Absent => (
            Outcome::Unknown,
            Some("there is no /proc/cpuinfo".to_owned()),
        ),
        Fact::Unreadable(why) => (
            Outcome::Unknown,
            Some(format!("/proc/cpuinfo could not be read: {why}")),
        ),
    }
}

/// No flag is no proof of the contrary: some micro-VMs run KVM through a backend that needs none.
fn without_flag(facts: &Facts, processor: &Processor, flags: &[&str]) -> (Outcome, Option<String>) {
    let missing = format!("no {} flag in /proc/cpuinfo", flags.join(" or "));
    if kvm::proven(facts) {
        let message = format!("{missing}; KVM runs through {}", kvm::backend(facts));
        return (Outcome::Passed, Some(message));
    }
    let advice = if processor.has("hypervisor") {
        "the node is itself a virtual machine (flag hypervisor): turn on nested virtualization in its hypervisor"
    } else {
        "turn on virtualization (VT-x, AMD-V or SVM) in the firmware"
    };
    (Outcome::Failed, Some(format!("{missing}; {advice}")))
}
