//! Carries out steps with the API. Nothing is decided here.

use std::sync::Arc;

use anyhow::Context as _;
use http::{HeaderName, HeaderValue, Request};
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    client::Body,
    core::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    NodeProfile, NodeRunner,
    builder::object,
    cluster_state::{Fate, Key, Object, Read as _, this_second},
    kind::Kind,
    step::{Action, ServiceAccount, Target},
};

/// Requests that may be under way at a time, as many as a busy controller manager has.
const REQUESTS: usize = 64;

/// What came of an action.
pub enum Effect {
    /// The API server's answer: the object as it is now.
    Written(Kind, Object),
    /// What the runner said.
    Fate(Object, Fate),
}

/// Writes to the cluster on behalf of the components.
#[derive(Clone)]
pub struct Performer {
    client: Client,
    runner: Arc<dyn NodeRunner>,
    requests: Arc<Semaphore>,
}

impl Performer {
    pub fn new(client: Client, runner: Arc<dyn NodeRunner>) -> Self {
        Self {
            client,
            runner,
            requests: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    /// Carries out the actions in their order, until one fails. `node` is the machine that an asked pod is on.
    pub async fn perform(
        self,
        manager: &'static str,
        actions: Vec<Action>,
        node: Option<NodeProfile>,
    ) -> (Vec<Effect>, anyhow::Result<()>) {
        let mut effects = Vec::new();
        for action in actions {
            match self.one(manager, action, node.as_ref()).await {
                Ok(effect) => effects.extend(effect),
                Err(error) => return (effects, Err(error)),
            }
        }
        (effects, Ok(()))
    }

    async fn one(
        &self,
        manager: &'static str,
        action: Action,
        node: Option<&NodeProfile>,
    ) -> anyhow::Result<Option<Effect>> {
        if let Action::Ask { pod } = action {
            return self.ask(pod, node).await.map(Some);
        }
        let _permit = self.requests.acquire().await?;
        let written = match action {
            Action::Create {
                kind,
                object,
                author,
            } => self.create(manager, kind, &object, author).await?,
            Action::Status { of, patch } => {
                let (api, patch) = (self.api(&of.key), Patch::Merge(patch));
                let by = PatchParams::apply(manager);
                let answer = api.patch_status(&of.key.name, &by, &patch).await;
                present(answer)?.map(|object| (of.key.kind, object))
            }
            Action::Patch { of, patch } => self.patch(manager, of, patch).await?,
            // What a watch said of the owner may be old by now. Controllers of Kubernetes ask again before they adopt
            // as well: a dependent of an owner that is gone would be collected.
            Action::Adopt { owner, of, patch } => {
                if self.stays(&owner).await? {
                    self.patch(manager, of, patch).await?
                } else {
                    None
                }
            }
            Action::Delete { of, grace } => {
                self.delete(&of, grace).await?;
                None
            }
            Action::Bind { pod, node } => {
                self.bind(manager, &pod, &node).await?;
                None
            }
            Action::Tell {
                about,
                reason,
                message,
            } => {
                self.tell(manager, &about, reason, &message).await?;
                None
            }
            Action::Ask { .. } => unreachable!("handled above"),
        };
        Ok(written.map(|(kind, object)| Effect::Written(kind, Arc::new(object))))
    }

    async fn create(
        &self,
        manager: &'static str,
        kind: Kind,
        object: &DynamicObject,
        author: Option<ServiceAccount>,
    ) -> anyhow::Result<Option<(Kind, DynamicObject)>> {
        let client = match &author {
            Some(author) => act_as(&self.client, author)?,
            None => self.client.clone(),
        };
        let api = api(&client, &Key::of(kind, object));
        // What is there already the watch will tell.
        let created = unless_there(api.create(&by(manager), object).await)
            .with_context(|| format!("creating a {}", kind.name()))?;
        Ok(created.map(|created| (kind, created)))
    }

    async fn patch(
        &self,
        manager: &'static str,
        of: Target,
        patch: Value,
    ) -> anyhow::Result<Option<(Kind, DynamicObject)>> {
        let patch = Patch::Merge(with_uid(patch, &of));
        let by = PatchParams::apply(manager);
        let answer = self.api(&of.key).patch(&of.key.name, &by, &patch).await;
        Ok(present(answer)?.map(|object| (of.key.kind, object)))
    }

    /// Is it there, and nobody deletes it?
    async fn stays(&self, of: &Target) -> anyhow::Result<bool> {
        let found = self.api(&of.key).get_metadata_opt(&of.key.name).await?;
        Ok(found.is_some_and(|found| {
            let metadata = found.metadata;
            metadata.uid.as_ref() == Some(&of.uid) && metadata.deletion_timestamp.is_none()
        }))
    }

    async fn delete(&self, of: &Target, grace: Option<u32>) -> anyhow::Result<()> {
        let params = DeleteParams {
            grace_period_seconds: grace,
            preconditions: Some(Preconditions {
                uid: Some(of.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        present(self.api(&of.key).delete(&of.key.name, &params).await)?;
        Ok(())
    }

    async fn bind(&self, manager: &'static str, pod: &Target, node: &str) -> anyhow::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &pod.key.namespace);
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": pod.key.name, "namespace": pod.key.namespace, "uid": pod.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let name = &pod.key.name;
        let answer: kube::Result<Value> = pods
            .create_subresource("binding", name, &by(manager), &binding)
            .await;
        present(answer)?;
        Ok(())
    }

    async fn ask(&self, pod: Object, node: Option<&NodeProfile>) -> anyhow::Result<Effect> {
        let node = node.context("a pod was asked about that is on no known node")?;
        let arguments = arguments(&pod);
        let (runner, node) = (self.runner.clone(), node.clone());
        let exit = tokio::task::spawn_blocking(move || runner.run(&node, &arguments)).await?;
        Ok(Effect::Fate(pod, exit.map_or(Fate::Runs, Fate::Ends)))
    }

    async fn tell(
        &self,
        manager: &'static str,
        about: &Object,
        reason: &'static str,
        message: &str,
    ) -> anyhow::Result<()> {
        let types = about.types.clone().unwrap_or_default();
        let namespace = match about.namespace() {
            "" => "default",
            namespace => namespace,
        };
        let now = Time(this_second());
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "namespace": namespace,
                // One event for each reason and object: telling it again changes nothing.
                "name": format!("{}.{}", about.name(), super::builder::digest(&[about.uid(), reason])),
            },
            "involvedObject": {
                "apiVersion": types.api_version, "kind": types.kind, "name": about.name(),
                "namespace": about.metadata.namespace, "uid": about.uid(),
            },
            "reason": reason, "message": message, "type": event_type(reason), "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": manager}, "reportingComponent": manager,
        });
        let resource = ApiResource::erase::<Event>(&());
        let events: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &resource);
        let event = object(event)?;
        unless_there(events.create(&by(manager), &event).await).context("recording an event")?;
        Ok(())
    }

    fn api(&self, key: &Key) -> Api<DynamicObject> {
        api(&self.client, key)
    }
}

/// Of the pod's only container; none where there are several.
fn arguments(pod: &DynamicObject) -> Vec<String> {
    let containers = pod.data["spec"]["containers"].as_array();
    let [container] = containers.map_or(&[] as &[Value], Vec::as_slice) else {
        return Vec::new();
    };
    let arguments = container["args"].as_array().into_iter().flatten();
    arguments
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn event_type(reason: &str) -> &'static str {
    if reason.starts_with("Failed") {
        "Warning"
    } else {
        "Normal"
    }
}

/// Creates the Node object and its lease, unless there are some of that name. Nobody renews the lease, so it claims no
/// time.
pub async fn register(client: &Client, node: &NodeProfile) -> anyhow::Result<()> {
    let machine = object(node.node())?;
    let nodes = api(client, &Key::of(Kind::Node, &machine));
    unless_there(nodes.create(&by("kubelet"), &machine).await)?;
    let lease = object(json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": node.name},
        "spec": {"holderIdentity": node.name, "leaseDurationSeconds": 40},
    }))?;
    let resource = ApiResource::erase::<Lease>(&());
    let leases: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), "kube-node-lease", &resource);
    unless_there(leases.create(&by("kubelet"), &lease).await)?;
    Ok(())
}

