//! NESTED: could the VMs of this machine be hosts of VMs themselves?

use super::{CheckId, CheckInfo, Fact, Facts, Virtualization, report::Finding, root::Root};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::NESTED,
    title: "Nested virtualization for the VMs of this machine",
    blocking: false,
    published: false,
    meaning: "The parameter nested of the kernel's KVM module: whether a VM that runs here could run VMs itself. It \
              says nothing about whether this machine can run VMs.",
    cause: "It is a setting of the kernel module.",
    fix: "Only if VMs are to run VMs: options kvm_intel nested=1 (or kvm_amd) in /etc/modprobe.d, and load the module \
          again.",
    judge,
};

/// The parameter of one module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedSetting {
    pub module: String,
    /// As the kernel writes it: `Y`, `N`, `1` or `0`.
    pub value: String,
}

impl NestedSetting {
    /// The modules that have the parameter; s390x has it in `kvm` itself.
    pub(super) fn gather(root: &Root, backends: &[String]) -> Fact<Vec<Self>> {
        let mut settings = Vec::new();
        for module in backends.iter().map(String::as_str).chain(["kvm"]) {
            match root.line(&format!("sys/module/{module}/parameters/nested")) {
                Fact::Known(value) => settings.push(Self {
                    module: module.to_owned(),
                    value,
                }),
                Fact::Absent => {}
                Fact::Unreadable(reason) => return Fact::Unreadable(reason),
            }
        }
        if settings.is_empty() {
            Fact::Absent
        } else {
            Fact::Known(settings)
        }
    }
}

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    match &facts.nested {
        Fact::Known(settings) => Finding::informational(
            settings
                .iter()
                .map(|setting| format!("{}: {}", setting.module, setting.value))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Fact::Absent => Finding::informational("no KVM module has the setting"),
        Fact::Unreadable(reason) => Finding::unknown(reason),
    }
}
