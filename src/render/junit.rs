//! JUnit: what CI systems show as tests. The only file that writes XML.
//!
//! A report that judges nodes gives a [`Suite`] a node and a [`Case`] a check; every other command is one suite with one
//! case. Whatever the suites say: a command that failed has a case that did not pass, and a file is never empty.
//!
//! There is no standard; this is the dialect that Jenkins, GitLab and GitHub's actions read alike:
//! <https://github.com/testmoapp/junitxml>.

use std::fmt::Write;

use super::{
    clean::{clean, clean_lines},
    document::{ClusterReference, Document},
    markup::escaped,
    page::Page,
    style::{Style, paint},
};
use crate::{exit::Exit, failure::Kind};

/// Cases that belong together: those of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    pub name: String,
    pub cases: Vec<Case>,
    /// The cluster that it is about; filled in when the document is written.
    cluster: Option<ClusterReference>,
    /// What people would have seen.
    output: String,
}

impl Suite {
    pub fn new(name: impl Into<String>, cases: Vec<Case>) -> Self {
        Self {
            name: name.into(),
            cases,
            cluster: None,
            output: String::new(),
        }
    }

    /// One of several clusters: its suites are told apart by its name.
    #[must_use]
    pub(super) fn of_cluster(self, cluster: &str) -> Self {
        Self {
            name: format!("{cluster}/{}", self.name),
            ..self
        }
    }
}

/// One thing that was to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub outcome: Outcome,
}

/// How a case ended. Each but a pass has words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// It was looked at, and it is not so.
    Failed(Words),
    /// It could not be determined.
    Unknown(Words),
    /// It was not looked at, or it does not count.
    Skipped(Words),
}

/// Why a case did not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// One CamelCase word.
    pub reason: String,
    /// One line.
    pub message: String,
    /// Everything that there is to say; may have several lines.
    pub text: String,
}

impl Words {
    pub fn new(reason: &str, message: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.to_owned(),
            text: String::new(),
        }
    }

    #[must_use]
    pub fn with_text(self, text: String) -> Self {
        Self { text, ..self }
    }
}

impl Outcome {
    const fn words(&self) -> Option<(&'static str, &Words)> {
        match self {
            Self::Passed => None,
            Self::Failed(words) => Some(("failure", words)),
            Self::Unknown(words) => Some(("error", words)),
            Self::Skipped(words) => Some(("skipped", words)),
        }
    }

    pub const fn is_bad(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Unknown(_) => true,
            Self::Passed | Self::Skipped(_) => false,
        }
    }
}

/// The document as JUnit.
#[must_use]
pub fn junit(document: &Document) -> String {
    let mut xml = Xml::new();
    let suites = suites(document);
    let name = format!("bmctl {}", document.command);
    xml.open("testsuites", &with_counts(&name, &suites));
    for suite in &suites {
        xml.suite(suite);
    }
    xml.close("testsuites");
    xml.text
}

/// Those of the report, and one for the command itself where they do not tell how it ended.
pub(super) fn suites(document: &Document) -> Vec<Suite> {
    let mut suites = document.report.all_suites();
    let told = suites
        .iter()
        .flat_map(|suite| &suite.cases)
        .any(|case| case.outcome.is_bad());
    if suites.is_empty() || (document.exit != Exit::Ok && !told) {
        let case = Case {
            name: document.command.clone(),
            outcome: of_command(document),
        };
        suites.push(Suite {
            output: output(document),
            ..Suite::new("bmctl", vec![case])
        });
    }
    for suite in &mut suites {
        if suite.cluster.is_none() {
            suite.cluster.clone_from(&document.cluster);
        }
    }
    suites
}

