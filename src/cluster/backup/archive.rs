//! A backup that is being read, for a restore. Nothing in the folder is believed that the index does not name.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    INDEX, MANIFESTS, Origin,
    folder::{Folder, UNFINISHED},
    index::{self, Entry, Purpose},
    name,
};
use crate::{
    api::{WorkloadKind, workload::removal_order},
    failure::{Failure, Kind, Reason, shown_path},
};

/// A backup, with what is in it.
pub struct Archive {
    root: Folder,
    pub origin: Origin,
    pub created: String,
    /// What is to be put back, storage first: the newest manifest of each object.
    pub entries: Vec<Entry>,
    /// What controllers make again by themselves.
    pub generated: Vec<Entry>,
}

impl Archive {
    /// Reads the index, and makes sure that nothing else stands among the manifests.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let no_backup = |why: String| {
            Failure::new(
                Kind::Usage,
                Reason::NoBackup,
                format!("could not read a backup in {}", shown_path(path)),
            )
            .caused_by(why)
        };
        let root = Folder::open(path).map_err(|error| no_backup(error.to_string()))?;
        let file = root
            .file(INDEX)
            .map_err(|error| no_backup(format!("{INDEX}: {error}")))?;
        let mut all = Vec::new();
        let reading = index::read(file, |entry| all.push(entry))
            .map_err(|error| no_backup(format!("{INDEX}: {error}")))?;
        let header = reading
            .header
            .filter(|header| header.schema == index::SCHEMA && reading.committed > 0)
            .ok_or_else(|| no_backup(format!("{INDEX} is not complete, or of another format")))?;
        let named: BTreeSet<&str> = all
            .iter()
            .map(|entry| entry.file.as_str())
            .chain(reading.uncommitted.iter().map(String::as_str))
            .collect();
        let strangers =
            strangers(&root, &named).map_err(|error| no_backup(format!("{MANIFESTS}: {error}")))?;
        if !strangers.is_empty() {
            return Err(unknown_files(path, &strangers));
        }
        let (generated, mut entries): (Vec<_>, Vec<_>) = newest(all)
            .into_iter()
            .partition(|entry| entry.purpose == Purpose::Record);
        entries.sort_by_key(|entry| (order(&entry.resource), entry.file.clone()));
        Ok(Self {
            root,
            origin: header.origin,
            created: header.created,
            entries,
            generated,
        })
    }

    /// The manifest of an entry, verified.
    pub fn manifest(&self, entry: &Entry) -> Result<(&'static WorkloadKind, Value), Failure> {
        let damaged = |why: String| {
            Failure::new(
                Kind::Refused,
                Reason::BackupDamaged,
                format!("could not use {} of the backup", entry.file),
            )
            .caused_by(why)
        };
        let content = self
            .root
            .read(&entry.file)
            .map_err(|error| damaged(error.to_string()))?;
        if name::hex(&Sha256::digest(&content)) != entry.sha256 {
            return Err(damaged(
                "it is not the file that was written: the checksum differs".into(),
            ));
        }
        let manifest: Value = serde_saphyr::from_slice(&content)
            .map_err(|error| damaged(format!("it is no YAML: {error}")))?;
        let kind = removal_order()
            .find(|kind| kind.qualified() == entry.resource && manifest["kind"] == kind.kind)
            .ok_or_else(|| damaged(format!("{} is no kind of VM or disk", entry.resource)))?;
        let metadata = &manifest["metadata"];
        if metadata["name"] != *entry.name || metadata["namespace"] != *entry.namespace {
            return Err(damaged(
                "it describes another object than the index says".into(),
            ));
        }
        Ok((kind, manifest))
    }
}

/// Storage before machines, and what makes machines last.
fn order(resource: &str) -> usize {
    let kinds: Vec<String> = removal_order().map(WorkloadKind::qualified).collect();
    let place = kinds.iter().position(|kind| kind == resource);
    place.map_or(usize::MAX, |place| kinds.len() - place)
}

/// Of several manifests of one object the one that was written last.
fn newest(entries: Vec<Entry>) -> Vec<Entry> {
    let mut newest = BTreeMap::new();
    for entry in entries {
        let object = (
            entry.resource.clone(),
            entry.namespace.clone(),
            entry.name.clone(),
        );
        newest.insert(object, entry);
    }
    newest.into_values().collect()
}

/// Manifests that the index does not name.
fn strangers(root: &Folder, named: &BTreeSet<&str>) -> io::Result<Vec<PathBuf>> {
    let mut strangers = Vec::new();
    let mut folders = match root.inner(MANIFESTS) {
        Ok(folder) => vec![(MANIFESTS.to_owned(), folder)],
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    while let Some((path, folder)) = folders.pop() {
        for found in folder.list()? {
            let inner = format!("{path}/{}", found.name);
            if found.folder {
                folders.push((inner, folder.inner(&found.name)?));
            } else if !named.contains(inner.as_str()) && !is_unfinished(&found.name) {
                strangers.push(PathBuf::from(inner));
            }
        }
    }
    Ok(strangers)
}

/// Left behind by a program that died over it; no reader of manifests takes it for one.
fn is_unfinished(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == UNFINISHED)
}

fn unknown_files(path: &Path, strangers: &[PathBuf]) -> Failure {
    const NAMED: usize = 10;
    let mut failure = Failure::new(
        Kind::Refused,
        Reason::UnknownFiles,
        format!(
            "{} holds files that its index does not name; nothing was restored",
            shown_path(path)
        ),
    );
    for stranger in strangers.iter().take(NAMED) {
        failure = failure.caused_by(stranger.display().to_string());
    }
    failure.hint("move them away, and restore again")
}
