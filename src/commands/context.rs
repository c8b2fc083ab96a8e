//! What a command works with: what was typed for all commands, the terminal, and the signals.

mod reports;
mod result;
pub mod startup_failure;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use reports::Reports;
use result::{Delivery, ErrorOutput};
use tokio::time::Instant;

use super::{
    multi_cluster::Target,
    suggestion::{self, Place},
};
use crate::{
    cli::{GlobalArgs, quoted},
    cluster::Kubeconfigs,
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Hint, Kind, Reason, Suggested, shown_path},
    render::{self, AnyReport, Document, Page, Report, Style, document::Nothing, event::Event},
    ui::{Environment, Interrupts, LogFile, LogFormat, Signal, Ui, UiOptions, log},
};

/// The folder that holds a person's clusters, kubeconfigs and logs; it is used where it exists.
pub const WORKSPACE: &str = "bmctl-workspace";

/// Made once per program run, handed to every command.
pub struct Context {
    pub global: GlobalArgs,
    pub command: CommandId,
    /// When the work began that `--timeout` limits.
    pub started: Instant,
    pub ui: Ui,
    pub interrupts: Interrupts,
    /// The cluster that was found, once it was.
    place: OnceLock<Place>,
    /// Those that were read, for all clusters of a run.
    pub kubeconfigs: Kubeconfigs,
    warnings: Mutex<Vec<String>>,
    delivery: Arc<Delivery>,
}

/// What an interrupted command leaves behind: one sentence, and the commands to go on with.
pub struct InterruptNote {
    pub sentence: String,
    pub hints: Vec<Hint>,
}

impl InterruptNote {
    /// What a command leaves that has changed nothing.
    pub fn nothing() -> Self {
        Self {
            sentence: "nothing was changed".to_owned(),
            hints: Vec::new(),
        }
    }

