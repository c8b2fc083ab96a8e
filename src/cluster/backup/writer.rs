//! A backup that is being written. What it [`holds`](BackupWriter::holds) is on the disk, with its place in the index, and
//! was read back.
//!
//! ```text
//! what earlier runs saved is read back
//!   ▶ manifests, nameless ▶ INDEX: entries, commit ▶ manifests get their names ▶ JOURNAL: saved ▶ read back
//!   ▶ JOURNAL: deleting ▶ INDEX: commit ▶ deletions ▶ JOURNAL: finished ▶ INDEX: commit
//! ```
//!
//! Each arrow waits for the disk. The program may die at any of them: a line that it was writing has no end yet, and is
//! cut off by the next run; manifests that INDEX names and JOURNAL has not seen get their names then; nothing was deleted
//! on the account of either. Everything else that does not verify is damage, to which nothing is added.

mod begin;
mod draft;
mod read_back;

use std::{collections::BTreeMap, fs::File, io, path::Path};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::{
    begin::{begin, begin_journal, unused},
    draft::{draft_once, give_names, publish},
    read_back::ReadBack,
};
use super::{
    INDEX, JOURNAL, MANIFESTS, Origin, Place,
    contents::{self, Contents, First},
    damage::Damage,
    earlier::{Earlier, is_unused, refusal},
    failures::{damaged, in_use, no_index, takes_no_more, unwritable},
    folder::{Folder, Lock, lock},
    index::{Commit, Entry, Generated, Line, Purpose},
    journal::{Event, Record},
    lines::{Appender, Sum},
    manifest, name,
    reader::is_whole,
};
use crate::{
    cluster::{
        inventory::{Uid, Workload},
        subject::Subject,
    },
    failure::Failure,
};

/// What is not put back.
const RECORDS: &str = "generated";
/// What people have set on objects that somebody else makes again.
const SETTINGS: &str = "settings";
/// In the place of a namespace, for objects of the whole cluster. No namespace is encoded to it.
const CLUSTER: &str = "_cluster";

/// A backup under construction. Dropped, it lets go of the folder; what was committed stays.
pub struct BackupWriter {
    root: Folder,
    index: Appender,
    journal: Appender,
    entries: u64,
    /// By UID.
    held: BTreeMap<Uid, Held>,
    pending: Vec<Pending>,
    /// What is to be noted with the next commit.
    generated: Vec<Generated>,
    /// The folder that was written to last, and what it is for.
    open: Option<(String, Folder)>,
    /// What earlier runs have saved, as long as it is not read back.
    unread: Option<ReadBack>,
    /// This process has noted that it deletes.
    deleting: bool,
}

/// What is committed of an object.
#[derive(Clone)]
struct Held {
    content: Sum,
    purpose: Purpose,
    /// The resourceVersion at which this process has found the object to be so.
    version: Option<Box<str>>,
}

struct Pending {
    uid: Uid,
    content: Sum,
    version: Option<Box<str>>,
    entry: Entry,
    /// The name that its file has until it is committed. `None`: the file is there already, with this very content.
    unfinished: Option<String>,
}

impl BackupWriter {
    /// Opens the folder, new or to go on with, for this process alone.
    pub fn open(place: &Place, origin: &Origin, now: Timestamp) -> Result<Self, Failure> {
        let path = match place {
            Place::Exactly(path) => path.clone(),
            Place::Below(base) => match Earlier::find(place, origin)? {
                Some(earlier) if earlier.takes_more => earlier.path,
                Some(_) | None => unused(base, now),
            },
        };
        Self::open_in(&path, origin, now)
    }

