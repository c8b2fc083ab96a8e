//! The journal: how far a deletion came, as JSON lines for whoever looks at it at night, and for the next run of the
//! program, which only asks whether the last one came to its end.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Serialize, Deserialize)]
struct Record {
    at: String,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    uid: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Note<'a> {
    /// Everything is saved; from here on objects are deleted.
    Deleting,
    /// The API server has accepted the deletion of this object.
    Deleted { object: &'a str, uid: &'a str },
    /// Everything that was to be deleted is gone.
    Finished,
}

const DELETING: &str = "deleting";
const FINISHED: &str = "finished";

/// Appends one line; the two ends of a run are synced to the disk.
pub fn write(file: &mut File, now: Timestamp, note: Note<'_>) -> io::Result<()> {
    let (event, object, uid) = match note {
        Note::Deleting => (DELETING, None, None),
        Note::Deleted { object, uid } => ("deleted", Some(object), Some(uid)),
        Note::Finished => (FINISHED, None, None),
    };
    let record = Record {
        at: now.to_string(),
        event: event.to_owned(),
        object: object.map(str::to_owned),
        uid: uid.map(str::to_owned),
    };
    let mut line = serde_json::to_vec(&record)?;
    line.push(b'\n');
    file.write_all(&line)?;
    match note {
        Note::Deleting | Note::Finished => file.sync_all(),
        Note::Deleted { .. } => Ok(()),
    }
}

/// Did a run begin to delete, and none come to its end since? A line that was being written when the program died says
/// nothing.
pub fn is_unfinished(file: File) -> io::Result<bool> {
    let mut unfinished = false;
    for line in BufReader::new(file).split(b'\n') {
        let Ok(record) = serde_json::from_slice::<Record>(&line?) else {
            continue;
        };
        match record.event.as_str() {
            DELETING => unfinished = true,
            FINISHED => unfinished = false,
            _ => {}
        }
    }
    Ok(unfinished)
}
