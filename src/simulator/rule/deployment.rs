//! The Deployment controller: one ReplicaSet for each pod template, the newest one scaled up, then the others down.

use serde_json::{Value, json};

use crate::simulator::{
    builder::{Wanted, conditions, controlled_by, known, template_hash},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
/// What a Deployment keeps to roll back to unless it says otherwise.
const REVISIONS_KEPT: usize = 10;

pub fn plan(cluster: &ClusterState, deployment: &Object) -> Vec<Step> {
    if deployment.deleting() {
        return Vec::new();
    }
    let template = deployment
        .value("/spec/template")
        .cloned()
        .unwrap_or_default();
    let hash = template_hash(&template);
    let sets: Vec<&Object> = cluster.controlled(deployment, Kind::ReplicaSet).collect();
    let (current, old): (Vec<&Object>, Vec<&Object>) = sets
        .iter()
        .copied()
        .partition(|set| set.label(HASH) == Some(&hash));
    let Some(current) = current.first() else {
        let revision = sets
            .iter()
            .filter_map(|set| revision(set))
            .max()
            .unwrap_or(0)
            + 1;
        return vec![create(deployment, &template, &hash, revision)];
    };
    let wanted = replicas(deployment);
    let mut steps = Vec::new();
    if replicas(current) != wanted {
        steps.push(scale(current, wanted).now());
    }
    let replaced = current.number("/status/availableReplicas") >= wanted;
    for set in &old {
        if replaced && replicas(set) != 0 {
            steps.push(scale(set, 0).now());
        }
    }
    steps.extend(forget_revisions(&old));
    steps.extend(note_revision(deployment, current, &old));
    steps.extend(report(cluster, deployment, current, &sets, wanted));
    steps
}

/// Replicas that a Deployment or a set is to have.
fn replicas(workload: &Object) -> i64 {
    workload
        .value("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1)
}

fn revision(object: &Object) -> Option<i64> {
    let annotations = object.metadata.annotations.as_ref()?;
    annotations.get(REVISION)?.parse().ok()
}

fn create(deployment: &Object, template: &Value, hash: &str, revision: i64) -> Step {
    let mut template = template.clone();
    template["metadata"]["labels"][HASH] = hash.into();
    let mut selector = deployment
        .value("/spec/selector")
        .cloned()
        .unwrap_or_default();
    selector["matchLabels"][HASH] = hash.into();
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()),
            "namespace": deployment.namespace(),
            "labels": template["metadata"]["labels"],
            "annotations": {REVISION: revision.to_string()},
            "ownerReferences": controlled_by(Kind::Deployment, deployment),
        },
        "spec": {"replicas": replicas(deployment), "selector": selector, "template": template},
    });
    Action::create(Kind::ReplicaSet, known(set)).now()
}

fn scale(set: &Object, replicas: i64) -> Action {
    Action::Patch {
        of: Target::of(Kind::ReplicaSet, set),
        patch: json!({"spec": {"replicas": replicas}}),
    }
}

/// Deletes the oldest empty sets beyond those that are kept.
fn forget_revisions(old: &[&Object]) -> Vec<Step> {
    let mut empty: Vec<&&Object> = old
        .iter()
        .filter(|set| replicas(set) == 0 && set.number("/status/replicas") == 0 && !set.deleting())
        .collect();
    empty.sort_by_key(|set| std::cmp::Reverse(revision(set)));
    empty
        .into_iter()
        .skip(REVISIONS_KEPT)
        .map(|set| Action::delete(Kind::ReplicaSet, set).now())
        .collect()
}

/// Numbers the current set as the newest, also one that a rollback has brought back, and the Deployment after it.
fn note_revision(deployment: &Object, current: &Object, old: &[&Object]) -> Option<Step> {
    let number = revision(current)?;
    let before = old
        .iter()
        .filter_map(|set| revision(set))
        .max()
        .unwrap_or(0);
    let (kind, object, number) = if number <= before {
        (Kind::ReplicaSet, current, before + 1)
    } else if revision(deployment) != Some(number) {
        (Kind::Deployment, deployment, number)
    } else {
        return None;
    };
    let patch = json!({"metadata": {"annotations": {REVISION: number.to_string()}}});
    let of = Target::of(kind, object);
    Some(Action::Patch { of, patch }.now())
}

fn report(
    cluster: &ClusterState,
    deployment: &Object,
    current: &Object,
    sets: &[&Object],
    wanted: i64,
) -> Option<Step> {
    let sum = |field: &str| sets.iter().map(|set| set.number(field)).sum::<i64>();
    let replicas = sum("/status/replicas");
    let available = sum("/status/availableReplicas");
    let updated = current.number("/status/replicas");
    let done = available >= wanted && updated == wanted && replicas == wanted;
    let enough = available >= wanted;
    let conditions = conditions(
        deployment,
        cluster.now,
        &[
            Wanted {
                kind: "Available",
                status: enough,
                reason: if enough {
                    "MinimumReplicasAvailable"
                } else {
                    "MinimumReplicasUnavailable"
                },
                message: if enough {
                    "Deployment has minimum availability."
                } else {
                    "Deployment does not have minimum availability."
                },
            },
            Wanted {
                kind: "Progressing",
                status: true,
                reason: if done {
                    "NewReplicaSetAvailable"
                } else {
                    "ReplicaSetUpdated"
                },
                message: if done {
                    "The new replica set is available."
                } else {
                    "The new replica set is progressing."
                },
            },
        ],
    );
    let status = json!({
        "observedGeneration": deployment.metadata.generation,
        "replicas": replicas,
        "updatedReplicas": updated,
        "readyReplicas": sum("/status/readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": (wanted - available).max(0),
        "conditions": conditions,
    });
    Action::status(Kind::Deployment, deployment, &status).map(Action::now)
}
