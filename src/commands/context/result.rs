//! How a run ends: one result on stdout and in the files of `--report`, what went wrong on stderr, one exit code.
//!
//! The one place that knows every format. A [`Context`](super::Context) ends here, and a run that never got one too.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicBool, Ordering},
};

use super::reports::Reports;
use crate::{
    cli::{OutputFormat, StdoutFormat},
    exit::Exit,
    failure::{Failure, Kind, Reason},
    render::{self, Document, Page, Style, document, event::Event, junit, name},
    ui::Ui,
};

/// What a text may use.
#[derive(Clone, Copy)]
pub(super) struct TextStyle {
    pub style: Style,
    pub color: bool,
}

/// The whole document in this format.
pub(super) fn rendered(document: &Document, format: OutputFormat, text_style: TextStyle) -> String {
    let text = |mut page: Page| {
        document.report.write_text(&mut page);
        render::paint(&page.finish(), text_style.color)
    };
    match format {
        OutputFormat::Text => text(Page::new(text_style.style)),
        OutputFormat::Wide => text(Page::wide(text_style.style)),
        OutputFormat::Json => document::json(document),
        OutputFormat::Yaml => document::yaml(document),
        OutputFormat::Name => name::lines(document),
        OutputFormat::Junit => junit::junit(document),
    }
}

/// Where a result goes.
pub struct Delivery {
    format: StdoutFormat,
    pub reports: Reports,
    /// The one result is on stdout, or somebody else's is.
    stdout_taken: AtomicBool,
    /// It goes nowhere yet: it is one of several.
    kept: Option<Mutex<Option<Document>>>,
}

/// The delivery that this process has promised.
static OWED: Mutex<Weak<Delivery>> = Mutex::new(Weak::new());

/// What went wrong, for people and for programs.
pub struct ErrorOutput {
    pub words: String,
    pub event: Event,
}

impl Delivery {
    pub fn new(format: StdoutFormat, reports: Reports) -> Self {
        Self {
            format,
            reports,
            stdout_taken: AtomicBool::new(false),
            kept: None,
        }
    }

    /// Keeps the result for [`take_document`](Self::take_document) instead of writing it.
    pub fn kept() -> Self {
        Self {
            kept: Some(Mutex::default()),
            ..Self::new(
                StdoutFormat::Document(OutputFormat::Text),
                Reports::default(),
            )
        }
    }

    /// What was kept.
    pub fn take_document(&self) -> Option<Document> {
        let mut kept = self
            .kept
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }

    /// Remembers that the process has promised this, for an ending that nobody foresees.
    pub fn promise(self) -> Arc<Self> {
        let promised = Arc::new(self);
        *OWED.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&promised);
        promised
    }

    /// What was promised. It is asked for where the program has failed, and waits for no other thread.
    pub fn owed() -> Option<Arc<Self>> {
        OWED.try_lock().ok()?.upgrade()
    }

    /// Says whether it was taken before.
    pub fn take_stdout(&self) -> bool {
        self.stdout_taken.swap(true, Ordering::Relaxed)
    }

    fn text(&self, ui: &Ui, document: &Document) -> Result<String, Failure> {
        let format = match &self.format {
            StdoutFormat::Document(format) => *format,
            StdoutFormat::JsonPath(_, template) => {
                return document::filled(document, template)
                    .map_err(|why| Failure::new(Kind::Usage, Reason::InvalidUsage, why));
            }
        };
        let text_style = TextStyle {
            style: result_style(ui),
            color: ui.stdout.color,
        };
        let text = rendered(document, format, text_style);
        Ok(match format {
            OutputFormat::Text | OutputFormat::Wide => ui.stderr_writer().ci.harmless(&text),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Name | OutputFormat::Junit => {
                text
            }
        })
    }

    /// What stands before a result that follows another one.
    fn apart(&self, text: &str) -> &'static str {
        match self.format {
            StdoutFormat::Document(OutputFormat::Text | OutputFormat::Wide) if !text.is_empty() => {
                "\n"
            }
            StdoutFormat::Document(OutputFormat::Yaml) => "---\n",
            StdoutFormat::Document(
                OutputFormat::Text
                | OutputFormat::Wide
                | OutputFormat::Json
                | OutputFormat::Name
                | OutputFormat::Junit,
            )
            | StdoutFormat::JsonPath(..) => "",
        }
    }

    /// Writes a result that others follow, and says whether anybody reads. Files of `--report` get the last one.
    ///
    /// # Errors
    /// It could not be written.
    pub fn show(
        &self,
        ui: &Ui,
        document: &Document,
        error_output: Option<&ErrorOutput>,
        first: bool,
    ) -> Result<bool, Failure> {
        let text = self.text(ui, document)?;
        let apart = if first { "" } else { self.apart(&text) };
        let read = ui.result_is_read(&(apart.to_owned() + &text))?;
        if let Some(ErrorOutput { words, event }) = error_output {
            ui.say(event, words);
        }
        Ok(read)
    }

    /// Writes the result, then what went wrong, and returns how the run ended. A result that could not be written is
    /// not a success. The files come first, so that the document on stdout knows what became of them.
    pub fn end(&self, ui: &Ui, mut document: Document, error_output: Option<ErrorOutput>) -> Exit {
        if let Some(kept) = &self.kept {
            let exit = document.exit;
            if let Some(ErrorOutput { words, event }) = &error_output {
                ui.say(event, words);
            }
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(document);
            ui.ended(exit);
            return exit;
        }
        let mut unwritten: Vec<Failure> = self.reports.write(&document).err().into_iter().collect();
        if let Some(failure) = unwritten.first() {
            document.fail(failure);
        }
        let mut spoken = false;
        // Made before stdout is taken: as long as nothing is there, a fault of ours can still be told on it.
        let text = self.text(ui, &document).unwrap_or_else(|failure| {
            document.fail(&failure);
            unwritten.push(failure);
            String::new()
        });
        if !self.take_stdout() {
            spoken = !text.is_empty();
            if let Err(failure) = ui.result(&text) {
                document.fail(&failure);
                unwritten.push(failure);
            }
        }
        let error_outputs: Vec<ErrorOutput> = error_output
            .into_iter()
            .chain(unwritten.iter().map(|failure| ErrorOutput::of(ui, failure)))
            .collect();
        if !error_outputs.is_empty() && spoken && ui.stdout.terminal && ui.stderr.terminal {
            ui.note("");
        }
        for ErrorOutput { words, event } in &error_outputs {
            ui.say(event, words);
        }
        let exit = document.exit;
        ui.ended(exit);
        exit
    }
}

impl ErrorOutput {
    /// In our own words.
    pub fn of(ui: &Ui, failure: &Failure) -> Self {
        let mut page = Page::new(note_style(ui));
        render::failure::write(&mut page, failure);
        Self {
            words: render::paint(&page.finish(), ui.stderr.color),
            event: Event::of_failure(failure),
        }
    }
}

/// What stdout can show.
pub(super) fn result_style(ui: &Ui) -> Style {
    Style {
        width: ui.stdout.width,
        unicode: ui.unicode,
    }
}

/// What stderr can show.
pub(super) fn note_style(ui: &Ui) -> Style {
    Style {
        width: ui.stderr.width,
        unicode: ui.unicode,
    }
}
