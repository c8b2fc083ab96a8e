//! Progress on stderr: a live region on a terminal; elsewhere a line for each change and a sign of life every 30
//! seconds, because CI systems kill what is silent. Both always say what is still missing. For programs the same is an
//! event a line.

mod screen;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::screen::Screen;
pub use self::state::State;
use super::{
    Ci, Ui,
    log::now,
    stderr_writer::{Language, StderrWriter},
};
use crate::render::event::Event;

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressChoice {
    /// Live on a terminal, plain lines elsewhere.
    Auto,
    /// A line with the time for each change.
    Plain,
    /// An event a line, for programs.
    Json,
    /// Nothing.
    None,
}

/// How progress is really shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Live,
    /// Lines: words or events, as stderr is read.
    Plain,
    Hidden,
}

impl Manner {
    pub(super) const fn without_live_region(self) -> Self {
        match self {
            Self::Live | Self::Plain => Self::Plain,
            Self::Hidden => Self::Hidden,
        }
    }

    pub(super) fn decide(choice: ProgressChoice, quiet: bool, live_terminal: bool) -> Self {
        match (choice, quiet) {
            (ProgressChoice::None, _) | (_, true) => Self::Hidden,
            (ProgressChoice::Auto, false) if live_terminal => Self::Live,
            (ProgressChoice::Auto | ProgressChoice::Plain | ProgressChoice::Json, false) => {
                Self::Plain
            }
        }
    }
}

/// Silence longer than this makes people and CI systems think that a command hangs.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// What is done sooner needs no progress.
const PATIENCE: Duration = Duration::from_millis(100);
/// Repaints a second.
const REPAINTS: u8 = 10;

/// Shows one piece of work while it lasts. Dropping it takes the live region away.
pub struct Progress<'a> {
    ui: Option<&'a Ui>,
    inner: Arc<Inner>,
    timer: Option<tokio::task::JoinHandle<()>>,
}

struct Inner {
    manner: Manner,
    stderr_writer: StderrWriter,
    started: Instant,
    look: Look,
    shown: Mutex<Shown>,
    /// The bar of the live region, while it is drawn; the [`Ui`] writes around it.
    live: Arc<Mutex<Option<ProgressBar>>>,
    /// What a test sees instead of a terminal.
    record: Option<Mutex<Vec<String>>>,
}

/// What the live region is drawn with.
#[derive(Clone, Copy)]
struct Look {
    width: usize,
    unicode: bool,
    color: bool,
}

#[derive(Default)]
struct Shown {
    state: State,
    /// The headline and the phase that a line of the log has named.
    introduced: (String, Option<String>),
    /// The shapes of what was missing then.
    said: Vec<String>,
    last_line: Option<Instant>,
    /// A CI system folds the lines.
    folded: bool,
}

impl Ui {
    /// Starts to show progress. Needs a runtime for the sign of life.
    pub fn progress(&self) -> Progress<'_> {
        let inner = Arc::new(Inner {
            manner: self.progress,
            stderr_writer: self.stderr_writer.clone(),
            started: Instant::now(),
            look: Look {
                width: self.stderr.width.unwrap_or(80),
                unicode: self.unicode,
                color: self.stderr.color,
            },
            shown: Mutex::default(),
            live: self.live.clone(),
            record: None,
        });
        let timer = match self.progress {
            Manner::Live => Some(tokio::spawn(appear(inner.clone()))),
            Manner::Plain => Some(tokio::spawn(beat(inner.clone(), HEARTBEAT))),
            Manner::Hidden => None,
        };
        Progress {
            ui: Some(self),
            inner,
            timer,
        }
    }
}

impl Progress<'_> {
    /// Shows nothing and remembers everything, for tests.
    #[must_use]
    pub fn recording(language: Language) -> Self {
        Self {
            ui: None,
            inner: Arc::new(Inner {
                manner: Manner::Plain,
                stderr_writer: StderrWriter {
                    language,
                    cluster: None,
                    ci: Ci::None,
                },
                started: Instant::now(),
                look: Look {
                    width: 80,
                    unicode: false,
                    color: false,
                },
                shown: Mutex::default(),
                live: Arc::default(),
                record: Some(Mutex::default()),
            }),
            timer: None,
        }
    }

    /// What a [`recording`](Self::recording) one has been told.
    #[must_use]
    pub fn recorded(&self) -> Vec<String> {
        self.inner
            .record
            .as_ref()
            .map(|record| locked(record).clone())
            .unwrap_or_default()
    }

    /// Something has happened: a line that stays. That one object is gone is no line of a log: the result names all.
    pub fn happened(&self, event: &Event, text: &str) {
        let for_people = self.inner.stderr_writer.language == Language::Words;
        let counted = for_people && matches!(event, Event::Removed { .. });
        match (self.inner.manner, self.ui) {
            (Manner::Plain, _) if counted => {}
            (Manner::Live, Some(ui)) => ui.say(event, text),
            (Manner::Plain, _) => self.inner.line(event, text),
            (Manner::Live, None) | (Manner::Hidden, _) => {}
        }
        self.log(text);
    }

    /// This is going on now, and that is missing; the same again says nothing new.
    pub fn state(&self, state: &State) {
        if !self.inner.remember(state) {
            return;
        }
        if self.inner.manner == Manner::Plain {
            let said = self.inner.news(state);
            match self.inner.stderr_writer.language {
                Language::Events => self.inner.line(&state.event(), ""),
                Language::Words => {
                    for text in said {
                        self.inner.line(&state.event(), &text);
                    }
                }
            }
        }
        self.inner.draw();
        self.log(&state.sentence());
    }

    /// A short step begins: no line of its own, but whoever waits longer sees what it is that takes so long.
    pub fn step(&self, headline: &str) {
        let news = self.inner.remember(&State {
            headline: headline.to_owned(),
            ..State::default()
        });
        let for_programs = self.inner.stderr_writer.language == Language::Events;
        if news && for_programs && self.inner.manner == Manner::Plain {
            let message = headline.to_owned();
            self.inner.line(&Event::Step { message }, headline);
        }
        self.inner.draw();
    }

    /// Takes the live region away until something is going on again, for example while a question is asked.
    pub fn pause(&self) {
        self.inner.remember(&State::default());
        self.inner.clear();
    }

    /// Lines on a terminal's live region are gone afterwards; the log keeps them.
    fn log(&self, text: &str) {
        if let Some(log) = self.ui.and_then(|ui| ui.log.as_ref()) {
            log.write("progress", text);
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
        self.inner.clear();
        if locked(&self.inner.shown).folded && self.inner.record.is_none() {
            let stderr_writer = &self.inner.stderr_writer;
            stderr_writer.order(stderr_writer.ci.end_of_group());
        }
    }
}

