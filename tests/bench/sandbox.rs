//! The sandbox: as the cluster that the others are measured on, and measured itself.

use std::{
    io::{BufRead as _, BufReader},
    ops::Range,
    path::PathBuf,
    process::{Child, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::{AsyncBufReadExt as _, StreamExt as _};
use kube::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    process::{Place, bmctl, high_water},
    sheet::{Sheet, exponent, median, memory, time},
};

/// A sandbox in a process of its own; it ends with this value.
pub struct Cluster {
    folder: TempDir,
    kubeconfig: PathBuf,
    child: Child,
    pub ready: Duration,
    runtime: Runtime,
    client: Client,
}

/// How many requests are under way at once.
const AT_ONCE: usize = 16;
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

impl Cluster {
    pub fn start(words: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            folder: folder.path(),
            kubeconfig: None,
        };
        let begin = Instant::now();
        let mut child = place
            .command(&bmctl(), &format!("sandbox start {words}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().next();
        let ready = begin.elapsed();
        assert!(said.is_some_and(|said| said.is_ok()), "it did not start");
        let kubeconfig = folder
            .path()
            .join("bmctl-workspace/sandbox/sandbox-kubeconfig");
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async {
            let read = kube::config::Kubeconfig::read_from(&kubeconfig).unwrap();
            let config = kube::Config::from_custom_kubeconfig(
                read,
                &kube::config::KubeConfigOptions::default(),
            )
            .await
            .unwrap();
            Client::try_from(config).unwrap()
        });
        Self {
            folder,
            kubeconfig,
            child,
            ready,
            runtime,
            client,
        }
    }

    pub fn place(&self) -> Place<'_> {
        Place {
            folder: self.folder.path(),
            kubeconfig: Some(&self.kubeconfig),
        }
    }

    /// Merges this into an object.
    pub fn merge(&self, path: &str, patch: &Value) {
        let request = http::Request::patch(path)
            .header("Content-Type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())
            .unwrap();
        self.runtime
            .block_on(self.client.request::<Value>(request))
            .unwrap();
    }

    /// Creates objects with these numbers, and says how long it took.
    pub fn create(
        &self,
        path: &str,
        numbers: Range<usize>,
        object: impl Fn(usize) -> Value,
    ) -> Duration {
        let begin = Instant::now();
        self.runtime.block_on(
            futures::stream::iter(numbers)
                .map(|number| {
                    let request = http::Request::post(path)
                        .header("Content-Type", "application/json")
                        .body(object(number).to_string().into_bytes())
                        .unwrap();
                    let client = self.client.clone();
                    async move { client.request_text(request).await.unwrap() }
                })
                .buffer_unordered(AT_ONCE)
                .for_each(|_| async {}),
        );
        begin.elapsed()
    }

    fn peak(&self) -> u64 {
        high_water(&format!("/proc/{}/status", self.child.id())).unwrap()
    }

    /// Size of the largest object of a list, in bytes.
    pub fn largest(&self, path: &str) -> f64 {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let list: Value = self.runtime.block_on(self.client.request(request)).unwrap();
        let sizes = list["items"].as_array().unwrap().iter();
        let largest = sizes.map(|item| item.to_string().len()).max();
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        let largest = largest.unwrap_or_default() as f64;
        largest
    }

    /// Reads the whole list in pages of 500.
    fn list(&self, path: &str) -> (usize, Duration) {
        let begin = Instant::now();
        let count = self.runtime.block_on(async {
            let (mut count, mut token) = (0, String::new());
            loop {
                let page = format!("{path}?limit=500&continue={token}");
                let request = http::Request::get(page).body(Vec::new()).unwrap();
                let page: Value = self.client.request(request).await.unwrap();
                count += page["items"].as_array().unwrap().len();
                match page["metadata"]["continue"].as_str() {
                    None | Some("") => return count,
                    Some(next) => next.clone_into(&mut token),
                }
            }
        });
        (count, begin.elapsed())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn map(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("map-{number:06}"), "namespace": "default"},
        "data": {"number": number.to_string()},
    })
}

