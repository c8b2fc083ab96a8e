//! A backup that is being read, for a restore. Nothing in the folder is believed that the index does not name, and
//! nothing is passed over that is damaged.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use kube::core::ApiResource;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    INDEX, MANIFESTS, Origin,
    contents::{self, First},
    damage::{self, Damage},
    failures::{in_use, no_backup},
    folder::{Folder, Lock, is_unfinished, lock},
    index::{Entry, Purpose},
    manifest, name, order,
};
use crate::{
    cluster::event::ObjectName,
    failure::{Failure, Kind, shown_path},
};

/// A backup, with what is in it.
pub struct BackupReader {
    root: Folder,
    /// `None`: the line that says so is damaged.
    pub origin: Option<Origin>,
    pub created: Option<String>,
    /// What is to be put back and verifies, storage first: the newest manifest of each object.
    pub entries: Vec<Entry>,
    /// What controllers make again by themselves.
    pub generated: Vec<ObjectName>,
    /// What people have set on objects that a controller makes again.
    pub settings: Vec<Entry>,
    /// What is not as it was written. It may have held more than the entries.
    pub damage: Vec<Damage>,
    /// A line was being written when the program died. Nothing was deleted on its account.
    pub torn: bool,
    /// A disable has begun to delete by it, and has not come to its end: the next one goes on with it.
    pub unfinished: bool,
}

impl BackupReader {
    /// Reads the index, the journal, and every file that they name. A folder that is no backup at all is a failure.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let broken = |error: io::Error| no_backup(path, error.to_string());
        let root = Folder::open(path).map_err(broken)?;
        let index = root
            .file(INDEX)
            .map_err(|error| no_backup(path, format!("{INDEX}: {error}")))?;
        // Where nothing can be locked, reading beside a writer at worst says that a line is missing.
        if !lock(&index, Lock::Read).unwrap_or(true) {
            return Err(in_use(path));
        }
        let first = contents::first(&root, &index).map_err(broken)?;
        let mut all = Vec::new();
        let mut contents = contents::read(&root, &index, |taken| all.push(taken))
            .map_err(|error| no_backup(path, format!("{INDEX}: {error}")))?;
        match first {
            First::Unknown(schema) if !contents.is_any() => {
                let why = format!("its format is {schema:?}, which this bmctl does not know");
                return Err(no_backup(path, why));
            }
            _ if !contents.is_any() => {
                let why = format!("no line of {INDEX} is one of a backup");
                return Err(no_backup(path, why));
            }
            First::Ours(_)
            | First::Earlier(_)
            | First::Damaged
            | First::Unknown(_)
            | First::None => {}
        }
        let mut damage = std::mem::take(&mut contents.damage);
        // A line that is misplaced still has its number.
        all.sort_by_key(|taken| taken.line);
        let before = all.len();
        all.retain(|taken| taken.seen || !is_missing(&root, &taken.entry.file));
        let torn = contents.torn() > 0 || all.len() < before;
        let unfinished = contents.unfinished;
        let entries: Vec<Entry> = all.into_iter().map(|taken| taken.entry).collect();
        let damaged = damaged_files(&root, &entries);
        damage.extend(damaged.iter().map(|(path, why)| Damage::File {
            path: path.clone(),
            why: why.clone(),
        }));
        let named = entries.iter().map(|entry| entry.file.as_str()).collect();
        damage.extend(unnamed(&root, &named));
        let whole = |entry: &Entry| !damaged.contains_key(&entry.file);
        let (mut put_back, mut generated, mut settings) = (Vec::new(), Vec::new(), Vec::new());
        for entry in newest(entries).into_iter().filter(whole) {
            match entry.purpose {
                Purpose::Delete | Purpose::Keep => put_back.push(entry),
                Purpose::Record => generated.push(entry.object_name()),
                Purpose::Settings => settings.push(entry),
            }
        }
        put_back.sort_by_key(|entry| (order::of(&entry.resource), entry.file.clone()));
        let (created, origin) = contents
            .header
            .map(|header| (header.created, header.origin))
            .unzip();
        Ok(Self {
            root,
            origin,
            created,
            entries: put_back,
            generated,
            settings,
            damage,
            torn,
            unfinished,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// The manifest of an entry, verified, and its kind in the version that it was saved in.
    pub fn manifest(&self, entry: &Entry) -> Result<(ApiResource, Value), Failure> {
        verified(&self.root, entry).map_err(|why| {
            let damage = Damage::File {
                path: entry.file.clone(),
                why,
            };
            let message = format!("could not use {} of the backup", entry.file);
            damage::failure(Kind::Refused, message, &[damage])
        })
    }

    /// The failure of whoever wants all of it.
    #[must_use]
    pub fn refusal(&self) -> Failure {
        let path = shown_path(self.root.path());
        let message = format!("the backup in {path} is damaged; nothing was restored");
        damage::failure(Kind::Refused, message, &self.damage)
    }

    /// The failure of whoever has taken what verifies.
    #[must_use]
    pub fn incomplete(&self) -> Failure {
        let path = shown_path(self.root.path());
        let message = format!("the backup in {path} is damaged; only what verifies is restored");
        damage::failure(Kind::Incomplete, message, &self.damage)
    }

    /// A failure of another kind, with what is damaged besides.
    #[must_use]
    pub fn also_damaged(&self, failure: Failure) -> Failure {
        damage::also(failure, &self.damage)
    }
}

/// Does the file hold what was written? The error is why not.
pub(super) fn is_whole(root: &Folder, file: &str, sha256: &str) -> Result<Vec<u8>, String> {
    let content = root.read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "is missing".to_owned(),
        _ => error.to_string(),
    })?;
    if name::hex(&Sha256::digest(&content)) == sha256 {
        Ok(content)
    } else {
        Err("is not the file that was written: the checksum differs".to_owned())
    }
}

