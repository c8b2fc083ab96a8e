//! A request that reached the API server without a credential that it saw: it was made by nobody, so no right helps.
//!
//! The server's answer does not say what was sent. The client of `cluster::connect` knows, and writes it into the Status
//! as a cause; the classifier reads it there.

use kube::core::Status;
use serde_json::{Value, json};

/// What the kubeconfig has, and the API server did not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// It has nothing: there was nothing to see.
    Nothing,
    /// A token or a password, in a header.
    Header,
    /// A client certificate, shown while the connection was made.
    Certificate,
}

impl Unseen {
    const ALL: [Self; 3] = [Self::Nothing, Self::Header, Self::Certificate];

    /// The reason of the cause that stands for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "bmctl.NothingToSee",
            Self::Header => "bmctl.HeaderNotSeen",
            Self::Certificate => "bmctl.CertificateNotSeen",
        }
    }

    /// Writes it into an answer of the API server.
    pub fn note(self, status: &mut Value) {
        if !status["details"].is_object() {
            status["details"] = json!({});
        }
        let cause = json!({"reason": self.word(), "message": "", "field": ""});
        match status["details"]["causes"].as_array_mut() {
            Some(causes) => causes.push(cause),
            None => status["details"]["causes"] = json!([cause]),
        }
    }

    /// What was written into it.
    pub(super) fn noted(status: &Status) -> Option<Self> {
        let causes = &status.details.as_ref()?.causes;
        Self::ALL
            .into_iter()
            .find(|unseen| causes.iter().any(|cause| cause.reason == unseen.word()))
    }

    /// Why, as a sentence.
    pub(super) const fn cause(self) -> &'static str {
        match self {
            Self::Nothing => {
                "the API server saw no credential: the user of the kubeconfig has none"
            }
            Self::Header => {
                "the API server saw no credential: the token or password of the kubeconfig did not reach it"
            }
            Self::Certificate => {
                "the API server saw no credential: it did not take the client certificate of the kubeconfig"
            }
        }
    }

    /// What to do about it.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Nothing => {
                "give the user of this context a token, a client certificate or a login plugin, or name another context"
            }
            Self::Header => {
                "does something on the way take the Authorization header away? Name the API server itself in the kubeconfig, \
                 not a proxy or load balancer before it"
            }
            Self::Certificate => {
                "a proxy or load balancer that ends TLS does not hand certificates on: name the API server itself in the \
                 kubeconfig, or use a token"
            }
        }
    }
}
