//! What the node checks say about one machine.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    document::Report,
    junit::{Case, Outcome, Suite, Words},
    name::ResourceName,
    page::Page,
};

/// The checks of the machine that this runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    pub architecture: String,
    /// Can VMs run here? Null where that is unknown.
    pub passed: Option<bool>,
    pub checks: Vec<HostCheck>,
    /// What the controller reads: the text of this report.
    #[serde(skip)]
    pub message: String,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostCheck {
    pub name: String,
    pub result: HostVerdict,
    /// Do VMs depend on it?
    pub blocking: bool,
    pub message: Option<String>,
}

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HostVerdict {
    Passed,
    Failed,
    /// It could not be determined. Never a pass.
    Unknown,
    /// The check says nothing on this architecture; another one decides.
    NotApplicable,
    /// A value to know, without a judgement.
    Informational,
}

impl Report for HostReport {
    const KIND: &'static str = "HostResult";

    fn text(&self, page: &mut Page) {
        page.line(&self.message);
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }

    fn suites(&self) -> Vec<Suite> {
        let case = |check: &HostCheck| Case {
            name: check.name.clone(),
            outcome: check.outcome(),
        };
        vec![Suite::new("host", self.checks.iter().map(case).collect())]
    }
}

impl HostCheck {
    fn outcome(&self) -> Outcome {
        let words = |reason| {
            let message = self.message.as_deref();
            Words::new(reason, message.unwrap_or("no reason was given"))
        };
        match (self.result, self.blocking) {
            (HostVerdict::Passed, _) => Outcome::Passed,
            (HostVerdict::Failed, true) => Outcome::Failed(words("CheckFailed")),
            (HostVerdict::Unknown, true) => Outcome::Unknown(words("CheckUnknown")),
            (HostVerdict::Failed | HostVerdict::Unknown, false) => {
                Outcome::Skipped(words("VMs run without it"))
            }
            (HostVerdict::NotApplicable, _) => Outcome::Skipped(words("NotApplicable")),
            (HostVerdict::Informational, _) => Outcome::Skipped(words("Informational")),
        }
    }
}
