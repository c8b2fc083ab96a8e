//! What goes on around the disable, and what was seen of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{
    super::saved::{saved, saved_or_generated},
    people::Kind,
    rng::Rng,
};

/// One run's.
pub struct Surroundings {
    pub rng: Rng,
    /// Are there events, faults and kills?
    pub wild: bool,
    /// Does a controller of ours watch, which closes creation and counts VMs?
    pub ours: bool,
    pub keep: bool,
    /// Does the product's controller make a machine the owner of the disks that go with it, again and again?
    pub adopts: bool,
    pub folder: PathBuf,
    pub requests: u64,
    /// At which request the work is dropped.
    pub kill_at: Option<u64>,
    /// Was the last attempt to delete everything?
    pub forced: bool,
    /// When the disable last began to read what is at a path.
    pub read: BTreeMap<String, u64>,
    /// When which machine came into being.
    pub born: BTreeMap<String, u64>,
    pub names: u64,
    /// Names of machines that somebody else has deleted: their disks are nobody's then.
    pub orphaned: BTreeSet<String>,
    /// UIDs of what people made: the kind, and the name of the machine that each belongs to.
    pub made: BTreeMap<String, (Kind, String)>,
    /// UIDs that the disable has deleted in this attempt.
    pub deleted: BTreeSet<String>,
    /// The same, in all attempts.
    pub ever_deleted: BTreeSet<String>,
    pub broken: Vec<String>,
}

impl Surroundings {
    /// Has somebody else deleted the machine, or the pool that it is of?
    pub fn is_orphaned(&self, machine: &str) -> bool {
        let pool = machine.split('-').next().unwrap_or_default();
        self.orphaned.contains(machine) || self.orphaned.contains(pool)
    }

    /// Is it saved? Of what a controller made, a note is enough.
    pub fn accounts_for(&self, uid: &str) -> Result<(), String> {
        if self.made.contains_key(uid) {
            saved(&self.folder, uid)
        } else {
            saved_or_generated(&self.folder, uid)
        }
    }
}
