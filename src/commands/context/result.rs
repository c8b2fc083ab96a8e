//! The result in the format that was asked for: the one place that knows every format.

use crate::{
    cli::OutputFormat,
    render::{self, Document, Page, Style, document, junit, name},
};

/// What a text may use.
#[derive(Clone, Copy)]
pub(super) struct Paper {
    pub style: Style,
    pub color: bool,
}

/// The whole document in this format.
pub(super) fn rendered(document: &Document, format: OutputFormat, paper: Paper) -> String {
    let text = |mut page: Page| {
        document.report.write_text(&mut page);
        render::paint(&page.finish(), paper.color)
    };
    match format {
        OutputFormat::Text => text(Page::new(paper.style)),
        OutputFormat::Wide => text(Page::wide(paper.style)),
        OutputFormat::Json => document::json(document),
        OutputFormat::Yaml => document::yaml(document),
        OutputFormat::Name => name::lines(document),
        OutputFormat::Junit => junit::junit(document),
    }
}
