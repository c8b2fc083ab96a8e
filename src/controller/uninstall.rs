//! Taking the controller out of a cluster again: what there is of it, in the order in which it goes, and removing one
//! part after the other. Called by `bmctl controller uninstall`; asks nobody and prints nothing.
//!
//! First the controller stops, because it would put back what is removed. Then the bindings of the admission policies
//! go: a policy whose parameters' definition is gone refuses every VM. What somebody else has put into the namespace
//! stays, and so does the namespace.

use std::time::Duration;

use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::{ApiResource, DynamicObject, GroupVersionKind, ObjectMeta},
};
use serde_json::json;

use super::{
    install::rights::{ENGINE_MANIFESTS_ROLE, HANDED_ON_ROLE},
    request::Doing,
    role::UserRole,
};
use crate::{
    api::{engine, kubernetes::Pod, name},
    cluster::{
        Retry, discovery, list,
        retry::Repeat,
        stuck::{Explainer, Leaving, with_next_steps},
    },
    failure::{Failure, Kind, Reason},
};

/// How often it is looked whether something is gone.
const LOOK: Duration = Duration::from_millis(250);

/// What is done about one part of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Scale it to nothing, and wait until its pods are gone.
    Stop,
    Delete,
}

/// One part of the installation, as it was found.
#[derive(Clone, Debug)]
pub struct Part {
    pub act: Act,
    pub resource: ApiResource,
    pub namespace: Option<String>,
    pub name: String,
    uid: String,
}

/// Group, version, kind, plural, and by which label ours are told.
type Row = (&'static str, &'static str, &'static str, &'static str, Mark);

#[derive(Clone, Copy)]
enum Mark {
    /// Made by the controller.
    Made,
    /// Applied to install it.
    Applied,
    /// Made by the controller for people who work with VMs.
    UserRole,
    /// One of a fixed name.
    Named(&'static str),
}

const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// In the order of removal: each after what depends on it.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    (ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", Mark::Made),
    (ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", Mark::Made),
    (RBAC, "v1", "ClusterRole", "clusterroles", Mark::UserRole),
    (name::GROUP, name::VERSION, "VMRuntime", "vmruntimes", Mark::Named(name::VMRUNTIME)),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Mark::Named("vmruntimepreflightchecks.vm.cluster.gke.io")),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Mark::Named("vmruntimes.vm.cluster.gke.io")),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", Mark::Applied),
    ("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors", Mark::Applied),
    ("apps", "v1", "Deployment", "deployments", Mark::Applied),
    ("coordination.k8s.io", "v1", "Lease", "leases", Mark::Named(name::CONTROLLER_DEPLOYMENT)),
    (RBAC, "v1", "RoleBinding", "rolebindings", Mark::Applied),
    (RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", Mark::Applied),
    (RBAC, "v1", "Role", "roles", Mark::Applied),
    (RBAC, "v1", "ClusterRole", "clusterroles", Mark::Applied),
    ("", "v1", "ServiceAccount", "serviceaccounts", Mark::Applied),
];

/// Everything that is there of an installation, in the order in which it goes.
pub async fn find(client: &Client, retry: &Retry<'_>) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for row in ROWS {
        parts.extend(list(client, retry, row).await?);
    }
    let stops: Vec<Part> = parts
        .iter()
        .filter(|part| part.resource.kind == "Deployment")
        .map(|part| Part {
            act: Act::Stop,
            ..part.clone()
        })
        .collect();
    Ok(stops.into_iter().chain(parts).collect())
}

async fn list(client: &Client, retry: &Retry<'_>, row: &Row) -> Result<Vec<Part>, Failure> {
    let (group, version, kind, plural, mark) = *row;
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let everything = ListParams::default();
    let parameters = match mark {
        Mark::Made | Mark::UserRole => {
            everything.labels(&format!("{}={}", name::MANAGED_BY, name::MANAGER))
        }
        Mark::Applied => everything.labels(&format!("app={}", name::CONTROLLER_DEPLOYMENT)),
        Mark::Named(name) => everything.fields(&format!("metadata.name={name}")),
    };
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let doing = format!("list {plural}");
    let listed = list::metadata(&api, &parameters, retry, &doing).await;
    let found = discovery::if_served(listed).doing(&doing)?;
    Ok(found
        .unwrap_or_default()
        .iter()
        .filter_map(|object| part(&resource, object))
        .filter(|part| match mark {
            Mark::Made | Mark::Named(_) => true,
            Mark::UserRole => UserRole::ALL.iter().any(|role| role.name() == part.name),
            Mark::Applied => [
                name::CONTROLLER_DEPLOYMENT,
                ENGINE_MANIFESTS_ROLE,
                HANDED_ON_ROLE,
            ]
            .contains(&part.name.as_str()),
        })
        .collect())
}

