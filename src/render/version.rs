//! Which bmctl this is.

use serde::Serialize;

use super::{document::Report, page::Page};

/// The version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VersionReport {
    pub version: &'static str,
}

impl Report for VersionReport {
    const KIND: &'static str = "VersionResult";

    fn text(&self, page: &mut Page) {
        page.line(format!("bmctl version: {}", self.version));
    }
}
