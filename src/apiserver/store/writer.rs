//! The one who may write: stamps, puts and removes, keeps index and history, and tells whoever listens.

use std::sync::{Arc, MutexGuard, RwLockWriteGuard};

use serde_json::Value;

use super::{Change, Inner, ObjectId, Store, disk::Pending};

/// The one who may write.
#[derive(Debug)]
pub struct Writer<'a> {
    store: &'a Store,
    /// None for a rehearsal, in which nothing is written.
    _write_lock: Option<MutexGuard<'a, ()>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(store: &'a Store, lock: Option<MutexGuard<'a, ()>>) -> Self {
        Self {
            store,
            _write_lock: lock,
        }
    }

    /// Puts an object in its place and stamps it with the next version.
    pub fn put(&self, id: &ObjectId, mut object: Value) -> Arc<Value> {
        let mut inner = self.store.lock();
        let version = inner.next();
        stamp(&mut object, version);
        let object = Arc::new(object);
        let collection = inner.collection(&id.collection, self.store.memory);
        let old = collection.objects.insert(id.key.clone(), object.clone());
        self.commit(inner, id, old, Some(object.clone()), version);
        object
    }

    /// Takes an object out of its place.
    pub fn remove(&self, id: &ObjectId) -> Option<Arc<Value>> {
        let mut inner = self.store.lock();
        let collection = inner.collection(&id.collection, self.store.memory);
        let old = collection.objects.remove(&id.key)?;
        let version = inner.next();
        self.commit(inner, id, Some(old.clone()), None, version);
        Some(old)
    }

    fn commit(
        &self,
        mut inner: RwLockWriteGuard<'_, Inner>,
        id: &ObjectId,
        old: Option<Arc<Value>>,
        new: Option<Arc<Value>>,
        version: u64,
    ) {
        inner.index.replace(id, old.as_deref(), new.as_deref());
        let change = Arc::new(Change {
            version,
            id: id.clone(),
            old,
            new,
        });
        let collection = inner.collection(&id.collection, self.store.memory);
        collection
            .history
            .push(change.clone(), collection.objects.len());
        match &self.store.journal {
            None => drop(collection.latest.send_replace(version)),
            // Handed over with the lock held, so that the order is that of the versions.
            Some(journal) => journal.push(Pending {
                change: change.clone(),
                wake: collection.latest.clone(),
            }),
        }
        drop(inner);
        // Nobody listens only when the server is going down.
        let _ = self.store.changes.send(change);
    }
}

/// Sets `metadata.resourceVersion`.
pub fn stamp(object: &mut Value, version: u64) {
    object["metadata"]["resourceVersion"] = version.to_string().into();
}
