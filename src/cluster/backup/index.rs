//! What the lines of an index say. The first one is the header; then come entries, and after each group of them a
//! commit, which says how many entries there are by then, and how far the journal has come.

use serde::{Deserialize, Serialize};

use super::{Origin, lines::Mark};
use crate::cluster::event::ObjectName;

/// Version of the format, and what the name of every version begins with.
pub const SCHEMA: &str = "bmctl-backup/v2";
pub const SCHEMAS: &str = "bmctl-backup/";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    pub schema: String,
    pub created: String,
    pub origin: Origin,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `plural.group`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub purpose: Purpose,
    /// Below the folder, with slashes.
    pub file: String,
    /// Of the file, in hexadecimal.
    pub sha256: String,
}

/// What an object is in the backup for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// It is deleted.
    Delete,
    /// It stays, and could get lost all the same.
    Keep,
    /// It is deleted, and a controller makes it again from another object: not restored.
    Record,
    /// It is deleted, and made again by a controller without what people have set on it: only that is put back.
    Settings,
}

/// What was deleted without being saved: a controller makes it again from another object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// `plural.group`.
    pub generated: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

impl Entry {
    #[must_use]
    pub fn object_name(&self) -> ObjectName {
        name(&self.resource, &self.namespace, &self.name)
    }
}

impl Generated {
    #[must_use]
    pub fn object_name(&self) -> ObjectName {
        name(&self.generated, &self.namespace, &self.name)
    }
}

/// As it is written down: the namespace is empty for an object of the whole cluster.
fn name(resource: &str, namespace: &str, name: &str) -> ObjectName {
    ObjectName {
        resource: resource.to_owned(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: name.to_owned(),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Header(Header),
    Commit(Commit),
    Entry(Entry),
    Generated(Generated),
}

/// Up to here everything is on the disk, in both files.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// How many entries there are.
    pub commit: u64,
    pub journal: Mark,
}
