//! A backup is damaged anywhere: it is never silently less than it was, nothing is added to it, and nothing is deleted
//! that relies on it.

use std::{collections::BTreeMap, fs, path::Path};

use super::sample::{content, memory, now, one_run, open, origin, put, restored, save, two_runs};
use crate::{
    cluster::backup::{
        BackupReader, BackupWriter, Damage, Earlier, INDEX, JOURNAL, Place, lines::Lines,
    },
    failure::{Kind, Reason},
};

type Files = BTreeMap<String, Vec<u8>>;

/// A backup in a folder, and what it is when it is whole.
struct Backup {
    _place: tempfile::TempDir,
    here: Place,
    path: std::path::PathBuf,
    files: Files,
    whole: BTreeMap<String, String>,
}

impl Backup {
    fn of(make: fn(&Path)) -> Self {
        let place = memory();
        let path = place.path().join("b");
        make(&path);
        let whole = restored(&BackupReader::open(&path).unwrap());
        Self {
            _place: place,
            here: Place::Exactly(path.clone()),
            files: content(&path),
            path,
            whole,
        }
    }

    /// With another content of one file; `None`: without it.
    fn with(&self, file: &str, content: Option<Vec<u8>>) {
        let mut files = self.files.clone();
        match content {
            Some(content) => files.insert(file.to_owned(), content),
            None => files.remove(file),
        };
        put(&self.path, &files);
    }

    /// Reads it: is it said that something is damaged? If not, it is all there.
    fn is_said(&self, what: &str) -> bool {
        let Ok(reader) = BackupReader::open(&self.path) else {
            return true;
        };
        let found = restored(&reader);
        if reader.damage.is_empty() {
            assert_eq!(found, self.whole, "{what}: silently less");
            return false;
        }
        for (name, note) in found {
            // An older manifest of it is one that was saved as well.
            let saved = note == self.whole[&name] || name == "db";
            assert!(saved, "{what}: {name} is {note}");
        }
        true
    }

    /// Opens it for writing: is it refused? Whatever comes of it, no line that verifies is lost.
    fn is_refused(&self, what: &str) -> bool {
        let before = content(&self.path);
        let opened = BackupWriter::open(&self.here, &origin(), now())
            .and_then(|mut writer| writer.deleting(now()));
        let after = content(&self.path);
        for (file, content) in &before {
            let kept = match file.as_str() {
                INDEX | JOURNAL if opened.is_ok() => verified(content),
                _ => content.len(),
            };
            assert!(
                after[file].starts_with(&content[..kept]),
                "{what}: {file} was made shorter"
            );
        }
        opened.is_err()
    }

    /// Both, and that they agree.
    fn check(&self, what: &str) -> bool {
        let said = self.is_said(what);
        assert_eq!(self.is_refused(what), said, "{what}: is it damaged or not?");
        said
    }
}

/// So many bytes at the beginning of a file are lines that verify.
fn verified(content: &[u8]) -> usize {
    let mut lines = Lines::new(content);
    while let Some(found) = lines.next::<serde_json::Value>().unwrap() {
        if found.fault.is_some() {
            break;
        }
    }
    usize::try_from(lines.end().bytes).unwrap()
}

#[test]
fn every_flipped_bit_is_said() {
    let backup = Backup::of(one_run);
    let written = |file: &&String| *file != "README";
    for file in backup.files.keys().filter(written) {
        let content = &backup.files[file];
        for at in 0..content.len() {
            let mut changed = content.clone();
            // Which bit makes no difference to a checksum; `lines` tries them all.
            changed[at] ^= 1 << (at % 8);
            backup.with(file, Some(changed));
            let what = format!("{file}, byte {at}");
            let end = at + 1 == content.len() && content[at] == b'\n';
            let last_line = [INDEX, JOURNAL].contains(&&**file) && end;
            assert!(backup.check(&what) || last_line, "{what} went unseen");
        }
    }
}

#[test]
fn every_cut_is_said_or_costs_nothing() {
    let backup = Backup::of(one_run);
    for (file, content) in &backup.files {
        if file == "README" {
            continue;
        }
        let mut unsaid = 0;
        for cut in 0..content.len() {
            backup.with(file, Some(content[..cut].to_vec()));
            unsaid += usize::from(!backup.check(&format!("{file}, cut at {cut}")));
        }
        let last = content.split_inclusive(|byte| *byte == b'\n').next_back();
        let last = last.map_or(0, <[u8]>::len);
        // The last line of the index tells of no object, and nobody has seen it. Others may lack their end.
        let expected = match file.as_str() {
            INDEX => last + 1,
            JOURNAL => 1,
            _ => 0,
        };
        assert_eq!(unsaid, expected, "{file}");
    }
}

