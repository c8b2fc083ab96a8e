//! The index: JSON lines, only ever appended to. A header, entries, and commit lines; a commit names the number of
//! entries before it and the checksum of every byte before it. What follows the last commit does not count.

use std::io::{self, BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Origin, name::hex};

/// Version of the format.
pub const SCHEMA: &str = "bmctl-backup/v1";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    pub schema: String,
    pub created: String,
    pub origin: Origin,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `plural.group`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub purpose: Purpose,
    /// Below the folder, with slashes.
    pub file: String,
    /// Of the file, in hexadecimal.
    pub sha256: String,
}

/// What an object is in the backup for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// It is deleted.
    Delete,
    /// It stays, and could get lost all the same.
    Keep,
    /// It is deleted, and a controller makes it again from another object: not restored.
    Record,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Header(Header),
    Commit(Commit),
    Entry(Entry),
}

/// Everything before this line counts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub commit: u64,
    pub sha256: String,
}

/// What was read: all that a commit covers goes to `take`, everything else is only counted.
pub struct Reading {
    pub header: Option<Header>,
    /// How many bytes are covered by the last commit.
    pub committed: u64,
    pub entries: u64,
    pub digest: Sha256,
    /// Files that are named after the last commit.
    pub uncommitted: Vec<String>,
}

/// Reads an index. Entries are handed out as they are committed.
pub fn read(file: impl Read, mut take: impl FnMut(Entry)) -> io::Result<Reading> {
    let mut reader = BufReader::new(file);
    let mut digest = Sha256::new();
    let mut position = 0;
    let mut pending = Vec::new();
    let mut count = 0;
    let mut reading = Reading {
        header: None,
        committed: 0,
        entries: 0,
        digest: Sha256::new(),
        uncommitted: Vec::new(),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        // A line without its end was being written when the program died.
        if read == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let Ok(parsed) = serde_json::from_slice(&line) else {
            break;
        };
        match parsed {
            Line::Header(header) if position == 0 => reading.header = Some(header),
            Line::Header(_) => break,
            Line::Entry(entry) => {
                count += 1;
                pending.push(entry);
            }
            Line::Commit(commit) => {
                let so_far = hex(&digest.clone().finalize());
                if commit.commit != count || commit.sha256 != so_far {
                    break;
                }
                pending.drain(..).for_each(&mut take);
            }
        }
        digest.update(&line);
        position += read as u64;
        if pending.is_empty() && reading.header.is_some() && is_commit(&line) {
            reading.committed = position;
            reading.entries = count;
            reading.digest = digest.clone();
        }
    }
    reading.uncommitted = pending.into_iter().map(|entry| entry.file).collect();
    Ok(reading)
}

fn is_commit(line: &[u8]) -> bool {
    line.starts_with(b"{\"commit\"")
}

/// One line, with its end.
pub fn line(line: &Line) -> Vec<u8> {
    let mut text = serde_json::to_vec(line).expect("plain data is always valid JSON");
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(uid: &str) -> Line {
        Line::Entry(Entry {
            resource: "virtualmachines.kubevirt.io".to_owned(),
            namespace: "default".to_owned(),
            name: "db".to_owned(),
            uid: uid.to_owned(),
            purpose: Purpose::Delete,
            file: format!("namespaces/default/{uid}.yaml"),
            sha256: "0".to_owned(),
        })
    }

    fn header() -> Line {
        Line::Header(Header {
            schema: SCHEMA.to_owned(),
            created: "2026-11-23T08:00:00Z".to_owned(),
            origin: Origin {
                cluster: "c".to_owned(),
                context: "x".to_owned(),
                server: "https://s".to_owned(),
                vmruntime: "u".to_owned(),
            },
        })
    }

    /// Header, entry a, commit, entry b, commit, entry c.
    fn written() -> Vec<u8> {
        let mut text = line(&header());
        for (count, uid) in ["a", "b"].into_iter().enumerate() {
            text.extend(line(&entry(uid)));
            let commit = Commit {
                commit: count as u64 + 1,
                sha256: hex(&Sha256::digest(&text)),
            };
            text.extend(line(&Line::Commit(commit)));
        }
        text.extend(line(&entry("c")));
        text
    }

    fn uids(text: &[u8]) -> (Vec<String>, Reading) {
        let mut uids = Vec::new();
        let reading = read(text, |entry| uids.push(entry.uid)).unwrap();
        (uids, reading)
    }

    #[test]
    fn what_no_commit_covers_does_not_count() {
        let text = written();
        let (found, reading) = uids(&text);
        assert_eq!(found, ["a", "b"]);
        assert_eq!(reading.uncommitted, ["namespaces/default/c.yaml"]);
        assert_eq!(reading.entries, 2);
        // Cut anywhere: never more than is covered, and what is said to be committed reads the same by itself.
        for end in 0..text.len() {
            let (found, reading) = uids(&text[..end]);
            assert!(found.len() <= 2);
            let committed = usize::try_from(reading.committed).unwrap();
            let (again, _) = uids(&text[..committed]);
            assert_eq!(found, again, "cut at {end}");
        }
    }

    #[test]
    fn a_changed_byte_is_found() {
        let text = written();
        let place = text.windows(4).position(|w| w == b"name").unwrap();
        let mut changed = text.clone();
        changed[place] = b'N';
        let (found, reading) = uids(&changed);
        assert_eq!((found.len(), reading.committed), (0, 0));
    }
}
