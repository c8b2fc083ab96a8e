//! What a command works with: what was typed for all commands, and the terminal.

use crate::{cli::GlobalArgs, exit::Exit, failure::Failure, ui::Ui};

/// Made once per program run, handed to every command.
pub struct Context {
    pub global: GlobalArgs,
    pub ui: Ui,
}

impl Context {
    pub fn new(global: GlobalArgs, ui: Ui) -> Self {
        Self { global, ui }
    }

    /// Ends a command that produced no result of its own: the error goes to stderr.
    pub fn fail(&self, failure: &Failure) -> Exit {
        self.ui.note(&format!("error: {}", failure.message));
        for cause in &failure.causes {
            self.ui.note(&format!("caused by: {cause}"));
        }
        for hint in &failure.hints {
            self.ui.note(&format!("hint: {hint}"));
        }
        failure.exit()
    }
}
