//! Where the objects live: one version counter, one sorted map a resource, one bounded history a resource.
//!
//! Readers take a short read lock and leave with `Arc`s. Writers hold the [`Writer`], of which there is one: a write
//! verb reads, decides and commits without anybody writing in between. The store knows nothing of verbs or schemas;
//! it stamps `metadata.resourceVersion` and keeps what the collector of garbage needs to find owners and dependents.
//!
//! With a [`disk`] behind it nobody outside hears of a write before it is there: see [`Store::kept`].

mod disk;
mod history;
mod index;
mod writer;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use self::{disk::Journal, history::History};
pub use self::{
    disk::{Disk, Recalled, StateFault, is_there},
    history::Compacted,
    index::Index,
    writer::{Writer, stamp},
};
use crate::kind::resource::ResourceType;

/// Group and plural: all versions of a resource are in one collection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    pub group: String,
    pub plural: String,
}

impl GroupResource {
    pub fn of(resource: &ResourceType) -> Self {
        let (group, plural) = resource.storage_key();
        Self::new(group, plural)
    }

    pub fn new(group: &str, plural: &str) -> Self {
        Self {
            group: group.to_owned(),
            plural: plural.to_owned(),
        }
    }
}

/// One object's place: its collection and `namespace/name`, or the name alone where there are no namespaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    pub collection: GroupResource,
    pub key: String,
}

impl ObjectId {
    /// The namespace, empty for an object without one.
    pub fn namespace(&self) -> &str {
        self.key
            .split_once('/')
            .map_or("", |(namespace, _)| namespace)
    }

    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }
}

/// The key of an object in its collection.
pub fn key(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) if !namespace.is_empty() => format!("{namespace}/{name}"),
        _ => name.to_owned(),
    }
}

/// One committed write.
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub id: ObjectId,
    /// What was there before.
    pub old: Option<Arc<Value>>,
    /// What is there now; `None` after a delete.
    pub new: Option<Arc<Value>>,
}

/// Objects of one collection as they were at one version, sorted by key.
#[derive(Debug)]
pub struct Snapshot {
    pub version: u64,
    pub objects: Vec<(String, Arc<Value>)>,
}

/// Some of them, in order.
#[derive(Debug)]
pub struct Page {
    pub version: u64,
    pub objects: Vec<(String, Arc<Value>)>,
    /// How many come after these.
    pub rest: usize,
}

#[derive(Debug)]
struct Collection {
    objects: BTreeMap<String, Arc<Value>>,
    history: History,
    /// The version of the latest write, for those who wait for the next.
    latest: watch::Sender<u64>,
}

impl Collection {
    fn range(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&str, &Arc<Value>)> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        self.objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, object)| (key.as_str(), object))
    }
}

/// Both are sorted by key; what `undone` says of a key counts, and where it says nothing the object was not there.
fn undo<'a>(
    now: impl Iterator<Item = (&'a str, &'a Arc<Value>)>,
    undone: impl Iterator<Item = (&'a str, Option<&'a Arc<Value>>)>,
) -> impl Iterator<Item = (&'a str, &'a Arc<Value>)> {
    let (mut now, mut undone) = (now.peekable(), undone.peekable());
    std::iter::from_fn(move || {
        loop {
            let Some((key, _)) = undone.peek() else {
                return now.next();
            };
            if let Some(untouched) = now.next_if(|(other, _)| other < key) {
                return Some(untouched);
            }
            let (key, object) = undone.next()?;
            now.next_if(|(other, _)| *other == key);
            if let Some(object) = object {
                return Some((key, object));
            }
        }
    })
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    /// What there was at the start; no history reaches further back.
    base: u64,
    collections: HashMap<GroupResource, Collection>,
    index: Index,
}

/// The store; shared by reference.
#[derive(Debug)]
pub struct Store {
    inner: RwLock<Inner>,
    write_lock: Mutex<()>,
    changes: mpsc::UnboundedSender<Arc<Change>>,
    /// How many writes a collection remembers.
    memory: usize,
    journal: Option<Journal>,
}

impl Store {
    /// An empty store that tells `changes` of every write and remembers `memory` writes a resource.
    pub fn new(memory: usize, changes: mpsc::UnboundedSender<Arc<Change>>) -> Self {
        Self {
            inner: RwLock::default(),
            write_lock: Mutex::new(()),
            changes,
            memory,
            journal: None,
        }
    }

    /// A store of what is on a disk, which follows it from now on. Tells `changes` of everything that is there, as of
    /// writes.
    pub fn on(
        disk: &Arc<Disk>,
        memory: usize,
        changes: mpsc::UnboundedSender<Arc<Change>>,
    ) -> Result<Self, StateFault> {
        let Recalled { version, objects } = disk.recall()?;
        let mut inner = Inner {
            version,
            base: version,
            ..Inner::default()
        };
        for (id, object) in objects {
            let object = Arc::new(object);
            inner.index.replace(&id, None, Some(&object));
            let collection = inner.collection(&id.collection, memory);
            collection.objects.insert(id.key.clone(), object.clone());
            // Nobody listens only when the server is going down.
            let _ = changes.send(Arc::new(Change {
                version,
                id,
                old: None,
                new: Some(object),
            }));
        }
        Ok(Self {
            inner: RwLock::new(inner),
            journal: Some(Journal::keep(disk.clone(), version)?),
            ..Self::new(memory, changes)
        })
    }

