//! The rules as functions: a cluster in, steps out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::simulator::{
    NodeProfile, PodExit,
    builder::known,
    cluster_state::Fate,
    step::{Action, When},
};

/// A cluster of these objects, with node `a` behind it.
fn cluster_state(objects: &[(Kind, Value)]) -> ClusterState {
    let mut cluster_state = ClusterState::new(vec![NodeProfile::pretend("a")], "v1".to_owned());
    for (kind, object) in objects {
        cluster_state.tell(*kind, &Arc::new(known(object.clone())));
    }
    cluster_state
}

fn subject(cluster_state: &ClusterState, kind: Kind) -> Object {
    cluster_state.all(kind).next().cloned().unwrap()
}

/// What is done, in a few words.
fn words(steps: &[Step]) -> Vec<String> {
    let word = |step: &Step| {
        let what = match &step.action {
            Action::Create { kind, object, .. } => {
                let name = object.metadata.name.clone().unwrap_or_default();
                format!("create {} {name}", kind.name())
            }
            Action::Status { patch, .. } => format!("status {}", patch["status"]["phase"]),
            Action::Patch { patch, .. } => format!("patch {patch}"),
            Action::Adopt { of, .. } => format!("adopt {}", of.key.name),
            Action::Delete { of, grace } => format!("delete {} {grace:?}", of.key.name),
            Action::Bind { node, .. } => format!("bind {node}"),
            Action::Ask { .. } => "ask".to_owned(),
            Action::Tell { reason, .. } => format!("tell {reason}"),
        };
        match step.when {
            When::Now => what,
            When::Later(_) => format!("later {what}"),
        }
    };
    steps.iter().map(word).collect()
}

fn node(ready: &str) -> (Kind, Value) {
    let conditions = json!([{"type": "Ready", "status": ready}]);
    let node = json!({
        "metadata": {"name": "a", "uid": "n", "resourceVersion": "1"},
        "status": {"conditions": conditions},
    });
    (Kind::Node, node)
}

fn pod(phase: &str) -> Value {
    json!({
        "metadata": {"name": "p", "namespace": "default", "uid": "p", "resourceVersion": "2"},
        "spec": {"nodeName": "a", "containers": [{"name": "main", "image": "i"}]},
        "status": {"phase": phase},
    })
}

#[test]
fn a_kubelet_asks_starts_and_ends() {
    let exit = PodExit {
        code: 1,
        message: String::new(),
    };
    let ends = Fate::Ends(exit);
    for (ready, phase, fate, expected) in [
        ("True", "Pending", None, &["ask"][..]),
        (
            "True",
            "Pending",
            Some(Fate::Runs),
            &["later status \"Running\"", "later tell Started"],
        ),
        (
            "True",
            "Pending",
            Some(ends.clone()),
            &["later status \"Running\"", "later tell Started"],
        ),
        (
            "True",
            "Running",
            Some(ends.clone()),
            &["later status \"Failed\""],
        ),
        ("True", "Failed", Some(ends), &[]),
        ("True", "Succeeded", None, &[]),
        ("False", "Pending", None, &[]),
        ("Unknown", "Running", Some(Fate::Runs), &[]),
    ] {
        let mut cluster_state = cluster_state(&[node(ready), (Kind::Pod, pod(phase))]);
        let pod = subject(&cluster_state, Kind::Pod);
        if let Some(fate) = fate.clone() {
            cluster_state.decide_fate(&pod, fate);
        }
        let steps = kubelet::plan(&cluster_state, &pod);
        assert_eq!(words(&steps), expected, "{ready} {phase} {fate:?}");
    }
}

