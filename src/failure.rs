//! What went wrong, as a value: the kind decides the exit code, the hints say what to do about it.
//!
//! A failed check is a *report*, not a failure. Wording of API errors stays the server's own, because people search
//! for it. Nothing in here prints.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::exit::Exit;

mod access;
mod classify;
mod login;
mod nearest;
mod network;
mod reason;

pub use access::{Grant, denied_grant, shell_word};
pub use classify::{Transience, from_kube, kind_is_not_served, transience};
pub use login::LoginError;
pub use nearest::nearest;
pub use reason::Reason;

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
    /// SIGTERM.
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
    pub hints: Vec<String>,
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
            retryable,
        }
    }

    /// Adds a `caused by:` line.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds a `hint:` line.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
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

/// Shows the log of the controller. Of several pods only the leader's says anything: it shows them all, each line with the
/// name of its pod.
pub const CONTROLLER_LOG: &str = "kubectl logs --namespace=vm-system --selector=app=vmruntime-controller-manager --prefix --tail=50";

/// A request got no answer in the time that one request may take. The client of `cluster::connect` returns it inside
/// a [`kube::Error::Service`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {after:?}")]
pub struct RequestTimedOut {
    pub after: Duration,
}

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
