//! What a fresh cluster holds: what `bmctl controller manifests` prints, the right to install the engine's operators,
//! the kinds that Google Distributed Cloud brings of its own, and a storage class.

use anyhow::Context as _;
use kube::{
    Api, Client,
    api::PostParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use crate::{
    api::{
        crd,
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    },
    controller::install,
};

/// Image of the controller and of its probe pods. Nothing ever pulls it.
pub const IMAGE: &str = concat!("bmctl:", env!("CARGO_PKG_VERSION"));

/// Creates what is not there yet.
///
/// # Errors
/// The API server's own.
pub async fn fill(client: &Client) -> anyhow::Result<()> {
    for object in objects()? {
        let object: DynamicObject = serde_json::from_value(object)?;
        let name = object.metadata.name.clone().unwrap_or_default();
        ensure(client, &object)
            .await
            .with_context(|| format!("creating {name}"))?;
    }
    Ok(())
}

fn objects() -> serde_json::Result<Vec<Value>> {
    let mut objects = install::manifests(IMAGE);
    objects.extend(engine_rights());
    for definition in crd::machine_definitions() {
        objects.push(serde_json::to_value(definition)?);
    }
    objects.push(json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "bmctl.sandbox/none",
        "volumeBindingMode": "Immediate",
    }));
    Ok(objects)
}

/// What the controller may do beside its own manifests, because here it is given the operators' (docs/controller.md).
#[must_use]
pub fn engine_rights() -> [Value; 2] {
    const NAME: &str = "vmruntime-engine-installer";
    const RBAC: &str = "rbac.authorization.k8s.io";
    let apply = |group: &str, resource: &str| {
        json!({
            "apiGroups": [group], "resources": [resource],
            "verbs": ["get", "create", "patch", "delete"],
        })
    };
    let role = json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": {"name": NAME},
        "rules": [
            apply("", "serviceaccounts"),
            apply("apps", "deployments"),
            apply("apiextensions.k8s.io", "customresourcedefinitions"),
        ],
    });
    let binding = json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": NAME},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": NAME},
        "subjects": [{
            "kind": "ServiceAccount", "namespace": SYSTEM_NAMESPACE, "name": CONTROLLER_DEPLOYMENT,
        }],
    });
    [role, binding]
}

async fn ensure(client: &Client, object: &DynamicObject) -> anyhow::Result<()> {
    let types = object.types.as_ref().context("an object without a kind")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let by = PostParams {
        field_manager: Some("bmctl-sandbox".to_owned()),
        ..PostParams::default()
    };
    match api.create(&by, object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error.into()),
    }
}
