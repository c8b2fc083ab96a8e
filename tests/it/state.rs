//! `sandbox start --state DIR`: the real binary, killed in the middle of its work, and everything still there.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use libtest_mimic::{Failed, Trial};
use rustix::process::Signal;
use serde_json::json;

use crate::{bench::Bench, sandbox::Running};

type Outcome = Result<(), Failed>;

/// Longer than anything here takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often the sandbox is killed, in the normal suite and where this variable says otherwise.
const ROUNDS: (usize, &str) = (3, "BMCTL_KILLS");

pub fn trials() -> Vec<Trial> {
    tests![
        "state":
        a_kill_loses_nothing_that_was_answered,
        a_cluster_goes_on,
        one_sandbox_at_a_time,
    ]
}

fn start(bench: &Bench, arguments: &[&str]) -> Running {
    let mut sandbox = Running::start(bench, arguments);
    sandbox.until("Ctrl-C");
    sandbox
}

fn a_kill_loses_nothing_that_was_answered() -> Outcome {
    let rounds = std::env::var(ROUNDS.1).ok().map(|rounds| rounds.parse());
    let rounds = rounds.transpose()?.unwrap_or(ROUNDS.0);
    let bench = Bench::new();
    let runtime = tokio::runtime::Runtime::new()?;
    let arguments = ["start", "--bare", "--state", "state"];
    let mut sandbox = start(&bench, &arguments);
    let first = kubeconfig(&bench)?;
    let answered = Arc::new(Mutex::new(BTreeMap::new()));
    for round in 0..rounds {
        let maps: Api<ConfigMap> =
            Api::default_namespaced(connect(&runtime, &kubeconfig(&bench)?)?);
        let enough = 100 * (round + 1);
        runtime.block_on(write_until_killed(&maps, round, &answered, enough, || {
            sandbox.end(Signal::KILL).map(drop)
        }))?;
        sandbox = start(&bench, &arguments);
        let again = kubeconfig(&bench)?;
        assert_eq!(
            without_port(&again),
            without_port(&first),
            "who trusted it goes on"
        );
        let maps: Api<ConfigMap> = Api::default_namespaced(connect(&runtime, &again)?);
        runtime.block_on(everything_is_there(&maps, &answered, round))?;
    }
    assert_eq!(sandbox.end(Signal::TERM)?, Some(0));
    let state = bench.folder().join("state");
    let mode = |path| fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    assert_eq!(mode(state.clone())?, 0o700);
    assert_eq!(mode(state.join("state.redb"))?, 0o600);
    Ok(())
}

fn kubeconfig(bench: &Bench) -> std::io::Result<String> {
    fs::read_to_string(
        bench
            .folder()
            .join("bmctl-workspace/sandbox/sandbox-kubeconfig"),
    )
}

/// The port is the same too, unless another program has taken it meanwhile.
fn without_port(kubeconfig: &str) -> String {
    let lines = kubeconfig.lines().filter(|line| !line.contains("server:"));
    lines.collect::<Vec<_>>().join("\n")
}

