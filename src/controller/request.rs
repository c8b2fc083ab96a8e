//! Requests of the controller: each write says who it is from and each deletion what exactly is meant, what failed is told
//! in the words of `failure`, and nothing waits for ever.

use std::time::Duration;

use kube::{
    Client,
    api::{DeleteParams, PatchParams, PostParams, Preconditions, PropagationPolicy},
    core::ApiResource,
    discovery,
};

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

/// A kind in the version that the cluster prefers; `None` where it demonstrably does not serve it.
///
/// # Errors
/// The cluster could not be asked: whether it serves the kind is not known.
pub(super) async fn served(
    client: &Client,
    group: &str,
    kind: &str,
) -> kube::Result<Option<ApiResource>> {
    let group = if_served(discovery::group(client, group).await)?;
    Ok(group
        .and_then(|group| group.recommended_kind(kind))
        .map(|(resource, _)| resource))
}

/// What discovery says of a kind or a group that may not be there.
pub(super) fn if_served<T>(found: kube::Result<T>) -> kube::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        // kube's own word for what is not among the groups and kinds that the cluster has told.
        Err(kube::Error::Discovery(_)) => Ok(None),
        Err(error) => Err(error),
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
