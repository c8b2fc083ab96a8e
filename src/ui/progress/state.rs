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

    /// Lines of a log with these of the things that are missing: as many on each as fit. What is too long for a line is cut,
    /// and nothing is left out: the last one may be the cause.
    pub(super) fn log_lines(&self, introduced: bool, missing: &[&str]) -> Vec<String> {
        let known = self.phase.clone().unwrap_or_default();
        // What it is about stands in a line before.
        let title = if introduced && (self.phase.is_some() || !missing.is_empty()) {
            known.clone()
        } else {
            self.title()
        };
        packed(title, &known, missing)
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

/// The items behind the title, and where they do not fit, in lines that begin with the shorter one.
fn packed(title: String, shorter: &str, items: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = title;
    let mut mark = if line.is_empty() { "" } else { ": " };
    for item in items {
        let longer = format!("{line}{mark}{item}");
        let is_begun = line != shorter;
        if console::measure_text_width(&longer) <= LINE || !is_begun {
            line = longer;
        } else {
            let next = match shorter {
                "" => (*item).to_owned(),
                shorter => format!("{shorter}: {item}"),
            };
            lines.push(std::mem::replace(&mut line, next));
        }
        mark = "; ";
    }
    lines.push(line);
    let cut = |line: &String| console::truncate_str(line, LINE, "...").into_owned();
    lines.iter().map(cut).collect()
}

fn with_missing(text: &str, missing: &[String]) -> String {
    if missing.is_empty() {
        text.to_owned()
    } else {
        format!("{text}: {}", missing.join("; "))
    }
}
