//! Everything that was published on VMRuntime while a test was told: in which order the phases came, and which reason
//! each condition was ever given.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bmctl::api::{VMRuntime, VMRuntimeStatus, condition::ConditionStatus};
use futures::{StreamExt as _, pin_mut};
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use tokio::sync::{oneshot, watch};

use super::table;
use crate::test_server;

/// A condition's type, status and reason.
pub type Word = (String, ConditionStatus, String);

/// Clones write into the same book.
#[derive(Clone)]
pub struct StatusRecorder {
    book: Arc<Mutex<Book>>,
    /// The version of the object that was seen last; nothing where there is none.
    version: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Book {
    phases: Vec<String>,
    words: Vec<Word>,
}

impl Default for StatusRecorder {
    fn default() -> Self {
        Self {
            book: Arc::default(),
            version: watch::Sender::new(None),
        }
    }
}

impl StatusRecorder {
    /// Writes as long as the runtime of the test lasts, which is longer than its cluster: what was published last is read
    /// when the test is told. Returns when it has begun.
    pub async fn follow(&self, objects: Api<VMRuntime>) {
        let (began, beginning) = oneshot::channel();
        let recorder = self.clone();
        tokio::spawn(async move {
            let mut began = Some(began);
            let stream = watcher(objects, watcher::Config::default()).default_backoff();
            pin_mut!(stream);
            while let Some(event) = stream.next().await {
                match event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                        recorder.write(&object);
                    }
                    Ok(watcher::Event::Delete(_)) => recorder.turn(None),
                    Ok(watcher::Event::InitDone) => {
                        // That nobody waits any more is no harm.
                        let _ = began.take().map(|began| began.send(()));
                    }
                    Ok(watcher::Event::Init) | Err(_) => {}
                }
            }
        });
        let _ = beginning.await;
    }

    fn write(&self, object: &VMRuntime) {
        if let Some(status) = &object.status {
            self.book.lock().unwrap().write(status);
        }
        self.turn(object.metadata.resource_version.clone());
    }

    fn turn(&self, version: Option<String>) {
        self.version.send_replace(version);
    }

    /// Waits for another version, so long at most.
    pub async fn turn_of_events(&self, limit: Duration) {
        let mut seen = self.version.subscribe();
        // That nothing happens is no harm.
        let _ = tokio::time::timeout(limit, seen.changed()).await;
    }

    /// Waits until the present version has been written down.
    pub async fn catch_up(&self, objects: &Api<VMRuntime>) -> anyhow::Result<()> {
        let now = objects.get_opt("vmruntime").await?;
        let now = now.and_then(|object| object.metadata.resource_version);
        let mut seen = self.version.subscribe();
        let number = |version: &Option<String>| -> Option<u64> { version.as_ref()?.parse().ok() };
        // Of several versions that come at once only the last one is seen here.
        let caught_up =
            seen.wait_for(|seen| *seen == now || (now.is_some() && number(seen) > number(&now)));
        tokio::time::timeout(test_server::patience(), caught_up)
            .await
            .context("the recorder is behind")??;
        Ok(())
    }

    /// Is every word one that the table has?
    pub fn is_documented(&self) -> anyhow::Result<()> {
        let book = self.book.lock().unwrap();
        let unknown: Vec<&Word> = book
            .words
            .iter()
            .filter(|(kind, status, reason)| !table::has(kind, *status, reason))
            .collect();
        ensure!(
            unknown.is_empty(),
            "published, and not in the table (tests/it/controller/table.rs): {unknown:?}"
        );
        Ok(())
    }

    /// Were these phases published in this order, whatever came between?
    pub fn passed_through(&self, phases: &[&str]) -> anyhow::Result<()> {
        let book = self.book.lock().unwrap();
        let mut rest = book.phases.iter();
        for phase in phases {
            ensure!(
                rest.any(|seen| seen == phase),
                "phase {phase} of {phases:?} was not published; there were {:?}",
                book.phases
            );
        }
        Ok(())
    }

    pub fn says(&self, kind: &str, status: ConditionStatus, reason: &str) -> anyhow::Result<()> {
        let book = self.book.lock().unwrap();
        let word = (kind.to_owned(), status, reason.to_owned());
        ensure!(
            book.words.contains(&word),
            "{word:?} was not published; there were {:#?}",
            book.words
        );
        Ok(())
    }
}

impl Book {
    fn write(&mut self, status: &VMRuntimeStatus) {
        if let Some(phase) = &status.phase
            && self.phases.last() != Some(phase)
        {
            self.phases.push(phase.clone());
        }
        for condition in &status.conditions {
            let reason = condition.reason.clone();
            let word = (condition.type_.clone(), condition.status, reason);
            if !self.words.contains(&word) {
                self.words.push(word);
            }
        }
    }
}
