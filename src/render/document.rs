//! The result document: one shape for every command and every ending, as JSON or YAML.
//!
//! Programs read this. A field may be added to `bmctl/v1`; one that is there keeps its name and meaning.
//!
//! A report implements [`Report`]: its fields are merged into the document (`Serialize`), and described in its schema
//! (`JsonSchema`); `text` is for people (`-o text`, and `-o wide` where `page.detail` says so), `names` for `-o name`,
//! `suites` for `-o junit` where there is more to tell than how the command ended, `beside` for pages.

use std::fmt::Write;

use k8s_jsonpath::Template;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    clean::{clean_lines, is_hidden},
    history::HistoryEntry,
    junit::Suite,
    name::ResourceName,
    page::Page,
    preflight::PreflightReport,
};
use crate::{
    api::credential,
    exit::Exit,
    failure::{Failure, Kind, Reason},
};

/// Version of the shape.
pub const SCHEMA: &str = "bmctl/v1";

/// What a command found out or did: its fields are merged into the document, its text is what people see.
pub trait Report: Serialize + JsonSchema + Send {
    /// What the document calls itself.
    const KIND: &'static str;

    /// For people, on stdout. May be nothing.
    fn text(&self, page: &mut Page);

    /// The objects that were changed or found, as kubectl names them. An object that was only asked for is not here.
    fn names(&self) -> Vec<ResourceName>;

    /// One a node, for reports that judge nodes; the others are one case: the command itself.
    fn suites(&self) -> Vec<Suite> {
        Vec::new()
    }

    /// What there is to see of it on a page.
    fn beside(&self) -> Beside<'_> {
        Beside::default()
    }
}

/// What pages show beside words: `--report markdown|html`.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The preflight check that it is about.
    pub check: Option<&'a PreflightReport>,
    /// Those that are known, newest first.
    pub history: &'a [HistoryEntry],
    /// The results of several clusters, where it is those.
    pub documents: &'a [Document],
}

/// A report of a type that does not matter any more: only its output is still wanted.
pub trait AnyReport: erased_serde::Serialize + Send {
    fn kind(&self) -> &'static str;
    fn write_text(&self, page: &mut Page);
    fn all_names(&self) -> Vec<ResourceName>;
    fn all_suites(&self) -> Vec<Suite>;
    fn shown_beside(&self) -> Beside<'_>;
}

erased_serde::serialize_trait_object!(AnyReport);

impl<R: Report> AnyReport for R {
    fn kind(&self) -> &'static str {
        R::KIND
    }

    fn write_text(&self, page: &mut Page) {
        self.text(page);
    }

    fn all_names(&self) -> Vec<ResourceName> {
        self.names()
    }

    fn all_suites(&self) -> Vec<Suite> {
        self.suites()
    }

    fn shown_beside(&self) -> Beside<'_> {
        self.beside()
    }
}

/// The result of a command that ended before it had anything to report.
#[derive(Serialize, JsonSchema)]
pub struct Nothing {}

impl Report for Nothing {
    const KIND: &'static str = "ErrorResult";

    fn text(&self, _: &mut Page) {}

    fn names(&self) -> Vec<ResourceName> {
        Vec::new()
    }
}

/// Which cluster the command talked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClusterReference {
    /// Name of the context in the kubeconfig; empty in a pod.
    pub context: String,
    /// URL of the API server.
    pub server: String,
}

/// Everything that a program wants to know about how a command ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub schema: &'static str,
    pub kind: &'static str,
    /// Verb and noun.
    pub command: String,
    /// The name by which the cluster was asked for, where it is one of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub cluster: Option<ClusterReference>,
    #[serde(flatten)]
    pub report: Box<dyn AnyReport>,
    pub warnings: Vec<String>,
    #[serde(rename = "exitCode")]
    pub exit: Exit,
    pub error: Option<ErrorDocument>,
}

/// A failure in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorDocument {
    pub kind: Kind,
    /// One CamelCase word that programs compare.
    pub reason: Reason,
    #[serde(rename = "exitCode")]
    pub exit: Exit,
    /// Would the same command later have a chance without anybody changing anything?
    pub retryable: bool,
    /// What could not be done.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do about it, best first.
    pub hints: Vec<String>,
}

