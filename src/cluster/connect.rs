//! From options to a client. Nothing is sent yet, except that a login plugin of the kubeconfig may run.
//!
//! kube's own retries are silent and nearly endless, it has no limit for an answer, and it runs login plugins as they
//! come: all of that is set here, so that no caller can forget it.

mod address;
mod bounded;
mod configuration;
mod forwarder;
pub(super) mod in_cluster;
mod login;
mod oidc;
mod pem;
mod plugin;
pub(super) mod proxy;
mod retry_after;
mod timeout;
mod tls;
mod transport;
mod unseen;

use std::{path::PathBuf, time::Duration};

use http::{HeaderName, HeaderValue};
use kube::{Client, Config, config::AuthInfo};

use self::{
    login::{Connector, Login, Source},
    timeout::RequestTimeout,
    unseen::CredentialCheck,
};
pub use self::{plugin::Terminal, proxy::Proxies};
use super::{
    answer,
    deadline::Deadline,
    kubeconfig::{self, Environment, Found, Kubeconfigs},
};
use crate::{
    api::name,
    failure::{self, Failure, Kind, LoginError, Reason, Unseen},
};

/// Where a cluster is to be found, and as whom.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`: `<workspace>/NAME/NAME-kubeconfig`.
    pub cluster: Option<String>,
    /// The folder of bmctl's clusters, normally `bmctl-workspace`.
    pub workspace: PathBuf,
    /// What every single request but a watch may take; `None`: as long as the command.
    pub request_timeout: Option<Duration>,
    /// `--as`, `--as-group`, `--as-uid`.
    pub identity: IdentityOverride,
    /// For login plugins that ask.
    pub terminal: Terminal,
    /// Reading files and logging in take of the command's own time.
    pub deadline: Deadline,
    /// What was read of kubeconfigs so far.
    pub kubeconfigs: Kubeconfigs,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            cluster: None,
            workspace: PathBuf::from("bmctl-workspace"),
            request_timeout: Some(Duration::from_secs(15)),
            identity: IdentityOverride::default(),
            terminal: Terminal::default(),
            deadline: Deadline::never(),
            kubeconfigs: Kubeconfigs::default(),
        }
    }
}

/// Whom to impersonate.
#[derive(Clone, Debug, Default)]
pub struct IdentityOverride {
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub uid: Option<String>,
}

impl IdentityOverride {
    /// Groups and a UID are somebody's: of `user`, who is the one that the kubeconfig acts as, or of another one.
    fn complete(&self, user: Option<&str>) -> Result<(), Failure> {
        let adds = !self.groups.is_empty() || self.uid.is_some();
        if adds && self.user.is_none() && user.is_none_or(str::is_empty) {
            return Err(Failure::new(
                Kind::Usage,
                Reason::IncompleteIdentity,
                "--as-group and --as-uid need --as",
            ));
        }
        Ok(())
    }
}

/// A cluster that requests can be sent to.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    /// Name of the context in the kubeconfig; empty in a pod.
    pub context: String,
    /// URL of the API server, without user information.
    pub server: String,
    /// Name of the cluster, for the workspace folder and for people.
    pub name: String,
    /// The namespace that the context names, else `default`.
    pub namespace: String,
    /// Where the kubeconfig came from, for people: a path, several, or `in-cluster`.
    pub source: String,
    /// The kubeconfigs that were read; none in a pod.
    pub files: Vec<PathBuf>,
    /// What people should know about the connection.
    pub warnings: Vec<String>,
}

/// The longest that making one connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a cluster is reached, before anybody is logged in.
struct Access {
    config: Config,
    /// Where the credential comes from, if it does not last.
    source: Option<Source>,
    context: String,
    name: String,
}

/// Finds the kubeconfig, logs in where that takes a plugin, and makes a client.
pub async fn connect(options: &ConnectOptions) -> Result<Cluster, Failure> {
    // Configurations are too large for the stack of every command.
    Box::pin(connect_from(options, &Environment::of_process())).await
}

