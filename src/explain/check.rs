//! The node checks. Their words are the probe's own; here are the commands that show a node's side of it.

use super::{Entry, Group, owned};
use crate::probe::{CHECKS, CheckId};

pub(super) fn entries() -> Vec<Entry> {
    CHECKS
        .iter()
        .map(|check| Entry {
            group: Group::Check,
            id: check.id.to_string(),
            meaning: format!("{}. {}", check.title, check.meaning),
            cause: check.cause,
            fix: check.fix,
            commands: owned(by_hand(check.id)),
        })
        .collect()
}

/// To be run on the node, except for those that begin with `bmctl`.
const fn by_hand(check: CheckId) -> &'static [&'static str] {
    match check {
        CheckId::CPU => &[
            "grep -m1 -o -w -E 'vmx|svm' /proc/cpuinfo",
            "bmctl skip node NODE --context CONTEXT",
            "bmctl update vmruntime --use-emulation --context CONTEXT",
        ],
        CheckId::KVM => &[
            "cat /sys/devices/virtual/misc/kvm/dev",
            "modprobe kvm_intel || modprobe kvm_amd",
            "dmesg | grep -i kvm",
            "bmctl skip node NODE --context CONTEXT",
            "bmctl update vmruntime --use-emulation --context CONTEXT",
        ],
        CheckId::VSOCK => &[
            "modprobe vhost_vsock",
            "echo vhost_vsock > /etc/modules-load.d/vhost_vsock.conf",
        ],
        CheckId::TUN => &["cat /sys/devices/virtual/misc/tun/dev", "modprobe tun"],
        CheckId::VHOST_NET => &[
            "cat /sys/devices/virtual/misc/vhost-net/dev",
            "modprobe vhost_net",
        ],
        CheckId::NESTED => &["cat /sys/module/kvm_*/parameters/nested"],
        CheckId::CGROUP => &["stat -fc %T /sys/fs/cgroup"],
        CheckId::IOMMU => &["ls /sys/kernel/iommu_groups | wc -l"],
        CheckId::INOTIFY => &[
            "sysctl fs.inotify",
            "sysctl fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288",
        ],
        CheckId::HUGEPAGES => &[
            "grep -r . /sys/kernel/mm/hugepages/*/nr_hugepages",
            "sysctl vm.nr_hugepages=1024",
        ],
        CheckId::KERNEL => &["uname -r"],
    }
}
