//! CGROUP: version of control groups. Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::CGROUP,
    title: "version of control groups",
    blocking: false,
    published: false,
    meaning: "Which version of control groups is mounted at /sys/fs/cgroup. Both work.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.cgroup.to_string()))
}
