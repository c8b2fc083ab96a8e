//! What goes on around a disable: people who create, hold, protect and delete machines.

use std::{cell::RefCell, rc::Rc};

use bmctl::cluster::Clock;
use http::Request;
use kube::Client;
use serde_json::{Value, json};

use super::surroundings::Surroundings;

pub const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
pub const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
pub const FORCE: &str = "baremetal.cluster.gke.io/vmrumtime-force-disable";
const FENCE: &str = "vm.cluster.gke.io/creation-fence-until";
const HOLD: &str = "example.com/hold";

/// API group with version, plural and kind of what may be deleted.
pub type Kind = (&'static str, &'static str, &'static str);

pub const POOL: Kind = (
    "pool.kubevirt.io/v1beta1",
    "virtualmachinepools",
    "VirtualMachinePool",
);
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
/// What KubeVirt remembers of the instance type of a machine.
pub const REVISION: Kind = ("apps/v1", "controllerrevisions", "ControllerRevision");
/// What guests run in.
pub const POD: Kind = ("v1", "pods", "Pod");
pub const MACHINES: [Kind; 4] = [POOL, GVM, VM, VMI];
/// What machines own beside each other, and no controller makes again.
pub const OWNED: [Kind; 3] = [SECRET, CLAIM, REVISION];
pub const ALL: [Kind; 6] = [POOL, GVM, VM, VMI, GDISK, DV];
/// Belongs to no VM.
pub const SPARE: &str = "spare";
/// KubeVirt's label on machines that nobody may delete.
pub const PROTECTION: &str = "kubevirt.io/vm-delete-protection";

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
    pub surroundings: Rc<RefCell<Surroundings>>,
    /// The controllers' clock.
    pub clock: Clock,
    /// Held for reading by whatever happens, which may outlive the disable that it met.
    pub happening: Rc<tokio::sync::RwLock<()>>,
    /// Held for reading while something is made that [`Surroundings::born`] does not know yet.
    pub making: Rc<tokio::sync::RwLock<()>>,
}

impl World {
    /// From here on nobody interferes, also not with something that has begun, and nothing is held or protected.
    pub async fn calms_down(&self) {
        {
            let mut surroundings = self.surroundings.borrow_mut();
            surroundings.wild = false;
            surroundings.kill_at = None;
        }
        drop(self.happening.write().await);
        self.release().await;
    }

    /// Something that somebody else does.
    pub async fn happen(&self) {
        let what = self.surroundings.borrow_mut().rng.below(15);
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
            14 => {
                self.on_one(|_| Some(json!({"metadata": {"labels": {PROTECTION: "True"}}})))
                    .await;
            }
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
        let pick = self
            .surroundings
            .borrow_mut()
            .rng
            .below(MACHINES.len() as u64);
        let kind = MACHINES[usize::try_from(pick).unwrap()];
        let found = items(&self.owner, kind).await;
        if found.is_empty() {
            return;
        }
        let pick = self.surroundings.borrow_mut().rng.below(found.len() as u64);
        let object = &found[usize::try_from(pick).unwrap()];
        let path = object_path(kind, object);
        if change(object).is_none() {
            let name = object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.surroundings.borrow_mut().orphaned.insert(name);
        }
        let _ = match change(object) {
            Some(patch) => send(&self.owner, "PATCH", &path, patch).await,
            None => send(&self.owner, "DELETE", &path, Value::Null).await,
        };
    }

    /// Whoever holds or protects objects lets them go.
    pub async fn release(&self) {
        for kind in MACHINES {
            for object in items(&self.owner, kind).await {
                self.keep_finalizers(kind, &object, |one| one != HOLD).await;
                if object["metadata"]["labels"][PROTECTION].is_string() {
                    let patch = json!({"metadata": {"labels": {PROTECTION: null}}});
                    let _ = send(&self.owner, "PATCH", &object_path(kind, &object), patch).await;
                }
            }
        }
    }

