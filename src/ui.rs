//! The terminal: the only module that reads from it or writes to it.
//!
//! Results go to stdout, everything else to stderr. Nothing here knows what a cluster is: `commands` brings text that
//! `render` has made and cleaned. What is written is also kept in the log file, where there is one.

pub mod ci;
pub mod color;
pub mod environment;
pub mod fault;
pub mod interrupt;
pub mod log;
pub mod progress;
pub mod prompt;
pub mod report;
pub mod stderr_writer;

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex},
};

pub use ci::{Ci, CiChoice};
pub use color::ColorChoice;
pub use environment::Environment;
pub use interrupt::{Interrupts, Signal};
pub use log::{LogFile, LogFormat};
pub use progress::{Progress, ProgressChoice};
pub use prompt::Answer;
pub use report::{ReportFile, real};
pub use stderr_writer::{Language, StderrWriter};

use crate::{
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{clean_lines, event::Event},
};

/// What was asked of the terminal on the command line.
#[derive(Clone, Debug)]
pub struct UiOptions {
    pub color: ColorChoice,
    pub progress: ProgressChoice,
    pub ci: CiChoice,
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
            ci: CiChoice::Auto,
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
    stderr_writer: StderrWriter,
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
        let language = match options.progress {
            ProgressChoice::Json => Language::Events,
            ProgressChoice::Auto | ProgressChoice::Plain | ProgressChoice::None => Language::Words,
        };
        let stdout = stream(io::stdout().is_terminal(), &console::Term::stdout());
        let stderr = stream(io::stderr().is_terminal(), &console::Term::stderr());
        Self {
            stdout,
            stderr,
            unicode: environment.is_utf8(),
            quiet: options.quiet,
            verbosity: options.verbosity,
            // A question is no event.
            interactive: !options.no_input
                && language == Language::Words
                && stderr.terminal
                && io::stdin().is_terminal(),
            progress: progress::Manner::decide(
                options.progress,
                options.quiet,
                stderr.terminal && !environment.is_dumb(),
            ),
            stderr_writer: StderrWriter {
                language,
                cluster: None,
                ci: Ci::decide(options.ci, environment),
            },
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

    /// The same for one of several clusters. Nothing is asked about one of them, and there is no live region: there is
    /// one terminal for all.
    #[must_use]
    pub fn of_cluster(&self, cluster: &str) -> Self {
        Self {
            stdout: self.stdout,
            stderr: self.stderr,
            unicode: self.unicode,
            quiet: self.quiet,
            verbosity: self.verbosity,
            interactive: false,
            progress: self.progress.without_live_region(),
            stderr_writer: StderrWriter {
                cluster: Some(cluster.to_owned()),
                ..self.stderr_writer
            },
            log: self.log.clone(),
            live: Arc::default(),
        }
    }

    /// Writes the result to stdout.
    ///
    /// # Errors
    /// A full disk, for example: a result that nobody can read is not a success. A reader that went away (`| head`)
    /// has had enough, and that is not an error.
    pub fn result(&self, text: &str) -> Result<(), Failure> {
        self.result_is_read(text).map(drop)
    }

    /// The same, and says whether there still is a reader.
    ///
    /// # Errors
    /// As those of [`result`](Self::result).
    pub fn result_is_read(&self, text: &str) -> Result<bool, Failure> {
        if let Some(log) = &self.log {
            log.write("stdout", text);
        }
        if text.is_empty() {
            return Ok(true);
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
            Err(_) => Ok(false),
            Ok(()) => Ok(true),
        }
    }

    /// Writes lines to stderr, for information.
    pub fn note(&self, text: &str) {
        self.say(&Event::note(clean_lines(text)), text);
    }

    /// Writes to stderr: the text for people, or the event for programs. The log gets the text.
    pub fn say(&self, event: &Event, text: &str) {
        let text = text.trim_end_matches('\n');
        if let Some(log) = &self.log {
            log.write("stderr", text);
        }
        // An empty line is for the eye.
        if !(text.is_empty() && self.stderr_writer.language == Language::Events) {
            self.aside(|| self.stderr_writer.say(event, text));
        }
    }

    /// Who reads stderr, and about which cluster.
    pub fn stderr_writer(&self) -> &StderrWriter {
        &self.stderr_writer
    }

    /// The last word, for programs.
    pub fn ended(&self, exit: Exit) {
        if self.stderr_writer.language == Language::Events {
            self.stderr_writer.say(&Event::Ended { exit }, "");
        }
    }

    /// As [`note`](Self::note), but not with `--quiet`.
    pub fn inform(&self, text: &str) {
        self.say_unless_quiet(&Event::note(clean_lines(text)), text);
    }

    /// As [`say`](Self::say), but not with `--quiet`.
    pub fn say_unless_quiet(&self, event: &Event, text: &str) {
        if self.quiet {
            if let Some(log) = &self.log {
                log.write("quiet", text);
            }
        } else {
            self.say(event, text);
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
