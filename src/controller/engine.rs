//! KubeVirt and CDI as API objects: read into facts, and made with the settings that we want.
//!
//! What somebody else made is read here and never written.

use std::collections::{BTreeMap, BTreeSet};

use futures::try_join;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, Client, Resource,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind, NamespaceResourceScope, ObjectMeta},
    runtime::reflector::Store,
};
use serde_json::{Value, json};

use super::{
    manifest::EngineManifests,
    ownership, placement,
    request::{Doing, creating},
    why,
};
use crate::{
    api::{
        engine,
        kubernetes::{Deployment, Pod},
        name,
    },
    cluster::{discovery, list, retry::Retry, stuck::Leaving},
    failure::Failure,
    runtime::readiness::{COMPONENTS, Component, EngineFacts, EngineObject, Operator, Presence},
};

/// The engine refuses to go away while workloads exist.
const PROTECTING: &str = "BlockUninstallIfWorkloadsExist";
/// Where KubeVirt's own release puts everything.
const USUAL_NAMESPACE: &str = "kubevirt";

/// KubeVirt's custom resource.
pub(super) fn kubevirt() -> ApiResource {
    let kind = GroupVersionKind::gvk(engine::KUBEVIRT_GROUP, "v1", "KubeVirt");
    ApiResource::from_gvk_with_plural(&kind, "kubevirts")
}

/// CDI's custom resource.
pub(super) fn cdi() -> ApiResource {
    let kind = GroupVersionKind::gvk(engine::CDI_GROUP, "v1beta1", "CDI");
    ApiResource::from_gvk_with_plural(&kind, "cdis")
}

/// Objects of the engine: in its namespace, or wherever they are.
pub(super) fn somewhere<K>(client: &Client, place: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match place {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// KubeVirt's custom resources, there or everywhere.
pub(super) fn kubevirts(client: &Client, place: Option<&str>) -> Api<DynamicObject> {
    match place {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &kubevirt()),
        None => Api::all_with(client.clone(), &kubevirt()),
    }
}

/// Reads everything that there is of the engine.
pub(super) async fn read(
    client: &Client,
    place: Option<&str>,
    handlers: &Store<Pod>,
) -> Result<EngineFacts, Failure> {
    let labelled = ListParams::default().labels(engine::COMPONENT_LABEL);
    let deployments: Api<Deployment> = somewhere(client, place);
    let cdis = Api::all_with(client.clone(), &cdi());
    let (deployments, kubevirt, cdi) = try_join!(
        async {
            let doing = "list the engine's deployments";
            let listed = list::objects(&deployments, &labelled, &Retry::once(), doing).await;
            listed.doing(doing)
        },
        custom_resource(kubevirts(client, place), "kubevirts"),
        custom_resource(cdis, "cdis"),
    )?;
    let component = |deployment: &Deployment| {
        let labels = deployment.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(engine::COMPONENT_LABEL).cloned())
            .unwrap_or_default()
    };
    let operator = deployments
        .iter()
        .find(|deployment| component(deployment) == engine::VIRT_OPERATOR)
        .map(|deployment| Operator {
            namespace: deployment.metadata.namespace.clone().unwrap_or_default(),
            ours: ownership::is_ours(deployment.metadata.labels.as_ref()),
        });
    let namespace = kubevirt
        .object()
        .and_then(|object| object.namespace.clone());
    let components = deployments
        .iter()
        .filter(|deployment| deployment.metadata.namespace == namespace)
        .filter(|deployment| COMPONENTS.contains(&component(deployment).as_str()))
        .map(|deployment| Component {
            name: component(deployment),
            wanted: deployment
                .spec
                .as_ref()
                .and_then(|spec| spec.replicas)
                .unwrap_or(1),
            ready: deployment
                .status
                .as_ref()
                .and_then(|status| status.ready_replicas)
                .unwrap_or(0),
        })
        .collect();
    let refused = deployments
        .iter()
        .filter_map(|deployment| {
            let why = why::refused(deployment)?;
            Some(format!("{}: {why}", component(deployment)))
        })
        .collect();
    Ok(EngineFacts {
        operator,
        kubevirt,
        cdi,
        components,
        refused,
        handlers: ready_nodes(handlers),
    })
}

/// Does a KubeVirt object that somebody else made emulate new VMs in software? `None`: there is none.
pub(super) async fn foreign_emulation(
    client: &Client,
    place: Option<&str>,
) -> Result<Option<bool>, Failure> {
    let facts = EngineFacts {
        kubevirt: custom_resource(kubevirts(client, place), "kubevirts").await?,
        ..EngineFacts::default()
    };
    Ok(facts.foreign().map(|kubevirt| kubevirt.use_emulation))
}

/// Where the engine lives: where its operator is, or would be put.
pub(super) fn namespace(
    facts: &EngineFacts,
    manifests: Option<&EngineManifests>,
    place: Option<&str>,
) -> String {
    let operator = facts.operator.as_ref();
    operator
        .map(|operator| operator.namespace.as_str())
        .or(place)
        .or_else(|| manifests.and_then(EngineManifests::engine_namespace))
        .unwrap_or(USUAL_NAMESPACE)
        .to_owned()
}

fn ready_nodes(handlers: &Store<Pod>) -> BTreeSet<String> {
    handlers
        .state()
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod))
        .filter_map(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone()))
        .collect()
}

pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|conditions| {
        conditions
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    })
}

