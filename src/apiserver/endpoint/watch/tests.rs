//! The invariant of the fan-out: what is written grows with the events, not with the watchers.

use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::*;
use crate::{
    kind::registry::Registry,
    request::{query::Query, route::ResourcePath},
    store::{ObjectId, key},
};

fn watch_config_maps(store: &Arc<Store>, frames: &Arc<Frames>, shape: Shape) -> Chunks {
    let registry = Registry::built_in();
    let resource = registry.find("", "v1", "configmaps").unwrap();
    let selection = Selection::new(resource, &ResourcePath::default(), &Query::default()).unwrap();
    let watch = Watch {
        selection,
        wanted: Wanted {
            shape,
            ..Wanted::default()
        },
        from: 0,
        initial: Vec::new(),
        mark_initial: false,
        bookmarks: false,
        lifetime: Duration::from_secs(600),
    };
    start(
        store.clone(),
        frames.clone(),
        watch,
        CancellationToken::new(),
    )
}

#[tokio::test]
async fn an_event_is_written_once_for_all_who_watch_in_the_same_shape() {
    const WATCHERS: usize = 40;
    const EVENTS: usize = 25;
    let store = Arc::new(Store::new(100, mpsc::unbounded_channel().0));
    let frames = Arc::new(Frames::default());
    let id = ObjectId {
        collection: GroupResource::new("", "configmaps"),
        key: key(Some("default"), "a"),
    };
    for size in 0..EVENTS {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "default", "uid": "a"},
            "data": {"size": size.to_string()},
        });
        store.write().put(&id, object);
    }
    for shape in [Shape::Plain, Shape::Metadata] {
        let before = frames.written();
        for _ in 0..WATCHERS {
            let watch = watch_config_maps(&store, &frames, shape);
            let chunks: Vec<Bytes> = watch.take(EVENTS).collect().await;
            let last: Value = serde_json::from_slice(&chunks[EVENTS - 1]).unwrap();
            assert_eq!(last["type"], "MODIFIED");
            assert_eq!(
                last["object"]["metadata"]["resourceVersion"],
                EVENTS.to_string()
            );
        }
        assert_eq!(frames.written() - before, EVENTS as u64, "{shape:?}");
    }
}
