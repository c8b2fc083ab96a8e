//! A run that ends before it has a [`Context`](super::Context): wrong usage, a log that cannot be written. What was
//! asked of the output holds all the same.

pub use super::result::Complaint;
use super::{super::suggestion, reports::Reports, result::Delivery};
use crate::{
    cli::{GlobalArgs, OutputFormat, ReportTarget},
    command_id::CommandId,
    exit::Exit,
    failure::Failure,
    render::Document,
    ui::{Environment, ProgressChoice, Ui, UiOptions},
};

/// Its terminal and its output.
pub struct Early {
    ui: Ui,
    delivery: Delivery,
}

impl Early {
    /// From the little that could be read of what was typed.
    pub fn of(format: OutputFormat, reports: &[ReportTarget], progress: ProgressChoice) -> Self {
        let options = UiOptions {
            progress,
            ..UiOptions::default()
        };
        Self {
            ui: Ui::new(&options, &Environment::read()),
            delivery: Delivery::new(format, Reports::claim_what_can_be(reports)),
        }
    }

    pub fn ui(&self) -> &Ui {
        &self.ui
    }

    pub fn end(self, document: Document, complaint: Option<Complaint>) -> Exit {
        self.delivery.end(&self.ui, document, complaint)
    }
}

/// Ends a run whose arguments are known.
pub fn fail(global: &GlobalArgs, command: CommandId, failure: Failure) -> Exit {
    let failure = suggestion::ready(global, command, None, failure);
    let output = &global.output;
    let ui = super::terminal(global);
    let delivery = Delivery::new(output.output, Reports::claim_what_can_be(&output.reports));
    let complaint = Complaint::of(&ui, &failure);
    delivery.end(
        &ui,
        Document::of_failure(command.words(), &failure),
        Some(complaint),
    )
}