#[test]
fn lost_doubled_and_moved_lines_are_said() {
    let backup = Backup::of(two_runs);
    for file in [INDEX, JOURNAL] {
        let content = &backup.files[file];
        let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            let last = file == INDEX && at + 1 == lines.len();
            let mut lost = lines.clone();
            lost.remove(at);
            backup.with(file, Some(lost.concat()));
            assert!(backup.check(&format!("{file} without line {at}")) || last);
            let mut doubled = lines.clone();
            doubled.insert(at, lines[at]);
            backup.with(file, Some(doubled.concat()));
            assert!(backup.check(&format!("{file} with line {at} twice")));
            if at > 0 {
                let mut moved = lines.clone();
                moved.swap(at, at - 1);
                backup.with(file, Some(moved.concat()));
                assert!(backup.check(&format!("{file} with line {at} before its time")));
            }
            for inserted in [&b"\n"[..], b"{}\n", b"{\"commit\":9}\n"] {
                let mut more = lines.clone();
                more.insert(at, inserted);
                backup.with(file, Some(more.concat()));
                assert!(backup.check(&format!("{file} with something before line {at}")));
            }
        }
        backup.with(file, None);
        assert!(backup.check(&format!("without {file}")));
    }
}

#[test]
fn files_of_another_backup_are_said() {
    let backup = Backup::of(two_runs);
    let place = memory();
    let other = place.path().join("other");
    let mut writer = BackupWriter::open(
        &Place::Exactly(other.clone()),
        &origin(),
        "2026-11-24T08:00:00Z".parse().unwrap(),
    )
    .unwrap();
    save(&mut writer, "db", "9", "0");
    writer.commit(now()).unwrap();
    writer.deleting(now()).unwrap();
    writer.finish(now()).unwrap();
    drop(writer);
    let other = content(&other);
    for file in [INDEX, JOURNAL] {
        backup.with(file, Some(other[file].clone()));
        assert!(backup.check(&format!("{file} of another backup")));
    }
}

#[test]
fn manifests_that_are_missing_exchanged_or_added_are_said() {
    let backup = Backup::of(two_runs);
    let manifests: Vec<&String> = backup
        .files
        .keys()
        .filter(|file| file.starts_with("namespaces/"))
        .collect();
    assert_eq!(manifests.len(), 4);
    for (at, file) in manifests.iter().enumerate() {
        backup.with(file, None);
        assert!(backup.check(&format!("without {file}")));
        let other = manifests[(at + 1) % manifests.len()];
        backup.with(file, Some(backup.files[other].clone()));
        assert!(backup.check(&format!("{other} as {file}")));
    }
    let added = "namespaces/default/virtualmachines.kubevirt.io/evil.yaml";
    backup.with(added, Some(b"kind: ClusterRole".to_vec()));
    assert!(backup.is_said(added));
    let reader = BackupReader::open(&backup.path).unwrap();
    assert_eq!(reader.refusal().reason, Reason::UnknownFiles);
    assert_eq!(restored(&reader), backup.whole);
    drop(reader);
    // Nothing relies on it, and it is not touched.
    assert!(!backup.is_refused(added));
}

#[test]
fn what_is_damaged_is_named_and_the_rest_can_be_had() {
    let backup = Backup::of(two_runs);
    let web = "namespaces/default/virtualmachines.kubevirt.io/web.yaml";
    backup.with(web, Some(b"kind: VirtualMachine\n".to_vec()));
    let reader = BackupReader::open(&backup.path).unwrap();
    let why = "is not the file that was written: the checksum differs".to_owned();
    let path = web.to_owned();
    assert_eq!(reader.damage, [Damage::File { path, why }]);
    let rest: Vec<String> = restored(&reader).into_keys().collect();
    assert_eq!(rest, ["db"]);
    assert_eq!(reader.refusal().kind, Kind::Refused);
    assert_eq!(reader.incomplete().kind, Kind::Incomplete);
    drop(reader);
    let refused = BackupWriter::open(&backup.here, &origin(), now())
        .and_then(|mut writer| writer.deleting(now()))
        .unwrap_err();
    assert_eq!(refused.reason, Reason::BackupDamaged);
    assert!(refused.causes[0].starts_with(web), "{refused}");
    // One line of the index costs one object.
    let index = String::from_utf8(backup.files[INDEX].clone()).unwrap();
    let damaged = index.replacen("\"name\":\"web\"", "\"name\":\"wxb\"", 1);
    backup.with(INDEX, Some(damaged.into_bytes()));
    let reader = BackupReader::open(&backup.path).unwrap();
    let rest: Vec<String> = restored(&reader).into_keys().collect();
    assert_eq!(rest, ["db"]);
    let said: Vec<String> = reader.damage.iter().map(ToString::to_string).collect();
    let unnamed = format!("{web}: INDEX does not name this file");
    let line = "INDEX: line 10 is missing, or is not as it was written".to_owned();
    assert_eq!(said, [line, unnamed]);
}

