//! Disables at random: VMs are created, deleted, held and released, VM Runtime is turned on again, requests fail, their
//! answers are lost, and the work is dropped in the middle, at every step and by a seed. Everything runs in this
//! process and without sockets.
//!
//! The invariant: an object is deleted only on the condition of its UID and after the index of the backup names it, and there it
//! stays; what belongs to no VM is left alone; nothing is deleted where it ends refused; a success is never contradicted
//! by a list; and as soon as nothing is disturbed any more, the next run ends disabled, or refused.
//!
//! By default delays are milliseconds, so that it is short. With the feature `virtual-time` the delays are those of the
//! real program and the clock is ours: it stands still while there is something to do and jumps to the next moment that
//! somebody waits for, so that ten minutes pass in no time. A run that breaks the invariant is repeated with
//! `BMCTL_CHAOS_SEED=N`; `BMCTL_CHAOS_RUNS=1000` makes as many runs.

mod cluster;
mod invariants;
mod machinery;
mod meeting;
mod people;
pub mod rng;
mod surroundings;
mod timing;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use apiserver::{Identity, Options, Server};
use bmctl::{
    cluster::{
        Clock, Deadline, Mode, Retry, Silent,
        backup::Place,
        removal::{Disks, Secrets},
    },
    failure::{Failure, Reason},
    operation::disable::{
        ClusterNames, Consent, Disable, DisableProgress, Ending, Operator, Proposal,
    },
    runtime::disable::Force,
};
use kube::Client;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tokio::sync::Notify;

use self::{
    people::{
        ALL, CLAIM, DV, FORCE, GDISK, MACHINES, OWNED, POD, RUNTIME, RUNTIMES, SPARE, World,
        collection, items, object_path, send, uid,
    },
    rng::Rng,
    surroundings::Surroundings,
    timing::{Timing, timing},
};

pub fn trials() -> Vec<Trial> {
    tests!["disable": chaos_never_breaks_an_invariant]
}

/// So many runs in the ordinary suite.
const RUNS: u64 = 40;

fn chaos_never_breaks_an_invariant() -> Result<(), Failed> {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("BMCTL_CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BMCTL_CHAOS_RUNS").unwrap_or(RUNS),
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all();
    #[cfg(feature = "virtual-time")]
    runtime.start_paused(true);
    let runtime = runtime.build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let test_cluster = TestCluster::start().await?;
        let runs = seeds.end - seeds.start;
        let patience = timing().patience;
        for seed in seeds {
            let run = tokio::time::timeout(patience, Box::pin(test_cluster.run(seed)));
            match run.await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(format!("seed {seed}: {why}").into()),
                Err(_) => return Err(format!("seed {seed}: not done after {patience:?}").into()),
            }
        }
        let seen = test_cluster.seen.borrow();
        if std::env::var_os("BMCTL_CHAOS_RUNS").is_some() {
            #[allow(clippy::print_stderr, reason = "a count that was asked for")]
            {
                eprintln!("{runs} runs: {seen:?}");
            }
        }
        let each = [
            seen.dropped,
            seen.succeeded,
            seen.failed,
            seen.refused,
            seen.ended_disabled,
            seen.ended_refused,
        ];
        if runs >= RUNS && (each.contains(&0) || seen.deleted == 0) {
            return Err(format!("{runs} runs have not met everything: {seen:?}").into());
        }
        Ok(())
    })
}

struct TestCluster {
    _sandbox: Server,
    owner: Client,
    seen: RefCell<Seen>,
}

/// What has come up in all runs: a test in which nothing goes wrong proves nothing.
#[derive(Debug, Default)]
struct Seen {
    ended_disabled: u64,
    ended_refused: u64,
    /// Of attempts.
    dropped: u64,
    succeeded: u64,
    failed: u64,
    refused: u64,
    deleted: usize,
}

