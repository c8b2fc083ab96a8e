//! A proxy in front of an API server: it ends TLS with an authority of its own, writes down what passes, and breaks what
//! it is told to break, in the order that it is told. Without faults it changes nothing.
//!
//! Tests start one with [`Proxy::before`], point a program at it ([`Proxy::bmctl`]), and look at
//! [`Proxy::requests`] and [`Proxy::connections`] afterwards. It never decides anything about an answer that it was not
//! told: identities, conflicts and versions are the API server's.

mod script;
mod serve;
mod tls;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use http::HeaderMap;
use kube::config::Kubeconfig;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use self::{
    script::{Fault, On, Script},
    tls::{Authority, acceptor},
};
use crate::test_cluster::{Ended, TestCluster, clean, finish, runtime};

/// How a proxy differs from one that only looks.
#[derive(Default)]
pub struct ProxyOptions {
    pub script: Script,
    /// The names that its certificate is for; its address where there are none.
    pub names: Vec<String>,
    /// Whoever shows a certificate of this authority is let in as this user; others need a credential.
    pub certificates: Option<(Authority, String)>,
    /// The Authorization header does not get through.
    pub strips_credentials: bool,
}

/// One request as it arrived, whatever became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which connection it came on, counted from 0.
    pub connection: usize,
    pub method: http::Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    /// What was broken.
    pub fault: Option<Fault>,
    pub at: Instant,
}

impl Seen {
    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }
}

/// What is done when a request has come, before it is answered.
type Watcher = Box<dyn Fn(&Seen) + Send>;

/// What happened so far.
#[derive(Default)]
struct Journal {
    connections: usize,
    requests: Vec<Seen>,
}

/// What every connection of a proxy shares.
struct Shared {
    script: Mutex<Script>,
    journal: Mutex<Journal>,
    watcher: Mutex<Option<Watcher>>,
    /// Ends the connections that are open.
    cut: Mutex<CancellationToken>,
    upstream: serve::Upstream,
}

/// A running proxy; it ends with this value.
pub struct Proxy {
    folder: PathBuf,
    path: PathBuf,
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Before the API server of a cluster, with these faults.
    pub fn before(test_cluster: &TestCluster, script: Script) -> Self {
        Self::with(
            test_cluster,
            ProxyOptions {
                script,
                ..ProxyOptions::default()
            },
        )
    }

    pub fn with(test_cluster: &TestCluster, options: ProxyOptions) -> Self {
        let listener = runtime()
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let names = match options.names.as_slice() {
            [] => vec![address.ip().to_string()],
            names => names.to_vec(),
        };
        let authority = Authority::new("faults");
        let (trusted, user) = options.certificates.unzip();
        let acceptor = tls::acceptor(&authority, &names, trusted.as_ref());
        let kubeconfig = Kubeconfig::read_from(test_cluster.kubeconfig()).unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(options.script),
            journal: Mutex::default(),
            watcher: Mutex::default(),
            cut: Mutex::default(),
            upstream: serve::Upstream::of(&kubeconfig, user, options.strips_credentials),
        });
        let accepting = serve::accept(listener, acceptor, Arc::clone(&shared));
        let path = test_cluster
            .folder()
            .join(format!("kubeconfig-of-{}", address.port()));
        let proxy = Self {
            folder: test_cluster.folder().to_owned(),
            path,
            address,
            shared,
            task: runtime().spawn(accepting),
        };
        proxy.write(&through(kubeconfig, address, &authority));
        proxy
    }

    /// The owner's kubeconfig, but of this proxy.
    pub fn kubeconfig(&self) -> &Path {
        &self.path
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the kubeconfig.
    pub fn edit(&self, change: impl FnOnce(&mut Kubeconfig)) {
        let mut kubeconfig = Kubeconfig::read_from(&self.path).unwrap();
        change(&mut kubeconfig);
        self.write(&kubeconfig);
    }

    /// From now on does this whenever a request has come, before it is answered.
    pub fn when_seen(&self, watcher: impl Fn(&Seen) + Send + 'static) {
        *lock(&self.shared.watcher) = Some(Box::new(watcher));
    }

    fn write(&self, kubeconfig: &Kubeconfig) {
        // JSON is YAML.
        std::fs::write(&self.path, serde_json::to_vec(kubeconfig).unwrap()).unwrap();
    }

    /// Breaks these things from now on, whatever was left of what was to be broken before.
    pub fn play(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// Breaks every connection that is open, watches and all.
    pub fn cut(&self) {
        std::mem::take(&mut *lock(&self.shared.cut)).cancel();
    }

    pub fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.journal).requests.clone()
    }

    /// Method and path of every request, without the query.
    pub fn paths(&self) -> Vec<String> {
        let paths = self.requests().into_iter().map(|seen| {
            let path = seen.target.split('?').next().unwrap_or_default();
            format!("{} {path}", seen.method)
        });
        paths.collect()
    }

    pub fn connections(&self) -> usize {
        lock(&self.shared.journal).connections
    }

    /// bmctl against this proxy, not started yet.
    pub fn bmctl_command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(env!("CARGO_BIN_EXE_bmctl"), &self.folder);
        command.args(arguments).env("KUBECONFIG", &self.path);
        command
    }

    /// Runs bmctl against this proxy to its end.
    pub fn bmctl(&self, arguments: &[&str]) -> Ended {
        finish(self.bmctl_command(arguments), "bmctl", arguments, "")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The same clusters behind another address and authority.
fn through(mut kubeconfig: Kubeconfig, address: SocketAddr, authority: &Authority) -> Kubeconfig {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    for cluster in &mut kubeconfig.clusters {
        let cluster = cluster.cluster.as_mut().unwrap();
        cluster.server = Some(format!("https://{address}"));
        cluster.certificate_authority_data = Some(STANDARD.encode(authority.pem()));
    }
    kubeconfig
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