/// The created object; nothing where one of that name is there already.
fn unless_there<T>(answer: kube::Result<T>) -> kube::Result<Option<T>> {
    match answer {
        Ok(created) => Ok(Some(created)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
        Err(error) => Err(error),
    }
}

fn by(manager: &str) -> PostParams {
    PostParams {
        field_manager: Some(manager.to_owned()),
        ..PostParams::default()
    }
}

fn api(client: &Client, key: &Key) -> Api<DynamicObject> {
    let resource = key.kind.resource();
    if key.namespace.is_empty() {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), &key.namespace, &resource)
    }
}

/// A patch that a namesake with another uid refuses.
fn with_uid(mut patch: Value, of: &Target) -> Value {
    patch["metadata"]["uid"] = of.uid.clone().into();
    patch
}

/// The answer, unless the object is gone or has changed meanwhile: then the watch brings news and the rule decides
/// again.
fn present<T>(answer: kube::Result<T>) -> anyhow::Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same client, seen as a service account: KubeVirt's own controller is exempt from the gate on VM creation. Its
/// rights are the owner's, because nobody plays the roles that virt-operator would install.
fn act_as(client: &Client, account: &ServiceAccount) -> anyhow::Result<Client> {
    let user = HeaderValue::from_str(&format!(
        "system:serviceaccount:{}:{}",
        account.namespace, account.name
    ))?;
    let namespaced =
        HeaderValue::from_str(&format!("system:serviceaccounts:{}", account.namespace))?;
    let inner = client.clone();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let headers = request.headers_mut();
        headers.insert(HeaderName::from_static("impersonate-user"), user.clone());
        let group = HeaderName::from_static("impersonate-group");
        headers.append(&group, HeaderValue::from_static("system:serviceaccounts"));
        headers.append(&group, namespaced.clone());
        headers.append(&group, HeaderValue::from_static("system:masters"));
        headers.append(&group, HeaderValue::from_static("system:authenticated"));
        let client = inner.clone();
        async move { client.send(request).await }
    });
    Ok(Client::new(service, client.default_namespace()))
}
