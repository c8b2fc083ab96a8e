//! `bmctl version`.

use super::{Context, context::Ending};
use crate::{exit::Exit, render::version::VersionReport};

/// Prints the version in the product's own words, or as a document.
pub fn run(context: &Context) -> Exit {
    context.end(Ending {
        cluster: None,
        report: Box::new(VersionReport::of_this_build()),
        exit: Exit::Ok,
        failure: None,
    })
}
