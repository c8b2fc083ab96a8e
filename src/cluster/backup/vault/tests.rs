use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use serde_json::json;

use super::*;
use crate::{api::workload::WORKLOAD_KINDS, cluster::backup::archive::Archive};

fn origin() -> Origin {
    Origin {
        cluster: "c".to_owned(),
        context: "x".to_owned(),
        server: "https://s".to_owned(),
        vmruntime: "u".to_owned(),
    }
}

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn machine(name: &str, uid: &str) -> Workload {
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
        uses: Box::default(),
    }
}

fn object(name: &str, note: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "default", "uid": "x", "labels": {"note": note}},
        "spec": {"running": true},
    })
}

fn save(vault: &mut Vault, name: &str, uid: &str, note: &str) {
    vault
        .save(&machine(name, uid), &object(name, note), Purpose::Delete)
        .unwrap();
}

fn open(place: &Place) -> Vault {
    Vault::open(place, &origin(), now()).unwrap()
}

fn files(path: &Path) -> Vec<String> {
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

#[test]
fn what_was_saved_is_read_again_and_nothing_else_was_written() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("bmctl-workspace/c/backup");
    let mut vault = open(&Place::Below(base.clone()));
    save(&mut vault, "db", "1", "yes");
    assert!(!vault.holds(&Uid::from("1")), "not before it is committed");
    vault.commit().unwrap();
    assert!(vault.holds(&Uid::from("1")));
    let path = base.join("20261123-080000");
    assert_eq!(vault.path(), path);
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
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.entries.len(), 1);
    let (_, manifest) = archive.manifest(&archive.entries[0]).unwrap();
    assert_eq!(manifest["metadata"]["labels"]["note"], "yes");
    assert_eq!(manifest["metadata"].get("uid"), None);
}

#[test]
fn one_process_at_a_time() {
    let place = tempfile::tempdir().unwrap();
    let here = Place::Exactly(place.path().to_owned());
    let first = open(&here);
    let second = Vault::open(&here, &origin(), now()).map(drop).unwrap_err();
    assert_eq!(second.kind, Kind::Conflict);
    drop(first);
    open(&here);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let here = Place::Exactly(place.path().to_owned());
    fs::write(place.path().join("thesis.txt"), "mine").unwrap();
    let refused = Vault::open(&here, &origin(), now()).map(drop).unwrap_err();
    assert_eq!(refused.kind, Kind::Refused);
    assert!(
        Earlier::find(&here, &origin()).is_err(),
        "before anybody is asked"
    );
    assert_eq!(files(place.path()), ["thesis.txt"]);

    let place = tempfile::tempdir().unwrap();
    let here = Place::Exactly(place.path().to_owned());
    drop(open(&here));
    let another = Origin {
        vmruntime: "v".to_owned(),
        ..origin()
    };
    let refused = Vault::open(&here, &another, now()).map(drop).unwrap_err();
    assert!(refused.causes[0].contains("another cluster"), "{refused}");
}

