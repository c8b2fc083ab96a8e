//! Manifests that have no name yet: they get it when the index names them, so that no manifest stands there that it does
//! not name, whenever the program dies.

use std::{
    collections::{
        BTreeMap,
        btree_map::Entry::{Occupied, Vacant},
    },
    io,
};

use crate::cluster::backup::{
    folder::{Folder, is_unfinished},
    index::Entry,
    reader::{is_missing, is_whole},
};

/// Writes a file that is to have the first of these names that nothing else has. Returns that, and the name that it has
/// until then; `None`: a file with this very content is there.
pub fn draft_once(
    folder: &Folder,
    names: impl IntoIterator<Item = String>,
    content: &[u8],
) -> io::Result<(String, Option<String>)> {
    for name in names {
        match folder.read(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let unfinished = folder.draft(&name, content)?;
                return Ok((name, Some(unfinished)));
            }
            Ok(found) if found == content => {
                folder.file(&name)?.sync_all()?;
                return Ok((name, None));
            }
            // Whatever it is, it stays.
            Ok(_) | Err(_) => {}
        }
    }
    let why = format!("{}: every name is taken", folder.path().display());
    Err(io::Error::new(io::ErrorKind::AlreadyExists, why))
}

/// Gives files their names: each is a path, and the name that the file has in its folder until then.
pub fn publish<'a>(
    root: &Folder,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let mut open: Option<(&str, Folder)> = None;
    for (file, unfinished) in files {
        let (place, name) = file.rsplit_once('/').unwrap_or((".", file));
        let folder = match open.take() {
            Some((path, folder)) if path == place => folder,
            other => {
                other.map_or(Ok(()), |(_, folder)| folder.sync())?;
                root.below(place)?
            }
        };
        folder.publish(unfinished, name)?;
        open = Some((place, folder));
    }
    open.map_or(Ok(()), |(_, folder)| folder.sync())
}

/// Gives those files their names that have none, because a program died over it. What cannot be found is missed when
/// everything is read back.
pub fn give_names(root: &Folder, entries: &[Entry]) -> io::Result<()> {
    let mut nameless: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| is_missing(root, &entry.file)) {
        let Some((place, name)) = entry.file.rsplit_once('/') else {
            continue;
        };
        let found = match nameless.entry(place) {
            Vacant(folder) => folder.insert(drafts(&root.below(place)?)?),
            Occupied(folder) => folder.into_mut(),
        };
        let is_it = |found: &&String| {
            is_unfinished(found, Some(name))
                && is_whole(root, &format!("{place}/{found}"), &entry.sha256).is_ok()
        };
        if let Some(unfinished) = found.iter().find(is_it) {
            publish(root, [(&*entry.file, &**unfinished)])?;
        }
    }
    Ok(())
}

/// What has no name yet in a folder.
fn drafts(folder: &Folder) -> io::Result<Vec<String>> {
    let names = folder.list()?.into_iter().map(|found| found.name);
    Ok(names.filter(|name| is_unfinished(name, None)).collect())
}
