//! virt-controller and virt-handler, about instances: a launcher pod each, running where it runs.

use serde_json::{Value, json};

use super::{
    component, is_finished, is_ready,
    virt_handler::{KVM_DEVICE, SCHEDULABLE},
};
use crate::simulator::{
    builder::{Wanted, add_finalizers, conditions, controlled_by, known, remove_finalizers},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

/// virt-controller takes both off, once the launcher is gone.
pub const FINALIZERS: [&str; 2] = [
    "kubevirt.io/virtualMachineControllerFinalize",
    "kubevirt.io/foregroundDeleteVirtualMachine",
];
/// Of launchers and instances: the node that they are on.
const NODE_NAME: &str = "kubevirt.io/nodeName";

pub fn plan(cluster: &ClusterState, instance: &Object) -> Vec<Step> {
    if component::virt_controller(cluster).is_none() {
        return Vec::new();
    }
    let launcher = cluster.controlled(instance, Kind::Pod).next();
    if instance.deleting() {
        return end(cluster, instance, launcher);
    }
    if is_finished(instance) {
        return Vec::new();
    }
    if FINALIZERS
        .iter()
        .any(|finalizer| !instance.has_finalizer(finalizer))
    {
        return vec![add_finalizers(Kind::Instance, instance, &FINALIZERS)];
    }
    let runs = instance.text("/status/phase") == Some("Running");
    match launcher {
        None if runs => phase(cluster, instance, "Failed", None),
        // Its machine first says that it is there and has no condition yet.
        None if !is_noticed(cluster, instance) => Vec::new(),
        None => {
            let mut steps = phase(cluster, instance, "Pending", None);
            let launcher = launch(instance, is_emulated(cluster));
            steps.push(Action::create(Kind::Pod, launcher).now());
            steps
        }
        Some(launcher) if launcher.deleting() || is_finished(launcher) => {
            phase(cluster, instance, "Failed", None)
        }
        Some(launcher) if is_ready(launcher) => run(cluster, instance, launcher),
        Some(_) if runs => phase(cluster, instance, "Running", None),
        Some(launcher) => scheduling(cluster, instance, launcher),
    }
}

/// Has the machine that it is of, if it is of one, taken note of it?
fn is_noticed(cluster: &ClusterState, instance: &Object) -> bool {
    let owner = instance.controller();
    let owner = owner.filter(|owner| owner.kind == Kind::VirtualMachine.name());
    let machine = owner
        .and_then(|owner| cluster.find(Kind::VirtualMachine, instance.namespace(), &owner.name));
    machine.is_none_or(|machine| machine.value("/status/created") == Some(&Value::Bool(true)))
}

/// The launcher goes first, and the instance has ended with it.
fn end(cluster: &ClusterState, instance: &Object, launcher: Option<&Object>) -> Vec<Step> {
    let ended = |phase: Option<&str>, reason| {
        let wanted = Wanted {
            kind: "Ready",
            status: false,
            reason,
            message: "",
        };
        let mut status = json!({"conditions": conditions(instance, cluster.now, &[wanted])});
        if let Some(phase) = phase {
            status["phase"] = phase.into();
        }
        Action::report(Kind::Instance, instance, &status)
    };
    match launcher {
        Some(launcher) if launcher.deleting() => ended(None, "PodTerminating"),
        Some(launcher) => vec![Action::delete(Kind::Pod, launcher).now()],
        None => {
            let held: Vec<&str> = FINALIZERS
                .into_iter()
                .filter(|finalizer| instance.has_finalizer(finalizer))
                .collect();
            if held.is_empty() {
                return Vec::new();
            }
            let last = instance
                .text("/status/phase")
                .filter(|_| is_finished(instance));
            let mut steps = ended(Some(last.unwrap_or("Succeeded")), "PodNotExists");
            let removal = remove_finalizers(Kind::Instance, instance, &held);
            steps.push(removal.later("finalized"));
            steps
        }
    }
}

/// The launcher is up: virt-handler takes over, and the guest boots.
fn run(cluster: &ClusterState, instance: &Object, launcher: &Object) -> Vec<Step> {
    let before = instance.text("/status/phase");
    if !matches!(before, Some("Scheduled" | "Running")) {
        return phase(cluster, instance, "Scheduled", None);
    }
    let mut steps = Vec::new();
    let node = launcher.text("/spec/nodeName").unwrap_or_default();
    if instance.label(NODE_NAME) != Some(node) {
        let patch = json!({"metadata": {"labels": {NODE_NAME: node}}});
        let of = Target::of(Kind::Instance, instance);
        steps.push(Action::Patch { of, patch }.now());
    }
    steps.extend(phase(cluster, instance, "Running", Some(launcher)));
    steps
}

/// Does KubeVirt run instances without the nodes' hardware?
fn is_emulated(cluster: &ClusterState) -> bool {
    const SWITCH: &str = "/spec/configuration/developerConfiguration/useEmulation";
    let mut engines = cluster.all(Kind::KubeVirt);
    engines.any(|engine| engine.value(SWITCH) == Some(&Value::Bool(true)))
}

/// The launcher is on its way. Where no node takes it the instance says so.
fn scheduling(cluster: &ClusterState, instance: &Object, launcher: &Object) -> Vec<Step> {
    if launcher.condition("PodScheduled") != Some("False") {
        return phase(cluster, instance, "Scheduling", None);
    }
    let wanted = Wanted {
        kind: "PodScheduled",
        status: false,
        reason: "Unschedulable",
        message: "no node takes the launcher pod",
    };
    let status = json!({
        "phase": "Scheduling",
        "conditions": conditions(instance, cluster.now, &[wanted]),
    });
    Action::report(Kind::Instance, instance, &status)
}

/// The status for a phase; a machine takes a while to boot.
fn phase(
    cluster: &ClusterState,
    instance: &Object,
    phase: &str,
    launcher: Option<&Object>,
) -> Vec<Step> {
    let mut wanted = vec![Wanted {
        kind: "Ready",
        status: launcher.is_some(),
        reason: if launcher.is_some() {
            ""
        } else {
            "GuestNotRunning"
        },
        message: "",
    }];
    // What could not be scheduled for a while has been now.
    if instance.condition("PodScheduled").is_some() {
        wanted.push(Wanted {
            kind: "PodScheduled",
            status: true,
            reason: "",
            message: "",
        });
    }
    let mut status = json!({
        "phase": phase,
        "conditions": conditions(instance, cluster.now, &wanted),
    });
    if let Some(launcher) = launcher {
        let address = launcher.value("/status/podIP").cloned().unwrap_or_default();
        status["nodeName"] = launcher
            .value("/spec/nodeName")
            .cloned()
            .unwrap_or_default();
        status["interfaces"] =
            json!([{"name": "default", "ipAddress": address, "ipAddresses": [address]}]);
    }
    let Some(write) = Action::status(Kind::Instance, instance, &status) else {
        return Vec::new();
    };
    vec![if launcher.is_some() {
        write.later("booted")
    } else {
        write.now()
    }]
}

fn launch(instance: &Object, emulated: bool) -> kube::core::DynamicObject {
    let devices = if emulated {
        json!({})
    } else {
        json!({KVM_DEVICE: "1"})
    };
    let mut selector = json!({SCHEDULABLE: "true"});
    if let Some(wanted) = instance.value("/spec/nodeSelector") {
        json_patch::merge(&mut selector, wanted);
    }
    let mut labels = json!(instance.metadata.labels.clone().unwrap_or_default());
    let own = json!({
        "kubevirt.io": "virt-launcher",
        "kubevirt.io/created-by": instance.uid(),
        "vm.kubevirt.io/name": instance.name(),
        "vmi.kubevirt.io/id": instance.name(),
    });
    json_patch::merge(&mut labels, &own);
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": format!("virt-launcher-{}-", instance.name()),
            "namespace": instance.namespace(),
            "labels": labels,
            "ownerReferences": controlled_by(Kind::Instance, instance),
        },
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": selector,
            "containers": [{
                "name": "compute", "image": "quay.io/kubevirt/virt-launcher",
                "resources": {"requests": devices, "limits": devices},
            }],
        },
    });
    if let Some(tolerations) = instance
        .value("/spec/tolerations")
        .filter(|list| list.is_array())
    {
        pod["spec"]["tolerations"] = Value::clone(tolerations);
    }
    known(pod)
}
