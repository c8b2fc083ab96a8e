//! Watches: the changes of one collection as a stream of frames, from a version on.
//!
//! A watcher has a cursor, not a queue: it is woken, reads what the history holds after its cursor, and so can never
//! make a writer wait. One that is too slow finds its place forgotten and is told so (410), as on a real API server.

mod frame;

use std::{collections::VecDeque, sync::Arc, time::Duration, vec};

use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub use self::frame::Frames;
use self::frame::{EventKind, FrameKey};
use crate::{
    presentation::{
        answer::{Chunks, Encoding, Shape, Wanted},
        table,
    },
    request::selection::Selection,
    status_error::StatusError,
    store::{Change, Compacted, GroupResource, Store, stamp},
};

/// How often a watcher that asked for bookmarks gets one.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// So long before its end a watch has its last one.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// About this much is sent at once.
const CHUNK: usize = 64 * 1024;

/// What to watch, and how.
pub struct Watch {
    pub selection: Selection,
    pub wanted: Wanted,
    /// Changes after this version are sent.
    pub from: u64,
    /// Objects to send as `ADDED` before the changes.
    pub initial: Vec<Arc<Value>>,
    /// Send a bookmark that ends the initial objects (`sendInitialEvents`).
    pub mark_initial: bool,
    pub bookmarks: bool,
    pub lifetime: Duration,
}

/// Starts a watch. It ends after its lifetime, when its place is forgotten, or when the server stops.
pub fn start(
    store: Arc<Store>,
    frames: Arc<Frames>,
    mut watch: Watch,
    stopping: CancellationToken,
) -> Chunks {
    let collection = GroupResource::of(&watch.selection.resource);
    let deadline = Instant::now() + watch.lifetime;
    let watcher = Watcher {
        wake: store.subscribe(&collection),
        store,
        frames,
        collection,
        api_version: watch.selection.resource.api_version(),
        cursor: watch.from,
        initial: std::mem::take(&mut watch.initial).into_iter(),
        deadline,
        next_bookmark: next_bookmark(deadline),
        chunk: Vec::new(),
        chunks: VecDeque::new(),
        head_sent: false,
        ended: false,
        stopping,
        watch,
    };
    futures::stream::unfold(watcher, Watcher::next).boxed()
}

fn next_bookmark(deadline: Instant) -> Instant {
    let now = Instant::now();
    let usual = now + BOOKMARK_INTERVAL;
    let last = deadline.checked_sub(LAST_BOOKMARK);
    last.filter(|last| *last > now)
        .map_or(usual, |last| usual.min(last))
}

struct Watcher {
    store: Arc<Store>,
    frames: Arc<Frames>,
    collection: GroupResource,
    watch: Watch,
    api_version: String,
    /// What is still to be told of the beginning.
    initial: vec::IntoIter<Arc<Value>>,
    wake: watch::Receiver<u64>,
    cursor: u64,
    deadline: Instant,
    next_bookmark: Instant,
    /// What is collected and not yet large enough to be sent by itself.
    chunk: Vec<u8>,
    chunks: VecDeque<Bytes>,
    /// Has a Table's head been sent? Only the first frame carries the columns.
    head_sent: bool,
    ended: bool,
    stopping: CancellationToken,
}

