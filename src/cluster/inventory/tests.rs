use serde_json::json;

use std::sync::Arc;

use super::*;
use crate::{
    api::workload::WORKLOAD_KINDS,
    cluster::{
        retry::Pace,
        script::{self, Answer, Call},
    },
};

const GVM: &str = "/apis/vm.cluster.gke.io/v1/virtualmachines";
const KVM: &str = "/apis/kubevirt.io/v1/virtualmachines";
const VMI: &str = "/apis/kubevirt.io/v1/virtualmachineinstances";

fn item(name: &str, uid: &str, owners: &[&str]) -> serde_json::Value {
    let owners: Vec<_> = owners.iter().map(|uid| json!({"uid": uid})).collect();
    json!({"metadata": {"name": name, "namespace": "default", "uid": uid, "resourceVersion": "1",
        "creationTimestamp": "2026-11-01T00:00:00Z", "ownerReferences": owners}})
}

fn page(items: &[serde_json::Value], token: &str) -> Answer {
    Answer::json(&json!({"metadata": {"resourceVersion": "9", "continue": token}, "items": items}))
}

/// Everything that a test does not name is not served.
async fn taken(
    answer: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
) -> Result<Inventory, Failure> {
    let client = script::client(move |call| {
        let nothing = || Answer::nothing_served(call);
        answer(call).unwrap_or_else(nothing)
    });
    take(&client, &Retry::once().with_pace(Pace::QUICK)).await
}

#[tokio::test]
async fn what_is_not_served_counts_as_none() {
    let inventory = taken(|_| None).await.unwrap();
    assert_eq!(inventory.count(), 0);
}

#[tokio::test]
async fn a_machine_and_what_was_generated_from_it_count_once() {
    let inventory = taken(|call| match call.path.as_str() {
        GVM => Some(page(&[item("a", "gvm-a", &[])], "")),
        KVM => Some(page(
            &[
                item("a", "vm-a", &["gvm-a"]),
                item("b", "vm-b", &["somebody"]),
            ],
            "",
        )),
        VMI => Some(page(
            &[item("a", "vmi-a", &["vm-a"]), item("c", "vmi-c", &[])],
            "",
        )),
        "/apis/cdi.kubevirt.io/v1beta1/datavolumes" => Some(page(&[item("d", "dv-d", &[])], "")),
        _ => None,
    })
    .await
    .unwrap();
    let roots: Vec<_> = inventory
        .roots()
        .iter()
        .map(|root| root.uid.to_string())
        .collect();
    assert_eq!(roots, ["gvm-a", "vm-b", "vmi-c"]);
    assert_eq!((inventory.machines.len(), inventory.disks.len()), (5, 1));
}

#[test]
fn machines_that_own_each_other_still_count() {
    let machine = |uid: &str, owner: &str| Workload {
        kind: &WORKLOAD_KINDS[3],
        version: "v1".into(),
        namespace: "default".into(),
        name: uid.into(),
        uid: uid.into(),
        state: None,
        created: None,
        deleting: None,
        finalizers: Arc::default(),
        owners: Box::new([owner.into()]),
        generated: true,
        uses: Box::default(),
    };
    let inventory = Inventory {
        machines: vec![
            machine("a", "b"),
            machine("b", "a"),
            machine("c", "c"),
            machine("d", "b"),
        ],
        ..Inventory::default()
    };
    assert_eq!(inventory.count(), 2);
}

#[tokio::test]
async fn a_machine_is_made_by_another_one_if_it_says_so_or_bears_its_name() {
    let machine = |name: &str, owner: serde_json::Value| {
        let mut machine = item(name, name, &[]);
        machine["metadata"]["ownerReferences"] = json!([owner]);
        machine
    };
    let gke = json!({"apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine", "name": "a", "uid": "1"});
    let pool = json!({
        "apiVersion": "pool.kubevirt.io/v1beta1", "kind": "VirtualMachinePool", "name": "p", "uid": "2", "controller": true,
    });
    let tied =
        json!({"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": "a", "uid": "a"});
    let app = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "t", "uid": "3", "controller": true});
    let machines = [
        machine("a", gke),
        machine("p-0", pool),
        machine("b", tied),
        machine("t", app),
    ];
    let inventory = taken(move |call| (call.path == KVM).then(|| page(&machines, "")))
        .await
        .unwrap();
    let made: Vec<bool> = inventory.machines.iter().map(|m| m.generated).collect();
    assert_eq!(made, [true, true, false, false]);
}

