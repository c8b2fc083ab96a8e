//! What stands already where a backup is to go: nothing, a backup of this cluster, or something that is none of our
//! business. It only reads, so that a folder that cannot be used is refused before anybody is asked anything.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{
    INDEX, Origin, Place,
    contents::{self, Contents, First},
    failures::{damaged, in_use, no_index, not_ours, takes_no_more, unwritable},
    folder::{Folder, Lock, is_unfinished, lock},
    index::Purpose,
};
use crate::{cluster::inventory::Uid, failure::Failure};

/// A backup of the same cluster whose deletion did not come to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    pub path: PathBuf,
    /// What was to be deleted.
    pub doomed: BTreeSet<Uid>,
    /// It is in the format that is written today.
    pub takes_more: bool,
}

impl Earlier {
    /// Looks for an unfinished backup of this cluster at that place. A folder that must not be used is a failure
    /// already here, before anybody is asked anything.
    pub fn find(place: &Place, origin: &Origin) -> Result<Option<Self>, Failure> {
        match place {
            Place::Exactly(path) if is_unused(path)? => Ok(None),
            Place::Exactly(path) => exactly(path, origin),
            Place::Below(base) => newest(base, origin),
        }
    }
}

/// What is known of a folder in which something is.
enum Known {
    /// It is no backup of this cluster: the failure of whoever wants to use it as one.
    NotOurs(Failure),
    Ours(Box<Contents>, Earlier),
}

/// A folder that somebody has named is added to, and so it must be whole.
fn exactly(path: &Path, origin: &Origin) -> Result<Option<Earlier>, Failure> {
    match look(path, origin)? {
        Known::NotOurs(failure) => Err(failure),
        Known::Ours(contents, _) if !contents.damage.is_empty() => {
            Err(damaged(path, &contents.damage))
        }
        Known::Ours(_, earlier) if !earlier.takes_more => Err(takes_no_more(path)),
        Known::Ours(contents, earlier) => Ok(contents.unfinished.then_some(earlier)),
    }
}

/// The newest backup of this cluster below that folder. Others are none of our business. One that is damaged is only of
/// interest where it may not have come to its end.
fn newest(base: &Path, origin: &Origin) -> Result<Option<Earlier>, Failure> {
    let folder = match Folder::open(base) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(base, &error)),
    };
    let found = folder.list().map_err(|error| unwritable(base, &error))?;
    for found in found.into_iter().rev().filter(|found| found.folder) {
        let path = base.join(found.name);
        match look(&path, origin)? {
            Known::NotOurs(_) => {}
            Known::Ours(contents, _) if contents.is_settled() => return Ok(None),
            Known::Ours(contents, _) if !contents.damage.is_empty() => {
                return Err(damaged(&path, &contents.damage));
            }
            Known::Ours(_, earlier) => return Ok(Some(earlier)),
        }
    }
    Ok(None)
}

fn look(path: &Path, origin: &Origin) -> Result<Known, Failure> {
    let unreadable = |error: io::Error| not_ours(path, &error.to_string());
    let root = Folder::open(path).map_err(unreadable)?;
    let index = match root.file(INDEX) {
        Ok(index) => index,
        Err(error) => return Ok(Known::NotOurs(no_index(path, &error))),
    };
    // Where nothing can be locked, the writer will say so.
    if !lock(&index, Lock::Read).unwrap_or(true) {
        return Err(in_use(path));
    }
    let first = contents::first(&root, &index).map_err(unreadable)?;
    let takes_more = !matches!(first, First::Earlier(_));
    if let Some(refused) = refusal(first, origin, path) {
        return Ok(Known::NotOurs(refused));
    }
    let mut doomed = BTreeSet::new();
    let contents = contents::read(&root, &index, |taken| {
        let uid = Uid::from(taken.entry.uid.as_str());
        // What was written last counts.
        match taken.entry.purpose {
            Purpose::Delete => doomed.insert(uid),
            Purpose::Keep | Purpose::Record | Purpose::Settings => doomed.remove(&uid),
        };
    })
    .map_err(unreadable)?;
    let path = path.to_owned();
    Ok(Known::Ours(
        Box::new(contents),
        Earlier {
            path,
            doomed,
            takes_more,
        },
    ))
}

/// Is there nothing, or a folder with nothing in it that somebody could miss?
pub(super) fn is_unused(path: &Path) -> Result<bool, Failure> {
    match Folder::open(path).and_then(|folder| folder.list()) {
        Ok(found) => Ok(found
            .iter()
            .all(|found| !found.folder && is_unfinished(&found.name, Some(INDEX)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// Why nothing may be added to an index with this first line; `None`: it may, if what follows is whole.
pub(super) fn refusal(first: First, origin: &Origin, path: &Path) -> Option<Failure> {
    match first {
        First::Ours(header) | First::Earlier(header)
            if header.origin.vmruntime != origin.vmruntime =>
        {
            let (context, server) = (header.origin.context, header.origin.server);
            let why = format!("it is a backup of another cluster: {context} ({server})");
            Some(not_ours(path, &why))
        }
        First::Ours(_) | First::Earlier(_) | First::Damaged => None,
        First::Unknown(schema) => {
            let why = format!("its format is {schema:?}, which this bmctl does not know");
            Some(not_ours(path, &why))
        }
        First::None => {
            let why = format!("{INDEX} is no index of a backup, or its first line is damaged");
            Some(not_ours(path, &why))
        }
    }
}
