//! VMs and disks of every kind, with words that do not survive carelessness, and what people wrote of them.

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::{DISKS, KUBEVIRT, VOLUMES};
use crate::test_cluster::{MACHINES, TestCluster, eventually};

/// Words that YAML readers disagree about, and characters that do not survive carelessness.
const ODD: [&str; 14] = [
    "yes",
    "on",
    "off",
    "y",
    "null",
    "~",
    "1_000",
    "0o7",
    "0x1f",
    "1e3",
    "2001-01-01",
    "a\nb\n\tc\n",
    "- x: 'y' # z",
    "\u{7f}\u{85}\u{2028}\u{feff}é🦀",
];

/// A machine with two disks and labels and annotations of all sorts, one of KubeVirt, and one without anything.
pub fn with_machines() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::enabled()?;
    for name in ["db-boot", "db-data"] {
        test_cluster.create(
            DISKS,
            &json!({
                "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachineDisk",
                "metadata": {"name": name, "labels": {"on": "yes"}}, "spec": {"size": "1Gi"},
            }),
        )?;
    }
    let odd: Value = ODD
        .iter()
        .enumerate()
        .map(|(place, text)| (format!("odd-{place}"), Value::from(*text)))
        .collect::<serde_json::Map<String, Value>>()
        .into();
    test_cluster.create(
        MACHINES,
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine",
            "metadata": {
                "name": "db", "labels": {"on": "yes", "n": "1_000", "off": "on"}, "annotations": odd,
            },
            "spec": {
                "osType": "Linux", "userData": odd, "n": "1_000", "y": "no",
                "disks": [
                    {"virtualMachineDiskName": "db-boot", "boot": true, "autoDelete": true},
                    {"virtualMachineDiskName": "db-data"},
                ],
            },
        }),
    )?;
    // Nobody else's: KubeVirt's own.
    test_cluster.create(
        KUBEVIRT,
        &json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
            "metadata": {"name": "plain", "labels": {"on": "yes", "n": "1_000"}, "annotations": odd},
            "spec": {"runStrategy": "Halted", "template": {"metadata": {"labels": {"off": "on"}}, "spec": {"domain": {}}}},
        }),
    )?;
    test_cluster.run_machine("web")?;
    eventually("a disk for db", || {
        let found = test_cluster
            .read(VOLUMES)
            .map_err(|error| format!("{error:?}"))?;
        let count = found["items"].as_array().map_or(0, Vec::len);
        (count == 2).then_some(()).ok_or(found.to_string())
    })?;
    Ok(test_cluster)
}

/// One object of each kind that people make, the things of [`with_machines`] among them, in two namespaces.
pub fn with_everything() -> Result<TestCluster, Failed> {
    let test_cluster = with_machines()?;
    test_cluster.create(
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "yes"}}),
    )?;
    let labels = json!({"on": "yes", "n": "1_000", "off": "on"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"domain": {}}});
    let machine = json!({"metadata": {"labels": labels}, "spec": {"runStrategy": "Always", "template": template}});
    let selector = json!({"matchLabels": labels});
    let others = [
        (
            "pool.kubevirt.io/v1beta1",
            "virtualmachinepools",
            "VirtualMachinePool",
            "pool",
            json!({"replicas": 1, "selector": selector, "virtualMachineTemplate": machine}),
        ),
        (
            "kubevirt.io/v1",
            "virtualmachineinstancereplicasets",
            "VirtualMachineInstanceReplicaSet",
            "set",
            json!({"replicas": 1, "selector": selector, "template": template}),
        ),
        (
            "kubevirt.io/v1",
            "virtualmachineinstances",
            "VirtualMachineInstance",
            "1e3",
            json!({"domain": {}}),
        ),
        (
            "cdi.kubevirt.io/v1beta1",
            "datavolumes",
            "DataVolume",
            "spare",
            json!({"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}}),
        ),
    ];
    for (group, plural, kind, name, spec) in others {
        test_cluster.create(
            &format!("/apis/{group}/namespaces/yes/{plural}"),
            &json!({
                "apiVersion": group, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": spec,
            }),
        )?;
    }
    eventually("an instance of the pool, of the set, and alone", || {
        let found = test_cluster
            .read("/apis/kubevirt.io/v1/namespaces/yes/virtualmachineinstances")
            .map_err(|error| format!("{error:?}"))?;
        let count = found["items"].as_array().map_or(0, Vec::len);
        (count == 3).then_some(()).ok_or(found.to_string())
    })?;
    Ok(test_cluster)
}

/// Where the kinds are that people make.
const WRITTEN: [&str; 7] = [
    "/apis/vm.cluster.gke.io/v1/virtualmachines",
    "/apis/vm.cluster.gke.io/v1/virtualmachinedisks",
    "/apis/kubevirt.io/v1/virtualmachines",
    "/apis/kubevirt.io/v1/virtualmachineinstances",
    "/apis/kubevirt.io/v1/virtualmachineinstancereplicasets",
    "/apis/pool.kubevirt.io/v1beta1/virtualmachinepools",
    "/apis/cdi.kubevirt.io/v1beta1/datavolumes",
];

/// Of every object that a person made, all that the API server and the controllers do not write.
pub fn written(test_cluster: &TestCluster) -> Result<Value, Failed> {
    const OF_THE_SERVER: [&str; 7] = [
        "creationTimestamp",
        "finalizers",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "uid",
    ];
    let mut written = Vec::new();
    for path in WRITTEN {
        let list = test_cluster.read(path)?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        for mut object in items.into_iter().filter(is_not_generated) {
            let fields = object.as_object_mut().ok_or("no object")?;
            fields.remove("status");
            let metadata = fields["metadata"].as_object_mut().ok_or("no metadata")?;
            metadata.retain(|field, _| !OF_THE_SERVER.contains(&field.as_str()));
            if let Some(Value::Object(mut annotations)) = metadata.remove("annotations") {
                // Put there by the client that applied it.
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
                if !annotations.is_empty() {
                    metadata.insert("annotations".to_owned(), annotations.into());
                }
            }
            // Put there by virt-controller, once an instance runs.
            let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
            if let Some(labels) = labels {
                labels.remove("kubevirt.io/nodeName");
                if labels.is_empty() {
                    metadata.remove("labels");
                }
            }
            written.push(object);
        }
    }
    Ok(Value::Array(written))
}

fn is_not_generated(object: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    let mut owners = owners.into_iter().flatten();
    !owners.any(|owner| owner["controller"] == true)
}
