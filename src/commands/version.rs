//! `bmctl version`.

use super::Context;
use crate::{exit::Exit, failure::Failure};

/// Prints the version in the product's own words.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    context
        .ui
        .result(&format!("bmctl version: {}\n", env!("CARGO_PKG_VERSION")))?;
    Ok(Exit::Ok)
}
