//! KVM: is the kernel's virtualization up?

use super::{
    CheckId, CheckInfo, Depth, Fact, Facts, Trial, Virtualization,
    device::{Device, DeviceNumber, Presence},
    report::Finding,
    root::Root,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::KVM,
    title: "KVM is available",
    blocking: true,
    published: true,
    meaning: "The kernel has registered the character device kvm (/sys/devices/virtual/misc/kvm/dev, major 10): it \
              does so when a module that brings virtualization, such as kvm_intel or kvm_amd, has come up. Where the \
              host's /dev can be seen, /dev/kvm has to be that device; its mode and owner are not judged. Where it \
              may be opened, KVM is asked for its version and to make a virtual machine.",
    cause: "The processor offers no virtualization (see the check CPU), or the kernel module is not loaded, or \
            another hypervisor on this machine holds the processor.",
    fix: "Load the module: modprobe kvm_intel or modprobe kvm_amd; the kernel log (dmesg | grep -i kvm) says why it \
          refuses. Or leave the node out with the label kubevm.io/VM-SkipSchedule. Or run VMs in software: \
          --use-emulation forces it for every new VM, even on nodes that have KVM.",
    judge,
};

pub(super) const DEVICE: Device = Device {
    registered_as: "kvm",
    node: "kvm",
};

/// Whether KVM works here, or why that is not so. CPU asks too.
pub(super) enum Kvm {
    Works(DeviceNumber),
    Missing(String),
    Unknown(String),
}

pub(super) fn look(facts: &Facts) -> Kvm {
    let path = DEVICE.path(facts.depth);
    match facts.kvm.presence() {
        Presence::Registered(number) => match &facts.kvm_trial {
            Trial::Answered | Trial::NotTried(_) => Kvm::Works(number),
            Trial::Refused(reason) => Kvm::Missing(format!("{path}: {reason}")),
            Trial::Unclear(reason) => Kvm::Unknown(format!("{path}: {reason}")),
        },
        // No module that brings virtualization is loaded by opening this node.
        Presence::OnDemand(number) => Kvm::Missing(format!(
            "{path}: device {number} is there, but no driver is behind it"
        )),
        Presence::Missing => Kvm::Missing(format!("ls: {path}: No such file or directory")),
        Presence::Unfit(reason) => Kvm::Missing(format!("{path}: {reason}")),
        Presence::Unknown(reason) => Kvm::Unknown(reason),
    }
}

fn judge(facts: &Facts, virtualization: Virtualization) -> Finding {
    let finding = match look(facts) {
        Kvm::Works(number) => {
            let seen = format!(
                "device {number}{}{}",
                named_backends(facts),
                tried(facts).unwrap_or_default()
            );
            if brings_its_own_backend(facts) || tried(facts).is_some() {
                Finding::passed(&seen).saying(seen)
            } else {
                Finding::passed(seen)
            }
        }
        // The product's own words, which people search for and tools compare.
        Kvm::Missing(reason) => Finding::failed(&reason)
            .saying(format!("command terminated with exit code 1\n{reason}")),
        Kvm::Unknown(reason) => Finding::unknown(&reason),
    };
    match virtualization {
        Virtualization::Hardware => finding,
        Virtualization::Emulation => finding.not_required(),
    }
}

/// What came of asking KVM, where it could have been asked.
fn tried(facts: &Facts) -> Option<String> {
    match (&facts.kvm_trial, facts.depth) {
        (Trial::Answered, _) => Some("; a virtual machine was made and removed again".to_owned()),
        (Trial::NotTried(why), Depth::Deep | Depth::Host) => Some(format!("; not tried: {why}")),
        (Trial::NotTried(_), Depth::Pod) | (Trial::Refused(_) | Trial::Unclear(_), _) => None,
    }
}

/// Not one of the two that every kernel brings.
fn brings_its_own_backend(facts: &Facts) -> bool {
    !facts.kvm_backends.is_empty()
        && !facts
            .kvm_backends
            .iter()
            .any(|module| module == "kvm_intel" || module == "kvm_amd")
}

/// ` (kvm_pvm)`, or nothing where no module can be seen.
pub(super) fn named_backends(facts: &Facts) -> String {
    if facts.kvm_backends.is_empty() {
        String::new()
    } else {
        format!(" ({})", facts.kvm_backends.join(", "))
    }
}

/// Only words for people hang on it: not to see it is the same as none.
pub(super) fn backends(root: &Root) -> Vec<String> {
    match root.names("sys/module") {
        Fact::Known(names) => names
            .into_iter()
            .filter(|name| name.starts_with("kvm_"))
            .take(8)
            .collect(),
        Fact::Absent | Fact::Unreadable(_) => Vec::new(),
    }
}
