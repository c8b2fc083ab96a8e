//! The recent writes to one collection: what watches resume from and what earlier snapshots are rebuilt with.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::Change;

/// The asked-for version lies before what is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The oldest version that can still be continued from.
    pub oldest: u64,
}

#[derive(Debug)]
pub(super) struct History {
    changes: VecDeque<Arc<Change>>,
    capacity: usize,
    /// Version of the latest write that was forgotten.
    forgotten: u64,
}

impl History {
    /// An empty one that begins after the version `base`.
    pub(super) fn new(capacity: usize, base: u64) -> Self {
        Self {
            changes: VecDeque::new(),
            capacity,
            forgotten: base,
        }
    }

    /// Remembers it beside at least so many others as there are `objects`: a list of all of them, page by page, outlives
    /// that each is written once meanwhile.
    pub(super) fn push(&mut self, change: Arc<Change>, objects: usize) {
        self.changes.push_back(change);
        while self.changes.len() > self.capacity.max(objects) {
            if let Some(dropped) = self.changes.pop_front() {
                self.forgotten = dropped.version;
            }
        }
    }

    /// The writes after `version`, oldest first.
    pub(super) fn since(&self, version: u64) -> Result<Vec<Arc<Change>>, Compacted> {
        self.remembers(version)?;
        let first = self
            .changes
            .partition_point(|change| change.version <= version);
        Ok(self.changes.range(first..).cloned().collect())
    }

    /// What the objects that were written after `version` were at that version; `None`: not there.
    pub(super) fn undo_to(
        &self,
        version: u64,
    ) -> Result<BTreeMap<&str, Option<&Arc<Value>>>, Compacted> {
        self.remembers(version)?;
        let mut then = BTreeMap::new();
        for change in self.changes.iter().rev() {
            if change.version <= version {
                break;
            }
            then.insert(change.id.key.as_str(), change.old.as_ref());
        }
        Ok(then)
    }

    fn remembers(&self, version: u64) -> Result<(), Compacted> {
        if version < self.forgotten {
            return Err(Compacted {
                oldest: self.forgotten,
            });
        }
        Ok(())
    }
}
