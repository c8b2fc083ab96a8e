//! A sandbox with its machinery, and what the tests of it look at.

use std::{sync::Arc, time::Duration};

use apiserver::{Identity, Options, Server};
use bmctl::{
    api::crd,
    simulator::{self, NodeProfile, NodeRunner, OPERATOR_MANIFESTS, Pace, PodExit, WorldOptions},
};
use futures::StreamExt as _;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt as _, watcher},
};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An API server with machinery behind it, and nobody else.
pub struct Cluster {
    sandbox: Server,
    client: Client,
    shutdown: CancellationToken,
    world: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// Pods with the argument `fail` end with code 3 and say where they were.
struct Failing;

impl NodeRunner for Failing {
    fn run(&self, node: &NodeProfile, arguments: &[String]) -> Option<PodExit> {
        (arguments == ["fail"]).then(|| PodExit {
            code: 3,
            message: format!("on {}", node.name),
        })
    }
}

impl Cluster {
    pub async fn start(nodes: &[&str], pace: Pace) -> Self {
        let mut profiles: Vec<_> = nodes
            .iter()
            .map(|name| NodeProfile::pretend(*name))
            .collect();
        profiles[0].control_plane = true;
        Self::with(profiles, pace).await
    }

    pub async fn with(nodes: Vec<NodeProfile>, pace: Pace) -> Self {
        let sandbox = Server::start(Options::default()).await.unwrap();
        let client = sandbox.client(&Identity::owner());
        let shutdown = CancellationToken::new();
        let options = WorldOptions {
            nodes,
            pace,
            ..WorldOptions::default()
        };
        let world = simulator::run(client.clone(), options, Arc::new(Failing), shutdown.clone());
        let cluster = Self {
            sandbox,
            client,
            shutdown,
            world: tokio::spawn(world),
        };
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vm-system"}});
        create(
            &cluster.global(("", "v1", "Namespace", "namespaces")),
            &namespace,
        )
        .await;
        for definition in crd::machine_definitions() {
            let definition = serde_json::to_value(definition).unwrap();
            create(&cluster.global(DEFINITION), &definition).await;
        }
        cluster
    }

    /// Applies the operators and orders KubeVirt and CDI, then waits until both are deployed.
    pub async fn install_engine(&self) -> Result<(), Failed> {
        let documents = OPERATOR_MANIFESTS.into_iter().flat_map(|(_, text)| {
            let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
            documents
        });
        for document in &documents.collect::<Vec<Value>>() {
            let kind = document["kind"].as_str().unwrap();
            let api = match kind {
                "CustomResourceDefinition" => self.global(DEFINITION),
                "Deployment" => self.namespaced(DEPLOYMENT, "vm-system"),
                "ServiceAccount" => {
                    self.namespaced(("", "v1", "ServiceAccount", "serviceaccounts"), "vm-system")
                }
                other => return Err(format!("a {other} among the operators' manifests").into()),
            };
            create(&api, document).await;
        }
        self.order_engine().await;
        seen(
            &self.namespaced(KUBEVIRT, "vm-system"),
            "kubevirt",
            deployed,
        )
        .await?;
        seen(&self.global(CDI), "cdi", deployed).await?;
        Ok(())
    }

    pub async fn order_engine(&self) {
        let kubevirt = json!({
            "apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "kubevirt"},
            "spec": {"uninstallStrategy": "BlockUninstallIfWorkloadsExist"},
        });
        let cdi = json!({
            "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "CDI", "metadata": {"name": "cdi"},
            "spec": {},
        });
        create(&self.namespaced(KUBEVIRT, "vm-system"), &kubevirt).await;
        create(&self.global(CDI), &cdi).await;
    }

    pub fn global(&self, names: Names) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &resource(names))
    }

    pub fn namespaced(&self, names: Names, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(names))
    }

    pub async fn stop(self) {
        assert!(!self.world.is_finished(), "the world went on until the end");
        self.shutdown.cancel();
        self.world.await.unwrap().unwrap();
        self.sandbox.stop().await;
    }
}

/// Group, version, kind, plural.
pub type Names = (&'static str, &'static str, &'static str, &'static str);

