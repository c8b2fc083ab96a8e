//! What `bmctl update vmruntime` did.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    document::Report,
    enable::{Change, EnableReport},
    name::ResourceName,
    page::Page,
};

/// The result of an update: where VM Runtime is enabled, it ends like an enable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateReport {
    /// Null where it could not be read.
    pub enabled: Option<bool>,
    /// Everything was as asked before.
    #[serde(skip)]
    pub settled: bool,
    #[serde(flatten)]
    pub outcome: EnableReport,
}

impl Report for UpdateReport {
    const KIND: &'static str = "UpdateResult";

    fn text(&self, page: &mut Page) {
        let outcome = &self.outcome;
        if self.settled {
            page.line("The settings are already as asked; nothing was changed.");
        } else if outcome.unattended {
            Change::list(&outcome.changed, page);
            page.line(if self.enabled == Some(true) {
                "The settings are changed; bmctl did not wait for VM Runtime to be ready."
            } else {
                "The settings are changed; they count as soon as VM Runtime is enabled."
            });
            outcome.undoing(page);
        } else {
            outcome.text(page);
        }
    }

    fn names(&self) -> Vec<ResourceName> {
        if self.settled {
            vec![ResourceName::vmruntime()]
        } else {
            self.outcome.names()
        }
    }
}
