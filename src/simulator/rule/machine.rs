//! virt-controller, about virtual machines: gives one that is to run an instance, and takes it away again.

use serde_json::{Value, json};

use super::{component, is_finished, is_ready};
use crate::simulator::{
    builder::{Wanted, add_finalizer, conditions, controlled_by, known, remove_finalizer},
    cluster_state::{ClusterState, Object, Read as _},
    kind::Kind,
    step::{Action, ServiceAccount, Step},
};

const FINALIZER: &str = "kubevirt.io/virtualMachineControllerFinalize";

/// virt-controller as admission sees it.
pub fn author(controller: &Object) -> ServiceAccount {
    ServiceAccount {
        namespace: controller.namespace().to_owned(),
        name: "kubevirt-controller",
    }
}

pub fn plan(cluster: &ClusterState, machine: &Object) -> Vec<Step> {
    let Some(controller) = component::virt_controller(cluster) else {
        return Vec::new();
    };
    let instance = cluster.controlled(machine, Kind::Instance).next();
    let mut steps = Vec::new();
    if machine.deleting() {
        match instance {
            Some(instance) if instance.deleting() => {}
            Some(instance) => steps.push(Action::delete(Kind::Instance, instance).now()),
            None if machine.has_finalizer(FINALIZER) => {
                let removal = remove_finalizer(Kind::VirtualMachine, machine, FINALIZER);
                steps.push(removal.later("finalized"));
            }
            None => return steps,
        }
        steps.extend(report(cluster, machine, instance));
        return steps;
    }
    if !machine.has_finalizer(FINALIZER) {
        return vec![add_finalizer(Kind::VirtualMachine, machine, FINALIZER)];
    }
    steps.extend(create_disks(cluster, machine));
    match instance {
        None if is_to_run(machine) => steps.push(start(machine, author(controller)).now()),
        Some(instance)
            if !instance.deleting() && (!is_to_run(machine) || is_finished(instance)) =>
        {
            steps.push(Action::delete(Kind::Instance, instance).now());
        }
        None | Some(_) => {}
    }
    steps.extend(report(cluster, machine, instance));
    steps
}

/// What the run strategy, or the older `running`, says. A machine that says neither is to run.
fn is_to_run(machine: &Object) -> bool {
    match machine.text("/spec/runStrategy") {
        Some(strategy) => !matches!(strategy, "Halted" | "Manual"),
        None => machine.value("/spec/running") != Some(&Value::Bool(false)),
    }
}

fn create_disks(cluster: &ClusterState, machine: &Object) -> Vec<Step> {
    if !cluster.serves(Kind::DataVolume) {
        return Vec::new();
    }
    machine
        .value("/spec/dataVolumeTemplates")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|template| Some((template["metadata"]["name"].as_str()?, template)))
        .filter(|(name, _)| {
            cluster
                .find(Kind::DataVolume, machine.namespace(), name)
                .is_none()
        })
        .map(|(name, template)| {
            let disk = known(json!({
                "apiVersion": Kind::DataVolume.api_version(), "kind": Kind::DataVolume.name(),
                "metadata": {
                    "name": name, "namespace": machine.namespace(),
                    "ownerReferences": controlled_by(Kind::VirtualMachine, machine),
                },
                "spec": template["spec"],
            }));
            Action::create(Kind::DataVolume, disk).now()
        })
        .collect()
}

fn start(machine: &Object, author: ServiceAccount) -> Action {
    let template = machine.value("/spec/template").cloned().unwrap_or_default();
    let spec = match template.get("spec") {
        Some(spec) if spec.is_object() => spec.clone(),
        _ => json!({}),
    };
    let instance = known(json!({
        "apiVersion": Kind::Instance.api_version(), "kind": Kind::Instance.name(),
        "metadata": {
            "name": machine.name(), "namespace": machine.namespace(),
            "labels": template["metadata"]["labels"],
            "ownerReferences": controlled_by(Kind::VirtualMachine, machine),
            "finalizers": super::instance::FINALIZERS,
        },
        "spec": spec,
    }));
    Action::Create {
        kind: Kind::Instance,
        object: Box::new(instance),
        author: Some(author),
    }
}

fn report(cluster: &ClusterState, machine: &Object, instance: Option<&Object>) -> Option<Step> {
    let ready = instance.is_some_and(is_ready);
    let word = if machine.deleting() {
        "Terminating"
    } else {
        match instance {
            Some(instance) if instance.deleting() => "Stopping",
            Some(_) if ready => "Running",
            Some(instance) if instance.condition("PodScheduled") == Some("False") => {
                "ErrorUnschedulable"
            }
            // As long as there is no instance, it says so also where one is to come.
            None => "Stopped",
            Some(_) => "Starting",
        }
    };
    // It repeats what its instance says.
    let (reason, message) = match instance.map(|instance| ready_reason(instance)) {
        _ if ready => ("", ""),
        None => ("VMINotExists", "VMI does not exist"),
        Some(None) => ("VMIConditionMissing", "VMI is missing the Ready condition"),
        Some(Some(reason)) => (reason, "Guest VM is not reported as running"),
    };
    let wanted = Wanted {
        kind: "Ready",
        status: ready,
        reason,
        message,
    };
    let status = json!({
        "created": instance.is_some(),
        "ready": ready,
        "printableStatus": word,
        "conditions": conditions(machine, cluster.now, &[wanted]),
        "desiredGeneration": machine.metadata.generation,
        "observedGeneration": machine.metadata.generation,
    });
    Action::status(Kind::VirtualMachine, machine, &status).map(Action::now)
}

/// The reason of the instance's condition Ready, where it has one.
fn ready_reason(instance: &Object) -> Option<&str> {
    let conditions = instance.value("/status/conditions")?.as_array()?;
    let ready = conditions
        .iter()
        .find(|condition| condition["type"] == "Ready")?;
    ready["reason"].as_str()
}
