//! Which manual pages were written.

use schemars::JsonSchema;
use serde::Serialize;

use super::{clean::clean, document::Report, name::ResourceName, page::Page};

/// The result of `man`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ManReport {
    pub folder: String,
    /// File names, in order.
    pub pages: Vec<String>,
}

impl Report for ManReport {
    const KIND: &'static str = "ManResult";

    fn text(&self, page: &mut Page) {
        page.line(format!(
            "{} manual pages were written to {}",
            self.pages.len(),
            clean(&self.folder)
        ));
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}
