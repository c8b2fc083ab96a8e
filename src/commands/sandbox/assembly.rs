//! The embedded cluster, put together: API server, what a fresh cluster holds, machinery, controller.
//!
//! Used by `sandbox start`, `sandbox run` and the integration tests. Each part speaks to the API server as a client;
//! none knows another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use apiserver::{
    Identity, Options, Server,
    fault::{Fault, Party},
};
use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
    runtime::wait::await_condition,
};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{boot, controller as choice, runner::ProbeRunner};
use crate::{
    api::{
        VMRuntime,
        kubernetes::Deployment,
        name::{CONTROLLER_DEPLOYMENT, SYSTEM_NAMESPACE, VMRUNTIME},
    },
    controller::{self, ControllerOptions, EngineManifests, install::IMAGE},
    simulator::{self, NodeProfile, OPERATOR_MANIFESTS, Pace, WorldOptions, gdc::Release},
};

/// How long a fresh cluster may take to settle, and a stopped one to go. Both take moments.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who plays in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Composition {
    /// API server, machinery and controller.
    Everyone,
    /// No controller: VMRuntime is defined, but nobody acts on it.
    Machinery,
    /// API server, machinery and Google's controller of that release.
    Gdc(&'static Release),
    /// API server and machinery. VM Runtime is not there, as on an admin cluster of Google Distributed Cloud.
    GdcAdmin,
    /// The API server alone, without definitions and nodes.
    ApiServer,
}

impl Composition {
    /// The release of Google's controller, where it is played.
    #[must_use]
    pub const fn release(self) -> Option<&'static Release> {
        match self {
            Self::Gdc(release) => Some(release),
            Self::Everyone | Self::Machinery | Self::GdcAdmin | Self::ApiServer => None,
        }
    }
}

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct AssemblyOptions {
    pub listen: SocketAddr,
    pub name: String,
    pub nodes: Vec<NodeProfile>,
    pub pace: Pace,
    /// So much longer these components of the machinery take for each transition.
    pub delays: BTreeMap<String, Duration>,
    pub composition: Composition,
    /// What goes wrong from the start.
    pub faults: Vec<Fault>,
    /// Folder that the cluster is kept in.
    pub state: Option<PathBuf>,
}

/// How much longer it may take for each node.
const PER_NODE: Duration = Duration::from_millis(100);
/// Where the state remembers the machines.
const NODES: &str = "nodes";
/// Where it remembers whose controller the cluster has.
const CONTROLLER: &str = "controller";

/// The cluster in a state is one that another controller acts on: their definitions differ.
#[derive(Debug)]
pub struct OtherController {
    kept: String,
}

impl fmt::Display for OtherController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its cluster was started with --controller {}", self.kept)
    }
}

impl std::error::Error for OtherController {}

