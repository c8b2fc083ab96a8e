//! The terminal: the only room that reads from or writes to it.
//!
//! Results go to stdout, everything else to stderr. Nothing here knows what a cluster is.

use std::io::{self, Write};

use crate::failure::{Failure, Kind};

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressChoice {
    /// Live on a terminal, plain lines elsewhere.
    Auto,
    /// A line with the time for each change.
    Plain,
    /// Nothing.
    None,
}

/// The two streams of the program.
pub struct Ui;

impl Ui {
    pub fn from_environment() -> Self {
        Self
    }

    /// Writes the result to stdout.
    ///
    /// # Errors
    /// A full disk, for example. A reader that went away (`| head`) is not an error.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
                Kind::Other,
                "OutputFailed",
                "could not write the result to stdout",
            )
            .caused_by(error.to_string())),
            _ => Ok(()),
        }
    }

    /// Writes a line to stderr. If even that fails there is nobody left to tell.
    pub fn note(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}