impl Inner {
    /// Is it news?
    fn remember(&self, state: &State) -> bool {
        let mut shown = locked(&self.shown);
        let news = shown.state != *state;
        shown.state.clone_from(state);
        news
    }

    /// The lines of the log that say what is new. The first one of something says what it is; those that follow say only what
    /// was not missing before. That less is missing, or fewer of it, is no news: a sign of life has it.
    fn news(&self, state: &State) -> Vec<String> {
        let mut shown = locked(&self.shown);
        let items = state.log_items();
        let shapes: Vec<String> = items.iter().map(|item| state::shape(item)).collect();
        let introduced = shown.introduced.0 == state.headline;
        let same_phase = introduced && shown.introduced.1 == state.phase;
        let new: Vec<&str> = items
            .iter()
            .zip(&shapes)
            .filter(|(_, shape)| !introduced || !shown.said.contains(shape))
            .map(|(item, _)| item.as_str())
            .collect();
        shown.introduced = (state.headline.clone(), state.phase.clone());
        shown.said = shapes;
        if same_phase && new.is_empty() {
            return Vec::new();
        }
        state.log_lines(introduced, &new)
    }

    /// Draws the live region, once the work has turned out to take a while.
    fn draw(&self) {
        let state = locked(&self.shown).state.clone();
        if self.manner != Manner::Live
            || state.headline.is_empty()
            || self.started.elapsed() < PATIENCE
        {
            return;
        }
        let mut live = locked(&self.live);
        let bar = live.get_or_insert_with(|| self.look.bar(self.started.elapsed()));
        bar.set_message(state.lines(self.look.width, self.look.bullet()));
        bar.enable_steady_tick(Duration::from_secs(1) / u32::from(REPAINTS));
    }

    fn clear(&self) {
        if let Some(bar) = locked(&self.live).take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, event: &Event, text: &str) {
        let first = {
            let mut shown = locked(&self.shown);
            shown.last_line = Some(Instant::now());
            !std::mem::replace(&mut shown.folded, true)
        };
        if first && self.record.is_none() {
            self.stderr_writer.order(self.stderr_writer.ci.group());
        }
        match &self.record {
            Some(record) => locked(record).push(self.stderr_writer.put(event, text)),
            None => self.stderr_writer.say(event, &format!("{} {text}", now())),
        }
    }

    /// Says that we are still there, if nothing else was said for so long.
    fn sign_of_life(&self, silence: Duration) {
        let (last_line, state) = {
            let shown = locked(&self.shown);
            (shown.last_line.unwrap_or(self.started), shown.state.clone())
        };
        // The clock of this call and that of the line before differ by a little.
        if last_line.elapsed() + Duration::from_millis(500) < silence {
            return;
        }
        let what = if state.headline.is_empty() {
            "waiting for an answer".to_owned()
        } else {
            state.sentence()
        };
        let seconds = self.started.elapsed().as_secs();
        self.line(
            &state.heartbeat(seconds),
            &format!("still at it after {seconds}s: {what}"),
        );
    }
}

impl Look {
    fn bar(self, elapsed: Duration) -> ProgressBar {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Screen::stderr()), REPAINTS);
        let bar = ProgressBar::with_draw_target(None, target).with_elapsed(elapsed);
        let template = if self.color {
            "{spinner:.cyan} {elapsed:.dim} {msg}"
        } else {
            "{spinner} {elapsed} {msg}"
        };
        let ticks = if self.unicode {
            "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
        } else {
            "|/-\\ "
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.tick_chars(ticks));
        }
        bar
    }

    const fn bullet(self) -> &'static str {
        if self.unicode { "·" } else { "-" }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The live region shows itself when the work turns out to take a while.
async fn appear(inner: Arc<Inner>) {
    tokio::time::sleep(PATIENCE).await;
    inner.draw();
}

async fn beat(inner: Arc<Inner>, silence: Duration) {
    loop {
        tokio::time::sleep(silence).await;
        inner.sign_of_life(silence);
    }
}

#[cfg(test)]
mod tests;
