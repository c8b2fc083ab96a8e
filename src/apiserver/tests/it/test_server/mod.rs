//! What tests stand on: the API server in this process, or a real control plane (etcd and kube-apiserver) that is
//! started for the test and removed after it. The same tests run on both; [`real`] starts them a second time.
//!
//! Shared with bmctl's tests; a `mod.rs`, so that the parts are found from there too.

#![allow(dead_code, reason = "each of the two suites needs a part of it")]

pub mod collector;
pub mod real;
pub mod real_control_plane;
pub mod stand_in;

use std::{path::PathBuf, time::Duration};

use apiserver::{Identity, Options, Server, fault::Party};
use kube::Client;

use real_control_plane::ControlPlane;

/// Folder with `etcd` and `kube-apiserver`, for the process that runs tests there. Set by `real` alone.
pub const ASSETS: &str = "BMCTL_STORIES_ON";

/// An API server of a test's own.
pub enum TestApiServer {
    Sandbox(Server),
    RealControlPlane(Box<ControlPlane>),
}

impl TestApiServer {
    /// A fresh one, of the kind that this process runs its tests on.
    pub async fn fresh() -> anyhow::Result<Self> {
        Ok(match assets() {
            Some(assets) => Self::RealControlPlane(Box::new(ControlPlane::start(&assets).await?)),
            None => Self::Sandbox(Server::start(Options::default()).await?),
        })
    }

    /// A client of whoever owns the cluster.
    pub fn owner(&self) -> Client {
        match self {
            Self::Sandbox(sandbox) => sandbox.client(&Identity::owner()),
            Self::RealControlPlane(control_plane) => control_plane.client(None),
        }
    }

    /// A client that is somebody, with no more rights than that.
    pub fn client(&self, who: &Identity) -> Client {
        match self {
            Self::Sandbox(sandbox) => sandbox.client(who),
            Self::RealControlPlane(control_plane) => control_plane.client(Some(who)),
        }
    }

    /// A client of what plays the machinery.
    pub fn machinery(&self) -> Client {
        match self {
            Self::Sandbox(sandbox) => sandbox.client_of(Party::Machinery, &Identity::owner()),
            Self::RealControlPlane(control_plane) => control_plane.client(None),
        }
    }

    /// A kubeconfig of the owner.
    pub fn kubeconfig(&self) -> String {
        match self {
            Self::Sandbox(sandbox) => sandbox.kubeconfig(),
            Self::RealControlPlane(control_plane) => control_plane.kubeconfig(),
        }
    }
}

/// So many seconds instead, where machines are slow or clusters large.
const PATIENCE: &str = "BMCTL_PATIENCE";

/// How long anything may take that a test waits for. A policy that reads VMRuntime takes a real API server half a minute
/// to learn, and nobody else may be told to wait so long for a failure.
pub fn patience() -> Duration {
    let given = std::env::var(PATIENCE).ok();
    let usual = if assets().is_some() { 180 } else { 120 };
    Duration::from_secs(given.and_then(|text| text.parse().ok()).unwrap_or(usual))
}

/// Where the programs of a real control plane are, if tests of this process run on one.
pub fn assets() -> Option<PathBuf> {
    std::env::var_os(ASSETS).map(PathBuf::from)
}