    /// Returns once everything that has been written up to now is kept, which without a disk it is at once.
    ///
    /// # Errors
    /// Why it could not be kept, and nothing will be from now on.
    pub async fn kept(&self) -> Result<(), String> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let version = self.version();
        let mut progress = journal.progress.clone();
        let reached = progress
            .wait_for(|progress| progress.version >= version || progress.broken.is_some())
            .await;
        match reached.map(|progress| progress.broken.clone()) {
            Ok(None) => Ok(()),
            Ok(Some(why)) => Err(why),
            Err(_) => Err("the thread that writes the state has ended".to_owned()),
        }
    }

    /// Returns when the state can not be kept any more, and why; never without a disk.
    pub async fn broken(&self) -> String {
        let Some(journal) = &self.journal else {
            return std::future::pending().await;
        };
        let mut progress = journal.progress.clone();
        let broken = progress
            .wait_for(|progress| progress.broken.is_some())
            .await;
        broken
            .ok()
            .and_then(|progress| progress.broken.clone())
            .unwrap_or_else(|| "the thread that writes the state has ended".to_owned())
    }

    /// The version of the latest write of all.
    pub fn version(&self) -> u64 {
        self.read().version
    }

    pub fn get(&self, collection: &GroupResource, key: &str) -> Option<Arc<Value>> {
        self.read()
            .collections
            .get(collection)?
            .objects
            .get(key)
            .cloned()
    }

    /// Every object of the collection whose key starts with `prefix`, as it is now.
    pub fn now(&self, collection: &GroupResource, prefix: &str) -> Snapshot {
        let inner = self.read();
        Snapshot {
            version: inner.version,
            objects: inner
                .collections
                .get(collection)
                .map(|collection| {
                    let range = collection.range(prefix, None);
                    range
                        .map(|(key, object)| (key.to_owned(), object.clone()))
                        .collect()
                })
                .unwrap_or_default(),
        }
    }

    /// At most `most` objects whose key starts with `prefix` and lies after `after`, as they were at a version, or as they
    /// are now. However many there are, no more than these are copied.
    pub fn page(
        &self,
        at: Option<u64>,
        collection: &GroupResource,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Page, Compacted> {
        let inner = self.read();
        let version = at.unwrap_or(inner.version);
        let Some(collection) = inner.collections.get(collection) else {
            return Ok(Page {
                version,
                objects: Vec::new(),
                rest: 0,
            });
        };
        let undone = match at {
            Some(version) => collection.history.undo_to(version)?,
            None => BTreeMap::new(),
        };
        let undone = undone
            .into_iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| *key > after));
        let mut then = undo(collection.range(prefix, after), undone);
        let objects = then
            .by_ref()
            .take(most)
            .map(|(key, object)| (key.to_owned(), object.clone()))
            .collect();
        Ok(Page {
            version,
            objects,
            rest: then.count(),
        })
    }

    /// The writes to a collection after `version` that are kept, oldest first.
    pub fn changes_since(
        &self,
        collection: &GroupResource,
        version: u64,
    ) -> Result<Vec<Arc<Change>>, Compacted> {
        let kept = self.journal.as_ref();
        let kept = kept.map(|journal| journal.progress.borrow().version);
        let inner = self.read();
        let Some(collection) = inner.collections.get(collection) else {
            // Whoever comes from before the start may have missed the end of what was there then.
            return if version < inner.base {
                Err(Compacted { oldest: inner.base })
            } else {
                Ok(Vec::new())
            };
        };
        let mut changes = collection.history.since(version)?;
        if let Some(kept) = kept {
            changes.truncate(changes.partition_point(|change| change.version <= kept));
        }
        Ok(changes)
    }

    /// Wakes whenever the collection has been written to.
    pub fn subscribe(&self, collection: &GroupResource) -> watch::Receiver<u64> {
        if let Some(collection) = self.read().collections.get(collection) {
            return collection.latest.subscribe();
        }
        let mut inner = self.lock();
        let memory = self.memory;
        inner.collection(collection, memory).latest.subscribe()
    }

    /// Ids of all objects in a namespace.
    pub fn contents_of(&self, namespace: &str) -> Vec<ObjectId> {
        let prefix = format!("{namespace}/");
        let inner = self.read();
        let collections = inner.collections.iter();
        collections
            .flat_map(|(place, collection)| {
                collection.range(&prefix, None).map(|(key, _)| ObjectId {
                    collection: place.clone(),
                    key: key.to_owned(),
                })
            })
            .collect()
    }

    /// Looks something up in the index of uids and owners.
    pub fn index<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.read().index)
    }

    /// Waits until nobody else writes. Hold it over everything that the decision depends on, never over an await.
    pub fn write(&self) -> Writer<'_> {
        let lock = self.write_lock.lock();
        Writer::new(self, Some(lock.unwrap_or_else(PoisonError::into_inner)))
    }

    /// For a dry run that nobody has to wait for, and that waits for nobody. It must not write.
    pub fn rehearsal(&self) -> Writer<'_> {
        Writer::new(self, None)
    }

    // A panic while a lock is held leaves whole objects behind (every commit is one insert), so poison is ignored.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn collection(&mut self, key: &GroupResource, memory: usize) -> &mut Collection {
        let base = self.base;
        self.collections
            .entry(key.clone())
            .or_insert_with(|| Collection {
                objects: BTreeMap::new(),
                history: History::new(memory, base),
                latest: watch::Sender::new(0),
            })
    }
}

#[cfg(test)]
mod tests;
