//! From options to a client. Nothing is sent yet, except that a login plugin of the kubeconfig may run.
//!
//! kube's own retries are silent and nearly endless, it has no limit for an answer, and it runs login plugins as they
//! come: all of that is set here, so that no caller can forget it.

mod bounded;
pub(super) mod in_cluster;
mod login;
mod oidc;
mod plugin;
mod proxy;
mod retry_after;
mod timeout;
mod transport;

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

pub use self::plugin::Terminal;
use self::{
    login::{Door, Login, Source},
    oidc::Oidc,
    plugin::Plugin,
    proxy::Proxies,
    timeout::RequestTimeout,
};
use super::{
    deadline::Deadline,
    kubeconfig::{self, Chosen, Environment, Found},
};
use crate::failure::{self, Failure, Kind, LoginError, Reason};

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
    /// Logging in takes of the command's own time.
    pub deadline: Deadline,
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
    let found = kubeconfig::find(options, &Environment::of_process())?;
    let shown = found.to_string();
    let access = match found {
        Found::InCluster(pod) => {
            let (mut config, source) = pod.configuration()?;
            config.proxy_url =
                proxy_url(None, &config).map_err(|error| kubeconfig::unusable(&shown, &error))?;
            Access {
                config,
                source: Some(source),
                context: String::new(),
                name: "in-cluster".to_owned(),
            }
        }
        Found::Files(paths) => {
            let kubeconfig = kubeconfig::read(&paths)?;
            let chosen = kubeconfig::choose(&kubeconfig, options.context.as_deref(), &shown)?;
            configured(kubeconfig, chosen, &shown, options).await?
        }
    };
    let Access {
        config,
        source,
        context,
        name,
    } = access;
    let config = adjusted(config, options)?;
    let mut warnings = Vec::new();
    if config.accept_invalid_certs {
        warnings.push(
            "insecure-skip-tls-verify is set: anybody between here and the cluster can read and change what is sent"
                .to_owned(),
        );
    }
    Ok(Cluster {
        server: without_user_information(&config.cluster_url),
        namespace: config.default_namespace.clone(),
        client: client(config, source, options, &shown).await?,
        context,
        name,
        source: shown,
        warnings,
    })
}

async fn configured(
    kubeconfig: Kubeconfig,
    chosen: Chosen,
    shown: &str,
    options: &ConnectOptions,
) -> Result<Access, Failure> {
    let wanted = KubeConfigOptions {
        context: Some(chosen.context.clone()),
        ..KubeConfigOptions::default()
    };
    let own_proxy = kubeconfig
        .clusters
        .iter()
        .find(|named| named.name == chosen.cluster)
        .and_then(|named| named.cluster.as_ref()?.proxy_url.clone());
    let unusable = |error| kubeconfig::unusable(shown, &error);
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &wanted)
        .await
        .map_err(unusable)?;
    config.proxy_url = proxy_url(own_proxy.as_deref(), &config).map_err(unusable)?;
    let source =
        source(&mut config, options.terminal).map_err(|why| kubeconfig::bad(shown, why))?;
    Ok(Access {
        config,
        source,
        name: options.cluster.clone().unwrap_or(chosen.cluster),
        context: chosen.context,
    })
}

/// The proxy that the kubeconfig names, else the one of the environment.
fn proxy_url(own: Option<&str>, config: &Config) -> Result<Option<http::Uri>, KubeconfigError> {
    let proxies = Proxies::of_process();
    own.or_else(|| proxies.toward(&config.cluster_url))
        .map(|url| proxy::url(url).map_err(KubeconfigError::ParseProxyUrl))
        .transpose()
}

/// Takes out of the configuration what `login` does better than kube: token files, login plugins and OpenID Connect.
fn source(config: &mut Config, terminal: Terminal) -> Result<Option<Source>, String> {
    let auth = &mut config.auth_info;
    if let Some(provider) = auth.auth_provider.take() {
        // The others were removed from client-go in 1.26.
        return match provider.name.as_str() {
            "oidc" => Oidc::new(&provider.config).map(|oidc| Some(Source::Oidc(oidc))),
            name => Err(format!(
                "its auth-provider {name:?} is no longer supported by Kubernetes clients; use a login plugin (exec)"
            )),
        };
    }
    if let Some(path) = auth.token_file.take().map(PathBuf::from) {
        // As client-go: the file counts, and the token only where the file can not be read.
        if auth.token.is_none() || path.is_file() {
            auth.token = None;
            return Ok(Some(Source::File(path)));
        }
    }
    let lasts = auth.token.is_some() || auth.username.is_some();
    match auth.exec.take() {
        Some(exec) if !lasts => {
            Plugin::new(&exec, terminal).map(|plugin| Some(Source::Plugin(plugin)))
        }
        Some(_) | None => Ok(None),
    }
}