#[test]
fn a_deleted_pod_is_taken_away_by_its_kubelet_or_with_its_node() {
    let mut deleted = pod("Running");
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let up = cluster_state(&[node("True"), (Kind::Pod, deleted.clone())]);
    let pod_up = subject(&up, Kind::Pod);
    assert_eq!(
        words(&kubelet::plan(&up, &pod_up)),
        ["later delete p Some(0)"]
    );
    assert!(kubelet::collect(&up, &pod_up).is_empty());
    let lost = cluster_state(&[(Kind::Pod, deleted)]);
    let pod_lost = subject(&lost, Kind::Pod);
    assert!(kubelet::plan(&lost, &pod_lost).is_empty());
    assert_eq!(
        words(&kubelet::collect(&lost, &pod_lost)),
        ["later delete p Some(0)"]
    );
}

#[test]
fn a_pod_gets_a_node_with_its_image_while_there_is_one() {
    let node = |name: &str| {
        let conditions = json!([{"type": "Ready", "status": "True"}]);
        let node = json!({
            "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
            "status": {"conditions": conditions},
        });
        (Kind::Node, node)
    };
    let mut air_gapped = NodeProfile::pretend("b");
    air_gapped.pulls_images = false;
    let profiles = vec![NodeProfile::pretend("a"), air_gapped];
    // The seed that decides between nodes that are equally empty is the UID.
    for uid in 0..16 {
        let pod = json!({"metadata": {"name": "p", "namespace": "n", "uid": format!("u{uid}"), "resourceVersion": "1"}});
        for (nodes, expected) in [(&["a", "b"][..], "bind a"), (&["b"], "bind b")] {
            let mut cluster_state = ClusterState::new(profiles.clone(), "v1".to_owned());
            for (kind, object) in nodes.iter().map(|name| node(name)) {
                cluster_state.tell(kind, &Arc::new(known(object)));
            }
            cluster_state.tell(Kind::Pod, &Arc::new(known(pod.clone())));
            let steps = scheduler::plan(&cluster_state, &subject(&cluster_state, Kind::Pod));
            assert_eq!(words(&steps)[0], expected, "{uid} {nodes:?}");
        }
    }
}

#[test]
fn taints_follow_the_nodes_state() {
    let key = |key: &str| json!({"key": key, "effect": "NoSchedule"});
    let own = key("dedicated");
    for (ready, cordoned, before, expected) in [
        (
            "True",
            false,
            json!([key("node.kubernetes.io/not-ready"), own]),
            Some(json!([own])),
        ),
        (
            "False",
            false,
            json!([own]),
            Some(json!([own, key("node.kubernetes.io/not-ready")])),
        ),
        (
            "Unknown",
            false,
            json!([]),
            Some(json!([key("node.kubernetes.io/unreachable")])),
        ),
        (
            "True",
            true,
            json!([]),
            Some(json!([key("node.kubernetes.io/unschedulable")])),
        ),
        ("True", false, json!([own]), None),
    ] {
        let (kind, mut node) = node(ready);
        node["spec"] = json!({"taints": before, "unschedulable": cordoned});
        let cluster_state = cluster_state(&[(kind, node)]);
        let steps = node::taint(&cluster_state, &subject(&cluster_state, Kind::Node));
        let written = steps.first().map(|step| match &step.action {
            Action::Patch { patch, .. } => patch["spec"]["taints"].clone(),
            other => panic!("{other:?}"),
        });
        assert_eq!(written, expected, "{ready} {cordoned} {before}");
    }
}

#[test]
fn a_component_that_is_down_does_nothing() {
    let kubevirt = json!({
        "metadata": {"name": "kubevirt", "namespace": "vm-system", "uid": "k", "resourceVersion": "3"},
        "spec": {},
    });
    let operator = |namespace: &str, available: u32| {
        let operator = json!({
            "metadata": {
                "name": "virt-operator", "namespace": namespace, "uid": "o", "generation": 1,
                "labels": {"kubevirt.io": "virt-operator"},
            },
            "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "availableReplicas": available},
        });
        (Kind::Deployment, operator)
    };
    for (operator, acts) in [
        (operator("vm-system", 1), true),
        (operator("vm-system", 0), false),
        (operator("elsewhere", 1), false),
    ] {
        let cluster_state = cluster_state(&[operator.clone(), (Kind::KubeVirt, kubevirt.clone())]);
        let steps = virt_operator::plan(&cluster_state, &subject(&cluster_state, Kind::KubeVirt));
        assert_eq!(!steps.is_empty(), acts, "{operator:?}");
    }
}

