//! Hears that something changed. What exactly does not matter: every round looks at everything.
//!
//! Watches reconnect for ever, with a backoff. A kind that is not served is waited for through the definitions.

use std::{
    collections::HashMap,
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use futures::{StreamExt, future::select_all, pin_mut};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Node, Pod, PodSpec},
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
        nodes: keep(nodes, everything.clone(), node_news, slim_node, bell, tasks),
        checks: keep(
            checks,
            everything.clone(),
            every_version,
            whole,
            bell,
            tasks,
        ),
        handlers: keep(pods, handlers, handler_news, slim_handler, bell, tasks),
        probe_pods: keep(
            system_pods,
            probes,
            every_version,
            whole,
            probes_bell,
            tasks,
        ),
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
    let engine = engine_kinds().map(|kind| (kind, any_news as News));
    let workloads = workload_kinds().map(|kind| (kind, workload_news as News));
    for (kind, news) in engine.chain(workloads) {
        let place = place.filter(|_| kind.kind == "KubeVirt").map(str::to_owned);
        let watched = Watched { kind, place, news };
        let heard = hear_once_served(client.clone(), watched, bell.clone(), definitions.listen());
        tasks.spawn(heard);
    }
    caches
}

/// A kind that may not be served.
struct Watched {
    kind: GroupVersionKind,
    place: Option<String>,
    news: News,
}

/// What is new about an object of which nothing else is kept.
type News = fn(&PartialObjectMeta<DynamicObject>) -> u64;

fn engine_kinds() -> impl Iterator<Item = GroupVersionKind> {
    [engine::kubevirt(), engine::cdi()]
        .into_iter()
        .map(|resource| GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind))
}

fn workload_kinds() -> impl Iterator<Item = GroupVersionKind> {
    WORKLOAD_KINDS
        .into_iter()
        .map(|kind| GroupVersionKind::gvk(kind.group, kind.version, kind.kind))
}

/// Every change is news.
fn any_news(object: &PartialObjectMeta<DynamicObject>) -> u64 {
    hash(object.metadata.resource_version.as_ref())
}

/// That it has come, that it is going and that it is gone: VMs report about themselves all the time.
fn workload_news(object: &PartialObjectMeta<DynamicObject>) -> u64 {
    u64::from(object.metadata.deletion_timestamp.is_some())
}

