//! Looks at the cluster: everything that one round needs, as data. Reads only; a read that fails fails the round,
//! because a decision on half a picture would be a guess.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::{Api, Client, api::ListParams, core::DynamicObject, runtime::reflector::Store};

use super::{
    admission, engine,
    manifest::{Disks, EngineManifests},
    node,
    observed::{
        Admission, Armed, Count, Creation, Force, Manifests, Observed, Policy, RuntimeFacts,
        Traces, Unready, Workloads, is_stuck,
    },
    options::ControllerOptions,
    plan::Memory,
    release,
    request::Doing,
    role, trace, why,
};
use crate::{
    api::{
        VMRuntime, VMRuntimePreflightCheck,
        condition::{self, kind},
        kubernetes::{Node, Pod},
        name,
    },
    cluster::{
        inventory::{self, Inventory},
        list,
        retry::Retry,
        stuck::{Explainer, Leaving},
    },
    failure::{Failure, Kind, Reason},
    runtime::{
        force::ForceAnnotation,
        preflight::{CheckFacts, NodeFacts},
        readiness::{self, EngineFacts, EngineState},
    },
};

/// CDI puts this label on every claim that it made.
const CDI_CLAIMS: &str = "app=containerized-data-importer";

/// What watches keep at hand: what there may be thousands of.
#[derive(Clone)]
pub(super) struct Caches {
    pub nodes: Store<Node>,
    pub checks: Store<VMRuntimePreflightCheck>,
    /// virt-handler's pods.
    pub handlers: Store<Pod>,
    pub probe_pods: Store<Pod>,
}

impl Caches {
    /// Waits until every one of them has been filled once.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        let stopped = |_| {
            Failure::new(
                Kind::Other,
                Reason::WatchStopped,
                "a watch of the controller has stopped",
            )
        };
        self.nodes.wait_until_ready().await.map_err(stopped)?;
        self.checks.wait_until_ready().await.map_err(stopped)?;
        self.handlers.wait_until_ready().await.map_err(stopped)?;
        self.probe_pods.wait_until_ready().await.map_err(stopped)
    }

    /// The nodes that are machines and run Linux.
    pub(super) fn nodes(&self) -> Vec<NodeFacts> {
        let nodes = self.nodes.state();
        nodes.iter().filter_map(|node| node::facts(node)).collect()
    }

    /// The checks of the system namespace.
    pub(super) fn checks(&self) -> Vec<CheckFacts> {
        let checks = self.checks.state();
        checks.iter().map(|check| CheckFacts::read(check)).collect()
    }
}

/// Looks at everything once.
pub(super) async fn observe(
    client: &Client,
    caches: &Caches,
    options: &ControllerOptions,
    memory: &Memory,
) -> Result<Observed, Failure> {
    let now = Timestamp::now();
    let manifests = options.engine_manifests.as_ref();
    let place = options.kubevirt_namespace.as_deref();
    let (runtime, system_namespace, engine, roles) = futures::try_join!(
        runtime(client),
        system_namespace(client),
        engine::read(client, place, &caches.handlers),
        role::read(client),
    )?;
    let enabled = runtime.as_ref().is_some_and(|runtime| runtime.enabled);
    let workloads = if enabled {
        counted(client, memory.count, now).await
    } else {
        workloads(client).await
    };
    let engine_namespace = engine::namespace(&engine, manifests, place);
    let admission = admission::read(client, &engine_namespace).await?;
    let (disks, left) = if enabled {
        (Disks::None, Manifests::NotGiven)
    } else {
        let disks = disks(client, &workloads).await;
        let left = leftovers(client, manifests, disks, &engine, memory).await?;
        (disks, left)
    };
    let creation = if matters(runtime.as_ref(), now) || !is_strict(&admission) {
        admission::try_creation(client).await
    } else {
        Creation::NotTried
    };
    let traces = traces(caches, runtime.as_ref(), &engine);
    let nodes = caches.nodes();
    let unready = Unready {
        engine: unready(client, place, &engine, &nodes, enabled).await,
        probes: why::of_probes(&caches.probe_pods),
    };
    let mut leaving = of_engine(&engine);
    if !enabled {
        leaving.extend(of_disable(&left, &workloads, caches));
    }
    leaving.retain(|leaving| leaving.deleting_since.is_some());
    let late = leaving
        .into_iter()
        .filter(|leaving| leaving.lasts(now, options.pace.explain));
    let late: Vec<Leaving> = late.take(EXPLAINED).collect();
    let stuck = Explainer::of_controller(client, place).explain(&late).await;
    Ok(Observed {
        now,
        runtime,
        system_namespace,
        nodes,
        checks: caches.checks(),
        workloads,
        disks,
        engine,
        engine_namespace,
        manifests: left,
        admission,
        creation,
        roles,
        traces,
        unready,
        stuck,
    })
}

