//! The one watch engine: what happens to the objects of a kind, for `wait`, `removal` and `changes`.
//!
//! A watch that survives everything ([`Watches::start`]) begins at a given version, and reads everything again after the
//! end of a stream, an expired version, an error in the stream or a lost connection; where watching is not permitted but
//! listing is, that makes it a poll. It never ends by itself: whoever listens has a deadline, and dropping the
//! [`Watches`] stops it. Whoever lists by himself is told instead that it has ended ([`Watches::start_once`]). No outage
//! ever looks like a change.

use std::time::Duration;

use futures::{StreamExt as _, pin_mut};
use kube::{
    Client,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{
    list::{Fields, Pages},
    retry::{Pace, Retry},
};
use crate::{
    api::name::{GROUP, SYSTEM_NAMESPACE, VERSION, VMRUNTIME},
    failure::{self, Failure, Kind, Reason},
};

/// What is watched.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    /// For people, for example `vmruntime`.
    pub what: String,
    /// The collection, for example `/apis/vm.cluster.gke.io/v1/vmruntimes`.
    pub path: String,
    pub field_selector: Option<String>,
    /// Is only the metadata of each object asked for?
    pub metadata_only: bool,
    /// What of each object is kept: there may be many, and they may be large.
    pub keep: fn(Value) -> Value,
}

impl Watched {
    /// The one VMRuntime.
    pub fn runtime() -> Self {
        Self {
            what: "vmruntime".to_owned(),
            path: format!("/apis/{GROUP}/{VERSION}/vmruntimes"),
            field_selector: Some(format!("metadata.name={VMRUNTIME}")),
            metadata_only: false,
            keep: |object| object,
        }
    }

