mod saving;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::*;
use crate::cluster::{
    Deadline,
    inventory::{self, Inventory, Uid},
    retry::Pace,
    script::{self, Answer, Call, Recorder},
};

const GVM: &str = "/apis/vm.cluster.gke.io/v1/virtualmachines";
const KVM: &str = "/apis/kubevirt.io/v1/virtualmachines";
const GDISK: &str = "/apis/vm.cluster.gke.io/v1/virtualmachinedisks";
const VMI: &str = "/apis/kubevirt.io/v1/virtualmachineinstances";
const CLAIM: &str = "/api/v1/persistentvolumeclaims";
const DV: &str = "/apis/cdi.kubevirt.io/v1beta1/datavolumes";
const WEBHOOK: &str =
    "Internal error occurred: failed calling webhook \"virt-api\": connection refused";

/// A server with a few objects: (collection, object). Deleting one deletes what it owns, as garbage collection does.
#[derive(Clone, Default)]
struct World {
    objects: Arc<Mutex<Vec<(&'static str, Value)>>>,
    calls: Arc<Mutex<Vec<String>>>,
    /// What to say to a delete, instead of obeying.
    refuses: Arc<Mutex<Vec<Answer>>>,
    /// Made by somebody once the first object was deleted.
    late: Arc<Mutex<Vec<(&'static str, Value)>>>,
    /// What watches call deleted, whatever is there.
    lies: Arc<Mutex<Vec<(&'static str, Value)>>>,
}

fn object(name: &str, uid: &str, owner: Option<&str>) -> Value {
    let owners: Vec<_> = owner.iter().map(|uid| json!({"uid": uid})).collect();
    json!({"metadata": {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": "1", "ownerReferences": owners}})
}

/// The object goes, and with it what it owns.
fn collect(objects: &mut Vec<(&'static str, Value)>, at: usize) {
    let mut gone = vec![objects.remove(at).1["metadata"]["uid"].clone()];
    while let Some(owner) = gone.pop() {
        let owned = |object: &Value| object["metadata"]["ownerReferences"][0]["uid"] == owner;
        let all = objects.iter().filter(|(_, object)| owned(object));
        gone.extend(all.map(|(_, object)| object["metadata"]["uid"].clone()));
        objects.retain(|(_, object)| !owned(object));
    }
}

impl World {
    fn with(objects: &[(&'static str, Value)]) -> Self {
        let world = Self::default();
        *world.objects.lock().unwrap() = objects.to_vec();
        world
    }

    fn client(&self) -> Client {
        let world = self.clone();
        script::client(move |call| world.answer(call))
    }

    fn answer(&self, call: &Call) -> Answer {
        let mut objects = self.objects.lock().unwrap();
        let items = |collection: &str| -> Vec<Value> {
            let of = objects.iter().filter(|(of, _)| *of == collection);
            of.map(|(_, object)| object.clone()).collect()
        };
        if call.watches() {
            let lies = self.lies.lock().unwrap();
            let lies = lies.iter().filter(|(of, _)| *of == call.path);
            let events: Vec<_> = lies.map(|(_, gone)| ("DELETED", gone.clone())).collect();
            return Answer::watch(&events);
        }
        if call.method == "GET" && call.path == "/apis/apps/v1/deployments" {
            assert_eq!(
                call.query("labelSelector").as_deref(),
                Some("kubevirt.io=virt-controller")
            );
            return Answer::json(&json!({"metadata": {}, "items": [{
                "metadata": {"name": "virt-controller", "namespace": "kubevirt", "labels": {"kubevirt.io": "virt-controller"}},
                "spec": {
                    "replicas": 2, "template": {},
                    "selector": {"matchLabels": {"kubevirt.io": "virt-controller"}},
                }, "status": {"availableReplicas": 1},
            }]}));
        }
        if let Some(name) = call
            .query("fieldSelector")
            .and_then(|fields| Some(fields.strip_prefix("metadata.name=")?.to_owned()))
        {
            let named = objects.iter().filter(|(of, object)| {
                let whole = path(of, object);
                whole.rsplit_once('/') == Some((&call.path, &name))
            });
            let named: Vec<&Value> = named.map(|(_, object)| object).collect();
            return match call.path.as_str() {
                "/api/v1/nodes" => Answer::json(&json!({"metadata": {}, "items": [{
                    "metadata": {"name": name}, "status": {"conditions": [{
                        "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
                        "lastTransitionTime": "2026-11-22T09:00:00Z",
                    }]},
                }]})),
                _ => Answer::json(&json!({"metadata": {}, "items": named})),
            };
        }
        if call.method == "GET" {
            let collection = call.path.replacen("/namespaces/ns/", "/", 1);
            return match [GVM, KVM, VMI, GDISK, DV, CLAIM].contains(&collection.as_str()) {
                true => Answer::json(
                    &json!({"metadata": {"resourceVersion": "9"}, "items": items(&collection)}),
                ),
                // "", apis, group, version, namespaces, namespace, plural, name; or "", api, version and so on.
                false
                    if call.path.split('/').count() == 8
                        || call.path.starts_with("/api/") && call.path.split('/').count() == 7 =>
                {
                    match objects
                        .iter()
                        .find(|(of, object)| path(of, object) == call.path)
                    {
                        Some((_, object)) => Answer::json(object),
                        None => Answer::status(404, "NotFound", "not found"),
                    }
                }
                false => Answer::nothing_served(call),
            };
        }
        if call.method == "PATCH" && call.query("dryRun").as_deref() == Some("All") {
            return Answer::status(500, "InternalError", WEBHOOK);
        }
        if call.method == "PATCH" {
            let mut fields = call.body["metadata"].as_object().unwrap().keys();
            assert!(["finalizers", "ownerReferences"].contains(&fields.next().unwrap().as_str()));
            assert!(fields.eq(["resourceVersion", "uid"]));
            let at = objects
                .iter()
                .position(|(of, object)| path(of, object) == call.path)
                .unwrap();
            let object = &mut objects[at].1;
            json_patch::merge(object, &call.body);
            let answer = Answer::json(object);
            let held = object["metadata"]["finalizers"].as_array();
            let is_held = held.is_some_and(|finalizers| !finalizers.is_empty());
            if object["metadata"]["deletionTimestamp"].is_string() && !is_held {
                collect(&mut objects, at);
            }
            return answer;
        }
        assert_eq!(call.method, "DELETE");
        self.calls.lock().unwrap().push(call.path.clone());
        if let Some(refusal) = self.refuses.lock().unwrap().pop() {
            return refusal;
        }
        let Some(at) = objects
            .iter()
            .position(|(of, object)| path(of, object) == call.path)
        else {
            return Answer::status(404, "NotFound", "not found");
        };
        if objects[at].1["metadata"]["uid"] != call.body["preconditions"]["uid"] {
            return Answer::status(409, "Conflict", "Precondition failed: UID in precondition");
        }
        let version = &call.body["preconditions"]["resourceVersion"];
        if !version.is_null() && objects[at].1["metadata"]["resourceVersion"] != *version {
            return Answer::status(409, "Conflict", "Precondition failed: ResourceVersion");
        }
        if objects[at].1["metadata"]["finalizers"].is_array() {
            objects[at].1["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z".into();
        } else {
            assert_eq!(call.body["propagationPolicy"], "Background");
            collect(&mut objects, at);
        }
        objects.append(&mut self.late.lock().unwrap());
        Answer::json(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    async fn removed(&self, budget: Duration, recorder: &Recorder) -> Result<Removed, Failure> {
        let client = self.client();
        let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
        let retry = Retry::new(Deadline::after(budget), recorder).with_pace(Pace::QUICK);
        remove(&client, planned(inventory), None, &retry).await
    }

    fn deleted(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn left(&self) -> Vec<String> {
        let objects = self.objects.lock().unwrap();
        objects
            .iter()
            .map(|(of, object)| path(of, object))
            .collect()
    }
}

fn planned(inventory: Inventory) -> Plan {
    Plan::new(inventory, Disks::Delete, &LeftOver::default())
}

fn path(collection: &str, object: &Value) -> String {
    let (group, plural) = collection.rsplit_once('/').unwrap();
    format!(
        "{group}/namespaces/ns/{plural}/{}",
        object["metadata"]["name"].as_str().unwrap()
    )
}

const LONG: Duration = Duration::from_secs(20);
/// For what does not come to an end; enough to notice that, also on a busy machine.
const IN_VAIN: Duration = Duration::from_secs(3);

fn gvm_with_disk() -> Value {
    let mut machine = object("a", "gvm-a", None);
    machine["spec"] = json!({"disks": [{"virtualMachineDiskName": "a-boot"}]});
    machine
}

fn quick() -> Retry<'static> {
    Retry::new(Deadline::after(LONG), &crate::cluster::Silent).with_pace(Pace::QUICK)
}

/// Removes what there is, disks too, without a backup.
async fn removed_with(client: &Client) -> Removed {
    let inventory = inventory::take_with_all_that_goes(client, &Retry::once())
        .await
        .unwrap();
    remove(client, planned(inventory), None, &quick())
        .await
        .unwrap()
}

#[tokio::test]
async fn machines_go_first_with_their_children_then_their_disks_and_nothing_else() {
    let world = World::with(&[
        (DV, object("unrelated", "dv-1", None)),
        (DV, object("a-boot", "dv-2", Some("disk-1"))),
        (GDISK, object("a-boot", "disk-1", None)),
        (GDISK, object("kept", "disk-2", None)),
        (KVM, object("b", "vm-b", None)),
        (KVM, object("a", "vm-a", Some("gvm-a"))),
        (DV, object("b-data", "dv-3", Some("vm-b"))),
        (GVM, gvm_with_disk()),
    ]);
    let recorder = Recorder::default();
    let removed = world.removed(LONG, &recorder).await.unwrap();
    assert_eq!(
        world.deleted(),
        [
            "/apis/vm.cluster.gke.io/v1/namespaces/ns/virtualmachines/a",
            "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/b",
            "/apis/vm.cluster.gke.io/v1/namespaces/ns/virtualmachinedisks/a-boot",
        ]
    );
    assert_eq!(
        world.left(),
        [
            "/apis/cdi.kubevirt.io/v1beta1/namespaces/ns/datavolumes/unrelated",
            "/apis/vm.cluster.gke.io/v1/namespaces/ns/virtualmachinedisks/kept",
        ]
    );
    let names = |objects: &[ObjectName]| -> Vec<String> {
        objects.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        names(&removed.machines),
        [
            "virtualmachines.kubevirt.io ns/a",
            "virtualmachines.kubevirt.io ns/b",
            "virtualmachines.vm.cluster.gke.io ns/a"
        ]
    );
    assert_eq!(
        names(&removed.disks),
        [
            "datavolumes.cdi.kubevirt.io ns/a-boot",
            "datavolumes.cdi.kubevirt.io ns/b-data",
            "virtualmachinedisks.vm.cluster.gke.io ns/a-boot"
        ]
    );
    let gone = recorder
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Removed(_)))
        .count();
    assert_eq!(gone, 6, "each is told once");
}

#[tokio::test]
async fn another_object_of_the_same_name_is_only_deleted_after_it_was_seen() {
    let world = World::with(&[(KVM, object("a", "new", None))]);
    let client = world.client();
    let mut inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    inventory.machines[0].uid = Uid::from("old");
    let recorder = Recorder::default();
    let retry = Retry::new(Deadline::after(LONG), &recorder).with_pace(Pace::QUICK);
    remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap();
    assert!(world.left().is_empty());
    assert!(recorder.events().contains(&Event::FoundMore { count: 1 }));
}

#[tokio::test]
async fn busy_servers_are_asked_again_and_what_is_gone_is_gone() {
    let world = World::with(&[(KVM, object("a", "1", None))]);
    *world.refuses.lock().unwrap() = vec![
        Answer::status(429, "TooManyRequests", "later"),
        Answer::status(503, "ServiceUnavailable", "later"),
        Answer::Broken,
    ];
    world.removed(LONG, &Recorder::default()).await.unwrap();
    assert!(world.left().is_empty());
}

#[tokio::test]
async fn a_denial_ends_it_and_says_how_far_it_came() {
    let world = World::with(&[(GVM, gvm_with_disk()), (KVM, object("b", "2", None))]);
    *world.refuses.lock().unwrap() = vec![Answer::status(403, "Forbidden", "no")];
    let failure = world.removed(LONG, &Recorder::default()).await.unwrap_err();
    assert_eq!(failure.kind, crate::failure::Kind::Denied);
    assert!(
        failure.causes[1].starts_with("nothing was deleted"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn what_a_finalizer_holds_is_told_and_left_alone() {
    let mut held = object("a", "1", None);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let world = World::with(&[(KVM, held)]);
    let recorder = Recorder::default();
    let failure = world.removed(IN_VAIN, &recorder).await.unwrap_err();
    assert_eq!(failure.kind, crate::failure::Kind::TimedOut);
    assert_eq!(
        failure.causes[0],
        format!(
            "still there: virtualmachines.kubevirt.io ns/a, being deleted since 2026-11-22T10:00:00Z, held by \
             example.com/hold; whoever works for example.com has to remove the finalizer; {WEBHOOK}"
        )
    );
    assert_eq!(
        failure.hints,
        ["see what holds it: kubectl describe virtualmachines.kubevirt.io a --namespace=ns"]
    );
    let stuck = |event: &Event| matches!(event, Event::Stuck(stuck) if stuck.finalizers == ["example.com/hold"]);
    assert_eq!(
        recorder
            .events()
            .iter()
            .filter(|event| stuck(event))
            .count(),
        1
    );
    assert_eq!(world.left().len(), 1);
}

#[tokio::test]
async fn what_a_watch_calls_gone_is_there_as_long_as_a_list_shows_it() {
    let mut held = object("a", "1", None);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let world = World::with(&[(KVM, held.clone())]);
    world.lies.lock().unwrap().push((KVM, held));
    let removed = world.removed(IN_VAIN, &Recorder::default()).await;
    assert!(removed.is_err(), "it is still there: {removed:?}");
    assert_eq!(world.left().len(), 1);
}

#[tokio::test]
async fn who_holds_it_and_which_webhook_fails_is_told_with_a_command() {
    let mut held = object("a", "1", None);
    held["metadata"]["finalizers"] = json!(["kubevirt.io/virtualMachineControllerFinalize"]);
    let world = World::with(&[(KVM, held)]);
    let recorder = Recorder::default();
    let failed = world.removed(IN_VAIN, &recorder).await;
    assert!(failed.is_err());
    let events = recorder.events();
    let stuck = events.iter().find_map(|event| match event {
        Event::Stuck(stuck) => Some(stuck),
        _ => None,
    });
    let stuck = stuck.unwrap();
    assert_eq!(
        stuck.finalizers,
        ["kubevirt.io/virtualMachineControllerFinalize"]
    );
    assert_eq!(
        stuck.holder.as_deref(),
        Some(
            "virt-controller in kubevirt has to remove the finalizer, and 1 of 2 of its pods are available"
        )
    );
    assert_eq!(stuck.webhook.as_deref(), Some(WEBHOOK));
    assert_eq!(
        stuck.command().unwrap().to_string(),
        "kubectl logs --namespace=kubevirt --selector=kubevirt.io=virt-controller --prefix --tail=50"
    );
}

#[tokio::test]
async fn the_lost_node_of_a_machine_is_told_long_before_the_machine_is_called_stuck() {
    let mut instance = object("a", "2", Some("1"));
    instance["metadata"]["finalizers"] = json!(["foregroundDeleteVirtualMachine"]);
    instance["status"] = json!({"nodeName": "w1"});
    let mut held = object("a", "1", None);
    held["metadata"]["finalizers"] = json!(["kubevirt.io/virtualMachineControllerFinalize"]);
    let world = World::with(&[(KVM, held), (VMI, instance)]);
    let recorder = Recorder::default();
    let client = world.client();
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    // Nothing is called stuck in this time.
    let pace = Pace {
        stuck: LONG * 1000,
        ..Pace::QUICK
    };
    let retry = Retry::new(Deadline::after(IN_VAIN), &recorder).with_pace(pace);
    let failure = remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap_err();
    let node =
        "it runs on node w1, which is not ready since 2026-11-22T09:00:00Z (NodeStatusUnknown)";
    let told = recorder.events().into_iter().any(|event| match event {
        Event::Stuck(stuck) => stuck.node.as_deref() == Some(node),
        _ => false,
    });
    assert!(told, "{:?}", recorder.events());
    assert!(failure.causes[0].contains(node), "{failure:?}");
    assert_eq!(
        failure.hints[0],
        "look at the node, and bring it back: kubectl get node w1 --output=wide"
    );
}

#[tokio::test]
async fn what_somebody_else_deletes_is_watched_and_reported_the_same_way() {
    let mut going = object("a", "1", None);
    going["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z".into();
    going["metadata"]["finalizers"] = json!(["cluster.gke.io/controller"]);
    let world = World::with(&[(KVM, going), (VMI, object("a", "2", Some("1")))]);
    let (server, looks) = (world.clone(), AtomicU32::new(0));
    let client = script::client(move |call| {
        // A controller of its own is done at the third look.
        if call.path == KVM && !call.watches() && looks.fetch_add(1, Ordering::Relaxed) == 2 {
            server.objects.lock().unwrap().clear();
        }
        server.answer(call)
    });
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let recorder = Recorder::default();
    let retry = Retry::new(Deadline::after(LONG), &recorder).with_pace(Pace::QUICK);
    let removed = remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap();
    assert_eq!(removed.machines.len(), 2);
    assert_eq!(world.deleted(), [] as [&str; 0]);
    let gone = |event: &&Event| matches!(event, Event::Removed(_));
    assert_eq!(recorder.events().iter().filter(gone).count(), 2);
}

#[tokio::test]
async fn a_child_that_outlives_its_parent_is_deleted_by_itself() {
    // Its owner is in the inventory, so it is not deleted at first; but nothing collects it, because the owner that it
    // names was never there.
    let world = World::with(&[(KVM, object("orphan", "1", Some("2")))]);
    let client = world.client();
    let mut inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let mut parent = inventory.machines[0].clone();
    (parent.uid, parent.name, parent.owners) = (Uid::from("2"), "parent".into(), Box::default());
    inventory.machines.push(parent);
    let retry = quick();
    remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap();
    assert!(world.left().is_empty());
}

#[tokio::test]
async fn disks_of_a_machine_that_came_late_are_kept_as_well() {
    let world = World::with(&[
        (KVM, object("a", "vm-a", None)),
        (DV, object("a-root", "dv-a", Some("vm-a"))),
    ]);
    *world.late.lock().unwrap() = vec![
        (KVM, object("late", "vm-late", None)),
        (VMI, object("late", "vmi-late", Some("vm-late"))),
        (DV, object("late-root", "dv-late", Some("vm-late"))),
    ];
    let client = world.client();
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let plan = Plan::new(inventory, Disks::Keep, &LeftOver::default());
    let retry = quick();
    let removed = remove(&client, plan, None, &retry).await.unwrap();
    assert_eq!(removed.machines.len(), 3);
    assert_eq!(removed.disks, []);
    assert_eq!(
        world.left(),
        [
            "/apis/cdi.kubevirt.io/v1beta1/namespaces/ns/datavolumes/a-root",
            "/apis/cdi.kubevirt.io/v1beta1/namespaces/ns/datavolumes/late-root",
        ]
    );
}

#[tokio::test]
async fn disks_of_a_machine_that_somebody_else_deletes_are_kept_as_well() {
    let mut going = object("a", "vm-a", None);
    going["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z".into();
    going["metadata"]["finalizers"] = json!(["cluster.gke.io/controller"]);
    let world = World::with(&[(KVM, going), (DV, object("a-root", "dv-a", Some("vm-a")))]);
    let (server, looks) = (world.clone(), AtomicU32::new(0));
    let client = script::client(move |call| {
        // Its controller is done at the fourth look, and what it still owns goes with it.
        if call.path == KVM && !call.watches() && looks.fetch_add(1, Ordering::Relaxed) == 3 {
            collect(&mut server.objects.lock().unwrap(), 0);
        }
        server.answer(call)
    });
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let plan = Plan::new(inventory, Disks::Keep, &LeftOver::default());
    let retry = quick();
    let removed = remove(&client, plan, None, &retry).await.unwrap();
    assert_eq!(removed.machines.len(), 1);
    assert_eq!(
        world.left(),
        ["/apis/cdi.kubevirt.io/v1beta1/namespaces/ns/datavolumes/a-root"]
    );
}

#[tokio::test]
async fn a_disk_that_gets_an_owner_after_the_plan_stays_as_planned() {
    let mut machine = object("a", "vm-a", None);
    machine["spec"] = json!({"dataVolumeTemplates": [{"metadata": {"name": "a-root"}}]});
    let world = World::with(&[(KVM, machine), (DV, object("a-root", "dv-a", None))]);
    let (server, reads) = (world.clone(), AtomicU32::new(0));
    let client = script::client(move |call| {
        // KubeVirt takes over the disk that it would have made, just before the machine is deleted.
        let is_read = call.method == "GET" && call.path.ends_with("/virtualmachines/a");
        if is_read && reads.fetch_add(1, Ordering::Relaxed) == 0 {
            let mut objects = server.objects.lock().unwrap();
            if let Some((_, disk)) = objects.iter_mut().find(|(of, _)| *of == DV) {
                disk["metadata"]["ownerReferences"] = json!([{"uid": "vm-a"}]);
            }
        }
        server.answer(call)
    });
    let removed = removed_with(&client).await;
    assert_eq!(removed.disks, []);
    assert_eq!(
        world.left(),
        ["/apis/cdi.kubevirt.io/v1beta1/namespaces/ns/datavolumes/a-root"]
    );
}

#[tokio::test]
async fn a_machine_whose_claim_stays_is_let_go_before_anything_is_waited_for() {
    let world = World::with(&[
        (KVM, object("a", "vm-a", None)),
        (CLAIM, object("erp", "claim", Some("vm-a"))),
    ]);
    let server = world.clone();
    let client = script::client(move |call| {
        // What a watch says: nothing, until the machine is gone.
        let is_gone = !server
            .left()
            .iter()
            .any(|left| left.contains("/virtualmachines/"));
        if call.watches() && call.path == KVM && is_gone {
            return Answer::watch(&[("DELETED", object("a", "vm-a", None))]);
        }
        server.answer(call)
    });
    let inventory = inventory::take_with_all_that_goes(&client, &Retry::once())
        .await
        .unwrap();
    let pace = Pace {
        // Nobody looks again because nothing happens.
        stuck: Duration::from_secs(3600),
        ..Pace::QUICK
    };
    let retry = Retry::new(Deadline::after(LONG), &crate::cluster::Silent).with_pace(pace);
    let removed = remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap();
    assert_eq!(removed.machines.len(), 1);
    assert_eq!(
        world.left(),
        ["/api/v1/namespaces/ns/persistentvolumeclaims/erp"]
    );
}

#[tokio::test]
async fn a_claim_that_is_only_tied_to_a_disk_outlives_it() {
    let world = World::with(&[
        (KVM, object("a", "vm-a", None)),
        (DV, object("a-root", "dv-a", Some("vm-a"))),
        (CLAIM, object("a-root", "claim-a", Some("dv-a"))),
        (CLAIM, object("mine", "claim-mine", Some("dv-a"))),
    ]);
    let client = world.client();
    let removed = removed_with(&client).await;
    assert_eq!(removed.disks.len(), 1);
    assert_eq!(
        world.left(),
        ["/api/v1/namespaces/ns/persistentvolumeclaims/mine"]
    );
}

#[tokio::test]
async fn a_disk_that_is_nobodys_and_came_late_stays_with_its_volume() {
    let world = World::with(&[
        (KVM, object("a", "vm-a", None)),
        // The lists showed the volume and not yet the disk that it was made for.
        (DV, object("scratch", "dv-scratch", Some("gdisk-scratch"))),
    ]);
    *world.late.lock().unwrap() = vec![(GDISK, object("scratch", "gdisk-scratch", None))];
    let client = world.client();
    let removed = removed_with(&client).await;
    assert_eq!(removed.disks, []);
    assert_eq!(world.left().len(), 2);
}

#[tokio::test]
async fn without_watches_it_comes_to_its_end_too() {
    // Its owner is gone, and nobody collects it: that is noticed although no watch says how things are.
    let world = World::with(&[
        (GVM, object("a", "gvm-a", None)),
        (KVM, object("orphan", "vm-a", Some("gvm-b"))),
    ]);
    let blind = world.clone();
    let client = script::client(move |call| {
        if call.watches() {
            Answer::status(403, "Forbidden", "no")
        } else {
            blind.answer(call)
        }
    });
    let mut inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let gvm = inventory
        .machines
        .iter_mut()
        .find(|machine| &*machine.uid.to_string() == "gvm-a");
    gvm.unwrap().uid = Uid::from("gvm-b");
    let retry = quick();
    remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap();
    assert!(world.left().is_empty());
}

#[tokio::test]
async fn no_more_than_fifty_deletions_are_under_way_at_once() {
    let names: Vec<String> = (0..120).map(|number| number.to_string()).collect();
    let machines: Vec<_> = names
        .iter()
        .map(|name| (KVM, object(name, name, None)))
        .collect();
    let world = World::with(&machines);
    let (here, most) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let server = world.clone();
    let most_seen = Arc::clone(&most);
    let client = script::slow_client(
        move |call| server.answer(call),
        move |call, begins| {
            if call.method == "DELETE" {
                let mut here = here.lock().unwrap();
                *here = if begins { *here + 1 } else { *here - 1 };
                let mut most = most_seen.lock().unwrap();
                *most = (*most).max(*here);
            }
        },
    );
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let retry = quick();
    remove(&client, planned(inventory), None, &retry)
        .await
        .unwrap();
    assert!(world.left().is_empty());
    assert_eq!(*most.lock().unwrap(), IN_FLIGHT);
}

#[tokio::test]
async fn a_removal_that_fails_holds_no_machine_that_lives() {
    let world = World::with(&[
        (GVM, object("a", "gvm-a", None)),
        (KVM, object("a", "vm-a", Some("gvm-a"))),
        (DV, object("a-root", "dv-a", Some("vm-a"))),
    ]);
    *world.refuses.lock().unwrap() = vec![Answer::status(403, "Forbidden", "no")];
    let client = world.client();
    let inventory = inventory::take(&client, &Retry::once()).await.unwrap();
    let plan = Plan::new(inventory, Disks::Keep, &LeftOver::default());
    let retry = quick();
    let failure = remove(&client, plan, None, &retry).await.unwrap_err();
    assert_eq!(failure.kind, crate::failure::Kind::Denied);
    let objects = world.objects.lock().unwrap();
    assert_eq!(objects.len(), 3);
    for (of, object) in objects.iter().filter(|(of, _)| *of != DV) {
        let finalizers = &object["metadata"]["finalizers"];
        assert_eq!(*finalizers, json!([]), "{of}");
    }
}
