//! What goes on around a disable: people who create, hold and delete machines, the machinery that makes their children,
//! and a controller that publishes a status.

use std::{cell::RefCell, rc::Rc};

use bmctl::cluster::Clock;
use http::Request;
use kube::Client;
use serde_json::{Value, json};

use super::scene::Scene;

pub const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
pub const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
pub const FORCE: &str = "baremetal.cluster.gke.io/vmrumtime-force-disable";
const FENCE: &str = "vm.cluster.gke.io/creation-fence-until";
const HOLD: &str = "example.com/hold";
/// What KubeVirt's own controller takes off an instance that is being deleted.
const KUBEVIRTS: &str = "foregroundDeleteVirtualMachine";

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
pub const SECRET: Kind = ("v1", "secrets", "Secret");
pub const CLAIM: Kind = ("v1", "persistentvolumeclaims", "PersistentVolumeClaim");
/// What guests run in.
pub const POD: Kind = ("v1", "pods", "Pod");
pub const MACHINES: [Kind; 3] = [GVM, VM, VMI];
/// What people make for machines, which own it.
pub const OWNED: [Kind; 2] = [SECRET, CLAIM];
pub const ALL: [Kind; 5] = [GVM, VM, VMI, GDISK, DV];

/// In all namespaces, as a disable lists them.
pub fn collection(kind: Kind) -> String {
    format!("/apis/{}/{}", kind.0, kind.1)
}

pub fn list_path(kind: Kind) -> String {
    let root = if kind.0.contains('/') { "apis" } else { "api" };
    format!("/{root}/{}/namespaces/default/{}", kind.0, kind.1)
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
    /// The controllers' clock.
    pub clock: Clock,
    /// Held for reading by whatever happens, which may outlive the disable that it met.
    pub happening: Rc<tokio::sync::RwLock<()>>,
    /// Held for reading while something is made that [`Scene::born`] does not know yet.
    pub making: Rc<tokio::sync::RwLock<()>>,
}

impl World {
    /// From here on nobody interferes, also not with something that has begun.
    pub async fn calms_down(&self) {
        {
            let mut scene = self.scene.borrow_mut();
            scene.wild = false;
            scene.kill_at = None;
        }
        drop(self.happening.write().await);
    }

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
                    finalizers.push(HOLD.into());
                    Some(json!({"metadata": {
                        "finalizers": finalizers, "resourceVersion": object["metadata"]["resourceVersion"],
                    }}))
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

    pub async fn runtime(&self, patch: Value) {
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
    async fn release(&self) {
        for kind in MACHINES {
            for object in items(&self.owner, kind).await {
                self.keep_finalizers(kind, &object, |one| one != HOLD).await;
            }
        }
    }

    /// Takes finalizers away, if nobody has changed the object meanwhile.
    async fn keep_finalizers(&self, kind: Kind, object: &Value, keep: impl Fn(&Value) -> bool) {
        let metadata = &object["metadata"];
        let finalizers = metadata["finalizers"].as_array().cloned();
        let finalizers = finalizers.unwrap_or_default();
        let left: Vec<&Value> = finalizers.iter().filter(|one| keep(one)).collect();
        if left.len() < finalizers.len() {
            let patch = json!({"metadata": {
                "finalizers": left, "resourceVersion": metadata["resourceVersion"],
            }});
            let _ = send(&self.owner, "PATCH", &object_path(kind, object), patch).await;
        }
    }

    /// A machine of one of the kinds, where the controller lets it in.
    pub async fn create(&self) {
        if self.closed().await {
            return;
        }
        let (name, which, goes_too) = {
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
                let disk = self.make(GDISK, json!({"name": name}), json!({"size": "1Gi"}));
                if let Some(disk) = disk.await {
                    self.scene
                        .borrow_mut()
                        .made
                        .insert(disk, (GDISK, name.clone()));
                }
                (
                    GVM,
                    json!({"disks": [{"virtualMachineDiskName": name, "autoDelete": goes_too}]}),
                )
            }
        };
        let machine = self.make(kind, json!({"name": name}), spec).await;
        if let Some(machine) = machine {
            self.scene.borrow_mut().made.insert(machine, (kind, name));
        }
    }

    /// A Secret and a claim for each machine that is there; the machine owns them.
    pub async fn equip(&self) {
        for kind in MACHINES {
            for machine in items(&self.owner, kind).await {
                let name = machine["metadata"]["name"].as_str().unwrap_or_default();
                let metadata = json!({"name": name, "ownerReferences": [{
                    "apiVersion": kind.0, "kind": kind.2, "name": name, "uid": machine["metadata"]["uid"],
                }]});
                let wanted = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
                for (owned, spec) in [(SECRET, Value::Null), (CLAIM, wanted)] {
                    let made = self.make(owned, metadata.clone(), spec).await;
                    let mut scene = self.scene.borrow_mut();
                    let of = |uid| (uid, (owned, name.to_owned()));
                    scene.made.extend(made.map(of));
                }
            }
        }
    }

    /// Returns the UID of what was made.
    pub async fn make(&self, kind: Kind, metadata: Value, spec: Value) -> Option<String> {
        let object =
            json!({"apiVersion": kind.0, "kind": kind.2, "metadata": metadata, "spec": spec});
        let _making = self.making.read().await;
        let made = send(&self.owner, "POST", &list_path(kind), object).await;
        let made = uid(&made.ok()?);
        let mut scene = self.scene.borrow_mut();
        let now = scene.requests;
        scene.born.insert(made.clone(), now);
        Some(made)
    }

    /// Does a controller of ours keep VMs out?
    async fn closed(&self) -> bool {
        if !self.scene.borrow().ours {
            return false;
        }
        let runtime = send(&self.owner, "GET", RUNTIME, Value::Null)
            .await
            .unwrap_or_default();
        runtime["spec"]["enabled"] != json!(true) || self.is_fenced(&runtime)
    }

    /// Does a fence stand that has not ended by itself?
    fn is_fenced(&self, runtime: &Value) -> bool {
        let until = runtime["metadata"]["annotations"][FENCE].as_str();
        let until = until.and_then(|until| until.parse::<jiff::Timestamp>().ok());
        until.is_some_and(|until| until > self.clock.now())
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
            let finalizers = json!({"finalizers": [KUBEVIRTS]});
            self.child(vm, VM, VMI, &vmis, &finalizers).await;
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
        if !self.scene.borrow().wild {
            self.release().await;
        }
        self.adopt().await;
        self.publish().await;
    }

    /// Machines take the disks that are to go with them, after a second look at the machine.
    async fn adopt(&self) {
        if !self.scene.borrow().adopts {
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
        if parent["metadata"]["deletionTimestamp"].is_string()
            || there.iter().any(|one| one["metadata"]["name"] == *name)
        {
            return;
        }
        let mut metadata = json!({"name": name, "ownerReferences": [{
            "apiVersion": of.0, "kind": of.2, "name": name, "uid": parent["metadata"]["uid"], "controller": true,
        }]});
        json_patch::merge(&mut metadata, more);
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
        if self.scene.borrow().ours {
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
