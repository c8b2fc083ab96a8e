//! What stderr is written in: words for people, or events for programs. One or the other: a program that reads events
//! must be able to parse every line.

use std::io::{self, Write};

use jiff::Timestamp;

use super::ci::Ci;
use crate::render::event::{self, Event};

/// Who reads stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// People.
    Words,
    /// Programs: `--progress json`.
    Events,
}

/// How the work on one cluster is reported.
#[derive(Clone, Debug)]
pub struct StderrWriter {
    pub language: Language,
    /// The cluster that is spoken of, where a command works on several.
    pub cluster: Option<String>,
    /// Who reads along.
    pub ci: Ci,
}

impl StderrWriter {
    /// Text for people, or the event, as it is written to stderr; ends with a line break.
    #[must_use]
    pub fn put(&self, event: &Event, text: &str) -> String {
        match (self.language, &self.cluster) {
            (Language::Events, cluster) => event::line(event, Timestamp::now(), cluster.as_deref()),
            (Language::Words, None) => self.annotated(event, &format!("{text}\n")),
            (Language::Words, Some(cluster)) => {
                let lines: Vec<String> = text
                    .lines()
                    .map(|line| format!("[{cluster}] {line}"))
                    .collect();
                self.annotated(event, &(lines.join("\n") + "\n"))
            }
        }
    }

    fn annotated(&self, event: &Event, text: &str) -> String {
        let text = self.ci.harmless(text);
        match self.ci.annotation(event, self.cluster.as_deref()) {
            Some(order) => format!("{text}{order}\n"),
            None => text,
        }
    }

    /// An order for the CI system, as it is.
    pub fn order(&self, order: Option<&str>) {
        if let (Some(order), Language::Words, None) = (order, self.language, &self.cluster) {
            let _ = writeln!(io::stderr().lock(), "{order}");
        }
    }

    /// Writes it. If even that fails there is nobody left to tell.
    pub fn say(&self, event: &Event, text: &str) {
        let _ = io::stderr()
            .lock()
            .write_all(self.put(event, text).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_which_cluster_it_is_about() {
        let mut stderr_writer = StderrWriter {
            language: Language::Words,
            cluster: None,
            ci: Ci::None,
        };
        let event = Event::note("x");
        assert_eq!(stderr_writer.put(&event, "one\n  two"), "one\n  two\n");
        stderr_writer.cluster = Some("prod".to_owned());
        assert_eq!(
            stderr_writer.put(&event, "one\n  two"),
            "[prod] one\n[prod]   two\n"
        );
        stderr_writer.language = Language::Events;
        let line = stderr_writer.put(&event, "one\n  two");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&read["cluster"], &read["message"]),
            (&"prod".into(), &"x".into())
        );
    }

    #[test]
    fn a_ci_system_gets_an_annotation_beside_the_words() {
        let stderr_writer = StderrWriter {
            language: Language::Words,
            cluster: None,
            ci: Ci::Github,
        };
        let event = Event::Warning {
            message: "odd".to_owned(),
        };
        assert_eq!(
            stderr_writer.put(&event, "warning: odd\n::error::x"),
            "warning: odd\n: :error::x\n::warning title=bmctl::odd\n"
        );
    }
}
