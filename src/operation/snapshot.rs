//! `snapshot`: collect what a support bundle may hold, take credentials out, and pack it into one new file.

mod archive;

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::Value;

use self::archive::Member;
use crate::{
    cluster::{
        Cluster, Retry,
        bundle::{self, Outcome, Piece, redact},
    },
    failure::{Failure, Kind, Reason, shown_path},
};

/// What was collected, without credentials.
pub struct Collected {
    pub pieces: Vec<Piece>,
    /// How much was taken out.
    pub redacted: usize,
    /// When.
    pub at: Timestamp,
}

/// A bundle that was written.
pub struct Bundle {
    pub path: PathBuf,
    pub bytes: usize,
}

/// Fails where there is such a file: it is never overwritten.
pub fn refuse_existing(path: Option<&Path>) -> Result<(), Failure> {
    match path {
        Some(path) if path.exists() => Err(exists(path)),
        Some(_) | None => Ok(()),
    }
}

/// Reads everything that is on the list. What cannot be read is said in its piece; nothing at all is a failure.
pub async fn collect(cluster: &Cluster, retry: &Retry<'_>) -> Result<Collected, Failure> {
    retry.observer().step("Collecting what the list names");
    let mut pieces = bundle::collect(&cluster.client, retry).await;
    if let Some(failure) = nothing_at_all(&pieces) {
        return Err(failure);
    }
    let redacted = pieces.iter_mut().map(without_credentials).sum();
    Ok(Collected {
        pieces,
        redacted,
        at: Timestamp::now(),
    })
}

/// Packs what was collected, with this manifest, into that file, or into one below a name of ours.
pub fn write(
    collected: &Collected,
    manifest: &Value,
    path: Option<&Path>,
    cluster: &Cluster,
) -> Result<Bundle, Failure> {
    let members = members(&collected.pieces, manifest);
    let (path, bytes) = match path {
        Some(path) => (path.to_owned(), store(path, &members, collected.at)),
        None => stored_under_a_name_of_ours(cluster, &members, collected.at),
    };
    match bytes {
        Ok(bytes) => Ok(Bundle { path, bytes }),
        Err(error) => Err(not_written(&path, &error)),
    }
}

/// Where nothing could be read there is nothing to pack, and one reason why.
fn nothing_at_all(pieces: &[Piece]) -> Option<Failure> {
    let mut first = None;
    for piece in pieces {
        match &piece.outcome {
            Outcome::Collected { .. } | Outcome::Absent => return None,
            Outcome::Failed(failure) => first = first.or(Some(failure)),
        }
    }
    first.cloned()
}

fn without_credentials(piece: &mut Piece) -> usize {
    match &mut piece.outcome {
        Outcome::Collected { content, .. } => redact::value(content),
        Outcome::Absent | Outcome::Failed(_) => 0,
    }
}

fn members(pieces: &[Piece], manifest: &Value) -> Vec<Member> {
    let member = |name: &str, value: &Value| Member {
        name: name.to_owned(),
        content: format!("{value:#}\n").into_bytes(),
    };
    let mut members = vec![member("manifest.json", manifest)];
    for piece in pieces {
        match &piece.outcome {
            Outcome::Collected { content, .. } => members.push(member(piece.source.file, content)),
            Outcome::Absent | Outcome::Failed(_) => {}
        }
    }
    members
}

/// Packs the members into this new file, and says how many bytes it has.
fn store(path: &Path, members: &[Member], now: Timestamp) -> io::Result<usize> {
    let folder = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let folder = folder.trim_end_matches(".zst").trim_end_matches(".tar");
    let packed = archive::pack(folder, members, now)?;
    archive::write(path, &packed)?;
    Ok(packed.len())
}

/// Several bundles of one second get names of their own.
fn stored_under_a_name_of_ours(
    cluster: &Cluster,
    members: &[Member],
    now: Timestamp,
) -> (PathBuf, io::Result<usize>) {
    let mut number = 1;
    loop {
        let path = default_path(cluster, now, number);
        match store(&path, members, now) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            stored => return (path, stored),
        }
    }
}

fn default_path(cluster: &Cluster, now: Timestamp, number: u32) -> PathBuf {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = cluster.name.chars().take(100).map(plain).collect();
    let time = now.strftime("%Y%m%d-%H%M%S");
    let number = match number {
        1 => String::new(),
        more => format!("-{more}"),
    };
    PathBuf::from(format!("bmctl-snapshot-{name}-{time}{number}.tar.zst"))
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::FileNotWritten,
        format!("{} exists, and is not overwritten", shown_path(path)),
    )
    .hint("name another file with --output-file, or move that one away")
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return exists(path);
    }
    Failure::new(
        Kind::Other,
        Reason::FileNotWritten,
        format!("could not write {}", shown_path(path)),
    )
    .caused_by(error.to_string())
}
