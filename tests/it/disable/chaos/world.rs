//! What goes on around a disable: people who create, hold and delete machines, the machinery that makes their children,
//! and a controller that publishes a status.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    rc::Rc,
};

use http::Request;
use kube::Client;
use serde_json::{Value, json};

use super::dice::Dice;

pub const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
pub const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
pub const FORCE: &str = "baremetal.cluster.gke.io/vmrumtime-force-disable";
const FENCE: &str = "vm.cluster.gke.io/creation-fence-until";

/// API group with version, plural and kind of what may be deleted.
pub type Kind = (&'static str, &'static str, &'static str);

pub const GVM: Kind = ("vm.cluster.gke.io/v1", "virtualmachines", "VirtualMachine");
pub const GDISK: Kind = (
    "vm.cluster.gke.io/v1",
    "virtualmachinedisks",
    "VirtualMachineDisk",
);
pub const VM: Kind = ("kubevirt.io/v1", "virtualmachines", "VirtualMachine");
pub const VMI: Kind = (
    "kubevirt.io/v1",
    "virtualmachineinstances",
    "VirtualMachineInstance",
);
pub const DV: Kind = ("cdi.kubevirt.io/v1beta1", "datavolumes", "DataVolume");
pub const MACHINES: [Kind; 3] = [GVM, VM, VMI];
pub const ALL: [Kind; 5] = [GVM, VM, VMI, GDISK, DV];

pub fn list_path(kind: Kind) -> String {
    format!("/apis/{}/namespaces/default/{}", kind.0, kind.1)
}

/// What goes on around the disable, and what was seen of it.
pub struct Scene {
    pub dice: Dice,
    /// Are there events, faults and kills?
    pub wild: bool,
    /// Does a controller of ours watch, which closes creation and counts VMs?
    pub ours: bool,
    pub keep: bool,
    pub folder: PathBuf,
    pub requests: u64,
    /// At which request the work is dropped.
    pub kill_at: Option<u64>,
    /// When the disable last began to list everything.
    pub listed_at: u64,
    /// When which machine came into being.
    pub born: BTreeMap<String, u64>,
    pub names: u64,
    /// Names of machines that somebody else has deleted: their disks are nobody's then.
    pub orphaned: BTreeSet<String>,
    /// UIDs that the disable has deleted in this attempt.
    pub deleted: BTreeSet<String>,
    pub broken: Vec<String>,
}

pub async fn send(client: &Client, method: &str, path: &str, body: Value) -> kube::Result<Value> {
    let kind = if method == "PATCH" {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("Content-Type", kind);
    client.request(request.body(bytes).unwrap()).await
}

pub async fn items(client: &Client, kind: Kind) -> Vec<Value> {
    let list = send(client, "GET", &list_path(kind), Value::Null).await;
    let list = list.unwrap_or_default();
    list["items"].as_array().cloned().unwrap_or_default()
}

pub fn uid(object: &Value) -> String {
    object["metadata"]["uid"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

pub fn object_path(kind: Kind, object: &Value) -> String {
    format!(
        "{}/{}",
        list_path(kind),
        object["metadata"]["name"].as_str().unwrap_or_default()
    )
}

#[derive(Clone)]
pub struct World {
    pub owner: Client,
    pub scene: Rc<RefCell<Scene>>,
}

impl World {
    /// Something that somebody else does.
    pub async fn happen(&self) {
        let what = self.scene.borrow_mut().dice.below(14);
        match what {
            0..=3 => self.create().await,
            4 | 5 => self.on_one(|_| None).await,
            6 | 7 => {
                self.on_one(|object| {
                    let mut finalizers = object["metadata"]["finalizers"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default();
                    finalizers.push("example.com/hold".into());
                    Some(json!({"metadata": {"finalizers": finalizers}}))
                })
                .await;
            }
            8 | 9 => self.release().await,
            10 => self.runtime(json!({"spec": {"enabled": true}})).await,
            11 => {
                self.runtime(json!({"metadata": {"annotations": {FORCE: "true"}}}))
                    .await;
            }
            12 => {
                self.runtime(json!({"metadata": {"annotations": {FORCE: "false"}}}))
                    .await;
            }
            _ => {
                self.runtime(json!({"metadata": {"labels": {"n": what.to_string()}}}))
                    .await;
            }
        }
    }

    async fn runtime(&self, patch: Value) {
        let _ = send(&self.owner, "PATCH", RUNTIME, patch).await;
    }

    /// Changes one machine, or (`None`) deletes it.
    async fn on_one(&self, change: impl Fn(&Value) -> Option<Value>) {
        let kind = MACHINES[usize::try_from(self.scene.borrow_mut().dice.below(3)).unwrap()];
        let found = items(&self.owner, kind).await;
        if found.is_empty() {
            return;
        }
        let pick = self.scene.borrow_mut().dice.below(found.len() as u64);
        let object = &found[usize::try_from(pick).unwrap()];
        let path = object_path(kind, object);
        if change(object).is_none() {
            let name = object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.scene.borrow_mut().orphaned.insert(name);
        }
        let _ = match change(object) {
            Some(patch) => send(&self.owner, "PATCH", &path, patch).await,
            None => send(&self.owner, "DELETE", &path, Value::Null).await,
        };
    }

    /// Whoever holds objects lets them go.
    pub async fn release(&self) {
        for kind in MACHINES {
            for object in items(&self.owner, kind).await {
                let finalizers = object["metadata"]["finalizers"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let left: Vec<&Value> = finalizers
                    .iter()
                    .filter(|one| **one != "example.com/hold")
                    .collect();
                if left.len() < finalizers.len() {
                    let patch = json!({"metadata": {"finalizers": left}});
                    let _ = send(&self.owner, "PATCH", &object_path(kind, &object), patch).await;
                }
            }
        }
    }

    /// A machine of one of the kinds, where the controller lets it in.
    pub async fn create(&self) {
        if self.closed().await {
            return;
        }
        let (name, which, keep_disk) = {
            let mut scene = self.scene.borrow_mut();
            scene.names += 1;
            (
                format!("m{}", scene.names),
                scene.dice.below(4),
                scene.dice.one_in(2),
            )
        };
        let (kind, spec) = match which {
            0 => (VM, json!({"running": true})),
            1 => (VMI, json!({})),
            _ => {
                let disk = json!({"apiVersion": GDISK.0, "kind": GDISK.2, "metadata": {"name": name}, "spec": {"size": "1Gi"}});
                let _ = send(&self.owner, "POST", &list_path(GDISK), disk).await;
                (
                    GVM,
                    json!({"disks": [{"virtualMachineDiskName": name, "autoDelete": keep_disk}]}),
                )
            }
        };
        self.make(kind, json!({"name": name}), spec).await;
    }

    async fn make(&self, kind: Kind, metadata: Value, spec: Value) {
        let object =
            json!({"apiVersion": kind.0, "kind": kind.2, "metadata": metadata, "spec": spec});
        if let Ok(made) = send(&self.owner, "POST", &list_path(kind), object).await {
            let mut scene = self.scene.borrow_mut();
            let now = scene.requests;
            scene.born.insert(uid(&made), now);
        }
    }

    /// Does a controller of ours keep VMs out?
    async fn closed(&self) -> bool {
        if !self.scene.borrow().ours {
            return false;
        }
        let runtime = send(&self.owner, "GET", RUNTIME, Value::Null)
            .await
            .unwrap_or_default();
        runtime["spec"]["enabled"] != json!(true)
            || runtime["metadata"]["annotations"][FENCE].is_string()
    }

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
        for vm in &vms {
            let finalizers = json!({"finalizers": ["foregroundDeleteVirtualMachine"]});
            self.child(vm, VM, VMI, &vmis, &finalizers).await;
        }
        for disk in items(&self.owner, GDISK).await {
            self.child(&disk, GDISK, DV, &dvs, &json!({})).await;
        }
        for vmi in &vmis {
            if vmi["metadata"]["deletionTimestamp"].is_string() {
                let finalizers = vmi["metadata"]["finalizers"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let left: Vec<&Value> = finalizers
                    .iter()
                    .filter(|one| **one == "example.com/hold")
                    .collect();
                let patch = json!({"metadata": {"finalizers": left}});
                let _ = send(&self.owner, "PATCH", &object_path(VMI, vmi), patch).await;
            }
        }
        self.publish().await;
    }

    async fn child(&self, parent: &Value, of: Kind, kind: Kind, there: &[Value], more: &Value) {
        let name = &parent["metadata"]["name"];
        if parent["metadata"]["deletionTimestamp"].is_string()
            || there.iter().any(|one| one["metadata"]["name"] == *name)
        {
            return;
        }
        let mut metadata = json!({"name": name, "ownerReferences": [{
            "apiVersion": of.0, "kind": of.2, "name": name, "uid": parent["metadata"]["uid"], "controller": true,
        }]});
        json_patch::merge(&mut metadata, more);
        self.make(kind, metadata, json!({})).await;
    }

    async fn publish(&self) {
        let Ok(runtime) = send(&self.owner, "GET", RUNTIME, Value::Null).await else {
            return;
        };
        let enabled = runtime["spec"]["enabled"] == json!(true);
        let mut status = json!({"ready": enabled});
        if self.scene.borrow().ours {
            let fenced = runtime["metadata"]["annotations"][FENCE].is_string();
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
