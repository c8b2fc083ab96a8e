//! CI systems that read what a program writes: GitHub Actions makes annotations of some lines, and folds others.
//!
//! It reads both streams. Ours go to stderr, because stdout is the result and must stay parseable; where stderr is events
//! for programs there are none. Because such lines are orders, nobody else's words may look like one.
//!
//! Source: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use super::environment::Environment;
use crate::render::{clean_lines, event::Event};

/// `--ci`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CiChoice {
    /// GitHub, where `GITHUB_ACTIONS` is `true`.
    Auto,
    Github,
    None,
}

/// Who reads along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    Github,
    None,
}

impl Ci {
    pub(super) fn decide(choice: CiChoice, environment: &Environment) -> Self {
        match choice {
            CiChoice::Github => Self::Github,
            CiChoice::Auto if environment.value("GITHUB_ACTIONS") == Some("true") => Self::Github,
            CiChoice::Auto | CiChoice::None => Self::None,
        }
    }

    /// The same text, in which nothing is an order any more.
    #[must_use]
    pub fn harmless(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Github => {
                let lines: Vec<String> = text.split_inclusive('\n').map(defused).collect();
                lines.concat()
            }
        }
    }

    /// The order that makes an annotation of a warning or an error.
    #[must_use]
    pub fn annotation(self, event: &Event, cluster: Option<&str>) -> Option<String> {
        if self == Self::None {
            return None;
        }
        let (level, message) = match event {
            Event::Warning { message } => ("warning", message.clone()),
            Event::Error { error } => {
                let lines = std::iter::once(&error.message)
                    .chain(&error.causes)
                    .chain(&error.hints);
                let lines: Vec<&str> = lines.map(String::as_str).collect();
                ("error", lines.join("\n"))
            }
            Event::Note { .. }
            | Event::Cluster { .. }
            | Event::Step { .. }
            | Event::Happened { .. }
            | Event::Waiting { .. }
            | Event::Heartbeat { .. }
            | Event::Retrying { .. }
            | Event::WatchLost { .. }
            | Event::CheckStarted { .. }
            | Event::CheckFinished { .. }
            | Event::Removing { .. }
            | Event::Removed { .. }
            | Event::Stuck { .. }
            | Event::FoundMore { .. }
            | Event::Log { .. }
            | Event::Ended { .. } => return None,
        };
        let title =
            cluster.map_or_else(|| "bmctl".to_owned(), |cluster| format!("bmctl: {cluster}"));
        Some(format!(
            "::{level} title={}::{}",
            property(&title),
            data(&clean_lines(&message))
        ))
    }

    /// The order that folds what follows, up to [`Self::end_of_group`].
    #[must_use]
    pub const fn group(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("::group::bmctl: progress"),
            Self::None => None,
        }
    }

    #[must_use]
    pub const fn end_of_group(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("::endgroup::"),
            Self::None => None,
        }
    }
}

/// The runner passes over leading space; its older orders may stand anywhere in a line.
fn defused(line: &str) -> String {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let rest = match rest.strip_prefix("::") {
        Some(rest) => format!(": :{rest}"),
        None => rest.to_owned(),
    };
    format!("{indent}{}", rest.replace("##[", "## ["))
}

/// Escaped as the runner unescapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn github_is_recognized_and_can_be_turned_off() {
        use CiChoice::{Auto, Github, None};
        let actions = || Environment::from([("GITHUB_ACTIONS", "true")]);
        for (choice, environment, expected) in [
            (Auto, actions(), Ci::Github),
            (
                Auto,
                Environment::from([("GITHUB_ACTIONS", "false")]),
                Ci::None,
            ),
            (Auto, Environment::default(), Ci::None),
            (None, actions(), Ci::None),
            (Github, Environment::default(), Ci::Github),
        ] {
            assert_eq!(Ci::decide(choice, &environment), expected, "{choice:?}");
        }
    }

    #[test]
    fn annotations_are_escaped() {
        let event = Event::Warning {
            message: "100% full,\nsays a:b\x1b[2J".to_owned(),
        };
        assert_eq!(
            Ci::Github.annotation(&event, Some("a,b:c")).as_deref(),
            Some("::warning title=bmctl%3A a%2Cb%3Ac::100%25 full,%0Asays a:b")
        );
        assert_eq!(Ci::None.annotation(&event, None), None);
        assert_eq!(Ci::Github.annotation(&Event::note("x"), None), None);
    }

    #[test]
    fn the_words_of_others_are_no_orders() {
        for (text, expected) in [
            ("plain\n", "plain\n"),
            (
                "  ::add-mask::x\n::stop-commands::y",
                "  : :add-mask::x\n: :stop-commands::y",
            ),
            ("a ##[set-env name=PATH]b", "a ## [set-env name=PATH]b"),
            ("a::b", "a::b"),
        ] {
            assert_eq!(Ci::Github.harmless(text), expected, "{text:?}");
            assert_eq!(Ci::None.harmless(text), text);
        }
    }
}
