//! The cluster room over real HTTPS: reading, patching, waiting and removing while the API server goes away, forgets,
//! and somebody else writes. The test itself plays the controller, through a client that needs no socket.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail, ensure};
use apiserver::{Identity, Options, Server};
use bmctl::{
    api::{
        VMRuntime, VMRuntimePreflightCheck, crd,
        name::{PREFLIGHT_INPUTS, SYSTEM_NAMESPACE},
    },
    cluster::{
        self, Cluster, ConnectOptions, Deadline, Event, Observer, Retry, Silent, inventory,
        removal, vmruntime,
        vmruntime::{DryRun, RuntimeObject, SpecChange},
        wait::{self, Baseline, Outcome, Target, Wait},
    },
    failure::{Kind, Reason},
    runtime::preflight::Inputs,
};
use k8s_openapi::{
    api::core::v1::Namespace,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Client,
    api::{Api, DynamicObject, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

pub fn trials() -> Vec<Trial> {
    tests![
        "cluster", asynchronous:
        enabling_through_an_outage,
        ready_before_is_not_ready_again,
        somebody_else_writes_too,
        not_installed_and_not_there,
        machines_are_really_gone,
    ]
}

fn run(test: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failed> {
    const DEADLINE: Duration = Duration::from_secs(60);
    // As the commands: one thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, test).await });
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{error:#}").into()),
        Err(_) => Err(format!("not done after {DEADLINE:?}").into()),
    }
}

/// A sandbox with VM Runtime installed, and nobody in it who would do anything.
struct TestCluster {
    sandbox: Server,
    /// Over HTTPS, as a command has it.
    cluster: Cluster,
    /// Without sockets: works while the listener is closed.
    player: Client,
    _folder: TempDir,
}

const ENABLE: SpecChange = SpecChange {
    enabled: Some(true),
    use_emulation: None,
    vm_image_format: None,
};

impl TestCluster {
    async fn empty() -> anyhow::Result<Self> {
        let sandbox = Server::start(Options {
            history: 10,
            ..Options::default()
        })
        .await?;
        let folder = tempfile::tempdir()?;
        let path: PathBuf = folder.path().join("kubeconfig");
        std::fs::write(&path, sandbox.kubeconfig())?;
        let cluster = cluster::connect(&ConnectOptions {
            kubeconfig: Some(path),
            ..ConnectOptions::default()
        })
        .await?;
        Ok(Self {
            player: sandbox.client(&Identity::owner()),
            sandbox,
            cluster,
            _folder: folder,
        })
    }

    /// With these kinds.
    async fn serving(
        definitions: impl IntoIterator<Item = CustomResourceDefinition>,
    ) -> anyhow::Result<Self> {
        let test_cluster = Self::empty().await?;
        for definition in definitions {
            let api: Api<CustomResourceDefinition> = Api::all(test_cluster.player.clone());
            api.create(&PostParams::default(), &definition).await?;
        }
        Ok(test_cluster)
    }

    /// With the one VMRuntime, disabled.
    async fn installed() -> anyhow::Result<Self> {
        let test_cluster = Self::serving(crd::runtime_definitions()).await?;
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(SYSTEM_NAMESPACE.to_owned());
        let namespaces: Api<Namespace> = Api::all(test_cluster.player.clone());
        match namespaces.create(&PostParams::default(), &namespace).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(error.into()),
        }
        let runtime = VMRuntime::new("vmruntime", bmctl::api::VMRuntimeSpec::default());
        test_cluster
            .runtimes()
            .create(&PostParams::default(), &runtime)
            .await?;
        Ok(test_cluster)
    }

    fn runtimes(&self) -> Api<VMRuntime> {
        Api::all(self.player.clone())
    }

    fn checks(&self) -> Api<VMRuntimePreflightCheck> {
        Api::namespaced(self.player.clone(), SYSTEM_NAMESPACE)
    }

    /// Enables it as a command does, and says what a wait starts from.
    async fn enable(&self) -> anyhow::Result<Baseline> {
        let retry = Retry::once();
        let before = vmruntime::get(&self.cluster.client, &retry).await?;
        let after =
            vmruntime::patch(&self.cluster.client, &retry, &before, &ENABLE, DryRun::No).await?;
        Ok(Baseline::patched(&before, after))
    }

    /// The controller reports.
    async fn report(&self, status: Value) -> anyhow::Result<RuntimeObject> {
        let patch = Patch::Merge(json!({"status": status}));
        let runtime = self
            .runtimes()
            .patch_status("vmruntime", &PatchParams::default(), &patch)
            .await?;
        Ok(RuntimeObject::parse(serde_json::to_value(runtime)?)?)
    }

    /// The controller runs a check, and reports it.
    async fn check_and_report_ready(&self, name: &str) -> anyhow::Result<()> {
        let runtime = self.runtimes().get("vmruntime").await?;
        let generation = runtime.metadata.generation.unwrap_or_default();
        let inputs = serde_json::to_string(&Inputs {
            runtime: runtime.metadata.uid.unwrap_or_default(),
            generation,
            ..Inputs::default()
        })?;
        let check: VMRuntimePreflightCheck = serde_json::from_value(json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": name, "annotations": {PREFLIGHT_INPUTS: inputs}}, "spec": {},
        }))?;
        self.checks().create(&PostParams::default(), &check).await?;
        let passed = Patch::Merge(
            json!({"status": {"pass": true, "checks": {"n1": {"passed": true, "results": []}}}}),
        );
        self.checks()
            .patch_status(name, &PatchParams::default(), &passed)
            .await?;
        let generation = self.runtimes().get("vmruntime").await?.metadata.generation;
        self.report(ready_by(name, generation.unwrap_or_default()))
            .await?;
        Ok(())
    }
}

