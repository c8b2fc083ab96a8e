//! NESTED: guests can run guests of their own. Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::NESTED,
    title: "guests can run guests of their own",
    blocking: false,
    published: false,
    meaning: "Parameter nested of the KVM module: whether a VM on this node may itself use KVM.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.nested.to_string()))
}
