//! Reads what is around an object that does not go. Only lists by name: whoever may list a kind can ask, and a kind that
//! is not served is an object that is gone. What cannot be read becomes a value that says so.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Explainer, Leaving, deleting_since,
    finalizer::{By, CDI_DEPLOYMENT, CDI_OPERATOR, Component, VIRT_OPERATOR, Worker, worker},
    pod::{self, PodFailure, Why},
};
use crate::{
    api::{
        Condition, engine,
        kubernetes::{Deployment, Node, Pod},
        name,
        text::shortened,
    },
    cluster::{discovery, event::ObjectName, list, retry::Retry},
    failure,
};

/// What is done here, for whoever words a refusal.
const LOOK: &str = "look";

/// Everything that an explanation is made of.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub object: ObjectName,
    pub kind: String,
    pub deleting_since: Option<Timestamp>,
    pub finalizers: Vec<String>,
    pub conditions: Vec<Condition>,
    /// Who has to act, each once, and how they are.
    pub workers: Vec<(Worker, State)>,
    pub place: Option<Place>,
    pub webhook: Option<String>,
    /// Definitions that are being deleted meanwhile, and what they say: an operator waits for them.
    pub definitions: Vec<(String, Vec<Condition>)>,
}

/// How a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was not looked, or there is nothing to look at.
    NotLooked,
    Pods {
        namespace: String,
        wanted: i32,
        available: i32,
        /// Labels of its pods, as kubectl takes them.
        selector: String,
        /// What is wrong with one of them, in words, and the node, if that is why.
        pod_failure: Option<(String, Option<Place>)>,
    },
    NotInstalled,
    Unreadable(String),
}

/// Where an object runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub node: String,
    pub state: NodeState,
    /// The pods in which it runs, as far as they are known.
    pub pods: Vec<ObjectName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeState {
    Ready,
    NotReady {
        since: Option<Timestamp>,
        why: String,
    },
    Gone,
    Unreadable(String),
}

impl Facts {
    /// What was known before.
    pub fn of(leaving: &Leaving) -> Self {
        Self {
            object: leaving.object.clone(),
            kind: leaving.resource.kind.clone(),
            deleting_since: leaving.deleting_since,
            finalizers: leaving.finalizers.clone(),
            conditions: Vec::new(),
            workers: workers(&leaving.finalizers)
                .into_iter()
                .map(|worker| (worker, State::NotLooked))
                .collect(),
            place: None,
            webhook: None,
            definitions: Vec::new(),
        }
    }
}

/// In the order of the finalizers.
fn workers(finalizers: &[String]) -> Vec<Worker> {
    let mut known = BTreeSet::new();
    finalizers
        .iter()
        .map(|finalizer| worker(finalizer))
        .filter(|worker| known.insert(worker.clone()))
        .collect()
}

/// `None`: it is gone by now.
pub(super) async fn read(explainer: &Explainer<'_>, leaving: &Leaving) -> Option<Facts> {
    let mut facts = Facts::of(leaving);
    let api: Api<DynamicObject> = api(explainer, &leaving.resource, leaving.namespace());
    let object = match one(&api, &leaving.object.name).await {
        Ok(found) => Some(found.filter(|found| found.metadata.uid.as_ref() == Some(&leaving.uid))?),
        // It is explained by what was known before.
        Err(_) => None,
    };
    if let Some(object) = &object {
        facts.deleting_since = deleting_since(&object.metadata).or(facts.deleting_since);
        facts.finalizers = finalizers(object);
        facts.conditions = conditions(&object.data);
    }
    let workers = workers(&facts.finalizers).into_iter();
    let workers = join_all(workers.map(|worker| state(explainer, leaving, worker)));
    let (workers, place, webhook, definitions) = futures::join!(
        workers,
        place(explainer, leaving, object.as_ref()),
        failing_webhook(explainer, leaving),
        definitions(explainer, leaving),
    );
    facts.workers = workers;
    facts.place = place;
    facts.webhook = webhook;
    facts.definitions = definitions;
    Some(facts)
}

impl Leaving {
    fn namespace(&self) -> Option<&str> {
        self.object.namespace.as_deref()
    }

    fn is(&self, group: &str, kind: &str) -> bool {
        self.resource.group == group && self.resource.kind == kind
    }
}

fn api(
    explainer: &Explainer<'_>,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    let client = explainer.client.clone();
    match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, resource),
        None => Api::all_with(client, resource),
    }
}

/// The one of that name; an error in the words of whoever refused.
async fn one<K>(api: &Api<K>, name: &str) -> Result<Option<K>, String>
where
    K: Clone + DeserializeOwned + std::fmt::Debug + Resource,
{
    let named = ListParams::default().fields(&format!("metadata.name={name}"));
    let listed = list::objects(api, &named, &Retry::once(), LOOK).await;
    match discovery::if_served(listed) {
        Ok(found) => Ok(found.and_then(|found| found.into_iter().next())),
        Err(error) => Err(words(&error)),
    }
}

