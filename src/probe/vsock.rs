//! VSOCK: can a VM talk to its host over a virtual socket?

use super::{
    CheckId, CheckInfo, Facts, Virtualization,
    device::{Device, Presence},
    report::Finding,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::VSOCK,
    title: "Virtual sockets are available",
    blocking: false,
    published: true,
    meaning: "The character device vhost-vsock is there, over which a VM and its host can talk without a network. \
              Only VMs that ask for a virtual socket need it.",
    cause: "The kernel module vhost_vsock is not loaded, or the kernel was built without it.",
    fix: "Load the module: modprobe vhost_vsock, and name it in /etc/modules-load.d so that it is loaded at boot. \
          Without it all VMs run that do not ask for a virtual socket.",
    judge,
};

pub(super) const DEVICE: Device = Device {
    registered_as: "vhost-vsock",
    node: "vhost-vsock",
};

fn judge(facts: &Facts, _: Virtualization) -> Finding {
    let path = DEVICE.path(facts.depth);
    match facts.vsock.presence() {
        Presence::Registered(number) | Presence::OnDemand(number) => {
            Finding::passed(format!("device {number}"))
        }
        Presence::Missing => Finding::failed(format!(
            "command terminated with exit code 1\nls: {path}: No such file or directory"
        )),
        Presence::Unfit(reason) => Finding::failed(format!(
            "command terminated with exit code 1\n{path}: {reason}"
        )),
        Presence::Unknown(reason) => Finding::unknown(&reason),
    }
}
