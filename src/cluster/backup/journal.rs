//! The journal: how far a deletion came, as JSON lines for whoever looks at it at night, and for the next run of the
//! program, which only asks whether the last one came to its end.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Seek as _, Write},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{JOURNAL, folder::Folder};

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

/// Opens the journal of a backup, to write at its end. A line that was being written when a program died is ended first:
/// the next one must stand by itself.
pub fn open(root: &Folder) -> io::Result<File> {
    let mut file = root.append(JOURNAL)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(io::SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_hides_none_that_follow() {
        let place = tempfile::tempdir().unwrap();
        let root = Folder::open(place.path()).unwrap();
        let now = "2026-11-23T08:00:00Z".parse().unwrap();
        let unfinished = || is_unfinished(root.file(JOURNAL).unwrap()).unwrap();
        let notes: [(&[Note<'_>], bool); 4] = [
            (&[], false),
            (&[Note::Deleting], true),
            (&[Note::Deleting, Note::Finished], false),
            (&[Note::Deleting, Note::Finished, Note::Deleting], true),
        ];
        for (notes, expected) in notes {
            std::fs::write(place.path().join(JOURNAL), r#"{"at":"2026","event":"del"#).unwrap();
            for note in notes {
                write(&mut open(&root).unwrap(), now, *note).unwrap();
                let mut file = root.append(JOURNAL).unwrap();
                file.write_all(b"{\"at\"").unwrap();
            }
            assert_eq!(unfinished(), expected, "{notes:?}");
        }
    }
}
