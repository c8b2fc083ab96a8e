//! Says at once when something of a kind goes, so that nobody has to list all the time. It knows nothing for certain:
//! where a watch ends, for whatever reason, a list has to say how things are.

use std::sync::Arc;

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Client, Resource as _,
    api::{WatchEvent, WatchParams},
    core::DynamicObject,
};
use serde::Deserialize;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    api::WorkloadKind,
    cluster::inventory::{Second, Uid, list::Listed},
};

/// What a watch says of one object.
pub(super) struct Sight {
    pub uid: Uid,
    pub gone: bool,
    pub deleting: Option<Second>,
    pub finalizers: Arc<[String]>,
}

/// Why the bell rang.
pub(super) enum Rung {
    Seen(Sight),
    /// One of the watches has ended: only a list says how things are.
    Ended,
}

/// Watches several kinds. Dropping it ends the watches.
pub(super) struct Bell {
    rings: mpsc::Receiver<Rung>,
    _watches: JoinSet<()>,
}

impl Bell {
    /// Watches the wanted ones among these kinds, from the lists on.
    pub fn new(
        client: &Client,
        listed: &[(&'static WorkloadKind, Listed)],
        wanted: impl Fn(&WorkloadKind) -> bool,
    ) -> Self {
        let (sender, rings) = mpsc::channel(256);
        let mut watches = JoinSet::new();
        for (kind, from) in listed.iter().filter(|(kind, _)| wanted(kind)) {
            watches.spawn(watch(client.clone(), kind, from.clone(), sender.clone()));
        }
        Self {
            rings,
            _watches: watches,
        }
    }

    /// What happens next.
    pub async fn next(&mut self) -> Rung {
        self.rings.recv().await.unwrap_or(Rung::Ended)
    }

    /// What [`next`](Self::next) would return without waiting.
    pub fn ready(&mut self) -> Option<Rung> {
        self.rings.try_recv().ok()
    }
}

#[derive(Clone, Deserialize)]
struct Glimpse {
    metadata: Metadata,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    deletion_timestamp: Option<Time>,
    #[serde(default)]
    finalizers: Vec<String>,
}

async fn watch(
    client: Client,
    kind: &'static WorkloadKind,
    from: Listed,
    sender: mpsc::Sender<Rung>,
) {
    let path = DynamicObject::url_path(&kind.resource_in(&from.version), None);
    let request = kube::core::Request::new(path)
        .watch_metadata(&WatchParams::default(), &from.resource_version);
    let Ok(request) = request else {
        let _ = sender.send(Rung::Ended).await;
        return;
    };
    if let Ok(events) = client.request_events::<Glimpse>(request).await {
        pin_mut!(events);
        while let Some(Ok(event)) = events.next().await {
            let (glimpse, gone) = match event {
                WatchEvent::Added(glimpse) | WatchEvent::Modified(glimpse) => (glimpse, false),
                WatchEvent::Deleted(glimpse) => (glimpse, true),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(_) => break,
            };
            if sender.send(Rung::Seen(sight(glimpse, gone))).await.is_err() {
                return;
            }
        }
    }
    // Whoever does not listen any more does not need to know.
    let _ = sender.send(Rung::Ended).await;
}

fn sight(glimpse: Glimpse, gone: bool) -> Sight {
    let metadata = glimpse.metadata;
    Sight {
        uid: Uid::from(metadata.uid.as_str()),
        gone,
        deleting: metadata.deletion_timestamp.map(|Time(at)| at.into()),
        finalizers: metadata.finalizers.into(),
    }
}
