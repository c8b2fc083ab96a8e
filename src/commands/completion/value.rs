//! What files, the cluster and our own tables offer as values of arguments.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};

use crate::{
    cli::ReportFormat,
    cluster::{self, ConnectOptions, Retry, node, preflight_check},
    commands::typed::{DEFAULTS, LATEST},
    commands::{context::WORKSPACE, help::Topic},
    explain,
    failure::{Failure, shell_word},
    probe::CHECKS,
};

/// Nobody waits longer than this for a key.
const PATIENCE: Duration = Duration::from_millis(400);

/// Where the values of an argument come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Contexts,
    Clusters,
    Nodes,
    /// The checks that are made of a node.
    Checks,
    /// The preflight checks that there were.
    History,
    Explained,
    Topics,
}

/// What is completed behind an equals sign too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    /// `CHECK=NODE`
    CheckAndNode,
    /// `FORMAT=PATH`
    FormatAndPath,
    /// `NAME=DIR`
    NameAndFolder,
}

impl Pair {
    fn of(argument: &str) -> Option<Self> {
        match argument {
            "ignore" => Some(Self::CheckAndNode),
            "reports" => Some(Self::FormatAndPath),
            "node_facts" => Some(Self::NameAndFolder),
            _ => None,
        }
    }

    fn candidates(self, current: &OsStr, typed: &[OsString]) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str() else {
            return Vec::new();
        };
        let Some((first, second)) = current.split_once('=') else {
            let begun = match self {
                Self::CheckAndNode => candidates(Source::Checks, typed),
                Self::FormatAndPath => formats(),
                Self::NameAndFolder => Vec::new(),
            };
            return beginning_with(current, begun);
        };
        let behind = match self {
            Self::CheckAndNode => beginning_with(second, candidates(Source::Nodes, typed)),
            Self::FormatAndPath => PathCompleter::any().complete(OsStr::new(second)),
            Self::NameAndFolder => PathCompleter::dir().complete(OsStr::new(second)),
        };
        let before = format!("{first}=");
        behind
            .into_iter()
            .map(|candidate| candidate.add_prefix(before.clone()))
            .collect()
    }
}

fn formats() -> Vec<CompletionCandidate> {
    ReportFormat::all()
        .map(|format| CompletionCandidate::new(format!("{}=", format.name())))
        .collect()
}

fn beginning_with(begun: &str, candidates: Vec<CompletionCandidate>) -> Vec<CompletionCandidate> {
    let fits = |candidate: &CompletionCandidate| {
        candidate.get_value().to_string_lossy().starts_with(begun)
    };
    candidates.into_iter().filter(fits).collect()
}

impl Source {
    /// By the name of the argument: the same everywhere, but for a name without a flag.
    fn of(argument: &clap::Arg) -> Option<Self> {
        match argument.get_id().as_str() {
            "confirm" | "context" | "contexts" => Some(Self::Contexts),
            "clusters" => Some(Self::Clusters),
            "node" => Some(Self::Nodes),
            // How many nodes a sandbox has is a number.
            "nodes" => argument.is_positional().then_some(Self::Nodes),
            "name" => argument.is_positional().then_some(Self::History),
            "id" => Some(Self::Explained),
            "subject" => Some(Self::Topics),
            _ => None,
        }
    }

    /// A failure is no value: there is nowhere to say it.
    fn values(self, typed: &[OsString]) -> Vec<String> {
        match self {
            Self::Contexts => {
                let options = connection(typed);
                asked(cluster::contexts(&options))
            }
            Self::Clusters => cluster::clusters(WORKSPACE.as_ref()),
            Self::Nodes => {
                let options = connection(typed);
                asked(async {
                    let cluster = cluster::connect(&options).await?;
                    node::names(&cluster.client, &Retry::once()).await
                })
            }
            Self::Checks => CHECKS
                .iter()
                .filter(|check| check.published)
                .map(|check| check.id.to_string())
                .collect(),
            Self::History => {
                let options = connection(typed);
                let mut names = asked(async {
                    let cluster = cluster::connect(&options).await?;
                    let checks = preflight_check::list(&cluster.client, &Retry::once()).await?;
                    let names = checks.into_iter().filter_map(|check| check.metadata.name);
                    Ok(names.collect())
                });
                if !names.is_empty() {
                    names.push(LATEST.to_owned());
                }
                names
            }
            Self::Explained => explain::catalogue()
                .into_iter()
                .map(|entry| entry.id)
                .collect(),
            Self::Topics => Topic::ALL.map(|topic| topic.name().to_owned()).to_vec(),
        }
    }
}

/// The command line, with candidates for its values that fit what has been typed.
pub(super) fn offered(command: clap::Command, typed: &[OsString]) -> clap::Command {
    with_arguments_of_only_noun(command)
        .mut_args(|arg| {
            let typed = typed.to_vec();
            if let Some(pair) = Pair::of(arg.get_id().as_str()) {
                return arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    pair.candidates(current, &typed)
                }));
            }
            match Source::of(&arg) {
                Some(source) => {
                    arg.add(ArgValueCandidates::new(move || candidates(source, &typed)))
                }
                None => arg,
            }
        })
        .mut_subcommands(|below| offered(below, typed))
}

/// The noun may be left out, and what follows is completed all the same.
fn with_arguments_of_only_noun(command: clap::Command) -> clap::Command {
    let below: Vec<&clap::Command> = command.get_subcommands().collect();
    let arguments: Vec<clap::Arg> = match below.as_slice() {
        [noun] => noun.get_arguments().cloned().collect(),
        [] | [_, _, ..] => Vec::new(),
    };
    command.args(arguments)
}

