//! The state of a server on disk. One embedded database, one thread that writes to it.
//!
//! Every write of the [`super::Store`] is handed over in its order. The thread takes all that wait, writes them in one
//! transaction and syncs it: a busy server pays one sync for hundreds of writes. Nobody outside hears of a write before
//! that: neither the client that asked for it nor a watcher. So what was answered is there after a `kill -9`, and no
//! version is given out twice.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, WriteTransaction,
    backends::FileBackend,
};
use rustix::fs::OFlags;
use serde_json::Value;
use tokio::sync::watch;

use super::{Change, GroupResource, ObjectId};

/// What the file is called inside the folder.
const FILE: &str = "state.redb";
/// The number of the last transaction, written after it. Of a file that was not closed the database can lose the last
/// transaction to a bit that tips over, and takes the one before it.
const COMMITS: &str = "state.commits";
/// Version of what is written here. A file with a higher one was written by a later version.
const FORMAT: u64 = 1;

/// `group/plural/key` → the object, JSON.
const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
/// What there is one of: the format, the latest version, and the [`Disk::memo`]s.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const MEMOS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("memos");
const FORMAT_KEY: &str = "format";
const VERSION_KEY: &str = "version";
const COMMITS_KEY: &str = "commits";
/// Between the parts of a place. No part has it.
const SLASH: char = '/';

/// Why a state can not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFault {
    #[error("another sandbox is using it")]
    Taken,
    #[error("it was written by a later version (format {found}; this one knows {FORMAT})")]
    TooNew { found: u64 },
    #[error("{0}")]
    Unsafe(String),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl<E: Into<redb::Error>> From<Redb<E>> for StateFault {
    fn from(Redb(error): Redb<E>) -> Self {
        match error.into() {
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::Taken,
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// Any error of the database.
struct Redb<E>(E);

/// A state that is open, and ours alone.
#[derive(Debug)]
pub struct Disk {
    database: Database,
    /// How many transactions there have been.
    commits: Mutex<Commits>,
    /// The system gives it back however this process ends.
    _lock: File,
}

/// What a state holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recalled {
    pub version: u64,
    pub objects: Vec<(ObjectId, Value)>,
}

impl Disk {
    /// Opens the state in a folder, which is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self, StateFault> {
        let lock = open_folder(folder)?;
        let file = open_file(&folder.join(FILE))?;
        // What the file says is not trusted: every checksum is looked at once.
        let database = Database::builder()
            .set_cache_size(16 << 20)
            .set_check_integrity_on_open(true)
            .create_with_backend(FileBackend::new(file).map_err(Redb)?)
            .map_err(Redb)?;
        let disk = Self {
            database,
            commits: Mutex::new(Commits::open(&folder.join(COMMITS))?),
            _lock: lock,
        };
        disk.check_format()?;
        Ok(disk)
    }

    /// Refuses what a later version has written; marks what is new.
    fn check_format(&self) -> Result<(), StateFault> {
        let transaction = self.database.begin_write().map_err(Redb)?;
        {
            let mut numbers = transaction.open_table(NUMBERS).map_err(Redb)?;
            let found = numbers.get(FORMAT_KEY).map_err(Redb)?;
            let found = found.map(|found| found.value());
            match found {
                Some(found) if found > FORMAT => return Err(StateFault::TooNew { found }),
                Some(_) => {}
                None => drop(numbers.insert(FORMAT_KEY, FORMAT).map_err(Redb)?),
            }
            transaction.open_table(OBJECTS).map_err(Redb)?;
            transaction.open_table(MEMOS).map_err(Redb)?;
            let found = numbers.get(COMMITS_KEY).map_err(Redb)?;
            let found = found.map_or(0, |found| found.value());
            let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            if found < commits.last {
                let why = "the last of what was written is missing";
                return Err(StateFault::Damaged(why.to_owned()));
            }
            commits.last = found;
        }
        self.commit(transaction)
    }

    /// Ends a transaction, and remembers that it was.
    fn commit(&self, transaction: WriteTransaction) -> Result<(), StateFault> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let next = commits.last + 1;
        {
            let mut numbers = transaction.open_table(NUMBERS).map_err(Redb)?;
            numbers.insert(COMMITS_KEY, next).map_err(Redb)?;
        }
        transaction.commit().map_err(Redb)?;
        Ok(commits.set(next)?)
    }

    /// Everything that is stored.
    pub fn recall(&self) -> Result<Recalled, StateFault> {
        let transaction = self.database.begin_read().map_err(Redb)?;
        let numbers = transaction.open_table(NUMBERS).map_err(Redb)?;
        let version = numbers.get(VERSION_KEY).map_err(Redb)?;
        let version = version.map_or(0, |version| version.value());
        let table = transaction.open_table(OBJECTS).map_err(Redb)?;
        let mut objects = Vec::new();
        for entry in table.iter().map_err(Redb)? {
            let (place, object) = entry.map_err(Redb)?;
            let damaged = |why: &str| StateFault::Damaged(format!("{}: {why}", place.value()));
            let id = id_at(place.value()).ok_or_else(|| damaged("no place of an object"))?;
            let object = serde_json::from_slice(object.value())
                .map_err(|error| damaged(&error.to_string()))?;
            objects.push((id, object));
        }
        Ok(Recalled { version, objects })
    }

    /// Something to remember beside the objects.
    pub fn memo(&self, name: &str) -> Result<Option<Vec<u8>>, StateFault> {
        let transaction = self.database.begin_read().map_err(Redb)?;
        let memos = transaction.open_table(MEMOS).map_err(Redb)?;
        let memo = memos.get(name).map_err(Redb)?;
        Ok(memo.map(|memo| memo.value().to_vec()))
    }

    pub fn set_memo(&self, name: &str, value: &[u8]) -> Result<(), StateFault> {
        let transaction = self.database.begin_write().map_err(Redb)?;
        {
            let mut memos = transaction.open_table(MEMOS).map_err(Redb)?;
            memos.insert(name, value).map_err(Redb)?;
        }
        self.commit(transaction)
    }

    /// Writes these changes, all or none.
    fn write(&self, changes: &[Pending]) -> Result<(), StateFault> {
        let transaction = self.database.begin_write().map_err(Redb)?;
        {
            let mut objects = transaction.open_table(OBJECTS).map_err(Redb)?;
            for Pending { change, .. } in changes {
                let place = place_of(&change.id);
                match &change.new {
                    Some(object) => {
                        let text = object.to_string();
                        objects
                            .insert(place.as_str(), text.as_bytes())
                            .map_err(Redb)?;
                    }
                    None => drop(objects.remove(place.as_str()).map_err(Redb)?),
                }
            }
            let mut numbers = transaction.open_table(NUMBERS).map_err(Redb)?;
            if let Some(last) = changes.last() {
                numbers
                    .insert(VERSION_KEY, last.change.version)
                    .map_err(Redb)?;
            }
        }
        self.commit(transaction)
    }
}

