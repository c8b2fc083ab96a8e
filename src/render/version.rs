//! Which bmctl this is.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::Report, name::ResourceName, page::Page};

/// The version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VersionReport {
    pub version: &'static str,
}

impl Report for VersionReport {
    const KIND: &'static str = "VersionResult";

    fn text(&self, page: &mut Page) {
        page.line(format!("bmctl version: {}", self.version));
    }

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}