#[test]
fn the_first_line_is_not_all_that_says_whose_it_is() {
    let backup = Backup::of(two_runs);
    let mut index = backup.files[INDEX].clone();
    index[2] ^= 1;
    backup.with(INDEX, Some(index));
    let reader = BackupReader::open(&backup.path).unwrap();
    assert_eq!(restored(&reader), backup.whole);
    assert!(reader.origin.is_none() && !reader.damage.is_empty());
    drop(reader);
    let refused = Earlier::find(&backup.here, &origin()).unwrap_err();
    assert_eq!(refused.reason, Reason::BackupDamaged);
}

/// Below a folder of backups the newest one is gone on with, if it was not finished. Damage does not make it finished.
#[test]
fn an_unfinished_backup_that_is_damaged_is_not_passed_over() {
    let place = memory();
    let below = Place::Below(place.path().to_owned());
    let mut writer = open(&below);
    save(&mut writer, "db", "1", "");
    writer.commit(now()).unwrap();
    writer.deleting(now()).unwrap();
    let path = writer.path().to_owned();
    drop(writer);
    let files = content(&path);
    let flip = |file: &str, at: usize| {
        let mut files = files.clone();
        files.get_mut(file).unwrap()[at] ^= 1;
        put(&path, &files);
    };
    for (file, at) in [(INDEX, 2), (INDEX, 600), (JOURNAL, 2), (JOURNAL, 300)] {
        flip(file, at);
        let refused = Earlier::find(&below, &origin()).unwrap_err();
        assert_eq!(refused.reason, Reason::BackupDamaged, "{file} at {at}");
        assert!(BackupWriter::open(&below, &origin(), now()).is_err());
    }
    put(&path, &files);
    open(&below).finish(now()).unwrap();
    let files = content(&path);
    // It came to its end, and nobody has to go on with it.
    let mut damaged = files.clone();
    damaged.get_mut(INDEX).unwrap()[600] ^= 1;
    put(&path, &damaged);
    assert_eq!(Earlier::find(&below, &origin()).unwrap(), None);
    assert_ne!(open(&below).path(), path);
    // Whether it did is not known.
    let mut damaged = files.clone();
    let journal = damaged.get_mut(JOURNAL).unwrap();
    journal.truncate(journal.len() - 100);
    put(&path, &damaged);
    fs::remove_dir_all(place.path().join("20261123-080000-2")).unwrap();
    assert!(Earlier::find(&below, &origin()).is_err());
}

#[test]
fn what_is_saved_during_the_deletion_is_read_back() {
    let place = memory();
    let path = place.path().join("b");
    let mut writer = open(&Place::Exactly(path.clone()));
    writer.deleting(now()).unwrap();
    save(&mut writer, "db", "1", "");
    // Somebody takes away what was written before it has its name.
    let folder = path.join("namespaces/default/virtualmachines.kubevirt.io");
    fs::write(folder.join(".db.yaml.0.part"), "").unwrap();
    let refused = writer.commit(now()).unwrap_err();
    assert_eq!(refused.reason, Reason::BackupDamaged, "{refused}");
    assert!(!writer.holds(&"1".into()), "and so it is not deleted");
}

/// What counts is what has the names, not the files that happen to be open.
#[test]
fn what_is_exchanged_under_the_program_is_seen_before_anything_is_deleted() {
    let exchange: [fn(&Path); 4] = [
        |path| fs::remove_file(path.join(INDEX)).unwrap(),
        |path| {
            let content = fs::read(path.join(JOURNAL)).unwrap();
            fs::remove_file(path.join(JOURNAL)).unwrap();
            fs::write(path.join(JOURNAL), content).unwrap();
        },
        |path| fs::rename(path, path.with_file_name("elsewhere")).unwrap(),
        |path| fs::remove_dir_all(path).unwrap(),
    ];
    for exchange in exchange {
        let backup = Backup::of(two_runs);
        let mut writer = BackupWriter::open(&backup.here, &origin(), now()).unwrap();
        while !writer.read_back(1).unwrap() {}
        exchange(&backup.path);
        let refused = writer.deleting(now()).unwrap_err();
        assert_eq!(refused.reason, Reason::BackupFailed, "{refused}");
    }
}
