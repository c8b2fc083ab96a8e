//! Requests of the controller: each write says who it is from and each deletion what exactly is meant, what failed is told
//! in the words of `failure`, and nothing waits for ever.

use std::time::Duration;

use kube::api::{DeleteParams, PatchParams, PostParams, Preconditions, PropagationPolicy};

use crate::{
    api::name,
    failure::{self, Failure, Kind, Reason},
};

/// For a creation.
pub(super) fn creating() -> PostParams {
    PostParams {
        field_manager: Some(name::CONTROLLER_FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

/// For a patch of what was read before.
pub(super) fn patching() -> PatchParams {
    PatchParams {
        field_manager: Some(name::CONTROLLER_FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// For an object that is to be like this, whoever said otherwise.
pub(super) fn applying() -> PatchParams {
    PatchParams::apply(name::CONTROLLER_FIELD_MANAGER).force()
}

/// For a deletion of this object and no other of its name, optionally in this version only.
pub(super) fn exactly(uid: &str, resource_version: Option<&str>) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: resource_version.map(str::to_owned),
        }),
        ..DeleteParams::default()
    }
}

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
