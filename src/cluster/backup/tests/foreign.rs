//! Something of somebody else stands where a backup is to go, or to come from: it stays as it is.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::sample::{content, machine, memory, now, object, open, origin, restored, save};
use crate::{
    cluster::backup::{
        BackupReader, BackupWriter, Earlier, INDEX, JOURNAL, Origin, Place, Purpose,
    },
    cluster::subject::Subject,
    failure::{Kind, Reason},
};

/// A folder that is refused, whoever asks, and stays as it is.
fn refused(path: &Path, what: &str) {
    let before = content(path);
    let here = Place::Exactly(path.to_owned());
    for failure in [
        Earlier::find(&here, &origin()).map(drop).unwrap_err(),
        BackupWriter::open(&here, &origin(), now())
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(failure.kind, Kind::Refused, "{what}: {failure}");
        assert!(!failure.hints.is_empty(), "{what}: {failure}");
    }
    let unread = BackupReader::open(path).map(drop).unwrap_err();
    assert_eq!(unread.reason, Reason::NoBackup, "{what}: {unread}");
    assert_eq!(content(path), before, "{what}");
    // Below a folder of backups it is passed over.
    let below = Place::Below(path.parent().unwrap().to_owned());
    assert_eq!(Earlier::find(&below, &origin()).unwrap(), None, "{what}");
}

#[test]
fn an_index_of_somebody_else_stays_as_it_is() {
    let long = vec![b'x'; 1 << 20];
    let contents: [(&str, &[u8]); 8] = [
        ("text", b"the index of my own archive\n"),
        ("JSON lines of another program", b"{\"a\":1}\n{\"b\":2}\n"),
        ("binary", &[0, 159, 146, 150, 10, 0, 255]),
        ("empty", b""),
        ("one long line", &long),
        (
            "a newer format",
            b"{\"schema\":\"bmctl-backup/v3\",\"created\":\"x\"}\n",
        ),
        (
            "our own format, without the end of its first line",
            b"{\"schema\":\"bmctl-backup/v2\",\"created\":\"2026",
        ),
        ("another object", b"{\"schema\":7}\n"),
    ];
    for (what, index) in contents {
        for beside in [&["precious.dat"] as &[_], &[]] {
            let place = memory();
            let path = place.path().join("b");
            fs::create_dir(&path).unwrap();
            fs::write(path.join(INDEX), index).unwrap();
            for name in beside {
                fs::write(path.join(name), "mine").unwrap();
            }
            refused(&path, what);
        }
    }
}

/// Makes something of that path.
type Make<'a> = &'a dyn Fn(&Path);

#[test]
fn what_is_no_file_is_no_index() {
    let outside = memory();
    fs::write(outside.path().join("victim"), "mine").unwrap();
    let make: [(&str, Make<'_>); 4] = [
        ("a link to a file", &|index| {
            symlink(outside.path().join("victim"), index).unwrap();
        }),
        ("a link to nothing", &|index| {
            symlink("nowhere", index).unwrap();
        }),
        ("a pipe", &|index| {
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, index, kind, 0o600.into(), 0).unwrap();
        }),
        ("a folder", &|index| fs::create_dir(index).unwrap()),
    ];
    for (what, make) in make {
        let place = memory();
        let path = place.path().join("b");
        fs::create_dir(&path).unwrap();
        make(&path.join(INDEX));
        let here = Place::Exactly(path.clone());
        let found = Earlier::find(&here, &origin()).unwrap_err();
        assert_eq!(found.kind, Kind::Refused, "{what}: {found}");
        let opened = BackupWriter::open(&here, &origin(), now()).map(drop);
        assert_eq!(opened.unwrap_err().kind, Kind::Refused, "{what}");
        let read = BackupReader::open(&path).map(drop).unwrap_err();
        assert_eq!(read.reason, Reason::NoBackup, "{what}");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "{what}");
    }
    assert_eq!(content(outside.path())["victim"], b"mine");
}

