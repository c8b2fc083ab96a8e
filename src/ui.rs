//! The terminal: the only room that reads from it or writes to it.
//!
//! Results go to stdout, everything else to stderr. Nothing here knows what a cluster is: `commands` brings text that
//! `render` has made and cleaned. What is written is also kept in the log file, where there is one.

pub mod color;
pub mod environment;
pub mod interrupt;
pub mod log;
pub mod progress;
pub mod prompt;

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex},
};

pub use color::ColorChoice;
pub use environment::Environment;
pub use interrupt::{Interrupts, Signal};
pub use log::{LogFile, LogFormat};
pub use progress::{Progress, ProgressChoice};
pub use prompt::Answer;

use crate::failure::{Failure, Kind, Reason};

/// What was asked of the terminal on the command line.
#[derive(Clone, Debug)]
pub struct UiOptions {
    pub color: ColorChoice,
    pub progress: ProgressChoice,
    pub quiet: bool,
    /// `-v` once: more words; twice: what the program does inside.
    pub verbosity: u8,
    pub no_input: bool,
}

impl Default for UiOptions {
    fn default() -> Self {
        Self {
            color: ColorChoice::Auto,
            progress: ProgressChoice::Auto,
            quiet: false,
            verbosity: 0,
            no_input: false,
        }
    }
}

/// What one stream of the program can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub terminal: bool,
    pub color: bool,
    /// Columns, where it is a terminal.
    pub width: Option<usize>,
}

/// The streams of the program, and how they may be used.
pub struct Ui {
    pub stdout: Stream,
    pub stderr: Stream,
    /// The locale is UTF-8.
    pub unicode: bool,
    pub quiet: bool,
    pub verbosity: u8,
    /// Somebody is there who can answer.
    pub interactive: bool,
    progress: progress::Manner,
    log: Option<LogFile>,
    /// The live region, while there is one: lines are written above it.
    live: Arc<Mutex<Option<indicatif::ProgressBar>>>,
}

impl Ui {
    /// Looks at the streams and the environment once.
    pub fn new(options: &UiOptions, environment: &Environment) -> Self {
        let stream = |terminal: bool, term: &console::Term| Stream {
            terminal,
            color: color::decide(options.color, environment, terminal),
            width: terminal
                .then(|| term.size_checked())
                .flatten()
                .map(|(_, columns)| usize::from(columns))
                .filter(|columns| *columns > 0),
        };
        let stdout = stream(io::stdout().is_terminal(), &console::Term::stdout());
        let stderr = stream(io::stderr().is_terminal(), &console::Term::stderr());
        Self {
            stdout,
            stderr,
            unicode: environment.is_utf8(),
            quiet: options.quiet,
            verbosity: options.verbosity,
            interactive: !options.no_input && stderr.terminal && io::stdin().is_terminal(),
            progress: progress::Manner::decide(
                options.progress,
                options.quiet,
                stderr.terminal && !environment.is_dumb(),
            ),
            log: None,
            live: Arc::default(),
        }
    }

    /// Also writes everything to this file from now on.
    #[must_use]
    pub fn with_log(mut self, log: LogFile) -> Self {
        self.log = Some(log);
        self
    }

    /// Writes the result to stdout.
    ///
    /// # Errors
    /// A full disk, for example: a result that nobody can read is not a success. A reader that went away (`| head`)
    /// has had enough, and that is not an error.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        if let Some(log) = &self.log {
            log.write("stdout", text);
        }
        if text.is_empty() {
            return Ok(());
        }
        let written = self.aside(|| {
            let mut stdout = io::stdout().lock();
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush())
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
                Kind::Other,
                Reason::OutputFailed,
                "could not write the result to stdout",
            )
            .caused_by(error.to_string())),
            _ => Ok(()),
        }
    }

    /// Writes lines to stderr. If even that fails there is nobody left to tell.
    pub fn note(&self, text: &str) {
        let text = text.trim_end_matches('\n');
        if let Some(log) = &self.log {
            log.write("stderr", text);
        }
        self.aside(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    /// As [`note`](Self::note), but not with `--quiet`.
    pub fn inform(&self, text: &str) {
        if self.quiet {
            if let Some(log) = &self.log {
                log.write("quiet", text);
            }
        } else {
            self.note(text);
        }
    }

    /// Writes something while the live region is out of the way.
    fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let live = self.live.lock().ok().and_then(|live| live.clone());
        match live {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}
