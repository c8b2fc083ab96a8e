//! Disables at random: VMs are created, deleted, held and released, VM Runtime is turned on again, requests fail, their
//! answers are lost, and the work is dropped in the middle, at every step and by a seed. Everything runs in this
//! process, without sockets and with delays of milliseconds.
//!
//! The law: an object is deleted only on the condition of its UID and after the index of the backup names it; nothing is
//! deleted where it ends refused; a success is never contradicted by a list; and without disturbances the next run
//! always comes to the end. A run that breaks it is repeated with `BMCTL_CHAOS_SEED=N`; `BMCTL_CHAOS_RUNS=1000` makes
//! as many runs.

pub mod dice;
mod meeting;
mod world;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bmctl::{
    api::crd,
    cluster::{Deadline, Retry, Silent, backup::Place, removal::Disks, retry::Pace},
    commands::disable_vmruntime::work::{Account, ClusterNames, Consent, Looked, Work, deletes},
    failure::Failure,
    runtime::disable::Force,
    sandbox::{Identity, Sandbox, SandboxOptions},
};
use kube::Client;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tokio::sync::Notify;

use self::{
    dice::Dice,
    world::{
        ALL, DV, FORCE, GDISK, MACHINES, RUNTIME, RUNTIMES, Scene, VM, VMI, World, items,
        object_path, send, uid,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("disable::chaos_never_breaks_the_law", chaos)]
}

/// So many runs in the ordinary suite.
const RUNS: u64 = 40;
const PACE: Pace = Pace {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    first_contact_tries: 3,
    settle: Duration::from_millis(2),
    stuck: Duration::from_millis(40),
};
/// The longest that a run may take on a machine that has other things to do; most take a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(300);
/// What of it the last attempt gets, which is not disturbed.
const CALM: Duration = Duration::from_secs(200);

fn chaos() -> Result<(), Failed> {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("BMCTL_CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BMCTL_CHAOS_RUNS").unwrap_or(RUNS),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let stage = Stage::start().await?;
        let runs = seeds.end - seeds.start;
        for seed in seeds {
            let run = tokio::time::timeout(PATIENCE, stage.run(seed));
            match run.await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(format!("seed {seed}: {why}").into()),
                Err(_) => return Err(format!("seed {seed}: not done after {PATIENCE:?}").into()),
            }
        }
        let seen = stage.seen.borrow();
        if std::env::var_os("BMCTL_CHAOS_RUNS").is_some() {
            #[allow(clippy::print_stderr, reason = "a count that was asked for")]
            {
                eprintln!("{runs} runs: {seen:?}");
            }
        }
        let each = [seen.dropped, seen.succeeded, seen.failed, seen.refused];
        if runs >= RUNS && (each.contains(&0) || seen.deleted == 0) {
            return Err(format!("{runs} runs have not met everything: {seen:?}").into());
        }
        Ok(())
    })
}

struct Stage {
    _sandbox: Sandbox,
    owner: Client,
    seen: RefCell<Seen>,
}

/// What has come up in all runs: a test that never meets trouble proves nothing.
#[derive(Debug, Default)]
struct Seen {
    dropped: u64,
    succeeded: u64,
    failed: u64,
    refused: u64,
    deleted: usize,
}

impl Stage {
    async fn start() -> Result<Self, Failed> {
        let sandbox = Sandbox::start(SandboxOptions {
            history: 200,
            ..SandboxOptions::default()
        })
        .await?;
        let owner = sandbox.client(&Identity::owner());
        let definitions = crd::runtime_definitions()
            .into_iter()
            .chain(crd::machine_definitions());
        let mut all: Vec<Value> = definitions
            .map(|definition| serde_json::to_value(definition).unwrap())
            .collect();
        all.extend([VM, VMI, DV].map(|(group, plural, kind)| {
            let (group, version) = group.split_once('/').unwrap();
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.{group}")},
                "spec": {
                    "group": group, "scope": "Namespaced",
                    "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
                    "versions": [{"name": version, "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                        "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
                },
            })
        }));
        for definition in all {
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            send(&owner, "POST", path, definition)
                .await
                .map_err(|error| format!("{error:?}"))?;
        }
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vm-system"}});
        send(&owner, "POST", "/api/v1/namespaces", namespace)
            .await
            .map_err(|error| format!("{error:?}"))?;
        Ok(Self {
            _sandbox: sandbox,
            owner,
            seen: RefCell::default(),
        })
    }

    /// Nothing of an earlier run is left.
    async fn clear(&self) {
        for kind in ALL {
            for object in items(&self.owner, kind).await {
                let path = object_path(kind, &object);
                let _ = send(
                    &self.owner,
                    "PATCH",
                    &path,
                    json!({"metadata": {"finalizers": null}}),
                )
                .await;
                let _ = send(&self.owner, "DELETE", &path, Value::Null).await;
            }
        }
        let _ = send(&self.owner, "DELETE", RUNTIME, Value::Null).await;
    }