fn connect(runtime: &tokio::runtime::Runtime, kubeconfig: &str) -> Result<Client, Failed> {
    let _inside = runtime.enter();
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let options = KubeConfigOptions::default();
    let mut config = runtime.block_on(Config::from_custom_kubeconfig(kubeconfig, &options))?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// What is known of an object from the answers: its version, or none after a delete.
type Answered = BTreeMap<String, Told>;

#[derive(Clone, Copy, Debug)]
enum Told {
    /// This was answered last.
    Is(Option<u64>),
    /// A change of this version was sent and not answered.
    Changing(u64),
    /// A delete was.
    Going(u64),
}

/// Many write at once: create, change and delete. When so many writes have been answered in all, the server is killed.
async fn write_until_killed(
    maps: &Api<ConfigMap>,
    round: usize,
    answered: &Arc<Mutex<Answered>>,
    enough: usize,
    kill: impl FnOnce() -> Outcome,
) -> Outcome {
    let mut writers = tokio::task::JoinSet::new();
    let killed = Arc::new(AtomicBool::new(false));
    for writer in 0..16 {
        let (maps, answered, killed) = (maps.clone(), answered.clone(), killed.clone());
        writers.spawn(async move {
            for number in 0.. {
                let name = format!("map-{round}-{writer}-{number}");
                match live(&maps, &name, number, &answered).await {
                    Ok(()) => {}
                    Err(error) if killed.load(Ordering::SeqCst) => return drop(error),
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        });
    }
    let patience = tokio::time::Instant::now() + DEADLINE;
    while answered.lock().unwrap().len() < enough {
        assert!(tokio::time::Instant::now() < patience, "too few writes");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    killed.store(true, Ordering::SeqCst);
    kill()?;
    while let Some(ended) = writers.join_next().await {
        ended?;
    }
    Ok(())
}

/// The life of an object: all are created, every other one is changed, every fourth is deleted.
async fn live(
    maps: &Api<ConfigMap>,
    name: &str,
    number: usize,
    answered: &Mutex<Answered>,
) -> kube::Result<()> {
    let version = |map: &ConfigMap| map.metadata.resource_version.as_ref()?.parse::<u64>().ok();
    let tell = |told: Told| {
        answered.lock().unwrap().insert(name.to_owned(), told);
    };
    let map: ConfigMap =
        serde_json::from_value(json!({"metadata": {"name": name}})).unwrap_or_default();
    let mut map = maps.create(&PostParams::default(), &map).await?;
    tell(Told::Is(version(&map)));
    if number.is_multiple_of(2) {
        tell(Told::Changing(version(&map).unwrap_or_default()));
        let patch = Patch::Merge(json!({"data": {"changed": "yes"}}));
        map = maps.patch(name, &PatchParams::default(), &patch).await?;
        tell(Told::Is(version(&map)));
    }
    if number.is_multiple_of(4) {
        tell(Told::Going(version(&map).unwrap_or_default()));
        maps.delete(name, &DeleteParams::default()).await?;
        tell(Told::Is(None));
    }
    Ok(())
}

/// What was answered is so, at the version that was answered; versions go on from there.
async fn everything_is_there(
    maps: &Api<ConfigMap>,
    answered: &Mutex<Answered>,
    round: usize,
) -> Outcome {
    let found = maps.list(&ListParams::default()).await?;
    let found: BTreeMap<String, u64> = found
        .items
        .into_iter()
        .filter_map(|map| {
            let version = map.metadata.resource_version?.parse().ok()?;
            Some((map.metadata.name?, version))
        })
        .collect();
    compare(&mut answered.lock().unwrap(), &found, round);
    let latest = found.values().max().copied().unwrap_or_default();
    let next = serde_json::from_value(json!({"metadata": {"name": format!("next-{round}")}}))?;
    let next = maps.create(&PostParams::default(), &next).await?;
    let next: u64 = next.metadata.resource_version.unwrap_or_default().parse()?;
    assert!(next > latest, "{next} after {latest}");
    Ok(())
}

/// Fails unless everything is as it was answered; what was in doubt is from now on what it turned out to be.
fn compare(answered: &mut Answered, found: &BTreeMap<String, u64>, round: usize) {
    for (name, told) in answered.iter_mut() {
        let found = found.get(name).copied();
        match *told {
            Told::Is(expected) => assert_eq!(found, expected, "{name} of round {round}"),
            Told::Changing(version) => {
                assert!(
                    found.is_some_and(|found| found >= version),
                    "{name}: {found:?}"
                );
            }
            Told::Going(version) => {
                assert!(
                    found.is_none_or(|found| found == version),
                    "{name}: {found:?}"
                );
            }
        }
        *told = Told::Is(found);
    }
}

/// Definitions, nodes and VM Runtime itself are what they were; nodes that were deleted stay so.
fn a_cluster_goes_on() -> Outcome {
    let bench = Bench::new();
    let first = [
        "start",
        "--state",
        "state",
        "--pace",
        "instant",
        "--nodes",
        "0",
        "--node",
        "a",
        "--node",
        "b=cordoned",
        "--node",
        "gone",
    ];
    let sandbox = start(&bench, &first);
    bench.bmctl("enable vmruntime --cluster sandbox").code(0)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let nodes: Api<Node> = Api::all(connect(&runtime, &kubeconfig(&bench)?)?);
    runtime.block_on(nodes.delete("gone", &DeleteParams::default()))?;
    assert_eq!(sandbox.end(Signal::INT)?, Some(0));

    let sandbox = start(&bench, &["start", "--state", "state", "--pace", "instant"]);
    let ended = bench
        .bmctl("status vmruntime --cluster sandbox -o json")
        .code(0)?;
    assert!(ended.stdout.contains("\"ready\": true"), "{ended:?}");
    let nodes: Api<Node> = Api::all(connect(&runtime, &kubeconfig(&bench)?)?);
    let listed = runtime.block_on(nodes.list(&ListParams::default()))?;
    let names: Vec<Option<String>> = listed.items.into_iter().map(|n| n.metadata.name).collect();
    assert_eq!(names, [Some("a".to_owned()), Some("b".to_owned())]);
    bench.bmctl("disable vmruntime --cluster sandbox").code(0)?;
    assert_eq!(sandbox.end(Signal::TERM)?, Some(0));
    Ok(())
}

fn one_sandbox_at_a_time() -> Outcome {
    let bench = Bench::new();
    let first = start(&bench, &["start", "--bare", "--state", "state"]);
    let second = bench
        .bmctl("sandbox start --bare --state state --name other")
        .code(11)?;
    assert!(
        second.stderr.contains("cannot use the state in state")
            && second.stderr.contains("another sandbox is using it"),
        "{second:?}"
    );
    let third = bench.bmctl("sandbox start --bare").code(11)?;
    assert!(third.stderr.contains("is already running"), "{third:?}");
    assert_eq!(first.end(Signal::TERM)?, Some(0));
    bench
        .bmctl("sandbox run --bare --state state -- true")
        .code(0)?;
    fs::set_permissions(
        bench.folder().join("state"),
        fs::Permissions::from_mode(0o777),
    )?;
    let shared = bench
        .bmctl("sandbox run --bare --state state -- true")
        .code(2)?;
    assert!(shared.stderr.contains("chmod 700"), "{shared:?}");
    Ok(())
}
