//! A page of text under construction: lines, paragraphs, tables.

use std::fmt::Write;

use super::{
    clean::{clean, clean_lines},
    style::Style,
    table::Table,
};
use crate::api::text::shortened;

/// Text for one stream. The caller's own words are given as they are; words from outside go through [`clean`] or
/// [`Page::quote`].
pub struct Page {
    pub style: Style,
    pub detail: Detail,
    text: String,
}

/// How much a page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What one wants to know at first.
    Usual,
    /// `-o wide`: more columns, all rows; tables are as wide as they get.
    Wide,
}

impl Page {
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            style,
            detail: Detail::Usual,
            text: String::new(),
        }
    }

    /// A page that tells more.
    #[must_use]
    pub fn wide(style: Style) -> Self {
        Self {
            detail: Detail::Wide,
            ..Self::new(style)
        }
    }

    /// An empty page of the same kind.
    #[must_use]
    pub fn like(&self) -> Self {
        Self {
            detail: self.detail,
            ..Self::new(self.style)
        }
    }

    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.detail == Detail::Wide
    }

    /// How many of so many rows are shown, where usually it is only the first few.
    #[must_use]
    pub fn shown(&self, usual: usize) -> usize {
        match self.detail {
            Detail::Usual => usual,
            Detail::Wide => usize::MAX,
        }
    }

    /// One line, never wrapped: commands to paste, and whatever is short.
    pub fn line(&mut self, line: impl AsRef<str>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{}", line.as_ref().trim_end());
    }

    /// An empty line between two things, never at the top.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A paragraph with a hanging label, wrapped to the width of the page.
    pub fn paragraph(&mut self, label: &str, text: &str) {
        let indent = console::measure_text_width(label);
        let room = self.style.width.map(|width| width.saturating_sub(indent));
        for (at, line) in wrap(&clean(text), room).iter().enumerate() {
            if at == 0 {
                self.line(format!("{label}{line}"));
            } else {
                self.line(format!("{:indent$}{line}", ""));
            }
        }
    }

    /// Short things side by side, in as many lines as they need.
    pub fn items(&mut self, indent: &str, items: &[String]) {
        let room = self
            .style
            .width
            .map_or(usize::MAX, |width| width.saturating_sub(indent.len()));
        let mut line = String::new();
        for item in items {
            let together =
                console::measure_text_width(&line) + 2 + console::measure_text_width(item);
            if !line.is_empty() && together > room {
                self.line(format!("{indent}{line}"));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(item);
        }
        if !line.is_empty() {
            self.line(format!("{indent}{line}"));
        }
    }

    /// Somebody else's words, cleaned, each line behind this indent. Long texts are cut, and it is said so.
    pub fn quote(&mut self, indent: usize, text: &str) {
        const LINES: usize = 20;
        let cleaned = shortened(clean_lines(text));
        let lines: Vec<&str> = cleaned
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let room = self.style.width.map(|width| width.saturating_sub(indent));
        for line in lines.iter().take(LINES) {
            for part in wrap(line.trim_end(), room) {
                self.line(format!("{:indent$}{part}", ""));
            }
        }
        if lines.len() > LINES {
            self.line(format!(
                "{:indent$}({} more lines, all in -o json)",
                "",
                lines.len() - LINES
            ));
        }
    }

    pub fn table(&mut self, table: &Table) {
        let style = Style {
            width: self.table_width(),
            ..self.style
        };
        self.text.push_str(&table.render(style));
    }

    /// The columns that a table may take.
    #[must_use]
    pub fn table_width(&self) -> Option<usize> {
        match self.detail {
            Detail::Usual => self.style.width,
            Detail::Wide => None,
        }
    }

    /// Text that is finished: help, a script.
    pub fn verbatim(&mut self, text: &str) {
        self.text.push_str(text);
    }

    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

/// Breaks at spaces so that no line is wider than the page, unless a single word is.
fn wrap(text: &str, room: Option<usize>) -> Vec<String> {
    // Narrower than this, breaking does more harm than the terminal's own.
    const NARROWEST: usize = 20;
    let Some(room) = room.map(|room| room.max(NARROWEST)) else {
        return vec![text.to_owned()];
    };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        let together = console::measure_text_width(line) + 1 + console::measure_text_width(word);
        if line.is_empty() {
            line.push_str(word);
        } else if together <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_hang_and_wrap() {
        let mut page = Page::new(Style {
            width: Some(30),
            unicode: true,
        });
        page.gap();
        page.paragraph(
            "  fix  ",
            "load the module that offers /dev/kvm on this node",
        );
        page.gap();
        page.gap();
        page.quote(4, "two\r\n\x1b[31mlines\n\n");
        assert_eq!(
            page.finish(),
            "  fix  load the module that\n       offers /dev/kvm on this\n       node\n\n    two\n    lines\n"
        );
    }
}