/// The number of the last transaction, beside the database.
#[derive(Debug)]
struct Commits {
    file: File,
    last: u64,
}

impl Commits {
    fn open(path: &Path) -> Result<Self, StateFault> {
        let file = open_file(path)?;
        let mut text = [0; 16];
        let last = match file.read_at(&mut text, 0)? {
            0 => 0,
            16 => {
                let (number, inverse) = text.split_at(8);
                let number = u64::from_le_bytes(number.try_into().unwrap_or_default());
                let inverse = u64::from_le_bytes(inverse.try_into().unwrap_or_default());
                if number != !inverse {
                    return Err(StateFault::Damaged(format!("{COMMITS} is no number")));
                }
                number
            }
            _ => return Err(StateFault::Damaged(format!("{COMMITS} is no number"))),
        };
        Ok(Self { file, last })
    }

    fn set(&mut self, number: u64) -> io::Result<()> {
        let text = [number.to_le_bytes(), (!number).to_le_bytes()].concat();
        self.file.write_all_at(&text, 0)?;
        self.last = number;
        Ok(())
    }
}

/// Is there a state in the folder?
pub fn is_there(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// Makes the folder, for us alone, and takes it.
fn open_folder(folder: &Path) -> Result<File, StateFault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let metadata = fs::metadata(folder)?;
    if metadata.mode() & 0o022 != 0 {
        return Err(StateFault::Unsafe(
            "others may write to the folder (chmod 700 it)".to_owned(),
        ));
    }
    let lock = File::open(folder)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StateFault::Taken),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// A plain file of ours that nobody else reads: the objects' secrets and the cluster's own are in it.
fn open_file(path: &Path) -> Result<File, StateFault> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_link)
        .open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(StateFault::Unsafe(format!("{name} is a symbolic link")));
        }
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(StateFault::Unsafe(format!("{name} is no plain file")));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(StateFault::Unsafe(format!(
            "others may read {name} (chmod 600 it)"
        )));
    }
    Ok(file)
}

fn place_of(id: &ObjectId) -> String {
    [&id.collection.group, &id.collection.plural, &id.key]
        .map(String::as_str)
        .join("/")
}

/// The way back: group and plural have no slash, a key may have one.
fn id_at(place: &str) -> Option<ObjectId> {
    let (group, rest) = place.split_once(SLASH)?;
    let (plural, key) = rest.split_once(SLASH)?;
    Some(ObjectId {
        collection: GroupResource::new(group, plural),
        key: key.to_owned(),
    })
}

/// A write that is not on disk yet.
#[derive(Debug)]
pub struct Pending {
    pub change: Arc<Change>,
    /// Wakes the watchers of its collection.
    pub wake: watch::Sender<u64>,
}

/// How far the disk is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Everything up to this version is on disk.
    pub version: u64,
    /// Why nothing will be written any more.
    pub broken: Option<String>,
}

/// The way of changes to the disk.
#[derive(Debug)]
pub struct Journal {
    pending: mpsc::Sender<Pending>,
    pub progress: watch::Receiver<Progress>,
}

impl Journal {
    /// Starts the thread that writes. It ends, with everything written, when the journal is dropped.
    pub fn keep(disk: Arc<Disk>, version: u64) -> io::Result<Self> {
        let (pending, waiting) = mpsc::channel();
        let (told, progress) = watch::channel(Progress {
            version,
            broken: None,
        });
        thread::Builder::new()
            .name("sandbox-state".to_owned())
            .spawn(move || write_down(&disk, &waiting, &told))?;
        Ok(Self { pending, progress })
    }

    pub fn push(&self, pending: Pending) {
        // The thread has ended only if the disk broke, which `progress` tells.
        let _ = self.pending.send(pending);
    }
}

/// Writes what waits, as one transaction after the other.
fn write_down(disk: &Disk, waiting: &mpsc::Receiver<Pending>, told: &watch::Sender<Progress>) {
    /// Enough to make a sync cheap, few enough to be written in a moment.
    const MOST: usize = 1000;
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(MOST - 1));
        if let Err(fault) = disk.write(&batch) {
            tracing::error!(%fault, "the state can not be written");
            told.send_modify(|progress| progress.broken = Some(fault.to_string()));
            return;
        }
        let last = batch.iter().map(|pending| pending.change.version).max();
        told.send_modify(|progress| progress.version = last.unwrap_or(progress.version));
        for Pending { change, wake } in batch {
            wake.send_replace(change.version);
        }
    }
}

#[cfg(test)]
mod tests;