fn part(resource: &ApiResource, object: &ObjectMeta) -> Option<Part> {
    Some(Part {
        act: Act::Delete,
        resource: resource.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone()?,
        uid: object.uid.clone()?,
    })
}

/// What is left of an engine that the controller made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineLeft {
    Nothing,
    /// KubeVirt is gone: CDI alone may stay for as long as there are disks.
    OnlyCdi,
    KubeVirt,
}

/// Looks for both parts of the engine.
pub async fn engine_left(client: &Client, retry: &Retry<'_>) -> Result<EngineLeft, Failure> {
    let kubevirt = (
        engine::KUBEVIRT_GROUP,
        "v1",
        "KubeVirt",
        "kubevirts",
        Mark::Made,
    );
    if !list(client, retry, &kubevirt).await?.is_empty() {
        return Ok(EngineLeft::KubeVirt);
    }
    let cdi = (engine::CDI_GROUP, "v1beta1", "CDI", "cdis", Mark::Made);
    if list(client, retry, &cdi).await?.is_empty() {
        Ok(EngineLeft::Nothing)
    } else {
        Ok(EngineLeft::OnlyCdi)
    }
}

impl Part {
    /// Does it, and returns when it is done. What is gone already is as good.
    pub async fn perform(&self, client: &Client, retry: &Retry<'_>) -> Result<(), Failure> {
        match self.act {
            Act::Stop => self.stop(client, retry).await,
            Act::Delete => self.delete(client, retry).await,
        }
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }

    async fn stop(&self, client: &Client, retry: &Retry<'_>) -> Result<(), Failure> {
        let doing = format!("stop deployment {}", self.name);
        let patch = json!({"metadata": {"uid": self.uid}, "spec": {"replicas": 0}});
        let writer = PatchParams {
            field_manager: Some(name::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let (api, patch) = (self.api(client), Patch::Merge(&patch));
        let patched = retry
            .request(&doing, Repeat::Safe, || {
                api.patch(&self.name, &writer, &patch)
            })
            .await;
        patched.or_gone(&doing)?;
        let namespace = self.namespace.as_deref().unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let ours = ListParams::default().labels(&format!("app={}", name::CONTROLLER_DEPLOYMENT));
        loop {
            let left = list::metadata(&pods, &ours, retry, &doing).await;
            let left = left.doing(&doing)?;
            if left.is_empty() {
                return Ok(());
            }
            if !retry.deadline().allows(LOOK) {
                let left: Vec<Leaving> = left.iter().map(Leaving::pod).collect();
                return Err(self
                    .not_gone(client, "its pods are still there", &left)
                    .await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn delete(&self, client: &Client, retry: &Retry<'_>) -> Result<(), Failure> {
        let doing = format!("delete {} {}", self.resource.plural, self.name);
        let api = self.api(client);
        let exactly = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid: Some(self.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        retry
            .request(&doing, Repeat::Safe, || api.delete(&self.name, &exactly))
            .await
            .or_gone(&doing)?;
        loop {
            let found = retry
                .request(&doing, Repeat::Safe, || api.get_metadata_opt(&self.name))
                .await;
            let found = discovery::confirmed(found, client, retry, &self.resource).await;
            match discovery::if_served(found).doing(&doing)?.flatten() {
                // Or its kind has gone with it.
                None => return Ok(()),
                Some(found) if found.metadata.uid.as_ref() != Some(&self.uid) => {
                    return Err(Failure::new(
                        Kind::Refused,
                        Reason::ControllerRunning,
                        format!("{} {} was created again", self.resource.kind, self.name),
                    )
                    .caused_by("a controller is running that is not part of this installation"));
                }
                Some(found) if !retry.deadline().allows(LOOK) => {
                    let left = [Leaving::new(&self.resource, &found.metadata)];
                    return Err(self.not_gone(client, "it is still there", &left).await);
                }
                Some(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// The time is over: why these are still there.
    async fn not_gone(&self, client: &Client, why: &str, left: &[Leaving]) -> Failure {
        /// More of them say no more.
        const EXPLAINED: usize = 3;
        let mut failure = Failure::new(
            Kind::TimedOut,
            Reason::TimedOut,
            format!(
                "{} {} is not gone yet: {why}",
                self.resource.kind, self.name
            ),
        );
        let left = &left[..left.len().min(EXPLAINED)];
        let stuck = Explainer::of_command(client).explain(left).await;
        for object in &stuck {
            failure = failure.caused_by(format!("still there: {object}"));
        }
        with_next_steps(failure, stuck.iter().flat_map(|object| &object.next_steps))
    }
}
