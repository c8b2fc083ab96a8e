//! A run that ends before it has a [`Context`](super::Context), as by wrong usage or a log that cannot be written, or
//! without it, by a fault of the program. What was asked of the output holds all the same.

use std::sync::Arc;

pub use super::result::ErrorOutput;
use super::{
    super::{suggestion, usage::Asked},
    reports::Reports,
    result::Delivery,
};
use crate::{
    cli::GlobalArgs,
    command_id::CommandId,
    exit::Exit,
    failure::Failure,
    render::Document,
    ui::{Environment, ProgressChoice, Ui, UiOptions},
};

/// Its terminal and its output.
pub struct Early {
    ui: Ui,
    delivery: Arc<Delivery>,
}

impl Early {
    /// From the little that could be read of what was typed.
    pub fn of(asked: &Asked) -> Self {
        let reports = Reports::claim_what_can_be(&asked.reports, asked.kubeconfig.as_deref());
        Self {
            ui: words(asked.progress),
            delivery: Arc::new(Delivery::new(asked.format.clone(), reports)),
        }
    }

    /// With the output that a command has promised already.
    pub fn owed(progress: ProgressChoice) -> Option<Self> {
        let delivery = Delivery::owed()?;
        Some(Self {
            ui: words(progress),
            delivery,
        })
    }

    pub fn ui(&self) -> &Ui {
        &self.ui
    }

    pub fn end(self, document: Document, error_output: Option<ErrorOutput>) -> Exit {
        self.delivery.end(&self.ui, document, error_output)
    }
}

fn words(progress: ProgressChoice) -> Ui {
    let options = UiOptions {
        progress,
        ..UiOptions::default()
    };
    Ui::new(&options, &Environment::read())
}

/// Ends a run whose arguments are known.
pub fn fail(global: &GlobalArgs, command: CommandId, failure: Failure) -> Exit {
    let failure = suggestion::ready(global, command, None, failure);
    let output = &global.output;
    let ui = super::terminal(global);
    let delivery = Delivery::new(
        output.output.clone(),
        Reports::claim_what_can_be(&output.reports, global.connection.kubeconfig.as_deref()),
    );
    let error_output = ErrorOutput::of(&ui, &failure);
    delivery.end(
        &ui,
        Document::of_failure(command.words(), &failure),
        Some(error_output),
    )
}
