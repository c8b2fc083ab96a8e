//! Where the tests play: a cluster, its nodes, a controller that can be stopped and started, and waiting.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use apiserver::Identity;
use bmctl::{
    api::{
        Condition, VMRuntime, VMRuntimePreflightCheck, VMRuntimeStatus,
        condition::{self, ConditionStatus},
        crd,
        engine::{COMPONENT_LABEL, VIRT_OPERATOR},
        name::{CONTROLLER_DEPLOYMENT, PREFLIGHT_CHECK_LABEL, SYSTEM_NAMESPACE},
    },
    controller::{
        self, ControllerOptions, EngineManifests,
        install::{self, InstallOptions, Profile},
    },
    probe::{CHECKS, CheckId, Outcome, ProbeReport, Verdict, command::ProbeCommand},
    simulator::{self, NodeProfile, NodeRunner, OPERATOR_MANIFESTS, Pace, PodExit, WorldOptions},
};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Namespace, Node, Pod},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::wait::{await_condition, conditions},
};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use super::eventually::until;
use super::{
    eventually::{NotServed, settles},
    status_recorder::StatusRecorder,
};
use crate::test_server::{self, TestApiServer};

/// Runs a test to its end.
pub fn run<F>(test: impl FnOnce(TestCluster) -> F) -> Result<(), Failed>
where
    F: Future<Output = anyhow::Result<()>>,
{
    run_on(vec![NodeProfile::pretend("n1")], test).map(drop)
}

/// The same with these nodes. Returns what was published meanwhile; nothing of it may be missing in the controller's
/// documentation.
pub fn run_on<F>(
    nodes: Vec<NodeProfile>,
    test: impl FnOnce(TestCluster) -> F,
) -> Result<StatusRecorder, Failed>
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
    let told = async {
        let cluster = TestCluster::set(nodes).await?;
        let recorder = cluster.recorder.clone();
        let objects = cluster.runtime();
        // The test leaves the cluster when it is told; the cluster is still asked something.
        let _ground = cluster.server.clone();
        test(cluster).await?;
        recorder.catch_up(&objects).await?;
        recorder.is_documented()?;
        anyhow::Ok(recorder)
    };
    runtime
        .block_on(told)
        .map_err(|error| format!("{error:#}").into())
}

