//! The sandbox: a small Kubernetes API server in this process, with pretend machinery behind it.
//!
//! For newcomers without a cluster, for scripts under test, and for our own tests. It speaks real HTTPS to real
//! clients, and it knows nothing of the controller or the commands: what it stores are plain JSON objects.
//! What is faithful and what is not stands in `docs/sandbox.md`.
//!
//! # The way of a request
//!
//! ```text
//! server ─ auth ─┐
//!                ├─ core::handle ─ impersonation, authorization ─ route ─ registry ─ verb
//! Sandbox::client┘        │                                                           ├─ body, intake, strategy, schema, admission
//!                      answer (Accept → bytes)                                        └─ store ──── watch
//!                                                                                           └─ caretaker (owners, namespaces, definitions)
//! ```

mod account_token;
pub mod admission;
pub mod age;
mod answer;
pub mod apply;
mod auth;
mod authorization;
mod body;
mod builtin;
mod caretaker;
pub mod cel;
mod certificate;
mod core;
mod defaults;
mod definition;
pub mod discovery;
mod impersonation;
pub mod jsonpath;
mod kubeconfig;
mod metadata;
mod name;
mod openapi;
mod pages;
mod patch;
pub mod protobuf;
mod query;
pub mod refusal;
mod registry;
pub mod resource;
mod route;
pub mod schema;
mod selection;
pub mod selector;
mod server;
mod sketch;
mod store;
mod strategy;
pub mod table;
mod verb;
mod view;
mod watch;
pub mod wording;
pub mod world;

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpSocket, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{auth::Users, core::Core, server::Front};

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the kubeconfig calls cluster, user and context.
    pub name: String,
    /// How many writes a resource remembers for watches that come back.
    pub history: usize,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            name: "sandbox".to_owned(),
            history: 10_000,
        }
    }
}

/// Who makes a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub username: String,
    /// Empty where it is not known.
    pub uid: String,
    pub groups: Vec<String>,
    /// What else whoever authenticated it knows.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// A running API server. Clones are the same one.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    front: Arc<Front>,
    address: SocketAddr,
    kubeconfig: String,
    /// The accepting task, while the listener is open.
    listener: Mutex<Option<Listener>>,
    /// The port, while the listener is closed.
    reserved: Mutex<Option<TcpSocket>>,
    /// Ends the caretaker.
    stop: CancellationToken,
}

struct Listener {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Sandbox {
    /// Starts an API server with nothing in it but the system's namespaces.
    pub async fn start(options: SandboxOptions) -> anyhow::Result<Self> {
        let socket = server::bind(options.listen).await?;
        let address = socket.local_addr()?;
        let certificate = certificate::generate(address.ip())?;
        let users = Users::generate();
        let url = format!("https://{address}");
        let kubeconfig = kubeconfig::write(&options.name, &url, &certificate.authority, &users)?;
        let (changes, seen) = mpsc::unbounded_channel();
        let core = Arc::new(Core::new(address.to_string(), options.history, changes));
        let stop = core.stopping.clone();
        tokio::spawn(caretaker::run(core.clone(), seen, stop.clone()));
        let front = Arc::new(Front {
            core,
            users,
            tls: certificate.tls,
        });
        let sandbox = Self {
            inner: Arc::new(Inner {
                front,
                address,
                kubeconfig,
                listener: Mutex::new(None),
                reserved: Mutex::new(None),
                stop,
            }),
        };
        sandbox.listen(socket);
        Ok(sandbox)
    }

    /// `https://ADDRESS:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.inner.address)
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// A kubeconfig of the owner, with a second context for the limited user; YAML.
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        self.inner.kubeconfig.clone()
    }

    /// A client without sockets, authenticated as this user, who may do what roles and bindings allow. It works while
    /// the listener is closed.
    #[must_use]
    pub fn client(&self, user: &Identity) -> kube::Client {
        let core = self.inner.front.core.clone();
        let user = Arc::new(user.clone());
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (core, user) = (core.clone(), user.clone());
            async move {
                let request = server::whole(request).await?;
                let answer = async { core.handle(&user, &request) };
                Ok::<_, kube::Error>(server::guarded(answer).await)
            }
        });
        kube::Client::new(service, "default")
    }

    /// Closes the port and cuts every connection; what is stored stays. Nobody else gets the port meanwhile.
    pub async fn close_listener(&self) {
        self.cut().await;
        *lock(&self.inner.reserved) = server::reserve(self.inner.address);
    }

    /// Opens the same port again.
    pub async fn open_listener(&self) -> anyhow::Result<()> {
        if lock(&self.inner.listener).is_some() {
            return Ok(());
        }
        let reserved = lock(&self.inner.reserved).take();
        let socket = match reserved {
            Some(reserved) => server::listen(reserved)?,
            None => server::bind(self.inner.address).await?,
        };
        self.listen(socket);
        Ok(())
    }

    /// Stops everything. Clients of the process get no more watch events.
    pub async fn stop(self) {
        self.inner.stop.cancel();
        self.cut().await;
    }

    /// Ends the listener and all of its connections.
    async fn cut(&self) {
        let listener = lock(&self.inner.listener).take();
        if let Some(listener) = listener {
            listener.stop.cancel();
            // It ends at once; that it was aborted or panicked changes nothing for the port.
            let _ = listener.task.await;
        }
    }

    fn listen(&self, socket: tokio::net::TcpListener) {
        let stop = CancellationToken::new();
        let task = tokio::spawn(server::serve(
            socket,
            self.inner.front.clone(),
            stop.clone(),
        ));
        *lock(&self.inner.listener) = Some(Listener { task, stop });
    }
}

/// What a panicking thread left in there is still what it is: an option.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}
