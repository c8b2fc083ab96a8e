//! TUN: is /dev/net/tun there? Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::TUN,
    title: "virtual machines can get network interfaces",
    blocking: false,
    published: false,
    meaning: "The device tun is there, which the network of most VMs needs; the engine loads it on demand.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.tun.to_string()))
}
