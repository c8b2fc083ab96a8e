//! Disables at random: VMs are created, deleted, held and released, VM Runtime is turned on again, requests fail, their
//! answers are lost, and the work is dropped in the middle, at every step and by a seed. Everything runs in this
//! process, without sockets and with delays of milliseconds.
//!
//! The law: an object is deleted only on the condition of its UID and after the index of the backup names it; nothing is
//! deleted where it ends refused; a success is never contradicted by a list; and without disturbances the next run
//! always comes to the end. A run that breaks it is repeated with `BMCTL_CHAOS_SEED=N`; `BMCTL_CHAOS_RUNS=1000` makes
//! as many runs.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, Mutex},
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
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

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
const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const FORCE: &str = "baremetal.cluster.gke.io/vmrumtime-force-disable";
const FENCE: &str = "vm.cluster.gke.io/creation-fence-until";

/// API group with version, and plural, of what may be deleted.
const GVM: (&str, &str, &str) = ("vm.cluster.gke.io/v1", "virtualmachines", "VirtualMachine");
const GDISK: (&str, &str, &str) = (
    "vm.cluster.gke.io/v1",
    "virtualmachinedisks",
    "VirtualMachineDisk",
);
const VM: (&str, &str, &str) = ("kubevirt.io/v1", "virtualmachines", "VirtualMachine");
const VMI: (&str, &str, &str) = (
    "kubevirt.io/v1",
    "virtualmachineinstances",
    "VirtualMachineInstance",
);
const DV: (&str, &str, &str) = ("cdi.kubevirt.io/v1beta1", "datavolumes", "DataVolume");
const MACHINES: [(&str, &str, &str); 3] = [GVM, VM, VMI];
const ALL: [(&str, &str, &str); 5] = [GVM, VM, VMI, GDISK, DV];

fn list_path(kind: (&str, &str, &str)) -> String {
    format!("/apis/{}/namespaces/default/{}", kind.0, kind.1)
}

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
            let run = tokio::time::timeout(Duration::from_secs(60), stage.run(seed));
            match run.await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return Err(format!("seed {seed}: {why}").into()),
                Err(_) => return Err(format!("seed {seed}: not done after a minute").into()),
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

/// A small generator that is the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    /// One time in so many.
    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Refused(u16),
    Broken,
    /// Carried out, and nobody hears of it.
    AnswerLost,
}

/// What goes on around the disable, and what was seen of it.
struct Scene {
    dice: Dice,
    /// Are there events, faults and kills?
    wild: bool,
    /// Does a controller of ours watch, which closes creation and counts VMs?
    ours: bool,
    keep: bool,
    folder: PathBuf,
    requests: u64,
    /// At which request the work is dropped.
    kill_at: Option<u64>,
    /// When the disable last began to list everything.
    listed_at: u64,
    /// When which machine came into being.
    born: BTreeMap<String, u64>,
    names: u64,
    /// Names of machines that somebody else has deleted: their disks are nobody's then.
    orphaned: BTreeSet<String>,
    /// UIDs that the disable has deleted in this attempt.
    deleted: BTreeSet<String>,
    broken: Vec<String>,
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

async fn send(client: &Client, method: &str, path: &str, body: Value) -> kube::Result<Value> {
    let kind = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Content-Type", kind);
    client.request(request.body(bytes).unwrap()).await
}

async fn items(client: &Client, kind: (&str, &str, &str)) -> Vec<Value> {
    let list = send(client, "GET", &list_path(kind), Value::Null).await;
    let list = list.unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn object_path(kind: (&str, &str, &str), object: &Value) -> String {
    format!(
        "{}/{}",
        list_path(kind),
        object["metadata"]["name"].as_str().unwrap_or_default()
    )
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
        let ended = self.attempt(world, true, Duration::from_secs(40)).await?;
        match ended {
            Some(Ok(())) => {}
            other => return Err(format!("did not come to its end: {other:?}")),
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
        let client = self.client(world, &killed);
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
                Looked::AlreadyOff => return Ok(()),
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

    /// The client of the disable: every request may meet something.
    fn client(&self, world: &World, killed: &Arc<Notify>) -> Client {
        let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel::<Posted>();
        let (world, owner, killed) = (world.clone(), self.owner.clone(), killed.clone());
        tokio::task::spawn_local(async move {
            while let Some((request, answer)) = requests.recv().await {
                let (world, owner, killed) = (world.clone(), owner.clone(), killed.clone());
                tokio::task::spawn_local(async move {
                    let answered = world.meet(&owner, request, &killed).await;
                    let answer = answer.lock().unwrap().take();
                    if let Some(answer) = answer {
                        // Whoever does not wait any more does not need it.
                        drop(answer.send(answered));
                    }
                });
            }
        });
        let service = tower::service_fn(move |request: Request<Body>| {
            let (answer, answered) = tokio::sync::oneshot::channel();
            let posted = sender.send((request, Mutex::new(Some(answer))));
            async move {
                posted.map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionReset))?;
                match answered.await {
                    Ok(answer) => answer,
                    Err(_) => std::future::pending().await,
                }
            }
        });
        Client::new(service, "default")
    }
}

type Answered = std::io::Result<Response<Body>>;
type Posted = (
    Request<Body>,
    Mutex<Option<tokio::sync::oneshot::Sender<Answered>>>,
);

/// Folders that cost no disk, where the machine has them.
fn memory() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}