impl Watcher {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Some((chunk, self));
            }
            if self.ended {
                return None;
            }
            if !self.begin() {
                self.go_on().await;
            }
            self.flush();
        }
    }

    /// Writes some of what there was at the beginning; `false` once all of it has been told.
    fn begin(&mut self) -> bool {
        while let Some(object) = self.initial.next() {
            self.write(EventKind::Added, &object);
            if !self.chunks.is_empty() {
                return true;
            }
        }
        if std::mem::take(&mut self.watch.mark_initial) {
            let mut bookmark = self.bookmark();
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            self.write(EventKind::Bookmark, &bookmark);
        }
        !self.chunk.is_empty()
    }

    /// Writes what has changed since, or waits for it.
    async fn go_on(&mut self) {
        // Seen before reading: a write after this line wakes us again.
        self.wake.borrow_and_update();
        match self.store.changes_since(&self.collection, self.cursor) {
            Err(Compacted { oldest }) => {
                let gone = StatusError::expired(format!(
                    "too old resource version: {} ({oldest})",
                    self.cursor
                ));
                self.write(EventKind::Error, &gone.status());
                self.ended = true;
            }
            Ok(changes) if changes.is_empty() => self.wait().await,
            Ok(changes) => {
                for change in changes {
                    self.cursor = change.version;
                    self.tell(&change);
                }
            }
        }
    }

    /// Waits for a write, the next bookmark or the end.
    async fn wait(&mut self) {
        let wake_at = if self.watch.bookmarks {
            self.deadline.min(self.next_bookmark)
        } else {
            self.deadline
        };
        tokio::select! {
            changed = self.wake.changed() => self.ended = changed.is_err(),
            () = self.stopping.cancelled() => self.ended = true,
            () = sleep_until(wake_at) => {
                if self.watch.bookmarks && Instant::now() >= self.next_bookmark {
                    self.next_bookmark = next_bookmark(self.deadline);
                    let bookmark = self.bookmark();
                    self.write(EventKind::Bookmark, &bookmark);
                }
                self.ended = Instant::now() >= self.deadline;
            }
        }
    }

    /// Everything up to the store's version has been seen when there is nothing after the cursor.
    fn bookmark(&self) -> Value {
        let resource = &self.watch.selection.resource;
        json!({
            "kind": resource.kind, "apiVersion": self.api_version,
            "metadata": {"resourceVersion": self.cursor.to_string(), "creationTimestamp": null},
        })
    }

    /// Tells one change, as the selection sees it.
    fn tell(&mut self, change: &Change) {
        let selection = &self.watch.selection;
        if !change.id.key.starts_with(&selection.prefix) {
            return;
        }
        let seen = |object: &Option<Arc<Value>>| {
            let viewed = object.as_ref().map(|object| selection.view(object));
            viewed.filter(|object| selection.matches(object))
        };
        match (seen(&change.old), seen(&change.new)) {
            (None, None) => {}
            (None, Some(new)) => self.share(EventKind::Added, &new, change.version),
            (Some(_), Some(new)) => self.share(EventKind::Modified, &new, change.version),
            (Some(old), None) => self.share(EventKind::Deleted, &old, change.version),
        }
    }

    /// Sends the frame of a change, which others may have written already. A Table's rows are each watcher's own: they
    /// tell ages.
    fn share(&mut self, kind: EventKind, object: &Arc<Value>, version: u64) {
        let Wanted {
            shape, encoding, ..
        } = self.watch.wanted;
        if shape == Shape::Table {
            return self.write(kind, &at_version(kind, object, version));
        }
        let key = FrameKey {
            version,
            kind,
            shape,
            encoding,
            api_version: self.api_version.clone(),
        };
        let frame = self.frames.get(key, || {
            let object = at_version(kind, object, version);
            match shape {
                Shape::Metadata => frame::frame(kind, &table::partial_metadata(&object), encoding),
                Shape::Plain | Shape::Table => frame::frame(kind, &object, encoding),
            }
        });
        self.flush();
        self.chunks.push_back(frame);
    }

    /// Collects a frame that is this watcher's own.
    fn write(&mut self, kind: EventKind, object: &Value) {
        let shaped = match self.watch.wanted.shape {
            _ if kind == EventKind::Error => None,
            Shape::Plain => None,
            Shape::Metadata => Some(table::partial_metadata(object)),
            Shape::Table => Some(self.row(object)),
        };
        let encoding = self.watch.wanted.encoding;
        let frame = frame::frame(kind, shaped.as_ref().unwrap_or(object), encoding);
        self.chunk.extend(frame);
        if self.chunk.len() >= CHUNK {
            self.flush();
        }
    }

    fn row(&mut self, object: &Value) -> Value {
        let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
        let mut table = table::table(
            &self.watch.selection.resource,
            &[Arc::new(object.clone())],
            metadata,
            self.watch.wanted.include,
            Timestamp::now(),
        );
        if std::mem::replace(&mut self.head_sent, true) {
            table["columnDefinitions"] = Value::Null;
        }
        table
    }

    fn flush(&mut self) {
        if !self.chunk.is_empty() {
            self.chunks
                .push_back(std::mem::take(&mut self.chunk).into());
        }
    }
}

/// A watch's last words, where it ends with a failure.
pub fn error_frame(status: &Value, encoding: Encoding) -> Vec<u8> {
    frame::frame(EventKind::Error, status, encoding)
}

/// The object of an event: of one that left, what was there last, at the version at which it left.
fn at_version(kind: EventKind, object: &Arc<Value>, version: u64) -> Arc<Value> {
    if kind != EventKind::Deleted {
        return object.clone();
    }
    let mut last = Value::clone(object);
    stamp(&mut last, version);
    Arc::new(last)
}

#[cfg(test)]
mod tests;
