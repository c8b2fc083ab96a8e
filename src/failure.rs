//! What went wrong, as a value: the kind decides the exit code, the hints say what to do about it.
//!
//! A failed check is a *report*, not a failure. Wording of API errors stays the server's own, because people search
//! for it. Nothing in here prints.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{api::text::cut, exit::Exit};

mod access;
mod classify;
mod given;
mod hint;
mod login;
mod nearest;
mod network;
mod reason;
mod unseen;

pub use access::{Denial, shell_word};
pub use classify::{
    Transience, from_kube, is_contradiction, is_text_of_not_served, kind_is_not_served, transience,
};
pub use given::{Given, shown, shown_path, shown_word};
pub use hint::{
    CONTROLLER_LOG, Hint, Kubectl, Own, Suggested, controller_log, installing, kubectl,
};
pub use login::LoginError;
pub use nearest::nearest;
pub use network::{BadCertificate, TransportError};
pub use reason::Reason;
pub use unseen::Unseen;

/// What kind of thing went wrong. The exit code follows from it, whatever the output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub enum Kind {
    /// Anything that no other kind names.
    Other,
    /// Wrong usage, bad kubeconfig, invalid value.
    Usage,
    /// Something that the decision needs could not be determined.
    Incomplete,
    /// A preflight check failed, and the operation depends on it.
    CheckFailed,
    /// We, or an admission policy of the cluster, refused.
    Refused,
    /// Already in that state.
    Already,
    /// Definition, object or controller missing.
    NotInstalled,
    /// 401, 403 or the login plugin.
    Denied,
    /// DNS, TCP, TLS, proxy, or 429/5xx after all retries.
    Unreachable,
    /// Changed by someone else at the same time.
    Conflict,
    /// The operation itself failed and will not heal by waiting.
    OperationFailed,
    /// The time-out passed; the operation goes on.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM or SIGHUP.
    Terminated,
}

impl Kind {
    /// The exit code of a command that ends with this kind of failure.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Other => Exit::Error,
            Self::Usage => Exit::Usage,
            Self::Incomplete => Exit::Incomplete,
            Self::CheckFailed => Exit::CheckFailed,
            Self::Refused => Exit::Refused,
            Self::Already => Exit::Already,
            Self::NotInstalled => Exit::NotInstalled,
            Self::Denied => Exit::Denied,
            Self::Unreachable => Exit::Unreachable,
            Self::Conflict => Exit::Conflict,
            Self::OperationFailed => Exit::OperationFailed,
            Self::TimedOut => Exit::TimedOut,
            Self::Interrupted => Exit::Interrupted,
            Self::Terminated => Exit::Terminated,
        }
    }
}

/// Why a command could not do what it was asked, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: Kind,
    /// One CamelCase word that programs compare, for example `VMsExist`.
    pub reason: Reason,
    /// What could not be done, without a full stop: the `error:` line.
    pub message: String,
    /// Why, outermost first: the `caused by:` lines.
    pub causes: Vec<String>,
    /// What to do about it, best first: the `hint:` lines.
    pub hints: Vec<Hint>,
    /// What the API server has denied, where that is why.
    pub denial: Option<Box<Denial>>,
    /// Would the same command later have a chance without anybody changing anything?
    pub retryable: bool,
}

impl Failure {
    /// A failure without causes and hints yet.
    pub fn new(kind: Kind, reason: Reason, message: impl Into<String>) -> Self {
        let retryable = matches!(kind, Kind::Unreachable | Kind::Conflict | Kind::TimedOut);
        Self {
            kind,
            reason,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            denial: None,
            retryable,
        }
    }

    /// Adds a `caused by:` line.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds another failure as a `caused by:` line, with the name of what failed before it.
    #[must_use]
    pub fn caused_by_failure(mut self, what: impl fmt::Display, other: &Self) -> Self {
        self.denial = self.denial.or_else(|| other.denial.clone());
        self.caused_by(format!("{what}: {}", other.root_cause()))
    }

    /// Adds a `hint:` line.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// As much of it as is shown: whoever made its causes may have made them without end.
    #[must_use]
    pub fn bounded(&self) -> Self {
        /// More causes than this say no more.
        const CAUSES: usize = 50;
        let causes = self.causes.iter().take(CAUSES);
        let mut causes: Vec<String> = causes.map(|cause| cut(cause).into_owned()).collect();
        if self.causes.len() > CAUSES {
            causes.push(format!("and {} more", self.causes.len() - CAUSES));
        }
        Self {
            message: cut(&self.message).into_owned(),
            causes,
            ..self.clone()
        }
    }

    /// The exit code of a command that ends with it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.kind.exit()
    }

    /// What everything else follows from: the last cause, or the message where there is none.
    #[must_use]
    pub fn root_cause(&self) -> &str {
        self.causes.last().unwrap_or(&self.message)
    }
}

/// A request got no answer in the time that one request may take. The client of `cluster::connect` returns it inside
/// a [`kube::Error::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {after:?}")]
pub struct RequestTimedOut {
    pub after: Duration,
}

/// An answer is larger than any that is read. The client of `cluster::connect` returns it inside a [`kube::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerTooLarge {
    #[error("the answer is larger than {}", size(*limit))]
    Answer { limit: usize },
    #[error("a line of the watch is longer than {}", size(*limit))]
    Line { limit: usize },
}

fn size(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    if bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

/// A request was not sent, because the time of the whole command was over. `cluster::Retry` returns it inside a
/// [`kube::Error::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time was over ({budget:?}) before the API server could be asked")]
pub struct OutOfTime {
    pub budget: Duration,
}

/// What answered is not what was asked for, or no API server. The client of `cluster::connect` returns it inside a
/// [`kube::Error::Service`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, the answer is {found}")]
pub struct UnexpectedAnswer {
    expected: String,
    found: String,
}

impl UnexpectedAnswer {
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// Two answers of one cluster that cannot both be true: one of them is not from its API server, or the cluster is just
/// changing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub String);

impl From<Contradiction> for kube::Error {
    fn from(error: Contradiction) -> Self {
        Self::Service(error.into())
    }
}

impl From<UnexpectedAnswer> for kube::Error {
    fn from(error: UnexpectedAnswer) -> Self {
        Self::Service(error.into())
    }
}

/// A name that would lead to another object if it were part of a URL. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name cannot be part of a URL: {fault}")]
pub struct BadPath {
    pub fault: String,
}

/// A request would be longer than a URL can be, because a server gave something so long to be sent back. The client of
/// `cluster::connect` returns it inside a [`kube::Error::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the server wants to be sent back is too long for a request")]
pub struct TargetTooLong;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