#[derive(Clone)]
struct World {
    owner: Client,
    scene: Rc<RefCell<Scene>>,
}

impl World {
    /// What happens to a request of the disable.
    async fn meet(&self, owner: &Client, request: Request<Body>, killed: &Notify) -> Answered {
        let broken = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let (parts, body) = request.into_parts();
        let bytes = body
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let (event, fate, dies) = {
            let mut scene = self.scene.borrow_mut();
            scene.requests += 1;
            let first_list =
                path.ends_with("/virtualmachineinstancemigrations") && parts.method == "GET";
            if first_list && !query.contains("continue") {
                scene.listed_at = scene.requests;
            }
            let fate = match scene.dice.below(60) {
                0 => Fate::Refused(500),
                1 => Fate::Refused(429),
                2 => Fate::Refused(503),
                3 => Fate::Broken,
                4 => Fate::AnswerLost,
                _ => Fate::Fine,
            };
            let event = scene.dice.one_in(12);
            let dies = scene.kill_at == Some(scene.requests);
            if scene.wild {
                (event, fate, dies)
            } else {
                (false, Fate::Fine, false)
            }
        };
        if event {
            self.happen().await;
        }
        if dies {
            // Before or after the request was carried out.
            if self.scene.borrow_mut().dice.one_in(2) {
                self.inspect(&parts.method, &path, &query, &bytes);
                let _ = owner
                    .send(Request::from_parts(parts, Body::from(bytes.to_vec())))
                    .await;
            }
            killed.notify_one();
            return std::future::pending().await;
        }
        match fate {
            Fate::Broken => return Err(broken()),
            Fate::Refused(code) => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "code": code, "reason": "InternalError", "message": "by chance"});
                let response = Response::builder()
                    .status(code)
                    .body(Body::from(status.to_string().into_bytes()));
                return response.map_err(std::io::Error::other);
            }
            Fate::Fine | Fate::AnswerLost => {}
        }
        self.inspect(&parts.method, &path, &query, &bytes);
        let answer = owner
            .send(Request::from_parts(parts, Body::from(bytes.to_vec())))
            .await
            .map_err(std::io::Error::other)?;
        if fate == Fate::AnswerLost {
            return Err(broken());
        }
        Ok(answer)
    }

    /// Holds the disable's writes against the law.
    fn inspect(&self, method: &http::Method, path: &str, query: &str, bytes: &[u8]) {
        let workload = ALL
            .iter()
            .any(|kind| path.starts_with(&format!("{}/", list_path(*kind))));
        if !workload || query.contains("dryRun") {
            return;
        }
        let mut scene = self.scene.borrow_mut();
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        if method == "DELETE" {
            match body["preconditions"]["uid"].as_str() {
                None => scene
                    .broken
                    .push(format!("deleted without a UID: {path} {body}")),
                Some(uid) => {
                    if let Err(why) = saved(&scene.folder, uid) {
                        scene
                            .broken
                            .push(format!("deleted before it was saved: {path}: {why}"));
                    }
                    scene.deleted.insert(uid.to_owned());
                }
            }
        } else if method == "PATCH" {
            let metadata = body["metadata"].as_object().cloned().unwrap_or_default();
            let fields: Vec<&str> = metadata.keys().map(String::as_str).collect();
            if !scene.keep
                || fields != ["ownerReferences", "resourceVersion", "uid"]
                || body.as_object().map(serde_json::Map::len) != Some(1)
            {
                scene
                    .broken
                    .push(format!("changed a workload: {path} {body}"));
            }
        } else if method != "GET" {
            scene.broken.push(format!("{method} {path}"));
        }
    }

    /// Something that somebody else does.
    async fn happen(&self) {
        let what = self.scene.borrow_mut().dice.below(14);
        match what {
            0..=3 => self.create().await,
            4 | 5 => self.on_one(|_| None).await,
            6 | 7 => {
                self.on_one(|object| {
                    let mut finalizers = object["metadata"]["finalizers"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default();
                    finalizers.push("example.com/hold".into());
                    Some(json!({"metadata": {"finalizers": finalizers}}))
                })
                .await;
            }
            8 | 9 => self.release().await,
            10 => self.runtime(json!({"spec": {"enabled": true}})).await,
            11 => {
                self.runtime(json!({"metadata": {"annotations": {FORCE: "true"}}}))
                    .await;
            }
            12 => {
                self.runtime(json!({"metadata": {"annotations": {FORCE: "false"}}}))
                    .await;
            }
            _ => {
                self.runtime(json!({"metadata": {"labels": {"n": what.to_string()}}}))
                    .await;
            }
        }
    }

    async fn runtime(&self, patch: Value) {
        let _ = send(&self.owner, "PATCH", RUNTIME, patch).await;
    }

    /// Changes one machine, or (`None`) deletes it.
    async fn on_one(&self, change: impl Fn(&Value) -> Option<Value>) {
        let kind = MACHINES[usize::try_from(self.scene.borrow_mut().dice.below(3)).unwrap()];
        let found = items(&self.owner, kind).await;
        if found.is_empty() {
            return;
        }
        let pick = self.scene.borrow_mut().dice.below(found.len() as u64);
        let object = &found[usize::try_from(pick).unwrap()];
        let path = object_path(kind, object);
        if change(object).is_none() {
            let name = object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.scene.borrow_mut().orphaned.insert(name);
        }
        let _ = match change(object) {
            Some(patch) => send(&self.owner, "PATCH", &path, patch).await,
            None => send(&self.owner, "DELETE", &path, Value::Null).await,
        };
    }

    /// Whoever holds objects lets them go.
    async fn release(&self) {
        for kind in MACHINES {
            for object in items(&self.owner, kind).await {
                let finalizers = object["metadata"]["finalizers"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let left: Vec<&Value> = finalizers
                    .iter()
                    .filter(|one| **one != "example.com/hold")
                    .collect();
                if left.len() < finalizers.len() {
                    let patch = json!({"metadata": {"finalizers": left}});
                    let _ = send(&self.owner, "PATCH", &object_path(kind, &object), patch).await;
                }
            }
        }
    }

    /// A machine of one of the kinds, where the controller lets it in.
    async fn create(&self) {
        if self.closed().await {
            return;
        }
        let (name, which, keep_disk) = {
            let mut scene = self.scene.borrow_mut();
            scene.names += 1;
            (
                format!("m{}", scene.names),
                scene.dice.below(4),
                scene.dice.one_in(2),
            )
        };
        let (kind, spec) = match which {
            0 => (VM, json!({"running": true})),
            1 => (VMI, json!({})),
            _ => {
                let disk = json!({"apiVersion": GDISK.0, "kind": GDISK.2, "metadata": {"name": name}, "spec": {"size": "1Gi"}});
                let _ = send(&self.owner, "POST", &list_path(GDISK), disk).await;
                (
                    GVM,
                    json!({"disks": [{"virtualMachineDiskName": name, "autoDelete": keep_disk}]}),
                )
            }
        };
        self.make(kind, json!({"name": name}), spec).await;
    }

    async fn make(&self, kind: (&str, &str, &str), metadata: Value, spec: Value) {
        let object =
            json!({"apiVersion": kind.0, "kind": kind.2, "metadata": metadata, "spec": spec});
        if let Ok(made) = send(&self.owner, "POST", &list_path(kind), object).await {
            let mut scene = self.scene.borrow_mut();
            let now = scene.requests;
            scene.born.insert(uid(&made), now);
        }
    }

    /// Does a controller of ours keep VMs out?
    async fn closed(&self) -> bool {
        if !self.scene.borrow().ours {
            return false;
        }
        let runtime = send(&self.owner, "GET", RUNTIME, Value::Null)
            .await
            .unwrap_or_default();
        runtime["spec"]["enabled"] != json!(true)
            || runtime["metadata"]["annotations"][FENCE].is_string()
    }

    /// One look of the machinery: children are made, what is to go and is not held goes, and the status is published.
    async fn tick(&self) {
        let (vms, vmis, dvs) = (
            items(&self.owner, VM).await,
            items(&self.owner, VMI).await,
            items(&self.owner, DV).await,
        );
        for gvm in items(&self.owner, GVM).await {
            self.child(&gvm, GVM, VM, &vms, &json!({})).await;
        }
        for vm in &vms {
            let finalizers = json!({"finalizers": ["foregroundDeleteVirtualMachine"]});
            self.child(vm, VM, VMI, &vmis, &finalizers).await;
        }
        for disk in items(&self.owner, GDISK).await {
            self.child(&disk, GDISK, DV, &dvs, &json!({})).await;
        }
        for vmi in &vmis {
            if vmi["metadata"]["deletionTimestamp"].is_string() {
                let finalizers = vmi["metadata"]["finalizers"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let left: Vec<&Value> = finalizers
                    .iter()
                    .filter(|one| **one == "example.com/hold")
                    .collect();
                let patch = json!({"metadata": {"finalizers": left}});
                let _ = send(&self.owner, "PATCH", &object_path(VMI, vmi), patch).await;
            }
        }
        self.publish().await;
    }

    async fn child(
        &self,
        parent: &Value,
        of: (&str, &str, &str),
        kind: (&str, &str, &str),
        there: &[Value],
        more: &Value,
    ) {
        let name = &parent["metadata"]["name"];
        if parent["metadata"]["deletionTimestamp"].is_string()
            || there.iter().any(|one| one["metadata"]["name"] == *name)
        {
            return;
        }
        let mut metadata = json!({"name": name, "ownerReferences": [{
            "apiVersion": of.0, "kind": of.2, "name": name, "uid": parent["metadata"]["uid"], "controller": true,
        }]});
        json_patch::merge(&mut metadata, more);
        self.make(kind, metadata, json!({})).await;
    }

    async fn publish(&self) {
        let Ok(runtime) = send(&self.owner, "GET", RUNTIME, Value::Null).await else {
            return;
        };
        let enabled = runtime["spec"]["enabled"] == json!(true);
        let mut status = json!({"ready": enabled});
        if self.scene.borrow().ours {
            let fenced = runtime["metadata"]["annotations"][FENCE].is_string();
            let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": "Said", "message": "so"});
            status["observedGeneration"] = runtime["metadata"]["generation"].clone();
            status["conditions"] = json!([
                condition("Ready", enabled),
                condition("VMCreationAllowed", enabled && !fenced),
            ]);
        }
        if runtime["status"] != status {
            let _ = send(
                &self.owner,
                "PATCH",
                &format!("{RUNTIME}/status"),
                json!({"status": status}),
            )
            .await;
        }
    }
}

/// Does the index name it, with a commit after it, and is its file there and whole?
pub fn saved(folder: &Path, uid: &str) -> Result<(), String> {
    let index = std::fs::read_to_string(folder.join("INDEX")).map_err(|error| error.to_string())?;
    let lines: Vec<Value> = index
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let committed = lines
        .iter()
        .rposition(|line| line.get("commit").is_some())
        .unwrap_or(0);
    let entry = lines[..committed]
        .iter()
        .find(|line| line["uid"] == uid)
        .ok_or("the index does not name it")?;
    let file = folder.join(entry["file"].as_str().unwrap_or_default());
    let content = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let digest = Sha256::digest(&content);
    let digest = digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    if entry["sha256"] == digest {
        Ok(())
    } else {
        Err(format!("{} is damaged", file.display()))
    }
}
