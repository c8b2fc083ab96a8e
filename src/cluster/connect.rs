//! Under construction: see the types.
#![allow(clippy::unused_async, reason = "the body follows")]

use std::{path::PathBuf, time::Duration};

use crate::failure::{Failure, Kind};

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

/// A cluster that requests can be sent to. Nothing has been sent yet.
#[derive(Clone)]
pub struct Cluster {
    pub client: kube::Client,
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

/// Finds the kubeconfig, and makes a client. Sends nothing, except that a login plugin may run.
pub async fn connect(_options: &ConnectOptions) -> Result<Cluster, Failure> {
    Err(Failure::new(Kind::Other, "UnderConstruction", "connect"))
}