#[test]
fn an_answer_is_news_only_before_the_watch_has_told_as_much() {
    let object = |version: &str| {
        let mut object = pod("Pending");
        object["metadata"]["resourceVersion"] = version.into();
        Arc::new(known(object))
    };
    let mut cluster_state = cluster_state(&[(Kind::Pod, pod("Pending"))]);
    assert!(cluster_state.answer(Kind::Pod, &object("5")));
    assert!(
        !cluster_state.answer(Kind::Pod, &object("5")),
        "known already"
    );
    cluster_state.tell_gone(Kind::Pod, &object("7"));
    assert!(
        !cluster_state.answer(Kind::Pod, &object("6")),
        "it has gone since"
    );
    assert!(cluster_state.all(Kind::Pod).next().is_none());
    assert!(cluster_state.pods_on("a").next().is_none());
}

/// A cluster with `size` of everything; its first pod waits for a node.
fn cluster(size: usize) -> ClusterState {
    let mut objects = Vec::new();
    for number in 0..size {
        let name = format!("n-{number}");
        let meta = |kind: &str| {
            json!({
                "name": format!("{kind}-{number}"), "namespace": "default",
                "uid": format!("{kind}-{number}"), "resourceVersion": "1",
            })
        };
        objects.push((
            Kind::Node,
            json!({
                "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }),
        ));
        let place = if number == 0 { "" } else { name.as_str() };
        objects.push((
            Kind::Pod,
            json!({"metadata": meta("pod"), "spec": {"nodeName": place}, "status": {"phase": "Running"}}),
        ));
        objects.push((Kind::Deployment, json!({"metadata": meta("app")})));
        for kind in [
            Kind::VirtualMachine,
            Kind::Instance,
            Kind::DataVolume,
            Kind::PersistentVolumeClaim,
            Kind::ProductDisk,
        ] {
            objects.push((kind, json!({"metadata": meta(kind.plural()), "spec": {}})));
        }
        let disk = format!("{}-{number}", Kind::ProductDisk.plural());
        objects.push((
            Kind::ProductMachine,
            json!({
                "metadata": meta("gvm"),
                "spec": {"disks": [{"virtualMachineDiskName": disk, "autoDelete": true}]},
            }),
        ));
    }
    let operator = json!({"name": "virt-controller", "namespace": "vm-system", "uid": "v",
        "generation": 1, "labels": {"kubevirt.io": "virt-controller"}});
    objects.push((
        Kind::Deployment,
        json!({"metadata": operator, "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "availableReplicas": 1}}),
    ));
    cluster_state(&objects)
}

/// What each rule looks at to decide about one object, and to find out whom that object's change concerns. The rules of
/// sets look at their members, and an operator's going up or down concerns everybody that it serves.
fn looks(cluster_state: &ClusterState) -> Vec<(&'static str, Kind, usize)> {
    let sets = [
        Kind::DaemonSet,
        Kind::ReplicaSet,
        Kind::Pool,
        Kind::InstanceReplicaSet,
    ];
    let single = RULES.iter().filter(|rule| !sets.contains(&rule.subject));
    single
        .filter_map(|rule| {
            let subject = cluster_state.all(rule.subject).next()?.clone();
            let before = cluster_state.looks();
            (rule.plan)(cluster_state, &subject);
            for (kind, related) in rule.also {
                let trigger = cluster_state.all(*kind).next().cloned();
                if let Some(trigger) = trigger {
                    related(cluster_state, rule.subject, &trigger);
                }
            }
            Some((rule.component, rule.subject, cluster_state.looks() - before))
        })
        .collect()
}

#[test]
fn a_change_costs_the_same_in_a_cluster_of_any_size() {
    let (small, large) = (looks(&cluster(5)), looks(&cluster(500)));
    assert!(small.len() > 8, "{small:?}");
    assert_eq!(small, large);
}