    /// What a command leaves whose change was sent and not answered: `what` may be so, or not.
    pub fn unknown(what: &str) -> Self {
        Self {
            sentence: format!("whether {what} is not known: the API server had not answered yet"),
            hints: vec![Hint::run("to look at it", CommandId::StatusVmruntime)],
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
    /// The system does not let us listen for signals, or the log or a report that was asked for cannot be written.
    pub fn new(
        global: GlobalArgs,
        command: CommandId,
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
        let output = &global.output;
        let delivery = Delivery::new(
            output.output.clone(),
            Reports::claim(&output.reports, global.connection.kubeconfig.as_deref())?,
        )
        .promise();
        let log = open_log(&global, command)?;
        // A controller has nobody to report to: its log is all that it says.
        let least = u8::from(command == CommandId::ControllerRun);
        log::listen_inside(
            output.verbose.max(least),
            log_format,
            ui.stderr_writer(),
            log.as_ref(),
        );
        if let Some(log) = log {
            log.write("typed", &quoted::line(std::env::args_os()));
            if output.verbose > 0 {
                ui.note(&format!("Log: {}", shown_path(log.path())));
            }
            ui = ui.with_log(log);
        }
        Ok(Self {
            global,
            command,
            started: Instant::now(),
            ui,
            interrupts,
            place: OnceLock::new(),
            kubeconfigs: Kubeconfigs::default(),
            warnings: Mutex::default(),
            delivery,
        })
    }

    /// The same for one of several clusters: its result is kept, its lines on stderr say whom they are about. The time
    /// of all runs since `started`, whenever it is one cluster's turn.
    #[must_use]
    pub fn of_cluster(&self, target: &Target, started: Instant) -> Self {
        let mut global = self.global.clone();
        let connection = &mut global.connection;
        connection.context.clone_from(&target.context);
        connection.clusters = target.cluster.iter().cloned().collect();
        connection.contexts = Vec::new();
        connection.all_contexts = false;
        Self {
            global,
            command: self.command,
            started,
            ui: self.ui.of_cluster(&target.label),
            interrupts: self.interrupts.clone(),
            place: OnceLock::new(),
            kubeconfigs: self.kubeconfigs.clone(),
            warnings: Mutex::default(),
            delivery: Arc::new(Delivery::kept()),
        }
    }

    /// The result of one of several clusters.
    pub fn into_document(self) -> Document {
        let target = self.ui.stderr_writer().cluster.clone();
        let document = self.delivery.take_document().unwrap_or_else(|| {
            // Every command ends with a result; one that does not must not pass for a success.
            let failure = Failure::new(Kind::Other, Reason::OutputFailed, "there is no result");
            Document::of_failure(self.command.words(), &failure)
        });
        Document { target, ..document }
    }

    /// What stdout can show.
    pub fn result_style(&self) -> Style {
        result::result_style(&self.ui)
    }

    /// What stderr can show.
    pub fn note_style(&self) -> Style {
        result::note_style(&self.ui)
    }

    /// Says it now, and once more in the document; the same warning twice says nothing new.
    pub fn warn(&self, warning: &str) {
        let warning = render::clean(warning);
        if !self.remember(&warning) {
            return;
        }
        let mut page = Page::new(self.note_style());
        render::failure::warning(&mut page, &warning);
        let words = render::paint(&page.finish(), self.ui.stderr.color);
        let message = warning;
        self.ui.say(&Event::Warning { message }, &words);
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
        let (document, error_output) = self.told(ending);
        self.delivery.end(&self.ui, document, error_output)
    }

    /// Writes a result that others follow, where it is another than the one before, and says whether anybody reads.
    ///
    /// # Errors
    /// It could not be written.
    pub fn show(&self, ending: Ending, before: &mut Option<String>) -> Result<bool, Failure> {
        let (document, error_output) = self.told(ending);
        let now = Some(render::document::json(&document));
        if now == *before {
            return Ok(true);
        }
        let first = before.is_none();
        *before = now;
        self.delivery
            .show(&self.ui, &document, error_output.as_ref(), first)
    }

    fn told(&self, ending: Ending) -> (Document, Option<ErrorOutput>) {
        let failure = ending.failure.map(|failure| {
            suggestion::ready(&self.global, self.command, self.place.get(), failure)
        });
        let failure = failure.as_ref();
        let document = Document::new(
            self.command.words(),
            ending.cluster,
            ending.report,
            self.warned().clone(),
            ending.exit,
            failure,
        );
        let error_output = failure.map(|failure| ErrorOutput::of(&self.ui, failure));
        (document, error_output)
    }

    /// Another program that we run writes to our stdout.
    pub fn leave_stdout(&self) {
        self.delivery.take_stdout();
    }

    /// Another program writes the files of `--report`.
    pub fn leave_reports(&self) {
        self.delivery.reports.leave();
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
        left: impl FnOnce() -> InterruptNote,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            signal = self.interrupts.first() => Err(interrupted(signal, &left())),
            ended = work => ended,
        }
    }

    /// This is the cluster that the command works on.
    pub fn found(&self, place: Place) {
        // A command finds one cluster; a second look finds the same.
        let _same = self.place.set(place);
    }

    /// A command to paste, with what names the cluster; none for a cluster that will be gone.
    pub fn pasted(&self, command: impl Into<Suggested>) -> Option<String> {
        suggestion::pasted(&self.global, self.place.get(), &command.into())
    }
}

fn terminal(global: &GlobalArgs) -> Ui {
    let output = &global.output;
    Ui::new(
        &UiOptions {
            color: output.color,
            progress: output.progress,
            ci: output.ci,
            quiet: output.quiet,
            verbosity: output.verbose,
            no_input: output.no_input,
        },
        &Environment::read(),
    )
}

/// What only prints what it knows is not worth one.
fn has_no_log(command: CommandId) -> bool {
    [
        CommandId::Version,
        CommandId::Help,
        CommandId::Completion,
        CommandId::Explain,
        CommandId::Man,
    ]
    .contains(&command)
}

/// `bmctl-workspace/[CLUSTER/]log/…` where the workspace exists, or `--log-dir`.
fn open_log(global: &GlobalArgs, command: CommandId) -> Result<Option<LogFile>, Failure> {
    if has_no_log(command) {
        return Ok(None);
    }
    let name = command.words().replace(' ', "-");
    let now = jiff::Timestamp::now();
    if let Some(folder) = &global.output.log_dir {
        return LogFile::create(folder, &name, now)
            .map(Some)
            .map_err(|error| {
                Failure::new(
                    Kind::Usage,
                    Reason::LogNotWritable,
                    format!("could not write a log below {}", shown_path(folder)),
                )
                .caused_by(error.to_string())
            });
    }
    let Some(folder) = workspace_log(global.connection.cluster()) else {
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
    let left = InterruptNote {
        sentence: "ended at once, by a second signal; how the cluster was left is not known"
            .to_owned(),
        hints: Vec::new(),
    };
    interrupted(signal, &left)
}

fn interrupted(signal: Signal, left: &InterruptNote) -> Failure {
    let (kind, reason, word) = match signal {
        Signal::Interrupt => (Kind::Interrupted, Reason::Interrupted, "interrupted"),
        Signal::Terminate => (Kind::Terminated, Reason::Terminated, "terminated"),
    };
    let mut failure = Failure::new(kind, reason, format!("{word}: {}", left.sentence));
    failure.hints.clone_from(&left.hints);
    failure
}
