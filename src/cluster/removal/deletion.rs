//! Deleting one object, if it is still the one that was seen, and as it was saved.

use kube::{
    Client,
    api::{DeleteParams, Preconditions, PropagationPolicy},
};

use crate::{
    cluster::{
        inventory::Workload,
        retry::{Repeat, Retry},
        subject::Subject,
    },
    failure::{self, Failure},
};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// It is gone, or on its way.
    Accepted,
    /// It was not there any more.
    WasGone,
    /// It is not at that version any more, or another one has its name.
    Changed,
}

/// Deletes it, if it is still at this version, where one is named. What it owns goes after it, by the garbage collector.
pub(super) async fn delete(
    client: &Client,
    retry: &Retry<'_>,
    workload: &Workload,
    version: Option<&str>,
) -> Result<Deleted, Failure> {
    let api = Subject::from(workload).api(client);
    let doing = format!("delete {}", workload.object_name());
    let parameters = parameters(workload, version);
    let deleted = retry
        .request(&doing, Repeat::Safe, || async {
            api.delete(&workload.name, &parameters).await
        })
        .await;
    match deleted {
        Ok(_) => Ok(Deleted::Accepted),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Deleted::WasGone),
        Err(error) if failure::kind_is_not_served(&error) => Ok(Deleted::WasGone),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Deleted::Changed),
        Err(error) => Err(failure::from_kube(&error, &doing)),
    }
}

/// Asks whether it would be deleted.
pub(super) async fn rehearse(
    client: &Client,
    retry: &Retry<'_>,
    workload: &Workload,
) -> Result<(), Failure> {
    let api = Subject::from(workload).api(client);
    let doing = format!("delete {} (dry run)", workload.object_name());
    let parameters = DeleteParams {
        dry_run: true,
        ..parameters(workload, None)
    };
    let rehearsed = retry
        .request(&doing, Repeat::Safe, || async {
            api.delete(&workload.name, &parameters).await
        })
        .await;
    match rehearsed {
        Ok(_) => Ok(()),
        // It has gone since, or is another one by now.
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        Err(error) => Err(failure::from_kube(&error, &doing)),
    }
}

/// This object, and no other of its name.
fn parameters(workload: &Workload, version: Option<&str>) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid: Some(workload.uid.to_string()),
            resource_version: version.map(str::to_owned),
        }),
        ..DeleteParams::default()
    }
}