fn ready_by(check: &str, generation: i64) -> Value {
    json!({
        "ready": true, "observedGeneration": generation,
        "conditions": [{"type": "Ready", "status": "True", "reason": "EngineReady", "message": "", "observedGeneration": generation}],
        "preflightCheckSummary": {"preflightCheckName": check, "preflightCheckPassed": true},
    })
}

fn until_ready(baseline: Baseline) -> Wait {
    Wait {
        target: Target::Ready,
        baseline: Some(baseline),
        fail_fast: true,
    }
}

/// Passes events on to the test.
struct Told(mpsc::UnboundedSender<Event>);

impl Observer for Told {
    fn event(&self, event: &Event) {
        // The test may have heard enough.
        let _ = self.0.send(event.clone());
    }
}

fn trial() -> (Told, mpsc::UnboundedReceiver<Event>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Told(sender), receiver)
}

async fn hear(
    events: &mut mpsc::UnboundedReceiver<Event>,
    wanted: impl Fn(&Event) -> bool,
) -> anyhow::Result<()> {
    while let Some(event) = events.recv().await {
        if wanted(&event) {
            return Ok(());
        }
    }
    bail!("it ended without telling")
}

/// The API server goes away in the middle, its history is forgotten meanwhile, and everything happens while nobody
/// can see it.
async fn enabling_through_an_outage() -> anyhow::Result<()> {
    let test_cluster = TestCluster::installed().await?;
    let wait = until_ready(test_cluster.enable().await?);
    let (told, mut events) = trial();
    let retry = Retry::new(Deadline::after(Duration::from_secs(50)), &told);
    let waiting = wait::until(&test_cluster.cluster.client, &wait, &retry);
    let playing = async {
        hear(&mut events, |event| matches!(event, Event::Waiting { .. })).await?;
        test_cluster.sandbox.close_listener().await;
        hear(&mut events, |event| {
            matches!(event, Event::WatchLost { .. })
        })
        .await?;
        test_cluster.check_and_report_ready("first").await?;
        for round in 0..30 {
            let patch = Patch::Merge(json!({"metadata": {"labels": {"round": round.to_string()}}}));
            test_cluster
                .runtimes()
                .patch("vmruntime", &PatchParams::default(), &patch)
                .await?;
        }
        test_cluster.sandbox.open_listener().await
    };
    let (outcome, played) = tokio::join!(waiting, playing);
    played.context("playing the controller")?;
    let Outcome::Reached(reached) = outcome? else {
        bail!("the check has passed");
    };
    ensure!(reached.check.context("the check")?.metadata.name.as_deref() == Some("first"));
    ensure!(reached.warnings.is_empty(), "{:?}", reached.warnings);
    Ok(())
}

