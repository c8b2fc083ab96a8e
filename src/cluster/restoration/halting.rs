//! VMs that come back stopped, so that the contents of their disks can be put back before they start.

use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::{
    api::name::GROUP,
    failure::{Failure, Kind, Reason},
};

/// Changes the manifest so that no guest starts; what starts by its nature is refused.
pub fn halt(resource: &ApiResource, manifest: &mut Value) -> Result<(), Failure> {
    match (&*resource.group, &*resource.kind) {
        (GROUP, "VirtualMachine") => set(&mut manifest["spec"], "runningState", json!("Stopped")),
        ("kubevirt.io", "VirtualMachine") => stop(&mut manifest["spec"]),
        ("pool.kubevirt.io", "VirtualMachinePool") => {
            stop(&mut manifest["spec"]["virtualMachineTemplate"]["spec"]);
        }
        ("kubevirt.io", "VirtualMachineInstanceReplicaSet") => {
            set(&mut manifest["spec"], "replicas", json!(0));
        }
        ("kubevirt.io", "VirtualMachineInstance") => {
            return Err(Failure::new(
                Kind::Refused,
                Reason::NotAllRestored,
                "an instance without a VM runs as soon as it exists",
            )
            .hint("restore again without --halted to create it"));
        }
        _ => {}
    }
    Ok(())
}

fn stop(spec: &mut Value) {
    if let Some(spec) = spec.as_object_mut() {
        // The two exclude each other.
        spec.remove("running");
    }
    set(spec, "runStrategy", json!("Halted"));
}

fn set(parent: &mut Value, field: &str, value: Value) {
    if let Some(parent) = parent.as_object_mut() {
        parent.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use kube::core::GroupVersionKind;

    use super::*;

    #[test]
    fn whatever_starts_a_guest_is_stopped_or_refused() {
        let halted = |group: &str, kind: &str, spec: Value| {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
            let mut manifest = json!({"spec": spec});
            halt(&resource, &mut manifest).map(|()| manifest["spec"].clone())
        };
        for (group, kind, spec, expected) in [
            (
                "kubevirt.io",
                "VirtualMachine",
                json!({"running": true}),
                json!({"runStrategy": "Halted"}),
            ),
            (
                "vm.cluster.gke.io",
                "VirtualMachine",
                json!({"disks": []}),
                json!({"disks": [], "runningState": "Stopped"}),
            ),
            (
                "pool.kubevirt.io",
                "VirtualMachinePool",
                json!({"virtualMachineTemplate": {"spec": {"runStrategy": "Always"}}}),
                json!({"virtualMachineTemplate": {"spec": {"runStrategy": "Halted"}}}),
            ),
            (
                "kubevirt.io",
                "VirtualMachineInstanceReplicaSet",
                json!({"replicas": 3}),
                json!({"replicas": 0}),
            ),
            (
                "cdi.kubevirt.io",
                "DataVolume",
                json!({"source": {}}),
                json!({"source": {}}),
            ),
        ] {
            assert_eq!(halted(group, kind, spec).unwrap(), expected, "{kind}");
        }
        let instance = halted("kubevirt.io", "VirtualMachineInstance", json!({}));
        assert_eq!(instance.unwrap_err().kind, Kind::Refused);
    }
}
