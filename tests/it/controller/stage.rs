//! Where the stories play: a cluster, its nodes, a controller that can be stopped and started, and waiting.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, anyhow};
use bmctl::{
    api::{
        Condition, VMRuntime, VMRuntimePreflightCheck, VMRuntimeStatus,
        condition::{self, ConditionStatus},
        crd,
        name::SYSTEM_NAMESPACE,
    },
    controller::{
        self, ControllerOptions, EngineManifests,
        install::{self, InstallOptions, Profile},
    },
    probe::{CHECKS, CheckId, Outcome, ProbeReport, Verdict, command::ProbeCommand},
    sandbox::{
        Identity, Sandbox, SandboxOptions,
        world::{self, NodeProfile, NodeRunner, OPERATOR_MANIFESTS, Pace, PodExit, WorldOptions},
    },
};
use futures::{StreamExt, pin_mut};
use k8s_openapi::{
    api::core::v1::{Namespace, Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt, watcher},
};
use libtest_mimic::Failed;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take that a story waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a story to its end.
pub fn run<F>(story: impl FnOnce(Stage) -> F) -> Result<(), Failed>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _ = tracing_subscriber::fmt()
        .with_max_level(match std::env::var_os("BMCTL_TEST_LOG") {
            Some(_) => tracing::Level::DEBUG,
            None => tracing::Level::ERROR,
        })
        .with_writer(std::io::stderr)
        .try_init();
    runtime
        .block_on(async { story(Stage::set(&["n1"]).await?).await })
        .map_err(|error| format!("{error:#}").into())
}

/// What the nodes of a story say when they are probed.
#[derive(Default)]
pub struct Nodes(Mutex<BTreeMap<String, Answer>>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Everything is there; the default.
    Healthy,
    NoKvm,
    /// The pod never ends.
    Silent,
    /// The pod ends with something that is no report.
    Garbage,
}

impl Nodes {
    pub fn say(&self, node: &str, answer: Answer) {
        self.0.lock().unwrap().insert(node.to_owned(), answer);
    }
}

impl NodeRunner for Nodes {
    fn run(&self, node: &NodeProfile, pod: &Pod) -> Option<PodExit> {
        let container = pod.spec.as_ref()?.containers.first()?;
        ProbeCommand::parse(container.args.as_deref()?)?;
        let answers = self.0.lock().unwrap();
        let message = match answers.get(&node.name).unwrap_or(&Answer::Healthy) {
            Answer::Healthy => report(None),
            Answer::NoKvm => report(Some(CheckId::KVM)),
            Answer::Garbage => "all is well".to_owned(),
            Answer::Silent => return None,
        };
        Some(PodExit { code: 0, message })
    }
}

/// What the probe of a healthy node leaves behind.
pub fn healthy_report() -> String {
    report(None)
}

fn report(failed: Option<CheckId>) -> String {
    let verdicts = CHECKS
        .iter()
        .map(|check| Verdict {
            check: check.id,
            outcome: if failed == Some(check.id) {
                Outcome::Failed
            } else {
                Outcome::Passed
            },
            message: None,
        })
        .collect();
    let report = ProbeReport {
        architecture: "amd64".to_owned(),
        verdicts,
    };
    report.to_termination_message()
}

/// A cluster without a controller yet.
pub struct Stage {
    pub sandbox: Sandbox,
    pub client: Client,
    pub nodes: Arc<Nodes>,
    world: CancellationToken,
}

/// A controller that is running.
pub struct Controller {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Controller {
    /// With this client.
    pub fn start(client: Client, options: ControllerOptions) -> Self {
        let shutdown = CancellationToken::new();
        Self {
            task: tokio::spawn(controller::run(client, options, shutdown.clone())),
            shutdown,
        }
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.cancel();
        self.task.await?
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.world.cancel();
    }
}

impl Stage {
    async fn set(nodes: &[&str]) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(SandboxOptions::default()).await?;
        let client = sandbox.client(&Identity::owner());
        let stage = Self {
            sandbox,
            client,
            nodes: Arc::default(),
            world: CancellationToken::new(),
        };
        for definition in crd::runtime_definitions()
            .into_iter()
            .chain(crd::machine_definitions())
        {
            let api: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
            api.create(&PostParams::default(), &definition).await?;
        }
        let api: Api<Namespace> = Api::all(stage.client.clone());
        let system = serde_json::from_value(json!({"metadata": {"name": SYSTEM_NAMESPACE}}))?;
        api.create(&PostParams::default(), &system).await?;
        stage.grant_rights().await?;
        let options = WorldOptions {
            nodes: nodes
                .iter()
                .map(|node| NodeProfile::pretend(*node))
                .collect(),
            pace: Pace::INSTANT,
            ..WorldOptions::default()
        };
        tokio::spawn(world::run(
            stage.client.clone(),
            options,
            stage.nodes.clone(),
            stage.world.clone(),
        ));
        Ok(stage)
    }

