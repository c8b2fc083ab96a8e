//! Starting a preflight check (creating the object is asking for one), and reading those that there are.
//!
//! Only commands call this. The controller makes its own checks, with an owner and a trigger.

use std::cmp::Reverse;

use kube::api::{Api, ListParams, ObjectMeta, PostParams};

use super::retry::{Repeat, Retry};
use crate::{
    api::{
        VMRuntimePreflightCheck,
        name::{FIELD_MANAGER, SYSTEM_NAMESPACE},
        preflight_check::VMRuntimePreflightCheckSpec,
    },
    failure::{self, Failure},
};

/// Creates a check of that name, which the caller has made unique: so a request whose answer was lost may be sent
/// again, and the check that it finds then is its own.
pub async fn create(
    client: &kube::Client,
    retry: &Retry<'_>,
    name: &str,
) -> Result<VMRuntimePreflightCheck, Failure> {
    let api: Api<VMRuntimePreflightCheck> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let check = VMRuntimePreflightCheck {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(SYSTEM_NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: VMRuntimePreflightCheckSpec::default(),
        status: None,
    };
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let doing = format!("create a preflight check in namespace {SYSTEM_NAMESPACE}");
    let created = retry
        .request(&doing, Repeat::Safe, || api.create(&params, &check))
        .await;
    let ended = match created {
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            retry.request(&doing, Repeat::Safe, || api.get(name)).await
        }
        other => other,
    };
    ended.map_err(|error| failure::from_kube(&error, &doing))
}

/// All checks, newest first.
pub async fn list(
    client: &kube::Client,
    retry: &Retry<'_>,
) -> Result<Vec<VMRuntimePreflightCheck>, Failure> {
    let api: Api<VMRuntimePreflightCheck> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let doing = format!("list the preflight checks in namespace {SYSTEM_NAMESPACE}");
    let everything = ListParams::default();
    let listed = retry
        .request(&doing, Repeat::Safe, || api.list(&everything))
        .await
        .map_err(|error| failure::from_kube(&error, &doing))?;
    let mut checks = listed.items;
    checks.sort_by_cached_key(|check| {
        let metadata = &check.metadata;
        let created = metadata.creation_timestamp.as_ref().map(|time| time.0);
        (Reverse(created), metadata.name.clone())
    });
    Ok(checks)
}
