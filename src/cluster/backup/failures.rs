//! Why a folder cannot be used as a backup.

use std::{io, path::Path};

use super::{
    INDEX,
    damage::{self, Damage},
    first_format,
};
use crate::failure::{Failure, Kind, Reason, shown_path};

pub fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::OperationFailed,
        Reason::BackupFailed,
        format!("could not write the backup in {}", shown_path(path)),
    )
    .caused_by(error.to_string())
    .hint("name another folder: --backup DIR")
}

/// The folder is used for something else.
pub fn not_ours(path: &Path, why: &str) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::BackupFolderInUse,
        format!("could not use the backup folder {}", shown_path(path)),
    )
    .caused_by(why)
    .hint("name a folder that is new or empty: --backup DIR")
}

/// There is something, and no index that could be opened.
pub fn no_index(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => not_ours(path, "it is not empty, and not a backup"),
        _ => not_ours(path, &format!("{INDEX}: {error}")),
    }
}

/// It is a backup of this cluster, in a format that is not written any more.
pub fn takes_no_more(path: &Path) -> Failure {
    let why = format!(
        "its format is {}: this bmctl restores it, and adds nothing to it",
        first_format::SCHEMA
    );
    not_ours(path, &why)
}

pub fn in_use(path: &Path) -> Failure {
    Failure::new(
        Kind::Conflict,
        Reason::BackupInUse,
        format!(
            "another bmctl is at work with the backup {}",
            shown_path(path)
        ),
    )
}

pub fn no_backup(path: &Path, why: impl Into<String>) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::NoBackup,
        format!("could not read a backup in {}", shown_path(path)),
    )
    .caused_by(why)
}

/// Nothing is added to a backup that does not verify, and nothing is deleted that relies on it.
pub fn damaged(path: &Path, damage: &[Damage]) -> Failure {
    let message = format!("the backup in {} is damaged", shown_path(path));
    damage::failure(Kind::Refused, message, damage)
        .hint("take what is damaged from another copy of the folder, and run the command again")
        .hint("or keep the folder elsewhere, or name one that is new or empty: --backup DIR")
}
