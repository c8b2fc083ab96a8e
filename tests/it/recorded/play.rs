//! The recorded situations on the sandbox, with everything seen that happens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::TryStreamExt as _;
use kube::{
    Api,
    api::{ListParams, WatchEvent, WatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::fact::Event;
use crate::test_cluster::{TestCluster, eventually, runtime};

/// What was seen in each situation.
pub struct Play {
    pub enable: Vec<Event>,
    pub start: Vec<Event>,
    pub delete: Vec<Event>,
}

/// What the recordings call it, its group, version, kind and plural.
type Resource = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const RESOURCES: [Resource; 9] = [
    (
        "crds",
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    ),
    ("daemonsets", "apps", "v1", "DaemonSet", "daemonsets"),
    ("deployments", "apps", "v1", "Deployment", "deployments"),
    ("pods", "", "v1", "Pod", "pods"),
    ("kubevirts", "kubevirt.io", "v1", "KubeVirt", "kubevirts"),
    (
        "vms",
        "kubevirt.io",
        "v1",
        "VirtualMachine",
        "virtualmachines",
    ),
    (
        "vmis",
        "kubevirt.io",
        "v1",
        "VirtualMachineInstance",
        "virtualmachineinstances",
    ),
    (
        "webhooks",
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
    (
        "webhooks",
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
];

const KUBEVIRT: &str = "/apis/kubevirt.io/v1/namespaces/default";

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Seen {
    fn say(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Play {
    pub fn run() -> Result<Self, Failed> {
        let test_cluster = TestCluster::at_pace(Duration::from_millis(60));
        let seen = Seen::default();
        let watches: Vec<_> = RESOURCES
            .iter()
            .map(|resource| runtime().spawn(follow(test_cluster.owner(), *resource, seen.clone())))
            .collect();
        let played = play(&test_cluster, &seen);
        watches.iter().for_each(tokio::task::JoinHandle::abort);
        played
    }
}

fn play(test_cluster: &TestCluster, seen: &Seen) -> Result<Play, Failed> {
    settle();
    seen.take();
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    settle();
    let enable = seen.take();
    for (plural, object) in machines() {
        test_cluster.create(&plural, &object)?;
    }
    eventually("six instances that run", || {
        let instances = test_cluster.read(&format!("{KUBEVIRT}/virtualmachineinstances"));
        let instances = instances.map_err(|error| format!("{error:?}"))?;
        let items = instances["items"].as_array().cloned().unwrap_or_default();
        let running = items
            .iter()
            .filter(|item| item["status"]["phase"] == "Running");
        match running.count() {
            6 => Ok(()),
            other => Err(format!("{other}")),
        }
    })?;
    settle();
    let start = seen.take();
    test_cluster
        .bmctl(&["disable", "vmruntime", "--force=true", "--no-backup"])
        .exits(0)?;
    settle();
    Ok(Play {
        enable,
        start,
        delete: seen.take(),
    })
}

/// What is under way becomes visible.
fn settle() {
    std::thread::sleep(Duration::from_millis(800));
}

fn machines() -> Vec<(String, Value)> {
    let template = |name: &str| {
        json!({
            "metadata": {"labels": {"app": name}},
            "spec": {"domain": {"devices": {}}},
        })
    };
    let machine = |name: &str| {
        json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"runStrategy": "Always", "template": template(name)},
        })
    };
    let vms = format!("{KUBEVIRT}/virtualmachines");
    let mut with_disk = machine("vmdv");
    with_disk["spec"]["dataVolumeTemplates"] = json!([
        {"metadata": {"name": "vmdv"}, "spec": {"source": {"blank": {}}, "storage": {}}},
    ]);
    let of_pool = json!({
        "metadata": {"labels": {"app": "pool"}},
        "spec": {"runStrategy": "Always", "template": template("pool")},
    });
    let set = |api: &str, kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": api, "kind": kind,
            "metadata": {"name": name, "namespace": "default"}, "spec": spec,
        })
    };
    let pool = set(
        "pool.kubevirt.io/v1beta1",
        "VirtualMachinePool",
        "pool",
        json!({
            "replicas": 1, "selector": {"matchLabels": {"app": "pool"}},
            "virtualMachineTemplate": of_pool,
        }),
    );
    let replicas = set(
        "kubevirt.io/v1",
        "VirtualMachineInstanceReplicaSet",
        "set",
        json!({
            "replicas": 1, "selector": {"matchLabels": {"app": "set"}}, "template": template("set"),
        }),
    );
    vec![
        (vms.clone(), machine("vmslow")),
        (vms.clone(), machine("vm1")),
        (vms.clone(), machine("vm2")),
        (vms, with_disk),
        (
            "/apis/pool.kubevirt.io/v1beta1/namespaces/default/virtualmachinepools".to_owned(),
            pool,
        ),
        (
            format!("{KUBEVIRT}/virtualmachineinstancereplicasets"),
            replicas,
        ),
    ]
}

