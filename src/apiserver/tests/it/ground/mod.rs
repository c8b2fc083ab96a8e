//! What stories stand on: the API server in this process, or a real control plane (etcd and kube-apiserver) that is
//! started for the story and removed after it. The same stories run on both; [`real`] starts them a second time.
//!
//! Shared with bmctl's tests; a `mod.rs`, so that the parts are found from there too.

#![allow(dead_code, reason = "each of the two suites needs a part of it")]

pub mod collector;
pub mod plane;
pub mod real;
pub mod stand_in;

use std::{path::PathBuf, time::Duration};

use apiserver::{Identity, Options, Server, fault::Party};
use kube::Client;

use plane::ControlPlane;

/// Folder with `etcd` and `kube-apiserver`, for the process that runs stories there. Set by `real` alone.
pub const ASSETS: &str = "BMCTL_STORIES_ON";

/// An API server of a story's own.
pub enum Ground {
    Sandbox(Server),
    Plane(Box<ControlPlane>),
}

impl Ground {
    /// A fresh one, of the kind that this process runs its stories on.
    pub async fn fresh() -> anyhow::Result<Self> {
        Ok(match assets() {
            Some(assets) => Self::Plane(Box::new(ControlPlane::start(&assets).await?)),
            None => Self::Sandbox(Server::start(Options::default()).await?),
        })
    }

    /// A client of whoever owns the cluster.
    pub fn owner(&self) -> Client {
        match self {
            Self::Sandbox(sandbox) => sandbox.client(&Identity::owner()),
            Self::Plane(plane) => plane.client(None),
        }
    }

    /// A client that is somebody, with no more rights than that.
    pub fn client(&self, who: &Identity) -> Client {
        match self {
            Self::Sandbox(sandbox) => sandbox.client(who),
            Self::Plane(plane) => plane.client(Some(who)),
        }
    }

    /// A client of what plays the machinery.
    pub fn machinery(&self) -> Client {
        match self {
            Self::Sandbox(sandbox) => sandbox.client_of(Party::Machinery, &Identity::owner()),
            Self::Plane(plane) => plane.client(None),
        }
    }

    /// A kubeconfig of the owner.
    pub fn kubeconfig(&self) -> String {
        match self {
            Self::Sandbox(sandbox) => sandbox.kubeconfig(),
            Self::Plane(plane) => plane.kubeconfig(),
        }
    }
}

/// So many seconds instead, where machines are slow or clusters large.
const PATIENCE: &str = "BMCTL_PATIENCE";

/// How long anything may take that a story waits for. A policy that reads VMRuntime takes a real API server half a minute
/// to learn, and nobody else may be told to wait so long for a failure.
pub fn patience() -> Duration {
    let given = std::env::var(PATIENCE).ok();
    let usual = if assets().is_some() { 180 } else { 120 };
    Duration::from_secs(given.and_then(|text| text.parse().ok()).unwrap_or(usual))
}

/// Where the programs of a real control plane are, if stories of this process run on one.
pub fn assets() -> Option<PathBuf> {
    std::env::var_os(ASSETS).map(PathBuf::from)
}