impl From<&Failure> for ErrorDocument {
    fn from(failure: &Failure) -> Self {
        let failure = failure.bounded();
        Self {
            kind: failure.kind,
            reason: failure.reason,
            exit: failure.exit(),
            retryable: failure.retryable,
            message: failure.message,
            causes: failure.causes,
            hints: failure.hints.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Document {
    #[must_use]
    pub fn new(
        command: &str,
        cluster: Option<ClusterReference>,
        report: Box<dyn AnyReport>,
        warnings: Vec<String>,
        exit: Exit,
        failure: Option<&Failure>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            kind: report.kind(),
            command: command.to_owned(),
            target: None,
            cluster,
            report,
            warnings,
            exit,
            error: failure.map(ErrorDocument::from),
        }
    }

    /// Something went wrong at the very end, such as writing it: what went wrong before is more important.
    pub fn fail(&mut self, failure: &Failure) {
        if self.exit == Exit::Ok {
            self.exit = failure.exit();
            self.error = Some(ErrorDocument::from(failure));
        }
    }

    /// The document of a command that ended before it had anything to report.
    #[must_use]
    pub fn of_failure(command: &str, failure: &Failure) -> Self {
        Self::new(
            command,
            None,
            Box::new(Nothing {}),
            Vec::new(),
            failure.exit(),
            Some(failure),
        )
    }
}

/// Pretty JSON with a line break at the end.
///
/// What does not print is written as an escape: that is the same string for a program, and harmless to a terminal.
///
/// # Panics
/// A report whose map has keys that are no strings, which no report has.
pub fn json(document: &Document) -> String {
    let text = serde_json::to_string_pretty(document).expect("reports have string keys");
    escape(&text) + "\n"
}

/// The same document as YAML that kubectl and every YAML 1.1 reader understand alike.
///
/// # Panics
/// As for [`json`].
pub fn yaml(document: &Document) -> String {
    let value = serde_json::to_string(document).expect("reports have string keys");
    // JSON is YAML: where something has to be escaped or hidden, the JSON way of doing it is the one everybody reads.
    let is_plain = !value.chars().any(needs_escape) && credential::hidden(&value) == value;
    if !is_plain {
        return json(document);
    }
    yaml_of(document)
}

/// Plain data as one YAML document.
pub(super) fn yaml_of(data: &impl Serialize) -> String {
    let mut text = serde_saphyr::to_string(data).expect("what is printed is plain data");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Objects of Kubernetes to be applied, each a document of YAML.
///
/// # Panics
/// As for [`json`].
pub fn manifests(objects: &[serde_json::Value]) -> String {
    let documents: Vec<String> = objects
        .iter()
        .map(|object| serde_saphyr::to_string(object).expect("reports are plain data"))
        .map(|text| text.trim_end().to_owned() + "\n")
        .collect();
    documents.join("---\n")
}

/// Data as JSON on one line, with the line break.
pub(super) fn compact(data: &impl Serialize) -> String {
    let text = serde_json::to_string(data).expect("what is printed has string keys");
    escape(&text) + "\n"
}

/// What a template makes of the document. What does not print is left out, as in text for people.
///
/// # Errors
/// A path of the template leads to too many values.
///
/// # Panics
/// As for [`json`].
pub fn filled(document: &Document, template: &Template) -> Result<String, String> {
    let mut document = serde_json::to_value(document).expect("reports have string keys");
    clean_strings(&mut document);
    template.render(&document)
}

fn clean_strings(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean_lines(text),
        Value::Array(elements) => elements.iter_mut().for_each(clean_strings),
        Value::Object(members) => members.values_mut().for_each(clean_strings),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn needs_escape(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
        || is_hidden(c)
}

/// serde_json escapes the first 32 characters; these only ever stand inside strings. So do credentials that were sent.
fn escape(json: &str) -> String {
    let json = credential::hidden(json);
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

    fn document(failure: &Failure, warnings: &[&str]) -> Document {
        let warnings = warnings.iter().map(|text| (*text).to_owned()).collect();
        Document {
            warnings,
            ..Document::of_failure("enable vmruntime", failure)
        }
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
            json(&document(&failure, &["no"])),
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
            serde_saphyr::from_str(&yaml(&document(&failure, &["no"]))).unwrap();
        assert_eq!(read["warnings"][0], "no");
        assert_eq!(read["error"]["exitCode"], 10);
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_is_in_a_document() {
        // YAML knows no character U+FFFF, not even between quotes.
        let hostile = "\x1b[2J\u{9b}31m\u{202e}x\u{e0041}\u{2028}\u{ffff}";
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

    #[test]
    fn a_template_that_leads_to_too_much_is_an_error() {
        let failure = Failure::new(Kind::Other, Reason::Invalid, "no");
        let mut document = document(&failure, &[]);
        let template: Template = "{.error.message}".parse().unwrap();
        assert_eq!(filled(&document, &template), Ok("no".to_owned()));
        document.warnings = vec!["no".to_owned(); 100_001];
        let all = "{.warnings[*]}".parse().unwrap();
        assert!(filled(&document, &all).is_ok(), "a large result is printed");
        let hundredfold = format!("{{['{}'][*]}}", ["warnings"; 100].join("','"));
        let why = filled(&document, &hundredfold.parse().unwrap()).unwrap_err();
        assert_eq!(why, "the path leads to more than 10000000 values");
    }
}
