//! Writing, and going on after a program that died.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use serde_json::json;

use super::sample::{files, machine, now, object, open, origin, save};
use crate::{
    cluster::subject::Subject,
    cluster::{
        backup::{BackupReader, BackupWriter, Earlier, INDEX, MANIFESTS, Place, Purpose},
        inventory::Uid,
    },
    failure::{Kind, Reason},
};

#[test]
fn what_was_saved_is_read_again_and_nothing_else_was_written() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("bmctl-workspace/c/backup");
    let mut writer = open(&Place::Below(base.clone()));
    save(&mut writer, "db", "1", "yes");
    assert!(!writer.holds(&Uid::from("1")), "not before it is committed");
    writer.commit(now()).unwrap();
    assert!(writer.holds(&Uid::from("1")));
    let path = base.join("20261123-080000");
    assert_eq!(writer.path(), path);
    drop(writer);
    assert_eq!(
        files(&path),
        [
            "INDEX",
            "JOURNAL",
            "README",
            "namespaces/default/virtualmachines.kubevirt.io/db.yaml"
        ]
    );
    for file in files(&path) {
        let mode = path.join(&file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let reader = BackupReader::open(&path).unwrap();
    assert_eq!(reader.entries.len(), 1);
    let (_, manifest) = reader.manifest(&reader.entries[0]).unwrap();
    assert_eq!(manifest["metadata"]["labels"]["note"], "yes");
    assert_eq!(manifest["metadata"].get("uid"), None);
}

#[test]
fn one_process_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let here = Place::Exactly(place.path().to_owned());
    let first = open(&here);
    for failure in [
        BackupWriter::open(&here, &origin(), now()).map(drop),
        Earlier::find(&here, &origin()).map(drop),
        BackupReader::open(place.path()).map(drop),
    ] {
        assert_eq!(failure.unwrap_err().reason, Reason::BackupInUse);
    }
    drop(first);
    open(&here);
}

