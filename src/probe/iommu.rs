//! IOMMU: devices can be handed to guests. Informational.

use super::{
    Virtualization,
    check::{CheckId, CheckInfo},
    facts::Facts,
    report::Outcome,
};

pub(super) const INFO: CheckInfo = CheckInfo {
    id: CheckId::IOMMU,
    title: "devices can be handed to guests",
    blocking: false,
    published: false,
    meaning: "How many groups the IOMMU has made. Zero means that no PCI device can be passed through.",
    cause: "",
    fix: "",
    judge,
};

fn judge(facts: &Facts, _: Virtualization) -> (Outcome, Option<String>) {
    (Outcome::Informational, Some(facts.iommu.to_string()))
}
