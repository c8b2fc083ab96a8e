//! CDI's controller, about disks: a claim each, filled at once.

use serde_json::{Value, json};

use super::component;
use crate::simulator::{
    builder::{controlled_by, known},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step},
};

const CREATED_BY: &str = "app.kubernetes.io/managed-by";
const CDI: &str = "cdi-controller";

pub fn plan(cluster: &ClusterState, disk: &Object) -> Vec<Step> {
    if disk.deleting() || component::cdi_controller(cluster).is_none() {
        return Vec::new();
    }
    let claim = cluster.find(Kind::PersistentVolumeClaim, disk.namespace(), disk.name());
    let Some(claim) = claim else {
        let create = Action::create(Kind::PersistentVolumeClaim, new_claim(disk));
        return vec![create.now()];
    };
    let write = |phase: &str, progress: &str| {
        let status = json!({"phase": phase, "progress": progress, "claimName": claim.name()});
        Action::status(Kind::DataVolume, disk, &status)
    };
    let filled = claim.text("/status/phase") == Some("Bound");
    let known = disk.text("/status/phase").is_some();
    let step = match (filled, known) {
        (true, true) => write("Succeeded", "100.0%").map(|action| action.later("filled")),
        (false, _) | (_, false) => write("ImportScheduled", "N/A").map(Action::now),
    };
    step.into_iter().collect()
}

/// The volume behind a claim that CDI made; other claims are their owner's affair.
pub fn bind(_: &ClusterState, claim: &Object) -> Vec<Step> {
    if claim.deleting() || claim.label(CREATED_BY) != Some(CDI) {
        return Vec::new();
    }
    let status = json!({
        "phase": "Bound",
        "accessModes": claim.value("/spec/accessModes"),
        "capacity": claim.value("/spec/resources/requests"),
    });
    Action::status(Kind::PersistentVolumeClaim, claim, &status)
        .map(|action| action.later("bound"))
        .into_iter()
        .collect()
}

fn new_claim(disk: &Object) -> kube::core::DynamicObject {
    let asked = ["/spec/storage", "/spec/pvc"]
        .into_iter()
        .find_map(|path| disk.value(path))
        .filter(|asked| asked.is_object());
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}},
    });
    if let Some(asked) = asked {
        json_patch::merge(&mut spec, asked);
    }
    spec["volumeName"] = Value::from(format!("pvc-{}", disk.uid()));
    known(json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": disk.name(), "namespace": disk.namespace(),
            "labels": {CREATED_BY: CDI, "app": "containerized-data-importer"},
            "ownerReferences": controlled_by(Kind::DataVolume, disk),
        },
        "spec": spec,
    }))
}
