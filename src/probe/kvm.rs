//! KVM: is the kernel ready to run virtual machines?

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::{Device, DeviceNode, Fact, Facts},
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::KVM,
    title: "kernel offers KVM",
    blocking: true,
    published: true,
    meaning: "The kernel has registered the device kvm (/sys/devices/virtual/misc/kvm/dev) as a character device of major \
              10. A deep probe also wants the host's /dev/kvm to be that device. Mode and owner are not judged: the engine \
              sets them.",
    cause: "The modules kvm and kvm_intel or kvm_amd are not loaded, most often because the processor offers no hardware \
            virtualization (see CPU).",
    fix: "Mend CPU first. Then load the module (modprobe kvm_intel or kvm_amd) and look at dmesg for its reason. Else leave \
          the node out with the label kubevm.io/VM-SkipSchedule, or run VMs in software with --use-emulation (which then \
          holds for every node, also those that have KVM).",
    judge,
};

/// Major number of misc devices, among them kvm (Documentation/admin-guide/devices.txt of Linux).
const MISC_MAJOR: u32 = 10;

fn judge(facts: &Facts, virtualization: Virtualization) -> (Outcome, Option<String>) {
    let (outcome, message) = hardware(facts);
    match virtualization {
        Virtualization::Hardware => (outcome, message),
        Virtualization::Emulation => not_required(outcome, message),
    }
}

/// What was found, under the heading that it does not matter.
pub(super) fn not_required(outcome: Outcome, message: Option<String>) -> (Outcome, Option<String>) {
    let found = match (outcome, message) {
        (Outcome::Passed, None) => "present".to_owned(),
        (_, Some(message)) => message,
        (Outcome::NotApplicable, None) => "not applicable".to_owned(),
        (Outcome::Failed | Outcome::Unknown | Outcome::Informational, None) => {
            "not found".to_owned()
        }
    };
    (
        Outcome::Passed,
        Some(format!("not required with useEmulation; found: {found}")),
    )
}

fn hardware(facts: &Facts) -> (Outcome, Option<String>) {
    let registered = match &facts.kvm {
        Fact::Known(device) if device.major == MISC_MAJOR => *device,
        Fact::Known(device) => {
            let message =
                format!("kvm is registered as {device}, not as a misc device ({MISC_MAJOR})");
            return (Outcome::Failed, Some(message));
        }
        // The product's own probe lists the device in a pod; people search for this text.
        Fact::Absent => return (Outcome::Failed, Some(missing("/mnt/dev/kvm"))),
        Fact::Unreadable(why) => {
            let message = format!("the kernel's registration of kvm could not be read: {why}");
            return (Outcome::Unknown, Some(message));
        }
    };
    match &facts.kvm_node {
        None => passed(facts),
        Some(Fact::Known(DeviceNode::Character(device))) if *device == registered => passed(facts),
        Some(Fact::Known(DeviceNode::Character(device))) => {
            let message =
                format!("/mnt/dev/kvm is device {device}, but the kernel registered {registered}");
            (Outcome::Failed, Some(message))
        }
        Some(Fact::Known(DeviceNode::Other)) => (
            Outcome::Failed,
            Some("/mnt/dev/kvm is not a character device".to_owned()),
        ),
        Some(Fact::Absent) => (Outcome::Failed, Some(missing("/mnt/dev/kvm"))),
        Some(Fact::Unreadable(why)) => (
            Outcome::Unknown,
            Some(format!("/mnt/dev/kvm could not be looked at: {why}")),
        ),
    }
}

fn passed(facts: &Facts) -> (Outcome, Option<String>) {
    let ordinary = facts
        .kvm_backends
        .iter()
        .any(|name| name == "kvm_intel" || name == "kvm_amd");
    let foreign = !ordinary && !facts.kvm_backends.is_empty();
    (
        Outcome::Passed,
        foreign.then(|| format!("through {}", backend(facts))),
    )
}

fn missing(path: &str) -> String {
    format!("command terminated with exit code 1\nls: {path}: No such file or directory")
}

/// Does KVM run, by all that can be seen? A registration means that a vendor module has come up.
pub(super) fn proven(facts: &Facts) -> bool {
    hardware(facts).0 == Outcome::Passed
}

/// The module that KVM runs through.
pub(super) fn backend(facts: &Facts) -> String {
    if facts.kvm_backends.is_empty() {
        "a backend that is built into the kernel".to_owned()
    } else {
        facts.kvm_backends.join(", ")
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}