/// What keeps the engine from coming up: the refusals of its Deployments, then what its pods say.
async fn unready(
    client: &Client,
    place: Option<&str>,
    engine: &EngineFacts,
    nodes: &[NodeFacts],
    enabled: bool,
) -> Vec<String> {
    match readiness::engine(engine, nodes) {
        EngineState::Absent | EngineState::Incomplete(_) | EngineState::Down(_) if enabled => {
            let mut why = engine.refused.clone();
            why.extend(why::of_engine(client, place).await);
            why
        }
        EngineState::Absent
        | EngineState::Incomplete(_)
        | EngineState::Down(_)
        | EngineState::Deleting
        | EngineState::NoNode
        | EngineState::Up { .. } => Vec::new(),
    }
}

/// So many objects are looked into in one round.
const EXPLAINED: usize = 5;

fn of_engine(engine: &EngineFacts) -> Vec<Leaving> {
    [
        (engine::kubevirt(), &engine.kubevirt),
        (engine::cdi(), &engine.cdi),
    ]
    .into_iter()
    .filter_map(|(resource, presence)| Some(engine::leaving(&resource, presence.object()?)))
    .collect()
}

/// What else a disable waits for, in the order in which it goes.
fn of_disable<'a>(
    manifests: &'a Manifests,
    workloads: &'a Workloads,
    caches: &Caches,
) -> impl Iterator<Item = Leaving> + use<'a> {
    let machines = match workloads {
        Workloads::Known(inventory) => inventory.machines.as_slice(),
        Workloads::Unknown(_) | Workloads::Counted(_) => &[],
    };
    let left = match manifests {
        Manifests::Present(left) => left.as_slice(),
        Manifests::NotGiven | Manifests::Gone => &[],
    };
    let handlers = caches.handlers.state();
    let handlers: Vec<Leaving> = handlers
        .iter()
        .map(|pod| Leaving::pod(&pod.metadata))
        .collect();
    let machines = machines.iter().map(Leaving::workload);
    machines
        .chain(left.iter().map(|left| left.leaving.clone()))
        .chain(handlers)
}

/// Only after an engine that was ours: the published condition is what is left to tell by. Should it be lost, nodes stay
/// as they are.
fn traces(caches: &Caches, runtime: Option<&RuntimeFacts>, engine: &EngineFacts) -> Traces {
    let sought = runtime.is_some_and(|runtime| {
        !runtime.enabled && condition::is_true(&runtime.status.conditions, kind::ENGINE_OWNED)
    });
    if !sought || engine.kubevirt.object().is_some() {
        return Traces::default();
    }
    let (nodes, handlers) = (caches.nodes.state(), caches.handlers.state());
    trace::find(
        nodes.iter().map(|node| &**node),
        handlers.iter().map(|pod| &**pod),
    )
}

/// Is VM creation to be closed, so that it matters whether it is? While it is open, trying proves nothing.
fn matters(runtime: Option<&RuntimeFacts>, now: Timestamp) -> bool {
    runtime.is_none_or(|runtime| {
        let open = condition::is_true(&runtime.status.conditions, kind::VM_CREATION_ALLOWED);
        let fenced = runtime.fence_until.is_some_and(|until| until > now);
        !runtime.enabled || fenced || !open
    })
}

fn is_strict(admission: &Admission) -> bool {
    match admission {
        Admission::Unavailable(_) => true,
        Admission::Available(policies) => policies
            .iter()
            .any(|facts| facts.policy == Policy::CreationGate && facts.armed == Armed::Strict),
    }
}

