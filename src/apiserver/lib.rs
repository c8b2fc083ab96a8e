#![doc = include_str!("README.md")]
//!
//! # The way of a request
//!
//! ```text
//! transport::server ─┐
//!                    ├─ endpoint::core ─ access ─ request::route ─ kind::registry ─ endpoint::verb
//! Server::client ────┘        │                                                         ├─ request::body, schema, kind, access::admission
//!                   presentation::answer (Accept → bytes)                               └─ store ──── endpoint::watch
//!                                                                                             └─ endpoint::garbage_collector (owners, namespaces, definitions)
//! ```
//!
//! # The folders
//!
//! Each names only those before it, which a test holds: `object` (what every object is made of), `schema` (structural
//! schemas and CEL), `kind` (what is served), `status_error` (why the answer is no), `presentation` (how answers look),
//! `request` (what a request says), `access` (who may do what), `store`, `endpoint` (from a request to an answer),
//! `fault`, `transport` (HTTPS).

mod access;
mod endpoint;
pub mod fault;
mod kind;
mod object;
mod presentation;
mod request;
mod schema;
mod status_error;
mod store;
mod transport;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub use self::{
    access::identity::Identity,
    object::selector::LabelSelector,
    store::{StateFault, is_there as has_state},
    transport::server::Limits,
};
use self::{
    endpoint::{core::Core, garbage_collector},
    fault::{Fault, Faults, Party, effect},
    store::{Disk, Store},
    transport::{
        certificate,
        credential::{self, Credentials},
        kubeconfig,
        server::{self, Front},
    },
};

/// Where the state remembers the port.
const PORT: &str = "port";

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the kubeconfig calls cluster, user and context.
    pub name: String,
    /// How many writes a resource remembers for watches that come back.
    pub history: usize,
    /// Folder that everything is kept in; `None`: it ends with the process.
    pub state: Option<PathBuf>,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            name: "sandbox".to_owned(),
            history: 10_000,
            state: None,
            limits: Limits::default(),
        }
    }
}

/// A running API server. Clones are the same one.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    front: Arc<Front>,
    address: SocketAddr,
    kubeconfig: String,
    /// PEM.
    authority: String,
    /// The accepting task, while the listener is open.
    listener: Mutex<Option<Listener>>,
    /// The port, while the listener is closed.
    reserved: Mutex<Option<TcpSocket>>,
    /// Ends the garbage collector.
    stop: CancellationToken,
    disk: Option<Arc<Disk>>,
}

struct Listener {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Server {
    /// Starts an API server with what its state holds, or what every cluster has.
    ///
    /// # Errors
    /// The address is taken, or the state can not be used ([`StateFault`]).
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let disk = options.state.as_deref().map(Disk::open).transpose()?;
        let disk = disk.map(Arc::new);
        let credentials = credentials(disk.as_deref())?;
        let socket = listen_again(options.listen, disk.as_deref()).await?;
        let address = socket.local_addr()?;
        let url = format!("https://{address}");
        let Credentials {
            authority,
            users,
            signer,
        } = credentials;
        let kubeconfig = kubeconfig::write(&options.name, &url, &authority.certificate, &users)?;
        let (changes, seen) = mpsc::unbounded_channel();
        let store = match &disk {
            Some(disk) => Store::on(disk, options.history, changes)?,
            None => Store::new(options.history, changes),
        };
        let core = Arc::new(Core::new(address.to_string(), store, signer));
        let stop = core.stopping.clone();
        tokio::spawn(garbage_collector::run(core.clone(), seen, stop.clone()));
        let (restarts, asked) = mpsc::unbounded_channel();
        let front = Arc::new(Front {
            core,
            users,
            tls: certificate::serve(&authority, address.ip())?,
            faults: Faults::new(restarts),
            limits: options.limits,
        });
        let server = Self {
            inner: Arc::new(Inner {
                front,
                address,
                kubeconfig,
                authority: authority.certificate,
                listener: Mutex::new(None),
                reserved: Mutex::new(None),
                stop: stop.clone(),
                disk,
            }),
        };
        tokio::spawn(restart_when_asked(
            Arc::downgrade(&server.inner),
            asked,
            stop,
        ));
        server.listen(socket);
        Ok(server)
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

    /// The certificate that the server's own is signed with, PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> &str {
        &self.inner.authority
    }