#[tokio::test]
async fn pages_are_followed_to_the_end_and_states_are_read() {
    let inventory = taken(
        |call| match (call.path.as_str(), call.query("continue").as_deref()) {
            (KVM, None) => {
                assert_eq!(call.query("limit").as_deref(), Some("500"));
                let mut first = item("a", "1", &[]);
                first["status"] = json!({"printableStatus": "Stopped", "phase": {"odd": true}});
                Some(page(&[first], "more&more"))
            }
            (KVM, Some("more&more")) => {
                let mut second = item("b", "2", &[]);
                second["metadata"]["deletionTimestamp"] = "2026-11-02T00:00:00Z".into();
                second["metadata"]["finalizers"] = json!(["kubevirt.io/x"]);
                Some(page(&[second], ""))
            }
            (GVM, None) => {
                let mut machine = item("g", "3", &[]);
                machine["spec"] =
                    json!({"disks": [{"virtualMachineDiskName": "g-boot", "boot": true}]});
                machine["status"] = json!({"state": "Running"});
                Some(page(&[machine], ""))
            }
            _ => None,
        },
    )
    .await
    .unwrap();
    let machine = |name: &str| {
        inventory
            .machines
            .iter()
            .find(|machine| *machine.name == *name)
            .unwrap()
    };
    assert_eq!(inventory.count(), 3);
    assert_eq!(machine("a").state.as_deref(), Some("Stopped"));
    assert_eq!(*machine("b").finalizers, ["kubevirt.io/x"]);
    assert!(machine("b").deleting.is_some());
    assert_eq!(machine("g").state.as_deref(), Some("Running"));
    assert_eq!(*machine("g").uses, [Storage::Disk("g-boot".into())]);
}

#[tokio::test]
async fn another_served_version_is_listed_instead() {
    let inventory = taken(|call| match call.path.as_str() {
        "/apis" => {
            let group = script::group("kubevirt.io", "v1alpha3");
            Some(Answer::json(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]})))
        }
        "/apis/kubevirt.io" => Some(Answer::json(&json!({
            "kind": "APIGroup", "apiVersion": "v1", "name": "kubevirt.io",
            "versions": [{"groupVersion": "kubevirt.io/v1alpha3", "version": "v1alpha3"}],
            "preferredVersion": {"groupVersion": "kubevirt.io/v1alpha3", "version": "v1alpha3"},
        }))),
        "/apis/kubevirt.io/v1alpha3" => Some(Answer::json(&json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "kubevirt.io/v1alpha3",
            "resources": [{"name": "virtualmachines", "singularName": "", "namespaced": true, "kind": "VirtualMachine", "verbs": ["list"]}],
        }))),
        "/apis/kubevirt.io/v1alpha3/virtualmachines" => Some(page(&[item("a", "1", &[])], "")),
        _ => None,
    })
    .await
    .unwrap();
    assert_eq!(inventory.count(), 1);
    assert_eq!(&*inventory.machines[0].version, "v1alpha3");
}

#[tokio::test]
async fn an_expired_continuation_begins_again_but_only_once() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let inventory = taken(
        move |call| match (call.path.as_str(), call.query("continue")) {
            (KVM, None) => {
                let first_time = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
                Some(page(
                    &[item("a", "1", &[])],
                    if first_time { "old" } else { "" },
                ))
            }
            (KVM, Some(_)) => Some(Answer::status(410, "Expired", "too old")),
            _ => None,
        },
    )
    .await
    .unwrap();
    assert_eq!(
        inventory.count(),
        1,
        "what the first round found is not counted twice"
    );

    let failure = taken(|call| match (call.path.as_str(), call.query("continue")) {
        (KVM, None) => Some(page(&[], "old")),
        (KVM, Some(_)) => Some(Answer::status(410, "Expired", "too old")),
        _ => None,
    })
    .await
    .unwrap_err();
    assert_eq!(failure.kind, Kind::Incomplete);
}

#[tokio::test]
async fn what_can_not_be_determined_is_never_zero() {
    let cases: [(fn() -> Answer, Kind); 7] = [
        (|| Answer::status(403, "Forbidden", "no"), Kind::Denied),
        (|| Answer::status(401, "Unauthorized", "no"), Kind::Denied),
        (
            || Answer::status(500, "InternalError", "conversion webhook failed"),
            Kind::Incomplete,
        ),
        (|| Answer::status(504, "Timeout", "slow"), Kind::Incomplete),
        (|| Answer::text(404, "nginx"), Kind::Incomplete),
        (|| Answer::json(&json!({})), Kind::Incomplete),
        (
            || Answer::json(&json!({"metadata": {}, "items": null})),
            Kind::Incomplete,
        ),
    ];
    for (answer, kind) in cases {
        let failure = taken(move |call| (call.path == KVM).then(answer))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(
            failure.causes[0].starts_with("list virtualmachines.kubevirt.io: "),
            "{failure:?}"
        );
        assert_eq!(failure.causes.len(), 1);
    }
}

#[tokio::test]
async fn a_group_that_answers_for_another_is_not_believed() {
    let failure = taken(|call| match call.path.as_str() {
        "/apis/kubevirt.io" => Some(Answer::status(
            503,
            "ServiceUnavailable",
            "aggregated API is away",
        )),
        _ => None,
    })
    .await
    .unwrap_err();
    assert_eq!(failure.kind, Kind::Incomplete);
    assert_eq!(
        failure.causes.len(),
        4,
        "all kinds of the group are undetermined"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_unreachable() {
    let failure = taken(|_| Some(Answer::Broken)).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Unreachable);
    assert!(failure.retryable);
}