    /// Takes finalizers away, if nobody has changed the object meanwhile.
    pub async fn keep_finalizers(&self, kind: Kind, object: &Value, keep: impl Fn(&Value) -> bool) {
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
            let mut surroundings = self.surroundings.borrow_mut();
            surroundings.names += 1;
            (
                format!("m{}", surroundings.names),
                surroundings.rng.below(6),
                surroundings.rng.one_in(2),
            )
        };
        let (kind, spec) = match which {
            0 => (VM, json!({"running": true})),
            1 => (VMI, json!({})),
            2 => (POOL, json!({"replicas": 2})),
            3 => {
                let templates = json!([{"metadata": {"name": format!("{name}-root")}, "spec": {}}]);
                (
                    VM,
                    json!({"running": true, "dataVolumeTemplates": templates}),
                )
            }
            _ => {
                let disk = self.make(GDISK, json!({"name": name}), json!({"size": "1Gi"}));
                if let Some(disk) = disk.await {
                    self.surroundings
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
            self.surroundings
                .borrow_mut()
                .made
                .insert(machine, (kind, name));
        }
    }

    /// A Secret, a claim and a revision for each machine that is there; the machine owns them, and sometimes something
    /// that stays owns the claim as well.
    pub async fn equip(&self) {
        let path = format!("{}/{SPARE}", list_path(CLAIM));
        let spare = send(&self.owner, "GET", &path, Value::Null).await;
        let spare = spare.unwrap_or_default();
        for kind in MACHINES {
            for machine in items(&self.owner, kind).await {
                let name = machine["metadata"]["name"].as_str().unwrap_or_default();
                let owner = |kind: Kind, owner: &Value| {
                    json!({
                        "apiVersion": kind.0, "kind": kind.2,
                        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
                    })
                };
                for owned in OWNED {
                    let mut owners = vec![owner(kind, &machine)];
                    if owned == CLAIM && self.surroundings.borrow_mut().rng.one_in(3) {
                        owners.push(owner(CLAIM, &spare));
                    }
                    let metadata = json!({"name": name, "ownerReferences": owners});
                    let made = self.make(owned, metadata, json!({})).await;
                    let mut surroundings = self.surroundings.borrow_mut();
                    let of = |uid| (uid, (owned, name.to_owned()));
                    surroundings.made.extend(made.map(of));
                }
            }
        }
    }

    /// Returns the UID of what was made.
    pub async fn make(&self, kind: Kind, metadata: Value, mut spec: Value) -> Option<String> {
        let content = match kind {
            REVISION => "data",
            SECRET => "stringData",
            _ => "spec",
        };
        if kind == CLAIM {
            spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        }
        let mut object =
            json!({"apiVersion": kind.0, "kind": kind.2, "metadata": metadata, content: spec});
        if kind == REVISION {
            object["revision"] = 1.into();
        }
        let _making = self.making.read().await;
        let made = send(&self.owner, "POST", &list_path(kind), object).await;
        let made = uid(&made.ok()?);
        let mut surroundings = self.surroundings.borrow_mut();
        let now = surroundings.requests;
        surroundings.born.insert(made.clone(), now);
        Some(made)
    }

    /// Does a controller of ours keep VMs out?
    async fn closed(&self) -> bool {
        if !self.surroundings.borrow().ours {
            return false;
        }
        let runtime = send(&self.owner, "GET", RUNTIME, Value::Null)
            .await
            .unwrap_or_default();
        runtime["spec"]["enabled"] != json!(true) || self.is_fenced(&runtime)
    }

    /// Does a fence stand that has not ended by itself?
    pub fn is_fenced(&self, runtime: &Value) -> bool {
        let until = runtime["metadata"]["annotations"][FENCE].as_str();
        let until = until.and_then(|until| until.parse::<jiff::Timestamp>().ok());
        until.is_some_and(|until| until > self.clock.now())
    }
}
