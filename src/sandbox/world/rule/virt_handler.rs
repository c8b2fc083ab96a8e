//! virt-handler: says of its node whether instances may be scheduled there.
//!
//! The label outlives KubeVirt, as the real one does.

use serde_json::json;

use crate::{
    api::{
        engine::{COMPONENT_LABEL, VIRT_HANDLER},
        name::SKIP_SCHEDULE,
    },
    sandbox::world::{
        kind::Kind,
        rule::is_ready,
        scene::{Object, Read as _, Scene},
        step::{Action, Step, Target},
    },
};

/// Label of nodes that take instances.
pub const SCHEDULABLE: &str = "kubevirt.io/schedulable";

pub fn plan(scene: &Scene, node: &Object) -> Vec<Step> {
    let handled = scene
        .pods_on(node.name())
        .any(|pod| pod.label(COMPONENT_LABEL) == Some(VIRT_HANDLER) && is_ready(pod));
    let marked = node.label(SCHEDULABLE);
    let wanted = if handled && node.label(SKIP_SCHEDULE).is_none() {
        "true"
    } else if marked.is_some() || handled {
        "false"
    } else {
        return Vec::new();
    };
    if marked == Some(wanted) {
        return Vec::new();
    }
    let write = Action::Patch {
        of: Target::of(Kind::Node, node),
        patch: json!({"metadata": {"labels": {SCHEDULABLE: wanted}}}),
    };
    vec![write.now()]
}
