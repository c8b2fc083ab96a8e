//! KERNEL: version of the kernel. Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::KERNEL,
    title: "version of the kernel",
    blocking: false,
    published: false,
    meaning: "The release of the running kernel.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.kernel.to_string()))
}