/// The same for another environment than that of this process.
pub async fn connect_from(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Cluster, Failure> {
    let found = kubeconfig::found(options, environment).await?;
    let shown = found.to_string();
    let files = found.files();
    let Access {
        config,
        source,
        context,
        name,
    } = access(found, &shown, options, environment).await?;
    let config = adjusted(config, options);
    let mut warnings = Vec::new();
    if config.accept_invalid_certs {
        warnings.push(
            "insecure-skip-tls-verify is set: anybody between here and the cluster can read and change what is sent"
                .to_owned(),
        );
    }
    Ok(Cluster {
        server: address::shown(&config.cluster_url),
        namespace: config.default_namespace.clone(),
        client: answer::checked(client(config, source, options, &shown).await?),
        context,
        name,
        source: shown,
        files,
        warnings,
    })
}

async fn access(
    found: Found,
    shown: &str,
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Access, Failure> {
    match found {
        Found::InCluster(pod) => {
            options.identity.complete(None)?;
            let (mut config, source) = pod.configuration(options.deadline).await?;
            let mut nobody = AuthInfo::default();
            config.proxy_url = environment
                .proxies
                .way(None, &config.cluster_url)
                .map_err(|why| kubeconfig::bad(shown, why))?;
            configuration::impersonate(&mut config, &mut nobody, &options.identity)
                .map_err(|why| kubeconfig::bad(shown, why))?;
            Ok(Access {
                config,
                source: Some(source),
                context: String::new(),
                name: "in-cluster".to_owned(),
            })
        }
        Found::Files(paths) => {
            let kubeconfig = options.kubeconfigs.read(&paths, options.deadline).await?;
            let chosen = kubeconfig::choose(&kubeconfig, options.context.as_deref(), shown)?;
            let acts_as = chosen.user.impersonate.as_deref();
            options.identity.complete(acts_as)?;
            let context = chosen.context.clone();
            let name = options.cluster.as_ref().unwrap_or(&chosen.cluster).clone();
            let (config, source) =
                configuration::configuration(chosen, options, &environment.proxies)
                    .await
                    .map_err(|why| kubeconfig::bad(shown, why))?;
            Ok(Access {
                config,
                source,
                context,
                name,
            })
        }
    }
}

/// What this program wants of every client.
fn adjusted(mut config: Config, options: &ConnectOptions) -> Config {
    config.default_retry = false;
    // Sooner than the whole request: so it is known that there was not even a connection.
    let limit = options
        .request_timeout
        .map_or(CONNECT_TIMEOUT, |limit| limit * 9 / 10);
    config.connect_timeout = Some(CONNECT_TIMEOUT.min(limit));
    config
}

async fn client(
    config: Config,
    source: Option<Source>,
    options: &ConnectOptions,
    shown: &str,
) -> Result<Client, Failure> {
    let request_timeout = RequestTimeout {
        limit: options.request_timeout,
        deadline: options.deadline,
    };
    let check = CredentialCheck {
        had: presented(&config),
    };
    let made = match source {
        None => transport::builder(&config).map(|builder| {
            builder
                .with_layer(&request_timeout)
                .with_layer(&check)
                .build()
        }),
        Some(source) => {
            let connector = Connector {
                config,
                request_timeout,
                check,
            };
            let login = Box::pin(Login::new(connector, source));
            login.await.map(Login::client)
        }
    };
    made.map_err(|error| match &error {
        // What it would ask for in a header cannot be sent.
        kube::Error::InferKubeconfig(_) | kube::Error::HttpError(_) => {
            kubeconfig::bad(shown, "its user cannot be used for requests")
        }
        kube::Error::Service(login) if login.is::<LoginError>() => {
            failure::from_kube(&error, "log in")
        }
        _ => failure::from_kube(&error, &format!("use kubeconfig {shown}")),
    })
}

/// What there is for the API server to see, but for a login; `None` where somebody acts as nobody, and wants to.
fn presented(config: &Config) -> Option<Unseen> {
    let auth = &config.auth_info;
    let acts_as_nobody = |(header, user): &(HeaderName, HeaderValue)| {
        header == configuration::ACT_AS && user == name::ANONYMOUS
    };
    if config.headers.iter().any(acts_as_nobody) {
        None
    } else if auth.token.is_some() || auth.username.is_some() {
        Some(Unseen::Header)
    } else if auth.client_certificate_data.is_some() {
        Some(Unseen::Certificate)
    } else {
        Some(Unseen::Nothing)
    }
}

#[cfg(test)]
mod tests;
