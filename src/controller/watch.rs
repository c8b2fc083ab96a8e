//! Hears that something changed. What exactly does not matter: every round looks at everything.
//!
//! Watches reconnect for ever, with a backoff. A kind that is not served is waited for through the definitions.

mod predicate;
mod trigger;

use std::{fmt::Debug, time::Duration};

use futures::{Stream, StreamExt, pin_mut, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Resource,
    core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        reflector::{self, Store},
        utils::Backoff,
        watcher,
        watcher::DefaultBackoff,
    },
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use self::predicate::{
    Known, Predicate, any_change, every_version, handler_change, node_change, workload_change,
};
pub(super) use self::trigger::{Listener, Trigger};
use super::{engine, observe::Caches};
use crate::{
    api::{
        VMRuntime, VMRuntimePreflightCheck, engine as engine_names,
        kubernetes::{Deployment, Node, Pod},
        name,
        workload::WORKLOAD_KINDS,
    },
    cluster::{
        discovery::{self, Sought},
        list::MOST_OBJECTS,
        retry::Retry,
    },
    failure::UnexpectedAnswer,
};

/// The most objects of a kind that are kept at hand: Kubernetes is made for 5,000 nodes.
const MOST_KEPT: usize = 20_000;

/// Between two tries of a watch: an API server that is away for long is not asked so seldom that it is back unnoticed.
#[derive(Default)]
struct Pauses(DefaultBackoff);

impl Pauses {
    const LONGEST: Duration = Duration::from_secs(4);
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(Self::LONGEST))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Starts all watches. They end when the set is dropped. Probe pods have a trigger of their own: they come and go by the
/// thousand, and concern only whoever made them. `place` is the engine's namespace, if it has one of its own.
pub(super) fn start(
    client: &Client,
    place: Option<&str>,
    trigger: &Trigger,
    probes_trigger: &Trigger,
    tasks: &mut JoinSet<()>,
) -> Caches {
    let everything = watcher::Config::default();
    let system = name::SYSTEM_NAMESPACE;
    let labelled = |selector: &str| watcher::Config::default().labels(selector);
    let probes = labelled(name::PREFLIGHT_CHECK_LABEL);
    let handlers = labelled(&format!(
        "{}={}",
        engine_names::COMPONENT_LABEL,
        engine_names::VIRT_HANDLER
    ));
    let definitions = Trigger::new();
    let nodes = Api::<Node>::all(client.clone());
    let checks = Api::<VMRuntimePreflightCheck>::namespaced(client.clone(), system);
    let pods = engine::somewhere::<Pod>(client, place);
    let system_pods = Api::<Pod>::namespaced(client.clone(), system);
    let caches = Caches {
        nodes: keep(nodes, everything.clone(), node_change, trigger, tasks),
        checks: keep(checks, everything.clone(), every_version, trigger, tasks),
        handlers: keep(pods, handlers, handler_change, trigger, tasks),
        probe_pods: keep(system_pods, probes, every_version, probes_trigger, tasks),
    };
    let components = labelled(engine_names::COMPONENT_LABEL);
    for (resource, place, config, triggers) in [
        (
            ApiResource::erase::<VMRuntime>(&()),
            None,
            everything.clone(),
            vec![trigger.clone()],
        ),
        (
            ApiResource::erase::<Deployment>(&()),
            place,
            components,
            vec![trigger.clone()],
        ),
        (
            ApiResource::erase::<CustomResourceDefinition>(&()),
            None,
            everything,
            vec![trigger.clone(), definitions.clone()],
        ),
    ] {
        let api = metadata(client, &resource, place);
        tasks.spawn(fire_on_change(api, resource.kind, config, triggers));
    }
    let engine = engine_kinds().map(|kind| Watched {
        place: place.filter(|_| kind.kind == "KubeVirt").map(str::to_owned),
        ..Watched::of(kind, any_change)
    });
    let workloads = workload_kinds().map(|kind| Watched::of(kind, workload_change));
    let gates = gate_kinds().map(|kind| Watched {
        config: labelled(&format!("{}={}", name::MANAGED_BY, name::MANAGER)),
        ..Watched::of(kind, any_change)
    });
    for watched in engine.chain(workloads).chain(gates) {
        let watch = fire_once_served(
            client.clone(),
            watched,
            trigger.clone(),
            definitions.listen(),
        );
        tasks.spawn(watch);
    }
    caches
}

/// A kind that may not be served.
struct Watched {
    kind: GroupVersionKind,
    place: Option<String>,
    config: watcher::Config,
    predicate: Predicate,
}

impl Watched {
    /// All of that kind, wherever they are.
    fn of(kind: GroupVersionKind, predicate: Predicate) -> Self {
        Self {
            kind,
            place: None,
            config: watcher::Config::default(),
            predicate,
        }
    }
}

fn engine_kinds() -> impl Iterator<Item = GroupVersionKind> {
    [engine::kubevirt(), engine::cdi()]
        .into_iter()
        .map(|resource| GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind))
}

/// What keeps VMs from being created before they may be; a cluster before 1.30 has none.
fn gate_kinds() -> impl Iterator<Item = GroupVersionKind> {
    [
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]
    .into_iter()
    .map(|kind| GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind))
}