    fn open_in(path: &Path, origin: &Origin, now: Timestamp) -> Result<Self, Failure> {
        let broken = |error: io::Error| unwritable(path, &error);
        let is_new = is_unused(path)?;
        let root = Folder::create(path).map_err(broken)?;
        if is_new {
            begin(&root, origin, now).map_err(broken)?;
        }
        let index = root.append(INDEX).map_err(|error| no_index(path, &error))?;
        if !lock(&index, Lock::Write).map_err(broken)? {
            return Err(in_use(path));
        }
        let first = contents::first(&root, &index).map_err(broken)?;
        if matches!(first, First::Earlier(_)) {
            return Err(takes_no_more(path));
        }
        if let Some(refused) = refusal(first, origin, path) {
            return Err(refused);
        }
        let (mut held, mut unseen) = (BTreeMap::new(), Vec::new());
        let contents = contents::read(&root, &index, |taken| {
            // What is no checksum is like no other.
            let content = Sum::try_from(taken.entry.sha256.clone()).unwrap_or_default();
            let uid = Uid::from(taken.entry.uid.as_str());
            held.insert(uid, Held::unseen(content, taken.entry.purpose));
            if !taken.seen {
                unseen.push(taken.entry);
            }
        })
        .map_err(broken)?;
        if !contents.damage.is_empty() {
            return Err(damaged(path, &contents.damage));
        }
        let generated = contents.generated.iter();
        let generated = generated.map(|generated| Uid::from(generated.uid.as_str()));
        held.extend(generated.map(|uid| (uid, Held::nothing())));
        give_names(&root, &unseen).map_err(broken)?;
        Self::resume(root, index, &contents, held, now).map_err(broken)
    }

    /// Goes on where the lines of a backup end that is not damaged.
    fn resume(
        root: Folder,
        index: File,
        contents: &Contents,
        held: BTreeMap<Uid, Held>,
        now: Timestamp,
    ) -> io::Result<Self> {
        let index = Appender::new(index, contents.index)?;
        let end = match contents.journal {
            Some(end) => end,
            None => begin_journal(&root, index.mark(), now)?,
        };
        let journal = Appender::new(root.append(JOURNAL)?, end)?;
        let unread = ReadBack::new(root.file(INDEX)?, index.mark());
        Ok(Self {
            root,
            index,
            journal,
            entries: contents.entries,
            held,
            pending: Vec::new(),
            generated: Vec::new(),
            open: None,
            unread: Some(unread),
            deleting: false,
        })
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
        self.held.get(uid).map(|held| held.purpose)
    }

    /// The resourceVersion at which the object is what the backup holds of it. `None` where that is not known, and where
    /// it does not matter, because nobody puts it back.
    #[must_use]
    pub fn version(&self, uid: &Uid) -> Option<&str> {
        let held = self.held.get(uid)?;
        match held.purpose {
            Purpose::Delete | Purpose::Keep | Purpose::Settings => held.version.as_deref(),
            Purpose::Record => None,
        }
    }

    /// What an object was is decided once: what was generated from another object never becomes something to put back.
    fn settled(&self, uid: &Uid, wanted: Purpose) -> Purpose {
        match self.purpose(uid) {
            Some(Purpose::Record) => Purpose::Record,
            Some(Purpose::Delete | Purpose::Keep | Purpose::Settings) | None => wanted,
        }
    }

    /// Notes what is deleted without being saved, because a controller makes it again from another object; it counts
    /// after the next [`commit`](Self::commit).
    pub fn generated(&mut self, subject: &Subject) {
        if self.holds(&subject.uid) {
            return;
        }
        self.held.insert(subject.uid.clone(), Held::nothing());
        self.generated.push(Generated {
            generated: subject.name.resource.clone(),
            namespace: subject.namespace().to_owned(),
            name: subject.name.name.clone(),
            uid: subject.uid.to_string(),
        });
    }

    /// Reads back so many of the files that earlier runs have saved. `true`: they are all there, and whole.
    pub fn read_back(&mut self, count: usize) -> Result<bool, Failure> {
        let Some(unread) = &mut self.unread else {
            return Ok(true);
        };
        let over = unread
            .go_on(&self.root, count)
            .map_err(|error| unwritable(self.root.path(), &error))?;
        if !over {
            return Ok(false);
        }
        if !unread.damage().is_empty() {
            return Err(damaged(self.root.path(), unread.damage()));
        }
        self.unread = None;
        Ok(true)
    }

