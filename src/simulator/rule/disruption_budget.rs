//! The disruption controller: how many pods of a budget may be evicted now (k8s.io/kubernetes
//! `pkg/controller/disruption/disruption.go`). Evictions read its answer in the budget's status.

use std::collections::{BTreeMap, BTreeSet};

use apiserver::LabelSelector;
use serde_json::{Map, Value, json};

use super::{is_finished, is_ready, keys};
use crate::simulator::{
    builder::{Wanted, conditions},
    cluster_state::{ClusterState, Key, Object, Read as _},
    kind::Kind,
    step::{Action, Step},
};

/// The budgets of a changed pod.
pub fn of_pod(cluster: &ClusterState, subject: Kind, pod: &Object) -> Vec<Key> {
    let budgets = cluster.within(subject, pod.namespace());
    keys(subject, budgets.filter(|budget| selects(budget, pod)))
}

pub fn plan(cluster: &ClusterState, budget: &Object) -> Vec<Step> {
    if budget.deleting() {
        return Vec::new();
    }
    let pods: Vec<&Object> = cluster
        .within(Kind::Pod, budget.namespace())
        .filter(|pod| !is_finished(pod) && selects(budget, pod))
        .collect();
    let disrupted = disrupted(budget);
    let healthy = pods
        .iter()
        .filter(|pod| is_ready(pod) && !disrupted.contains(pod.name()))
        .count();
    let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
    let (expected, desired) = wanted(cluster, budget, &pods);
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    // Who is on the way out, or gone, is no longer waited for.
    let settled: Map<String, Value> = disrupted
        .iter()
        .filter(|name| {
            !pods
                .iter()
                .any(|pod| pod.name() == **name && !pod.deleting())
        })
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    let condition = Wanted {
        kind: "DisruptionAllowed",
        status: allowed > 0,
        reason: if allowed > 0 {
            "SufficientPods"
        } else {
            "InsufficientPods"
        },
        message: "",
    };
    let mut status = json!({
        "observedGeneration": budget.metadata.generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
        "conditions": conditions(budget, cluster.now, &[condition]),
    });
    if !settled.is_empty() {
        status["disruptedPods"] = settled.into();
    }
    let mut action = Action::status(Kind::DisruptionBudget, budget, &status);
    if let Some(Action::Status { patch, .. }) = &mut action {
        // An eviction that was permitted meanwhile must not be forgotten.
        patch["metadata"]["resourceVersion"] = json!(budget.metadata.resource_version);
    }
    action.map(Action::now).into_iter().collect()
}

fn selects(budget: &Object, pod: &Object) -> bool {
    let labels = pod.metadata.labels.as_ref();
    budget
        .value("/spec/selector")
        .and_then(|selector| LabelSelector::from_object(selector).ok())
        .is_some_and(|selector| selector.matches(&json!({"metadata": {"labels": labels}})))
}

/// The pods whose eviction has been permitted and not yet been seen.
fn disrupted(budget: &Object) -> BTreeSet<&str> {
    let pods = budget.value("/status/disruptedPods");
    pods.and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect()
}

/// How many pods there should be, and how many of them have to be healthy.
fn wanted(cluster: &ClusterState, budget: &Object, pods: &[&Object]) -> (i64, i64) {
    let there = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    if let Some(most) = budget.value("/spec/maxUnavailable") {
        let expected = kept(cluster, pods);
        return (expected, (expected - share(most, expected)).max(0));
    }
    match budget.value("/spec/minAvailable") {
        Some(least) if least.is_string() => {
            let expected = kept(cluster, pods);
            (expected, share(least, expected))
        }
        Some(least) => (there, share(least, there)),
        None => (there, 0),
    }
}

