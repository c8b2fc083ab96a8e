//! VHOST_NET: is /dev/vhost-net there? Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::VHOST_NET,
    title: "fast networking of guests",
    blocking: false,
    published: false,
    meaning: "The device vhost-net is there: network traffic of guests is handled in the kernel. Without it VMs run, slower.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.vhost_net.to_string()))
}
