//! The first format, which is read and not written any more. A commit of its index names the checksum of every
//! byte before it, and nothing names a line by itself; its journal is free text to the program. So damage is found and
//! seldom placed, and a lost end is missed only where the journal says that an object was deleted.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    INDEX, JOURNAL,
    contents::{Contents, Taken},
    damage::Damage,
    index::{Entry, Header},
    journal::{Event, Record},
    lines::{Fault, LONGEST},
    name::hex,
};

pub const SCHEMA: &str = "bmctl-backup/v1";

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Header(Header),
    Commit { commit: u64, sha256: String },
    Entry(Entry),
}

/// Reads an index and its journal, as [`super::contents::read`] does.
pub fn read(
    index: &File,
    journal: Result<File, String>,
    mut take: impl FnMut(Taken),
) -> io::Result<Contents> {
    let mut contents = Contents::default();
    let mut deleted = match journal {
        Ok(journal) => contents.read_first_journal(&journal)?,
        Err(why) => {
            let path = JOURNAL.to_owned();
            contents.damage.push(Damage::File { path, why });
            BTreeMap::new()
        }
    };
    contents.read_first_index(index, |taken| {
        deleted.remove(&taken.entry.uid);
        take(taken);
    })?;
    let unsaved = deleted.into_values();
    let unsaved = unsaved.map(|object| Damage::Unsaved { object });
    contents.damage.extend(unsaved);
    Ok(contents)
}

impl Contents {
    fn read_first_index(&mut self, index: &File, mut take: impl FnMut(Taken)) -> io::Result<()> {
        let mut digest = Sha256::new();
        let (mut verified, mut changed) = (0, None);
        let mut lines = raw_lines(index);
        let mut number = 0;
        while let Some(line) = lines()? {
            number += 1;
            let parsed = serde_json::from_slice(&line);
            match parsed {
                Ok(Line::Header(header)) if number == 1 => self.header = Some(header),
                Ok(Line::Entry(entry)) => {
                    self.entries += 1;
                    // The file was there before the line was.
                    let (line, seen) = (number, true);
                    take(Taken { entry, line, seen });
                }
                Ok(Line::Commit { commit, sha256 })
                    if commit == self.entries && sha256 == hex(&digest.clone().finalize()) =>
                {
                    verified = number;
                }
                Err(_) if line.last() != Some(&b'\n') => {
                    self.index.torn = line.len() as u64;
                    break;
                }
                Ok(Line::Header(_) | Line::Commit { .. }) | Err(_) => {
                    changed.get_or_insert(verified + 1);
                }
            }
            digest.update(&line);
            self.index.mark.lines = number;
        }
        if let Some(first) = changed {
            let fault = Fault::Changed { first, last: None };
            self.damage.push(Damage::Lines { file: INDEX, fault });
        }
        Ok(())
    }

    /// By UID, what was deleted. A line that was being written when the program died is ended by the next one.
    fn read_first_journal(&mut self, journal: &File) -> io::Result<BTreeMap<String, String>> {
        let mut deleted = BTreeMap::new();
        let mut lines = raw_lines(journal);
        while let Some(line) = lines()? {
            let Ok(record) = serde_json::from_slice::<Record>(&line) else {
                continue;
            };
            self.unfinished = record.event.is_unfinished(self.unfinished);
            if let (Event::Deleted, Some(uid)) = (record.event, record.uid) {
                deleted.insert(uid, record.object.unwrap_or_default());
            }
        }
        Ok(deleted)
    }
}

/// The lines of a file, with their ends. None is longer than any of ours.
fn raw_lines(file: &File) -> impl FnMut() -> io::Result<Option<Vec<u8>>> {
    let mut reader = BufReader::new(file);
    move || {
        let mut line = Vec::new();
        let limit = LONGEST as u64;
        io::Read::take(&mut reader, limit).read_until(b'\n', &mut line)?;
        Ok((!line.is_empty()).then_some(line))
    }
}
