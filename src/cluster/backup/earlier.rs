//! What stands already where a backup is to go: nothing, a backup of this cluster, or something that is none of our
//! business. It only reads, so that a folder that can not be used is refused before anybody is asked anything.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{
    INDEX, JOURNAL, Origin, Place,
    folder::Folder,
    index::{self, Header, Purpose},
    journal,
    vault::unwritable,
};
use crate::{
    cluster::inventory::Uid,
    failure::{Failure, Kind, Reason, shown_path},
};

/// A backup of the same cluster whose deletion did not come to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    pub path: PathBuf,
    /// What was to be deleted.
    pub doomed: BTreeSet<Uid>,
}

impl Earlier {
    /// Looks for an unfinished backup of this cluster at that place. A folder that must not be used is a failure
    /// already here, before anybody is asked anything.
    pub fn find(place: &Place, origin: &Origin) -> Result<Option<Self>, Failure> {
        let found = match place {
            Place::Exactly(path) if is_empty_or_missing(path)? => None,
            Place::Exactly(path) => Some(peek(path, origin)?),
            Place::Below(base) => newest(base, origin)?,
        };
        Ok(found
            .filter(|(_, unfinished)| *unfinished)
            .map(|(earlier, _)| earlier))
    }
}

/// What is known of the backup in that folder, and whether a deletion there did not come to its end.
fn peek(path: &Path, origin: &Origin) -> Result<(Earlier, bool), Failure> {
    let unreadable = |error: io::Error| not_ours(path, &error.to_string());
    let root = Folder::open(path).map_err(unreadable)?;
    let file = root
        .file(INDEX)
        .map_err(|_| not_ours(path, "it is not empty, and not a backup"))?;
    let mut earlier = Earlier {
        path: path.to_owned(),
        doomed: BTreeSet::new(),
    };
    let reading = index::read(file, |entry| {
        let uid = Uid::from(entry.uid.as_str());
        // What was written last counts.
        match entry.purpose {
            Purpose::Delete => earlier.doomed.insert(uid),
            Purpose::Keep | Purpose::Record => earlier.doomed.remove(&uid),
        };
    })
    .map_err(unreadable)?;
    if let Some(header) = &reading.header {
        belongs(header, origin, path)?;
    }
    let unfinished = match root.file(JOURNAL) {
        Ok(journal) => journal::is_unfinished(journal).map_err(unreadable)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(unreadable(error)),
    };
    Ok((earlier, unfinished))
}

/// The newest backup of this cluster below that folder. Others are none of our business.
fn newest(base: &Path, origin: &Origin) -> Result<Option<(Earlier, bool)>, Failure> {
    let folder = match Folder::open(base) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(base, &error)),
    };
    let found = folder.list().map_err(|error| unwritable(base, &error))?;
    let folders = found.into_iter().rev().filter(|found| found.folder);
    Ok(folders
        .map(|found| base.join(found.name))
        .find_map(|path| peek(&path, origin).ok()))
}

/// Is there nothing, or a folder with nothing in it?
pub(super) fn is_empty_or_missing(path: &Path) -> Result<bool, Failure> {
    match Folder::open(path).and_then(|folder| folder.list()) {
        Ok(found) => Ok(found.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// Is a backup with this header one of this cluster, in a format that we know?
pub(super) fn belongs(header: &Header, origin: &Origin, path: &Path) -> Result<(), Failure> {
    if header.schema != index::SCHEMA {
        return Err(not_ours(
            path,
            &format!("its format is {:?}, not {}", header.schema, index::SCHEMA),
        ));
    }
    if header.origin.vmruntime != origin.vmruntime {
        return Err(not_ours(
            path,
            &format!(
                "it is a backup of another cluster: {} ({})",
                header.origin.context, header.origin.server
            ),
        ));
    }
    Ok(())
}

/// The folder is used for something else.
pub(super) fn not_ours(path: &Path, why: &str) -> Failure {
    Failure::new(
        Kind::Refused,
        Reason::BackupFolderInUse,
        format!("could not use the backup folder {}", shown_path(path)),
    )
    .caused_by(why)
    .hint("name a folder that is new or empty: --backup DIR")
}
