//! Everybody whom a command meets, on a real control plane: what a fresh cluster holds, the machinery, a controller. As
//! `commands::sandbox::assembly` puts them together around the sandbox.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use apiserver::Identity;
use bmctl::{
    api::name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE},
    commands::sandbox::{
        assembly::{Composition, settle},
        boot,
        runner::ProbeRunner,
    },
    controller::{self, ControllerOptions, EngineManifests, install::IMAGE},
    simulator::{self, NodeProfile, OPERATOR_MANIFESTS, Pace, WorldOptions},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::test_server::{patience, real_control_plane::ControlPlane};

/// A control plane with everybody who plays on it. They end with this value.
pub struct Components {
    shutdown: CancellationToken,
    _parts: JoinSet<anyhow::Result<()>>,
    control_plane: ControlPlane,
}

impl Components {
    /// Returns when the cluster is as a freshly installed one is.
    pub async fn gather(
        assets: &Path,
        composition: Composition,
        nodes: Vec<NodeProfile>,
        pace: Pace,
    ) -> anyhow::Result<Self> {
        let control_plane = ControlPlane::start(assets).await?;
        let shutdown = CancellationToken::new();
        let mut parts = JoinSet::new();
        let owner = control_plane.client(None);
        if composition != Composition::ApiServer {
            boot::fill(&owner, composition).await?;
            let options = WorldOptions {
                nodes,
                pace,
                gdc: composition.release(),
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
        if composition == Composition::Everyone {
            let account = Identity::service_account(SYSTEM_NAMESPACE, CONTROLLER_DEPLOYMENT);
            let client = control_plane.client(Some(&account));
            parts.spawn(controller::run(client, options(pace)?, shutdown.clone()));
        }
        tokio::time::timeout(patience(), settle(&owner, composition))
            .await
            .context("the fresh cluster did not settle")??;
        Ok(Self {
            shutdown,
            _parts: parts,
            control_plane,
        })
    }

    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }
}

impl Drop for Components {
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