#[test]
fn the_next_run_adds_and_overwrites_nothing() {
    let place = tempfile::tempdir().unwrap();
    let below = Place::Below(place.path().to_owned());
    let mut writer = open(&below);
    save(&mut writer, "db", "1", "first");
    writer.commit(now()).unwrap();
    drop(writer);
    assert_eq!(
        Earlier::find(&below, &origin()).unwrap(),
        None,
        "nothing was deleted"
    );
    let path = place.path().join("20261123-080000");
    let mut writer = open(&Place::Exactly(path.clone()));
    writer.deleting(now()).unwrap();
    writer.deleted(now(), &machine("db", "1")).unwrap();
    // It dies here, in the middle of another object.
    save(&mut writer, "web", "2", "lost");
    drop(writer);
    let mut torn = fs::read(path.join(INDEX)).unwrap();
    torn.extend(b"{\"resource\":\"virtualmachi");
    fs::write(path.join(INDEX), torn).unwrap();

    let earlier = Earlier::find(&below, &origin()).unwrap().unwrap();
    assert_eq!(earlier.doomed, BTreeSet::from([Uid::from("1")]));
    let mut writer = open(&below);
    assert_eq!(writer.path(), path);
    assert!(writer.holds(&Uid::from("1")) && !writer.holds(&Uid::from("2")));
    // Another object of the same name, and the same one once more.
    save(&mut writer, "db", "3", "second");
    save(&mut writer, "db", "1", "first");
    save(&mut writer, "web", "2", "found");
    writer.commit(now()).unwrap();
    writer.deleting(now()).unwrap();
    writer.finish(now()).unwrap();
    drop(writer);
    assert_eq!(Earlier::find(&below, &origin()).unwrap(), None);
    let reader = BackupReader::open(&path).unwrap();
    let notes: Vec<String> = reader
        .entries
        .iter()
        .map(|entry| {
            let (_, manifest) = reader.manifest(entry).unwrap();
            manifest["metadata"]["labels"]["note"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(notes, ["second", "found"], "the newest of each object");
    let kept =
        fs::read_to_string(path.join("namespaces/default/virtualmachines.kubevirt.io/db.yaml"))
            .unwrap();
    assert!(kept.contains("first"), "{kept}");
    // A finished one is not gone on with.
    assert_ne!(open(&below).path(), path);
}

#[test]
fn what_an_object_is_saved_for_last_counts() {
    let place = tempfile::tempdir().unwrap();
    let here = Place::Exactly(place.path().to_owned());
    let uid = Uid::from("1");
    for (purpose, doomed) in [
        (Purpose::Keep, false),
        (Purpose::Delete, true),
        (Purpose::Delete, true),
        (Purpose::Keep, false),
    ] {
        let mut writer = open(&here);
        writer.deleting(now()).unwrap();
        writer
            .save(
                &Subject::from(&machine("db", "1")),
                &object("db", "same"),
                purpose,
            )
            .unwrap();
        writer.commit(now()).unwrap();
        assert_eq!(writer.purpose(&uid), Some(purpose));
        drop(writer);
        let earlier = Earlier::find(&here, &origin()).unwrap().unwrap();
        assert_eq!(earlier.doomed.contains(&uid), doomed, "{purpose:?}");
    }
    assert_eq!(BackupReader::open(place.path()).unwrap().entries.len(), 1);
    assert_eq!(open(&here).purpose(&uid), Some(Purpose::Keep));
}

#[test]
fn an_object_on_its_way_out_does_not_replace_what_was_saved_of_it() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(&Place::Exactly(place.path().to_owned()));
    save(&mut writer, "db", "1", "whole");
    writer.commit(now()).unwrap();
    let mut going = object("db", "stripped");
    going["metadata"]["deletionTimestamp"] = json!("2026-11-23T08:00:00Z");
    writer
        .save(&Subject::from(&machine("db", "1")), &going, Purpose::Delete)
        .unwrap();
    assert_eq!(writer.uncommitted(), 0);
    // A change before it goes is saved beside.
    save(&mut writer, "db", "1", "changed");
    writer.commit(now()).unwrap();
    assert_eq!(files(place.path()).len(), 5);
}

#[test]
fn what_is_saved_again_before_a_commit_is_saved_once() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(&Place::Exactly(place.path().to_owned()));
    for _ in 0..5 {
        save(&mut writer, "db", "1", "same");
        save(&mut writer, "db", "2", "of the same name");
    }
    assert_eq!(writer.uncommitted(), 2);
    writer.commit(now()).unwrap();
    assert_eq!(files(place.path()).len(), 5);
}

#[test]
fn an_object_that_is_read_as_another_one_is_not_saved_as_itself() {
    let place = tempfile::tempdir().unwrap();
    let mut writer = open(&Place::Exactly(place.path().to_owned()));
    let failed = writer
        .save(
            &Subject::from(&machine("db", "1")),
            &object("web", ""),
            Purpose::Delete,
        )
        .unwrap_err();
    assert_eq!(failed.reason, Reason::BackupFailed);
    assert_eq!(writer.uncommitted(), 0);
}

#[test]
fn hostile_names_stay_inside() {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("backup");
    let mut writer = open(&Place::Exactly(inside.clone()));
    let long = "x".repeat(253);
    for (uid, name) in [
        "../../../evil",
        ".",
        "..",
        "a/b",
        "Db",
        "db",
        "INDEX",
        &long,
    ]
    .iter()
    .enumerate()
    {
        let mut hostile = machine(name, &uid.to_string());
        hostile.namespace = (*name).into();
        writer
            .save(
                &Subject::from(&hostile),
                &json!({"metadata": {"name": name, "namespace": name}}),
                Purpose::Delete,
            )
            .unwrap();
    }
    writer.commit(now()).unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let reader = BackupReader::open(&inside).unwrap();
    assert_eq!(reader.entries.len(), 8);
    for entry in &reader.entries {
        let (_, manifest) = reader.manifest(entry).unwrap();
        assert_eq!(manifest["metadata"]["name"], *entry.name);
    }
}

#[test]
fn a_link_instead_of_a_folder_is_a_failure() {
    let place = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut writer = open(&Place::Exactly(place.path().to_owned()));
    symlink(outside.path(), place.path().join(MANIFESTS)).unwrap();
    let refused = writer
        .save(
            &Subject::from(&machine("db", "1")),
            &object("db", ""),
            Purpose::Delete,
        )
        .unwrap_err();
    assert_eq!(refused.kind, Kind::OperationFailed);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}
