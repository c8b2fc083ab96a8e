//! What is damaged in a backup, as a value.

use std::fmt;

use super::{INDEX, JOURNAL, lines::Fault};
use crate::failure::{Failure, Kind, Reason};

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Lines of the index or the journal.
    Lines { file: &'static str, fault: Fault },
    /// Index and journal do not go together.
    Apart,
    /// The journal says that this object was deleted, and the index does not name it.
    Unsaved { object: String },
    /// A file that the index names, or the journal.
    File { path: String, why: String },
    /// A file among the manifests that the index does not name.
    Unnamed { path: String },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines { file, fault } => lines(f, file, *fault),
            Self::Apart => write!(f, "{INDEX} and {JOURNAL} are not of one backup"),
            Self::Unsaved { object } => write!(
                f,
                "{JOURNAL} says that {object} was deleted, and {INDEX} does not name it"
            ),
            Self::File { path, why } => write!(f, "{path}: {why}"),
            Self::Unnamed { path } => write!(f, "{path}: {INDEX} does not name this file"),
        }
    }
}

fn lines(f: &mut fmt::Formatter<'_>, file: &str, fault: Fault) -> fmt::Result {
    match fault {
        Fault::Changed {
            first,
            last: Some(last),
        } if first == last => write!(
            f,
            "{file}: line {first} is missing, or is not as it was written"
        ),
        Fault::Changed {
            first,
            last: Some(last),
        } => write!(
            f,
            "{file}: lines {first} to {last} are missing, or are not as they were written"
        ),
        Fault::Changed { first, last: None } => {
            write!(
                f,
                "{file}: from line {first} on it is not as it was written"
            )
        }
        Fault::Inserted { before } => write!(
            f,
            "{file}: before line {before} there is something that was never written"
        ),
        Fault::Misplaced { line } => write!(f, "{file}: line {line} is there twice, or misplaced"),
    }
}

/// The failure about a backup that is damaged.
pub fn failure(kind: Kind, message: String, damage: &[Damage]) -> Failure {
    let unnamed = |damage: &Damage| matches!(damage, Damage::Unnamed { .. });
    let reason = if damage.iter().all(unnamed) {
        Reason::UnknownFiles
    } else {
        Reason::BackupDamaged
    };
    also(Failure::new(kind, reason, message), damage)
}

/// Adds what is damaged, but no more than a person reads.
pub fn also(mut failure: Failure, damage: &[Damage]) -> Failure {
    const NAMED: usize = 10;
    for one in damage.iter().take(NAMED) {
        failure = failure.caused_by(one.to_string());
    }
    if damage.len() > NAMED {
        failure = failure.caused_by(format!("... and {} more", damage.len() - NAMED));
    }
    failure
}