pub const NODE: Names = ("", "v1", "Node", "nodes");
pub const POD: Names = ("", "v1", "Pod", "pods");
pub const DEPLOYMENT: Names = ("apps", "v1", "Deployment", "deployments");
pub const DAEMON_SET: Names = ("apps", "v1", "DaemonSet", "daemonsets");
pub const DEFINITION: Names = (
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
);
pub const KUBEVIRT: Names = ("kubevirt.io", "v1", "KubeVirt", "kubevirts");
pub const CDI: Names = ("cdi.kubevirt.io", "v1beta1", "CDI", "cdis");
pub const MACHINE: Names = ("kubevirt.io", "v1", "VirtualMachine", "virtualmachines");
pub const INSTANCE: Names = (
    "kubevirt.io",
    "v1",
    "VirtualMachineInstance",
    "virtualmachineinstances",
);
pub const INSTANCE_SET: Names = (
    "kubevirt.io",
    "v1",
    "VirtualMachineInstanceReplicaSet",
    "virtualmachineinstancereplicasets",
);
pub const POOL: Names = (
    "pool.kubevirt.io",
    "v1beta1",
    "VirtualMachinePool",
    "virtualmachinepools",
);
pub const MIGRATION: Names = (
    "kubevirt.io",
    "v1",
    "VirtualMachineInstanceMigration",
    "virtualmachineinstancemigrations",
);
pub const POLICY: Names = (
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
);
pub const BINDING: Names = (
    "admissionregistration.k8s.io",
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
);
pub const DATA_VOLUME: Names = ("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes");
pub const PRODUCT_MACHINE: Names = (
    "vm.cluster.gke.io",
    "v1",
    "VirtualMachine",
    "virtualmachines",
);
pub const PRODUCT_DISK: Names = (
    "vm.cluster.gke.io",
    "v1",
    "VirtualMachineDisk",
    "virtualmachinedisks",
);

pub fn resource((group, version, kind, plural): Names) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

pub fn kubevirt_machine(name: &str, strategy: &str) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": name},
        "spec": {"runStrategy": strategy, "template": {"spec": {"domain": {}}}},
    })
}

pub fn deployed(engine: &Value) -> bool {
    engine["status"]["phase"] == "Deployed"
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or("absent")
}

pub async fn create(api: &Api<DynamicObject>, object: &Value) {
    let object = serde_json::from_value(object.clone()).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

pub async fn merge(api: &Api<DynamicObject>, name: &str, patch: &Value) {
    let patch = Patch::Merge(patch);
    api.patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

pub async fn get(api: &Api<DynamicObject>, name: &str) -> Result<Value, Failed> {
    Ok(serde_json::to_value(api.get(name).await?)?)
}

/// The object as soon as it is as wanted.
pub async fn seen(
    api: &Api<DynamicObject>,
    name: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<Value, Failed> {
    let state = follow(api, name, |object| object.is_some_and(&wanted)).await?;
    state.ok_or_else(|| "the object is gone".into())
}

/// Returns when there is no such object.
pub async fn gone(api: &Api<DynamicObject>, name: &str) -> Result<(), Failed> {
    follow(api, name, |object| object.is_none()).await.map(drop)
}

async fn follow(
    api: &Api<DynamicObject>,
    name: &str,
    wanted: impl Fn(Option<&Value>) -> bool,
) -> Result<Option<Value>, Failed> {
    let mut last = None;
    let watch = watcher::watch_object(api.clone(), name).default_backoff();
    let found = async {
        let mut watch = std::pin::pin!(watch);
        while let Some(state) = watch.next().await {
            // A kind that is no longer served has no objects.
            let state = match state {
                Ok(state) => state,
                Err(error) if is_not_served(&error) => None,
                Err(_) => continue,
            };
            last = state.map(|object| serde_json::to_value(object).unwrap());
            if wanted(last.as_ref()) {
                return;
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, found).await;
    match ended {
        Ok(()) => Ok(last),
        Err(_) => Err(format!("{name} was last seen as {last:#?}").into()),
    }
}

fn is_not_served(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.is_not_found())
}