    /// All preflight checks.
    pub fn checks() -> Self {
        Self {
            what: "preflight checks".to_owned(),
            path: format!(
                "/apis/{GROUP}/{VERSION}/namespaces/{SYSTEM_NAMESPACE}/vmruntimepreflightchecks"
            ),
            field_selector: None,
            metadata_only: false,
            keep: |object| object,
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(super) enum Update {
    /// An object came into being after the version that the watch started from.
    Added(Value),
    Changed(Value),
    Gone(Value),
    /// Everything there is: what is not in it is gone.
    All(Vec<Value>),
    /// The watch was lost, and why; what follows is an [`Update::All`], sooner or later, unless it is one that ends. `None`: the API server no longer
    /// keeps what happened since the version that was watched from, as after its restart; that is ordinary.
    Lost(Option<String>),
    /// It cannot even be listed, several times in a row. The watch goes on trying.
    Refused(Failure),
}

/// The running watches, and what they report, each under its key.
pub(super) struct Watches<K> {
    sender: mpsc::Sender<(K, Update)>,
    updates: mpsc::Receiver<(K, Update)>,
    tasks: JoinSet<()>,
    pace: Pace,
}

/// The longest that a watch may say nothing before it is taken for dead: API servers send a bookmark every minute.
const SILENCE: Duration = Duration::from_secs(90);
/// A watch that lived this long was no failure.
const LIVED: Duration = Duration::from_secs(5);
/// Nothing that is read again has as many objects: they are all in one namespace of the system.
const MOST: usize = 20_000;
/// What one watch may add to what was listed before it ends as watches do: what is listed then replaces it all.
const ROOM: usize = 32 * 1024 * 1024;
/// What an object takes beside its text.
const OBJECT: usize = 4 * 1024;
/// Updates that wait for whoever listens; the API server waits with the others.
const WAITING: usize = 8;

impl<K: Clone + Send + Sync + 'static> Watches<K> {
    pub fn new(pace: Pace) -> Self {
        let (sender, updates) = mpsc::channel(WAITING);
        Self {
            sender,
            updates,
            tasks: JoinSet::new(),
            pace,
        }
    }

    /// Starts a watch that survives everything: from that version on, or with an [`Update::All`] first.
    pub fn start(&mut self, key: K, client: &Client, watched: Watched, from: Option<String>) {
        let watch = self.watch(key, client, watched);
        self.tasks.spawn(async move {
            // The only way out is that nobody listens.
            let _closed = watch.run(from).await;
        });
    }

    /// Starts a watch from that version on. Its end, for whatever reason, is an [`Update::Lost`], and the last update.
    pub fn start_once(&mut self, key: K, client: &Client, watched: Watched, from: String) {
        let watch = self.watch(key, client, watched);
        self.tasks.spawn(async move {
            // Whoever does not listen any more does not need to know.
            let _closed = watch.run_once(&from).await;
        });
    }

    fn watch(&self, key: K, client: &Client, watched: Watched) -> Watch<K> {
        Watch {
            client: client.clone(),
            watched,
            pace: self.pace,
            key,
            sender: self.sender.clone(),
        }
    }

    /// The next thing that happens. Never ends.
    pub async fn next(&mut self) -> (K, Update) {
        match self.updates.recv().await {
            Some(update) => update,
            // Not while we hold a sender ourselves; and if it were, waiting is what the caller has a deadline for.
            None => std::future::pending().await,
        }
    }

    /// What has already happened.
    pub fn ready(&mut self) -> Option<(K, Update)> {
        self.updates.try_recv().ok()
    }
}

struct Watch<K> {
    client: Client,
    watched: Watched,
    pace: Pace,
    key: K,
    sender: mpsc::Sender<(K, Update)>,
}

/// Nobody listens any more.
struct Closed;

/// Why a watch came to its end.
enum Ending {
    /// As watches do from time to time.
    Ordinary,
    /// The version was too old.
    Outdated,
    Failed(String),
}

impl<K: Clone + Send + Sync> Watch<K> {
    async fn run_once(&self, from: &str) -> Result<(), Closed> {
        // What it adds is not kept.
        let why = match self.watch(from, usize::MAX).await? {
            Ending::Ordinary | Ending::Outdated => None,
            Ending::Failed(why) => Some(why),
        };
        self.send(Update::Lost(why)).await
    }

    async fn run(&self, from: Option<String>) -> Result<(), Closed> {
        let mut from = from;
        let mut failures = 0;
        loop {
            let version = match from.take() {
                Some(version) => version,
                None => self.read(&mut failures).await?,
            };
            let began = Instant::now();
            let ending = self.watch(&version, ROOM).await?;
            if began.elapsed() >= LIVED {
                failures = 0;
            }
            let pause = failures > 0;
            match ending {
                Ending::Failed(why) => {
                    failures += 1;
                    self.send(Update::Lost(Some(why))).await?;
                }
                Ending::Outdated => {
                    failures += 1;
                    self.send(Update::Lost(None)).await?;
                    if !pause {
                        continue;
                    }
                }
                Ending::Ordinary if began.elapsed() < LIVED => failures += 1,
                Ending::Ordinary => {}
            }
            if failures > 0 {
                tokio::time::sleep(self.pace.delay(failures)).await;
            }
        }
    }

    /// Reads everything there is, however long it takes, and returns its version.
    async fn read(&self, failures: &mut u32) -> Result<String, Closed> {
        loop {
            let error = match list(&self.client, &self.watched).await {
                Ok((items, version)) => {
                    self.send(Update::All(items)).await?;
                    return Ok(version);
                }
                Err(error) => error,
            };
            *failures += 1;
            let failure = failure::from_kube(&error, &format!("read {}", self.watched.what));
            if *failures >= patience(&failure) {
                self.send(Update::Refused(failure)).await?;
            } else {
                self.send(Update::Lost(Some(failure.root_cause().to_owned())))
                    .await?;
            }
            tokio::time::sleep(self.pace.delay(*failures)).await;
        }
    }

    /// Until it ends, or has brought more than `room` bytes.
    async fn watch(&self, version: &str, mut room: usize) -> Result<Ending, Closed> {
        let request = kube::core::Request::new(&self.watched.path);
        let parameters = WatchParams {
            field_selector: self.watched.field_selector.clone(),
            ..WatchParams::default()
        };
        let request = if self.watched.metadata_only {
            request.watch_metadata(&parameters, version)
        } else {
            request.watch(&parameters, version)
        };
        let stream = match request {
            Ok(request) => self.client.request_events::<Value>(request).await,
            Err(error) => Err(kube::Error::BuildRequest(error)),
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => return Ok(self.failed(&error)),
        };
        pin_mut!(stream);
        let keep = self.watched.keep;
        while room > 0 {
            let Ok(event) = tokio::time::timeout(SILENCE, stream.next()).await else {
                break;
            };
            let (update, object): (fn(Value) -> Update, Value) = match event {
                Some(Ok(WatchEvent::Added(object))) => (Update::Added, object),
                Some(Ok(WatchEvent::Modified(object))) => (Update::Changed, object),
                Some(Ok(WatchEvent::Deleted(object))) => (Update::Gone, object),
                Some(Ok(WatchEvent::Bookmark(_))) => continue,
                Some(Ok(WatchEvent::Error(status))) => {
                    return Ok(self.failed(&kube::Error::Api(status)));
                }
                Some(Err(error)) => return Ok(self.failed(&error)),
                None => break,
            };
            let object = keep(object);
            room = room.saturating_sub(OBJECT + length(&object));
            self.send(update(object)).await?;
        }
        Ok(Ending::Ordinary)
    }

    fn failed(&self, error: &kube::Error) -> Ending {
        if matches!(error, kube::Error::Api(status) if status.code == 410) {
            return Ending::Outdated;
        }
        let failure = failure::from_kube(error, &format!("watch {}", self.watched.what));
        Ending::Failed(failure.root_cause().to_owned())
    }

    async fn send(&self, update: Update) -> Result<(), Closed> {
        let sent = self.sender.send((self.key.clone(), update)).await;
        sent.map_err(|_| Closed)
    }
}

/// Everything there is, and its version: asked once.
pub(super) async fn list(client: &Client, watched: &Watched) -> kube::Result<(Vec<Value>, String)> {
    let Watched {
        what, path, keep, ..
    } = watched;
    let once = Retry::once();
    let parameters = ListParams {
        field_selector: watched.field_selector.clone(),
        ..ListParams::default()
    };
    let mut pages = Pages::new(client, &once, what, path, Fields::All, uid)
        .selected(&parameters)
        .at_most(MOST);
    let mut all = Vec::new();
    while let Some(items) = pages.next().await? {
        all.extend(items.into_iter().map(keep));
    }
    Ok((all, pages.version().to_owned()))
}

/// Bytes of all the text in it, roughly.
fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(length).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| key.len() + length(value))
            .sum(),
    }
}

/// How many times in a row something must be refused before it is believed. An API server that has just started denies
/// what it permits, and does not serve what it serves; a rotated token is read anew within a minute. Outages are never
/// believed.
fn patience(failure: &Failure) -> u32 {
    match failure.kind {
        Kind::Denied if failure.reason == Reason::Forbidden => 3,
        Kind::Incomplete if failure.reason == Reason::AnswerTooLarge => 3,
        Kind::NotInstalled => 8,
        Kind::Denied => 20,
        _ => u32::MAX,
    }
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
