//! The program dies anywhere, and the machine with it: what was deleted can be restored, and the next run goes on.

use std::{collections::BTreeMap, fs, path::Path};

use super::sample::{content, machine, memory, now, open, origin, put, restored, save};
use crate::cluster::backup::{BackupReader, BackupWriter, INDEX, JOURNAL, Place};

type Files = BTreeMap<String, Vec<u8>>;

/// One step of a run.
type Step = fn(&mut BackupWriter);

const STEPS: [Step; 8] = [
    |writer| save_and_commit(writer, "db"),
    |writer| save_and_commit(writer, "web"),
    |writer| writer.deleting(now()).unwrap(),
    |writer| writer.deleted(now(), &machine("db", "db")).unwrap(),
    |writer| save_and_commit(writer, "new"),
    |writer| writer.deleted(now(), &machine("web", "web")).unwrap(),
    |writer| writer.deleted(now(), &machine("new", "new")).unwrap(),
    |writer| writer.finish(now()).unwrap(),
];

fn save_and_commit(writer: &mut BackupWriter, name: &str) {
    save(writer, name, name, "whole");
    writer.commit(now()).unwrap();
}

/// What a folder holds before the first step and after each.
fn states(path: &Path) -> Vec<Files> {
    let mut writer = open(&Place::Exactly(path.to_owned()));
    let mut states = vec![content(path)];
    for step in STEPS {
        step(&mut writer);
        states.push(content(path));
    }
    states
}

/// Everything that a step has written, up to a byte: manifests without their names first, then one of the two files and
/// then the other, then the names.
fn torn(before: &Files, after: &Files, order: [&str; 2]) -> Vec<Files> {
    let fresh: Vec<&String> = after
        .keys()
        .filter(|file| !before.contains_key(*file))
        .collect();
    let nameless = |file: &str| {
        let (place, name) = file.rsplit_once('/').unwrap();
        format!("{place}/.{name}.0.part")
    };
    let mut torn = Vec::new();
    let mut now = before.clone();
    for file in &fresh {
        for cut in [0, after[*file].len() / 2, after[*file].len()] {
            now.insert(nameless(file), after[*file][..cut].to_vec());
            torn.push(now.clone());
        }
    }
    for (place, name) in order.into_iter().enumerate() {
        for cut in cuts(before[name].len(), &after[name]) {
            now.insert(name.to_owned(), after[name][..cut].to_vec());
            torn.push(now.clone());
        }
        for file in fresh.iter().filter(|_| place == 0) {
            let content = now.remove(&nameless(file)).unwrap();
            now.insert((*file).clone(), content);
            torn.push(now.clone());
        }
    }
    torn
}

/// Where a file can be cut off that was so long before: around the ends of lines, and here and there.
fn cuts(before: usize, after: &[u8]) -> Vec<usize> {
    let near_an_end = |cut: usize| {
        let around = cut.saturating_sub(2)..(cut + 2).min(after.len());
        around.into_iter().any(|at| after[at] == b'\n')
    };
    let all = before..=after.len();
    all.filter(|cut| near_an_end(*cut) || cut % 17 == 0)
        .collect()
}

#[test]
fn whatever_was_deleted_is_restored_and_the_next_run_goes_on() {
    let place = memory();
    let path = place.path().join("b");
    let states = states(&path);
    let names = |files: &Files| {
        put(&path, files);
        restored(&BackupReader::open(&path).unwrap())
    };
    let mut met = 0;
    for (step, pair) in states.windows(2).enumerate() {
        let [before, after] = pair else {
            unreachable!("windows of two");
        };
        let commits = before[INDEX].len() < after[INDEX].len() && after.len() > before.len();
        let order = if commits {
            [INDEX, JOURNAL]
        } else {
            [JOURNAL, INDEX]
        };
        let (first, last) = (names(before), names(after));
        for files in torn(before, after, order) {
            met += 1;
            put(&path, &files);
            let reader = BackupReader::open(&path).unwrap();
            assert_eq!(reader.damage, [], "step {step}");
            let found = restored(&reader);
            assert!(
                found == first || found == last,
                "step {step}: neither what was saved before nor after: {found:?}"
            );
            drop(reader);
            // The next run goes on, saves the same again, and deletes.
            let mut writer = open(&Place::Exactly(path.clone()));
            save_and_commit(&mut writer, "db");
            save_and_commit(&mut writer, "web");
            writer.deleting(now()).unwrap();
            writer.finish(now()).unwrap();
            drop(writer);
            let reader = BackupReader::open(&path).unwrap();
            assert_eq!((reader.torn, &*reader.damage), (false, &[] as &[_]));
            let again = restored(&reader);
            assert!(
                last.keys()
                    .all(|name| again.contains_key(name) || name == "new")
            );
            assert!(again.contains_key("db") && again.contains_key("web"));
        }
    }
    assert!(met > 100, "only {met} crashes were met");
}

#[test]
fn a_run_that_dies_before_its_index_has_a_name_leaves_the_folder_unused() {
    let place = memory();
    let path = place.path().join("b");
    fs::create_dir(&path).unwrap();
    fs::write(path.join(".INDEX.0.part"), "{\"schema\":\"bmc").unwrap();
    let here = Place::Exactly(path.clone());
    let mut writer = open(&here);
    save_and_commit(&mut writer, "db");
    drop(writer);
    assert_eq!(restored(&BackupReader::open(&path).unwrap()).len(), 1);
    // Between the index and the journal.
    fs::remove_dir_all(path.join("namespaces")).unwrap();
    let index = fs::read(path.join(INDEX)).unwrap();
    let header = index.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(path.join(INDEX), &index[..header]).unwrap();
    fs::remove_file(path.join(JOURNAL)).unwrap();
    let mut writer = BackupWriter::open(&here, &origin(), now()).unwrap();
    save_and_commit(&mut writer, "db");
    drop(writer);
    assert_eq!(restored(&BackupReader::open(&path).unwrap()).len(), 1);
}

/// What a killed run saved and did not count is saved again, and leaves nothing behind that a restore would refuse.
#[test]
fn an_object_that_has_changed_since_is_saved_as_it_is_now() {
    let place = memory();
    let path = place.path().join("b");
    let here = Place::Exactly(path.clone());
    let mut writer = open(&here);
    save(&mut writer, "db", "1", "before");
    drop(writer);
    let mut writer = open(&here);
    save(&mut writer, "db", "1", "after");
    writer.commit(now()).unwrap();
    drop(writer);
    let reader = BackupReader::open(&path).unwrap();
    assert_eq!(reader.damage, []);
    assert_eq!(restored(&reader)["db"], "after");
}