/// How many pods those who keep them are told to keep. Pods that nobody keeps do not count.
fn kept(cluster: &ClusterState, pods: &[&Object]) -> i64 {
    let mut keepers = BTreeMap::new();
    for pod in pods {
        let owner = pod.controller().filter(|owner| owner.kind == "ReplicaSet");
        let set =
            owner.and_then(|owner| cluster.find(Kind::ReplicaSet, pod.namespace(), &owner.name));
        let Some(set) = set else {
            continue;
        };
        let deployment = set
            .controller()
            .and_then(|owner| cluster.find(Kind::Deployment, set.namespace(), &owner.name));
        let keeper = deployment.unwrap_or(set);
        let replicas = keeper.value("/spec/replicas").and_then(Value::as_i64);
        keepers.insert(keeper.uid(), replicas.unwrap_or(1));
    }
    keepers.values().sum()
}

/// A number, or a percentage of the whole, rounded up.
fn share(of: &Value, whole: i64) -> i64 {
    let percent = of.as_str().and_then(|text| text.strip_suffix('%'));
    match percent.and_then(|percent| percent.parse::<i64>().ok()) {
        Some(percent) => (whole * percent + 99) / 100,
        None => of.as_i64().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::simulator::{NodeProfile, builder::known};

    /// A Deployment of `replicas` with `ready` pods that are ready, and the budget's answer.
    fn answer(spec: &Value, replicas: i64, ready: usize, disrupted: &Value) -> Vec<i64> {
        let mut cluster = ClusterState::new(vec![NodeProfile::pretend("a")], "v1".to_owned());
        let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}]);
        let meta = |name: &str| json!({"name": name, "namespace": "n", "uid": name, "resourceVersion": "1"});
        let mut tell = |kind, object: Value| cluster.tell(kind, &Arc::new(known(object)));
        tell(
            Kind::Deployment,
            json!({"metadata": meta("d"), "spec": {"replicas": replicas}}),
        );
        let mut set = json!({"metadata": meta("s"), "spec": {"replicas": replicas}});
        set["metadata"]["ownerReferences"] = owner("Deployment", "d");
        tell(Kind::ReplicaSet, set);
        for number in 0..ready {
            let mut pod = json!({
                "metadata": meta(&format!("p{number}")),
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            });
            pod["metadata"]["labels"] = json!({"app": "web"});
            pod["metadata"]["ownerReferences"] = owner("ReplicaSet", "s");
            tell(Kind::Pod, pod);
        }
        let mut budget = json!({"metadata": meta("b"), "spec": spec});
        budget["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
        budget["status"]["disruptedPods"] = disrupted.clone();
        tell(Kind::DisruptionBudget, budget);
        let budget = cluster.all(Kind::DisruptionBudget).next().unwrap().clone();
        let steps = plan(&cluster, &budget);
        let [
            Step {
                action: Action::Status { patch, .. },
                ..
            },
        ] = steps.as_slice()
        else {
            panic!("{steps:?}")
        };
        let number = |field: &str| patch["status"][field].as_i64().unwrap();
        vec![
            number("expectedPods"),
            number("desiredHealthy"),
            number("disruptionsAllowed"),
        ]
    }

    #[test]
    fn what_a_budget_allows() {
        let none = Value::Null;
        for (spec, replicas, ready, disrupted, expected) in [
            (json!({"maxUnavailable": 1}), 1, 1, &none, [1, 0, 1]),
            (json!({"maxUnavailable": 1}), 3, 3, &none, [3, 2, 1]),
            (json!({"maxUnavailable": 1}), 3, 2, &none, [3, 2, 0]),
            (json!({"maxUnavailable": "50%"}), 3, 3, &none, [3, 1, 2]),
            (json!({"minAvailable": 1}), 1, 1, &none, [1, 1, 0]),
            (json!({"minAvailable": 1}), 3, 2, &none, [2, 1, 1]),
            (json!({"minAvailable": "50%"}), 3, 3, &none, [3, 2, 1]),
            (json!({"maxUnavailable": 1}), 0, 0, &none, [0, 0, 0]),
            (
                json!({"maxUnavailable": 1}),
                3,
                3,
                &json!({"p0": "2026-01-01T00:00:00Z"}),
                [3, 2, 0],
            ),
        ] {
            let found = answer(&spec, replicas, ready, disrupted);
            assert_eq!(found, expected, "{spec} {replicas} {ready}");
        }
    }
}
