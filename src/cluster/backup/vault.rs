//! A backup that is being written. What it [`holds`](Vault::holds) is on the disk, with its place in the index.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    INDEX, MANIFESTS, Origin, Place,
    earlier::{Earlier, belongs, is_empty_or_missing, not_ours},
    folder::Folder,
    index::{self, Commit, Entry, Header, Line, Purpose},
    journal::{self, Note},
    manifest, name,
};
use crate::{
    cluster::inventory::{Uid, Workload},
    failure::{Failure, Kind, Reason, shown_path},
};

const README: &str = "README";
/// What is not put back.
const RECORDS: &str = "generated";

const README_TEXT: &str = "\
Manifests of VMs and disks, written by 'bmctl disable vmruntime' before it deleted them.

The contents of disks are NOT in here.

  bmctl restore DIR              puts them back in the right order; what exists already stays as it is
  kubectl apply -R -f DIR        does the same without checks

VM Runtime must be enabled first. INDEX names every file and its checksum, JOURNAL tells what was deleted
and when. What stands below generated/ is made again by controllers and is not put back.
";

/// A backup under construction. Dropped, it lets go of the folder; what was committed stays.
pub struct Vault {
    root: Folder,
    index: File,
    journal: File,
    digest: Sha256,
    entries: u64,
    /// By UID, what is committed of it, and what for.
    held: BTreeMap<Uid, (Checksum, Purpose)>,
    /// Names of files that are committed, as checksums.
    files: BTreeSet<Checksum>,
    pending: Vec<Pending>,
    /// The folder that was written to last, and what it is for.
    open: Option<(String, Folder)>,
    /// This process has noted that it deletes.
    deleting: bool,
}

/// The first half of a SHA-256, which is enough to tell things apart.
type Checksum = [u8; 16];

struct Pending {
    uid: Uid,
    content: Checksum,
    entry: Entry,
}

impl Vault {
    /// Opens the folder, new or to go on with, for this process alone.
    pub fn open(place: &Place, origin: &Origin, now: Timestamp) -> Result<Self, Failure> {
        let path = match place {
            Place::Exactly(path) => path.clone(),
            Place::Below(base) => match Earlier::find(place, origin)? {
                Some(earlier) => earlier.path,
                None => unused(base, now),
            },
        };
        Self::open_in(&path, origin, now)
    }

