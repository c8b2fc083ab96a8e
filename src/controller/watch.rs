//! Hears that something changed. What exactly does not matter: every round looks at everything.
//!
//! Watches reconnect for ever, with a backoff. A kind that is not served is waited for through the definitions.

use std::{collections::HashMap, fmt::Debug, time::Duration};

use futures::{StreamExt, future::select_all, pin_mut};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Node, Pod},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource,
    core::{DynamicObject, GroupVersionKind, PartialObjectMeta},
    discovery,
    runtime::{
        WatchStreamExt,
        reflector::{self, Store},
        utils::Backoff,
        watcher,
        watcher::DefaultBackoff,
    },
};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinSet};

use super::{
    engine,
    observe::{self, Caches},
};
use crate::{
    api::{
        VMRuntime, VMRuntimePreflightCheck, engine as engine_names, name, workload::WORKLOAD_KINDS,
    },
    runtime::preflight::NodeFacts,
};

/// Rings when something changed. Rings that nobody has heard yet are one.
#[derive(Clone)]
pub(super) struct Bell(watch::Sender<()>);

/// Hears one [`Bell`] or more.
pub(super) struct Listener(Vec<watch::Receiver<()>>);

impl Bell {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(super) fn ring(&self) {
        self.0.send_modify(|()| ());
    }

    pub(super) fn listen(&self) -> Listener {
        Listener(vec![self.0.subscribe()])
    }
}

impl Listener {
    /// Hears that one too.
    pub(super) fn and(mut self, bell: &Bell) -> Self {
        self.0.push(bell.0.subscribe());
        self
    }

    /// Returns at once if one of them rang since the last time.
    pub(super) async fn rang(&mut self) {
        let all = self.0.iter_mut().map(|bell| Box::pin(bell.changed()));
        if select_all(all).await.0.is_err() {
            // Nobody can ring any more; a timer or the shutdown goes on.
            std::future::pending::<()>().await;
        }
    }
}

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

/// Starts all watches. They end when the set is dropped. Probe pods have a bell of their own: they come and go by the
/// thousand, and concern only whoever made them. `place` is the engine's namespace, if it has one of its own.
pub(super) fn start(
    client: &Client,
    place: Option<&str>,
    bell: &Bell,
    probes_bell: &Bell,
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
    let definitions = Bell::new();
    let nodes = Api::<Node>::all(client.clone());
    let checks = Api::<VMRuntimePreflightCheck>::namespaced(client.clone(), system);
    let pods = engine::somewhere::<Pod>(client, place);
    let system_pods = Api::<Pod>::namespaced(client.clone(), system);
    let caches = Caches {
        nodes: keep(nodes, everything.clone(), node_news, bell, tasks),
        checks: keep(checks, everything.clone(), every_version, bell, tasks),
        handlers: keep(pods, handlers, handler_news, bell, tasks),
        probe_pods: keep(system_pods, probes, every_version, probes_bell, tasks),
    };
    tasks.spawn(hear(
        Api::<PartialObjectMeta<VMRuntime>>::all(client.clone()),
        everything.clone(),
        vec![bell.clone()],
    ));
    tasks.spawn(hear(
        engine::somewhere::<PartialObjectMeta<Deployment>>(client, place),
        labelled(engine_names::COMPONENT_LABEL),
        vec![bell.clone()],
    ));
    tasks.spawn(hear(
        Api::<PartialObjectMeta<CustomResourceDefinition>>::all(client.clone()),
        everything,
        vec![bell.clone(), definitions.clone()],
    ));
    for kind in engine_kinds() {
        let place = place.filter(|_| kind.kind == "KubeVirt").map(str::to_owned);
        let heard = hear_once_served(
            client.clone(),
            kind,
            place,
            bell.clone(),
            definitions.listen(),
        );
        tasks.spawn(heard);
    }
    caches
}

