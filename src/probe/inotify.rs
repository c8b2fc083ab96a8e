//! INOTIFY: limits of file watches. Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::INOTIFY,
    title: "limits of file watches",
    blocking: false,
    published: false,
    meaning: "The limits fs.inotify.max_user_instances and max_user_watches. Many VMs on one node can exhaust low ones.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.inotify.to_string()))
}
