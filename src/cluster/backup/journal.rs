//! What the lines of a journal say: how far a deletion came, for whoever looks at it at night, and for the next run of
//! the program, which asks whether the last one came to its end. All that matters also says how far the index had come,
//! so that lines which the index loses at its end are missed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lines::Mark;

/// One line.
#[derive(Serialize, Deserialize)]
pub struct Record {
    pub at: String,
    pub event: Event,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uid: Option<String>,
    /// How far the index had come, on the disk.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<Mark>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// The first line.
    Begun,
    /// The index has grown.
    Saved,
    /// Everything is saved; from here on objects are deleted.
    Deleting,
    /// The API server has accepted the deletion of this object.
    Deleted,
    /// Everything that was to be deleted is gone.
    Finished,
}

impl Event {
    /// Is a deletion under way after it, if one was before?
    pub const fn is_unfinished(self, before: bool) -> bool {
        match self {
            Self::Deleting => true,
            Self::Finished => false,
            Self::Begun | Self::Saved | Self::Deleted => before,
        }
    }
}

impl Record {
    /// What happened when the index had come so far.
    pub fn of(event: Event, now: Timestamp, index: Mark) -> Self {
        Self {
            at: now.to_string(),
            event,
            object: None,
            uid: None,
            index: Some(index),
        }
    }

    pub fn deleted(now: Timestamp, object: String, uid: String) -> Self {
        Self {
            at: now.to_string(),
            event: Event::Deleted,
            object: Some(object),
            uid: Some(uid),
            index: None,
        }
    }
}