/// The index names it before it gets its name; a program that died in between has left it without.
pub(super) fn is_missing(root: &Folder, file: &str) -> bool {
    root.read(file)
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The manifest of an entry, if it is what was written and describes what the entry says.
fn verified(root: &Folder, entry: &Entry) -> Result<(ApiResource, Value), String> {
    let content = is_whole(root, &entry.file, &entry.sha256)?;
    let mut manifest: Value =
        serde_saphyr::from_slice(&content).map_err(|error| format!("is no YAML: {error}"))?;
    let resource = order::resource(&entry.resource, &manifest)
        .ok_or_else(|| format!("{} is no kind that a backup holds", entry.resource))?;
    if !manifest::describes(&manifest, &entry.namespace, &entry.name) {
        return Err("describes another object than the index says".to_owned());
    }
    manifest::tidy(&mut manifest);
    Ok((resource, manifest))
}

/// By path, why a file that the index names cannot be used.
fn damaged_files(root: &Folder, entries: &[Entry]) -> BTreeMap<String, String> {
    let checked = entries.iter().filter_map(|entry| {
        let why = verified(root, entry).err()?;
        Some((entry.file.clone(), why))
    });
    checked.collect()
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

/// Manifests that the index does not name, and folders that cannot be looked into.
fn unnamed(root: &Folder, named: &BTreeSet<&str>) -> Vec<Damage> {
    let mut unnamed = Vec::new();
    let mut folders = vec![MANIFESTS.to_owned()];
    while let Some(path) = folders.pop() {
        let listed = root.below(&path).and_then(|folder| folder.list());
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let why = error.to_string();
                unnamed.push(Damage::File { path, why });
                continue;
            }
        };
        for found in listed {
            let inner = format!("{path}/{}", found.name);
            if found.folder {
                folders.push(inner);
            } else if !named.contains(inner.as_str()) && !is_unfinished(&found.name, None) {
                unnamed.push(Damage::Unnamed { path: inner });
            }
        }
    }
    unnamed
}