#[test]
fn a_folder_with_anything_in_it_is_left_alone() {
    for name in [
        "thesis.txt",
        JOURNAL,
        "README",
        "index",
        ".INDEX.part",
        "namespaces",
    ] {
        let place = memory();
        let path = place.path().join("b");
        fs::create_dir(&path).unwrap();
        fs::write(path.join(name), "mine").unwrap();
        refused(&path, name);
    }
    // A file, and a folder that cannot be made.
    let place = memory();
    let file = place.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [
        file.clone(),
        file.join("inside"),
        "/proc/self/backup".into(),
    ] {
        let here = Place::Exactly(path.clone());
        let opened = BackupWriter::open(&here, &origin(), now()).map(drop);
        let failure = opened.unwrap_err();
        assert_eq!(failure.reason, Reason::BackupFailed, "{}", path.display());
    }
    assert_eq!(fs::read(file).unwrap(), b"mine");
}

#[test]
fn a_backup_of_another_cluster_is_left_alone() {
    let place = memory();
    let here = Place::Exactly(place.path().to_owned());
    drop(open(&here));
    let before = content(place.path());
    let another = Origin {
        vmruntime: "v".to_owned(),
        ..origin()
    };
    let refused = BackupWriter::open(&here, &another, now())
        .map(drop)
        .unwrap_err();
    assert!(refused.causes[0].contains("another cluster"), "{refused}");
    assert_eq!(content(place.path()), before);
}

/// Among the files of a backup, too, nothing is replaced that the index does not name.
#[test]
fn what_stands_where_a_manifest_would_go_stays() {
    let outside = memory();
    let place = memory();
    let path = place.path().join("b");
    let here = Place::Exactly(path.clone());
    let folder = path.join("namespaces/default/virtualmachines.kubevirt.io");
    let mut writer = open(&here);
    save(&mut writer, "first", "0", "");
    writer.commit(now()).unwrap();
    fs::write(folder.join("file.yaml"), "mine").unwrap();
    fs::write(folder.join(".file.yaml.0.part"), "mine too").unwrap();
    symlink(outside.path().join("x"), folder.join("link.yaml")).unwrap();
    fs::create_dir(folder.join("folder.yaml")).unwrap();
    for name in ["file", "link", "folder"] {
        save(&mut writer, name, name, "saved");
    }
    writer.commit(now()).unwrap();
    writer.deleting(now()).unwrap();
    drop(writer);
    assert_eq!(fs::read(folder.join("file.yaml")).unwrap(), b"mine");
    assert_eq!(
        fs::read(folder.join(".file.yaml.0.part")).unwrap(),
        b"mine too"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    let reader = BackupReader::open(&path).unwrap();
    assert_eq!(restored(&reader).len(), 4);
    assert_eq!(
        reader.damage.len(),
        2,
        "the file and the link: {:?}",
        reader.damage
    );
}

#[test]
fn a_backup_is_for_the_user_alone() {
    let place = memory();
    let path = place.path().join("b");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut writer = open(&Place::Exactly(path.clone()));
    writer
        .save(
            &Subject::from(&machine("db", "1")),
            &object("db", ""),
            Purpose::Record,
        )
        .unwrap();
    save(&mut writer, "web", "2", "");
    writer.commit(now()).unwrap();
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_name_too_long_for_a_line_is_a_failure_and_nothing_is_lost() {
    let place = memory();
    let here = Place::Exactly(place.path().to_owned());
    let mut writer = open(&here);
    save(&mut writer, "db", "1", "");
    writer.commit(now()).unwrap();
    let name = "x".repeat(1 << 16);
    save(&mut writer, &name, "2", "");
    let failed = writer.commit(now()).unwrap_err();
    assert_eq!(failed.reason, Reason::BackupFailed, "{failed}");
    drop(writer);
    let reader = BackupReader::open(place.path()).unwrap();
    assert_eq!((reader.damage.len(), restored(&reader).len()), (0, 1));
}
