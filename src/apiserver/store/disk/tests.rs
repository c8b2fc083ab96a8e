use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::*;

fn id(key: &str) -> ObjectId {
    ObjectId {
        collection: GroupResource::new("", "configmaps"),
        key: key.to_owned(),
    }
}

fn pending(version: u64, key: &str, new: Option<Value>) -> Pending {
    Pending {
        change: Arc::new(Change {
            version,
            id: id(key),
            old: None,
            new: new.map(Arc::new),
        }),
        wake: watch::Sender::new(0),
    }
}

#[test]
fn what_was_written_is_recalled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let disk = Disk::open(&path).unwrap();
    assert_eq!(disk.recall().unwrap().version, 0);
    let changes = [
        pending(1, "default/a", Some(json!({"a": 1}))),
        pending(2, "default/b", Some(json!({"b": 1}))),
        pending(3, "default/a", None),
    ];
    disk.write(&changes).unwrap();
    disk.set_memo("port", b"6443").unwrap();
    assert!(matches!(Disk::open(&path), Err(StateFault::Taken)));
    drop(disk);
    let disk = Disk::open(&path).unwrap();
    let recalled = disk.recall().unwrap();
    assert_eq!(recalled.version, 3);
    assert_eq!(recalled.objects, [(id("default/b"), json!({"b": 1}))]);
    assert_eq!(disk.memo("port").unwrap().unwrap(), b"6443");
    assert_eq!(disk.memo("other").unwrap(), None);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join(FILE))), (0o700, 0o600));
}

/// A single bit that tips over is found, or has no part in what is stored: in a file that was closed, and in one that
/// was not.
#[test]
fn a_damaged_state_is_refused_or_served_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let disk = Disk::open(&path).unwrap();
    for version in 1..=60_u64 {
        let text = format!("{version:x}").repeat(200);
        let object = Some(json!({"data": text, "at": version}));
        let place = format!("default/{}", version % 40);
        disk.write(&[pending(version, &place, object)]).unwrap();
    }
    disk.set_memo("port", b"6443").unwrap();
    let written = disk.recall().unwrap();
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    let killed = (read(FILE), read(COMMITS));
    drop(disk);
    let closed = (read(FILE), read(COMMITS));
    for (whole, commits) in [killed, closed] {
        let bits = whole.len() * 8;
        let (mut refused, mut served) = (0, 0);
        // The header, and a walk over everything.
        for bit in (0..320).chain((1..180).map(|at| at * (bits / 180) + at % 8)) {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let copy = tempfile::tempdir().unwrap();
            for (name, bytes) in [(FILE, &damaged), (COMMITS, &commits)] {
                fs::write(copy.path().join(name), bytes).unwrap();
                let owners = fs::Permissions::from_mode(0o600);
                fs::set_permissions(copy.path().join(name), owners).unwrap();
            }
            let found =
                Disk::open(copy.path()).and_then(|disk| Ok((disk.recall()?, disk.memo("port")?)));
            match found {
                Ok((found, port)) => {
                    assert!(found == written, "bit {bit} of {bits}");
                    assert_eq!(port.as_deref(), Some(&b"6443"[..]), "bit {bit} of {bits}");
                    served += 1;
                }
                Err(StateFault::Damaged(_) | StateFault::Io(_)) => refused += 1,
                Err(other) => panic!("bit {bit} of {bits}: {other}"),
            }
        }
        assert!(
            refused > 50 && served > 50,
            "{refused} refused, {served} served"
        );
    }
}

#[test]
fn a_later_format_and_an_unsafe_place_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let disk = Disk::open(&path).unwrap();
    let transaction = disk.database.begin_write().unwrap();
    {
        let mut numbers = transaction.open_table(NUMBERS).unwrap();
        numbers.insert(FORMAT_KEY, FORMAT + 1).unwrap();
    }
    transaction.commit().unwrap();
    drop(disk);
    let later = Disk::open(&path).unwrap_err();
    assert!(matches!(later, StateFault::TooNew { found } if found == FORMAT + 1));

    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Disk::open(&shared), Err(StateFault::Unsafe(_))));

    let linked = folder.path().join("linked");
    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink("/dev/null", linked.join(FILE)).unwrap();
    assert!(matches!(Disk::open(&linked), Err(StateFault::Unsafe(_))));

    let garbage = folder.path().join("garbage");
    drop(Disk::open(&garbage).unwrap());
    fs::write(
        garbage.join(FILE),
        "this is no database, but some other text",
    )
    .unwrap();
    assert!(matches!(
        Disk::open(&garbage),
        Err(StateFault::Damaged(_) | StateFault::Io(_))
    ));
}