/// Tells what happens to the objects of a resource, also where the resource comes and goes.
async fn follow(client: kube::Client, resource: Resource, seen: Seen) {
    let (called, group, version, kind, plural) = resource;
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let mut known: BTreeMap<String, Event> = BTreeMap::new();
    loop {
        if let Ok(list) = api.list(&ListParams::default()).await {
            let version = list.metadata.resource_version.clone().unwrap_or_default();
            for object in &list.items {
                tell(&seen, &mut known, called, "ADDED", object);
            }
            let Ok(stream) = api.watch(&WatchParams::default(), &version).await else {
                continue;
            };
            let mut stream = Box::pin(stream);
            while let Ok(Some(event)) = stream.try_next().await {
                match event {
                    WatchEvent::Added(object) => tell(&seen, &mut known, called, "ADDED", &object),
                    WatchEvent::Modified(object) => {
                        tell(&seen, &mut known, called, "MODIFIED", &object);
                    }
                    WatchEvent::Deleted(object) => {
                        tell(&seen, &mut known, called, "DELETED", &object);
                    }
                    WatchEvent::Bookmark(_) | WatchEvent::Error(_) => {}
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Notes a state that differs from the one before.
fn tell(
    seen: &Seen,
    known: &mut BTreeMap<String, Event>,
    called: &str,
    event: &str,
    object: &DynamicObject,
) {
    let uid = object.metadata.uid.clone().unwrap_or_default();
    let state = project(called, event, object);
    let told = known.get(&uid).is_some_and(|before| {
        let same = Event {
            change: before.change.clone(),
            ..state.clone()
        };
        event != "DELETED" && same == *before
    });
    let only_names = matches!(called, "crds" | "webhooks");
    if told || (only_names && event == "MODIFIED") {
        return;
    }
    let state = match (event, known.contains_key(&uid)) {
        ("ADDED", true) => Event {
            change: "MODIFIED".to_owned(),
            ..state
        },
        _ => state,
    };
    known.insert(uid, state.clone());
    seen.say(state);
}

fn project(called: &str, event: &str, object: &DynamicObject) -> Event {
    let metadata = &object.metadata;
    let name = metadata.name.clone().unwrap_or_default();
    let label = |key: &str| {
        metadata
            .labels
            .as_ref()?
            .get(key)
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let component = match called {
        "pods" => ["kubevirt.io", "cdi.kubevirt.io", "app"]
            .iter()
            .find_map(|key| label(key))
            .or_else(|| label("vm.cluster.gke.io/preflight-check").map(|_| "probe".to_owned()))
            .unwrap_or_default(),
        _ => String::new(),
    };
    let plain = Event {
        change: event.to_owned(),
        resource: called.to_owned(),
        name,
        component,
        ..Event::default()
    };
    if matches!(called, "crds" | "webhooks") || event == "DELETED" {
        return plain;
    }
    let status = &object.data["status"];
    let phase = if called == "vms" {
        &status["printableStatus"]
    } else {
        &status["phase"]
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = status["conditions"].as_array().into_iter().flatten();
    Event {
        phase: text(phase),
        conditions: conditions
            .map(|condition| {
                (
                    text(&condition["type"]),
                    text(&condition["status"]),
                    text(&condition["reason"]),
                )
            })
            .collect(),
        labels: metadata
            .labels
            .iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect(),
        owners: metadata
            .owner_references
            .iter()
            .flatten()
            .map(|owner| (owner.kind.clone(), owner.controller == Some(true)))
            .collect(),
        finalizers: metadata.finalizers.clone().unwrap_or_default(),
        deleting: metadata.deletion_timestamp.is_some(),
        ..plain
    }
}