#[test]
fn the_next_run_adds_and_overwrites_nothing() {
    let place = tempfile::tempdir().unwrap();
    let below = Place::Below(place.path().to_owned());
    let mut vault = open(&below);
    save(&mut vault, "db", "1", "first");
    vault.commit().unwrap();
    assert_eq!(
        Earlier::find(&below, &origin()).unwrap(),
        None,
        "nothing was deleted"
    );
    vault.deleting(now()).unwrap();
    vault.deleted(now(), &machine("db", "1")).unwrap();
    // It dies here, in the middle of another object.
    save(&mut vault, "web", "2", "lost");
    let path = vault.path().to_owned();
    drop(vault);
    let mut torn = fs::read(path.join(INDEX)).unwrap();
    torn.extend(b"{\"resource\":\"virtualmachi");
    fs::write(path.join(INDEX), torn).unwrap();

    let earlier = Earlier::find(&below, &origin()).unwrap().unwrap();
    assert_eq!(earlier.doomed, BTreeSet::from([Uid::from("1")]));
    let mut vault = open(&below);
    assert_eq!(vault.path(), path);
    assert!(vault.holds(&Uid::from("1")) && !vault.holds(&Uid::from("2")));
    // Another object of the same name, and the same one once more.
    save(&mut vault, "db", "3", "second");
    save(&mut vault, "db", "1", "first");
    save(&mut vault, "web", "2", "found");
    vault.commit().unwrap();
    vault.deleting(now()).unwrap();
    vault.finish(now()).unwrap();
    drop(vault);
    assert_eq!(Earlier::find(&below, &origin()).unwrap(), None);
    let archive = Archive::open(&path).unwrap();
    let notes: Vec<String> = archive
        .entries
        .iter()
        .map(|entry| {
            let (_, manifest) = archive.manifest(entry).unwrap();
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
    let mut vault = open(&here);
    let uid = Uid::from("1");
    vault.deleting(now()).unwrap();
    for (purpose, doomed) in [
        (Purpose::Keep, false),
        (Purpose::Delete, true),
        (Purpose::Delete, true),
        (Purpose::Keep, false),
    ] {
        vault
            .save(&machine("db", "1"), &object("db", "same"), purpose)
            .unwrap();
        vault.commit().unwrap();
        assert_eq!(vault.purpose(&uid), Some(purpose));
        let earlier = Earlier::find(&here, &origin()).unwrap().unwrap();
        assert_eq!(earlier.doomed.contains(&uid), doomed, "{purpose:?}");
    }
    drop(vault);
    assert_eq!(Archive::open(place.path()).unwrap().entries.len(), 1);
    assert_eq!(open(&here).purpose(&uid), Some(Purpose::Keep));
}

#[test]
fn an_object_on_its_way_out_does_not_replace_what_was_saved_of_it() {
    let place = tempfile::tempdir().unwrap();
    let mut vault = open(&Place::Exactly(place.path().to_owned()));
    save(&mut vault, "db", "1", "whole");
    vault.commit().unwrap();
    let mut going = machine("db", "1");
    going.deleting = Some(now().into());
    vault
        .save(&going, &object("db", "stripped"), Purpose::Delete)
        .unwrap();
    assert_eq!(vault.uncommitted(), 0);
    // A change before it goes is saved beside.
    save(&mut vault, "db", "1", "changed");
    vault.commit().unwrap();
    assert_eq!(files(place.path()).len(), 5);
}

#[test]
fn hostile_names_stay_inside() {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("backup");
    let mut vault = open(&Place::Exactly(inside.clone()));
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
        vault
            .save(
                &hostile,
                &json!({"metadata": {"name": name, "namespace": name}}),
                Purpose::Delete,
            )
            .unwrap();
    }
    vault.commit().unwrap();
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    let archive = Archive::open(&inside).unwrap();
    assert_eq!(archive.entries.len(), 8);
    for entry in &archive.entries {
        let (_, manifest) = archive.manifest(entry).unwrap();
        assert_eq!(manifest["metadata"]["name"], *entry.name);
    }
}

#[test]
fn a_link_instead_of_a_folder_is_a_failure() {
    let place = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut vault = open(&Place::Exactly(place.path().to_owned()));
    symlink(outside.path(), place.path().join(MANIFESTS)).unwrap();
    let refused = vault
        .save(&machine("db", "1"), &object("db", ""), Purpose::Delete)
        .unwrap_err();
    assert_eq!(refused.kind, Kind::OperationFailed);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn an_archive_believes_only_what_its_index_names() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("b");
    let mut vault = open(&Place::Exactly(path.clone()));
    save(&mut vault, "db", "1", "");
    vault.commit().unwrap();
    drop(vault);
    let file = path.join("namespaces/default/virtualmachines.kubevirt.io/db.yaml");
    fs::write(file.with_file_name("evil.yaml"), "kind: ClusterRole").unwrap();
    let refused = Archive::open(&path).map(drop).unwrap_err();
    assert!(refused.causes[0].ends_with("evil.yaml"), "{refused}");
    fs::remove_file(file.with_file_name("evil.yaml")).unwrap();
    let archive = Archive::open(&path).unwrap();
    fs::write(&file, fs::read_to_string(&file).unwrap() + "\n").unwrap();
    let damaged = archive.manifest(&archive.entries[0]).map(drop).unwrap_err();
    assert!(damaged.causes[0].contains("checksum"), "{damaged}");
    fs::write(path.join(INDEX), "").unwrap();
    assert_eq!(
        Archive::open(&path).map(drop).unwrap_err().kind,
        Kind::Usage
    );
}
