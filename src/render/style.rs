//! Marks and colours. Meaning is never carried by colour alone: every tone goes with a word or a mark.

/// What a piece of text means. Written into the text as invisible characters of no width, so that wrapping and tables
/// measure it right; [`paint`] turns them into colour, or into nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Warning,
    Faint,
    Strong,
}

/// End of a tone. `clean` removes these characters from everything that comes from outside.
const END: char = '\u{206b}';

impl Tone {
    const ALL: [Self; 5] = [
        Self::Good,
        Self::Bad,
        Self::Warning,
        Self::Faint,
        Self::Strong,
    ];

    const fn start(self) -> char {
        match self {
            Self::Good => '\u{2061}',
            Self::Bad => '\u{2062}',
            Self::Warning => '\u{2063}',
            Self::Faint => '\u{2064}',
            Self::Strong => '\u{206a}',
        }
    }

    /// The "select graphic rendition" sequence of ECMA-48.
    const fn sequence(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Warning => "\x1b[33m",
            Self::Faint => "\x1b[2m",
            Self::Strong => "\x1b[1m",
        }
    }

    /// This text in that tone.
    #[must_use]
    pub fn of(self, text: &str) -> String {
        format!("{}{text}{END}", self.start())
    }
}

/// Is this character one of ours, which nobody else may bring along?
pub(super) fn is_markup(c: char) -> bool {
    c == END || Tone::ALL.iter().any(|tone| tone.start() == c)
}

/// Turns the markup of tones into colour, or removes it.
#[must_use]
pub fn paint(text: &str, color: bool) -> String {
    let mut painted = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_markup(c) {
            painted.push(c);
        } else if !color {
        } else if c == END {
            painted.push_str("\x1b[0m");
        } else if let Some(tone) = Tone::ALL.iter().find(|tone| tone.start() == c) {
            painted.push_str(tone.sequence());
        }
    }
    painted
}

/// What the stream that a page is for can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal; none where the output is a file or a pipe, and nothing is wrapped then.
    pub width: Option<usize>,
    /// The locale is UTF-8: marks may be drawn, not only written.
    pub unicode: bool,
}

/// How one thing ended, as shown in tables and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Passed,
    Failed,
    Warning,
    Unknown,
    Absent,
}

impl Style {
    /// The shortest sign for it.
    #[must_use]
    pub fn mark(self, mark: Mark) -> String {
        let (drawn, written, tone) = match mark {
            Mark::Passed => ("✓", "ok", Tone::Good),
            Mark::Failed => ("✗", "FAIL", Tone::Bad),
            Mark::Warning => ("!", "!", Tone::Warning),
            Mark::Unknown => ("?", "?", Tone::Warning),
            Mark::Absent => ("–", "-", Tone::Faint),
        };
        tone.of(if self.unicode { drawn } else { written })
    }

    /// The mark and the word for it.
    #[must_use]
    pub fn verdict(self, mark: Mark) -> String {
        let (drawn, word, tone) = match mark {
            Mark::Passed => ("✓ ", "passed", Tone::Good),
            Mark::Failed => ("✗ ", "failed", Tone::Bad),
            Mark::Warning => ("! ", "warning", Tone::Warning),
            Mark::Unknown => ("? ", "unknown", Tone::Warning),
            Mark::Absent => ("– ", "skipped", Tone::Faint),
        };
        tone.of(&format!("{}{word}", if self.unicode { drawn } else { "" }))
    }

    /// `old → new`.
    #[must_use]
    pub fn arrow(self) -> &'static str {
        if self.unicode { "→" } else { "->" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_colours_or_says_the_same_without() {
        let text = format!("a {} b", Tone::Bad.of("failed"));
        assert_eq!(paint(&text, true), "a \x1b[31mfailed\x1b[0m b");
        assert_eq!(paint(&text, false), "a failed b");
    }

    #[test]
    fn markup_takes_no_room() {
        for tone in Tone::ALL {
            assert_eq!(console::measure_text_width(&tone.of("x")), 1, "{tone:?}");
        }
    }
}
