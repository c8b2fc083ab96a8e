//! Questions. They are asked on stderr, and only where somebody is there to answer.

use std::io;

use dialoguer::{Input, theme::ColorfulTheme, theme::SimpleTheme, theme::Theme};

use super::Ui;
use crate::failure::shown;

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The expected word was typed.
    Confirmed,
    /// Something else was typed, or the input ended.
    Declined,
    /// Ctrl-C.
    Interrupted,
    /// There is no terminal to ask on, or `--no-input` was given.
    NobodyThere,
}

impl Ui {
    /// Asks for this exact word: a reflex types "y", nobody types the name of the wrong cluster by reflex. A slip of the
    /// fingers may be put right once.
    pub async fn ask_for_word(&self, question: &str, word: &str) -> Answer {
        if !self.interactive {
            return Answer::NobodyThere;
        }
        if let Some(log) = &self.log {
            log.write("prompt", question);
        }
        let question = question.to_owned();
        let theme: Box<dyn Theme + Send> = if self.stderr.color {
            Box::new(ColorfulTheme::default())
        } else {
            Box::new(SimpleTheme)
        };
        // Reading blocks; on a thread of its own, Ctrl-C still reaches us.
        let wanted = word.to_owned();
        let typed = tokio::task::spawn_blocking(move || {
            let terminal = console::Term::stderr();
            let ask = || {
                Input::<String>::with_theme(&*theme)
                    .with_prompt(&question)
                    .allow_empty(true)
                    .report(false)
                    .interact_text_on(&terminal)
            };
            let typed = ask()?;
            if typed.trim() == wanted {
                return Ok(typed);
            }
            terminal.write_line(&format!("{:?} is not {wanted:?}", shown(typed.trim())))?;
            ask()
        })
        .await;
        match typed {
            Ok(Ok(typed)) if typed.trim() == word => Answer::Confirmed,
            // The terminal is in raw mode while it is asked, so that Ctrl-C is no signal.
            Ok(Err(dialoguer::Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => {
                self.note("");
                Answer::Interrupted
            }
            Ok(Ok(_) | Err(_)) | Err(_) => Answer::Declined,
        }
    }
}