    async fn run(&self, seed: u64) -> Result<(), String> {
        self.clear().await;
        let folder = tempfile::Builder::new()
            .tempdir_in(memory())
            .map_err(|error| error.to_string())?;
        let mut dice = Dice(seed);
        let scene = Rc::new(RefCell::new(Scene {
            wild: true,
            ours: dice.one_in(2),
            keep: dice.one_in(4),
            folder: folder.path().join("backup"),
            requests: 0,
            kill_at: None,
            listed_at: 0,
            born: BTreeMap::new(),
            names: 0,
            orphaned: BTreeSet::new(),
            deleted: BTreeSet::new(),
            broken: Vec::new(),
            dice,
        }));
        let permits = scene.borrow_mut().dice.one_in(2).to_string();
        let runtime = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime", "annotations": {FORCE: permits}}, "spec": {"enabled": true},
        });
        send(&self.owner, "POST", RUNTIMES, runtime)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let world = World {
            owner: self.owner.clone(),
            scene: scene.clone(),
        };
        let machines = scene.borrow_mut().dice.below(4);
        for _ in 0..machines {
            world.create().await;
        }
        world.tick().await;
        let initial_disks: BTreeSet<String> =
            items(&self.owner, GDISK).await.iter().map(uid).collect();
        let machinery = tokio::task::spawn_local({
            let world = world.clone();
            async move {
                loop {
                    world.tick().await;
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            }
        });
        let outcome = self.attempts(&world, &initial_disks).await;
        machinery.abort();
        let _ = machinery.await;
        outcome
    }

    async fn attempts(&self, world: &World, disks: &BTreeSet<String>) -> Result<(), String> {
        let scene = &world.scene;
        let rounds = 1 + scene.borrow_mut().dice.below(3);
        for _ in 0..rounds {
            let (force, budget) = {
                let mut scene = scene.borrow_mut();
                let kill = scene
                    .dice
                    .one_in(2)
                    .then(|| scene.requests + 1 + scene.dice.below(80));
                scene.kill_at = kill;
                (!scene.dice.one_in(4), 100 + scene.dice.below(900))
            };
            self.attempt(world, force, Duration::from_millis(budget))
                .await?;
        }
        // Calm: whoever held something lets go, nobody interferes, and it must come to its end.
        {
            let mut scene = scene.borrow_mut();
            scene.wild = false;
            scene.kill_at = None;
        }
        world.release().await;
        let ended = self.attempt(world, true, CALM).await?;
        match ended {
            Some(Ok(())) => {}
            other => {
                let mut left = Vec::new();
                for kind in ALL {
                    left.extend(items(&self.owner, kind).await);
                }
                let left = Value::Array(left);
                return Err(format!(
                    "did not come to its end: {other:?}; left: {left:#}"
                ));
            }
        }
        for kind in MACHINES {
            let left = items(&self.owner, kind).await;
            if !left.is_empty() {
                return Err(format!("left over: {left:?}"));
            }
        }
        let runtime = send(&self.owner, "GET", RUNTIME, Value::Null)
            .await
            .unwrap_or_default();
        if runtime["spec"]["enabled"] != json!(false) {
            return Err(format!("not disabled: {runtime}"));
        }
        let orphaned = scene.borrow().orphaned.clone();
        let left: BTreeSet<String> = items(&self.owner, GDISK)
            .await
            .iter()
            .filter(|disk| {
                !orphaned.contains(disk["metadata"]["name"].as_str().unwrap_or_default())
            })
            .map(uid)
            .collect();
        let keep = scene.borrow().keep;
        if keep && !disks.is_subset(&left) && orphaned.is_empty() {
            return Err(format!(
                "disks that were to stay are gone: {disks:?}, left {left:?}"
            ));
        }
        if !keep && !left.is_disjoint(disks) {
            return Err(format!("disks of VMs that were deleted are left: {left:?}"));
        }
        Ok(())
    }

    /// One run of the disable. `None`: it was dropped in the middle.
    async fn attempt(
        &self,
        world: &World,
        force: bool,
        budget: Duration,
    ) -> Result<Option<Result<(), Failure>>, String> {
        let scene = world.scene.clone();
        scene.borrow_mut().deleted.clear();
        let killed = Arc::new(Notify::new());
        let client = world.client(&killed);
        let retry = Retry::new(Deadline::after(budget), &Silent).with_pace(PACE);
        let account = Account::default();
        let names = ClusterNames::default();
        let (keep, folder) = (scene.borrow().keep, scene.borrow().folder.clone());
        let work = Work {
            client: &client,
            retry: &retry,
            cluster: &names,
            place: Some(Place::Exactly(folder)),
            force: Force::from(force),
            disks: if keep { Disks::Keep } else { Disks::Delete },
            wait: true,
            fail_fast: true,
            account: &account,
        };
        let mut refused = false;
        let whole = async {
            let proposal = match work.look().await? {
                Looked::AlreadyOff { .. } => return Ok(()),
                Looked::Proposal(proposal) => *proposal,
            };
            if proposal.plan.machines > 0 && !deletes(proposal.decision) {
                refused = true;
                return Ok(());
            }
            let consent = if force {
                Consent::Everything
            } else {
                Consent::Shown
            };
            Box::pin(work.carry_out(proposal, consent)).await.map(drop)
        };
        let ended = tokio::select! {
            ended = whole => Some(ended),
            () = killed.notified() => None,
        };
        let (listed_at, born) = {
            let scene = scene.borrow();
            if let Some(broken) = scene.broken.first() {
                return Err(broken.clone());
            }
            if refused && !scene.deleted.is_empty() {
                return Err(format!("refused, and deleted {:?}", scene.deleted));
            }
            let mut seen = self.seen.borrow_mut();
            seen.deleted += scene.deleted.len();
            match &ended {
                None => seen.dropped += 1,
                Some(Ok(())) if refused => seen.refused += 1,
                Some(Ok(())) => seen.succeeded += 1,
                Some(Err(_)) => seen.failed += 1,
            }
            (scene.listed_at, scene.born.clone())
        };
        if matches!(ended, Some(Ok(()))) && !refused {
            for kind in MACHINES {
                for machine in items(&self.owner, kind).await {
                    if born
                        .get(&uid(&machine))
                        .is_some_and(|born| *born < listed_at)
                    {
                        return Err(format!("a success that a list contradicts: {machine}"));
                    }
                }
            }
        }
        Ok(ended)
    }
}

/// Folders that cost no disk, where the machine has them.
fn memory() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}
