//! The machinery that makes the children of machines, and a controller that publishes a status.

use serde_json::{Value, json};

use super::people::{
    DV, GDISK, GVM, Kind, POD, POOL, RUNTIME, VM, VMI, World, items, object_path, send,
};

/// What KubeVirt's own controller takes off an instance that is being deleted.
const KUBEVIRTS: &str = "foregroundDeleteVirtualMachine";

impl World {
    /// One look of the machinery: children are made, what is to go and is not held goes, and the status is published.
    pub async fn tick(&self) {
        let (vms, vmis, dvs) = (
            items(&self.owner, VM).await,
            items(&self.owner, VMI).await,
            items(&self.owner, DV).await,
        );
        for gvm in items(&self.owner, GVM).await {
            self.child(&gvm, GVM, VM, &vms, &json!({})).await;
        }
        for pool in items(&self.owner, POOL).await {
            let name = pool["metadata"]["name"].as_str().unwrap_or_default();
            for number in 0..2 {
                let more = json!({"name": format!("{name}-{number}")});
                self.child(&pool, POOL, VM, &vms, &more).await;
            }
        }
        for vm in &vms {
            let finalizers = json!({"finalizers": [KUBEVIRTS]});
            self.child(vm, VM, VMI, &vmis, &finalizers).await;
            let templates = vm["spec"]["dataVolumeTemplates"].as_array();
            for template in templates.into_iter().flatten() {
                let more = json!({"name": template["metadata"]["name"]});
                self.child(vm, VM, DV, &dvs, &more).await;
            }
        }
        for disk in items(&self.owner, GDISK).await {
            self.child(&disk, GDISK, DV, &dvs, &json!({})).await;
        }
        let pods = items(&self.owner, POD).await;
        let label = json!({"labels": {"kubevirt.io": "virt-launcher"}});
        for vmi in &vmis {
            self.child(vmi, VMI, POD, &pods, &label).await;
        }
        for vmi in &vmis {
            if vmi["metadata"]["deletionTimestamp"].is_string() {
                self.keep_finalizers(VMI, vmi, |one| one != KUBEVIRTS).await;
            }
        }
        if !self.surroundings.borrow().wild {
            self.release().await;
        }
        self.adopt().await;
        self.publish().await;
    }

    /// Machines take the disks that are to go with them, after a second look at the machine.
    async fn adopt(&self) {
        if !self.surroundings.borrow().adopts {
            return;
        }
        for disk in items(&self.owner, GDISK).await {
            let metadata = &disk["metadata"];
            let machine = send(&self.owner, "GET", &object_path(GVM, &disk), Value::Null).await;
            let machine = machine.unwrap_or_default();
            let wanted = machine["spec"]["disks"][0]["autoDelete"] == true
                && machine["metadata"]["deletionTimestamp"].is_null()
                && metadata["deletionTimestamp"].is_null()
                && metadata["ownerReferences"].is_null();
            if wanted {
                let patch = json!({"metadata": {"resourceVersion": metadata["resourceVersion"], "ownerReferences": [{
                    "apiVersion": GVM.0, "kind": GVM.2, "name": metadata["name"], "uid": machine["metadata"]["uid"],
                }]}});
                let _ = send(&self.owner, "PATCH", &object_path(GDISK, &disk), patch).await;
            }
        }
    }

    async fn child(&self, parent: &Value, of: Kind, kind: Kind, there: &[Value], more: &Value) {
        let name = &parent["metadata"]["name"];
        let mut metadata = json!({"name": name, "ownerReferences": [{
            "apiVersion": of.0, "kind": of.2, "name": name, "uid": parent["metadata"]["uid"], "controller": true,
        }]});
        json_patch::merge(&mut metadata, more);
        if parent["metadata"]["deletionTimestamp"].is_string()
            || there
                .iter()
                .any(|one| one["metadata"]["name"] == metadata["name"])
        {
            return;
        }
        let spec = if kind == POD {
            json!({"containers": [{"name": "compute", "image": "guest"}]})
        } else {
            json!({})
        };
        let _ = self.make(kind, metadata, spec).await;
    }

    async fn publish(&self) {
        let Ok(runtime) = send(&self.owner, "GET", RUNTIME, Value::Null).await else {
            return;
        };
        let enabled = runtime["spec"]["enabled"] == json!(true);
        let mut status = json!({"ready": enabled});
        if self.surroundings.borrow().ours {
            let fenced = self.is_fenced(&runtime);
            let condition = |kind: &str, holds: bool| json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": "Said", "message": "so"});
            status["observedGeneration"] = runtime["metadata"]["generation"].clone();
            status["conditions"] = json!([
                condition("Ready", enabled),
                condition("VMCreationAllowed", enabled && !fenced),
            ]);
        }
        if runtime["status"] != status {
            let _ = send(
                &self.owner,
                "PATCH",
                &format!("{RUNTIME}/status"),
                json!({"status": status}),
            )
            .await;
        }
    }
}
