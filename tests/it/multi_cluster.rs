//! One command on many clusters: fifty of them in this process, one that cannot be reached, one that does not know us.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

use apiserver::{Identity, Options, Server};
use bmctl::api::crd;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    events,
    output::{FORMATS, is_a_result},
    test_cluster::{Ended, clean, eventually, runtime},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "multi_cluster":
        fifty_clusters_and_two_that_fail,
        the_result_in_every_format,
        ctrl_c_covers_all,
    ]
}

/// API servers with VMRuntime, disabled, as a controller has left it that is not there now.
struct Fleet {
    folder: TempDir,
    clusters: Vec<Server>,
}

impl Fleet {
    fn of(count: usize) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let started = (0..count).map(start);
        let clusters = runtime()
            .block_on(futures::future::join_all(started))
            .into_iter()
            .collect::<anyhow::Result<Vec<_>>>()
            .map_err(|error| format!("{error:#}"))?;
        let mut config = json!({
            "apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": [],
        });
        for (at, cluster) in clusters.iter().enumerate() {
            let own: Value = serde_saphyr::from_str(&cluster.kubeconfig())?;
            let user = &own["users"][0]["user"];
            add(
                &mut config,
                &format!("c{at:02}"),
                &own["clusters"][0]["cluster"],
                user,
            );
            if at == 0 {
                let stranger = json!({"token": "of-nobody"});
                add(
                    &mut config,
                    "stranger",
                    &own["clusters"][0]["cluster"],
                    &stranger,
                );
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let closed = json!({"server": format!("https://{}", listener.local_addr()?)});
        drop(listener);
        add(
            &mut config,
            "closed",
            &closed,
            &json!({"token": "of-nobody"}),
        );
        fs::write(folder.path().join("kubeconfig"), config.to_string())?;
        Ok(Self { folder, clusters })
    }

    /// The contexts that work, as `--contexts` takes them.
    fn good(&self) -> String {
        let names: Vec<String> = (0..self.clusters.len())
            .map(|at| format!("c{at:02}"))
            .collect();
        names.join(",")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = clean(env!("CARGO_BIN_EXE_bmctl"), self.folder.path());
        command
            .args(words)
            .args(["--kubeconfig", "kubeconfig"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn bmctl(&self, words: &str) -> Ended {
        let words: Vec<&str> = words.split(' ').collect();
        let child = self.command(&words).spawn().unwrap();
        Ended::of(child, words.join(" "))
    }

    fn enabled(&self) -> Result<usize, Failed> {
        let mut enabled = 0;
        for cluster in &self.clusters {
            let object = runtime().block_on(async {
                let request = http::Request::get(OBJECT).body(Vec::new())?;
                let client = cluster.client(&Identity::owner());
                client
                    .request::<Value>(request)
                    .await
                    .map_err(anyhow::Error::from)
            });
            let object = object.map_err(|error| format!("{error:#}"))?;
            enabled += usize::from(object["spec"]["enabled"] == true);
        }
        Ok(enabled)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let stopped = self.clusters.drain(..).map(Server::stop);
        runtime().block_on(futures::future::join_all(stopped));
    }
}

const OBJECT: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";

async fn start(at: usize) -> anyhow::Result<Server> {
    let sandbox = Server::start(Options {
        name: format!("c{at:02}"),
        ..Options::default()
    })
    .await?;
    let owner = sandbox.client(&Identity::owner());
    let create = async |path: &str, object: &Value| -> anyhow::Result<()> {
        let request = http::Request::post(path)
            .header("Content-Type", "application/json")
            .body(serde_json::to_vec(object)?)?;
        owner.request::<Value>(request).await?;
        Ok(())
    };
    for definition in crd::runtime_definitions() {
        let definition = serde_json::to_value(definition)?;
        create(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            &definition,
        )
        .await?;
    }
    create(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vm-system"}}),
    )
    .await?;
    let object = json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
        "metadata": {"name": "vmruntime"}, "spec": {"enabled": false},
    });
    create("/apis/vm.cluster.gke.io/v1/vmruntimes", &object).await?;
    let labels = json!({"app": "vmruntime"});
    let controller = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "vmruntime-controller-manager", "namespace": "vm-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "manager", "image": "bmctl"}]},
            },
        },
    });
    let deployments = "/apis/apps/v1/namespaces/vm-system/deployments";
    create(deployments, &controller).await?;
    let written = [
        (
            format!("{deployments}/vmruntime-controller-manager/status"),
            json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}),
        ),
        (
            format!("{OBJECT}/status"),
            json!({"ready": false, "observedGeneration": 1}),
        ),
    ];
    for (path, status) in written {
        let request = http::Request::patch(path)
            .header("Content-Type", "application/merge-patch+json")
            .body(serde_json::to_vec(&json!({"status": status}))?)?;
        owner.request::<Value>(request).await?;
    }
    Ok(sandbox)
}

