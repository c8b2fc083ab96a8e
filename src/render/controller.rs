//! A controller that was told to stop: there is nothing to say, and that is its result.

use schemars::JsonSchema;
use serde::Serialize;

use super::{document::Report, name::ResourceName, page::Page};

/// The end of `bmctl controller run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoppedReport {}

impl Report for StoppedReport {
    const KIND: &'static str = "StoppedResult";

    fn text(&self, _: &mut Page) {}

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}
