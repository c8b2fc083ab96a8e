//! What happens on the way, for programs: `--progress json` writes one of these a line on stderr, and nothing else.
//!
//! A type may be added to `bmctl/event/v1`, and a field to a type; one that is there keeps its name and meaning. Whoever
//! reads them skips the types that it does not know.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    document::{self, ErrorDocument},
    stuck::StuckReport,
};
use crate::{exit::Exit, failure::Failure, runtime::verdict::Verdict};

/// Version of the shape.
pub const SCHEMA: &str = "bmctl/event/v1";

/// One line of NDJSON.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Line<'a> {
    pub schema: &'static str,
    /// When it was written, as RFC 3339 in UTC.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The context that it is about, where a command works on several clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<&'a str>,
    #[serde(flatten)]
    pub event: &'a Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// For information.
    Note { message: String },
    /// The cluster that the command talks to.
    Cluster { context: String, server: String },
    /// It stands in the `warnings` of the result too.
    Warning { message: String },
    /// It stands in the `error` of the result too.
    Error { error: ErrorDocument },
    /// A step begins.
    Step { message: String },
    /// The command did something, or found out something on the way.
    Happened { message: String },
    /// What is being waited for, how far it has come in the cluster's own word, and what is still missing.
    Waiting {
        purpose: String,
        phase: Option<String>,
        missing: Vec<String>,
    },
    /// Nothing was said for a while; this is how it stands.
    Heartbeat {
        purpose: String,
        phase: Option<String>,
        missing: Vec<String>,
        elapsed_seconds: u64,
    },
    /// A request failed in a way that heals, and is sent again.
    Retrying {
        doing: String,
        /// How often it was tried so far.
        tried: u32,
        after_milliseconds: u64,
        why: String,
    },
    /// A watch ended; what it watched is read again.
    WatchLost { watched: String, why: String },
    /// A preflight check was started.
    CheckStarted { name: String },
    /// A preflight check has finished. `passed` is whether every node was verified and passed; `result` says what else it may
    /// be.
    CheckFinished {
        name: String,
        passed: bool,
        result: Verdict,
    },
    /// Objects are being deleted.
    Removing { resource: String, count: usize },
    /// An object is gone.
    Removed {
        resource: String,
        namespace: Option<String>,
        name: String,
    },
    /// An object whose deletion was accepted does not go.
    Stuck {
        #[serde(flatten)]
        object: Box<StuckReport>,
        /// To see more: the first of the next steps; null for a cluster that will be gone.
        command: Option<String>,
    },
    /// More objects appeared while others were deleted.
    FoundMore { count: usize },
    /// What the program does inside, with `-v`.
    Log { message: String },
    /// The command has ended. Always the last one.
    Ended {
        #[serde(rename = "exitCode")]
        exit: Exit,
    },
}

impl Event {
    pub fn note(message: impl Into<String>) -> Self {
        Self::Note {
            message: message.into(),
        }
    }

    #[must_use]
    pub fn of_failure(failure: &Failure) -> Self {
        Self::Error {
            error: ErrorDocument::from(failure),
        }
    }
}

/// The event as one line, with the line break.
///
/// What does not print is written as an escape, as in every document.
#[must_use]
pub fn line(event: &Event, time: Timestamp, cluster: Option<&str>) -> String {
    document::compact(&Line {
        schema: SCHEMA,
        time,
        cluster,
        event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let time = "2026-01-01T00:00:00.25Z".parse().unwrap();
        let event = Event::Waiting {
            purpose: "Waiting".to_owned(),
            phase: None,
            missing: vec!["a\nb\x1b[2J\u{202e}\u{2028}".to_owned()],
        };
        let text = line(&event, time, Some("prod"));
        assert_eq!(
            text,
            "{\"schema\":\"bmctl/event/v1\",\"time\":\"2026-01-01T00:00:00.25Z\",\"cluster\":\"prod\",\
             \"type\":\"waiting\",\"purpose\":\"Waiting\",\"phase\":null,\"missing\":[\"a\\nb\\u001b[2J\\u202e\\u2028\"]}\n"
        );
        assert_eq!(
            line(
                &Event::Ended {
                    exit: Exit::CheckFailed
                },
                time,
                None
            ),
            "{\"schema\":\"bmctl/event/v1\",\"time\":\"2026-01-01T00:00:00.25Z\",\"type\":\"ended\",\"exitCode\":3}\n"
        );
    }
}