/// The kinds that may not be served: the engine's own, and all kinds of VMs and disks.
fn engine_kinds() -> Vec<GroupVersionKind> {
    let resources = [engine::kubevirt(), engine::cdi()];
    let engine = resources
        .into_iter()
        .map(|resource| GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind));
    let workloads = WORKLOAD_KINDS
        .into_iter()
        .map(|kind| GroupVersionKind::gvk(kind.group, kind.version, kind.kind));
    engine.chain(workloads).collect()
}

/// What is new about a node: its kubelet reports every few minutes, and mostly the same.
fn node_news(node: &Node) -> Option<NodeFacts> {
    observe::node_facts(node)
}

/// What is new about a virt-handler pod.
fn handler_news(pod: &Pod) -> (bool, bool) {
    let going = pod.metadata.deletion_timestamp.is_some();
    (engine::is_ready(pod), going)
}

/// Every change is news.
fn every_version<K: Resource>(object: &K) -> Option<String> {
    object.meta().resource_version.clone()
}

/// Keeps all objects at hand, and rings when one comes, goes, or changes in what `news` looks at.
fn keep<K, N>(
    api: Api<K>,
    config: watcher::Config,
    news: fn(&K) -> N,
    bell: &Bell,
    tasks: &mut JoinSet<()>,
) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    N: PartialEq + Send + 'static,
{
    let (store, writer) = reflector::store();
    let bell = bell.clone();
    tasks.spawn(async move {
        let mut known: HashMap<Option<String>, N> = HashMap::new();
        let stream = watcher(api, config)
            .modify(|object| object.meta_mut().managed_fields = None)
            .backoff(Pauses::default())
            .reflect(writer);
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            told(&K::kind(&()), &event);
            let is_news = match &event {
                Ok(watcher::Event::Apply(object)) => {
                    let now = news(object);
                    let uid = object.meta().uid.clone();
                    let changed = known.get(&uid) != Some(&now);
                    known.insert(uid, now);
                    changed
                }
                Ok(watcher::Event::Delete(object)) => {
                    known.remove(&object.meta().uid);
                    true
                }
                Ok(watcher::Event::Init) => {
                    known.clear();
                    false
                }
                Ok(watcher::Event::InitApply(object)) => {
                    known.insert(object.meta().uid.clone(), news(object));
                    false
                }
                Ok(watcher::Event::InitDone) => true,
                Err(_) => false,
            };
            if is_news {
                bell.ring();
            }
        }
    });
    store
}

/// Rings with each change, and keeps nothing.
async fn hear<K>(api: Api<K>, config: watcher::Config, bells: Vec<Bell>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let stream = watcher(api, config).backoff(Pauses::default());
    pin_mut!(stream);
    while let Some(event) = stream.next().await {
        told(&K::kind(&()), &event);
        for bell in &bells {
            bell.ring();
        }
    }
}

/// The same for a kind that may come and go with its definition.
async fn hear_once_served(
    client: Client,
    kind: GroupVersionKind,
    place: Option<String>,
    bell: Bell,
    mut definitions: Listener,
) {
    loop {
        let Some(resource) = served(&client, &kind).await else {
            definitions.rang().await;
            continue;
        };
        let api: Api<PartialObjectMeta<DynamicObject>> = match &place {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let stream = watcher(api, watcher::Config::default()).backoff(Pauses::default());
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            told(&kind.kind, &event);
            bell.ring();
            if event.is_err_and(|error| is_not_served(&error)) {
                break;
            }
        }
    }
}

/// The kind in the version that the cluster prefers, if it serves it at all.
async fn served(client: &Client, kind: &GroupVersionKind) -> Option<kube::core::ApiResource> {
    match discovery::group(client, &kind.group).await {
        Ok(group) => group
            .recommended_kind(&kind.kind)
            .map(|(resource, _)| resource),
        Err(error) => {
            tracing::debug!(%error, kind = kind.kind, "not served");
            None
        }
    }
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

fn told<T>(kind: &str, event: &Result<T, watcher::Error>) {
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