    /// A client without sockets, authenticated as this user, who may do what roles and bindings allow. It works while
    /// the listener is closed, and no fault hits it.
    #[must_use]
    pub fn client(&self, user: &Identity) -> kube::Client {
        self.in_process(None, user)
    }

    /// The same for a part of the cluster that plays its role in this process: faults that name it hit it.
    #[must_use]
    pub fn client_of(&self, party: Party, user: &Identity) -> kube::Client {
        self.in_process(Some(party), user)
    }

    fn in_process(&self, party: Option<Party>, user: &Identity) -> kube::Client {
        let front = self.inner.front.clone();
        let user = Arc::new(user.clone());
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (front, user) = (front.clone(), user.clone());
            async move {
                let request = server::whole(request).await?;
                // What is in this process ends with it: it need not wait for the disk.
                let answer = front.core.reply(&user, &request);
                let Some(party) = party else {
                    return Ok(effect::unharmed(answer.await));
                };
                effect::through(&front.faults, party, &user, &request, answer)
                    .await
                    .map_err(|reset| kube::Error::Service(Box::new(reset)))
            }
        });
        kube::Client::new(service, "default")
    }

    /// Arms a fault. See [`fault`].
    ///
    /// # Errors
    /// What makes no sense about it.
    pub fn arm(&self, fault: Fault) -> Result<(), String> {
        self.inner.front.faults.arm(fault).map(drop)
    }

    /// What the state remembers under a name; nothing where there is no state.
    ///
    /// # Errors
    /// The state can not be read.
    pub fn memo(&self, name: &str) -> Result<Option<Vec<u8>>, StateFault> {
        let disk = self.inner.disk.as_ref();
        disk.map_or(Ok(None), |disk| disk.memo(name))
    }

    /// Has the state remember something, where there is one.
    ///
    /// # Errors
    /// The state can not be written.
    pub fn set_memo(&self, name: &str, value: &[u8]) -> Result<(), StateFault> {
        let disk = self.inner.disk.as_ref();
        disk.map_or(Ok(()), |disk| disk.set_memo(name, value))
    }

    /// Returns when the state can not be written any more, and why; never without a state.
    pub async fn broken(&self) -> String {
        self.inner.front.core.store.broken().await
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
        if let Err(why) = self.inner.front.core.store.kept().await {
            tracing::error!(%why, "the latest writes could not be kept");
        }
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

/// The secrets that the state keeps, or new ones.
fn credentials(disk: Option<&Disk>) -> anyhow::Result<Credentials> {
    let Some(disk) = disk else {
        return Credentials::generate();
    };
    if let Some(memo) = disk.memo(credential::MEMO)? {
        return Credentials::from_memo(&memo);
    }
    let new = Credentials::generate()?;
    disk.set_memo(credential::MEMO, &new.to_memo()?)?;
    Ok(new)
}

/// Listens where the state was listened for last, unless a port was asked for, so that kubeconfigs stay good.
async fn listen_again(asked: SocketAddr, disk: Option<&Disk>) -> anyhow::Result<TcpListener> {
    let Some(disk) = disk else {
        return server::bind(asked).await;
    };
    let known = disk.memo(PORT)?;
    let known = known.and_then(|port| String::from_utf8(port).ok()?.parse().ok());
    let socket = match known {
        Some(port) if asked.port() == 0 => {
            match server::bind(SocketAddr::new(asked.ip(), port)).await {
                Ok(socket) => socket,
                Err(error) => {
                    tracing::warn!(%error, "the port of before is taken: kubeconfigs of before do not find the cluster");
                    server::bind(asked).await?
                }
            }
        }
        Some(_) | None => server::bind(asked).await?,
    };
    disk.set_memo(PORT, socket.local_addr()?.port().to_string().as_bytes())?;
    Ok(socket)
}

/// Takes the listener away and brings it back, whenever a fault wants that.
async fn restart_when_asked(
    inner: Weak<Inner>,
    mut asked: mpsc::UnboundedReceiver<Duration>,
    stop: CancellationToken,
) {
    loop {
        let downtime = tokio::select! {
            () = stop.cancelled() => return,
            downtime = asked.recv() => downtime,
        };
        let (Some(downtime), Some(inner)) = (downtime, inner.upgrade()) else {
            return;
        };
        let server = Server { inner };
        server.close_listener().await;
        tokio::time::sleep(downtime).await;
        if let Err(error) = server.open_listener().await {
            tracing::error!(%error, "the API server does not come back");
            return;
        }
    }
}

/// What a panicking thread left in there is still what it is: an option.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}
