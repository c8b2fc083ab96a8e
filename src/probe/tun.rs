//! TUN: can a VM be given a network interface of its own?

use super::{CheckId, CheckInfo, Facts, Virtualization, device::Device, report::Finding};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::TUN,
    title: "TUN/TAP network devices",
    blocking: false,
    published: false,
    meaning: "The device /dev/net/tun, from which the engine makes the network interfaces of VMs.",
    cause: "The kernel module tun is not loaded; the engine loads it by opening the device.",
    fix: "If VMs start without a network: modprobe tun.",
    judge,
};

pub(super) const DEVICE: Device = Device {
    registered_as: "tun",
    node: "net/tun",
};

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    DEVICE.tell(&facts.tun, facts.depth)
}
