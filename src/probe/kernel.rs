//! KERNEL: which one runs here?

use super::{CheckId, CheckInfo, Fact, Facts, Virtualization, report::Finding, root::Root};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::KERNEL,
    title: "Kernel release",
    blocking: false,
    published: false,
    meaning: "The release of the kernel, as uname -r says it: for comparing the nodes of a cluster, and for reports.",
    cause: "Nothing can fail here.",
    fix: "Nothing to fix.",
    judge,
};

pub(super) fn gather(root: &Root) -> Fact<String> {
    root.line("proc/sys/kernel/osrelease")
}

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    match &facts.kernel {
        Fact::Known(release) => Finding::informational(release),
        Fact::Absent => Finding::informational("/proc/sys/kernel/osrelease is not there"),
        Fact::Unreadable(reason) => Finding::unknown(reason),
    }
}
