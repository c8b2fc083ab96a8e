//! What a command works with: what was typed for all commands, the terminal, and the signals.

mod result;

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use result::{Paper, rendered};

use super::paste;
use crate::{
    cli::{GlobalArgs, OutputFormat},
    exit::Exit,
    failure::{Failure, Kind, Reason, shell_word},
    render::{self, AnyReport, Document, Page, Report, Style, document::Nothing},
    ui::{Environment, Interrupts, LogFile, LogFormat, Signal, Ui, UiOptions, log},
};

/// The folder that holds a person's clusters, kubeconfigs and logs; it is used where it exists.
pub const WORKSPACE: &str = "bmctl-workspace";

/// Made once per program run, handed to every command.
pub struct Context {
    pub global: GlobalArgs,
    /// Verb and noun, as they stand in documents and in the log's name.
    pub command: &'static str,
    pub ui: Ui,
    pub interrupts: Interrupts,
    warnings: Mutex<Vec<String>>,
    /// The one result is on stdout.
    ended: AtomicBool,
}

/// What an interrupted command leaves behind: one sentence, and the commands to go on with.
pub struct Left {
    pub sentence: String,
    pub hints: Vec<String>,
}

impl Left {
    /// What a command leaves that has changed nothing.
    pub fn nothing() -> Self {
        Self {
            sentence: "nothing was changed".to_owned(),
            hints: Vec::new(),
        }
    }
}

/// How a command ended, with everything that its result is made of.
pub struct Ending {
    pub cluster: Option<render::ClusterReference>,
    pub report: Box<dyn AnyReport>,
    pub exit: Exit,
    pub failure: Option<Failure>,
}

impl Ending {
    /// A command that did what it was asked, without a cluster.
    pub fn well(report: impl Report + 'static) -> Self {
        Self {
            cluster: None,
            report: Box::new(report),
            exit: Exit::Ok,
            failure: None,
        }
    }
}

impl Context {
    /// Looks at the terminal and starts to listen for signals. Needs a runtime.
    ///
    /// # Errors
    /// The system does not let us listen for signals, or the log that was asked for can not be written.
    pub fn new(
        global: GlobalArgs,
        command: &'static str,
        log_format: LogFormat,
    ) -> Result<Self, Failure> {
        let interrupts = Interrupts::listen().map_err(|error| {
            Failure::new(
                Kind::Other,
                Reason::NoSignals,
                "could not listen for signals",
            )
            .caused_by(error.to_string())
        })?;
        let mut ui = terminal(&global);
        let log = open_log(&global, command)?;
        // A controller has nobody to report to: its log is all that it says.
        let least = u8::from(command == "controller run");
        log::listen_inside(global.output.verbose.max(least), log_format, log.as_ref());
        if let Some(log) = log {
            let typed: Vec<String> = std::env::args_os()
                .map(|word| shell_word(&word.to_string_lossy()))
                .collect();
            log.write("typed", &typed.join(" "));
            if global.output.verbose > 0 {
                ui.note(&format!("Log: {}", log.path().display()));
            }
            ui = ui.with_log(log);
        }
        Ok(Self {
            global,
            command,
            ui,
            interrupts,
            warnings: Mutex::default(),
            ended: AtomicBool::new(false),
        })
    }

    /// What stdout can show.
    pub fn result_style(&self) -> Style {
        Style {
            width: self.ui.stdout.width,
            unicode: self.ui.unicode,
        }
    }

    /// What stderr can show.
    pub fn note_style(&self) -> Style {
        note_style(&self.ui)
    }

    /// Says it now, and once more in the document; the same warning twice says nothing new.
    pub fn warn(&self, warning: &str) {
        let warning = render::clean(warning);
        if !self.remember(&warning) {
            return;
        }
        let mut page = Page::new(self.note_style());
        render::failure::warning(&mut page, &warning);
        self.ui
            .note(&render::paint(&page.finish(), self.ui.stderr.color));
    }

    /// For the document only: people read it in the report.
    pub fn remember(&self, warning: &str) -> bool {
        let warning = render::clean(warning);
        let mut warned = self.warned();
        let news = !warned.contains(&warning);
        if news {
            warned.push(warning);
        }
        news
    }

