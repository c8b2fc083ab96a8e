//! From options to a client. Nothing is sent yet, except that a login plugin of the kubeconfig may run.
//!
//! kube's own retries are silent and nearly endless, and it has no limit for an answer: both are set here, so that no
//! caller can forget them.

mod proxy;
mod timeout;

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use self::{proxy::Proxies, timeout::RequestTimeout};
use super::kubeconfig::{self, Chosen, Environment, Found};
use crate::failure::{self, Failure, Kind, Reason};

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
    /// What every single request but a watch may take.
    pub request_timeout: Duration,
    /// `--as`, `--as-group`, `--as-uid`.
    pub identity: IdentityOverride,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            cluster: None,
            workspace: PathBuf::from("bmctl-workspace"),
            request_timeout: Duration::from_secs(15),
            identity: IdentityOverride::default(),
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
}

/// The longest that making one connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds the kubeconfig, and makes a client.
///
/// A login plugin runs in a thread of its own: whoever has a deadline can put it around this call.
pub async fn connect(options: &ConnectOptions) -> Result<Cluster, Failure> {
    let found = kubeconfig::find(options, &Environment::of_process())?;
    let source = found.to_string();
    let (config, context, name) = match found {
        Found::InCluster => (in_cluster()?, String::new(), "in-cluster".to_owned()),
        Found::Files(paths) => {
            let kubeconfig = kubeconfig::read(&paths)?;
            let chosen = kubeconfig::choose(&kubeconfig, options.context.as_deref(), &source)?;
            let config = configuration(kubeconfig, &chosen, &source).await?;
            let name = options.cluster.clone().unwrap_or(chosen.cluster);
            (config, chosen.context, name)
        }
    };
    let config = adjusted(config, options)?;
    let server = without_user_information(&config.cluster_url);
    let namespace = config.default_namespace.clone();
    let client = client(config, options.request_timeout, &source).await?;
    Ok(Cluster {
        client,
        context,
        server,
        name,
        namespace,
        source,
    })
}

fn in_cluster() -> Result<Config, Failure> {
    Config::incluster().map_err(|error| {
        Failure::new(
            Kind::Usage,
            Reason::BadServiceAccount,
            "could not use the service account of this pod",
        )
        .caused_by(error.to_string())
    })
}

async fn configuration(
    kubeconfig: Kubeconfig,
    chosen: &Chosen,
    source: &str,
) -> Result<Config, Failure> {
    let options = KubeConfigOptions {
        context: Some(chosen.context.clone()),
        ..KubeConfigOptions::default()
    };
    let own_proxy = kubeconfig
        .clusters
        .iter()
        .find(|named| named.name == chosen.cluster)
        .and_then(|named| named.cluster.as_ref()?.proxy_url.clone())
        .filter(|url| !url.is_empty());
    let unusable = |error| kubeconfig::unusable(source, &error);
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(unusable)?;
    let proxies = Proxies::of_process();
    config.proxy_url = own_proxy
        .as_deref()
        .or_else(|| proxies.toward(&config.cluster_url))
        .map(|url| url.parse().map_err(KubeconfigError::ParseProxyUrl))
        .transpose()
        .map_err(unusable)?;
    Ok(config)
}

/// What this program wants of every client.
fn adjusted(mut config: Config, options: &ConnectOptions) -> Result<Config, Failure> {
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT.min(options.request_timeout));
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
    request_timeout: Duration,
    source: &str,
) -> Result<Client, Failure> {
    let layer = RequestTimeout {
        limit: request_timeout,
    };
    // kube runs login plugins right here, and blocks while they run.
    let built = tokio::task::spawn_blocking(move || {
        ClientBuilder::try_from(config).map(|builder| builder.with_layer(&layer).build())
    })
    .await;
    match built {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(kube::Error::InferKubeconfig(error))) => Err(kubeconfig::unusable(source, &error)),
        Ok(Err(error)) => Err(failure::from_kube(
            &error,
            &format!("use kubeconfig {source}"),
        )),
        Err(panic) => Err(Failure::new(
            Kind::Other,
            Reason::ClientError,
            format!("could not use kubeconfig {source}"),
        )
        .caused_by(panic.to_string())),
    }
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
