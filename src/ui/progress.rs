//! Progress on stderr: a live region on a terminal; elsewhere a line for each change and a sign of life every 30
//! seconds, because CI systems kill what is silent. Both always say what is still missing.

mod screen;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::screen::Screen;
use super::{Ui, log::now};

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressChoice {
    /// Live on a terminal, plain lines elsewhere.
    Auto,
    /// A line with the time for each change.
    Plain,
    /// Nothing.
    None,
}

/// How progress is really shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Live,
    Plain,
    Hidden,
}

impl Manner {
    pub(super) fn decide(choice: ProgressChoice, quiet: bool, live_terminal: bool) -> Self {
        match (choice, quiet) {
            (ProgressChoice::None, _) | (_, true) => Self::Hidden,
            (ProgressChoice::Auto, false) if live_terminal => Self::Live,
            (ProgressChoice::Auto | ProgressChoice::Plain, false) => Self::Plain,
        }
    }
}

/// Silence longer than this makes people and CI systems think that a command hangs.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// What is done sooner needs no progress.
const PATIENCE: Duration = Duration::from_millis(100);
/// Repaints a second.
const REPAINTS: u8 = 10;
/// How many missing things the live region lists.
const LISTED: usize = 6;

/// What is going on, and what is still missing for it to end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What is being done, for example `Waiting until VM Runtime is ready`.
    pub headline: String,
    /// How far it has come, in the cluster's own word.
    pub phase: Option<String>,
    pub missing: Vec<String>,
}

impl State {
    /// On one line, for whoever has not read the lines before.
    fn sentence(&self) -> String {
        with_missing(&self.title(), &self.missing)
    }

    /// On one line, after lines that say what is being done.
    fn change(&self) -> String {
        with_missing(self.phase.as_ref().unwrap_or(&self.headline), &self.missing)
    }

    fn title(&self) -> String {
        match &self.phase {
            Some(phase) => format!("{} ({phase})", self.headline),
            None => self.headline.clone(),
        }
    }

    /// On several lines, no wider than the terminal.
    fn lines(&self, width: usize, bullet: &str) -> String {
        let cut = |line: &str, taken: usize| {
            console::truncate_str(line, width.saturating_sub(taken).max(10), "...").into_owned()
        };
        // Spinner and elapsed time share the first line. The air at the end is for the terminal's own "^C", which must
        // not break the line: then the region would no longer be where it was drawn.
        let mut lines = vec![cut(&self.title(), 14)];
        for missing in self.missing.iter().take(LISTED) {
            lines.push(format!("  {bullet} {}", cut(missing, 10)));
        }
        if self.missing.len() > LISTED {
            lines.push(format!(
                "  {bullet} and {} more",
                self.missing.len() - LISTED
            ));
        }
        lines.join("\n")
    }
}

fn with_missing(text: &str, missing: &[String]) -> String {
    if missing.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {}", missing.join("; "))
    }
}

/// Shows one piece of work while it lasts. Dropping it takes the live region away.
pub struct Progress<'a> {
    ui: Option<&'a Ui>,
    inner: Arc<Inner>,
    timer: Option<tokio::task::JoinHandle<()>>,
}

struct Inner {
    manner: Manner,
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
    /// The headline that a plain line has named.
    introduced: String,
    last_line: Option<Instant>,
}

impl Ui {
    /// Starts to show progress. Needs a runtime for the sign of life.
    pub fn progress(&self) -> Progress<'_> {
        let inner = Arc::new(Inner {
            manner: self.progress,
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
    pub fn recording() -> Self {
        Self {
            ui: None,
            inner: Arc::new(Inner {
                manner: Manner::Plain,
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

    /// Something has happened: a line that stays.
    pub fn happened(&self, text: &str) {
        match (self.inner.manner, self.ui) {
            (Manner::Live, Some(ui)) => ui.note(text),
            (Manner::Plain, _) => self.inner.line(text),
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
            self.inner.line(&self.inner.introduce(state));
        }
        self.inner.draw();
        self.log(&state.sentence());
    }

    /// A short step begins: no line of its own, but whoever waits longer sees what it is that takes so long.
    pub fn step(&self, headline: &str) {
        self.inner.remember(&State {
            headline: headline.to_owned(),
            ..State::default()
        });
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

    /// The first line of something says what it is; those that follow say how far it has come.
    fn introduce(&self, state: &State) -> String {
        let mut shown = locked(&self.shown);
        if shown.introduced == state.headline {
            return state.change();
        }
        shown.introduced.clone_from(&state.headline);
        state.sentence()
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

    fn line(&self, text: &str) {
        locked(&self.shown).last_line = Some(Instant::now());
        match &self.record {
            Some(record) => locked(record).push(text.to_owned()),
            None => {
                let _ = writeln!(io::stderr().lock(), "{} {text}", now());
            }
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
        self.line(&format!("still at it after {seconds}s: {what}"));
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
mod tests {
    use super::*;

    fn state(headline: &str, missing: &[&str]) -> State {
        State {
            headline: headline.to_owned(),
            phase: None,
            missing: missing.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn who_sees_what() {
        use ProgressChoice::{Auto, None, Plain};
        for (choice, quiet, terminal, expected) in [
            (Auto, false, true, Manner::Live),
            (Auto, false, false, Manner::Plain),
            (Plain, false, true, Manner::Plain),
            (None, false, true, Manner::Hidden),
            (Auto, true, true, Manner::Hidden),
            (Plain, true, false, Manner::Hidden),
        ] {
            assert_eq!(Manner::decide(choice, quiet, terminal), expected);
        }
    }

    #[test]
    fn a_change_is_a_line_and_the_same_again_is_not() {
        let progress = Progress::recording();
        progress.state(&state("Installing", &["engine", "preflight check"]));
        progress.state(&state("Installing", &["engine", "preflight check"]));
        progress.happened("check passed");
        progress.state(&state("Installing", &["engine"]));
        assert_eq!(
            progress.recorded(),
            [
                "Installing: engine; preflight check",
                "check passed",
                "Installing: engine"
            ]
        );
    }

    #[test]
    fn the_first_line_says_what_it_is_about() {
        let progress = Progress::recording();
        for missing in ["engine", "check"] {
            progress.state(&State {
                phase: Some("Installing".to_owned()),
                ..state("Waiting until VM Runtime is ready", &[missing])
            });
        }
        assert_eq!(
            progress.recorded(),
            [
                "Waiting until VM Runtime is ready (Installing): engine",
                "Installing: check"
            ]
        );
    }

    #[test]
    fn silence_is_broken_by_what_is_missing() {
        let progress = Progress::recording();
        progress.state(&state("Installing", &["engine"]));
        progress.inner.sign_of_life(Duration::from_secs(30));
        assert_eq!(progress.recorded().len(), 1, "a line was just written");
        progress.inner.sign_of_life(Duration::ZERO);
        assert_eq!(
            progress.recorded()[1],
            "still at it after 0s: Installing: engine"
        );
    }

    #[test]
    fn the_live_region_stays_within_the_terminal() {
        let many: Vec<&str> = vec!["a node with a name that does not fit into the terminal"; 9];
        let text = state("Waiting until VM Runtime is ready on a cluster", &many).lines(40, "-");
        assert_eq!(text.lines().count(), 1 + LISTED + 1);
        assert!(
            text.lines()
                .all(|line| console::measure_text_width(line) <= 40),
            "{text}"
        );
        assert!(text.ends_with("and 3 more"), "{text}");
    }
}
