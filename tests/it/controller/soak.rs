//! Changes at random, of everything that anybody may change: the spec, nodes, VMs, checks, pods, the engine and the
//! controller itself. After them everything is as it was, and nothing has been leaked. `BMCTL_SOAK=10000` makes as many;
//! `BMCTL_SOAK_SEED` makes others.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, ensure};
use bmctl::{
    api::{
        VMRuntimePreflightCheck,
        name::{
            CREATION_FENCE_UNTIL, FORCE_DISABLE, PREFLIGHT_CHECK_LABEL, SKIP_SCHEDULE, VMRUNTIME,
        },
    },
    simulator::NodeProfile,
};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    discovery::{Discovery, verbs},
};
use libtest_mimic::Trial;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    eventually::settles,
    process::{Process, bench},
    test_cluster::{TestCluster, run_on},
};

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("controller::soak_ends_as_it_began", || {
        let nodes = NODES.map(NodeProfile::pretend).to_vec();
        run_on(nodes, soak).map(drop)
    })]
}

/// So many changes in the ordinary suite.
const CHANGES: usize = 80;
const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
const MACHINES: [&str; 6] = ["vm1", "vm2", "vm3", "vm4", "vm5", "vm6"];
const HOLD: &str = "example.com/hold";
/// Finished checks that are kept, and the one that the summary names.
const KEPT: usize = 11;
/// How much more memory the second half may take, in KiB: what an allocator keeps, and no more with more changes.
const SLACK: usize = 12 * 1024;

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
}

async fn soak(test_cluster: TestCluster) -> anyhow::Result<()> {
    let changes = number("BMCTL_SOAK").unwrap_or(CHANGES);
    let seed = number("BMCTL_SOAK_SEED").unwrap_or(1);
    let bench = bench(&test_cluster);
    let mut controller = Process::quick(&bench)?;
    test_cluster.phase("Disabled").await?;
    test_cluster.enable(true).await?;
    test_cluster.ready().await?;
    let mut hands = Hands {
        test_cluster: &test_cluster,
        rng: StdRng::seed_from_u64(seed as u64),
    };
    hands.calm_down().await?;
    let before = inventory(&test_cluster).await?;
    for number in 0..changes / 2 {
        hands
            .change()
            .await
            .with_context(|| format!("change {number}"))?;
        if number % 100 == 20 {
            // In the middle of whatever it does.
            controller.signal("KILL")?;
            controller = Process::quick(&bench)?;
        }
    }
    hands.calm_down().await?;
    let (half, _) = controller.memory()?;
    for number in changes / 2..changes {
        hands
            .change()
            .await
            .with_context(|| format!("change {number}"))?;
    }
    hands.calm_down().await?;
    let (whole, peak) = controller.memory()?;
    settles("nothing more than there was", async || {
        let now = inventory(&test_cluster).await?;
        ensure!(
            now == before,
            "left: {:?}; lost: {:?}",
            now.difference(&before).collect::<Vec<_>>(),
            before.difference(&now).collect::<Vec<_>>()
        );
        Ok(())
    })
    .await?;
    ensure!(
        whole <= half + SLACK,
        "{whole} KiB after {changes} changes, {half} KiB after half of them"
    );
    if std::env::var_os("BMCTL_SOAK").is_some() {
        #[allow(clippy::print_stderr, reason = "a measurement that was asked for")]
        {
            let requests = controller.requests().await?;
            eprintln!(
                "{changes} changes: {half} KiB after half of them, {whole} KiB after all, at most {peak} KiB; {requests} requests in the second half"
            );
        }
    }
    controller.stop()
}

/// Everybody who can write to the cluster.
struct Hands<'a> {
    test_cluster: &'a TestCluster,
    rng: StdRng,
}