fn workload_kinds() -> impl Iterator<Item = GroupVersionKind> {
    WORKLOAD_KINDS
        .into_iter()
        .map(|kind| GroupVersionKind::gvk(kind.group, kind.version, kind.kind))
}

/// Keeps all objects at hand, and fires when one comes, goes, or changes in what `predicate`
/// looks at.
fn keep<K, N>(
    api: Api<K>,
    config: watcher::Config,
    predicate: fn(&K) -> N,
    trigger: &Trigger,
    tasks: &mut JoinSet<()>,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    N: PartialEq + Send + 'static,
{
    let (store, writer) = reflector::store();
    let trigger = trigger.clone();
    tasks.spawn(async move {
        let mut known = Known::default();
        let stream = watching(api, config, MOST_KEPT)
            .modify(|object| object.meta_mut().managed_fields = None)
            .backoff(Pauses::default())
            .reflect(writer);
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            log_failed_watch(&K::kind(&()), &event);
            if known.has_changed(&event, predicate) {
                trigger.fire();
            }
        }
    });
    store
}

/// The metadata of all objects of a kind, there or everywhere.
fn metadata(
    client: &Client,
    resource: &ApiResource,
    place: Option<&str>,
) -> Api<PartialObjectMeta<DynamicObject>> {
    match place {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// Fires with each change, and keeps nothing.
async fn fire_on_change(
    api: Api<PartialObjectMeta<DynamicObject>>,
    kind: String,
    config: watcher::Config,
    triggers: Vec<Trigger>,
) {
    let stream = watching(api, config, MOST_OBJECTS).backoff(Pauses::default());
    pin_mut!(stream);
    while let Some(event) = stream.next().await {
        log_failed_watch(&kind, &event);
        for trigger in &triggers {
            trigger.fire();
        }
    }
}

/// The same for a kind that may come and go with its definition.
async fn fire_once_served(
    client: Client,
    watched: Watched,
    trigger: Trigger,
    mut definitions: Listener,
) {
    let kind = &watched.kind;
    let mut pauses = Pauses::default();
    loop {
        let sought = Sought::Kind(&kind.kind);
        match discovery::find(&client, &Retry::once(), &kind.group, sought).await {
            Ok(Some(served)) => {
                hear_while_served(&client, &watched, &served.resource, &trigger).await;
            }
            Ok(None) => {
                definitions.fired().await;
                continue;
            }
            Err(error) => tracing::debug!(%error, kind = kind.kind, "could not ask for a kind"),
        }
        // No definition tells when it can be asked again, or that what is listed is served as well.
        tokio::time::sleep(pauses.next().unwrap_or(Pauses::LONGEST)).await;
    }
}

async fn hear_while_served(
    client: &Client,
    watched: &Watched,
    resource: &ApiResource,
    trigger: &Trigger,
) {
    let api = metadata(client, resource, watched.place.as_deref());
    let config = watched.config.clone();
    let stream = watching(api, config, MOST_OBJECTS).backoff(Pauses::default());
    pin_mut!(stream);
    let mut known = Known::default();
    while let Some(event) = stream.next().await {
        log_failed_watch(&watched.kind.kind, &event);
        if known.has_changed(&event, watched.predicate) {
            trigger.fire();
        }
        if event.is_err_and(|error| is_not_served(&error)) {
            trigger.fire();
            return;
        }
    }
}

/// kube's watcher, which begins anew where a list does not end after so many objects: it would ask for page after page.
fn watching<K>(
    api: Api<K>,
    config: watcher::Config,
    most: usize,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let begin = move || watcher(api.clone(), config.clone()).boxed();
    stream::unfold((begin(), 0), move |(mut events, listed)| {
        let begin = begin.clone();
        async move {
            let event = events.next().await?;
            let listed = match &event {
                Ok(watcher::Event::Init) => 0,
                Ok(watcher::Event::InitApply(_)) => listed + 1,
                Ok(_) | Err(_) => listed,
            };
            if listed <= most {
                return Some((event, (events, listed)));
            }
            let endless = format!("one that has not ended after {most} objects");
            let error = UnexpectedAnswer::new("a list", endless).into();
            Some((Err(watcher::Error::InitialListFailed(error)), (begin(), 0)))
        }
    })
}

fn is_not_served(error: &watcher::Error) -> bool {
    let cause = match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => cause,
        watcher::Error::WatchError(status) => return status.code == 404,
        watcher::Error::NoResourceVersion => return false,
    };
    matches!(cause, kube::Error::Api(status) if status.code == 404)
}

fn log_failed_watch<T>(kind: &str, event: &Result<T, watcher::Error>) {
    if let Err(error) = event {
        tracing::debug!(%error, kind, "a watch failed and is made again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_server_that_comes_back_is_noticed_within_seconds() {
        let mut pauses = Pauses::default();
        assert!(pauses.next().is_some_and(|first| first < Pauses::LONGEST));
        assert!(pauses.take(20).all(|pause| pause <= Pauses::LONGEST));
        assert!(Pauses::LONGEST < Duration::from_secs(5));
    }
}