    fn warned(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the one result of a command, then what went wrong, and returns how it ended. Where a result was written
    /// already, only what went wrong is said.
    pub fn end(&self, ending: Ending) -> Exit {
        let Ending {
            cluster,
            report,
            exit,
            failure,
        } = ending;
        let failure = failure.map(|failure| paste::ready(&self.global, self.command, failure));
        let format = self.global.output.output;
        let document = Document::new(
            self.command,
            cluster,
            report,
            self.warned().clone(),
            exit,
            failure.as_ref(),
        );
        let written = if self.ended.swap(true, Ordering::Relaxed) {
            Ok(())
        } else {
            let text = rendered(&document, format, self.paper());
            let written = self.ui.result(&text);
            let both_seen = self.ui.stdout.terminal && self.ui.stderr.terminal;
            if failure.is_some() && !text.is_empty() && both_seen {
                self.ui.note("");
            }
            written
        };
        if let Some(failure) = &failure {
            complain(&self.ui, failure);
        }
        match written {
            Ok(()) => exit,
            Err(failure) => {
                complain(&self.ui, &failure);
                failure.exit()
            }
        }
    }

    fn paper(&self) -> Paper {
        Paper {
            style: self.result_style(),
            color: self.ui.stdout.color,
        }
    }

    /// Ends a command that has nothing to report but why it failed.
    pub fn fail(&self, failure: Failure) -> Exit {
        self.end(Ending {
            cluster: None,
            report: Box::new(Nothing {}),
            exit: failure.exit(),
            failure: Some(failure),
        })
    }

    /// Does the work until a signal comes. `left` then says what the cluster was left doing.
    ///
    /// # Errors
    /// The work's own, or the interruption.
    pub async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
        left: impl FnOnce() -> Left,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            signal = self.interrupts.first() => Err(interrupted(signal, &left())),
            ended = work => ended,
        }
    }

    /// A command of ours to paste, with the flags by which this one found its cluster.
    pub fn paste(&self, command: &str) -> String {
        paste::own(&self.global, command)
    }
}

/// Ends a program run that never got a context.
pub fn fail_early(global: &GlobalArgs, command: &str, failure: Failure) -> Exit {
    let failure = paste::ready(global, command, failure);
    let ui = terminal(global);
    let exit = document_only(&ui, global.output.output, command, &failure);
    complain(&ui, &failure);
    exit
}

/// Only the document, for a failure that has been told to people already.
pub fn document_only(ui: &Ui, format: OutputFormat, command: &str, failure: &Failure) -> Exit {
    let document = Document::of_failure(command, failure);
    deliver(ui, format, &document).unwrap_or(failure.exit())
}

/// Writes a document that was made without a context; the exit code is in the way of what could not be written.
pub fn deliver(ui: &Ui, format: OutputFormat, document: &Document) -> Option<Exit> {
    let paper = Paper {
        style: Style {
            width: ui.stdout.width,
            unicode: ui.unicode,
        },
        color: ui.stdout.color,
    };
    let failure = ui.result(&rendered(document, format, paper)).err()?;
    complain(ui, &failure);
    Some(failure.exit())
}

/// Writes a failure to stderr.
fn complain(ui: &Ui, failure: &Failure) {
    let mut page = Page::new(note_style(ui));
    render::failure::write(&mut page, failure);
    ui.note(&render::paint(&page.finish(), ui.stderr.color));
}

fn note_style(ui: &Ui) -> Style {
    Style {
        width: ui.stderr.width,
        unicode: ui.unicode,
    }
}

fn terminal(global: &GlobalArgs) -> Ui {
    let output = &global.output;
    Ui::new(
        &UiOptions {
            color: output.color,
            progress: output.progress,
            quiet: output.quiet,
            verbosity: output.verbose,
            no_input: output.no_input,
        },
        &Environment::read(),
    )
}

/// `bmctl-workspace/[CLUSTER/]log/…` where the workspace exists, or `--log-dir`.
fn open_log(global: &GlobalArgs, command: &str) -> Result<Option<LogFile>, Failure> {
    if matches!(
        command,
        "version" | "help" | "completion" | "explain" | "man"
    ) {
        return Ok(None);
    }
    let name = command.replace(' ', "-");
    let now = jiff::Timestamp::now();
    if let Some(folder) = &global.output.log_dir {
        return LogFile::create(folder, &name, now)
            .map(Some)
            .map_err(|error| {
                Failure::new(
                    Kind::Usage,
                    Reason::LogNotWritable,
                    format!("could not write a log below {}", folder.display()),
                )
                .caused_by(error.to_string())
            });
    }
    let Some(folder) = workspace_log(global.connection.cluster.as_deref()) else {
        return Ok(None);
    };
    // A log that nobody asked for must not stop anything, for example in a workspace that is read-only.
    Ok(LogFile::create(&folder, &name, now).ok())
}

fn workspace_log(cluster: Option<&str>) -> Option<PathBuf> {
    let workspace = Path::new(WORKSPACE);
    if !workspace.is_dir() {
        return None;
    }
    let plain = |name: &&str| !name.contains(['/', '\\']) && !matches!(*name, "" | "." | "..");
    Some(match cluster.filter(plain) {
        // A mistyped name must not become a folder.
        Some(cluster) if workspace.join(cluster).is_dir() => workspace.join(cluster).join("log"),
        _ => workspace.join("log"),
    })
}

/// The second signal: whoever reads the result is told, but nobody looks any more at how the cluster was left.
pub fn ended_at_once(signal: Signal) -> Failure {
    let left = Left {
        sentence: "ended at once, by a second signal; how the cluster was left is not known"
            .to_owned(),
        hints: Vec::new(),
    };
    interrupted(signal, &left)
}

fn interrupted(signal: Signal, left: &Left) -> Failure {
    let (kind, reason, word) = match signal {
        Signal::Interrupt => (Kind::Interrupted, Reason::Interrupted, "interrupted"),
        Signal::Terminate => (Kind::Terminated, Reason::Terminated, "terminated"),
    };
    let mut failure = Failure::new(kind, reason, format!("{word}: {}", left.sentence));
    failure.hints.clone_from(&left.hints);
    failure
}