fn words(error: &kube::Error) -> String {
    shortened(failure::from_kube(error, LOOK).root_cause().to_owned())
}

/// A namespace has finalizers of its own beside those of its metadata.
fn finalizers(object: &DynamicObject) -> Vec<String> {
    let own = object
        .data
        .pointer("/spec/finalizers")
        .and_then(Value::as_array);
    let own = own.into_iter().flatten().filter_map(Value::as_str);
    let all = object.finalizers().iter().cloned();
    all.chain(own.map(str::to_owned)).collect()
}

fn conditions(data: &Value) -> Vec<Condition> {
    let all = data
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    all.filter_map(|raw| serde_json::from_value(raw.clone()).ok())
        .collect()
}

async fn state(explainer: &Explainer<'_>, leaving: &Leaving, worker: Worker) -> (Worker, State) {
    let found = match &worker {
        Worker::Engine(component) => component_state(explainer, leaving, *component).await,
        // Whoever asks is there.
        Worker::Controller if !explainer.tries => State::NotLooked,
        Worker::Controller => {
            let client = explainer.client.clone();
            let api = Api::namespaced(client, name::SYSTEM_NAMESPACE);
            match one(&api, name::CONTROLLER_DEPLOYMENT).await {
                Ok(found) => deployment_state(found),
                Err(why) => State::Unreadable(why),
            }
        }
        Worker::Bmctl
        | Worker::Collector
        | Worker::Namespaces
        | Worker::Definitions
        | Worker::Somebody(_) => State::NotLooked,
    };
    (worker, with_trouble(explainer, found).await)
}

async fn component_state(
    explainer: &Explainer<'_>,
    leaving: &Leaving,
    component: Component,
) -> State {
    let of_cdi = component == CDI_OPERATOR || component == CDI_DEPLOYMENT;
    let client = explainer.client.clone();
    let api: Api<Deployment> = match (explainer.place, leaving.namespace()) {
        (Some(place), _) if of_cdi => {
            return State::Unreadable(format!("only namespace {place} is looked into"));
        }
        (Some(place), _) => Api::namespaced(client, place),
        // KubeVirt's operator acts on objects of its own namespace only.
        (None, Some(namespace)) if component == VIRT_OPERATOR => Api::namespaced(client, namespace),
        (None, _) => Api::all(client),
    };
    let found = match component.by {
        By::Label(label) => {
            let labelled = ListParams::default().labels(label);
            let listed = list::objects(&api, &labelled, &Retry::once(), LOOK).await;
            listed
                .map(|listed| listed.into_iter().next())
                .map_err(|error| words(&error))
        }
        By::Name => one(&api, component.name).await,
    };
    match found {
        Ok(found) => deployment_state(found),
        Err(why) => State::Unreadable(why),
    }
}

pub(super) fn deployment_state(found: Option<Deployment>) -> State {
    let Some(deployment) = found else {
        return State::NotInstalled;
    };
    let spec = deployment.spec.unwrap_or_default();
    let labels = spec.selector.match_labels.unwrap_or_default();
    let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
    let status = deployment.status.unwrap_or_default();
    State::Pods {
        namespace: deployment.metadata.namespace.unwrap_or_default(),
        // The API server's own default.
        wanted: spec.replicas.unwrap_or(1),
        available: status.available_replicas.unwrap_or(0),
        selector: labels.collect::<Vec<_>>().join(","),
        pod_failure: None,
    }
}

/// Where pods are missing, what is wrong with one.
pub(super) async fn with_trouble(explainer: &Explainer<'_>, mut state: State) -> State {
    /// One that says why is among the first.
    const LOOKED_AT: u32 = 20;
    if let State::Pods {
        namespace,
        wanted,
        available,
        selector,
        pod_failure,
    } = &mut state
        && available < wanted
        && !selector.is_empty()
    {
        let api: Api<Pod> = Api::namespaced(explainer.client.clone(), namespace);
        let theirs = ListParams::default().labels(selector).limit(LOOKED_AT);
        let pods = list::first(&api, &theirs, &Retry::once(), LOOK).await.ok();
        let found = pods.and_then(|pods| pod::failure(&pods));
        if let Some(PodFailure { pod, why }) = found {
            *pod_failure = match why {
                Why::Said(said) => Some((format!("{pod}: {said}"), None)),
                Why::OnNode(node) => {
                    let place = on_node(explainer, &node, Vec::new()).await;
                    Some((pod, place))
                }
            };
        }
    }
    state
}

