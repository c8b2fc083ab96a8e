//! A folder in the first format, as an earlier bmctl has written it: it is read, and nothing is added to it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::sample::{content, memory, now, open, origin, put};
use crate::{
    cluster::backup::{BackupReader, BackupWriter, Earlier, INDEX, JOURNAL, Origin, Place},
    failure::Reason,
};

type Files = BTreeMap<String, Vec<u8>>;

/// Three objects, all of them deleted.
fn written() -> Files {
    content(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backup/v1"))
}

fn of_this_cluster() -> Origin {
    Origin {
        vmruntime: "493434b0-a4b5-46f0-bc0a-9266ce2236f4".to_owned(),
        ..origin()
    }
}

struct Folder {
    _place: tempfile::TempDir,
    path: PathBuf,
}

fn folder(files: &Files) -> Folder {
    let place = memory();
    let path = place.path().join("20261123-080000");
    put(&path, files);
    Folder {
        _place: place,
        path,
    }
}

/// The names that would be put back.
fn names(reader: &BackupReader) -> Vec<String> {
    let whole = |entry: &_| reader.manifest(entry).is_ok();
    assert!(reader.entries.iter().all(whole));
    reader
        .entries
        .iter()
        .map(|entry| entry.name.clone())
        .collect()
}

#[test]
fn it_is_read() {
    let folder = folder(&written());
    let reader = BackupReader::open(&folder.path).unwrap();
    assert_eq!(names(&reader), ["d0", "k0", "g0"]);
    assert_eq!((reader.damage.len(), reader.torn), (0, false));
    assert_eq!(
        reader.origin.map(|origin| origin.context).unwrap(),
        "sandbox"
    );
}

#[test]
fn it_is_never_silently_less() {
    let files = written();
    let folder = folder(&files);
    let mut silent = 0;
    let mut check = |what: &str, changed: &Files| {
        put(&folder.path, changed);
        let Ok(reader) = BackupReader::open(&folder.path) else {
            return;
        };
        if reader.damage.is_empty() {
            silent += 1;
            assert_eq!(names(&reader).len(), 3, "{what}");
        }
    };
    for (file, content) in files.iter().filter(|(file, _)| *file != "README") {
        for at in 0..content.len() {
            let mut changed = files.clone();
            changed.get_mut(file).unwrap()[at] ^= 1 << (at % 8);
            check(&format!("{file}, byte {at}"), &changed);
            let mut changed = files.clone();
            changed.get_mut(file).unwrap().truncate(at);
            check(&format!("{file}, cut at {at}"), &changed);
        }
        let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            let mut lost = lines.clone();
            lost.remove(at);
            let mut changed = files.clone();
            changed.insert(file.clone(), lost.concat());
            check(&format!("{file} without line {at}"), &changed);
        }
    }
    // In the journal, and at the end of the index, where nothing is lost.
    assert!(silent > 0);
    let mut without = files.clone();
    without.remove(JOURNAL);
    put(&folder.path, &without);
    assert!(!BackupReader::open(&folder.path).unwrap().damage.is_empty());
}

#[test]
fn nothing_is_added_to_it_and_what_it_still_had_to_delete_is_known() {
    let mut files = written();
    let origin = of_this_cluster();
    let before = files.clone();
    let finished = folder(&files);
    let exactly = Place::Exactly(finished.path.clone());
    for refused in [
        Earlier::find(&exactly, &origin).map(drop).unwrap_err(),
        BackupWriter::open(&exactly, &origin, now())
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(refused.reason, Reason::BackupFolderInUse);
        assert!(refused.causes[0].contains("bmctl-backup/v1"), "{refused}");
    }
    assert_eq!(content(&finished.path), before);
    let below = Place::Below(finished.path.parent().unwrap().to_owned());
    assert_eq!(Earlier::find(&below, &origin).unwrap(), None);
    // Its run was interrupted.
    let journal = files.get_mut(JOURNAL).unwrap();
    let lines = journal.split_inclusive(|byte| *byte == b'\n').take(2);
    *journal = lines.flatten().copied().collect();
    let before = files.clone();
    let unfinished = folder(&files);
    let below = Place::Below(unfinished.path.parent().unwrap().to_owned());
    let earlier = Earlier::find(&below, &origin).unwrap().unwrap();
    assert_eq!((earlier.doomed.len(), earlier.takes_more), (3, false));
    let writer = BackupWriter::open(&below, &origin, now()).unwrap();
    assert_ne!(writer.path(), unfinished.path);
    drop(writer);
    assert_eq!(content(&unfinished.path), before);
    // Another cluster's is none of our business.
    assert_eq!(
        Earlier::find(&below, &super::sample::origin()).unwrap(),
        None
    );
    drop(open(&below));
    assert!(!files[INDEX].is_empty());
}
