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
    /// The same as `missing` in fewer words, for a log, where there are such.
    pub brief: Option<Vec<String>>,
}

/// How long a line of a log is, without its time.
const LINE: usize = 98;
/// A longer word is a name that says no more as a whole.
const WORD: usize = 40;

impl State {
    /// On one line, for whoever has not read the lines before.
    pub(super) fn sentence(&self) -> String {
        with_missing(&self.title(), &self.missing)
    }

    /// A line of a log: no longer than such lines are, with these of the things that are missing.
    pub(super) fn log_line(&self, introduced: bool, missing: &[&str]) -> String {
        let title = match &self.phase {
            Some(phase) if introduced => phase.clone(),
            // What it is about stands in the line before.
            None if introduced && !missing.is_empty() => String::new(),
            Some(_) | None => self.title(),
        };
        fitting(title, missing)
    }

    /// What is missing, as a log has it.
    pub(super) fn log_items(&self) -> Vec<String> {
        let items = self.brief.as_ref().unwrap_or(&self.missing);
        items.iter().map(|item| shortened(item)).collect()
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

/// Is it the same but for its numbers? Those change all the time, and a sign of life has them.
pub(super) fn shape(item: &str) -> String {
    let mut shape = String::with_capacity(item.len());
    for c in item.chars() {
        if !c.is_ascii_digit() {
            shape.push(c);
        } else if !shape.ends_with('#') {
            shape.push('#');
        }
    }
    shape
}

/// Long names, such as those with a UUID, cut.
fn shortened(item: &str) -> String {
    let words = item.split(' ').map(|word| {
        if word.chars().count() <= WORD {
            return word.to_owned();
        }
        let head: String = word.chars().take(WORD - 3).collect();
        head + "..."
    });
    words.collect::<Vec<_>>().join(" ")
}

/// As many of the items as fit behind the title, and how many more there are.
fn fitting(title: String, items: &[&str]) -> String {
    let cut = |line: &str, room| console::truncate_str(line, room, "...").into_owned();
    let mut line = title;
    for (at, item) in items.iter().enumerate() {
        let mark = match at {
            0 if line.is_empty() => "",
            0 => ": ",
            _ => "; ",
        };
        let longer = format!("{line}{mark}{item}");
        let left = items.len() - at - 1;
        let more = |left| format!("; {left} more");
        // Room for saying how many are left out behind this one.
        let room = if left == 0 {
            LINE
        } else {
            LINE - more(left).len()
        };
        if console::measure_text_width(&longer) > room {
            return match (at, left) {
                (0, 0) => cut(&longer, LINE),
                (0, _) => cut(&longer, room) + &more(left),
                _ => line + &more(left + 1),
            };
        }
        line = longer;
    }
    cut(&line, LINE)
}

fn with_missing(text: &str, missing: &[String]) -> String {
    if missing.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {}", missing.join("; "))
    }
}