    /// Saves an object; it counts after the next [`commit`](Self::commit). What is saved already for the same purpose and
    /// still the same, or on its way out by now, stays as it was saved.
    pub fn save(
        &mut self,
        subject: &Subject,
        object: &Value,
        purpose: Purpose,
    ) -> Result<(), Failure> {
        let manifest = manifest::of(&subject.resource, object);
        if !manifest::describes(&manifest, subject.namespace(), &subject.name.name) {
            let why = format!("{} was read as another object", subject.name);
            return Err(unwritable(self.root.path(), &io::Error::other(why)));
        }
        let purpose = self.settled(&subject.uid, purpose);
        let is_going = !object["metadata"]["deletionTimestamp"].is_null();
        let text = manifest::yaml(&manifest);
        let digest = Sha256::digest(&text);
        let content = Sum::half(&digest);
        let version = object["metadata"]["resourceVersion"].as_str();
        let version = version.map(Box::from).filter(|_| !is_going);
        if let Some(held) = self.held.get_mut(&subject.uid)
            && (is_going || (held.content, held.purpose) == (content, purpose))
        {
            held.version = version;
            return Ok(());
        }
        // A list that is begun again shows it again.
        let mut pending = self.pending.iter_mut();
        if let Some(pending) = pending.find(|pending| {
            pending.uid == subject.uid
                && (pending.content, pending.entry.purpose) == (content, purpose)
        }) {
            pending.version = version;
            return Ok(());
        }
        let saved = self.write(subject, &text, content, purpose);
        let (file, unfinished) = saved.map_err(|error| unwritable(self.root.path(), &error))?;
        self.pending.push(Pending {
            uid: subject.uid.clone(),
            content,
            version,
            entry: Entry {
                resource: subject.name.resource.clone(),
                namespace: subject.namespace().to_owned(),
                name: subject.name.name.clone(),
                uid: subject.uid.to_string(),
                purpose,
                file,
                sha256: name::hex(&digest),
            },
            unfinished,
        });
        Ok(())
    }

