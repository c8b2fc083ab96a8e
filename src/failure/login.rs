//! Why nobody could be logged in: what a login plugin did instead of giving a credential. Of its output only what it said on
//! stderr is kept, cleaned.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use super::{Hint, Kind, Reason, classify::Diagnosis, kubectl};

/// Why there is no credential. The client of `cluster::connect` returns it, inside a [`kube::Error::Service`].
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("the login plugin {command} is not installed")]
    NotInstalled {
        command: String,
        /// What the kubeconfig says about installing it.
        hint: Option<String>,
    },
    #[error("the login plugin {command} could not be started: {error}")]
    NotStarted { command: String, error: io::Error },
    #[error("the login plugin {command} must ask on a terminal, and there is none to ask on")]
    NoTerminal { command: String },
    #[error("the login plugin {command} failed: {status}")]
    Failed {
        command: String,
        status: ExitStatus,
        /// On stderr: the last lines.
        said: Vec<String>,
    },
    #[error("the login plugin {command} did not end within {after:?}, and was ended")]
    TimedOut {
        command: String,
        after: Duration,
        said: Vec<String>,
    },
    #[error("the login plugin {command} gave no credential: {why}")]
    NoCredential {
        command: String,
        why: &'static str,
        said: Vec<String>,
    },
    #[error("token file {} could not be read: {error}", path.display())]
    TokenFile { path: PathBuf, error: io::Error },
    #[error("the ID token of the kubeconfig could not be renewed: {why}")]
    NotRenewed { why: String },
    #[error("the credential holds characters that cannot be sent")]
    NotSendable,
}

/// What is known about it before anybody says what was being done.
pub(super) fn diagnose(error: &LoginError) -> Diagnosis {
    let reason = match error {
        LoginError::NotInstalled { .. } => Reason::LoginPluginMissing,
        LoginError::NoTerminal { .. } => Reason::LoginNeedsTerminal,
        LoginError::TimedOut { .. } => Reason::LoginTimedOut,
        LoginError::NotStarted { .. }
        | LoginError::Failed { .. }
        | LoginError::NoCredential { .. }
        | LoginError::TokenFile { .. }
        | LoginError::NotRenewed { .. }
        | LoginError::NotSendable => Reason::LoginFailed,
    };
    let mut diagnosis = Diagnosis::new(Kind::Denied, reason, error.to_string());
    diagnosis
        .causes
        .extend(said(error).iter().map(|line| format!("it says: {line}")));
    match error {
        LoginError::NotInstalled {
            hint: Some(hint), ..
        } => diagnosis.hint(format!("the kubeconfig says about it: {hint}")),
        LoginError::NotInstalled { hint: None, .. } => {
            diagnosis.hint("install it, or put its folder on the PATH")
        }
        LoginError::NoTerminal { .. } => diagnosis.hint(
            "run it on a terminal and without --no-input, or log in with a plugin that need not ask",
        ),
        LoginError::TimedOut { .. } => diagnosis
            .hint(Hint::run("see whether it waits for something", kubectl("auth whoami")))
            .hint("--timeout gives it more time"),
        LoginError::TokenFile { .. } => {
            diagnosis.hint("whoever writes it may have stopped: check the tokenFile of the kubeconfig")
        }
        LoginError::NotStarted { .. }
        | LoginError::Failed { .. }
        | LoginError::NoCredential { .. }
        | LoginError::NotRenewed { .. }
        | LoginError::NotSendable => {
            diagnosis.hint(Hint::run("log in again, and see what it says", kubectl("auth whoami")))
        }
    }
}

/// What the plugin said about it.
fn said(error: &LoginError) -> &[String] {
    match error {
        LoginError::Failed { said, .. }
        | LoginError::TimedOut { said, .. }
        | LoginError::NoCredential { said, .. } => said,
        LoginError::NotInstalled { .. }
        | LoginError::NotStarted { .. }
        | LoginError::NoTerminal { .. }
        | LoginError::TokenFile { .. }
        | LoginError::NotRenewed { .. }
        | LoginError::NotSendable => &[],
    }
}