impl Hands<'_> {
    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())]
    }

    /// Somebody does something, and mostly waits to see what comes of it. The API server may refuse it.
    async fn change(&mut self) -> anyhow::Result<()> {
        let done = match self.rng.random_range(0..24) {
            0..=2 => self.spec().await,
            3 => self.annotation().await,
            4 => self.remove_runtime().await,
            5..=7 => self.report_node().await,
            8 => self.label_node().await,
            9 => self.replace_node().await,
            10..=13 => self.create_machine().await,
            14..=16 => self.delete_machine().await,
            17 | 18 => self.hold_machine().await,
            19 | 20 => self.check().await,
            21 => self.remove_pod().await,
            22 => self.remove_engine().await,
            _ => self.open_gate().await,
        };
        match done {
            Ok(()) | Err(kube::Error::Api(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if self.rng.random_bool(0.7) {
            let limit = Duration::from_millis(self.rng.random_range(1..60));
            self.test_cluster.news(limit).await;
        }
        Ok(())
    }

    async fn patch_runtime(&self, patch: Value) -> kube::Result<()> {
        let (runtime, by) = (self.test_cluster.runtime(), PatchParams::default());
        let patch = Patch::Merge(&patch);
        runtime.patch(VMRUNTIME, &by, &patch).await.map(drop)
    }

    async fn spec(&mut self) -> kube::Result<()> {
        let spec = match self.rng.random_range(0..4) {
            0 => json!({"useEmulation": self.rng.random_bool(0.5)}),
            1 => json!({"vmImageFormat": self.one_of(&["raw", "qcow2"])}),
            _ => json!({"enabled": self.rng.random_bool(0.6)}),
        };
        self.patch_runtime(json!({"spec": spec})).await
    }

    async fn annotation(&mut self) -> kube::Result<()> {
        let annotations = if self.rng.random_bool(0.5) {
            json!({FORCE_DISABLE: self.one_of(&["true", "true", "false", "True"])})
        } else {
            let until = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300);
            json!({CREATION_FENCE_UNTIL: until.to_string()})
        };
        self.patch_runtime(json!({"metadata": {"annotations": annotations}}))
            .await
    }

    async fn remove_runtime(&mut self) -> kube::Result<()> {
        if self.rng.random_bool(0.7) {
            return Ok(());
        }
        let removed = self.test_cluster.runtime();
        removed
            .delete(VMRUNTIME, &DeleteParams::default())
            .await
            .map(drop)
    }

    fn nodes(&self) -> Api<Node> {
        Api::all(self.test_cluster.client.clone())
    }

    async fn report_node(&mut self) -> kube::Result<()> {
        let node = self.one_of(&NODES);
        let status = if self.rng.random_bool(0.3) {
            json!({"nodeInfo": {"kubeletVersion": self.one_of(&["v1.33.1", "v1.34.0"])}})
        } else {
            ready(self.rng.random_bool(0.7))
        };
        report(&self.nodes(), node, &status).await
    }

    async fn label_node(&mut self) -> kube::Result<()> {
        let node = self.one_of(&NODES);
        let patch = if self.rng.random_bool(0.5) {
            json!({"metadata": {"labels": {SKIP_SCHEDULE: self.one_of(&[Some(""), None])}}})
        } else {
            json!({"spec": {"unschedulable": self.rng.random_bool(0.5)}})
        };
        let patched = self.nodes();
        let by = PatchParams::default();
        patched
            .patch(node, &by, &Patch::Merge(&patch))
            .await
            .map(drop)
    }

    /// Another machine under the same name.
    async fn replace_node(&mut self) -> kube::Result<()> {
        let node = self.one_of(&NODES);
        let nodes = self.nodes();
        nodes.delete(node, &DeleteParams::default()).await?;
        register(&nodes, node).await
    }

    async fn create_machine(&mut self) -> kube::Result<()> {
        let name = self.one_of(&MACHINES);
        self.test_cluster.create_machine(name).await.map(drop)
    }

    async fn delete_machine(&mut self) -> kube::Result<()> {
        let name = self.one_of(&MACHINES);
        let machines = self.test_cluster.machines();
        machines
            .delete(name, &DeleteParams::default())
            .await
            .map(drop)
    }

    async fn hold_machine(&mut self) -> kube::Result<()> {
        let name = self.one_of(&MACHINES);
        let holds = self.rng.random_bool(0.5);
        hold(self.test_cluster, name, holds).await
    }

    async fn check(&mut self) -> kube::Result<()> {
        let checks = self.test_cluster.checks();
        if self.rng.random_bool(0.6) {
            let name = format!("check-{}", self.rng.random::<u32>());
            let check: VMRuntimePreflightCheck =
                serde_json::from_value(json!({"metadata": {"name": name}, "spec": {}})).unwrap();
            return checks
                .create(&PostParams::default(), &check)
                .await
                .map(drop);
        }
        let all = checks.list(&ListParams::default()).await?;
        let Some(check) = all.items.first() else {
            return Ok(());
        };
        let name = check.name_any();
        checks
            .delete(&name, &DeleteParams::default())
            .await
            .map(drop)
    }

    async fn remove_pod(&mut self) -> kube::Result<()> {
        let probes = ListParams::default().labels(PREFLIGHT_CHECK_LABEL);
        let pods = self.test_cluster.pods().list(&probes).await?;
        let Some(pod) = pods.items.first() else {
            return Ok(());
        };
        let removed = self.test_cluster.pods();
        removed
            .delete(&pod.name_any(), &DeleteParams::default())
            .await
            .map(drop)
    }

    /// Refused while it is protected.
    async fn remove_engine(&mut self) -> kube::Result<()> {
        let removed = self.test_cluster.kubevirt();
        removed
            .delete("kubevirt", &DeleteParams::default())
            .await
            .map(drop)
    }

    async fn open_gate(&mut self) -> kube::Result<()> {
        let gate = "vm-create.vmruntime.vm.cluster.gke.io";
        let bindings = self.test_cluster.bindings();
        if self.rng.random_bool(0.5) {
            return bindings
                .delete(gate, &DeleteParams::default())
                .await
                .map(drop);
        }
        let warn = Patch::Merge(json!({"spec": {"validationActions": ["Warn"]}}));
        let by = PatchParams::default();
        bindings.patch(gate, &by, &warn).await.map(drop)
    }

    /// Whoever held something lets go; VMs go, every machine is well, and VM Runtime is enabled.
    async fn calm_down(&mut self) -> anyhow::Result<()> {
        let test_cluster = self.test_cluster;
        let nodes = self.nodes();
        for node in NODES {
            if nodes.get_opt(node).await?.is_none() {
                register(&nodes, node).await?;
            }
            let usable = json!({
                "metadata": {"labels": {SKIP_SCHEDULE: null}}, "spec": {"unschedulable": null},
            });
            let by = PatchParams::default();
            nodes.patch(node, &by, &Patch::Merge(&usable)).await?;
            report(&nodes, node, &ready(true)).await?;
        }
        // Once off and everything gone, and then on again.
        test_cluster
            .status("an object", |runtime, _| {
                runtime.metadata.deletion_timestamp.is_none()
            })
            .await?;
        self.patch_runtime(json!({
            "metadata": {"annotations": {FORCE_DISABLE: "true", CREATION_FENCE_UNTIL: null}},
            "spec": {"enabled": false, "useEmulation": null, "vmImageFormat": null},
        }))
        .await?;
        for name in MACHINES {
            match hold(test_cluster, name, false).await {
                Ok(()) | Err(kube::Error::Api(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        test_cluster.phase("Disabled").await?;
        self.no_leak().await?;
        test_cluster.force("false").await?;
        test_cluster.enable(true).await?;
        test_cluster.ready().await?;
        self.no_leak().await
    }

    /// Of checks and their pods.
    async fn no_leak(&self) -> anyhow::Result<()> {
        let test_cluster = self.test_cluster;
        settles("every check has ended and left no pod", async || {
            let probes = ListParams::default().labels(PREFLIGHT_CHECK_LABEL);
            let pods = test_cluster.pods().list(&probes).await?;
            ensure!(pods.items.is_empty(), "pods: {:?}", names(&pods.items));
            let checks = test_cluster
                .checks()
                .list(&ListParams::default())
                .await?
                .items;
            let unfinished = checks.iter().filter(|check| {
                let status = check.status.as_ref();
                status.is_none_or(|status| status.pass.is_none())
            });
            ensure!(
                unfinished.count() == 0 && checks.len() <= KEPT,
                "checks: {checks:?}"
            );
            Ok(())
        })
        .await
    }
}

fn names(pods: &[Pod]) -> Vec<String> {
    pods.iter().map(ResourceExt::name_any).collect()
}

async fn register(nodes: &Api<Node>, name: &str) -> kube::Result<()> {
    let node: Node = serde_json::from_value(NodeProfile::pretend(name).node()).unwrap();
    nodes.create(&PostParams::default(), &node).await.map(drop)
}

fn ready(is_ready: bool) -> Value {
    let status = if is_ready { "True" } else { "False" };
    json!({"conditions": [{
        "type": "Ready", "status": status, "reason": "Soaked",
        "lastTransitionTime": jiff::Timestamp::now().to_string(),
    }]})
}

async fn report(nodes: &Api<Node>, name: &str, status: &Value) -> kube::Result<()> {
    let by = PatchParams::default();
    let patch = Patch::Strategic(json!({"status": status}));
    nodes.patch_status(name, &by, &patch).await.map(drop)
}

async fn hold(test_cluster: &TestCluster, name: &str, holds: bool) -> kube::Result<()> {
    let machines = test_cluster.machines();
    let mut finalizers = machines.get(name).await?.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != HOLD);
    if holds {
        finalizers.push(HOLD.to_owned());
    }
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let by = PatchParams::default();
    machines.patch(name, &by, &patch).await.map(drop)
}

/// Everything that there is in the cluster, except what comes and goes: news, leases, and checks, which are counted.
async fn inventory(test_cluster: &TestCluster) -> anyhow::Result<BTreeSet<String>> {
    const PASSING: [&str; 3] = ["Event", "Lease", "VMRuntimePreflightCheck"];
    let discovery = Discovery::new(test_cluster.client.clone()).run().await?;
    let mut all = BTreeSet::new();
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let is_kept = capabilities.supports_operation(verbs::LIST)
                && capabilities.supports_operation(verbs::DELETE);
            if !is_kept || PASSING.contains(&resource.kind.as_str()) {
                continue;
            }
            let api: Api<kube::core::DynamicObject> =
                Api::all_with(test_cluster.client.clone(), &resource);
            let list = api.list_metadata(&ListParams::default()).await?;
            all.extend(list.items.iter().map(|found| {
                // The names of pods are made up anew each time.
                let name = match &found.metadata.generate_name {
                    Some(beginning) => format!("{beginning}…"),
                    None => found.name_any(),
                };
                let place = found.namespace().unwrap_or_default();
                format!("{} {place}/{name}", resource.kind)
            }));
        }
    }
    Ok(all)
}