    /// Returns the path that the file will have, and the name that it has until then, if it is not there already.
    fn write(
        &mut self,
        subject: &Subject,
        text: &str,
        content: Sum,
        purpose: Purpose,
    ) -> io::Result<(String, Option<String>)> {
        let (tree, extension) = match purpose {
            Purpose::Delete | Purpose::Keep => (MANIFESTS, "yaml"),
            Purpose::Record => (RECORDS, "manifest"),
            Purpose::Settings => (SETTINGS, "manifest"),
        };
        let namespace = match &subject.name.namespace {
            Some(namespace) => name::of(namespace),
            None => CLUSTER.to_owned(),
        };
        let parts = [tree.to_owned(), namespace, name::of(&subject.name.resource)];
        let place = parts.join("/");
        let folder = match self.open.take() {
            Some((open, folder)) if open == place => folder,
            other => {
                close(other)?;
                self.make(&parts)?
            }
        };
        let encoded = name::of(&subject.name.name);
        let mark = format!("{} {content}", subject.uid);
        let first = format!("{encoded}.{extension}");
        let second = format!("{}.{extension}", name::another(&encoded, &mark));
        let names = [first, second].into_iter().filter(|name| {
            let path = format!("{place}/{name}");
            !self
                .pending
                .iter()
                .any(|pending| pending.entry.file == path)
        });
        let drafted = draft_once(&folder, names, text.as_bytes());
        self.open = Some((place.clone(), folder));
        let (file, unfinished) = drafted?;
        Ok((format!("{place}/{file}"), unfinished))
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

    /// How much was saved since the last commit.
    #[must_use]
    pub fn uncommitted(&self) -> usize {
        self.pending.len() + self.generated.len()
    }

    /// Makes everything that was saved count: it is on the disk, and was read back.
    pub fn commit(&mut self, now: Timestamp) -> Result<(), Failure> {
        if self.uncommitted() == 0 {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.write_commit(&pending, now)
            .map_err(|error| unwritable(self.root.path(), &error))?;
        let mut wrong = Vec::new();
        for Pending { entry, .. } in &pending {
            let read = is_whole(&self.root, &entry.file, &entry.sha256);
            wrong.extend(read.err().map(|why| Damage::File {
                path: entry.file.clone(),
                why,
            }));
        }
        if !wrong.is_empty() {
            return Err(damaged(self.root.path(), &wrong));
        }
        for one in pending {
            let held = Held {
                content: one.content,
                purpose: one.entry.purpose,
                version: one.version,
            };
            self.held.insert(one.uid, held);
        }
        Ok(())
    }

    fn write_commit(&mut self, pending: &[Pending], now: Timestamp) -> io::Result<()> {
        close(self.open.take())?;
        let entries = pending.iter().map(|one| Line::Entry(one.entry.clone()));
        let generated = self.generated.drain(..).map(Line::Generated);
        let lines: Vec<Line> = entries.chain(generated).collect();
        self.index.append(&lines)?;
        self.entries += pending.len() as u64;
        self.confirm()?;
        let unnamed = pending
            .iter()
            .filter_map(|one| Some((&*one.entry.file, one.unfinished.as_deref()?)));
        publish(&self.root, unnamed)?;
        self.note(Event::Saved, now)
    }

    /// Says in the index how far both files are on the disk.
    fn confirm(&mut self) -> io::Result<()> {
        let commit = Commit {
            commit: self.entries,
            journal: self.journal.synced(),
        };
        self.index.append([&Line::Commit(commit)])?;
        self.index.sync()
    }

    /// Says in the journal what happened when the index had come so far.
    fn note(&mut self, event: Event, now: Timestamp) -> io::Result<()> {
        let files = [(INDEX, self.index.file()), (JOURNAL, self.journal.file())];
        if !self.root.is_still(files)? {
            return Err(io::Error::other("it was moved, or exchanged for another"));
        }
        let record = Record::of(event, now, self.index.synced());
        self.journal.append([&record])?;
        self.journal.sync()
    }

    /// Notes that from here on objects are deleted, once everything that the index names was read back. Once is enough.
    pub fn deleting(&mut self, now: Timestamp) -> Result<(), Failure> {
        if self.deleting {
            return Ok(());
        }
        while !self.read_back(usize::MAX)? {}
        self.note(Event::Deleting, now)
            .and_then(|()| self.confirm())
            .map_err(|error| unwritable(self.root.path(), &error))?;
        self.deleting = true;
        Ok(())
    }

    /// Notes that the API server has accepted a deletion.
    pub fn deleted(&mut self, now: Timestamp, workload: &Workload) -> Result<(), Failure> {
        let object = workload.object_name().to_string();
        let record = Record::deleted(now, object, workload.uid.to_string());
        self.journal
            .append([&record])
            .map_err(|error| unwritable(self.root.path(), &error))
    }

    /// Notes that everything that was to be deleted is gone.
    pub fn finish(&mut self, now: Timestamp) -> Result<(), Failure> {
        self.deleting = false;
        self.note(Event::Finished, now)
            .and_then(|()| self.confirm())
            .map_err(|error| unwritable(self.root.path(), &error))
    }
}

impl Held {
    /// By an earlier run.
    fn unseen(content: Sum, purpose: Purpose) -> Self {
        Self {
            content,
            purpose,
            version: None,
        }
    }

    /// It is known, and not saved.
    fn nothing() -> Self {
        Self::unseen(Sum::default(), Purpose::Record)
    }
}

fn close(open: Option<(String, Folder)>) -> io::Result<()> {
    match open {
        Some((_, folder)) => folder.sync(),
        None => Ok(()),
    }
}
