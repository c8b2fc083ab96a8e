//! IOMMU: could a VM be given a PCI device of the machine?

use super::{CheckId, CheckInfo, Fact, Facts, Virtualization, report::Finding, root::Root};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::IOMMU,
    title: "IOMMU groups",
    blocking: false,
    published: false,
    meaning: "How many groups the kernel has made below /sys/kernel/iommu_groups. PCI devices, such as GPUs, can be \
              given to a VM only where there are some.",
    cause: "The IOMMU is switched off in the firmware or on the kernel command line, or this is a virtual machine \
            without one.",
    fix: "Only for PCI devices in VMs: switch VT-d or AMD-Vi on in the firmware, and on Intel boot with \
          intel_iommu=on.",
    judge,
};

pub(super) fn gather(root: &Root) -> Fact<usize> {
    root.names("sys/kernel/iommu_groups")
        .map(|groups| groups.len())
}

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    match &facts.iommu_groups {
        Fact::Known(0) | Fact::Absent => Finding::informational("no groups: off, or none there"),
        Fact::Known(1) => Finding::informational("1 group"),
        Fact::Known(groups) => Finding::informational(format!("{groups} groups")),
        Fact::Unreadable(reason) => Finding::unknown(reason),
    }
}
