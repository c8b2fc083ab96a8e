//! What was typed and clap did not accept, or what clap was asked to print: help by flag. No context is made for it.
//!
//! `commands::run` calls it. What was asked of the output holds all the same, as far as it can be read.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    CommandFactory, ValueEnum,
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    Cli,
    context::startup_failure::{self, Early},
};
use crate::{
    cli::{OutputFormat, Program, ReportTarget, StdoutFormat, report_target},
    command_id::CommandId,
    exit::Exit,
    failure::{Failure, Given, Hint, Kind, Reason, Suggested, shown},
    render::{
        Document, clean_lines, event::Event, verbatim::VerbatimReport, version::VersionReport,
    },
    ui::{ProgressChoice, Ui},
};

/// Answers what clap did not accept, or was asked to print.
pub fn answer(mut error: clap::Error, program: Program, arguments: &[OsString]) -> Exit {
    suggest_names_only(&mut error);
    withhold(&mut error);
    let early = asked_for(arguments);
    let rendered = error.render();
    if error.kind() == ErrorKind::DisplayVersion {
        let report = Box::new(VersionReport::of_this_build());
        let words = CommandId::Version.words();
        return early.end(
            Document::new(words, None, report, Vec::new(), Exit::Ok, None),
            None,
        );
    }
    if error.kind() == ErrorKind::DisplayHelp {
        let report = Box::new(of_styled(named(arguments), &rendered, early.ui()));
        return early.end(
            Document::new("help", None, report, Vec::new(), Exit::Ok, None),
            None,
        );
    }
    let plain = rendered.to_string();
    let failure = of_clap(program, &plain);
    let clean = clean_lines(&plain);
    let words = if early.ui().stderr.color && clean == plain {
        rendered.ansi().to_string()
    } else {
        clean
    };
    let error_output = startup_failure::ErrorOutput {
        words,
        event: Event::of_failure(&failure),
    };
    early.end(
        Document::of_failure(&named(arguments), &failure),
        Some(error_output),
    )
}

/// Answers what was understood, and cannot be done as it was typed.
pub fn refuse(failure: &Failure, arguments: &[OsString]) -> Exit {
    let early = asked_for(arguments);
    let error_output = startup_failure::ErrorOutput::of(early.ui(), failure);
    early.end(
        Document::of_failure(&named(arguments), failure),
        Some(error_output),
    )
}

fn asked_for(arguments: &[OsString]) -> Early {
    Early::of(&Asked::of(arguments))
}

/// Text of clap's, with its colours where the terminal has them.
pub fn of_styled(subject: String, text: &StyledStr, ui: &Ui) -> VerbatimReport {
    VerbatimReport {
        subject,
        text: text.to_string(),
        painted: ui.stdout.color.then(|| text.ansi().to_string()),
    }
}

/// The command that was meant, as far as it can be told from arguments that clap did not accept; else the program.
pub fn named(arguments: &[OsString]) -> String {
    let mut command = &Cli::command();
    let mut path = Vec::new();
    for word in arguments.iter().skip(1).take_while(|word| *word != "--") {
        if let Some(found) = command.find_subcommand(word) {
            path.push(found.get_name().to_owned());
            command = found;
        }
    }
    if path.is_empty() {
        "bmctl".to_owned()
    } else {
        path.join(" ")
    }
}

/// What clap said, as a failure.
fn of_clap(program: Program, text: &str) -> Failure {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut failure = Failure::new(
        Kind::Usage,
        Reason::InvalidUsage,
        first.strip_prefix("error: ").unwrap_or(first),
    )
    .hint(Hint::run(
        "",
        Suggested::Ready(format!("{} help", program.name())),
    ));
    failure.causes = lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .map(str::to_owned)
        .collect();
    failure
}

/// What was typed is quoted where it can be a path or a name, and not where it is the content of a file.
fn withhold(error: &mut clap::Error) {
    let mut quoted = Vec::new();
    for (kind, value) in error.context() {
        match value {
            ContextValue::String(word) if !is_plausible(word) => {
                quoted.push((kind, ContextValue::String(shown(word).into_owned())));
            }
            ContextValue::Strings(words) if !words.iter().all(|word| is_plausible(word)) => {
                let words = words.iter().map(|word| shown(word).into_owned());
                quoted.push((kind, ContextValue::Strings(words.collect())));
            }
            _ => {}
        }
    }
    if !quoted.is_empty() {
        // How to pass it all the same, with it in full.
        error.remove(ContextKind::Suggested);
    }
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
}

fn is_plausible(word: &str) -> bool {
    Given::of(word) == Given::Plausible
}

/// Nouns have many spellings, and clap suggests them all; the one that help shows is enough.
fn suggest_names_only(error: &mut clap::Error) {
    for kind in [
        ContextKind::SuggestedSubcommand,
        ContextKind::ValidSubcommand,
    ] {
        let Some(ContextValue::Strings(known)) = error.get(kind) else {
            continue;
        };
        let names: Vec<String> = known
            .iter()
            .filter(|name| names(&Cli::command(), name))
            .cloned()
            .collect();
        if !names.is_empty() {
            error.insert(kind, ContextValue::Strings(names));
        }
    }
}

