//! The product's controller, about its own machines and disks: it has KubeVirt and CDI run them.
//!
//! On Google Distributed Cloud that is Google's; bmctl's controller leaves these kinds alone.

use serde_json::{Value, json};

use super::component;
use crate::simulator::{
    builder::{controlled_by, known, owned_by},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

/// A disk that a machine uses.
pub struct UsedDisk<'a> {
    pub name: &'a str,
    /// Does it go with the machine?
    pub goes_too: bool,
}

/// The disks that a machine uses.
pub fn disks(machine: &Object) -> impl Iterator<Item = UsedDisk<'_>> {
    machine
        .value("/spec/disks")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|disk| {
            Some(UsedDisk {
                name: disk["virtualMachineDiskName"].as_str()?,
                goes_too: disk["autoDelete"] == true,
            })
        })
}

/// A machine becomes a KubeVirt machine of the same name, and its state mirrors that one's.
pub fn machine(cluster: &ClusterState, machine: &Object) -> Vec<Step> {
    if machine.deleting() {
        return Vec::new();
    }
    let mut steps = own_disks(cluster, machine);
    let made = cluster.controlled(machine, Kind::VirtualMachine).next();
    let taken = cluster
        .find(Kind::VirtualMachine, machine.namespace(), machine.name())
        .is_some();
    let able =
        component::virt_controller(cluster).is_some() && cluster.serves(Kind::VirtualMachine);
    match made {
        None if able && !taken => {
            steps.push(Action::create(Kind::VirtualMachine, make(machine)).now());
        }
        Some(made) if able && made.text("/spec/runStrategy") != Some(strategy(machine)) => {
            let patch = Action::Patch {
                of: Target::of(Kind::VirtualMachine, made),
                patch: json!({"spec": {"runStrategy": strategy(machine)}}),
            };
            steps.push(patch.now());
        }
        None | Some(_) => {}
    }
    let state = made
        .and_then(|made| made.text("/status/printableStatus"))
        .unwrap_or("Pending");
    let interfaces = made
        .and_then(|made| cluster.controlled(made, Kind::Instance).next())
        .and_then(|instance| instance.value("/status/interfaces"))
        .cloned();
    let status = json!({"state": state, "interfaces": interfaces});
    steps.extend(Action::status(Kind::ProductMachine, machine, &status).map(Action::now));
    steps
}

/// A disk becomes a DataVolume of the same name, and its phase mirrors that one's.
pub fn disk(cluster: &ClusterState, disk: &Object) -> Vec<Step> {
    if disk.deleting() {
        return Vec::new();
    }
    let mut steps = Vec::new();
    let made = cluster.controlled(disk, Kind::DataVolume).next();
    let taken = cluster
        .find(Kind::DataVolume, disk.namespace(), disk.name())
        .is_some();
    let able = component::cdi_controller(cluster).is_some() && cluster.serves(Kind::DataVolume);
    if made.is_none() && able && !taken {
        steps.push(Action::create(Kind::DataVolume, volume(disk)).now());
    }
    let phase = made
        .and_then(|made| made.text("/status/phase"))
        .unwrap_or("Pending");
    let status = json!({"phase": phase});
    steps.extend(Action::status(Kind::ProductDisk, disk, &status).map(Action::now));
    steps
}

/// Makes the machine an owner of the disks that are to go with it.
fn own_disks(cluster: &ClusterState, machine: &Object) -> Vec<Step> {
    disks(machine)
        .filter(|used| used.goes_too)
        .filter_map(|used| cluster.find(Kind::ProductDisk, machine.namespace(), used.name))
        .filter_map(|disk| {
            let mut owners = disk.metadata.owner_references.clone().unwrap_or_default();
            if disk.deleting() || owners.iter().any(|owner| owner.uid == machine.uid()) {
                return None;
            }
            owners.push(serde_json::from_value(owned_by(Kind::ProductMachine, machine)).ok()?);
            let patch = json!({"metadata": {
                "ownerReferences": owners, "resourceVersion": disk.metadata.resource_version,
            }});
            let adopt = Action::Adopt {
                owner: Target::of(Kind::ProductMachine, machine),
                of: Target::of(Kind::ProductDisk, disk),
                patch,
            };
            Some(adopt.now())
        })
        .collect()
}

fn strategy(machine: &Object) -> &'static str {
    if machine.text("/spec/runningState") == Some("Stopped") {
        "Halted"
    } else {
        "Always"
    }
}

fn make(machine: &Object) -> kube::core::DynamicObject {
    let volumes: Vec<Value> = disks(machine)
        .map(|disk| json!({"name": disk.name, "dataVolume": {"name": disk.name}}))
        .collect();
    let devices: Vec<Value> = disks(machine)
        .map(|disk| json!({"name": disk.name, "disk": {"bus": "virtio"}}))
        .collect();
    known(json!({
        "apiVersion": Kind::VirtualMachine.api_version(), "kind": Kind::VirtualMachine.name(),
        "metadata": {
            "name": machine.name(), "namespace": machine.namespace(),
            "ownerReferences": controlled_by(Kind::ProductMachine, machine),
        },
        "spec": {
            "runStrategy": strategy(machine),
            "template": {
                "metadata": {"labels": {"kubevirt.io/domain": machine.name()}},
                "spec": {"domain": {"devices": {"disks": devices}}, "volumes": volumes},
            },
        },
    }))
}

fn volume(disk: &Object) -> kube::core::DynamicObject {
    let size = disk.text("/spec/size").unwrap_or("10Gi");
    let mut claim = json!({"resources": {"requests": {"storage": size}}});
    if let Some(class) = disk.text("/spec/storageClassName") {
        claim["storageClassName"] = class.into();
    }
    known(json!({
        "apiVersion": Kind::DataVolume.api_version(), "kind": Kind::DataVolume.name(),
        "metadata": {
            "name": disk.name(), "namespace": disk.namespace(),
            "ownerReferences": controlled_by(Kind::ProductDisk, disk),
        },
        "spec": {"source": {"blank": {}}, "storage": claim},
    }))
}
