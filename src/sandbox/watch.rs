//! Watches: the changes of one shelf as a stream of JSON frames, from a version on.
//!
//! A watcher has a cursor, not a queue: it is woken, reads what the history holds after its cursor, and so can never
//! make a writer wait. One that is too slow finds its place forgotten and is told so (410), as on a real API server.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Shape, Wanted},
    refusal::Refusal,
    selection::Selection,
    store::{Change, Compacted, ShelfKey, Store, stamp},
    table,
};

/// The chunks of a watch's response body.
pub type Frames = BoxStream<'static, Bytes>;

/// How often a watcher that asked for bookmarks gets one.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum EventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// Starts a watch. It ends after its lifetime, when its place is forgotten, or when the sandbox stops.
pub fn start(store: Arc<Store>, watch: Watch, stopping: CancellationToken) -> Frames {
    let shelf = ShelfKey::of(&watch.selection.resource);
    let deadline = Instant::now() + watch.lifetime;
    let watcher = Watcher {
        wake: store.subscribe(&shelf),
        store,
        shelf,
        cursor: watch.from,
        deadline,
        next_bookmark: Instant::now() + BOOKMARK_INTERVAL,
        chunks: VecDeque::new(),
        head_sent: false,
        ended: false,
        stopping,
        watch,
    };
    futures::stream::unfold(watcher.begun(), Watcher::next).boxed()
}

struct Watcher {
    store: Arc<Store>,
    shelf: ShelfKey,
    watch: Watch,
    wake: watch::Receiver<u64>,
    cursor: u64,
    deadline: Instant,
    next_bookmark: Instant,
    chunks: VecDeque<Bytes>,
    /// Has a Table's head been sent? Only the first frame carries the columns.
    head_sent: bool,
    ended: bool,
    stopping: CancellationToken,
}

impl Watcher {
    fn begun(mut self) -> Self {
        let mut chunk = Vec::new();
        for object in std::mem::take(&mut self.watch.initial) {
            self.write(&mut chunk, EventKind::Added, &object);
        }
        if self.watch.mark_initial {
            let mut bookmark = self.bookmark();
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            self.write(&mut chunk, EventKind::Bookmark, &bookmark);
        }
        self.flush(&mut chunk);
        self
    }

    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Some((chunk, self));
            }
            if self.ended {
                return None;
            }
            // Seen before reading: a write after this line wakes us again.
            self.wake.borrow_and_update();
            let mut chunk = Vec::new();
            match self.store.changes_since(&self.shelf, self.cursor) {
                Err(Compacted { oldest }) => {
                    let gone = Refusal::expired(format!(
                        "too old resource version: {} ({oldest})",
                        self.cursor
                    ));
                    self.write(&mut chunk, EventKind::Error, &gone.status());
                    self.ended = true;
                }
                Ok(changes) if changes.is_empty() => self.wait(&mut chunk).await,
                Ok(changes) => {
                    for change in changes {
                        self.cursor = change.version;
                        self.tell(&mut chunk, &change);
                    }
                }
            }
            self.flush(&mut chunk);
        }
    }

    /// Waits for a write, the next bookmark or the end.
    async fn wait(&mut self, chunk: &mut Vec<u8>) {
        let wake_at = if self.watch.bookmarks {
            self.deadline.min(self.next_bookmark)
        } else {
            self.deadline
        };
        tokio::select! {
            changed = self.wake.changed() => self.ended = changed.is_err(),
            () = self.stopping.cancelled() => self.ended = true,
            () = sleep_until(wake_at) => {
                if self.watch.bookmarks {
                    self.next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
                    let bookmark = self.bookmark();
                    self.write(chunk, EventKind::Bookmark, &bookmark);
                }
                self.ended = Instant::now() >= self.deadline;
            }
        }
    }

    /// Everything up to the store's version has been seen when there is nothing after the cursor.
    fn bookmark(&self) -> Value {
        let resource = &self.watch.selection.resource;
        json!({
            "kind": resource.kind, "apiVersion": resource.api_version(),
            "metadata": {"resourceVersion": self.cursor.to_string(), "creationTimestamp": null},
        })
    }

    /// Writes the frame of one change, as the selection sees it.
    fn tell(&mut self, chunk: &mut Vec<u8>, change: &Change) {
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
            (None, Some(new)) => self.write(chunk, EventKind::Added, &new),
            (Some(_), Some(new)) => self.write(chunk, EventKind::Modified, &new),
            (Some(old), None) => {
                // What was there last, at the version at which it left.
                let mut last = Value::clone(&old);
                stamp(&mut last, change.version);
                self.write(chunk, EventKind::Deleted, &last);
            }
        }
    }

    fn write(&mut self, chunk: &mut Vec<u8>, kind: EventKind, object: &Value) {
        #[derive(Serialize)]
        struct Event<'a> {
            #[serde(rename = "type")]
            kind: EventKind,
            object: &'a Value,
        }
        let shaped;
        let object = match self.watch.wanted.shape {
            _ if kind == EventKind::Error => object,
            Shape::Plain => object,
            Shape::Metadata => {
                shaped = table::partial_metadata(object);
                &shaped
            }
            Shape::Table => {
                shaped = self.row(object);
                &shaped
            }
        };
        // JSON values always serialise.
        if serde_json::to_writer(&mut *chunk, &Event { kind, object }).is_ok() {
            chunk.push(b'\n');
        }
        if chunk.len() >= CHUNK {
            self.flush(chunk);
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

    fn flush(&mut self, chunk: &mut Vec<u8>) {
        if !chunk.is_empty() {
            self.chunks.push_back(std::mem::take(chunk).into());
        }
    }
}
