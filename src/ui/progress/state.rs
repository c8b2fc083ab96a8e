//! What is going on, in words and as events.

use crate::render::event::Event;

/// How many missing things the live region lists.
pub(super) const LISTED: usize = 6;

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
    pub(super) fn sentence(&self) -> String {
        with_missing(&self.title(), &self.missing)
    }

    /// On one line, after lines that say what is being done.
    pub(super) fn change(&self) -> String {
        with_missing(self.phase.as_ref().unwrap_or(&self.headline), &self.missing)
    }

    /// For programs.
    pub(super) fn event(&self) -> Event {
        Event::Waiting {
            purpose: self.headline.clone(),
            phase: self.phase.clone(),
            missing: self.missing.clone(),
        }
    }

    /// The same, where nothing has changed for a while.
    pub(super) fn heartbeat(&self, elapsed_seconds: u64) -> Event {
        Event::Heartbeat {
            purpose: self.headline.clone(),
            phase: self.phase.clone(),
            missing: self.missing.clone(),
            elapsed_seconds,
        }
    }

    fn title(&self) -> String {
        match &self.phase {
            Some(phase) => format!("{} ({phase})", self.headline),
            None => self.headline.clone(),
        }
    }

    /// On several lines, no wider than the terminal.
    pub(super) fn lines(&self, width: usize, bullet: &str) -> String {
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