    /// The rights that the install manifests give the controller, with those that applying operators takes.
    async fn grant_rights(&self) -> anyhow::Result<()> {
        let manifests = install::manifests(&InstallOptions {
            profile: Profile::EngineManifests,
            ..InstallOptions::new("bmctl:test")
        });
        let rights = manifests
            .into_iter()
            .filter(|object| object["apiVersion"] == "rbac.authorization.k8s.io/v1");
        for object in rights {
            let object: DynamicObject = serde_json::from_value(object)?;
            let types = object.types.clone().context("a manifest without a kind")?;
            let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
            let api: Api<DynamicObject> = match &object.metadata.namespace {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
                None => Api::all_with(self.client.clone(), &resource),
            };
            api.create(&PostParams::default(), &object).await?;
        }
        Ok(())
    }

    /// Options of a controller that is as quick as the story.
    pub fn options() -> anyhow::Result<ControllerOptions> {
        let mut options = ControllerOptions::new("bmctl:test");
        options.engine_manifests = Some(EngineManifests::from_parts(OPERATOR_MANIFESTS)?);
        options.pace.settle = Duration::from_millis(100);
        options.pace.node = Duration::from_secs(2);
        options.pace.check = Duration::from_secs(10);
        options.pace.node_checks = Duration::ZERO;
        options.pace.retry = Duration::from_millis(50);
        Ok(options)
    }

    pub fn start(&self, options: ControllerOptions) -> Controller {
        let account = Identity::service_account(SYSTEM_NAMESPACE, "vmruntime-controller-manager");
        Controller::start(self.sandbox.client(&account), options)
    }

    /// A controller, and the VMRuntime object that it makes.
    pub async fn installed(&self) -> anyhow::Result<Controller> {
        let controller = self.start(Self::options()?);
        self.phase("Disabled").await?;
        Ok(controller)
    }

    /// The same, enabled and ready.
    pub async fn enabled(&self) -> anyhow::Result<Controller> {
        let controller = self.installed().await?;
        self.enable(true).await?;
        self.ready().await?;
        Ok(controller)
    }

    pub fn runtime(&self) -> Api<VMRuntime> {
        Api::all(self.client.clone())
    }

    pub fn checks(&self) -> Api<VMRuntimePreflightCheck> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    pub fn api(&self, group: &str, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        match group {
            "cdi.kubevirt.io" | "admissionregistration.k8s.io" => {
                Api::all_with(self.client.clone(), &resource)
            }
            "kubevirt.io" if plural == "kubevirts" => {
                Api::namespaced_with(self.client.clone(), SYSTEM_NAMESPACE, &resource)
            }
            _ => Api::namespaced_with(self.client.clone(), "default", &resource),
        }
    }

    pub fn kubevirt(&self) -> Api<DynamicObject> {
        self.api("kubevirt.io", "v1", "KubeVirt", "kubevirts")
    }

    pub fn machines(&self) -> Api<DynamicObject> {
        self.api("kubevirt.io", "v1", "VirtualMachine", "virtualmachines")
    }

    pub async fn patch_runtime(&self, patch: Value) -> anyhow::Result<VMRuntime> {
        let parameters = PatchParams::default();
        let patch = Patch::Merge(&patch);
        let patched = self.runtime().patch("vmruntime", &parameters, &patch).await;
        Ok(patched?)
    }

    pub async fn enable(&self, enabled: bool) -> anyhow::Result<()> {
        self.patch_runtime(json!({"spec": {"enabled": enabled}}))
            .await?;
        Ok(())
    }

    pub async fn force(&self, value: &str) -> anyhow::Result<()> {
        self.patch_runtime(json!({"metadata": {"annotations": {
            bmctl::api::name::FORCE_DISABLE: value,
        }}}))
        .await?;
        Ok(())
    }

