//! The result document: one shape for every command and every ending, as JSON or YAML.
//!
//! Programs read this. A field may be added to `bmctl/v1`; one that is there keeps its name and meaning.

use std::fmt::Write;

use serde::Serialize;

use super::{clean::is_hidden, page::Page};
use crate::{
    exit::Exit,
    failure::{Failure, Kind, Reason},
};

/// Version of the shape.
pub const SCHEMA: &str = "bmctl/v1";

/// What a command found out or did: its fields are merged into the document, its text is what people see.
pub trait Report: Serialize {
    /// What the document calls itself.
    const KIND: &'static str;

    /// For people, on stdout. May be nothing.
    fn text(&self, page: &mut Page);
}

/// The result of a command that ended before it had anything to report.
#[derive(Serialize)]
pub struct Nothing {}

impl Report for Nothing {
    const KIND: &'static str = "ErrorResult";

    fn text(&self, _: &mut Page) {}
}

/// Which cluster the command talked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterReference {
    pub context: String,
    pub server: String,
}

/// Everything that a program wants to know about how a command ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a, R: Report> {
    pub schema: &'static str,
    pub kind: &'static str,
    /// Verb and noun.
    pub command: &'a str,
    pub cluster: Option<&'a ClusterReference>,
    #[serde(flatten)]
    pub report: &'a R,
    pub warnings: &'a [String],
    pub exit_code: u8,
    pub error: Option<ErrorDocument<'a>>,
}

/// A failure in the document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDocument<'a> {
    kind: Kind,
    reason: Reason,
    exit_code: u8,
    retryable: bool,
    message: &'a str,
    causes: &'a [String],
    hints: &'a [String],
}

impl<'a> From<&'a Failure> for ErrorDocument<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind,
            reason: failure.reason,
            exit_code: failure.exit().code(),
            retryable: failure.retryable,
            message: &failure.message,
            causes: &failure.causes,
            hints: &failure.hints,
        }
    }
}

impl<'a, R: Report> Document<'a, R> {
    #[must_use]
    pub fn new(
        command: &'a str,
        cluster: Option<&'a ClusterReference>,
        report: &'a R,
        warnings: &'a [String],
        exit: Exit,
        failure: Option<&'a Failure>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            kind: R::KIND,
            command,
            cluster,
            report,
            warnings,
            exit_code: exit.code(),
            error: failure.map(ErrorDocument::from),
        }
    }
}

/// Pretty JSON with a line break at the end.
///
/// What does not print is written as an escape: that is the same string for a program, and harmless to a terminal.
///
/// # Panics
/// A report whose map has keys that are no strings, which no report has.
pub fn json<R: Report>(document: &Document<'_, R>) -> String {
    let text = serde_json::to_string_pretty(document).expect("reports have string keys");
    escape(&text) + "\n"
}

/// The same document as YAML that kubectl and every YAML 1.1 reader understand alike.
///
/// # Panics
/// As for [`json`].
pub fn yaml<R: Report>(document: &Document<'_, R>) -> String {
    let value = serde_json::to_string(document).expect("reports have string keys");
    // JSON is YAML: where something has to be escaped, the JSON way of doing it is the one everybody reads.
    if value.chars().any(needs_escape) {
        return json(document);
    }
    let mut text = serde_saphyr::to_string(document).expect("reports are plain data");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn needs_escape(c: char) -> bool {
    (c.is_control() && c != '\n') || is_hidden(c)
}

/// serde_json escapes the first 32 characters; these only ever stand inside strings.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if needs_escape(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document<'a>(failure: &'a Failure, warnings: &'a [String]) -> Document<'a, Nothing> {
        Document::new(
            "enable vmruntime",
            None,
            &Nothing {},
            warnings,
            failure.exit(),
            Some(failure),
        )
    }

    #[test]
    fn an_error_is_a_whole_document() {
        let failure = Failure::new(
            Kind::Unreachable,
            Reason::ConnectionRefused,
            "could not connect",
        )
        .caused_by("tcp connect error")
        .hint("is the server up?");
        assert_eq!(
            json(&document(&failure, &["no".to_owned()])),
            r#"{
  "schema": "bmctl/v1",
  "kind": "ErrorResult",
  "command": "enable vmruntime",
  "cluster": null,
  "warnings": [
    "no"
  ],
  "exitCode": 10,
  "error": {
    "kind": "Unreachable",
    "reason": "ConnectionRefused",
    "exitCode": 10,
    "retryable": true,
    "message": "could not connect",
    "causes": [
      "tcp connect error"
    ],
    "hints": [
      "is the server up?"
    ]
  }
}
"#
        );
        let read: serde_json::Value =
            serde_saphyr::from_str(&yaml(&document(&failure, &["no".to_owned()]))).unwrap();
        assert_eq!(read["warnings"][0], "no");
        assert_eq!(read["error"]["exitCode"], 10);
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_is_in_a_document() {
        let hostile = "\x1b[2J\u{9b}31m\u{202e}x\u{e0041}";
        let failure = Failure::new(Kind::Other, Reason::Invalid, hostile);
        for text in [
            json(&document(&failure, &[])),
            yaml(&document(&failure, &[])),
        ] {
            assert!(!text.chars().any(needs_escape), "{text}");
            let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(read["error"]["message"], hostile, "{text}");
        }
    }
}
