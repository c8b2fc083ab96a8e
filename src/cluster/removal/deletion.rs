//! Deleting one object, if it is still the one that was seen.

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
    failure::{self, Failure, Kind, Reason},
};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// It is gone, or on its way.
    Accepted,
    /// It was not there any more; perhaps another one of its name is.
    WasGone,
}

/// Deletes it. What it owns goes after it, by the garbage collector.
pub(super) async fn delete(
    client: &Client,
    retry: &Retry<'_>,
    workload: &Workload,
) -> Result<Deleted, Failure> {
    /// More conflicts about one UID than this make no sense.
    const ROUNDS: u32 = 5;
    let api = Subject::from(workload).api(client);
    let doing = format!("delete {}", workload.object_name());
    let parameters = parameters(workload);
    for _ in 0..ROUNDS {
        let deleted = retry
            .request(&doing, Repeat::Safe, || async {
                api.delete(&workload.name, &parameters).await
            })
            .await;
        let Err(error) = deleted else {
            return Ok(Deleted::Accepted);
        };
        match &error {
            kube::Error::Api(status) if status.is_not_found() => return Ok(Deleted::WasGone),
            _ if failure::kind_is_not_served(&error) => return Ok(Deleted::WasGone),
            kube::Error::Api(status) if status.code == 409 => {}
            _ => return Err(failure::from_kube(&error, &doing)),
        }
        let found = retry
            .request(&doing, Repeat::Safe, || async {
                api.get_metadata_opt(&workload.name).await
            })
            .await
            .map_err(|error| failure::from_kube(&error, &doing))?;
        let uid = workload.uid.to_string();
        if found.is_none_or(|found| found.metadata.uid.as_ref() != Some(&uid)) {
            return Ok(Deleted::WasGone);
        }
    }
    Err(Failure::new(
        Kind::Conflict,
        Reason::Conflict,
        format!("could not {doing}"),
    )
    .caused_by("somebody else changes it all the time"))
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
        ..parameters(workload)
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
fn parameters(workload: &Workload) -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid: Some(workload.uid.to_string()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    }
}
