//! Google's controller of VM Runtime, as far as it is published: what it does about the VMRuntime object.
//!
//! It is its own machine, and has nothing of bmctl's controller. docs/sandbox.md says what is documented of it, what is
//! inferred, and what nobody outside can know.

mod check;
mod engine;
mod removal;
mod role;
mod status;

pub use check::plan as check;

use serde_json::Value;

use super::{component, every};
use crate::{
    api::name::{CONTROLLER_DEPLOYMENT, FORCE_DISABLE, SYSTEM_NAMESPACE, VMRUNTIME},
    simulator::{
        cluster_state::{ClusterState, Key, Object, Read as _},
        gdc::Release,
        kind::Kind,
        step::Step,
    },
};

/// The VMRuntime object: enabled, the engine is installed and the nodes are checked; disabled, the engine goes as soon as
/// there are no machines, which are deleted where the annotation allows it and protected where it does not.
pub fn runtime(cluster: &ClusterState, runtime: &Object) -> Vec<Step> {
    let Some(release) = acting(cluster) else {
        return Vec::new();
    };
    if runtime.name() != VMRUNTIME || runtime.deleting() {
        return Vec::new();
    }
    let in_use = removal::machines(cluster) > 0;
    let mut steps = match (is_enabled(runtime), in_use) {
        (true, _) => {
            let mut steps = engine::install(cluster, runtime);
            steps.extend(role::create(cluster));
            steps.extend(check::start(cluster, runtime));
            steps
        }
        (false, true) if may_delete(runtime) => removal::delete(cluster),
        (false, true) => Vec::new(),
        (false, false) => {
            let mut steps = engine::uninstall(cluster);
            steps.extend(role::remove(cluster));
            steps
        }
    };
    let ready = (is_enabled(runtime) || in_use) && engine::is_up(cluster);
    steps.extend(status::report(cluster, release, runtime, ready));
    steps
}

/// The release that is played, while a pod of the controller is up.
fn acting(cluster: &ClusterState) -> Option<&'static Release> {
    let release = cluster.gdc?;
    let controller = cluster.find(Kind::Deployment, SYSTEM_NAMESPACE, CONTROLLER_DEPLOYMENT)?;
    component::is_available(controller).then_some(release)
}

/// All subjects, where the changed Deployment is the controller's own.
pub fn of_controller(cluster: &ClusterState, subject: Kind, deployment: &Object) -> Vec<Key> {
    let own = deployment.name() == CONTROLLER_DEPLOYMENT;
    if own && deployment.namespace() == SYSTEM_NAMESPACE {
        every(cluster, subject, deployment)
    } else {
        Vec::new()
    }
}

fn is_enabled(runtime: &Object) -> bool {
    runtime.value("/spec/enabled") == Some(&Value::Bool(true))
}

fn is_emulated(cluster: &ClusterState) -> bool {
    cluster
        .find(Kind::Runtime, "", VMRUNTIME)
        .is_some_and(|runtime| runtime.value("/spec/useEmulation") == Some(&Value::Bool(true)))
}

/// Does the annotation allow it to delete machines?
fn may_delete(runtime: &Object) -> bool {
    let annotations = runtime.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(FORCE_DISABLE))
        .is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests;
