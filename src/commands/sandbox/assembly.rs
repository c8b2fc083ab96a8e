//! The embedded cluster, put together: API server, what a fresh cluster holds, machinery, controller.
//!
//! Used by `sandbox start`, `sandbox run` and the integration tests. Each part speaks to the API server as a client;
//! none knows another.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    runtime::wait::{Condition, await_condition},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{boot, runner::ProbeRunner};
use crate::{
    api::{
        VMRuntime,
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE, VMRUNTIME},
    },
    controller::{self, ControllerOptions, EngineManifests},
    sandbox::{
        Identity, Sandbox, SandboxOptions,
        world::{self, NodeProfile, OPERATOR_MANIFESTS, Pace, WorldOptions},
    },
};

/// How long a fresh cluster may take to settle, and a stopped one to go. Both take moments.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who plays in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// API server, machinery and controller.
    Everyone,
    /// No controller: VMRuntime is defined, but nobody acts on it.
    Machinery,
    /// The API server alone, without definitions and nodes.
    ApiServer,
}

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct AssemblyOptions {
    pub listen: SocketAddr,
    pub name: String,
    pub nodes: Vec<NodeProfile>,
    pub pace: Pace,
    pub cast: Cast,
}

/// A running cluster.
pub struct Assembly {
    pub sandbox: Sandbox,
    shutdown: CancellationToken,
    parts: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Assembly {
    /// Starts a cluster and returns when it is as a freshly installed one is: the controller's Deployment is
    /// available and VMRuntime is there, disabled.
    ///
    /// # Errors
    /// The port is taken, or a part of the cluster fails while it comes up.
    pub async fn start(options: AssemblyOptions) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(SandboxOptions {
            listen: options.listen,
            name: options.name,
            ..SandboxOptions::default()
        })
        .await
        .with_context(|| format!("could not serve a cluster on {}", options.listen))?;
        let mut assembly = Self {
            sandbox,
            shutdown: CancellationToken::new(),
            parts: JoinSet::new(),
        };
        match options.cast {
            Cast::ApiServer => {}
            Cast::Machinery => assembly.fill(options.nodes, options.pace, None).await?,
            Cast::Everyone => {
                let controller = controller_options(options.pace)?;
                assembly
                    .fill(options.nodes, options.pace, Some(controller))
                    .await?;
            }
        }
        Ok(assembly)
    }

    async fn fill(
        &mut self,
        nodes: Vec<NodeProfile>,
        pace: Pace,
        controller: Option<ControllerOptions>,
    ) -> anyhow::Result<()> {
        let owner = self.sandbox.client(&Identity::owner());
        boot::fill(&owner)
            .await
            .context("filling the fresh cluster")?;
        let world = world::run(
            owner.clone(),
            WorldOptions { nodes, pace },
            Arc::new(ProbeRunner),
            self.shutdown.clone(),
        );
        self.parts.spawn(async { ("machinery", world.await) });
        let controlled = controller.is_some();
        if let Some(options) = controller {
            let account = Identity::service_account(SYSTEM_NAMESPACE, CONTROLLER_DEPLOYMENT);
            let client = self.sandbox.client(&account);
            let controller = controller::run(client, options, self.shutdown.clone());
            self.parts.spawn(async { ("controller", controller.await) });
        }
        tokio::select! {
            settled = tokio::time::timeout(PATIENCE, settle(&owner, controlled)) => {
                settled.context("the fresh cluster did not settle")?
            }
            error = self.failure() => Err(error),
        }
    }

    /// Returns when a part of the cluster has ended although nobody told it to; for ever if none does.
    pub async fn failure(&mut self) -> anyhow::Error {
        match self.parts.join_next().await {
            None => std::future::pending().await,
            Some(Ok((part, Ok(())))) => anyhow!("the cluster's {part} ended by itself"),
            Some(Ok((part, Err(error)))) => error.context(format!("the cluster's {part} failed")),
            Some(Err(error)) => anyhow!("a part of the cluster broke down: {error}"),
        }
    }

    /// Takes the cluster down. What its parts are in the middle of is dropped: nothing of it remains anyway.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let ended = async { while self.parts.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, ended).await.is_err() {
            tracing::warn!("a part of the cluster did not end in time");
        }
        self.sandbox.stop().await;
    }
}

/// A controller that is as quick as its surroundings.
fn controller_options(pace: Pace) -> anyhow::Result<ControllerOptions> {
    let mut options = ControllerOptions::new(boot::IMAGE);
    options.engine_manifests = Some(EngineManifests::parse(OPERATOR_MANIFESTS)?);
    // Two empty lists as far apart as five transitions are: what was under way when the fence closed is stored by then.
    options.pace.settle = pace.transition * 5;
    // A change of the nodes is answered while it is still on the screen.
    options.pace.node_checks = pace.transition * 5;
    Ok(options)
}

async fn settle(client: &Client, controlled: bool) -> anyhow::Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    until(
        deployments,
        CONTROLLER_DEPLOYMENT,
        |deployment: Option<&Deployment>| {
            deployment
                .and_then(|deployment| deployment.status.as_ref()?.available_replicas)
                .is_some_and(|available| available > 0)
        },
    )
    .await?;
    if controlled {
        until(
            Api::<VMRuntime>::all(client.clone()),
            VMRUNTIME,
            |runtime: Option<&VMRuntime>| runtime.is_some_and(|runtime| runtime.status.is_some()),
        )
        .await?;
    }
    Ok(())
}

async fn until<K>(api: Api<K>, name: &str, condition: impl Condition<K>) -> anyhow::Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    await_condition(api, name, condition)
        .await
        .with_context(|| format!("waiting for {name}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_is_a_failure() {
        let mut assembly = Assembly {
            sandbox: Sandbox::start(SandboxOptions::default()).await.unwrap(),
            shutdown: CancellationToken::new(),
            parts: JoinSet::new(),
        };
        let parts = &mut assembly.parts;
        parts.spawn(async { ("machinery", Ok(())) });
        let said = format!("{:#}", assembly.failure().await);
        assert_eq!(said, "the cluster's machinery ended by itself");
        let parts = &mut assembly.parts;
        parts.spawn(async { ("controller", Err(anyhow!("no more"))) });
        let said = format!("{:#}", assembly.failure().await);
        assert_eq!(said, "the cluster's controller failed: no more");
        assembly.stop().await;
    }
}
