//! Watches: what the API server tells, one stream a kind, ended when its definition goes.

use std::sync::Arc;

use futures::{Stream, StreamExt as _, future};
use kube::{
    Api, Client,
    core::DynamicObject,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};

use super::{cluster_state::Object, kind::Kind};

/// News of one kind.
#[derive(Debug)]
pub enum News {
    /// Everything there is, at the beginning and after a lost watch.
    All(Vec<Object>),
    Changed(Object),
    Gone(Object),
}

/// Watches a kind in all namespaces, for as long as the stream is read. Errors are tried again with growing pauses.
pub fn watch(client: &Client, kind: Kind) -> impl Stream<Item = (Kind, News)> + Send + use<> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind.resource());
    let mut listed = Vec::new();
    let config = watcher::Config {
        field_selector: kind.selection(),
        ..watcher::Config::default()
    };
    watcher(api, config)
        .default_backoff()
        .filter_map(move |event| {
            let news = match event {
                Ok(Event::Init) => {
                    listed.clear();
                    None
                }
                Ok(Event::InitApply(object)) => {
                    listed.push(Arc::new(object));
                    None
                }
                Ok(Event::InitDone) => Some(News::All(std::mem::take(&mut listed))),
                Ok(Event::Apply(object)) => Some(News::Changed(Arc::new(object))),
                Ok(Event::Delete(object)) => Some(News::Gone(Arc::new(object))),
                Err(error) => {
                    tracing::debug!(kind = kind.plural(), %error, "watch interrupted");
                    None
                }
            };
            future::ready(news.map(|news| (kind, news)))
        })
}
