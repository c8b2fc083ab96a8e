//! VHOST_NET: does the kernel move a VM's network packets itself?

use super::{CheckId, CheckInfo, Facts, Virtualization, device::Device, report::Finding};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::VHOST_NET,
    title: "In-kernel virtio networking",
    blocking: false,
    published: false,
    meaning: "The device /dev/vhost-net: with it the kernel moves a VM's packets itself, which is faster.",
    cause: "The kernel module vhost_net is not loaded; the engine loads it by opening the device.",
    fix: "If VMs lack network speed: modprobe vhost_net.",
    judge,
};

pub(super) const DEVICE: Device = Device {
    registered_as: "vhost-net",
    node: "vhost-net",
};

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    DEVICE.tell(&facts.vhost_net, facts.depth)
}
