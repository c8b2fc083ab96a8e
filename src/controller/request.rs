//! Requests of the controller: what failed is told in the words of `failure`, and nothing waits for ever.

use std::time::Duration;

use crate::failure::{self, Failure, Kind, Reason};

/// Says what was being done when a request failed.
pub(super) trait Doing<T>: Sized {
    fn doing(self, doing: &str) -> Result<T, Failure>;
    /// For a creation: that it is there already is as good.
    fn or_there(self, doing: &str) -> Result<(), Failure>;
    /// For a deletion: that it is gone already is as good.
    fn or_gone(self, doing: &str) -> Result<(), Failure>;
}

impl<T> Doing<T> for kube::Result<T> {
    fn doing(self, doing: &str) -> Result<T, Failure> {
        self.map_err(|error| failure::from_kube(&error, doing))
    }

    fn or_there(self, doing: &str) -> Result<(), Failure> {
        match self {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            answer => answer.doing(doing).map(drop),
        }
    }

    fn or_gone(self, doing: &str) -> Result<(), Failure> {
        match self {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            answer => answer.doing(doing).map(drop),
        }
    }
}

/// Gives up on an API server that does not answer.
pub(super) async fn within<T>(
    limit: Duration,
    doing: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::new(
            Kind::Unreachable,
            Reason::NoAnswer,
            format!("could not {doing}: no answer within {}s", limit.as_secs()),
        )),
    }
}