fn of_command(document: &Document) -> Outcome {
    let Some(error) = &document.error else {
        return if document.exit == Exit::Ok {
            Outcome::Passed
        } else {
            let message = format!("it ended with exit code {}", document.exit.code());
            Outcome::Unknown(Words::new("ExitCode", &message))
        };
    };
    let mut text = error.message.clone();
    for (label, lines) in [("caused by", &error.causes), ("hint", &error.hints)] {
        for line in lines {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{label}: {line}");
        }
    }
    let words = Words::new(&error.reason.to_string(), &error.message).with_text(text);
    match error.kind {
        // The cluster, or we, looked, and the answer is no.
        Kind::CheckFailed | Kind::Refused | Kind::Already | Kind::OperationFailed => {
            Outcome::Failed(words)
        }
        Kind::Other
        | Kind::Usage
        | Kind::Incomplete
        | Kind::NotInstalled
        | Kind::Denied
        | Kind::Unreachable
        | Kind::Conflict
        | Kind::TimedOut
        | Kind::Interrupted
        | Kind::Terminated => Outcome::Unknown(words),
    }
}

/// Name and counts, as `testsuites` and `testsuite` have them.
fn with_counts(name: &str, suites: &[Suite]) -> Vec<(&'static str, String)> {
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let count = |counts: fn(&Outcome) -> bool| {
        cases()
            .filter(|case| counts(&case.outcome))
            .count()
            .to_string()
    };
    vec![
        ("name", name.to_owned()),
        ("tests", cases().count().to_string()),
        (
            "failures",
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
        ),
        (
            "errors",
            count(|outcome| matches!(outcome, Outcome::Unknown(_))),
        ),
        (
            "skipped",
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        ),
    ]
}

/// XML in the making.
struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
            depth: 0,
        }
    }

    fn suite(&mut self, suite: &Suite) {
        self.open(
            "testsuite",
            &with_counts(&suite.name, std::slice::from_ref(suite)),
        );
        if let Some(cluster) = &suite.cluster {
            self.open("properties", &[]);
            for (name, value) in [("context", &cluster.context), ("server", &cluster.server)] {
                let property = [("name", name.to_owned()), ("value", value.clone())];
                self.empty("property", &property);
            }
            self.close("properties");
        }
        for case in &suite.cases {
            let attributes = [
                ("classname", suite.name.clone()),
                ("name", case.name.clone()),
            ];
            match case.outcome.words() {
                None => self.empty("testcase", &attributes),
                Some((element, words)) => {
                    self.open("testcase", &attributes);
                    self.words(element, words);
                    self.close("testcase");
                }
            }
        }
        if !suite.output.is_empty() {
            self.leaf("system-out", &[], &suite.output);
        }
        self.close("testsuite");
    }

    fn words(&mut self, element: &'static str, words: &Words) {
        let mut attributes = vec![("message", words.message.clone())];
        // `skipped` has no type in any dialect.
        if element != "skipped" {
            attributes.push(("type", words.reason.clone()));
        }
        if words.text.is_empty() {
            self.empty(element, &attributes);
        } else {
            self.leaf(element, &attributes, &words.text);
        }
    }

    fn open(&mut self, element: &'static str, attributes: &[(&'static str, String)]) {
        self.start(element, attributes);
        self.text.push_str(">\n");
        self.depth += 1;
    }

    fn close(&mut self, element: &'static str) {
        self.depth -= 1;
        self.indent();
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(self.text, "</{element}>");
    }

    fn empty(&mut self, element: &'static str, attributes: &[(&'static str, String)]) {
        self.start(element, attributes);
        self.text.push_str("/>\n");
    }

    fn leaf(&mut self, element: &'static str, attributes: &[(&'static str, String)], text: &str) {
        self.start(element, attributes);
        let text = escaped(clean_lines(text).trim_end());
        let _ = writeln!(self.text, ">{text}</{element}>");
    }

    fn start(&mut self, element: &'static str, attributes: &[(&'static str, String)]) {
        self.indent();
        let _ = write!(self.text, "<{element}");
        for (name, value) in attributes {
            let _ = write!(self.text, " {name}=\"{}\"", escaped(&clean(value)));
        }
    }

    fn indent(&mut self) {
        let _ = write!(self.text, "{:1$}", "", 2 * self.depth);
    }
}

/// What people would have seen.
fn output(document: &Document) -> String {
    let mut page = Page::new(Style {
        width: None,
        unicode: true,
    });
    document.report.write_text(&mut page);
    paint(&page.finish(), false)
}

#[cfg(test)]
mod tests;