/// The VMRuntime object. Read without a type first: an object without a spec is a disabled one.
pub(super) async fn runtime(client: &Client) -> Result<Option<RuntimeFacts>, Failure> {
    let doing = "read vmruntime";
    let resource = kube::core::ApiResource::erase::<VMRuntime>(&());
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let Some(mut object) = api.get_opt(name::VMRUNTIME).await.doing(doing)? else {
        return Ok(None);
    };
    for field in ["spec", "status"] {
        if object.data[field].is_null() {
            object.data[field] = serde_json::json!({});
        }
    }
    let runtime: VMRuntime = object.try_parse().map_err(|error| {
        Failure::new(
            Kind::Other,
            Reason::Unreadable,
            format!("could not {doing}"),
        )
        .caused_by(error.to_string())
    })?;
    Ok(Some(runtime_facts(&runtime)))
}

fn runtime_facts(runtime: &VMRuntime) -> RuntimeFacts {
    let metadata = &runtime.metadata;
    let annotations = metadata.annotations.as_ref();
    RuntimeFacts {
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        enabled: runtime.spec.enabled && metadata.deletion_timestamp.is_none(),
        use_emulation: runtime.spec.use_emulation,
        force: Force(ForceAnnotation::read(annotations)),
        fence_until: annotations
            .and_then(|annotations| annotations.get(name::CREATION_FENCE_UNTIL))
            .and_then(|text| text.parse().ok()),
        status: runtime.status.clone().unwrap_or_default(),
    }
}

async fn system_namespace(client: &Client) -> Result<bool, Failure> {
    let api: Api<Namespace> = Api::all(client.clone());
    let found = api
        .get_metadata_opt(name::SYSTEM_NAMESPACE)
        .await
        .doing("read the system namespace")?;
    Ok(found.is_some())
}

/// A list that cannot be read is not an empty one.
async fn workloads(client: &Client) -> Workloads {
    match inventory::take(client, &Retry::once()).await {
        Ok(inventory) => Workloads::Known(inventory),
        Err(failure) => Workloads::Unknown(failure.to_string()),
    }
}

/// While enabled, VMs are only counted, and not at every event: counting may take a twentieth of the time, however many
/// there are. Nothing of the list is kept.
async fn counted(client: &Client, before: Option<Count>, now: Timestamp) -> Workloads {
    const SHARE: u32 = 20;
    if let Some(count) = before.filter(|count| count.until > now) {
        return Workloads::Counted(Count {
            stale: true,
            ..count
        });
    }
    let began = Instant::now();
    let listed = workloads(client).await;
    let Workloads::Known(inventory) = listed else {
        return listed;
    };
    let pause = began.elapsed() * SHARE;
    let stuck = inventory
        .machines
        .iter()
        .filter(|machine| is_stuck(machine, now));
    Workloads::Counted(Count {
        machines: inventory.count(),
        stuck: stuck.count(),
        until: now.checked_add(pause).unwrap_or(now),
        stale: false,
    })
}

/// Would disks die with CDI? What cannot be determined counts as a disk.
async fn disks(client: &Client, workloads: &Workloads) -> Disks {
    let listed = match workloads {
        Workloads::Known(Inventory { disks, .. }) => !disks.is_empty(),
        Workloads::Unknown(_) | Workloads::Counted(_) => true,
    };
    if listed {
        return Disks::Kept;
    }
    let claims: Api<PersistentVolumeClaim> = Api::all(client.clone());
    let of_cdi = ListParams::default().labels(CDI_CLAIMS);
    match list::is_any(&claims, &of_cdi, &Retry::once(), "list the disks' claims").await {
        Ok(false) => Disks::None,
        Ok(true) => Disks::Kept,
        Err(error) => {
            tracing::warn!(%error, "could not list the disks' claims: CDI stays");
            Disks::Kept
        }
    }
}

/// Which objects of the engine manifests are there, and ours.
async fn leftovers(
    client: &Client,
    manifests: Option<&EngineManifests>,
    disks: Disks,
    engine: &EngineFacts,
    memory: &Memory,
) -> Result<Manifests, Failure> {
    let Some(manifests) = manifests else {
        return Ok(Manifests::NotGiven);
    };
    if memory.manifests_gone && engine.operator.is_none() {
        return Ok(Manifests::Gone);
    }
    let left = release::left(client, manifests, disks).await?;
    Ok(if left.is_empty() {
        Manifests::Gone
    } else {
        Manifests::Present(left)
    })
}
