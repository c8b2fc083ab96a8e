//! What a fresh cluster holds: what `bmctl controller manifests --profile engine-manifests` prints and the kinds that Google
//! Distributed Cloud brings of its own, or what a cluster of Google's has; and a storage class.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use kube::{
    Api, Client,
    api::PostParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use super::assembly::Composition;
use crate::{
    api::crd,
    controller::install::{self, IMAGE, InstallOptions, Profile},
    simulator::gdc,
};

/// How long a new kind may take until it is served, and how often that is tried.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Creates what is not there yet.
///
/// # Errors
/// The API server's own.
pub async fn fill(client: &Client, composition: Composition) -> anyhow::Result<()> {
    for object in objects(composition)? {
        let object: DynamicObject = serde_json::from_value(object)?;
        let name = object.metadata.name.clone().unwrap_or_default();
        ensure(client, &object)
            .await
            .with_context(|| format!("creating {name}"))?;
    }
    Ok(())
}

fn objects(composition: Composition) -> serde_json::Result<Vec<Value>> {
    let mut objects = match composition {
        Composition::Everyone | Composition::Machinery => own()?,
        Composition::Gdc(release) => gdc::installation(release)?,
        Composition::GdcAdmin | Composition::ApiServer => Vec::new(),
    };
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

fn own() -> serde_json::Result<Vec<Value>> {
    // Nothing ever pulls the image. One replica, because one controller runs; it brings the engine's operators, and they
    // live in its namespace.
    let mut objects = install::manifests(&InstallOptions {
        replicas: 1,
        profile: Profile::EngineManifests,
        deep_probe: true,
        ..InstallOptions::new(IMAGE)
    });
    for definition in crd::machine_definitions() {
        objects.push(serde_json::to_value(definition)?);
    }
    Ok(objects)
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
    let started = Instant::now();
    loop {
        match api.create(&by, object).await {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(()),
            // A definition is served a moment after it was created.
            Err(kube::Error::Api(status))
                if status.is_not_found() && started.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
