//! CGROUP: which hierarchy of control groups limits the VMs?

use super::{CheckId, CheckInfo, Fact, Facts, Virtualization, report::Finding, root::Root};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::CGROUP,
    title: "Version of control groups",
    blocking: false,
    published: false,
    meaning: "Which hierarchy is mounted at /sys/fs/cgroup. Kubernetes expects version 2 and keeps version 1 only for \
              old systems.",
    cause: "The machine was booted with version 1, which some kernel command lines ask for.",
    fix: "Boot with systemd.unified_cgroup_hierarchy=1, or with a current distribution's default.",
    judge,
};

/// What is mounted at `/sys/fs/cgroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupVersion {
    V1,
    /// Version 1, with version 2 beside it at `unified`.
    Hybrid,
    V2,
}

impl CgroupVersion {
    pub(super) fn gather(root: &Root) -> Fact<Self> {
        // The names of the interface files: Documentation/admin-guide/cgroup-v2.rst, and the controllers of version 1.
        root.names("sys/fs/cgroup").and_then(|names| {
            let has = |name: &str| names.iter().any(|other| other == name);
            if has("cgroup.controllers") {
                Fact::Known(Self::V2)
            } else if has("unified") {
                Fact::Known(Self::Hybrid)
            } else if has("memory") || has("cpu") || has("pids") {
                Fact::Known(Self::V1)
            } else {
                Fact::Absent
            }
        })
    }
}

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    match &facts.cgroup {
        Fact::Known(CgroupVersion::V1) => Finding::informational("version 1"),
        Fact::Known(CgroupVersion::Hybrid) => Finding::informational("version 1, with 2 beside it"),
        Fact::Known(CgroupVersion::V2) => Finding::informational("version 2"),
        Fact::Absent => Finding::informational("nothing mounted at /sys/fs/cgroup"),
        Fact::Unreadable(reason) => Finding::unknown(reason),
    }
}
