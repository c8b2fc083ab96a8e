//! What every word that this program says means, why it happens, and what to do about it. Offline, and the same for
//! `bmctl explain`, for `docs/explain.md` and for whoever prints a hint.
//!
//! The words themselves are defined where they are used: checks in `probe`, conditions in `api::condition`, errors in
//! `failure`, exit codes in `exit`, each with what it means. This module adds cause and fix, a file a group, and nothing
//! else: it reads nothing and prints nothing. Its tests fail for a word without an entry and for an entry without a
//! word.

mod check;
mod condition;
mod error;
mod exit;

use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::nearest;

/// What kind of word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Group {
    Check,
    Condition,
    ConditionReason,
    Error,
    ExitCode,
}

impl Group {
    /// In the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Check,
        Self::Condition,
        Self::ConditionReason,
        Self::Error,
        Self::ExitCode,
    ];

    /// What one of them is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Check => "node check",
            Self::Condition => "condition of VMRuntime",
            Self::ConditionReason => "reason of a condition",
            Self::Error => "error",
            Self::ExitCode => "exit code",
        }
    }
}

/// One word, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    pub group: Group,
    /// As it is written in reports.
    pub id: String,
    /// What it says, as sentences.
    pub meaning: String,
    pub cause: &'static str,
    pub fix: &'static str,
    /// To paste; words in capitals are to be replaced.
    pub commands: Vec<String>,
}

/// Why it happens, and what to do about it.
struct Advice {
    cause: &'static str,
    fix: &'static str,
    commands: &'static [&'static str],
}

const fn advice(
    cause: &'static str,
    fix: &'static str,
    commands: &'static [&'static str],
) -> Advice {
    Advice {
        cause,
        fix,
        commands,
    }
}

impl Advice {
    fn about(&self, group: Group, id: &impl ToString, meaning: impl Into<String>) -> Entry {
        Entry {
            group,
            id: id.to_string(),
            meaning: meaning.into(),
            cause: self.cause,
            fix: self.fix,
            commands: owned(self.commands),
        }
    }
}

fn owned(commands: &[&str]) -> Vec<String> {
    commands.iter().copied().map(str::to_owned).collect()
}

/// Everything that can be explained, group by group.
#[must_use]
pub fn catalogue() -> Vec<Entry> {
    let mut entries = check::entries();
    entries.extend(condition::types());
    entries.extend(condition::reasons());
    entries.extend(error::entries());
    entries.extend(exit::entries());
    entries
}

/// The entries of that id: a word may be a condition and an error. Case does not matter.
#[must_use]
pub fn find(id: &str) -> Vec<Entry> {
    let mut entries = catalogue();
    entries.retain(|entry| entry.id.eq_ignore_ascii_case(id));
    entries
}

/// The id that was probably meant.
#[must_use]
pub fn suggestion(id: &str) -> Option<String> {
    let ids: Vec<String> = catalogue().into_iter().map(|entry| entry.id).collect();
    let lower: Vec<String> = ids.iter().map(|id| id.to_ascii_lowercase()).collect();
    let near = nearest(&id.to_ascii_lowercase(), &lower)?;
    ids.into_iter().find(|id| id.eq_ignore_ascii_case(near))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        api::condition,
        command_id::{CommandId, Effect},
        exit::Exit,
        failure::{Reason, Suggested, kubectl},
        probe::CHECKS,
    };

    /// What there is to explain, from where it is defined.
    fn defined(group: Group) -> Vec<String> {
        let names = |words: &[(&str, &str)]| words.iter().map(|(id, _)| (*id).to_owned()).collect();
        match group {
            Group::Check => CHECKS.iter().map(|check| check.id.to_string()).collect(),
            Group::Condition => names(condition::kind::ALL),
            Group::ConditionReason => names(condition::reason::ALL),
            Group::Error => Reason::ALL.iter().map(ToString::to_string).collect(),
            Group::ExitCode => Exit::ALL
                .iter()
                .map(|exit| exit.code().to_string())
                .collect(),
        }
    }

    #[test]
    fn every_word_has_one_entry_and_every_entry_is_a_word() {
        let catalogue = catalogue();
        for group in Group::ALL {
            let explained: Vec<&str> = catalogue
                .iter()
                .filter(|entry| entry.group == group)
                .map(|entry| entry.id.as_str())
                .collect();
            let defined = defined(group);
            let unique: BTreeSet<&str> = explained.iter().copied().collect();
            let wanted: BTreeSet<&str> = defined.iter().map(String::as_str).collect();
            assert_eq!(unique, wanted, "{group:?}");
            assert_eq!(unique.len(), explained.len(), "{group:?}: explained twice");
        }
    }

    #[test]
    fn every_entry_says_something() {
        for entry in catalogue() {
            for text in [entry.meaning.as_str(), entry.cause, entry.fix] {
                let sentence = text.ends_with(['.', '?']) && !text.contains("  ");
                assert!(sentence, "{}: {text:?}", entry.id);
            }
            for command in &entry.commands {
                assert!(!command.contains('\n') && command.trim() == command);
            }
        }
    }

    /// Nobody knows here for which cluster: a command that changes something has a place for its name, and does nothing
    /// to the current one when it is pasted as it stands.
    #[test]
    fn a_command_that_changes_something_leaves_a_place_for_its_cluster() {
        const NAMED: [&str; 2] = ["--context CONTEXT", "--cluster NAME"];
        for entry in catalogue() {
            for command in &entry.commands {
                let own = CommandId::ALL.iter().any(|known| {
                    let typed = format!("bmctl {known}");
                    known.effect() == Effect::Changes && command.starts_with(&typed)
                });
                let kubectl = command.rsplit_once("kubectl ").is_some_and(|(_, words)| {
                    let words = words.strip_prefix("--context CONTEXT ").unwrap_or(words);
                    Suggested::from(kubectl(words)).effect() == Effect::Changes
                });
                let named = NAMED.iter().any(|named| command.contains(named));
                assert!(named || !(own || kubectl), "{}: {command}", entry.id);
            }
        }
    }

    #[test]
    fn ids_are_found_in_any_case() {
        let groups = |id| -> Vec<Group> { find(id).iter().map(|entry| entry.group).collect() };
        assert_eq!(groups("kvm"), [Group::Check]);
        assert_eq!(
            groups("PREFLIGHTFAILED"),
            [Group::ConditionReason, Group::Error]
        );
        assert_eq!(groups("124"), [Group::ExitCode]);
        assert!(groups("nothing").is_empty());
        assert_eq!(suggestion("vmexist").as_deref(), Some("VMsExist"));
        assert_eq!(suggestion("xyzzy"), None);
    }
}
