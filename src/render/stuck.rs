//! An object that is being deleted and still there, in events and in the report of `status`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{clean::clean, page::Page, style::Mark};

/// An object that does not go, and what is known of why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StuckReport {
    /// `plural.group`.
    pub resource: String,
    pub namespace: Option<String>,
    pub name: String,
    /// When its deletion was asked for.
    #[schemars(with = "Option<String>")]
    pub deleting_since: Option<Timestamp>,
    /// What holds it.
    pub finalizers: Vec<String>,
    /// Who has to remove them, and how it is, where that is known.
    pub holder: Option<String>,
    /// Where it runs, if that may be why.
    pub node: Option<String>,
    /// What its own conditions complain of.
    pub conditions: Vec<String>,
    /// What the API server says about a webhook that keeps it from being changed.
    pub webhook: Option<String>,
    /// All of that, for people.
    pub why: String,
    /// What a person can do, best first.
    pub next_steps: Vec<NextStepReport>,
}

impl StuckReport {
    /// The object, why it is still there, and what can be done.
    pub(super) fn text(&self, page: &mut Page) {
        let mark = page.style.mark(Mark::Warning);
        let name = match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        };
        let text = format!("{} {name}, {}", self.resource, self.why);
        page.paragraph(&format!("  {mark} "), &text);
        for step in &self.next_steps {
            let step = clean(&format!("{}: {}", step.why, step.command));
            page.line(format!("      {step}"));
        }
    }
}

/// A command, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NextStepReport {
    pub why: String,
    pub command: String,
}
