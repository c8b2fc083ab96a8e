//! Topics of `bmctl help` that belong to no single command.

use std::fmt::Write;

use crate::{
    cli::StdoutFormat,
    commands::{Cli, brief, typed::DEFAULTS},
    exit::Exit,
};

/// What can be asked for beside commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Options,
    ExitCodes,
    Environment,
    Output,
}

impl Topic {
    pub const ALL: [Self; 4] = [
        Self::Options,
        Self::ExitCodes,
        Self::Environment,
        Self::Output,
    ];

    /// As it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::ExitCodes => "exit-codes",
            Self::Environment => "environment",
            Self::Output => "output",
        }
    }

    /// The topic of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }

    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Options => options(),
            Self::ExitCodes => exit_codes(),
            Self::Environment => environment(),
            Self::Output => output(),
        }
    }
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes, the same for every output format:\n\n");
    for exit in Exit::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    text.push_str("\n'bmctl explain CODE' says more about one.\n");
    text
}

/// Environment variables that this program, or a library in it, reads, beside those that are defaults of flags; and what
/// for. A test compares the names with the source.
const VARIABLES: &[(&str, &str)] = &[
    (
        "KUBECONFIG",
        "Kubeconfig files, separated by colons; used without --kubeconfig and --cluster.",
    ),
    ("HOME", "Where ~/.kube/config is."),
    (
        "KUBERNETES_SERVICE_HOST",
        "Set in pods: where the API server of this cluster is, for in-cluster use.",
    ),
    ("KUBERNETES_SERVICE_PORT", "Its port."),
    (
        "HTTPS_PROXY",
        "Proxy to the API server, where the kubeconfig has no proxy-url; http, https or socks5.",
    ),
    ("https_proxy", "The same, where HTTPS_PROXY is not set."),
    ("HTTP_PROXY", "The same for an API server without TLS."),
    ("http_proxy", "The same, where HTTP_PROXY is not set."),
    (
        "NO_PROXY",
        "Hosts, .domains, addresses and networks that are reached without a proxy, separated by commas.",
    ),
    ("no_proxy", "The same, where NO_PROXY is not set."),
    (
        "PATH",
        "Where login plugins of the kubeconfig, and programs for 'sandbox run', are looked for.",
    ),
    (
        "NO_COLOR",
        "Set to anything: no colour, unless --color always.",
    ),
    (
        "CLICOLOR_FORCE",
        "Set to anything but 0: colour also where the output is no terminal.",
    ),
    ("CLICOLOR", "Set to 0: no colour."),
    ("TERM", "dumb: no colour, and progress as plain lines."),
    (
        "LC_ALL",
        "The locale; where it is UTF-8, marks such as ✓ are drawn, else they are written in ASCII.",
    ),
    ("LC_CTYPE", "The same, where LC_ALL is not set."),
    ("LANG", "The same, where neither of them is set."),
    (
        "TMPDIR",
        "Where 'sandbox run' keeps its kubeconfig while it runs. Default: /tmp.",
    ),
    (
        "GITHUB_ACTIONS",
        "true: groups and annotations on stderr for GitHub Actions, unless --ci none.",
    ),
    (
        "BMCTL_COMPLETE",
        "Set by the completion scripts: the shell that wants candidates.",
    ),
    (
        "BMCTL_SANDBOX_RUN_KUBECONFIG",
        "Set by 'sandbox run': the kubeconfig of a cluster that ends with the command, for which nothing is suggested.",
    ),
];

/// All of them, with what each is for.
#[must_use]
pub fn variables() -> Vec<(&'static str, String)> {
    let defaults = DEFAULTS.iter().map(|default| {
        let unless = default.unless.iter().map(|flag| format!("--{flag}"));
        let unless: Vec<String> = unless.collect();
        let unless = if unless.is_empty() {
            String::new()
        } else {
            format!("; ignored with {}", unless.join(", "))
        };
        (
            default.variable,
            format!("Default of --{}{unless}.", default.flag),
        )
    });
    let others = VARIABLES.iter();
    defaults
        .chain(others.map(|(name, meaning)| (*name, (*meaning).to_owned())))
        .collect()
}

fn environment() -> String {
    let variables = variables();
    let width = variables
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let mut text = String::from(
        "Environment variables. A flag goes before a variable, and a variable that is set\n\
         to nothing is not set. None consents to a deletion. 'sandbox run' hides those\n\
         that name a cluster from what it runs.\n\n",
    );
    for (name, meaning) in &variables {
        let mut name = *name;
        for line in lines(meaning, COLUMNS - width - 4) {
            let _ = writeln!(text, "  {name:width$}  {line}");
            name = "";
        }
    }
    text
}

/// As wide as a small terminal.
const COLUMNS: usize = 80;

/// The words on lines of at most this width.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn options() -> String {
    format!(
        "Options of every command. Those of one command: 'bmctl COMMAND -h'.\n\n{}\n\n\
         Variables that are defaults of some: 'bmctl help environment'.\n",
        brief::options(&<Cli as clap::CommandFactory>::command()).trim_end()
    )
}

fn output() -> String {
    let mut text = String::from(
        "Output. The result is on stdout, and nothing else is; progress, warnings, hints\n\
         and questions are on stderr.\n\n\
         Formats of the result (-o):\n\n",
    );
    for value in StdoutFormat::all() {
        let help = value
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut name = value.get_name();
        for line in lines(&help, COLUMNS - 13) {
            let _ = writeln!(text, "  {name:9}  {line}");
            name = "";
        }
    }
    text.push_str(DOCUMENT);
    text
}

const DOCUMENT: &str = "
JSON and YAML are one document a command, also where the command fails. Always
in it:

  schema    bmctl/v1: fields may be added, those there keep name and meaning
  kind      what the document is, for example EnableResult
  command   verb and noun
  cluster   context and server, or null where no cluster was talked to
  warnings  what was warned of on the way
  exitCode  as the shell sees it, the same for every format
  error     null, or kind, reason, exitCode, retryable, message, causes, hints

Compare error.reason in scripts, never a message; 'bmctl explain REASON' says
what to do about it.

Colour: --color, then NO_COLOR, CLICOLOR_FORCE, CLICOLOR=0, TERM=dumb, then
whether that stream is a terminal. Nothing is said by colour alone. Text is
wrapped to the width of a terminal, and never in files and pipes.

Progress on a terminal is one region that is redrawn; elsewhere it is a line
with the time for each change. Text that comes from a cluster is shown without
control characters and escape sequences.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_found_by_its_name_and_says_something() {
        for topic in Topic::ALL {
            assert_eq!(Topic::of(topic.name()), Some(topic));
            assert!(topic.text().lines().count() > 5);
            assert!(topic.text().ends_with('\n'));
            let wide = topic.text();
            let wide = wide.lines().find(|line| line.chars().count() > COLUMNS);
            assert_eq!(wide, None);
        }
    }
}
