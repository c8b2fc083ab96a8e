//! VSOCK: can a guest talk to its host through a socket?

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::{Facts, Presence},
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::VSOCK,
    title: "guests can talk to the host through vsock",
    blocking: false,
    published: true,
    meaning: "The device vhost-vsock is there. VMs run without it; some guest tools want it.",
    cause: "The module vhost_vsock is not loaded.",
    fix: "modprobe vhost_vsock, and name it in /etc/modules-load.d to keep it.",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    match &facts.vhost_vsock {
        Presence::Present => (Outcome::Passed, None),
        Presence::Absent => (
            Outcome::Failed,
            Some("no /dev/vhost-vsock: the module vhost_vsock is not loaded".to_owned()),
        ),
        // It blocks nothing, so it is reported as missing rather than making the whole node unknown.
        Presence::Unreadable(why) => (
            Outcome::Failed,
            Some(format!("could not be looked at: {why}")),
        ),
    }
}
