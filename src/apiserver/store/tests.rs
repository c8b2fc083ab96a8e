use proptest::prelude::*;
use serde_json::json;

use super::*;

fn store(memory: usize) -> Store {
    Store::new(memory, mpsc::unbounded_channel().0)
}

fn id(name: &str) -> ObjectId {
    ObjectId {
        collection: GroupResource::new("example.com", "gadgets"),
        key: key(Some("default"), name),
    }
}

fn object(name: &str, size: i64) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "uid": name}, "size": size})
}

fn seen(objects: &[(String, Arc<Value>)]) -> Vec<(String, i64)> {
    let size = |object: &Value| object["size"].as_i64().unwrap();
    objects
        .iter()
        .map(|(key, object)| (key.clone(), size(object)))
        .collect()
}

#[test]
fn an_earlier_version_can_be_read_as_it_was() {
    let store = store(100);
    let collection = id("a").collection;
    let writer = store.write();
    writer.put(&id("a"), object("a", 1));
    writer.put(&id("b"), object("b", 1));
    let then = store.version();
    writer.put(&id("a"), object("a", 2));
    writer.remove(&id("b"));
    writer.put(&id("c"), object("c", 1));
    drop(writer);

    let earlier = store
        .page(Some(then), &collection, "default/", None, 9)
        .unwrap();
    assert_eq!(
        seen(&earlier.objects),
        [("default/a".to_owned(), 1), ("default/b".to_owned(), 1)]
    );
    let rest = store
        .page(Some(then), &collection, "default/", Some("default/a"), 9)
        .unwrap();
    assert_eq!(seen(&rest.objects), [("default/b".to_owned(), 1)]);
    let now = store.now(&collection, "default/");
    assert_eq!(
        seen(&now.objects),
        [("default/a".to_owned(), 2), ("default/c".to_owned(), 1)]
    );
}

proptest! {
    /// Whatever is written in between, the pages of one version together are what there was at that version.
    #[test]
    fn pages_fit_together(
        writes in prop::collection::vec((0..12u8, prop::option::of(0..100i64)), 1..60),
        from in any::<prop::sample::Index>(),
        most in 1..5usize,
    ) {
        let store = store(100);
        let collection = id("a").collection;
        let mut seen_at = Vec::new();
        for (name, size) in writes {
            let name = format!("o{name:02}");
            let writer = store.write();
            match size {
                Some(size) => drop(writer.put(&id(&name), object(&name, size))),
                None => drop(writer.remove(&id(&name))),
            }
            drop(writer);
            seen_at.push((store.version(), seen(&store.now(&collection, "default/").objects)));
        }
        let (version, expected) = seen_at.swap_remove(from.index(seen_at.len()));
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = store
                .page(Some(version), &collection, "default/", after.as_deref(), most)
                .unwrap();
            prop_assert_eq!(page.objects.len() + page.rest, expected.len() - found.len());
            found.extend(seen(&page.objects));
            if page.rest == 0 {
                break;
            }
            after = found.last().map(|(key, _)| key.clone());
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_list_of_all_outlives_that_each_is_written_once() {
    let store = store(2);
    let collection = id("a").collection;
    let names: Vec<String> = (0..10).map(|number| format!("o{number}")).collect();
    for name in &names {
        store.write().put(&id(name), object(name, 1));
    }
    let then = store.version();
    for name in &names {
        store.write().put(&id(name), object(name, 2));
    }
    let page = store.page(Some(then), &collection, "", None, 3).unwrap();
    assert_eq!(page.rest, 7);
    assert!(page.objects.iter().all(|(_, object)| object["size"] == 1));
    // Not for ever.
    for name in &names {
        store.write().put(&id(name), object(name, 3));
    }
    assert!(store.page(Some(then), &collection, "", None, 3).is_err());
}

#[test]
fn what_the_history_no_longer_holds_is_compacted() {
    let store = store(2);
    let collection = id("a").collection;
    let writer = store.write();
    for size in 0..5 {
        writer.put(&id("a"), object("a", size));
    }
    drop(writer);
    assert_eq!(store.changes_since(&collection, 3).unwrap().len(), 2);
    assert!(store.changes_since(&collection, 2).is_err());
    assert!(store.page(Some(2), &collection, "", None, 9).is_err());
    assert!(store.page(Some(3), &collection, "", None, 9).is_ok());
}

#[test]
fn every_write_gets_its_own_version_and_wakes_those_who_wait() {
    let store = store(10);
    let mut receiver = store.subscribe(&id("a").collection);
    let writer = store.write();
    let first = writer.put(&id("a"), object("a", 1));
    let second = writer.put(&id("a"), object("a", 2));
    assert_eq!(first["metadata"]["resourceVersion"], "1");
    assert_eq!(second["metadata"]["resourceVersion"], "2");
    assert!(receiver.has_changed().unwrap());
    assert_eq!(*receiver.borrow_and_update(), 2);
}

#[tokio::test]
async fn what_was_kept_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(Disk::open(folder.path()).unwrap());
    let (changes, mut told) = mpsc::unbounded_channel();
    let first = Store::on(&open(), 10, changes.clone()).unwrap();
    first.write().put(&id("a"), object("a", 1));
    first.write().put(&id("b"), object("b", 1));
    first.write().remove(&id("a"));
    first.kept().await.unwrap();
    assert_eq!(
        first.changes_since(&id("a").collection, 0).unwrap().len(),
        3
    );
    drop(first);
    while told.try_recv().is_ok() {}

    // The lock is free once the thread has written everything.
    let disk = loop {
        match Disk::open(folder.path()) {
            Ok(disk) => break Arc::new(disk),
            Err(StateFault::Taken) => tokio::task::yield_now().await,
            Err(fault) => panic!("{fault}"),
        }
    };
    let second = Store::on(&disk, 10, changes).unwrap();
    assert_eq!(second.version(), 3);
    assert_eq!(
        seen(&second.now(&id("a").collection, "").objects),
        [("default/b".to_owned(), 1)]
    );
    assert_eq!(told.try_recv().unwrap().id, id("b"));
    let next = second.write().put(&id("a"), object("a", 2));
    assert_eq!(next["metadata"]["resourceVersion"], "4");
    second.kept().await.unwrap();
    // The history begins at the restart: who missed something before it lists again.
    assert!(second.changes_since(&id("a").collection, 2).is_err());
    assert_eq!(
        second.changes_since(&id("a").collection, 3).unwrap().len(),
        1
    );
    let never_used = GroupResource::new("", "secrets");
    assert!(second.changes_since(&never_used, 2).is_err());
    assert!(second.changes_since(&never_used, 3).unwrap().is_empty());
}