/// A context with a cluster and a user of its name.
fn add(config: &mut Value, name: &str, cluster: &Value, user: &Value) {
    let mut push = |list: &str, item: Value| config[list].as_array_mut().unwrap().push(item);
    push("clusters", json!({"name": name, "cluster": cluster}));
    push("users", json!({"name": name, "user": user}));
    push(
        "contexts",
        json!({"name": name, "context": {"cluster": name, "user": name}}),
    );
}

fn fifty_clusters_and_two_that_fail() -> Result<(), Failed> {
    let fleet = Fleet::of(50)?;
    let status = fleet
        .bmctl("status vmruntime --all-contexts -o json --progress json")
        .exits(10)?;
    is_a_result("json", &status.stdout, 10)?;
    events::read(&status.stderr, 10)?;
    let document: Value = serde_json::from_str(&status.stdout)?;
    let items = document["items"].as_array().unwrap();
    let codes: Vec<(&str, i64)> = items
        .iter()
        .map(|item| {
            (
                item["target"].as_str().unwrap(),
                item["exitCode"].as_i64().unwrap(),
            )
        })
        .collect();
    if codes.len() != 52
        || codes[0] != ("c00", 0)
        || codes[1] != ("stranger", 9)
        || codes[51] != ("closed", 10)
    {
        return Err(format!("{codes:?}").into());
    }
    if codes.iter().filter(|(_, code)| *code == 0).count() != 50 {
        return Err(format!("{codes:?}\n{document:#}").into());
    }

    let good = fleet.good();
    let enable = format!("enable vmruntime --wait=false --contexts {good}");
    fleet
        .bmctl(&enable)
        .exits(6)?
        .says("enable vmruntime works on 50 clusters: c00, c01, ")?
        .says("to confirm it beforehand, add --yes")?;
    if fleet.enabled()? != 0 {
        return Err("something was changed without a confirmation".into());
    }
    let names = fleet.bmctl(&format!("{enable} --yes -o name")).exits(0)?;
    if names.stdout != "vmruntime.vm.cluster.gke.io/vmruntime\n".repeat(50)
        || fleet.enabled()? != 50
    {
        return Err(format!("{names}").into());
    }
    Ok(())
}

fn the_result_in_every_format() -> Result<(), Failed> {
    let fleet = Fleet::of(2)?;
    for (words, code) in [
        ("status vmruntime --contexts c00,c01", 0),
        ("status vmruntime --contexts c00", 0),
        ("status vmruntime --contexts c00,nonsense", 2),
        ("get vmruntimepfc --all-contexts", 10),
        ("disable vmruntime --contexts c00,c01 --yes --ensure", 0),
        (
            "update vmruntime --use-emulation --contexts c00,c01 --no-input",
            6,
        ),
        ("version --all-contexts", 2),
        ("status vmruntime -c one -c two", 2),
    ] {
        for format in FORMATS {
            let ended = fleet
                .bmctl(&format!("{words} -o {format} --report junit=r.xml"))
                .exits(code)?;
            is_a_result(format, &ended.stdout, code)
                .map_err(|wrong| format!("{words} -o {format}: {wrong}\n{}", ended.stdout))?;
        }
        let junit = fs::read_to_string(fleet.folder.path().join("r.xml"))?;
        is_a_result("junit", &junit, code)?;
    }
    let text = fleet
        .bmctl("status vmruntime --contexts c00,closed")
        .exits(10)?;
    for expected in ["[c00]\nVM Runtime is disabled.\n", "CLUSTER", "closed"] {
        if !text.stdout.contains(expected) {
            return Err(format!("{expected:?} is missing in {text}").into());
        }
    }
    text.says("[closed] error: ")?
        .says("error: status vmruntime did not succeed on 1 of 2 clusters")?;
    Ok(())
}

fn ctrl_c_covers_all() -> Result<(), Failed> {
    let fleet = Fleet::of(3)?;
    let words = [
        "check",
        "vmruntimepfc",
        "--contexts",
        "c00,c01,c02",
        "-o",
        "json",
        "--report",
        "name=names",
    ];
    let mut child = fleet.command(&words).spawn()?;
    let mut stderr = child.stderr.take().unwrap();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let so_far = seen.clone();
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = std::io::Read::read(&mut stderr, &mut buffer) {
            so_far
                .lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    });
    eventually("a check on each cluster", || {
        let seen = seen.lock().unwrap();
        match seen.matches("check created").count() {
            3 => Ok(()),
            _ => Err(seen.clone()),
        }
    })?;
    let id = child.id().to_string();
    Command::new("kill").args(["-s", "INT", &id]).status()?;
    let ended = Ended::of(child, words.join(" ")).exits(130)?;
    reader.join().unwrap();
    is_a_result("json", &ended.stdout, 130)?;
    let document: Value = serde_json::from_str(&ended.stdout)?;
    for item in document["items"].as_array().unwrap() {
        if item["exitCode"] != 130 || !item["created"].is_string() {
            return Err(item.to_string().into());
        }
    }
    Ok(())
}