/// Where a pod, an instance or the machine of an instance runs.
async fn place(
    explainer: &Explainer<'_>,
    leaving: &Leaving,
    object: Option<&DynamicObject>,
) -> Option<Place> {
    if leaving.is("", "Pod") {
        let node = object?.data.pointer("/spec/nodeName")?.as_str()?;
        let pods = vec![leaving.object.clone()];
        return on_node(explainer, node, pods).await;
    }
    let instance = if leaving.is(engine::KUBEVIRT_GROUP, "VirtualMachineInstance") {
        object?.clone()
    } else if leaving.resource.kind == "VirtualMachine" {
        // Those of the product make one of KubeVirt's, and that makes an instance, all of one name.
        let kind = GroupVersionKind::gvk(engine::KUBEVIRT_GROUP, "v1", "VirtualMachineInstance");
        let resource = ApiResource::from_gvk_with_plural(&kind, "virtualmachineinstances");
        let api = api(explainer, &resource, leaving.namespace());
        one(&api, &leaving.object.name).await.ok().flatten()?
    } else {
        return None;
    };
    let node = instance.data.pointer("/status/nodeName")?.as_str()?;
    let pods = launchers(explainer, &instance).await;
    on_node(explainer, node, pods).await
}

async fn launchers(explainer: &Explainer<'_>, instance: &DynamicObject) -> Vec<ObjectName> {
    let Some(namespace) = instance.namespace().filter(|_| explainer.place.is_none()) else {
        return Vec::new();
    };
    let api: Api<Pod> = Api::namespaced(explainer.client.clone(), &namespace);
    let uid = instance.uid().unwrap_or_default();
    let of_it = ListParams::default().labels(&format!("kubevirt.io/created-by={uid}"));
    let pods = list::metadata(&api, &of_it, &Retry::once(), LOOK).await;
    let pods = pods.unwrap_or_default();
    pods.iter().map(|pod| Leaving::pod(pod).object).collect()
}

/// `None` for what cannot be a node's name: the object says it, and people paste it.
async fn on_node(explainer: &Explainer<'_>, node: &str, pods: Vec<ObjectName>) -> Option<Place> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !node.starts_with(|c: char| c.is_ascii_alphanumeric()) || !node.chars().all(plain) {
        return None;
    }
    let api: Api<Node> = Api::all(explainer.client.clone());
    let state = match one(&api, node).await {
        Ok(Some(found)) => node_state(&found),
        Ok(None) => NodeState::Gone,
        Err(why) => NodeState::Unreadable(why),
    };
    Some(Place {
        node: node.to_owned(),
        state,
        pods,
    })
}

fn node_state(node: &Node) -> NodeState {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "Ready");
    match ready {
        Some(ready) if ready.status == "True" => NodeState::Ready,
        Some(ready) => {
            let why = [&ready.reason, &ready.message];
            let why: Vec<&str> = why.into_iter().flatten().map(String::as_str).collect();
            NodeState::NotReady {
                since: ready.last_transition_time.as_ref().map(|time| time.0),
                why: why.join(": "),
            }
        }
        None => NodeState::NotReady {
            since: None,
            why: "it has never reported".to_owned(),
        },
    }
}

/// Asks the API server whether it would take a change of the object, without making one: a webhook that fails keeps
/// whoever has to remove a finalizer from doing so, and is named in the answer.
async fn failing_webhook(explainer: &Explainer<'_>, leaving: &Leaving) -> Option<String> {
    if !explainer.tries || leaving.finalizers.is_empty() {
        return None;
    }
    let api = api(explainer, &leaving.resource, leaving.namespace());
    let nothing = Patch::Merge(json!({"metadata": {"uid": leaving.uid}}));
    let parameters = PatchParams {
        dry_run: true,
        field_manager: Some(name::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api
        .patch_metadata(&leaving.object.name, &parameters, &nothing)
        .await
    {
        Err(kube::Error::Api(status)) if status.message.contains("webhook") => {
            Some(shortened(status.message))
        }
        Ok(_) | Err(_) => None,
    }
}

/// An operator removes its definitions first, and the API server removes a definition after its objects.
async fn definitions(
    explainer: &Explainer<'_>,
    leaving: &Leaving,
) -> Vec<(String, Vec<Condition>)> {
    /// More of them say no more.
    const NAMED: usize = 2;
    let is_theirs: fn(&str) -> bool = if leaving.is(engine::KUBEVIRT_GROUP, "KubeVirt") {
        |name| name.ends_with(".kubevirt.io") && !name.ends_with(".cdi.kubevirt.io")
    } else if leaving.is(engine::CDI_GROUP, "CDI") {
        |name| name.ends_with(".cdi.kubevirt.io")
    } else {
        return Vec::new();
    };
    let api: Api<CustomResourceDefinition> = Api::all(explainer.client.clone());
    let all = list::metadata(&api, &ListParams::default(), &Retry::once(), LOOK).await;
    let going = all.unwrap_or_default().into_iter();
    let going = going
        .filter(|definition| definition.deletion_timestamp.is_some())
        .filter_map(|definition| definition.name.filter(|name| is_theirs(name)));
    let resource = ApiResource::erase::<CustomResourceDefinition>(&());
    let api = &self::api(explainer, &resource, None);
    let found = going
        .take(NAMED)
        .map(|name| async move { one(api, &name).await.ok().flatten() });
    let found = join_all(found).await;
    found
        .into_iter()
        .flatten()
        .map(|definition| (definition.name_any(), conditions(&definition.data)))
        .collect()
}
