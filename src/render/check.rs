//! What `bmctl check vmruntimepfc` found.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    document::Report, junit::Suite, name::ResourceName, page::Page, preflight::PreflightReport,
};

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Name of the check that was created.
    pub created: Option<String>,
    /// What it found, once it has finished.
    pub preflight_check: Option<PreflightReport>,
}

impl Report for CheckReport {
    const KIND: &'static str = "CheckResult";

    fn text(&self, page: &mut Page) {
        let Some(check) = &self.preflight_check else {
            if let Some(created) = &self.created {
                page.line(format!(
                    "Preflight check {created} was created; it was not waited for it to finish."
                ));
            }
            return;
        };
        check.text(page);
        check.summary(page);
    }

    fn names(&self) -> Vec<ResourceName> {
        let found = self.preflight_check.as_ref().map(|check| &check.name);
        let name = self.created.as_ref().or(found);
        name.map(|name| ResourceName::preflight_check(name))
            .into_iter()
            .collect()
    }

    fn suites(&self) -> Vec<Suite> {
        self.preflight_check
            .as_ref()
            .map(PreflightReport::suites)
            .unwrap_or_default()
    }
}