/// Enabled, disabled and enabled again: what was true the first time does not count.
async fn ready_before_is_not_ready_again() -> anyhow::Result<()> {
    let test_cluster = TestCluster::installed().await?;
    test_cluster.enable().await?;
    test_cluster.check_and_report_ready("first").await?;
    let off = Patch::Merge(json!({"spec": {"enabled": false}}));
    test_cluster
        .runtimes()
        .patch("vmruntime", &PatchParams::default(), &off)
        .await?;
    let wait = until_ready(test_cluster.enable().await?);
    let (told, mut events) = trial();
    let retry = Retry::new(Deadline::after(Duration::from_secs(50)), &told);
    let waiting = wait::until(&test_cluster.cluster.client, &wait, &retry);
    let playing = async {
        hear(
            &mut events,
            |event| matches!(event, Event::Waiting { missing, .. } if missing.len() == 2),
        )
        .await?;
        // The controller has seen the change, and is ready; but by the old check.
        let generation = test_cluster
            .runtimes()
            .get("vmruntime")
            .await?
            .metadata
            .generation;
        test_cluster
            .report(ready_by("first", generation.unwrap_or_default()))
            .await?;
        hear(&mut events, |event| {
            matches!(event, Event::Waiting { missing, .. } if *missing == ["no preflight check has started since the change"])
        })
        .await?;
        test_cluster.check_and_report_ready("second").await
    };
    let (outcome, played) = tokio::join!(waiting, playing);
    played.context("playing the controller")?;
    let Outcome::Reached(reached) = outcome? else {
        bail!("the check has passed");
    };
    ensure!(reached.check.context("the check")?.metadata.name.as_deref() == Some("second"));
    Ok(())
}

/// Labels and status are nobody's business; the spec is; and setting it back ends a wait.
async fn somebody_else_writes_too() -> anyhow::Result<()> {
    let test_cluster = TestCluster::installed().await?;
    let retry = Retry::once();
    let stale = vmruntime::get(&test_cluster.cluster.client, &retry).await?;
    let patch = |body: Value, manager: &'static str| {
        let runtimes = test_cluster.runtimes();
        async move {
            let parameters = PatchParams {
                field_manager: Some(manager.to_owned()),
                ..PatchParams::default()
            };
            runtimes
                .patch("vmruntime", &parameters, &Patch::Merge(body))
                .await
        }
    };
    patch(
        json!({"metadata": {"labels": {"team": "a"}}}),
        "kubectl-label",
    )
    .await?;
    test_cluster.report(json!({"ready": false})).await?;
    let enabled = vmruntime::patch(
        &test_cluster.cluster.client,
        &retry,
        &stale,
        &ENABLE,
        DryRun::No,
    )
    .await?
    .runtime;
    ensure!(enabled.object.spec.enabled);
    ensure!(
        enabled.object.metadata.labels.is_some(),
        "the label is kept"
    );

    patch(json!({"spec": {"useEmulation": true}}), "argocd").await?;
    let change = SpecChange {
        enabled: Some(false),
        ..SpecChange::default()
    };
    let failure = vmruntime::patch(
        &test_cluster.cluster.client,
        &retry,
        &enabled,
        &change,
        DryRun::No,
    )
    .await
    .err()
    .context("the spec was changed meanwhile")?;
    ensure!(failure.kind == Kind::Conflict, "{failure:?}");
    ensure!(
        failure.causes == ["spec.useEmulation: false → true, by argocd"],
        "{failure:?}"
    );

    let now = vmruntime::get(&test_cluster.cluster.client, &retry).await?;
    let wait = until_ready(Baseline::unchanged(now));
    let (told, mut events) = trial();
    let watched = Retry::new(Deadline::after(Duration::from_secs(50)), &told);
    let waiting = wait::until(&test_cluster.cluster.client, &wait, &watched);
    let flipping = async {
        hear(&mut events, |event| matches!(event, Event::Waiting { .. })).await?;
        Ok::<_, anyhow::Error>(patch(json!({"spec": {"enabled": false}}), "argocd").await?)
    };
    let (outcome, flipped) = tokio::join!(waiting, flipping);
    flipped?;
    let failure = outcome.err().context("it was flipped back")?;
    ensure!(
        failure.message == "spec.enabled was set to false by argocd while we waited",
        "{failure:?}"
    );
    Ok(())
}

