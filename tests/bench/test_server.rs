//! A real control plane, as the tests start it.

#![allow(dead_code, reason = "the tests need more of it")]

#[path = "../../src/apiserver/tests/it/test_server/collector.rs"]
pub mod collector;
#[path = "../../src/apiserver/tests/it/test_server/real_control_plane.rs"]
pub mod real_control_plane;

use std::{env, path::PathBuf, time::Duration};

/// How long it may take until a fresh cluster is as it should be.
pub const fn patience() -> Duration {
    Duration::from_secs(180)
}

/// As many of something as the cluster carries that is measured on: the sandbox, or a real API server with everybody who
/// is played on it on the same machine.
pub fn sizes<'a>(sandbox: &'a [usize], real: &'a [usize]) -> &'a [usize] {
    if assets().is_some() { real } else { sandbox }
}

/// Where the programs of a real control plane are, if there are any.
pub fn assets() -> Option<PathBuf> {
    env::var_os("KUBEBUILDER_ASSETS")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
}