    pub async fn create_machine(&self, name: &str) -> kube::Result<DynamicObject> {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name},
            "spec": {"running": false, "template": {"spec": {"domain": {"devices": {}}}}},
        }))
        .unwrap();
        self.machines()
            .create(&PostParams::default(), &object)
            .await
    }

    /// Waits until the API server accepts a VM, which follows the condition a moment later.
    pub async fn machine(&self, name: &str) -> anyhow::Result<()> {
        self.condition(condition::kind::VM_CREATION_ALLOWED, ConditionStatus::True)
            .await?;
        self.create_machine(name).await?;
        Ok(())
    }

    pub async fn status(
        &self,
        what: &str,
        holds: impl Fn(&VMRuntime, &VMRuntimeStatus) -> bool,
    ) -> anyhow::Result<VMRuntime> {
        until(self.runtime(), what, |objects| {
            objects
                .iter()
                .find(|runtime| {
                    runtime
                        .status
                        .as_ref()
                        .is_some_and(|status| holds(runtime, status))
                })
                .cloned()
        })
        .await
    }

    /// Waits until that phase is reported for the present generation.
    pub async fn phase(&self, phase: &str) -> anyhow::Result<VMRuntime> {
        self.status(&format!("phase {phase}"), |runtime, status| {
            status.phase.as_deref() == Some(phase)
                && status.observed_generation == runtime.metadata.generation
        })
        .await
    }

    pub async fn ready(&self) -> anyhow::Result<VMRuntime> {
        self.status("ready", |runtime, status| {
            status.ready == Some(true) && status.observed_generation == runtime.metadata.generation
        })
        .await
    }

    pub async fn condition(
        &self,
        type_: &str,
        wanted: ConditionStatus,
    ) -> anyhow::Result<Condition> {
        let runtime = self
            .status(&format!("{type_} {wanted:?}"), |_, status| {
                condition::find(&status.conditions, type_)
                    .is_some_and(|condition| condition.status == wanted)
            })
            .await?;
        let conditions = runtime.status.unwrap_or_default().conditions;
        condition::find(&conditions, type_)
            .cloned()
            .context("the condition was there")
    }

    /// Waits until so many checks have finished, and returns the newest.
    pub async fn finished_checks(&self, number: usize) -> anyhow::Result<VMRuntimePreflightCheck> {
        until(
            self.checks(),
            &format!("{number} finished checks"),
            |checks| {
                let mut finished: Vec<&VMRuntimePreflightCheck> = checks
                    .iter()
                    .filter(|check| pass(check).is_some())
                    .collect();
                finished.sort_by_key(|check| check.creation_timestamp());
                (finished.len() == number).then(|| (*finished.last().unwrap()).clone())
            },
        )
        .await
    }

    pub async fn create_check(&self, name: &str) -> anyhow::Result<()> {
        let check = serde_json::from_value(json!({"metadata": {"name": name}, "spec": {}}))?;
        self.checks().create(&PostParams::default(), &check).await?;
        Ok(())
    }

    /// Waits until that check has finished.
    pub async fn finished(&self, name: &str) -> anyhow::Result<VMRuntimePreflightCheck> {
        until(self.checks(), &format!("{name} finished"), |checks| {
            checks
                .iter()
                .find(|check| check.name_any() == name && pass(check).is_some())
                .cloned()
        })
        .await
    }

    /// Waits until there is nothing of that kind.
    pub async fn gone(&self, api: Api<DynamicObject>, what: &str) -> anyhow::Result<()> {
        match until(api, what, |objects| objects.is_empty().then_some(())).await {
            // The kind itself has gone: there is nothing of it.
            Err(error) if error.is::<NotServed>() => Ok(()),
            ended => ended,
        }
    }

    pub async fn label(&self, node: &str, label: &str, value: Value) -> anyhow::Result<()> {
        let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(self.client.clone());
        let patch = json!({"metadata": {"labels": {label: value}}});
        nodes
            .patch(node, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(())
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }
}

pub fn pass(check: &VMRuntimePreflightCheck) -> Option<bool> {
    check.status.as_ref().and_then(|status| status.pass)
}

#[derive(Debug, thiserror::Error)]
#[error("the kind is not served")]
struct NotServed;

/// Watches until the objects are as they are wanted; says what was there last if that takes too long.
pub async fn until<K, T>(
    api: Api<K>,
    what: &str,
    wanted: impl Fn(&[K]) -> Option<T>,
) -> anyhow::Result<T>
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + serde::Serialize + Send + 'static,
{
    let mut objects: BTreeMap<String, K> = BTreeMap::new();
    let key = |object: &K| {
        let metadata = object.meta();
        format!("{:?}/{:?}", metadata.namespace, metadata.name)
    };
    let watched = async {
        let stream = watcher(api, watcher::Config::default()).default_backoff();
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            let complete = match event {
                Ok(watcher::Event::Init) => {
                    objects.clear();
                    false
                }
                Ok(watcher::Event::InitApply(object)) => {
                    objects.insert(key(&object), object);
                    false
                }
                Ok(watcher::Event::InitDone) => true,
                Ok(watcher::Event::Apply(object)) => {
                    objects.insert(key(&object), object);
                    true
                }
                Ok(watcher::Event::Delete(object)) => {
                    objects.remove(&key(&object));
                    true
                }
                Err(watcher::Error::InitialListFailed(kube::Error::Api(status)))
                    if status.code == 404 =>
                {
                    return Err(NotServed.into());
                }
                Err(_) => false,
            };
            let list: Vec<K> = objects.values().cloned().collect();
            if let Some(found) = complete.then(|| wanted(&list)).flatten() {
                return Ok(found);
            }
        }
        Err(anyhow!("the watch ended"))
    };
    if let Ok(ended) = tokio::time::timeout(PATIENCE, watched).await {
        return ended;
    }
    let mut last: Vec<Value> = objects.values().map(|object| json!(object)).collect();
    for object in &mut last {
        object["metadata"]["managedFields"].take();
    }
    let last = serde_json::to_string_pretty(&last)?;
    Err(anyhow!(
        "waited {PATIENCE:?} for: {what}\nlast seen: {last}"
    ))
}
