//! INOTIFY: how many files may be watched?

use super::{CheckId, CheckInfo, Fact, Facts, Virtualization, report::Finding, root::Root};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::INOTIFY,
    title: "Limits of inotify",
    blocking: false,
    published: false,
    meaning: "The kernel's limits of inotify instances and watches per user. The engine's handler on each node, like \
              the kubelet, watches files, and starts failing with \"too many open files\" where the limit is reached.",
    cause: "Most kernels start with 128 instances per user, which a busy node uses up.",
    fix: "Raise the limits: sysctl fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288, and keep \
          them in /etc/sysctl.d.",
    judge,
};

/// Per user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InotifyLimits {
    pub instances: u64,
    pub watches: u64,
}

impl InotifyLimits {
    pub(super) fn gather(root: &Root) -> Fact<Self> {
        root.number("proc/sys/fs/inotify/max_user_instances")
            .and_then(|instances| {
                root.number("proc/sys/fs/inotify/max_user_watches")
                    .map(|watches| Self { instances, watches })
            })
    }
}

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    match &facts.inotify {
        Fact::Known(limits) => Finding::informational(format!(
            "{} instances, {} watches",
            limits.instances, limits.watches
        )),
        Fact::Absent => Finding::informational("no limits to be seen"),
        Fact::Unreadable(reason) => Finding::unknown(reason),
    }
}
