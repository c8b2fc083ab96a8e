//! Watch events as bytes. An event is the same for everybody who watches its resource in the same shape, so it is
//! written once and shared: a thousand watchers cost one serialisation.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::presentation::{
    answer::{Encoding, Shape},
    protobuf,
};

/// So many frames are kept for watchers that have not come to them yet. Who is further behind writes its own.
const KEPT: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

impl EventKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

/// What tells one frame from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameKey {
    /// Of the write: no two writes have the same.
    pub version: u64,
    pub kind: EventKind,
    pub shape: Shape,
    pub encoding: Encoding,
    /// The version of the resource that the watcher sees.
    pub api_version: String,
}

/// The latest frames; shared by all watchers.
#[derive(Debug, Default)]
pub struct Frames {
    kept: Mutex<VecDeque<(FrameKey, Bytes)>>,
    written: AtomicU64,
}

impl Frames {
    /// The frame, written now if nobody has needed it yet.
    pub fn get(&self, key: FrameKey, write: impl FnOnce() -> Vec<u8>) -> Bytes {
        // Held while writing: whoever asks for the same waits for it instead of writing it too.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = kept.iter().rev().find(|(known, _)| *known == key) {
            return frame.clone();
        }
        let frame = Bytes::from(write());
        self.written.fetch_add(1, Ordering::Relaxed);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((key, frame.clone()));
        frame
    }

    /// How many frames have been written so far.
    #[cfg(test)]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// One event, in the encoding that is wanted.
pub fn frame(kind: EventKind, object: &Value, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => protobuf::event(kind.word(), object),
        Encoding::Json | Encoding::Yaml => line(kind, object),
    }
}

/// One event, as a line of JSON.
fn line(kind: EventKind, object: &Value) -> Vec<u8> {
    #[derive(Serialize)]
    struct Event<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        object: &'a Value,
    }
    let kind = kind.word();
    let mut line = Vec::new();
    // JSON values always serialise.
    if serde_json::to_writer(&mut line, &Event { kind, object }).is_ok() {
        line.push(b'\n');
    }
    line
}