impl TestCluster {
    async fn start() -> Result<Self, Failed> {
        let sandbox = Server::start(Options {
            history: 200,
            ..Options::default()
        })
        .await?;
        let owner = sandbox.client(&Identity::owner());
        for (path, object) in cluster::objects() {
            send(&owner, "POST", path, object)
                .await
                .map_err(|error| format!("{error:?}"))?;
        }
        Ok(Self {
            _sandbox: sandbox,
            owner,
            seen: RefCell::default(),
        })
    }

    /// Nothing of an earlier run is left.
    async fn clear(&self) {
        for kind in ALL.into_iter().chain(OWNED).chain([POD]) {
            for object in items(&self.owner, kind).await {
                let path = object_path(kind, &object);
                let _ = send(
                    &self.owner,
                    "PATCH",
                    &path,
                    json!({"metadata": {"finalizers": null, "labels": null}}),
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
        let mut rng = Rng(seed);
        let surroundings = Rc::new(RefCell::new(Surroundings {
            wild: true,
            ours: rng.one_in(2),
            keep: rng.one_in(4),
            // With a clock that does not stop between a look and a write, a controller may always be too late.
            adopts: cfg!(feature = "virtual-time") && rng.one_in(2),
            folder: folder.path().join("backup"),
            requests: 0,
            kill_at: None,
            forced: false,
            read: BTreeMap::new(),
            born: BTreeMap::new(),
            names: 0,
            orphaned: BTreeSet::new(),
            made: BTreeMap::new(),
            deleted: BTreeSet::new(),
            ever_deleted: BTreeSet::new(),
            broken: Vec::new(),
            rng,
        }));
        let permits = surroundings.borrow_mut().rng.one_in(2).to_string();
        let runtime = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime", "annotations": {FORCE: permits}}, "spec": {"enabled": true},
        });
        send(&self.owner, "POST", RUNTIMES, runtime)
            .await
            .map_err(|error| format!("{error:?}"))?;
        let world = World {
            owner: self.owner.clone(),
            surroundings: surroundings.clone(),
            clock: Clock::start(),
            happening: Rc::default(),
            making: Rc::default(),
        };
        let mut spare = Vec::new();
        for kind in [GDISK, DV, CLAIM] {
            spare.extend(world.make(kind, json!({"name": SPARE}), json!({})).await);
        }
        let machines = surroundings.borrow_mut().rng.below(4);
        for _ in 0..machines {
            world.create().await;
        }
        world.tick().await;
        if surroundings.borrow_mut().rng.one_in(2) {
            world.equip().await;
        }
        let machinery = tokio::task::spawn_local({
            let world = world.clone();
            let tick = timing().tick;
            async move {
                loop {
                    world.tick().await;
                    tokio::time::sleep(tick).await;
                }
            }
        });
        let outcome = self.attempts(&world).await;
        machinery.abort();
        let _ = machinery.await;
        world.holds_the_law(outcome?, &spare).await
    }

    /// Several disables, of which the last one is not disturbed: how that one ended.
    async fn attempts(&self, world: &World) -> Result<End, String> {
        let Timing {
            least, most, calm, ..
        } = timing();
        let surroundings = &world.surroundings;
        let rounds = 1 + surroundings.borrow_mut().rng.below(3);
        for _ in 0..rounds {
            let (force, budget) = {
                let mut surroundings = surroundings.borrow_mut();
                let kill = surroundings
                    .rng
                    .one_in(2)
                    .then(|| surroundings.requests + 1 + surroundings.rng.below(80));
                surroundings.kill_at = kill;
                let share = u32::try_from(surroundings.rng.below(1000)).unwrap_or_default();
                let budget = least + most.saturating_sub(least) * share / 1000;
                (!surroundings.rng.one_in(4), budget)
            };
            self.attempt(world, force, budget).await?;
        }
        // Calm: whoever held something lets go, and nobody interferes.
        world.calms_down().await;
        let refuses = surroundings.borrow_mut().rng.one_in(4);
        if refuses {
            world
                .runtime(json!({"metadata": {"annotations": {FORCE: "false"}}}))
                .await;
            world.create().await;
        }
        surroundings.borrow_mut().forced = !refuses;
        let mut ended = self.attempt(world, !refuses, calm).await?;
        // What a killed attempt was writing holds the backup until it is written; a process would have let go of it.
        while matches!(&ended, Some(Err(failure)) if failure.reason == Reason::BackupInUse) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ended = self.attempt(world, !refuses, calm).await?;
        }
        match ended {
            Some(Ok(End::Disabled)) => {
                self.seen.borrow_mut().ended_disabled += 1;
                Ok(End::Disabled)
            }
            // Nothing was deleted by it: that was looked at.
            Some(Ok(End::Refused)) if refuses => {
                self.seen.borrow_mut().ended_refused += 1;
                Ok(End::Refused)
            }
            other => {
                let mut left = Vec::new();
                for kind in ALL {
                    left.extend(items(&self.owner, kind).await);
                }
                let left = Value::Array(left);
                Err(format!(
                    "did not come to its end: {other:?}; left: {left:#}"
                ))
            }
        }
    }

