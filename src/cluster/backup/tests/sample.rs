//! A small backup, and what is in it.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::workload::WORKLOAD_KINDS,
    cluster::subject::Subject,
    cluster::{
        backup::{BackupReader, BackupWriter, Entry, Origin, Place, Purpose},
        inventory::{Uid, Workload},
    },
};

pub fn origin() -> Origin {
    Origin {
        cluster: "c".to_owned(),
        context: "x".to_owned(),
        server: "https://s".to_owned(),
        vmruntime: "u".to_owned(),
    }
}

pub fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

pub fn machine(name: &str, uid: &str) -> Workload {
    Workload {
        kind: &WORKLOAD_KINDS[3],
        version: "v1".into(),
        namespace: "default".into(),
        name: name.into(),
        uid: Uid::from(uid),
        state: None,
        created: None,
        deleting: None,
        finalizers: std::sync::Arc::default(),
        owners: Box::default(),
        generated: false,
        uses: Box::default(),
    }
}

pub fn object(name: &str, note: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default", "uid": "x", "labels": {"note": note}},
        "spec": {"running": true},
    })
}

pub fn save(writer: &mut BackupWriter, name: &str, uid: &str, note: &str) {
    writer
        .save(
            &Subject::from(&machine(name, uid)),
            &object(name, note),
            Purpose::Delete,
        )
        .unwrap();
}

pub fn open(place: &Place) -> BackupWriter {
    BackupWriter::open(place, &origin(), now()).unwrap()
}

pub fn files(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    let mut names: Vec<String> = found
        .iter()
        .map(|file| file.strip_prefix(path).unwrap().display().to_string())
        .collect();
    names.sort();
    names
}

/// A folder that costs no disk, where the machine has one: there is much to sync.
pub fn memory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        tempfile::tempdir_in(shared).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// A backup of one run, which saved two objects of a name, deleted them, and came to its end.
pub fn one_run(path: &Path) {
    let mut writer = open(&Place::Exactly(path.to_owned()));
    run(&mut writer, &[("db", "0", "old"), ("db", "1", "new")]);
}

/// A backup of two runs, of which the second one added to the first one's.
pub fn two_runs(path: &Path) {
    one_run(path);
    let mut writer = open(&Place::Exactly(path.to_owned()));
    run(&mut writer, &[("db", "2", "newest"), ("web", "3", "new")]);
}

/// Saves what has these names, UIDs and notes, and deletes it.
fn run(writer: &mut BackupWriter, objects: &[(&str, &str, &str)]) {
    for (name, uid, note) in objects {
        save(writer, name, uid, note);
        writer.commit(now()).unwrap();
    }
    writer.deleting(now()).unwrap();
    for (name, uid, _) in objects {
        writer.deleted(now(), &machine(name, uid)).unwrap();
    }
    writer.finish(now()).unwrap();
}

/// Every file of a folder, with its content.
pub fn content(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |file: String| {
        let content = fs::read(path.join(&file)).unwrap();
        (file, content)
    };
    files(path).into_iter().map(read).collect()
}

/// Makes a folder hold exactly this.
pub fn put(path: &Path, content: &BTreeMap<String, Vec<u8>>) {
    fs::create_dir_all(path).unwrap();
    for stranger in files(path) {
        if !content.contains_key(&stranger) {
            fs::remove_file(path.join(stranger)).unwrap();
        }
    }
    for (file, content) in content {
        let file = path.join(file);
        if fs::read(&file).ok().as_ref() != Some(content) {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
    }
}

/// What a backup would put back, if it says that nothing is damaged: the names, and what was written in them.
pub fn restored(reader: &BackupReader) -> BTreeMap<String, String> {
    let read = |entry: &Entry| {
        let (_, manifest) = reader.manifest(entry).unwrap();
        let note = manifest["metadata"]["labels"]["note"].as_str().unwrap();
        (entry.name.clone(), note.to_owned())
    };
    reader.entries.iter().map(read).collect()
}