pub fn sheet() -> Sheet {
    let ready = median((0..15).map(|_| Cluster::start("").ready).collect());
    let cluster = Cluster::start("--nodes 0");
    let writes = 10_000;
    let took = cluster.create(MAPS, 0..writes, map);
    let (watchers, changes) = (200, 500);
    let fanned = fan_out(&cluster, watchers, changes, writes);
    #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
    let rate = |count: usize, time: Duration| format!("{:.0}", count as f64 / time.as_secs_f64());
    let size = std::fs::metadata(bmctl()).unwrap().len() / 1024;
    let lines = [
        ("ready, from the start of the process", time(ready)),
        (
            "creations a second, one client, 16 at once",
            rate(writes, took),
        ),
        (
            "events a second to 200 watches of one resource",
            rate(watchers * changes, fanned),
        ),
        ("size of the program that was measured", memory(size)),
    ];
    Sheet {
        columns: vec!["sandbox", "value"],
        lines: lines
            .map(|(what, value)| vec![what.to_owned(), value])
            .into(),
    }
}

/// How long until every watch has seen every change.
fn fan_out(cluster: &Cluster, watchers: usize, changes: usize, from: usize) -> Duration {
    let seen = AtomicUsize::new(0);
    cluster.runtime.block_on(async {
        let mut watches = Vec::new();
        for _ in 0..watchers {
            let request = http::Request::get(format!(
                "{MAPS}?watch=true&resourceVersion=0&sendInitialEvents=false"
            ))
            .body(Vec::new())
            .unwrap();
            let lines = cluster
                .client
                .request_stream(request)
                .await
                .unwrap()
                .lines();
            watches.push(lines);
        }
        // What was there is told first.
        let reading = watches.into_iter().map(|mut lines| {
            let seen = &seen;
            async move {
                let mut new = 0;
                while new < changes {
                    let line = lines.next().await.unwrap().unwrap();
                    if line.contains("\"fanned\"") {
                        new += 1;
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        let writing = async {
            let begin = Instant::now();
            for number in from..from + changes {
                let mut object = map(number);
                object["data"]["fanned"] = json!("yes");
                let request = http::Request::post(MAPS)
                    .header("Content-Type", "application/json")
                    .body(object.to_string().into_bytes())
                    .unwrap();
                cluster.client.request_text(request).await.unwrap();
            }
            begin
        };
        let (begin, _) = futures::join!(writing, futures::future::join_all(reading));
        assert_eq!(seen.load(Ordering::Relaxed), watchers * changes);
        begin.elapsed()
    })
}

/// What 1,000, 10,000 and 100,000 objects cost.
pub fn growth() -> Sheet {
    let cluster = Cluster::start("--nodes 0");
    let empty = cluster.peak();
    let (mut lines, mut there) = (Vec::new(), 0);
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    let mut all = Duration::ZERO;
    for size in [1_000, 10_000, 100_000] {
        all += cluster.create(MAPS, there..size, map);
        there = size;
        let peak = cluster.peak();
        let (count, listed) = cluster.list(MAPS);
        assert!(count >= size, "{count} of {size}");
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        {
            times.push((size as f64, all.as_secs_f64()));
            peaks.push((size as f64, (peak - empty).max(1) as f64));
        }
        lines.push(vec![
            size.to_string(),
            time(all),
            time(listed),
            memory(peak),
        ]);
    }
    lines.push(vec![
        "grows as objects^".to_owned(),
        format!("{:.2}", exponent(&times)),
        String::new(),
        format!("{:.2}", exponent(&peaks)),
    ]);
    Sheet {
        columns: vec![
            "objects",
            "created in",
            "listed in",
            "memory of the sandbox",
        ],
        lines,
    }
}