    /// One run of the disable. `None`: it was dropped in the middle.
    async fn attempt(
        &self,
        world: &World,
        force: bool,
        budget: Duration,
    ) -> Result<Option<Result<End, Failure>>, String> {
        let surroundings = world.surroundings.clone();
        surroundings.borrow_mut().deleted.clear();
        let killed = Arc::new(Notify::new());
        let client = world.client(&killed);
        let retry = Retry::new(Deadline::after(budget), &Silent).with_pace(timing().pace);
        let progress = DisableProgress::default();
        let names = ClusterNames::default();
        let (keep, folder) = (
            surroundings.borrow().keep,
            surroundings.borrow().folder.clone(),
        );
        let disable = Disable {
            client: &client,
            retry: &retry,
            cluster: &names,
            place: Some(Place::Exactly(folder)),
            secrets: Secrets::Saved,
            force: Force::from(force),
            disks: if keep { Disks::Keep } else { Disks::Delete },
            mode: Mode::Change,
            wait: true,
            fail_fast: true,
            progress: &progress,
        };
        let whole = async {
            Ok(match disable.run(&mut Agrees).await? {
                Ending::AlreadyOff { .. } | Ending::ToldToTurnOff | Ending::Off(_) => End::Disabled,
                Ending::Refused(_) | Ending::Previewed => End::Refused,
            })
        };
        let ended = tokio::select! {
            ended = whole => Some(ended),
            () = killed.notified() => None,
        };
        let read = {
            let surroundings = surroundings.borrow();
            if let Some(broken) = surroundings.broken.first() {
                return Err(broken.clone());
            }
            let mut seen = self.seen.borrow_mut();
            seen.deleted += surroundings.deleted.len();
            match &ended {
                None => seen.dropped += 1,
                Some(Ok(End::Refused)) if !surroundings.deleted.is_empty() => {
                    return Err(format!("refused, and deleted {:?}", surroundings.deleted));
                }
                Some(Ok(End::Refused)) => seen.refused += 1,
                Some(Ok(End::Disabled)) => seen.succeeded += 1,
                Some(Err(_)) => seen.failed += 1,
            }
            surroundings.read.clone()
        };
        if matches!(ended, Some(Ok(End::Disabled))) {
            let _nothing_new = world.making.write().await;
            let born = surroundings.borrow().born.clone();
            for kind in MACHINES {
                let listed = read.get(&collection(kind)).copied().unwrap_or_default();
                for machine in items(&self.owner, kind).await {
                    // One that came after the last list of all nobody can have seen.
                    if born.get(&uid(&machine)).is_none_or(|born| *born < listed) {
                        return Err(format!("a success that a list contradicts: {machine}"));
                    }
                }
            }
        }
        Ok(ended)
    }
}

/// Confirms whatever it is asked.
struct Agrees;

impl Operator for Agrees {
    fn show(&mut self, _: &Proposal) {}

    async fn confirm(&mut self) -> Result<Consent, Failure> {
        Ok(Consent::Shown)
    }
}

/// How a disable ends that does not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Disabled,
    Refused,
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
