//! The controllers that keep a number of equal objects: ReplicaSets and ReplicationControllers of pods, KubeVirt's ReplicaSets of instances and
//! its pools of machines.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{component, is_finished, is_ready};
use crate::simulator::{
    builder::{controlled_by, known},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, ServiceAccount, Step},
};

/// How many objects one look creates or deletes, as the real controllers' burst.
const BURST: usize = 250;

/// What a set keeps, and how.
struct Herd {
    set: Kind,
    member: Kind,
    /// Where the set's spec describes a member.
    template: &'static str,
    author: Option<ServiceAccount>,
    serves: fn(&Object) -> bool,
    ended: fn(&Object) -> bool,
}

/// ReplicaSets.
pub fn pods(cluster: &ClusterState, set: &Object) -> Vec<Step> {
    pods_of(cluster, set, Kind::ReplicaSet)
}

/// ReplicationControllers, which do the same.
pub fn controlled_pods(cluster: &ClusterState, set: &Object) -> Vec<Step> {
    pods_of(cluster, set, Kind::ReplicationController)
}

fn pods_of(cluster: &ClusterState, set: &Object, kind: Kind) -> Vec<Step> {
    let herd = Herd {
        set: kind,
        member: Kind::Pod,
        template: "/spec/template",
        author: None,
        serves: is_ready,
        ended: is_finished,
    };
    keep(cluster, set, &herd)
}

/// VirtualMachineInstanceReplicaSets, while virt-controller is up.
pub fn instances(cluster: &ClusterState, set: &Object) -> Vec<Step> {
    component::virt_controller(cluster).map_or_else(Vec::new, |controller| {
        let herd = Herd {
            set: Kind::InstanceReplicaSet,
            member: Kind::Instance,
            template: "/spec/template",
            author: Some(super::machine::author(controller)),
            serves: is_ready,
            ended: is_finished,
        };
        keep(cluster, set, &herd)
    })
}

/// VirtualMachinePools, while virt-controller is up.
pub fn machines(cluster: &ClusterState, set: &Object) -> Vec<Step> {
    component::virt_controller(cluster).map_or_else(Vec::new, |_| {
        let herd = Herd {
            set: Kind::Pool,
            member: Kind::VirtualMachine,
            template: "/spec/virtualMachineTemplate",
            author: None,
            serves: |machine| machine.value("/status/ready") == Some(&Value::Bool(true)),
            ended: |_| false,
        };
        keep(cluster, set, &herd)
    })
}

fn keep(cluster: &ClusterState, set: &Object, herd: &Herd) -> Vec<Step> {
    if set.deleting() {
        return Vec::new();
    }
    let wanted = set
        .value("/spec/replicas")
        .and_then(Value::as_i64)
        .and_then(|wanted| usize::try_from(wanted).ok())
        .unwrap_or(1);
    let mut members: Vec<&Object> = cluster
        .controlled(set, herd.member)
        .filter(|member| !member.deleting() && !(herd.ended)(member))
        .collect();
    let mut steps = Vec::new();
    for _ in 0..wanted.saturating_sub(members.len()).min(BURST) {
        steps.push(create(set, herd).now());
    }
    let surplus = members.len().saturating_sub(wanted).min(BURST);
    if surplus > 0 {
        // Those that do not serve yet go first, then the youngest.
        members.sort_by_key(|member| {
            (
                (herd.serves)(member),
                Reverse(member.metadata.creation_timestamp.clone()),
            )
        });
        for member in &members[..surplus] {
            steps.push(Action::delete(herd.member, member).now());
        }
    }
    let ready = members
        .iter()
        .filter(|member| (herd.serves)(member))
        .count();
    let mut status = json!({
        "replicas": members.len(), "readyReplicas": ready, "observedGeneration": set.metadata.generation,
    });
    if herd.member == Kind::Pod {
        status["availableReplicas"] = ready.into();
        status["fullyLabeledReplicas"] = members.len().into();
    }
    steps.extend(Action::status(herd.set, set, &status).map(Action::now));
    steps
}

fn create(set: &Object, herd: &Herd) -> Action {
    let template = set.value(herd.template).cloned().unwrap_or_default();
    let object = known(json!({
        "apiVersion": herd.member.api_version(), "kind": herd.member.name(),
        "metadata": {
            "generateName": format!("{}-", set.name()),
            "namespace": set.namespace(),
            "labels": template["metadata"]["labels"],
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": controlled_by(herd.set, set),
        },
        "spec": template["spec"],
    }));
    Action::Create {
        kind: herd.member,
        object: Box::new(object),
        author: herd.author.clone(),
    }
}
