//! Is the controller there? Its Deployment says so, on Google's clusters as on ours.

use kube::{api::Api, core::ApiResource};

use super::{
    discovery,
    retry::{Repeat, Retry},
};
use crate::{
    api::{
        kubernetes::Deployment,
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    },
    failure::{self, Failure},
};

/// How many pods of the controller are wanted, and how many of them work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControllerPods {
    pub wanted: i32,
    pub available: i32,
}

/// Reads the Deployment; `None` where there is none.
pub async fn read(
    client: &kube::Client,
    retry: &Retry<'_>,
) -> Result<Option<ControllerPods>, Failure> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let doing = format!("read deployment {CONTROLLER_DEPLOYMENT} in namespace {SYSTEM_NAMESPACE}");
    let answer = retry
        .request(&doing, Repeat::Safe, || api.get_opt(CONTROLLER_DEPLOYMENT))
        .await;
    let resource = ApiResource::erase::<Deployment>(&());
    let found = discovery::confirmed(answer, client, retry, &resource)
        .await
        .map_err(|error| failure::from_kube(&error, &doing))?;
    Ok(found.map(|deployment| ControllerPods {
        // The API server's own default.
        wanted: deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1),
        available: deployment
            .status
            .and_then(|status| status.available_replicas)
            .unwrap_or_default(),
    }))
}
