//! The clusters that everything is measured on: sandboxes in processes of their own, or, where `KUBEBUILDER_ASSETS` names
//! a folder with etcd and kube-apiserver, real control planes with this process as kubelet, engine and controller.

use std::{
    io::{BufRead as _, BufReader},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use bmctl::{
    commands::sandbox::assembly::Composition,
    simulator::{NodeProfile, Pace},
};
use futures::{AsyncBufReadExt as _, StreamExt as _};
use kube::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    components::Components,
    process::{Place, bmctl, high_water},
    test_server,
};

pub const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
pub const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
pub const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
/// How many requests are under way at once.
const AT_ONCE: usize = 16;

/// A cluster; it ends with this value.
pub struct Cluster {
    // In this order: who talks to the API server ends while there is a runtime to end on.
    server: Server,
    client: Client,
    folder: TempDir,
    kubeconfig: PathBuf,
    pub ready: Duration,
    runtime: Runtime,
}

/// Who answers.
enum Server {
    Sandbox(Child),
    RealControlPlane { _troupe: Box<Components> },
}

impl Cluster {
    /// Everything that a user meets, on one healthy node: VM Runtime is installed and disabled.
    pub fn complete() -> Self {
        match test_server::assets() {
            Some(assets) => Self::control_plane(
                &assets,
                Composition::Everyone,
                vec![NodeProfile::pretend("worker-0")],
            ),
            None => Self::sandbox("--nodes 0 --node worker-0=healthy --pace instant"),
        }
    }

    /// An API server, and nobody on it who would do anything.
    pub fn empty() -> Self {
        match test_server::assets() {
            Some(assets) => Self::control_plane(&assets, Composition::ApiServer, Vec::new()),
            None => Self::sandbox(""),
        }
    }

    /// So many healthy nodes, and no controller.
    pub fn without_controller(nodes: usize) -> Self {
        match test_server::assets() {
            Some(assets) => {
                let nodes = (0..nodes).map(|number| NodeProfile::pretend(format!("node-{number}")));
                Self::control_plane(&assets, Composition::Machinery, nodes.collect())
            }
            None => Self::sandbox(&format!("--nodes {nodes} --no-controller --pace instant")),
        }
    }

    /// etcd and kube-apiserver of that folder.
    fn control_plane(assets: &Path, cast: Composition, nodes: Vec<NodeProfile>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let begin = Instant::now();
        let (components, client) = runtime.block_on(async {
            let components = Components::gather(assets, cast, nodes, Pace::INSTANT);
            let components = components.await.unwrap();
            let client = components.control_plane().client(None);
            (components, client)
        });
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, components.control_plane().kubeconfig()).unwrap();
        Self {
            client,
            server: Server::RealControlPlane {
                _troupe: Box::new(components),
            },
            ready: begin.elapsed(),
            folder,
            kubeconfig,
            runtime,
        }
    }

    /// A sandbox that was started with these words.
    pub fn sandbox(words: &str) -> Self {
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
            server: Server::Sandbox(child),
            folder,
            kubeconfig,
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

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs it to its end.
    pub fn wait_for<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(what)
    }

    /// Merges this into an object.
    pub fn merge(&self, path: &str, patch: &Value) {
        let request = http::Request::patch(path)
            .header("Content-Type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes())
            .unwrap();
        self.wait_for(self.client.request::<Value>(request))
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
        self.wait_for(
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

    /// The most memory that the sandbox has held, in KiB.
    pub fn peak(&self) -> u64 {
        let Server::Sandbox(child) = &self.server else {
            panic!("the memory of a control plane is not ours to measure");
        };
        high_water(&format!("/proc/{}/status", child.id())).unwrap()
    }

    /// Reads an object or a list.
    pub fn read(&self, path: &str) -> Value {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        self.wait_for(self.client.request(request)).unwrap()
    }

    /// Watches a collection, what is there first, until an object is as it is waited for.
    pub fn watch(&self, path: &str, is_so: impl Fn(&Value) -> bool) {
        let request = http::Request::get(format!("{path}?watch=true&resourceVersion=0"))
            .body(Vec::new())
            .unwrap();
        self.wait_for(async {
            let mut lines = self.client.request_stream(request).await.unwrap().lines();
            loop {
                let line = lines.next().await.unwrap().unwrap();
                let event: Value = serde_json::from_str(&line).unwrap();
                if is_so(&event["object"]) {
                    return;
                }
            }
        });
    }

    /// Size of the largest object of a list, in bytes.
    pub fn largest(&self, path: &str) -> f64 {
        let list = self.read(path);
        let sizes = list["items"].as_array().unwrap().iter();
        let largest = sizes.map(|item| item.to_string().len()).max();
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        let largest = largest.unwrap_or_default() as f64;
        largest
    }

    /// Reads the whole list in pages of 500.
    pub fn list(&self, path: &str) -> (usize, Duration) {
        let begin = Instant::now();
        let count = self.wait_for(async {
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

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Sandbox(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
