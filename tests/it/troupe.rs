//! Everybody whom a command meets, on a real control plane: what a fresh cluster holds, the machinery, a controller. As
//! `commands::sandbox::assembly` puts them together around the sandbox.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use apiserver::Identity;
use bmctl::{
    api::{
        VMRuntime,
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE, VMRUNTIME},
    },
    commands::sandbox::{assembly::Cast, boot, runner::ProbeRunner},
    controller::{self, ControllerOptions, EngineManifests, install::IMAGE},
    simulator::{self, NodeProfile, OPERATOR_MANIFESTS, Pace, WorldOptions},
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, runtime::wait::await_condition};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ground::{patience, plane::ControlPlane};

/// A control plane with everybody who plays on it. They end with this value.
pub struct Troupe {
    shutdown: CancellationToken,
    _parts: JoinSet<anyhow::Result<()>>,
    plane: ControlPlane,
}

impl Troupe {
    /// Returns when the cluster is as a freshly installed one is.
    pub async fn gather(
        assets: &Path,
        cast: Cast,
        nodes: Vec<NodeProfile>,
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let plane = ControlPlane::start(assets).await?;
        let shutdown = CancellationToken::new();
        let mut parts = JoinSet::new();
        let owner = plane.client(None);
        if cast != Cast::ApiServer {
            boot::fill(&owner).await?;
            let options = WorldOptions {
                nodes,
                pace,
                ..WorldOptions::default()
            };
            let runner = Arc::new(ProbeRunner);
            parts.spawn(simulator::run(
                owner.clone(),
                options,
                runner,
                shutdown.clone(),
            ));
        }
        if cast == Cast::Everyone {
            let account = Identity::service_account(SYSTEM_NAMESPACE, CONTROLLER_DEPLOYMENT);
            let client = plane.client(Some(&account));
            parts.spawn(controller::run(client, options(pace)?, shutdown.clone()));
        }
        tokio::time::timeout(patience(), settle(&owner, cast))
            .await
            .context("the fresh cluster did not settle")??;
        Ok(Self {
            shutdown,
            _parts: parts,
            plane,
        })
    }

    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }
}

impl Drop for Troupe {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn options(pace: Pace) -> anyhow::Result<ControllerOptions> {
    let mut options = ControllerOptions::new(IMAGE);
    options.engine_manifests = Some(EngineManifests::from_parts(OPERATOR_MANIFESTS)?);
    options.pace.settle = pace.transition * 5;
    options.pace.node_checks = Duration::ZERO;
    Ok(options)
}

async fn settle(owner: &Client, cast: Cast) -> anyhow::Result<()> {
    if cast == Cast::ApiServer {
        return Ok(());
    }
    let deployments: Api<Deployment> = Api::namespaced(owner.clone(), SYSTEM_NAMESPACE);
    await_condition(
        deployments,
        CONTROLLER_DEPLOYMENT,
        |deployment: Option<&Deployment>| {
            deployment
                .and_then(|deployment| deployment.status.as_ref()?.available_replicas)
                .is_some_and(|available| available > 0)
        },
    )
    .await?;
    if cast == Cast::Everyone {
        let runtimes: Api<VMRuntime> = Api::all(owner.clone());
        await_condition(runtimes, VMRUNTIME, |runtime: Option<&VMRuntime>| {
            runtime.is_some_and(|runtime| runtime.status.is_some())
        })
        .await?;
    }
    Ok(())
}