/// Does a command of that very name exist, at any depth?
fn names(command: &clap::Command, name: &str) -> bool {
    command
        .get_subcommands()
        .any(|known| known.get_name() == name || names(known, name))
}

/// What was asked of the output, read from arguments that clap did not accept as a whole.
#[derive(Debug, PartialEq)]
pub struct Asked {
    pub format: StdoutFormat,
    pub reports: Vec<ReportTarget>,
    /// The one that was named: no report is written over it.
    pub kubeconfig: Option<PathBuf>,
    pub progress: ProgressChoice,
}

impl Asked {
    pub fn of(arguments: &[OsString]) -> Self {
        let words: Vec<&str> = arguments
            .iter()
            .map(|word| word.to_str().unwrap_or_default())
            .take_while(|word| *word != "--")
            .collect();
        let last = |values: Vec<&str>| values.last().map(|value| (*value).to_owned());
        let format = last(values(&words, "--output", Some("-o")));
        let progress = last(values(&words, "--progress", None));
        let kubeconfig = last(values(&words, "--kubeconfig", None));
        Self {
            format: format
                .and_then(|value| StdoutFormat::named(&value))
                .unwrap_or(StdoutFormat::Document(OutputFormat::Text)),
            reports: values(&words, "--report", None)
                .into_iter()
                .filter_map(|value| report_target(value).ok())
                .collect(),
            kubeconfig: kubeconfig.map(PathBuf::from),
            progress: progress
                .and_then(|value| ProgressChoice::from_str(&value, false).ok())
                .unwrap_or(ProgressChoice::Auto),
        }
    }
}

/// The values of a flag, in every way that clap takes them.
fn values<'a>(words: &[&'a str], long: &str, short: Option<&str>) -> Vec<&'a str> {
    let mut values = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if *word == long || Some(*word) == short {
            values.extend(words.get(at + 1));
        } else if let Some(value) = word
            .strip_prefix(long)
            .and_then(|rest| rest.strip_prefix('='))
        {
            values.push(value);
        } else if let Some(value) = short.and_then(|short| word.strip_prefix(short)) {
            values.push(value.strip_prefix('=').unwrap_or(value));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(typed: &str) -> Vec<OsString> {
        typed.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_format_is_found_in_arguments_that_are_wrong_otherwise() {
        for (typed, expected) in [
            ("bmctl enable --frobnicate -o json", OutputFormat::Json),
            ("bmctl -ojson enable", OutputFormat::Json),
            ("bmctl -o=yaml enable", OutputFormat::Yaml),
            ("bmctl --output=yaml enable", OutputFormat::Yaml),
            ("bmctl --output json enable", OutputFormat::Json),
            ("bmctl sandbox run -- enable -o json", OutputFormat::Text),
            ("bmctl -o", OutputFormat::Text),
            ("bmctl -o junit enable --nope", OutputFormat::Junit),
            ("bmctl -o xml", OutputFormat::Text),
            ("bmctl enable", OutputFormat::Text),
        ] {
            let expected = StdoutFormat::Document(expected);
            assert_eq!(Asked::of(&words(typed)).format, expected, "{typed}");
        }
    }

    #[test]
    fn so_are_reports_and_the_kind_of_progress() {
        let asked = Asked::of(&words(
            "bmctl enable --report junit=a.xml --nope --report=json=b=c.json --report x=y --progress json",
        ));
        let paths: Vec<String> = asked
            .reports
            .iter()
            .map(|report| format!("{} {}", report.format.name(), report.path.display()))
            .collect();
        assert_eq!(paths, ["junit a.xml", "json b=c.json"]);
        assert_eq!(asked.progress, ProgressChoice::Json);
    }

    #[test]
    fn what_can_be_no_argument_is_not_quoted() {
        for content in [
            "---\napiVersion: v1\nusers: [{user: {token: canary}}]",
            "-----BEGIN KEY-----\ncanary\n-----END KEY-----",
            "eyJhbGciOiJSUzI1NiJ9.e30.canary",
            "--token: canary",
        ] {
            for words in [
                &["restore", content][..],
                &["restore", "x", content],
                &["status", content],
                &["status", "vmruntime", "--kubeconfig", content],
                &["status", "vmruntime", "--output", content],
                &["status", "vmruntime", "--all-contexts", content],
                &["enable", "vmruntime", "--timeout", content],
                &["enable", "vmruntime", "--vm-image-format", content],
                &["sandbox", "start", "--port", content],
                &["sandbox", "start", "--name", content],
                &[content],
            ] {
                let typed = ["bmctl"].iter().chain(words);
                let Some(mut error) = Cli::command().try_get_matches_from(typed).err() else {
                    continue;
                };
                withhold(&mut error);
                let said = error.render().to_string();
                assert!(!said.contains("canary"), "{words:?}: {said}");
            }
        }
    }

    #[test]
    fn the_command_that_was_meant_is_named() {
        for (typed, expected) in [
            ("bmctl enable vmruntime --nope", "enable vmruntime"),
            (
                "bmctl -o json check vmruntimepreflightcheck --x",
                "check vmruntimepfc",
            ),
            ("bmctl enable", "enable"),
            ("bmctl frobnicate", "bmctl"),
            ("bmctl sandbox run --x -- enable", "sandbox run"),
        ] {
            assert_eq!(named(&words(typed)), expected, "{typed}");
        }
    }
}
