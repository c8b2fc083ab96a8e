//! What files, the cluster and our own tables offer as values of arguments.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::{
    cluster::{self, ConnectOptions, Retry, node},
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
    Checks,
    Explained,
    Topics,
}

impl Source {
    /// By the name of the argument: the same everywhere.
    fn of(argument: &str) -> Option<Self> {
        match argument {
            "context" | "contexts" => Some(Self::Contexts),
            "clusters" => Some(Self::Clusters),
            "node" | "nodes" => Some(Self::Nodes),
            "ignore" => Some(Self::Checks),
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
    command
        .mut_args(|arg| match Source::of(arg.get_id().as_str()) {
            Some(source) => {
                let typed = typed.to_vec();
                arg.add(ArgValueCandidates::new(move || candidates(source, &typed)))
            }
            None => arg,
        })
        .mut_subcommands(|below| offered(below, typed))
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
        kubeconfig: flag(typed, &["--kubeconfig"]).map(PathBuf::from),
        context: flag(typed, &["--context"]),
        cluster: flag(typed, &["--cluster", "-c"]),
        workspace: WORKSPACE.into(),
        request_timeout: Some(PATIENCE),
        ..ConnectOptions::default()
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
    use crate::cli::Cli;

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
        fn names(command: &clap::Command, found: &mut Vec<String>) {
            found.extend(command.get_arguments().map(|arg| arg.get_id().to_string()));
            for below in command.get_subcommands() {
                names(below, found);
            }
        }
        let mut found = Vec::new();
        names(&Cli::command(), &mut found);
        for name in [
            "context", "contexts", "clusters", "node", "nodes", "id", "subject",
        ] {
            assert!(Source::of(name).is_some());
            assert!(found.iter().any(|found| found == name), "{name}");
        }
    }
}
