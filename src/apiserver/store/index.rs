//! Who is who by uid, and who is owned by whom: kept beside the objects so that nobody has to scan for dependents.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::ObjectId;

/// Uids and ownerships of everything stored.
#[derive(Debug, Default)]
pub struct Index {
    by_uid: HashMap<String, ObjectId>,
    by_owner: HashMap<String, BTreeSet<ObjectId>>,
}

impl Index {
    /// Where the object with this uid lies.
    pub fn place(&self, uid: &str) -> Option<&ObjectId> {
        self.by_uid.get(uid)
    }

    /// The objects that name this uid in their `ownerReferences`.
    pub fn dependents(&self, owner: &str) -> Vec<ObjectId> {
        self.by_owner
            .get(owner)
            .map(|ids| ids.iter().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn replace(&mut self, id: &ObjectId, old: Option<&Value>, new: Option<&Value>) {
        if let Some(old) = old {
            self.by_uid.remove(uid(old));
            for owner in owners(old) {
                if let Some(ids) = self.by_owner.get_mut(owner) {
                    ids.remove(id);
                    if ids.is_empty() {
                        self.by_owner.remove(owner);
                    }
                }
            }
        }
        if let Some(new) = new {
            self.by_uid.insert(uid(new).to_owned(), id.clone());
            for owner in owners(new) {
                self.by_owner
                    .entry(owner.to_owned())
                    .or_default()
                    .insert(id.clone());
            }
        }
    }
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// The uids in `metadata.ownerReferences`.
pub fn owners(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|owner| owner["uid"].as_str())
}