    fn open_in(path: &Path, origin: &Origin, now: Timestamp) -> Result<Self, Failure> {
        let broken = |error: io::Error| unwritable(path, &error);
        let is_new = is_empty_or_missing(path)?;
        let root = Folder::create(path).map_err(broken)?;
        if !is_new && root.file(INDEX).is_err() {
            return Err(not_ours(path, "it is not empty, and not a backup"));
        }
        let mut index = root.append(INDEX).map_err(broken)?;
        if rustix::fs::flock(&index, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Failure::new(
                Kind::Conflict,
                Reason::BackupInUse,
                format!(
                    "another bmctl is at work with the backup {}",
                    shown_path(path)
                ),
            ));
        }
        let mut held = BTreeMap::new();
        let mut files = BTreeSet::new();
        let reading = index::read(&index, |entry| {
            files.insert(checksum(entry.file.as_bytes()));
            let content = parse_checksum(&entry.sha256);
            held.insert(Uid::from(entry.uid.as_str()), (content, entry.purpose));
        })
        .map_err(broken)?;
        if let Some(header) = &reading.header {
            belongs(header, origin, path)?;
        }
        // What was being written when a program died over it was never relied upon.
        index.set_len(reading.committed).map_err(broken)?;
        index.seek(io::SeekFrom::End(0)).map_err(broken)?;
        let mut vault = Self {
            journal: journal::open(&root).map_err(broken)?,
            root,
            index,
            digest: reading.digest,
            entries: reading.entries,
            held,
            files,
            pending: Vec::new(),
            open: None,
            deleting: false,
        };
        if reading.committed == 0 {
            vault.begin(origin, now).map_err(broken)?;
        }
        Ok(vault)
    }

    fn begin(&mut self, origin: &Origin, now: Timestamp) -> io::Result<()> {
        self.root.write(README, README_TEXT.as_bytes())?;
        let header = Header {
            schema: index::SCHEMA.to_owned(),
            created: now.to_string(),
            origin: origin.clone(),
        };
        let mut lines = index::line(&Line::Header(header));
        self.write_committed(&mut lines)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Is it saved, for good?
    #[must_use]
    pub fn holds(&self, uid: &Uid) -> bool {
        self.held.contains_key(uid)
    }

    /// For what it is saved, if it is.
    #[must_use]
    pub fn purpose(&self, uid: &Uid) -> Option<Purpose> {
        self.held.get(uid).map(|(_, purpose)| *purpose)
    }

    /// Saves an object; it counts after the next [`commit`](Self::commit). What is saved already for the same purpose and
    /// still the same, or on its way out by now, stays as it was saved.
    pub fn save(
        &mut self,
        workload: &Workload,
        object: &Value,
        purpose: Purpose,
    ) -> Result<(), Failure> {
        let text = manifest::yaml(&manifest::of(workload, object));
        let digest = Sha256::digest(&text);
        let content = half(&digest);
        match self.held.get(&workload.uid) {
            Some((_, _)) if workload.deleting.is_some() => return Ok(()),
            Some(held) if *held == (content, purpose) => return Ok(()),
            Some(_) | None => {}
        }
        let saved = self.write(workload, &text, content, purpose);
        let file = saved.map_err(|error| unwritable(self.root.path(), &error))?;
        self.pending.push(Pending {
            uid: workload.uid.clone(),
            content,
            entry: Entry {
                resource: workload.kind.qualified(),
                namespace: workload.namespace.to_string(),
                name: workload.name.to_string(),
                uid: workload.uid.to_string(),
                purpose,
                file,
                sha256: name::hex(&digest),
            },
        });
        Ok(())
    }

    fn write(
        &mut self,
        workload: &Workload,
        text: &str,
        content: Checksum,
        purpose: Purpose,
    ) -> io::Result<String> {
        let (tree, extension) = match purpose {
            Purpose::Delete | Purpose::Keep => (MANIFESTS, "yaml"),
            Purpose::Record => (RECORDS, "manifest"),
        };
        let parts = [
            tree.to_owned(),
            name::of(&workload.namespace),
            name::of(&workload.kind.qualified()),
        ];
        let place = parts.join("/");
        if self.open.as_ref().is_none_or(|(open, _)| *open != place) {
            self.close()?;
            self.open = Some((place.clone(), self.make(&parts)?));
        }
        let encoded = name::of(&workload.name);
        let mut file = format!("{encoded}.{extension}");
        if self.is_taken(&format!("{place}/{file}")) {
            let mark = format!("{} {}", workload.uid, name::hex(&content));
            file = format!("{}.{extension}", name::another(&encoded, &mark));
        }
        if let Some((_, folder)) = &self.open {
            folder.write(&file, text.as_bytes())?;
        }
        Ok(format!("{place}/{file}"))
    }

    fn is_taken(&self, path: &str) -> bool {
        self.files.contains(&checksum(path.as_bytes()))
            || self
                .pending
                .iter()
                .any(|pending| pending.entry.file == path)
    }

    fn make(&self, parts: &[String; 3]) -> io::Result<Folder> {
        let tree = self.root.make(&parts[0])?;
        let namespace = tree.make(&parts[1])?;
        let resource = namespace.make(&parts[2])?;
        for folder in [&namespace, &tree, &self.root] {
            folder.sync()?;
        }
        Ok(resource)
    }

    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((_, folder)) => folder.sync(),
            None => Ok(()),
        }
    }

    /// How much was saved since the last commit.
    #[must_use]
    pub fn uncommitted(&self) -> usize {
        self.pending.len()
    }

    /// Makes everything that was saved count.
    pub fn commit(&mut self) -> Result<(), Failure> {
        self.write_commit()
            .map_err(|error| unwritable(self.root.path(), &error))
    }

    fn write_commit(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.close()?;
        let mut lines = Vec::new();
        let pending = std::mem::take(&mut self.pending);
        for one in &pending {
            lines.extend(index::line(&Line::Entry(one.entry.clone())));
        }
        self.entries += pending.len() as u64;
        self.write_committed(&mut lines)?;
        for one in pending {
            self.files.insert(checksum(one.entry.file.as_bytes()));
            self.held.insert(one.uid, (one.content, one.entry.purpose));
        }
        Ok(())
    }

    fn write_committed(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        self.digest.update(&*lines);
        let commit = index::line(&Line::Commit(Commit {
            commit: self.entries,
            sha256: name::hex(&self.digest.clone().finalize()),
        }));
        self.digest.update(&commit);
        lines.extend(commit);
        self.index.write_all(lines)?;
        self.index.sync_all()?;
        self.root.sync()
    }

    /// Notes that from here on objects are deleted. Once is enough.
    pub fn deleting(&mut self, now: Timestamp) -> Result<(), Failure> {
        if self.deleting {
            return Ok(());
        }
        self.note(now, Note::Deleting)?;
        let synced = self.root.sync();
        synced.map_err(|error| unwritable(self.root.path(), &error))?;
        self.deleting = true;
        Ok(())
    }

    /// Notes that the API server has accepted a deletion.
    pub fn deleted(&mut self, now: Timestamp, workload: &Workload) -> Result<(), Failure> {
        let object = workload.object_name().to_string();
        let uid = workload.uid.to_string();
        let note = Note::Deleted {
            object: &object,
            uid: &uid,
        };
        self.note(now, note)
    }

    /// Notes that everything that was to be deleted is gone.
    pub fn finish(&mut self, now: Timestamp) -> Result<(), Failure> {
        self.deleting = false;
        self.note(now, Note::Finished)
    }

    fn note(&mut self, now: Timestamp, note: Note<'_>) -> Result<(), Failure> {
        let written = journal::write(&mut self.journal, now, note);
        written.map_err(|error| unwritable(self.root.path(), &error))
    }
}

/// A folder that is not there yet, named after the time.
fn unused(base: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let first = base.join(&stamp);
    let further = (2..).map(|number| base.join(format!("{stamp}-{number}")));
    std::iter::once(first)
        .chain(further)
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| base.join(stamp))
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::OperationFailed,
        Reason::BackupFailed,
        format!("could not write the backup in {}", shown_path(path)),
    )
    .caused_by(error.to_string())
    .hint("name another folder: --backup DIR")
}

fn half(digest: &[u8]) -> Checksum {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

fn checksum(bytes: &[u8]) -> Checksum {
    half(&Sha256::digest(bytes))
}

/// The first half of a checksum in hexadecimal; what is none is like no other.
fn parse_checksum(text: &str) -> Checksum {
    let mut half = [0; 16];
    for (place, byte) in half.iter_mut().enumerate() {
        let digits = text.get(place * 2..place * 2 + 2).unwrap_or("00");
        *byte = u8::from_str_radix(digits, 16).unwrap_or(0);
    }
    half
}

#[cfg(test)]
mod tests;
