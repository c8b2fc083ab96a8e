//! Waiting for news of objects, with a deadline.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures::{StreamExt, pin_mut};
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::test_server;

#[derive(Debug, thiserror::Error)]
#[error("the kind is not served")]
pub struct NotServed;

/// Watches until the objects are as they are wanted; says what was there last if that takes too long.
pub async fn until<K, T>(
    api: Api<K>,
    what: &str,
    wanted: impl Fn(&[K]) -> Option<T>,
) -> anyhow::Result<T>
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + serde::Serialize + Send + 'static,
{
    let mut objects: BTreeMap<String, K> = BTreeMap::new();
    let key = |object: &K| {
        let metadata = object.meta();
        format!("{:?}/{:?}", metadata.namespace, metadata.name)
    };
    let watched = async {
        let stream = watcher(api, watcher::Config::default()).default_backoff();
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            let complete = match event {
                Ok(watcher::Event::Init) => {
                    objects.clear();
                    false
                }
                Ok(watcher::Event::InitApply(object)) => {
                    objects.insert(key(&object), object);
                    false
                }
                Ok(watcher::Event::InitDone) => true,
                Ok(watcher::Event::Apply(object)) => {
                    objects.insert(key(&object), object);
                    true
                }
                Ok(watcher::Event::Delete(object)) => {
                    objects.remove(&key(&object));
                    true
                }
                Err(watcher::Error::InitialListFailed(kube::Error::Api(status)))
                    if status.code == 404 =>
                {
                    return Err(NotServed.into());
                }
                Err(_) => false,
            };
            let list: Vec<K> = objects.values().cloned().collect();
            if let Some(found) = complete.then(|| wanted(&list)).flatten() {
                return Ok(found);
            }
        }
        Err(anyhow!("the watch ended"))
    };
    let patience = test_server::patience();
    if let Ok(ended) = tokio::time::timeout(patience, watched).await {
        return ended;
    }
    let mut last: Vec<Value> = objects.values().map(|object| json!(object)).collect();
    for object in &mut last {
        object["metadata"]["managedFields"].take();
    }
    let last = serde_json::to_string_pretty(&last)?;
    Err(anyhow!(
        "waited {patience:?} for: {what}\nlast seen: {last}"
    ))
}

/// Looks again and again until it holds, for what no single watch tells; the last finding is in the error.
pub async fn settles(what: &str, look: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    const BEAT: Duration = Duration::from_millis(50);
    let patience = test_server::patience();
    let start = Instant::now();
    loop {
        match look().await {
            Ok(()) => return Ok(()),
            Err(last) if start.elapsed() > patience => {
                return Err(last.context(format!("waited {patience:?} for: {what}")));
            }
            Err(_) => tokio::time::sleep(BEAT).await,
        }
    }
}
