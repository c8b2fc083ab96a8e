//! What happens on the way, for whoever watches: data only, the words are `ui`'s and `render`'s.

use std::time::Duration;

use jiff::Timestamp;

use super::stuck::StuckObject;
use crate::runtime::verdict::Verdict;

/// One thing that happened while a request or a wait was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request failed in a way that may pass, and is made again.
    Retrying {
        /// What is being done, for example `read vmruntime`.
        doing: String,
        /// How many times it has been tried so far.
        tried: u32,
        /// When the next try follows.
        after: Duration,
        /// What went wrong, in the server's or the system's words.
        why: String,
    },
    /// A short piece of work begins, for example `Counting VMs`.
    Step(String),
    /// Something that was found or done, for people to keep.
    Note(String),
    /// A watch was lost; the wait re-reads and goes on.
    WatchLost { watched: String, why: String },
    /// The wait goes on: what is still missing has changed.
    Waiting {
        /// The phase that the controller reports, if it does.
        phase: Option<String>,
        /// Everything that must still happen, one line each.
        missing: Vec<String>,
    },
    /// A preflight check that the wait depends on was taken up.
    CheckStarted { name: String },
    /// A preflight check that the wait depends on has finished.
    CheckFinished { name: String, verdict: Verdict },
    /// Something that a person should know and that does not stop us.
    Warning(String),
    /// Deleting starts.
    Removing {
        /// `plural.group`.
        resource: String,
        count: usize,
    },
    /// One object is really gone from the API.
    Removed(ObjectName),
    /// How far the deleting is.
    Removal(RemovalProgress),
    /// An object is being deleted for a while and still there.
    Stuck(StuckObject),
    /// Objects that appeared while others were being removed.
    FoundMore { count: usize },
}

/// An object, as people name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// `plural.group`, as kubectl takes it.
    pub resource: String,
    pub namespace: Option<String>,
    pub name: String,
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.resource, self.name),
            None => write!(f, "{} {}", self.resource, self.name),
        }
    }
}

/// How far a removal has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovalProgress {
    /// What is still there, by `plural.group`.
    pub left: Vec<(String, usize)>,
    /// The object whose deletion was accepted first, and when.
    pub slowest: Option<(ObjectName, Timestamp)>,
}

/// Sees every [`Event`] as it happens. Must return quickly.
pub trait Observer: Send + Sync {
    fn event(&self, event: &Event);
}

impl dyn Observer + '_ {
    /// A short piece of work begins.
    pub fn step(&self, headline: &str) {
        self.event(&Event::Step(headline.to_owned()));
    }

    /// Something was found or done.
    pub fn note(&self, text: &str) {
        self.event(&Event::Note(text.to_owned()));
    }

    /// A person should know this, and it does not stop us.
    pub fn warn(&self, text: &str) {
        self.event(&Event::Warning(text.to_owned()));
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}