/// There may be hundreds of thousands of objects: a number stands for each.
fn hash(text: Option<&String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
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

/// Nothing of it can be left out.
fn whole<K>(_: &mut K) {}

/// What the controller never looks at, images first, is most of a node.
fn slim_node(node: &mut Node) {
    if let Some(status) = &mut node.status {
        status.images = None;
        status.addresses = None;
        status.capacity = None;
        status.allocatable = None;
        status.volumes_attached = None;
        status.volumes_in_use = None;
    }
}

/// Of virt-handler it is enough to know where it is and whether it is ready.
fn slim_handler(pod: &mut Pod) {
    pod.metadata.annotations = None;
    if let Some(spec) = &mut pod.spec {
        *spec = PodSpec {
            node_name: spec.node_name.take(),
            ..PodSpec::default()
        };
    }
    if let Some(status) = &mut pod.status {
        status.container_statuses = None;
        status.init_container_statuses = None;
    }
}

/// Every change is news.
fn every_version<K: Resource>(object: &K) -> Option<String> {
    object.meta().resource_version.clone()
}

/// Keeps all objects at hand, without what `slim` takes off, and rings when one comes, goes, or changes in what `news`
/// looks at.
fn keep<K, N>(
    api: Api<K>,
    config: watcher::Config,
    news: fn(&K) -> N,
    slim: fn(&mut K),
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
            .modify(move |object| {
                object.meta_mut().managed_fields = None;
                slim(object);
            })
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
async fn hear_once_served(client: Client, watched: Watched, bell: Bell, mut definitions: Listener) {
    let kind = &watched.kind;
    loop {
        let Some(resource) = served(&client, kind).await else {
            definitions.rang().await;
            continue;
        };
        let api: Api<PartialObjectMeta<DynamicObject>> = match &watched.place {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let stream = watcher(api, watcher::Config::default()).backoff(Pauses::default());
        pin_mut!(stream);
        let mut known = Known::default();
        while let Some(event) = stream.next().await {
            told(&kind.kind, &event);
            if known.is_news(&event, watched.news) {
                bell.ring();
            }
            if event.is_err_and(|error| is_not_served(&error)) {
                break;
            }
        }
    }
}

/// What was heard last of each object.
#[derive(Default)]
struct Known(HashMap<u64, u64>);

impl Known {
    fn is_news(
        &mut self,
        event: &Result<watcher::Event<PartialObjectMeta<DynamicObject>>, watcher::Error>,
        news: News,
    ) -> bool {
        match event {
            Ok(watcher::Event::Apply(object)) => {
                let now = news(object);
                self.0.insert(hash(object.metadata.uid.as_ref()), now) != Some(now)
            }
            Ok(watcher::Event::Delete(object)) => {
                self.0.remove(&hash(object.metadata.uid.as_ref()));
                true
            }
            Ok(watcher::Event::Init) => {
                self.0.clear();
                false
            }
            Ok(watcher::Event::InitApply(object)) => {
                self.0
                    .insert(hash(object.metadata.uid.as_ref()), news(object));
                false
            }
            Ok(watcher::Event::InitDone) => true,
            Err(error) => is_not_served(error),
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
    use serde_json::json;

    use super::*;

    fn machine(uid: &str, version: &str, going: bool) -> PartialObjectMeta<DynamicObject> {
        let going = going.then_some("2026-11-23T08:00:00Z");
        serde_json::from_value(json!({"metadata": {
            "name": "vm", "uid": uid, "resourceVersion": version, "deletionTimestamp": going,
        }}))
        .unwrap()
    }

    #[test]
    fn what_a_machine_reports_of_itself_is_no_news() {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let mut known = Known::default();
        for (event, news) in [
            (Init, false),
            (InitApply(machine("a", "1", false)), false),
            (InitDone, true),
            (Apply(machine("a", "2", false)), false),
            (Apply(machine("b", "3", false)), true),
            (Apply(machine("a", "4", true)), true),
            (Apply(machine("a", "5", true)), false),
            (Delete(machine("a", "6", true)), true),
            (Apply(machine("a", "7", false)), true),
        ] {
            let heard = format!("{event:?}");
            assert_eq!(known.is_news(&Ok(event), workload_news), news, "{heard}");
        }
        let engine = Ok(Apply(machine("k", "1", false)));
        assert!(known.is_news(&engine, any_news));
        assert!(!known.is_news(&engine, any_news));
        assert!(known.is_news(&Ok(Apply(machine("k", "2", false))), any_news));
    }

    #[test]
    fn what_is_left_of_a_node_says_the_same() {
        let mut node: Node = serde_json::from_value(json!({
            "metadata": {"name": "n1", "labels": {"kubernetes.io/os": "linux"}},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {
                    "kubeletVersion": "v1.36.0", "operatingSystem": "linux", "architecture": "amd64",
                    "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                    "kubeProxyVersion": "", "machineID": "", "osImage": "", "systemUUID": "",
                },
                "images": [{"names": ["a"], "sizeBytes": 1}],
            },
        }))
        .unwrap();
        let before = observe::node_facts(&node);
        slim_node(&mut node);
        assert_eq!(observe::node_facts(&node), before);
        assert!(node.status.unwrap().images.is_none());
    }

    #[test]
    fn an_api_server_that_comes_back_is_noticed_within_seconds() {
        let mut pauses = Pauses::default();
        assert!(pauses.next().is_some_and(|first| first < Pauses::LONGEST));
        assert!(pauses.take(20).all(|pause| pause <= Pauses::LONGEST));
        assert!(Pauses::LONGEST < Duration::from_secs(5));
    }
}