/// What this program wants of every client.
fn adjusted(mut config: Config, options: &ConnectOptions) -> Result<Config, Failure> {
    config.default_retry = false;
    // Sooner than the whole request: so it is known that there was not even a connection.
    let limit = options
        .request_timeout
        .map_or(CONNECT_TIMEOUT, |limit| limit * 9 / 10);
    config.connect_timeout = Some(CONNECT_TIMEOUT.min(limit));
    let plain = config.cluster_url.scheme_str() == Some("http");
    if config.accept_invalid_certs || plain {
        // Otherwise the authorities of this machine are loaded, and a machine without any could not connect.
        config.root_cert.get_or_insert_default();
    }
    let identity = &options.identity;
    if identity.user.is_none() && (!identity.groups.is_empty() || identity.uid.is_some()) {
        return Err(Failure::new(
            Kind::Usage,
            Reason::IncompleteIdentity,
            "--as-group and --as-uid need --as",
        ));
    }
    if let Some(user) = &identity.user {
        config.auth_info.impersonate = Some(user.clone());
        config.auth_info.impersonate_groups = Some(identity.groups.clone());
        config.auth_info.impersonate_uid.clone_from(&identity.uid);
    }
    Ok(config)
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
    let made = match source {
        None => {
            transport::builder(&config).map(|builder| builder.with_layer(&request_timeout).build())
        }
        Some(source) => {
            let door = Door {
                config,
                request_timeout,
            };
            let login = Box::pin(Login::new(door, source));
            login.await.map(Login::client)
        }
    };
    made.map_err(|error| match &error {
        kube::Error::InferKubeconfig(error) => kubeconfig::unusable(shown, error),
        kube::Error::Service(login) if login.is::<LoginError>() => {
            failure::from_kube(&error, "log in")
        }
        _ => failure::from_kube(&error, &format!("use kubeconfig {shown}")),
    })
}

/// The address as it may be shown: user information in a URL is a credential.
fn without_user_information(url: &http::Uri) -> String {
    let host = url
        .authority()
        .map(http::uri::Authority::as_str)
        .unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let scheme = url.scheme_str().unwrap_or("https");
    format!("{scheme}://{host}{}", url.path().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_credentials() {
        for (url, shown) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("https://eve:hunter2@host:443/", "https://host:443"),
            ("http://[::1]:8080/k8s/c-1", "http://[::1]:8080/k8s/c-1"),
        ] {
            assert_eq!(without_user_information(&url.parse().unwrap()), shown);
        }
    }

    fn options(kubeconfig: &str) -> (tempfile::TempDir, ConnectOptions) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, kubeconfig).unwrap();
        let options = ConnectOptions {
            kubeconfig: Some(path),
            ..ConnectOptions::default()
        };
        (folder, options)
    }

    const GOOD: &str = "
apiVersion: v1
kind: Config
clusters: [{name: c1, cluster: {server: 'https://eve:hunter2@127.0.0.1:1/'}}]
users: [{name: u1, user: {token: hunter2}}]
contexts: [{name: one, context: {cluster: c1, user: u1, namespace: mine}}]
current-context: one
";

    #[tokio::test]
    async fn a_cluster_says_where_it_is() {
        let (_folder, options) = options(GOOD);
        let cluster = connect(&options).await.unwrap();
        assert_eq!(
            (
                cluster.context.as_str(),
                cluster.name.as_str(),
                cluster.server.as_str(),
                cluster.namespace.as_str()
            ),
            ("one", "c1", "https://127.0.0.1:1", "mine")
        );
    }

    #[tokio::test]
    async fn what_can_not_be_used_is_usage_and_never_quotes_a_credential() {
        let broken = [
            GOOD.replace("token: hunter2", "token: [hunter2"),
            GOOD.replace("token: hunter2", "token: {a: hunter2}"),
            GOOD.replace("token: hunter2", "client-certificate-data: hunter2"),
            GOOD.replace("token: hunter2", "client-certificate: /nowhere/hunter"),
            GOOD.replace("https://eve:hunter2@127.0.0.1:1/", "not a url hunter2"),
            String::new(),
            "[]".to_owned(),
        ];
        for text in broken {
            let (_folder, options) = options(&text);
            let failure = connect(&options).await.err().unwrap();
            assert_eq!(failure.kind, Kind::Usage, "{failure:?}");
            let shown = format!("{failure:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("config"), "the file is named: {shown}");
        }
    }

    #[tokio::test]
    async fn a_login_plugin_that_fails_is_denied() {
        let plugin = "exec: {apiVersion: client.authentication.k8s.io/v1, command: 'false', interactiveMode: Never}";
        let (_folder, options) = options(&GOOD.replace("token: hunter2", plugin));
        let failure = connect(&options).await.err().unwrap();
        assert_eq!(
            (failure.kind, failure.reason),
            (Kind::Denied, Reason::LoginFailed)
        );
    }

    #[tokio::test]
    async fn a_group_without_a_user_is_not_sent() {
        let (_folder, mut options) = options(GOOD);
        options.identity.groups.push("admins".to_owned());
        assert_eq!(connect(&options).await.err().unwrap().kind, Kind::Usage);
    }
}