fn candidates(source: Source, typed: &[OsString]) -> Vec<CompletionCandidate> {
    let mut values = source.values(typed);
    values.sort();
    values.dedup();
    values
        .into_iter()
        // Shells put a candidate on the command line as it is: a name from outside must not become a command.
        .filter(|value| shell_word(value) == *value)
        .map(CompletionCandidate::new)
        .collect()
}

/// The cluster that the flags typed so far lead to.
fn connection(typed: &[OsString]) -> ConnectOptions {
    ConnectOptions {
        kubeconfig: chosen(typed, "kubeconfig").map(PathBuf::from),
        context: chosen(typed, "context"),
        cluster: chosen(typed, "cluster"),
        workspace: WORKSPACE.into(),
        request_timeout: Some(PATIENCE),
        ..ConnectOptions::default()
    }
}

/// The value of a flag, or of the variable that is its default.
fn chosen(typed: &[OsString], long: &str) -> Option<String> {
    given(typed, long).or_else(|| {
        let default = DEFAULTS.iter().find(|default| default.flag == long)?;
        let mut others = default.unless.iter();
        if others.any(|flag| given(typed, flag).is_some()) {
            return None;
        }
        let value = std::env::var(default.variable).ok();
        value.filter(|value| !value.is_empty())
    })
}

fn given(typed: &[OsString], long: &str) -> Option<String> {
    let long_name = format!("--{long}");
    match long {
        "cluster" => flag(typed, &[&long_name, "-c"]),
        _ => flag(typed, &[&long_name]),
    }
}

/// The value of a flag, in the next word or behind an equals sign. The last word is still being typed.
fn flag(typed: &[OsString], names: &[&str]) -> Option<String> {
    let words: Vec<&str> = typed.iter().filter_map(|word| word.to_str()).collect();
    let (_, words) = words.split_last()?;
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        for name in names {
            let value = match word.strip_prefix(name) {
                Some("") => words.get(at + 1).copied(),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            found = value.or(found);
        }
    }
    found.map(str::to_owned)
}

/// What comes of it before somebody gets impatient.
fn asked(values: impl Future<Output = Result<Vec<String>, Failure>>) -> Vec<String> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return Vec::new();
    };
    let values = runtime.block_on(async { tokio::time::timeout(PATIENCE, values).await });
    // A login plugin may still be running, or a file be read; nobody waits for it.
    runtime.shutdown_background();
    values.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::commands::Cli;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn flags_are_found_in_what_was_typed() {
        for (line, expected) in [
            ("bmctl skip node ", None),
            ("bmctl --context one skip node ", Some("one")),
            ("bmctl --context=one skip node ", Some("one")),
            ("bmctl --context one --context two skip node ", Some("two")),
            ("bmctl skip node --context ", None),
            ("bmctl --contexts one skip node ", None),
        ] {
            assert_eq!(
                flag(&words(line), &["--context"]).as_deref(),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn a_name_that_a_shell_would_run_is_no_candidate() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let context = |name| format!("{{name: '{name}', context: {{cluster: c}}}}");
        let contexts = [context("good:one"), context("$(reboot)"), context("a b")].join(", ");
        std::fs::write(
            &file,
            format!("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: [{contexts}]\n"),
        )
        .unwrap();
        let line = format!("bmctl --kubeconfig {} --context ", file.display());
        let offered: Vec<String> = candidates(Source::Contexts, &words(&line))
            .iter()
            .map(|candidate| candidate.get_value().to_string_lossy().into_owned())
            .collect();
        assert_eq!(offered, ["good:one"]);
    }

    /// An argument that was renamed would silently lose its candidates.
    #[test]
    fn every_source_is_of_some_argument() {
        fn collect(command: &clap::Command, sources: &mut Vec<Source>, pairs: &mut Vec<Pair>) {
            for argument in command.get_arguments() {
                sources.extend(Source::of(argument));
                pairs.extend(Pair::of(argument.get_id().as_str()));
            }
            for below in command.get_subcommands() {
                collect(below, sources, pairs);
            }
        }
        let (mut sources, mut pairs) = (Vec::new(), Vec::new());
        collect(&Cli::command(), &mut sources, &mut pairs);
        for source in [
            Source::Contexts,
            Source::Clusters,
            Source::Nodes,
            Source::History,
            Source::Explained,
            Source::Topics,
        ] {
            assert!(sources.contains(&source), "{source:?}");
        }
        assert!(pairs.contains(&Pair::CheckAndNode) && pairs.contains(&Pair::FormatAndPath));
    }

    /// A path is completed by the shell's own rules for files, whichever flag it is of.
    #[test]
    fn every_path_is_completed_as_one() {
        fn collect(command: &clap::Command, wrong: &mut Vec<String>) {
            let words = ["PATH", "DIR", "FILE"];
            for argument in command.get_arguments() {
                let names = argument.get_value_names().unwrap_or_default();
                let is_path = names.iter().any(|name| words.contains(&name.as_str()));
                if is_path && argument.get_value_hint() != clap::ValueHint::AnyPath {
                    wrong.push(format!("{} {}", command.get_name(), argument.get_id()));
                }
            }
            for below in command.get_subcommands() {
                collect(below, wrong);
            }
        }
        let mut wrong = Vec::new();
        collect(&Cli::command(), &mut wrong);
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