/// A running cluster.
pub struct Assembly {
    pub sandbox: Server,
    /// Names of the machines that it plays.
    pub nodes: Vec<String>,
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
        let sandbox = Server::start(Options {
            listen: options.listen,
            name: options.name,
            state: options.state,
            ..Options::default()
        })
        .await
        .with_context(|| format!("could not serve a cluster on {}", options.listen))?;
        let mut assembly = Self {
            sandbox,
            nodes: Vec::new(),
            shutdown: CancellationToken::new(),
            parts: JoinSet::new(),
        };
        if options.composition != Composition::ApiServer {
            assembly.keep_controller(options.composition)?;
            let world = assembly.world(
                options.nodes,
                options.pace,
                options.delays,
                options.composition,
            )?;
            assembly.nodes = world.nodes.iter().map(|node| node.name.clone()).collect();
            assembly.fill(world, options.composition).await?;
        }
        // The cluster comes up unharmed.
        for fault in options.faults {
            assembly.sandbox.arm(fault).map_err(|why| anyhow!(why))?;
        }
        Ok(assembly)
    }

    /// A cluster that is kept stays the one that it was.
    fn keep_controller(&self, composition: Composition) -> anyhow::Result<()> {
        let wanted = choice::word(composition);
        let kept = match self.sandbox.memo(CONTROLLER)? {
            Some(memo) => Some(String::from_utf8_lossy(&memo).into_owned()),
            // Before there was a choice.
            None => self
                .sandbox
                .memo(NODES)?
                .map(|_| choice::word(Composition::Everyone)),
        };
        match kept {
            Some(kept) if kept != wanted => Err(OtherController { kept }.into()),
            Some(_) => Ok(()),
            None => Ok(self.sandbox.set_memo(CONTROLLER, wanted.as_bytes())?),
        }
    }

    /// The machines of this cluster: those that it is given, and those that it had in an earlier life.
    fn world(
        &self,
        nodes: Vec<NodeProfile>,
        pace: Pace,
        delays: BTreeMap<String, Duration>,
        composition: Composition,
    ) -> anyhow::Result<WorldOptions> {
        let before: Vec<NodeProfile> = match self.sandbox.memo(NODES)? {
            Some(memo) => serde_json::from_slice(&memo).context("the nodes in the state")?,
            None => Vec::new(),
        };
        let registered: BTreeSet<String> = before.iter().map(|node| node.name.clone()).collect();
        let given: BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let kept = before
            .iter()
            .filter(|node| !given.contains(node.name.as_str()));
        let mut all: Vec<NodeProfile> = kept.cloned().collect();
        all.extend(nodes);
        self.sandbox.set_memo(NODES, &serde_json::to_vec(&all)?)?;
        Ok(WorldOptions {
            nodes: all,
            registered,
            pace,
            delays,
            instant_until: None,
            authority: Some(self.sandbox.certificate_authority().to_owned()),
            gdc: composition.release(),
        })
    }

    async fn fill(
        &mut self,
        mut world: WorldOptions,
        composition: Composition,
    ) -> anyhow::Result<()> {
        // A fresh cluster is as one that was installed before: nobody waits for its pace.
        let nodes = u32::try_from(world.nodes.len()).unwrap_or(u32::MAX);
        let patience = PATIENCE + PER_NODE.saturating_mul(nodes);
        let settled = CancellationToken::new();
        world.instant_until = Some(settled.clone());
        let owner = self.sandbox.client(&Identity::owner());
        let pace = world.pace;
        boot::fill(&owner, composition)
            .await
            .context("filling the fresh cluster")?;
        let world = simulator::run(
            self.sandbox.client_of(Party::Machinery, &Identity::owner()),
            world,
            Arc::new(ProbeRunner),
            self.shutdown.clone(),
        );
        self.parts.spawn(async { ("machinery", world.await) });
        if composition == Composition::Everyone {
            let options = controller_options(pace)?;
            let account = Identity::service_account(SYSTEM_NAMESPACE, CONTROLLER_DEPLOYMENT);
            let client = self.sandbox.client_of(Party::Controller, &account);
            let controller = controller::run(client, options, self.shutdown.clone());
            self.parts.spawn(async { ("controller", controller.await) });
        }
        tokio::select! {
            outcome = tokio::time::timeout(patience, settle(&owner, composition)) => {
                outcome.context("the fresh cluster did not settle")??;
            }
            error = self.failure() => return Err(error),
        }
        settled.cancel();
        Ok(())
    }

    /// Returns when a part of the cluster has ended although nobody told it to; for ever if none does.
    pub async fn failure(&mut self) -> anyhow::Error {
        let sandbox = self.sandbox.clone();
        let ended = tokio::select! {
            why = sandbox.broken() => return anyhow!(why).context("the cluster's state cannot be written"),
            ended = self.parts.join_next() => ended,
        };
        match ended {
            None => {
                anyhow!(sandbox.broken().await).context("the cluster's state cannot be written")
            }
            Some(Ok((part, Ok(())))) => anyhow!("the cluster's {part} ended by itself"),
            Some(Ok((part, Err(error)))) => error.context(format!("the cluster's {part} failed")),
            Some(Err(error)) => anyhow!("a part of the cluster failed: {error}"),
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
    let mut options = ControllerOptions::new(IMAGE);
    options.engine_manifests = Some(EngineManifests::from_parts(OPERATOR_MANIFESTS)?);
    // Two empty lists as far apart as five transitions are: what was under way when the fence closed is stored by then.
    options.pace.settle = pace.transition * 5;
    // A change of the nodes is answered while it is still on the screen.
    options.pace.node_checks = pace.transition * 5;
    Ok(options)
}

/// Returns when the cluster is as a freshly installed one is.
///
/// # Errors
/// The API server's own.
pub async fn settle(client: &Client, composition: Composition) -> anyhow::Result<()> {
    let acted_on = match composition {
        Composition::ApiServer | Composition::GdcAdmin => return Ok(()),
        Composition::Machinery => false,
        Composition::Everyone | Composition::Gdc(_) => true,
    };
    let resource = ApiResource::erase::<Deployment>(&());
    let deployments = Api::namespaced_with(client.clone(), SYSTEM_NAMESPACE, &resource);
    until(deployments, CONTROLLER_DEPLOYMENT, |deployment| {
        let available = deployment["status"]["availableReplicas"].as_i64();
        available.is_some_and(|available| available > 0)
    })
    .await?;
    if acted_on {
        let resource = ApiResource::erase::<VMRuntime>(&());
        let runtimes = Api::all_with(client.clone(), &resource);
        until(runtimes, VMRUNTIME, |runtime| runtime["status"].is_object()).await?;
    }
    Ok(())
}

/// Waits until this holds of what is in the object beside its metadata.
async fn until(
    api: Api<DynamicObject>,
    name: &str,
    holds: fn(&Value) -> bool,
) -> anyhow::Result<()> {
    let condition =
        |object: Option<&DynamicObject>| object.is_some_and(|object| holds(&object.data));
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
            sandbox: Server::start(Options::default()).await.unwrap(),
            nodes: Vec::new(),
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
