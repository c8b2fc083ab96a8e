//! What is text to begin with: help, a script that completes commands.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::Report, name::ResourceName, page::Page};

/// A text that a command prints as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VerbatimReport {
    /// What it is about: a command, a topic, a shell.
    pub subject: String,
    pub text: String,
    /// The same with colour, where the terminal has it.
    #[serde(skip)]
    pub painted: Option<String>,
}

impl Report for VerbatimReport {
    const KIND: &'static str = "TextResult";

    fn text(&self, page: &mut Page) {
        page.verbatim(self.painted.as_ref().unwrap_or(&self.text));
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}