/// KubeVirt and CDI allow one object each; should there be several, one that is ours is ours to look after.
async fn custom_resource(api: Api<DynamicObject>, plural: &str) -> Result<Presence, Failure> {
    let (doing, once) = (format!("list {plural}"), Retry::once());
    let listed = list::objects(&api, &ListParams::default(), &once, &doing).await;
    let Some(objects) = discovery::if_served(listed).doing(&doing)? else {
        return Ok(Presence::NotServed);
    };
    let mut objects: Vec<EngineObject> = objects.iter().map(engine_object).collect();
    objects.sort_by_key(|object| !object.ours);
    Ok(match objects.into_iter().next() {
        Some(object) => Presence::Present(object),
        None => Presence::Absent,
    })
}

fn engine_object(object: &DynamicObject) -> EngineObject {
    let text = |path: &str| {
        object
            .data
            .pointer(path)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let (observed, target) = (
        text("/status/observedKubeVirtVersion").or_else(|| text("/status/observedVersion")),
        text("/status/targetKubeVirtVersion").or_else(|| text("/status/targetVersion")),
    );
    let seen = object
        .data
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    let behind = seen
        .zip(object.metadata.generation)
        .is_some_and(|(seen, generation)| seen < generation);
    EngineObject {
        name: object.metadata.name.clone().unwrap_or_default(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone().unwrap_or_default(),
        resource_version: object.metadata.resource_version.clone().unwrap_or_default(),
        ours: ownership::is_ours(object.metadata.labels.as_ref()),
        deleting: object.metadata.deletion_timestamp.is_some(),
        deleting_since: object
            .metadata
            .deletion_timestamp
            .as_ref()
            .map(|time| time.0),
        phase: text("/status/phase"),
        updating: behind || target.is_some_and(|target| observed.as_ref() != Some(&target)),
        use_emulation: object
            .data
            .pointer("/spec/configuration/developerConfiguration/useEmulation")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        placement: object
            .data
            .pointer("/spec/workloads/nodePlacement")
            .cloned(),
        placement_extended: object
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|annotations| annotations.contains_key(placement::EXTENDED)),
        protects_workloads: text("/spec/uninstallStrategy").as_deref() == Some(PROTECTING),
        failure: failure(&object.data),
        changed_by: ownership::changed_by(&object.metadata, "spec"),
    }
}

/// The object, as one that is waited for to be gone.
pub(super) fn leaving(resource: &ApiResource, object: &EngineObject) -> Leaving {
    let metadata = ObjectMeta {
        name: Some(object.name.clone()),
        namespace: object.namespace.clone(),
        uid: Some(object.uid.clone()),
        deletion_timestamp: object.deleting_since.map(Time),
        ..ObjectMeta::default()
    };
    Leaving::new(resource, &metadata)
}

/// The message of the engine's own condition Degraded, or of a failed condition Available.
fn failure(data: &Value) -> Option<String> {
    let conditions = data.pointer("/status/conditions")?.as_array()?;
    let message = |type_: &str, status: &str| {
        conditions
            .iter()
            .find(|condition| condition["type"] == type_ && condition["status"] == status)
            .and_then(|condition| condition["message"].as_str())
            .filter(|message| !message.is_empty())
            .map(str::to_owned)
    };
    message("Degraded", "True").or_else(|| message("Available", "False"))
}

/// Creates our KubeVirt object. Creating (instead of applying) never takes over one that somebody else made meanwhile.
pub(super) async fn create_kubevirt(
    client: &Client,
    namespace: &str,
    use_emulation: bool,
    anywhere: bool,
    exclude: bool,
) -> Result<(), Failure> {
    let mut spec = kubevirt_settings(use_emulation);
    if anywhere {
        // KubeVirt's own default asks for a control-plane node, which managed clusters do not have.
        spec["infra"] = json!({"nodePlacement": {}});
    }
    if exclude {
        spec["workloads"] = json!({"nodePlacement": placement::excluding()});
    }
    let api = Api::namespaced_with(client.clone(), namespace, &kubevirt());
    let mut object = owned(engine::KUBEVIRT_NAME, &kubevirt(), &spec);
    if exclude {
        let extended = BTreeMap::from([(placement::EXTENDED.to_owned(), "true".to_owned())]);
        object.metadata.annotations = Some(extended);
    }
    let created = api.create(&creating(), &object).await;
    created.doing("create the KubeVirt object").map(drop)
}

/// Creates our CDI object.
pub(super) async fn create_cdi(client: &Client) -> Result<(), Failure> {
    let api = Api::all_with(client.clone(), &cdi());
    let created = api
        .create(
            &creating(),
            &owned(engine::CDI_NAME, &cdi(), &cdi_settings()),
        )
        .await;
    created.doing("create the CDI object").map(drop)
}

/// What we want of a KubeVirt object of ours, whatever else it holds.
pub(super) fn kubevirt_settings(use_emulation: bool) -> Value {
    json!({
        "uninstallStrategy": PROTECTING,
        "configuration": {"developerConfiguration": {"useEmulation": use_emulation}},
    })
}

/// The same of a CDI object of ours.
pub(super) fn cdi_settings() -> Value {
    json!({"uninstallStrategy": PROTECTING})
}

fn owned(name: &str, resource: &ApiResource, spec: &Value) -> DynamicObject {
    let mut object = DynamicObject::new(name, resource).data(json!({"spec": spec}));
    object.metadata.labels = Some(BTreeMap::from([(
        name::MANAGED_BY.to_owned(),
        name::MANAGER.to_owned(),
    )]));
    object
}
