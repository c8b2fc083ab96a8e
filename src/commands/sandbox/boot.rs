//! What a fresh cluster holds: the definitions, namespace vm-system, the controller's Deployment, a storage class.

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Namespace, ServiceAccount},
        storage::v1::StorageClass,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, Client, Resource, ResourceExt as _, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::api::{
    crd,
    name::{CONTROLLER_DEPLOYMENT, MANAGED_BY, SYSTEM_NAMESPACE},
};

/// Image of the controller and of its probe pods. Nothing ever pulls it.
pub const IMAGE: &str = concat!("bmctl:", env!("CARGO_PKG_VERSION"));

/// Creates what is not there yet.
///
/// # Errors
/// The API server's own.
pub async fn install(client: &Client) -> anyhow::Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in crd::runtime_definitions()
        .iter()
        .chain(&crd::machine_definitions())
    {
        ensure(&definitions, definition).await?;
    }
    let namespace: Namespace =
        serde_json::from_value(json!({"metadata": {"name": SYSTEM_NAMESPACE}}))?;
    ensure(&Api::all(client.clone()), &namespace).await?;
    let account: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": CONTROLLER_DEPLOYMENT}}))?;
    ensure(&Api::namespaced(client.clone(), SYSTEM_NAMESPACE), &account).await?;
    ensure(
        &Api::namespaced(client.clone(), SYSTEM_NAMESPACE),
        &controller()?,
    )
    .await?;
    let class: StorageClass = serde_json::from_value(json!({
        "metadata": {
            "name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "bmctl.sandbox/none",
        "volumeBindingMode": "Immediate",
    }))?;
    ensure(&Api::all(client.clone()), &class).await
}

/// The Deployment whose pods stand for the controller; the controller itself runs in this process.
fn controller() -> serde_json::Result<Deployment> {
    let labels = json!({"app": CONTROLLER_DEPLOYMENT});
    serde_json::from_value(json!({
        "metadata": {"name": CONTROLLER_DEPLOYMENT, "labels": {
            "app": CONTROLLER_DEPLOYMENT, MANAGED_BY: "bmctl",
        }},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": CONTROLLER_DEPLOYMENT,
                    "containers": [{
                        "name": "manager", "image": IMAGE, "args": ["controller", "run"],
                    }],
                },
            },
        },
    }))
}

async fn ensure<K>(api: &Api<K>, object: &K) -> anyhow::Result<()>
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let by = PostParams {
        field_manager: Some("bmctl-sandbox".to_owned()),
        ..PostParams::default()
    };
    match api.create(&by, object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => {
            Err(anyhow::Error::from(error).context(format!("creating {}", object.name_any())))
        }
    }
}
