//! Starting a preflight check (creating the object is asking for one), and reading those that there are.
//!
//! Only commands call this. The controller makes its own checks, with an owner and a trigger.

use std::cmp::Reverse;

use kube::{
    api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions},
    core::ApiResource,
};

use super::{
    discovery, list,
    retry::{Repeat, Retry},
    vmruntime::DryRun,
};
use crate::{
    api::{
        VMRuntimePreflightCheck,
        name::{FIELD_MANAGER, SYSTEM_NAMESPACE},
        preflight_check::VMRuntimePreflightCheckSpec,
    },
    failure::{self, Failure},
    runtime::preflight::CheckFacts,
};

/// What a new check is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Nobody else has that name: a request whose answer was lost may be sent again, and the check that it finds then is
    /// its own.
    Unique(String),
    /// By a person: what exists already is somebody else's.
    Given(String),
}

impl Naming {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Unique(name) | Self::Given(name) => name,
        }
    }
}

/// Creates a check of that name.
pub async fn create(
    client: &kube::Client,
    retry: &Retry<'_>,
    naming: &Naming,
    dry_run: DryRun,
) -> Result<VMRuntimePreflightCheck, Failure> {
    let name = naming.name();
    let repeat = match naming {
        Naming::Unique(_) => Repeat::Safe,
        Naming::Given(_) => Repeat::OnlyIfNotCarriedOut,
    };
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
        dry_run: dry_run == DryRun::Server,
    };
    let doing = format!("create a preflight check in namespace {SYSTEM_NAMESPACE}");
    let created = retry
        .request(&doing, repeat, || api.create(&params, &check))
        .await;
    let ended = match created {
        Err(kube::Error::Api(status))
            if status.reason == "AlreadyExists" && repeat == Repeat::Safe =>
        {
            retry.request(&doing, Repeat::Safe, || api.get(name)).await
        }
        other => other,
    };
    let resource = ApiResource::erase::<VMRuntimePreflightCheck>(&());
    discovery::confirmed(ended, client, retry, &resource)
        .await
        .map_err(|error| failure::from_kube(&error, &doing))
}

/// Deletes that very check; one that is gone already is no failure.
pub async fn delete(
    client: &kube::Client,
    retry: &Retry<'_>,
    name: &str,
    uid: &str,
) -> Result<(), Failure> {
    let api: Api<VMRuntimePreflightCheck> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let doing = format!("delete preflight check {name}");
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: None,
    });
    let deleted = retry
        .request(&doing, Repeat::Safe, || api.delete(name, &params))
        .await;
    match deleted {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(failure::from_kube(&error, &doing)),
    }
}

/// All checks, newest first.
pub async fn list(
    client: &kube::Client,
    retry: &Retry<'_>,
) -> Result<Vec<VMRuntimePreflightCheck>, Failure> {
    let api: Api<VMRuntimePreflightCheck> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let doing = format!("list the preflight checks in namespace {SYSTEM_NAMESPACE}");
    let everything = ListParams::default();
    let mut checks = list::objects(&api, &everything, retry, &doing)
        .await
        .map_err(|error| failure::from_kube(&error, &doing))?;
    // Times have whole seconds: of two checks of the same one, the one that ended later is newer.
    checks.sort_by_cached_key(|check| Reverse(CheckFacts::read(check).age_order()));
    Ok(checks)
}
