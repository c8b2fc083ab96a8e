//! What the backup has to hold before anything goes.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::json;

use super::{
    super::{Disks, LeftOver, Plan, remove, save},
    KVM, World, collect, object, planned, quick,
};
use crate::cluster::{
    backup::{BackupReader, BackupWriter, Origin, Place, Purpose},
    inventory::{self, Uid},
    retry::Retry,
    script,
};

fn backup(folder: &Path) -> BackupWriter {
    let origin = Origin {
        cluster: "c".to_owned(),
        context: "c".to_owned(),
        server: "https://c".to_owned(),
        vmruntime: "u".to_owned(),
    };
    let place = Place::Exactly(folder.join("saved"));
    BackupWriter::open(&place, &origin, jiff::Timestamp::now()).unwrap()
}

#[tokio::test]
async fn a_machine_that_comes_late_and_goes_with_its_owner_is_saved() {
    let mut held = object("a", "vm-a", None);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let world = World::with(&[(KVM, held)]);
    *world.late.lock().unwrap() = vec![(KVM, object("b", "vm-b", Some("vm-a")))];
    let (server, looks) = (world.clone(), AtomicU32::new(0));
    let client = script::client(move |call| {
        if call.path == KVM && !call.watches() {
            let mut objects = server.objects.lock().unwrap();
            // The owner goes at the third look that shows both, and takes the other one along.
            if objects.len() == 2 && looks.fetch_add(1, Ordering::Relaxed) == 2 {
                collect(&mut objects, 0);
            }
        }
        server.answer(call)
    });
    let folder = tempfile::tempdir().unwrap();
    let mut backup = backup(folder.path());
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let retry = quick();
    remove(&client, planned(inventory), Some(&mut backup), &retry)
        .await
        .unwrap();
    assert_eq!(world.deleted().len(), 1);
    for uid in ["vm-a", "vm-b"] {
        assert_eq!(backup.purpose(&Uid::from(uid)), Some(Purpose::Delete));
    }
}

/// Somebody edits it twice, each time that it is about to be deleted.
#[tokio::test]
async fn a_machine_is_deleted_as_it_was_saved_last() {
    for disks in [Disks::Delete, Disks::Keep] {
        let mut machine = object("a", "vm-a", None);
        machine["spec"] = json!({"edited": 0});
        let world = World::with(&[(KVM, machine)]);
        let (server, deletions) = (world.clone(), AtomicU32::new(0));
        let client = script::client(move |call| {
            if call.method == "DELETE" {
                let edited = deletions.fetch_add(1, Ordering::Relaxed) + 1;
                if edited <= 2 {
                    let machine = &mut server.objects.lock().unwrap()[0].1;
                    machine["spec"]["edited"] = edited.into();
                    machine["metadata"]["resourceVersion"] = format!("edited-{edited}").into();
                }
            }
            server.answer(call)
        });
        let folder = tempfile::tempdir().unwrap();
        let mut backup = backup(folder.path());
        let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
        let plan = Plan::new(inventory, disks, &LeftOver::default());
        let retry = quick();
        save(&client, &plan, &mut backup, &retry).await.unwrap();
        remove(&client, plan, Some(&mut backup), &retry)
            .await
            .unwrap();
        assert_eq!(world.deleted().len(), 3);
        assert_eq!(world.left(), [""; 0]);
        drop(backup);
        let reader = BackupReader::open(&folder.path().join("saved")).unwrap();
        assert_eq!(reader.damage, []);
        let (_, saved) = reader.manifest(&reader.entries[0]).unwrap();
        assert_eq!(saved["spec"], json!({"edited": 2}));
    }
}

/// One that changes all the time is not deleted as nobody has saved it.
#[tokio::test]
async fn a_machine_that_never_rests_stays() {
    let world = World::with(&[(KVM, object("a", "vm-a", None))]);
    let (server, reads) = (world.clone(), AtomicU32::new(1));
    let client = script::client(move |call| {
        if call.method == "DELETE" {
            let read = reads.fetch_add(1, Ordering::Relaxed) + 1;
            let machine = &mut server.objects.lock().unwrap()[0].1;
            machine["metadata"]["resourceVersion"] = read.to_string().into();
        }
        server.answer(call)
    });
    let folder = tempfile::tempdir().unwrap();
    let mut backup = backup(folder.path());
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let retry = quick();
    let failure = remove(&client, planned(inventory), Some(&mut backup), &retry)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, crate::failure::Kind::Conflict);
    assert!(
        failure.causes[0].contains("virtualmachines.kubevirt.io ns/a"),
        "{failure:?}"
    );
    assert_eq!(world.left().len(), 1);
}
