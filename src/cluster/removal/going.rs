//! Waits until objects are gone, by one watch a kind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use kube::{Client, Resource as _, core::DynamicObject};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    api::workload::WORKLOAD_KINDS,
    cluster::{
        event::{Event, StuckObject},
        feed::{Feeds, Subject, Update},
        inventory::Workload,
        retry::Retry,
    },
    failure::{Failure, Kind, Reason},
};

/// Objects on their way out.
pub(super) struct Going<'a> {
    retry: &'a Retry<'a>,
    feeds: Feeds<usize>,
    /// By UID.
    left: BTreeMap<String, Workload>,
    gone: VecDeque<String>,
    last_change: Instant,
    told: Vec<String>,
}

impl<'a> Going<'a> {
    /// Starts to watch the kinds of these objects. The key of a feed is the kind's place in [`WORKLOAD_KINDS`].
    pub fn new(client: &Client, retry: &'a Retry<'a>, objects: &[Workload]) -> Self {
        let mut feeds = Feeds::new(retry.pace());
        for (index, kind) in WORKLOAD_KINDS.iter().enumerate() {
            let Some(one) = objects.iter().find(|object| object.kind == *kind) else {
                continue;
            };
            let subject = Subject {
                what: kind.qualified(),
                path: DynamicObject::url_path(&one.resource(), None),
                field_selector: None,
                metadata_only: true,
            };
            feeds.listen(index, client, subject, None);
        }
        Self {
            retry,
            feeds,
            left: objects
                .iter()
                .map(|object| (object.uid.clone(), object.clone()))
                .collect(),
            gone: VecDeque::new(),
            last_change: Instant::now(),
            told: Vec::new(),
        }
    }

    /// The UID of the next object that has gone; `None` when all have, or when what is left will not go because nobody
    /// has deleted it (the next inventory decides about it).
    pub async fn next(&mut self) -> Result<Option<String>, Failure> {
        loop {
            if let Some(uid) = self.gone.pop_front() {
                return Ok(Some(uid));
            }
            if self.left.is_empty() {
                return Ok(None);
            }
            if self.retry.deadline().passed() {
                return Err(self.timed_out());
            }
            let stuck_at = self.last_change + self.retry.pace().stuck;
            let wake = self.retry.deadline().instant().min(stuck_at);
            tokio::select! {
                (kind, update) = self.feeds.next() => self.take(kind, update)?,
                () = tokio::time::sleep_until(wake) => {
                    if Instant::now() >= stuck_at {
                        if self.left.values().any(|object| object.deleting.is_none()) {
                            return Ok(None);
                        }
                        self.tell_stuck();
                        self.last_change = Instant::now();
                    }
                }
            }
        }
    }

    fn take(&mut self, kind: usize, update: Update) -> Result<(), Failure> {
        match update {
            Update::Added(raw) | Update::Changed(raw) => self.renew(&raw),
            Update::Gone(raw) => self.remove(uid(&raw).to_owned()),
            Update::All(items) => {
                let there: BTreeSet<&str> = items.iter().map(uid).collect();
                self.remove_all_of(kind, |object| !there.contains(object.uid.as_str()));
                for raw in &items {
                    self.renew(raw);
                }
            }
            Update::Lost(why) => self.retry.observer().event(&Event::WatchLost {
                watched: WORKLOAD_KINDS[kind].qualified(),
                why,
            }),
            // The whole kind has gone, and its objects with it.
            Update::Refused(failure) if failure.reason == Reason::NotServed => {
                self.remove_all_of(kind, |_| true);
            }
            Update::Refused(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Keeps what is known of an object current.
    fn renew(&mut self, raw: &Value) {
        let Some(object) = self.left.get_mut(uid(raw)) else {
            return;
        };
        let metadata = &raw["metadata"];
        let deleting: Option<Timestamp> = metadata["deletionTimestamp"]
            .as_str()
            .and_then(|time| time.parse().ok());
        let finalizers: Vec<String> = metadata["finalizers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        if object.deleting != deleting || object.finalizers != finalizers {
            self.last_change = Instant::now();
        }
        object.deleting = deleting;
        object.finalizers = finalizers;
    }

    fn remove(&mut self, uid: String) {
        if self.left.remove(&uid).is_some() {
            self.gone.push_back(uid);
            self.last_change = Instant::now();
        }
    }

    fn remove_all_of(&mut self, kind: usize, condition: impl Fn(&Workload) -> bool) {
        let gone: Vec<String> = self
            .left
            .values()
            .filter(|object| object.kind == WORKLOAD_KINDS[kind] && condition(object))
            .map(|object| object.uid.clone())
            .collect();
        for uid in gone {
            self.remove(uid);
        }
    }

    /// Tells of each object once.
    fn tell_stuck(&mut self) {
        for (uid, object) in &self.left {
            if self.told.contains(uid) {
                continue;
            }
            self.told.push(uid.clone());
            self.retry.observer().event(&Event::Stuck(StuckObject {
                object: object.object_name(),
                deleting_since: object.deleting,
                finalizers: object.finalizers.clone(),
            }));
        }
    }

    fn timed_out(&self) -> Failure {
        /// More lines than this say no more.
        const NAMED: usize = 20;
        let mut failure = Failure::new(
            Kind::TimedOut,
            Reason::TimedOut,
            format!(
                "timed out while {} objects were being deleted",
                self.left.len()
            ),
        );
        for object in self.left.values().take(NAMED) {
            let since = match object.deleting {
                Some(since) => format!("being deleted since {since}"),
                None => "not deleted yet".to_owned(),
            };
            let finalizers = match object.finalizers.as_slice() {
                [] => String::new(),
                finalizers => format!(", held by {}", finalizers.join(", ")),
            };
            failure = failure.caused_by(format!(
                "still there: {}, {since}{finalizers}",
                object.object_name()
            ));
        }
        failure
    }
}

fn uid(raw: &Value) -> &str {
    raw["metadata"]["uid"].as_str().unwrap_or_default()
}