/// Nothing served: not installed, and certainly no VMs. Nobody there: unreachable, and soon.
async fn not_installed_and_not_there() -> anyhow::Result<()> {
    let test_cluster = TestCluster::empty().await?;
    let retry = || Retry::new(Deadline::after(Duration::from_secs(600)), &Silent);
    let client = &test_cluster.cluster.client;
    let failure = vmruntime::get(client, &retry())
        .await
        .err()
        .context("not served")?;
    ensure!(
        (failure.kind, failure.reason) == (Kind::NotInstalled, Reason::NotServed),
        "{failure:?}"
    );
    ensure!(inventory::take(client, &retry()).await?.count() == 0);

    test_cluster.sandbox.close_listener().await;
    let failure = vmruntime::get(client, &retry())
        .await
        .err()
        .context("nobody there")?;
    ensure!(
        (failure.kind, failure.reason) == (Kind::Unreachable, Reason::ConnectionRefused),
        "{failure:?}"
    );
    let failure = inventory::take(client, &retry())
        .await
        .err()
        .context("nobody there")?;
    ensure!(failure.kind == Kind::Unreachable, "{failure:?}");
    Ok(())
}

/// Machines with generated children and disks, one of them held by a finalizer for a while.
async fn machines_are_really_gone() -> anyhow::Result<()> {
    let test_cluster = TestCluster::serving(crd::machine_definitions()).await?;
    let api = |kind: &str| -> Api<DynamicObject> {
        let resource =
            ApiResource::from_gvk(&GroupVersionKind::gvk("vm.cluster.gke.io", "v1", kind));
        Api::namespaced_with(test_cluster.player.clone(), "default", &resource)
    };
    let (machines, disks) = (api("VirtualMachine"), api("VirtualMachineDisk"));
    for (name, finalizers) in [("free", json!([])), ("held", json!(["example.com/hold"]))] {
        let machine = serde_json::from_value(json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine",
            "metadata": {"name": name, "finalizers": finalizers},
            "spec": {"disks": [{"virtualMachineDiskName": format!("{name}-boot")}]},
        }))?;
        machines.create(&PostParams::default(), &machine).await?;
    }
    for name in ["free-boot", "held-boot", "spare"] {
        let disk = serde_json::from_value(json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachineDisk",
            "metadata": {"name": name}, "spec": {"size": "1Gi"},
        }))?;
        disks.create(&PostParams::default(), &disk).await?;
    }
    let client = &test_cluster.cluster.client;
    let inventory = inventory::take(client, &Retry::once()).await?;
    ensure!(inventory.count() == 2);

    let (told, mut events) = trial();
    let retry = Retry::new(Deadline::after(Duration::from_secs(50)), &told);
    let plan = removal::Plan::new(
        inventory,
        removal::Disks::Delete,
        &removal::LeftOver::default(),
    );
    let removing = removal::remove(client, plan, None, &retry);
    let playing = async {
        let free = |event: &Event| matches!(event, Event::Removed(object) if object.name == "free");
        hear(&mut events, free).await?;
        let held = machines
            .get("held")
            .await
            .context("a finalizer is never stripped")?;
        ensure!(held.metadata.deletion_timestamp.is_some());
        ensure!(
            disks.get_opt("held-boot").await?.is_some(),
            "disks go after the machines"
        );
        let release = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        machines
            .patch("held", &PatchParams::default(), &release)
            .await?;
        anyhow::Ok(())
    };
    let (removed, played) = tokio::join!(removing, playing);
    played.context("playing the owner of the finalizer")?;
    let removed = removed?;
    ensure!(
        removed.machines.len() == 2 && removed.disks.len() == 2,
        "{removed:?}"
    );
    ensure!(inventory::take(client, &Retry::once()).await?.count() == 0);
    ensure!(
        disks.get_opt("spare").await?.is_some(),
        "a disk of no machine stays"
    );
    Ok(())
}
