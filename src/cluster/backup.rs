//! The backup that a disable writes before it deletes anything: the manifests of VMs and disks, in a folder of files.
//!
//! ```text
//! DIR/                                             0700
//!   INDEX                                          what is in here: UID, file, checksum; only ever appended to
//!   JOURNAL                                        how far the saving and the deletion came
//!   README                                         for whoever finds the folder
//!   namespaces/NAMESPACE/PLURAL.GROUP/NAME.yaml    0600, one object each
//!   generated/NAMESPACE/PLURAL.GROUP/NAME.manifest what is not put back: kept for the record
//!   settings/NAMESPACE/PLURAL.GROUP/NAME.manifest  what people have set on objects that are made again without it
//! ```
//!
//! Objects of the whole cluster have `_cluster` in the place of a namespace.
//!
//! `kubectl apply -R -f DIR` reads the `.yaml` files and nothing else; `bmctl restore DIR` ([`BackupReader`]) knows the
//! order and verifies the checksums. The program may die at any point: an object is deleted only after its manifest,
//! the index that names it and the journal that has seen the index are on the disk, and the manifest was read back
//! ([`BackupWriter`]). Lines of the two files verify each other ([`lines`]), so that damage is told from an end that
//! was torn off. Nothing that is in a folder is ever replaced or made shorter, but for a line that was never ended.
//! Names of objects are untrusted: they are encoded before they become file names, and no symbolic link inside the
//! folder is followed.
//!
//! Called by `removal` and by the commands `disable` and `restore`. Files are written where the caller runs, without a
//! thread of their own: whoever drops the work drops it between two files.

mod contents;
mod damage;
mod earlier;
mod failures;
mod first_format;
mod folder;
mod index;
mod journal;
mod lines;
mod manifest;
mod name;
mod order;
mod reader;
mod writer;

use std::path::PathBuf;

pub use self::{
    damage::Damage,
    earlier::Earlier,
    index::{Entry, Generated, Purpose},
    reader::BackupReader,
    writer::BackupWriter,
};

const INDEX: &str = "INDEX";
const JOURNAL: &str = "JOURNAL";
/// Below it stands what is put back.
const MANIFESTS: &str = "namespaces";

/// Where a backup goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into exactly this folder: it is new, empty, or a backup of the same cluster that is added to.
    Exactly(PathBuf),
    /// Into a new folder below this one, named after the time; an unfinished one of the same cluster is gone on with.
    Below(PathBuf),
}

/// What a backup is of. The cluster is recognized by the UID of its VMRuntime.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    pub cluster: String,
    pub context: String,
    pub server: String,
    /// UID.
    pub vmruntime: String,
}

/// The name of a folder for a cluster, whatever it is called.
#[must_use]
pub fn folder_name(cluster: &str) -> String {
    name::of_folder(cluster)
}

#[cfg(test)]
mod tests {
    mod crashes;
    mod damaged;
    mod first_format;
    mod foreign;
    mod sample;
    mod writing;
}