/// What the nodes of a test say when they are probed.
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
    fn run(&self, node: &NodeProfile, arguments: &[String]) -> Option<PodExit> {
        ProbeCommand::parse(arguments)?;
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
pub struct TestCluster {
    pub client: Client,
    pub nodes: Arc<Nodes>,
    recorder: StatusRecorder,
    world: CancellationToken,
    // Last: whoever talks to it has ended by then.
    server: Arc<TestApiServer>,
}

/// A controller that is running.
pub struct Controller {
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Controller {
    /// With this client, whose answers are looked at as those of a cluster are.
    pub fn start(client: Client, options: ControllerOptions) -> Self {
        let client = bmctl::cluster::checked(client);
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

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.world.cancel();
    }
}

impl TestCluster {
    async fn set(nodes: Vec<NodeProfile>) -> anyhow::Result<Self> {
        let server = TestApiServer::fresh().await?;
        let cluster = Self {
            client: server.owner(),
            nodes: Arc::default(),
            recorder: StatusRecorder::default(),
            world: CancellationToken::new(),
            server: Arc::new(server),
        };
        for definition in crd::runtime_definitions()
            .into_iter()
            .chain(crd::machine_definitions())
        {
            let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
            api.create(&PostParams::default(), &definition).await?;
            let name = definition.name_any();
            await_condition(api, &name, conditions::is_crd_established()).await?;
        }
        cluster.recorder.follow(cluster.runtime()).await;
        let api: Api<Namespace> = Api::all(cluster.client.clone());
        let system = serde_json::from_value(json!({"metadata": {"name": SYSTEM_NAMESPACE}}))?;
        api.create(&PostParams::default(), &system).await?;
        cluster.grant_rights().await?;
        let number = nodes.len();
        let options = WorldOptions {
            nodes,
            pace: Pace::INSTANT,
            ..WorldOptions::default()
        };
        tokio::spawn(simulator::run(
            cluster.server.machinery(),
            options,
            cluster.nodes.clone(),
            cluster.world.clone(),
        ));
        cluster.every_node(number).await?;
        Ok(cluster)
    }

    /// Waits until so many kubelets have reported, whatever they say.
    async fn every_node(&self, number: usize) -> anyhow::Result<()> {
        let reported = |node: &Node| {
            let conditions = node.status.as_ref().and_then(|it| it.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|condition| condition.type_ == "Ready"))
        };
        // Looked at now and then: of thousands, every one reports several times.
        let nodes: Api<Node> = Api::all(self.client.clone());
        settles("every node", async || {
            let nodes = nodes.list(&ListParams::default()).await?;
            let there = nodes.iter().filter(|node| reported(node)).count();
            anyhow::ensure!(there == number, "{there} of {number} have reported");
            Ok(())
        })
        .await
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

    /// Options of a controller that is as quick as the test.
    pub fn options() -> anyhow::Result<ControllerOptions> {
        let mut options = ControllerOptions::new("bmctl:test");
        options.engine_manifests = Some(EngineManifests::from_parts(OPERATOR_MANIFESTS)?);
        options.pace.settle = Duration::from_millis(100);
        // Nobody waits for these but who tests that a node says nothing.
        options.pace.node = Duration::from_secs(120);
        options.pace.check = Duration::from_secs(480);
        options.pace.node_checks = Duration::ZERO;
        options.pace.retry = Duration::from_millis(50);
        options.pace.outage_most = Duration::from_secs(1);
        options.pace.repair = Duration::from_millis(50);
        options.pace.repair_most = Duration::from_secs(1);
        if test_server::assets().is_none() {
            // The sandbox knows a policy as soon as it has it.
            options.pace.arming = Duration::from_secs(1);
        }
        Ok(options)
    }

    pub fn start(&self, options: ControllerOptions) -> Controller {
        Controller::start(self.account(), options)
    }

    /// A client of the controller's account, with the rights that it is installed with.
    pub fn account(&self) -> Client {
        self.server.client(&Identity::service_account(
            SYSTEM_NAMESPACE,
            CONTROLLER_DEPLOYMENT,
        ))
    }

    pub fn kubeconfig(&self) -> String {
        self.server.kubeconfig()
    }

    /// A controller, and the VMRuntime object that it makes.
    pub async fn installed(&self) -> anyhow::Result<Controller> {
        let controller = self.start(Self::options()?);
        self.phase("Disabled").await?;
        Ok(controller)
    }

    /// The same, enabled and ready.
    pub async fn enabled(&self) -> anyhow::Result<Controller> {
        self.enabled_by(self.account()).await
    }

    /// The same, by a controller with that client.
    pub async fn enabled_by(&self, client: Client) -> anyhow::Result<Controller> {
        let controller = Controller::start(client, Self::options()?);
        self.phase("Disabled").await?;
        self.enable(true).await?;
        self.ready().await?;
        Ok(controller)
    }

    pub fn runtime(&self) -> Api<VMRuntime> {
        Api::all(self.client.clone())
    }

    /// VMRuntime as it is stored, with all of its fields.
    pub fn untyped(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &ApiResource::erase::<VMRuntime>(&()))
    }

    pub fn checks(&self) -> Api<VMRuntimePreflightCheck> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    pub fn api(&self, group: &str, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        match group {
            "admissionregistration.k8s.io" => Api::all_with(self.client.clone(), &resource),
            "cdi.kubevirt.io" if plural == "cdis" => Api::all_with(self.client.clone(), &resource),
            "kubevirt.io" if plural == "kubevirts" => {
                Api::namespaced_with(self.client.clone(), SYSTEM_NAMESPACE, &resource)
            }
            _ => Api::namespaced_with(self.client.clone(), "default", &resource),
        }
    }

    pub fn kubevirt(&self) -> Api<DynamicObject> {
        self.api("kubevirt.io", "v1", "KubeVirt", "kubevirts")
    }

    pub fn volumes(&self) -> Api<DynamicObject> {
        self.api("cdi.kubevirt.io", "v1beta1", "DataVolume", "datavolumes")
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
        self.machines()
            .create(&PostParams::default(), &machine(name))
            .await
    }

    /// Waits until the API server accepts a VM, which follows the condition a moment later.
    pub async fn machine(&self, name: &str) -> anyhow::Result<()> {
        self.condition(condition::kind::VM_CREATION_ALLOWED, ConditionStatus::True)
            .await?;
        settles("a VM is accepted", async || {
            Ok(self.create_machine(name).await.map(drop)?)
        })
        .await
    }

    /// Waits until the API server refuses a VM, and says that: it learns of policies, and of what they read, a moment
    /// after it has stored them.
    pub async fn refuses_machines(&self, because: &str) -> anyhow::Result<()> {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let machine = machine("refused");
        refuses(&self.machines(), &machine, &dry_run, because).await
    }

    /// Waits for anything to be published, so long at most.
    pub async fn news(&self, limit: Duration) {
        self.recorder.turn_of_events(limit).await;
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

    /// Waits until that condition is given for that reason.
    pub async fn reason(&self, type_: &str, reason: &str) -> anyhow::Result<Condition> {
        let runtime = self
            .status(&format!("{type_} for {reason}"), |_, status| {
                condition::find(&status.conditions, type_)
                    .is_some_and(|condition| condition.reason == reason)
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

    /// Waits for the Event that tells of it.
    pub async fn put_right_is_told(&self, note: &str) -> anyhow::Result<()> {
        let kind = ApiResource::erase::<k8s_openapi::api::events::v1::Event>(&());
        let events: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), "default", &kind);
        until(events, &format!("an Event: {note}"), |events| {
            let tells = |event: &DynamicObject| {
                let said = event.data["note"].as_str().unwrap_or_default();
                event.data["reason"] == "PutRight" && said.contains(note)
            };
            events.iter().any(tells).then_some(())
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
        let nodes: Api<Node> = Api::all(self.client.clone());
        let patch = json!({"metadata": {"labels": {label: value}}});
        nodes
            .patch(node, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(())
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE)
    }

    /// Puts virt-operator to sleep, or wakes it up.
    pub async fn scale_operator(&self, replicas: i32) -> anyhow::Result<()> {
        let api: Api<Deployment> = Api::all(self.client.clone());
        let labelled = ListParams::default().labels(&format!("{COMPONENT_LABEL}={VIRT_OPERATOR}"));
        let found = api.list(&labelled).await?;
        let operator = found.items.first().context("an operator")?;
        let name = operator.name_any();
        let namespace = operator.namespace().unwrap_or_default();
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &namespace);
        let patch = json!({"spec": {"replicas": replicas}});
        api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        until(api, "as many operators", |deployments| {
            let operator = deployments.iter().find(|found| found.name_any() == name)?;
            let status = operator.status.clone().unwrap_or_default();
            let seen = status.observed_generation == operator.metadata.generation;
            (seen && status.available_replicas.unwrap_or(0) == replicas).then_some(())
        })
        .await
    }

    /// Waits for a probe pod that has been started.
    pub async fn running_probe(&self) -> anyhow::Result<Pod> {
        until(self.pods(), "a probe pod that runs", |pods| {
            let runs = |pod: &&Pod| {
                let phase = pod
                    .status
                    .as_ref()
                    .and_then(|status| status.phase.as_deref());
                pod.labels().contains_key(PREFLIGHT_CHECK_LABEL) && phase == Some("Running")
            };
            pods.iter().find(runs).cloned()
        })
        .await
    }

    /// Ends a probe pod as a healthy node does.
    pub async fn end_probe(&self, pod: &Pod) -> anyhow::Result<()> {
        let ended = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
            "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "message": report(None)}},
        }]}});
        let parameters = PatchParams::default();
        self.pods()
            .patch_status(&pod.name_any(), &parameters, &Patch::Merge(&ended))
            .await?;
        Ok(())
    }

    /// The admission policies.
    pub fn policies(&self) -> Api<DynamicObject> {
        self.admission("ValidatingAdmissionPolicy", "validatingadmissionpolicies")
    }

    pub fn bindings(&self) -> Api<DynamicObject> {
        self.admission(
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
        )
    }

    fn admission(&self, kind: &str, plural: &str) -> Api<DynamicObject> {
        self.api("admissionregistration.k8s.io", "v1", kind, plural)
    }
}

fn machine(name: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name},
        "spec": {"running": false, "template": {"spec": {"domain": {"devices": {}}}}},
    }))
    .unwrap()
}

/// Waits until an object is refused with those words.
pub async fn refuses(
    api: &Api<DynamicObject>,
    object: &DynamicObject,
    by: &PostParams,
    because: &str,
) -> anyhow::Result<()> {
    settles(
        &format!("a refusal because {because}"),
        async || match api.create(by, object).await {
            Err(kube::Error::Api(status)) if status.message.contains(because) => Ok(()),
            other => anyhow::bail!("answered {other:?}"),
        },
    )
    .await
}

pub fn pass(check: &VMRuntimePreflightCheck) -> Option<bool> {
    check.status.as_ref().and_then(|status| status.pass)
}
