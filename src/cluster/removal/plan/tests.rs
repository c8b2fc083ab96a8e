use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    api::{
        dependent::DEPENDENT_KINDS,
        workload::{MIGRATION_KIND, WORKLOAD_KINDS},
    },
    cluster::subject::Subject,
};

const POOL: usize = 0;
const GVM: usize = 2;
const VM: usize = 3;
const VMI: usize = 4;
const GDISK: usize = 5;
const DV: usize = 6;

fn object(kind: usize, name: &str, owners: &[&str]) -> Workload {
    Workload {
        kind: &WORKLOAD_KINDS[kind],
        version: "v1".into(),
        namespace: "default".into(),
        name: name.into(),
        uid: Uid::from(format!("{kind}-{name}").as_str()),
        state: None,
        created: None,
        deleting: None,
        finalizers: std::sync::Arc::default(),
        owners: owners.iter().map(|owner| Uid::from(*owner)).collect(),
        generated: owners
            .iter()
            .any(|owner| owner.starts_with(['0', '1', '2', '3', '4', '5'])),
        uses: Box::default(),
    }
}

fn using(mut workload: Workload, uses: &[Storage]) -> Workload {
    workload.uses = uses.into();
    workload
}

fn inventory(objects: Vec<Workload>) -> Inventory {
    let mut inventory = Inventory::default();
    for object in objects {
        inventory.of_role(object.kind.role).push(object);
    }
    inventory
}

fn fates(plan: &Plan) -> Vec<String> {
    plan.objects
        .iter()
        .map(|planned| format!("{} {:?}", planned.workload.uid, planned.fate))
        .collect()
}

/// A machine of the product with all that belongs to it, one of KubeVirt's with a disk of its own, and storage that is
/// somebody's.
fn example() -> Inventory {
    let mut migration = object(VMI, "move", &[]);
    migration.kind = &MIGRATION_KIND;
    inventory(vec![
        object(DV, "boot", &["5-boot"]),
        object(DV, "web-data", &["3-web"]),
        object(DV, "golden", &[]),
        object(DV, "lonely", &[]),
        object(GDISK, "boot", &["2-db"]),
        object(GDISK, "data", &[]),
        object(GDISK, "spare", &[]),
        object(VMI, "db", &["3-db"]),
        object(VM, "db", &["2-db"]),
        using(
            object(VM, "web", &["an-application"]),
            &[
                Storage::Volume("golden".into()),
                Storage::Claim("mine".into()),
            ],
        ),
        using(
            object(GVM, "db", &[]),
            &[Storage::Disk("boot".into()), Storage::Disk("data".into())],
        ),
        migration,
    ])
}

#[test]
fn what_goes_in_which_order_and_what_stays() {
    let plan = Plan::new(example(), Disks::Delete, &LeftOver::default());
    assert_eq!(
        fates(&plan),
        [
            "4-move Deleted",
            "2-db Deleted",
            "3-db GoesAlong",
            "3-web Deleted",
            "4-db GoesAlong",
            "5-boot GoesAlong",
            "5-data Deleted",
            "5-spare Kept(Unused)",
            "6-boot GoesAlong",
            "6-golden Kept(NotTheVms)",
            "6-lonely Kept(Unused)",
            "6-web-data GoesAlong",
        ]
    );
    assert_eq!(plan.machines, 2);
    let roots: Vec<String> = plan.roots().map(|root| root.uid.to_string()).collect();
    assert_eq!(roots, ["2-db", "3-web"]);
    assert_eq!(plan.claims.len(), 1);
    assert_eq!(plan.disks_lost(), 3, "boot, data and web-data");
    let kinds: Vec<(String, usize, usize)> = plan
        .kinds()
        .into_iter()
        .map(|kind| (kind.resource, kind.deleted, kind.going_along))
        .collect();
    let expected = [
        ("virtualmachineinstancemigrations.kubevirt.io", 1, 0),
        ("virtualmachines.vm.cluster.gke.io", 1, 0),
        ("virtualmachines.kubevirt.io", 1, 1),
        ("virtualmachineinstances.kubevirt.io", 0, 1),
        ("virtualmachinedisks.vm.cluster.gke.io", 1, 1),
        ("datavolumes.cdi.kubevirt.io", 0, 2),
    ];
    assert_eq!(
        kinds,
        expected.map(|(resource, deleted, along)| (resource.to_owned(), deleted, along))
    );
}

/// A dependent of the default namespace.
fn owned(plural: &str, name: &str, owners: &[&str]) -> Dependent {
    Dependent {
        kind: DEPENDENT_KINDS
            .iter()
            .find(|kind| kind.plural == plural)
            .unwrap(),
        namespace: "default".into(),
        name: name.into(),
        uid: Uid::from(format!("{plural}-{name}").as_str()),
        owners: owners.iter().map(|owner| Uid::from(*owner)).collect(),
        controller: None,
    }
}

/// The same, made by the controller of its first owner.
fn made(dependent: Dependent) -> Dependent {
    Dependent {
        controller: dependent.owners.first().cloned(),
        ..dependent
    }
}

/// VM `web` with a templated volume, one that is only its own, one without a claim yet, and all sorts of dependents.
fn with_dependents(disks: Disks) -> Plan {
    const CLAIMS: &str = "persistentvolumeclaims";
    let web = using(
        object(VM, "web", &[]),
        &[
            Storage::Volume("root".into()),
            Storage::Template("root".into()),
            Storage::Claim("erp".into()),
            Storage::Claim("shared".into()),
        ],
    );
    let mut inventory = inventory(vec![
        web,
        object(VMI, "web", &["3-web"]),
        object(DV, "root", &["3-web"]),
        object(DV, "data", &["3-web"]),
        object(DV, "new", &["3-web"]),
        object(DV, "lonely", &[]),
    ]);
    inventory.dependents = vec![
        owned(CLAIMS, "root", &["6-root"]),
        owned(CLAIMS, "data", &["6-data"]),
        owned(CLAIMS, "lonely", &["6-lonely"]),
        owned(CLAIMS, "erp", &["3-web"]),
        owned("secrets", "ci", &["3-web"]),
        owned("secrets", "both", &["3-web", "6-lonely"]),
        owned("secrets", "somebody's", &["a-deployment"]),
        owned("services", "ssh", &["3-web"]),
        owned("configmaps", "of-the-service", &["services-ssh"]),
        made(owned("controllerrevisions", "web", &["3-web"])),
        made(owned("secrets", "of-the-instance", &["4-web"])),
        owned("secrets", "tied-to-the-instance", &["4-web"]),
        owned(CLAIMS, "tied-to-the-instance", &["4-web"]),
        made(owned("configmaps", "of-the-machine", &["3-web"])),
    ];
    Plan::new(inventory, disks, &LeftOver::default())
}

fn dependents(plan: &Plan) -> BTreeMap<String, (Fate, bool)> {
    let all = plan.dependents.iter();
    all.map(|planned| {
        (
            planned.object.uid.to_string(),
            (planned.fate, planned.made_again),
        )
    })
    .collect()
}

#[test]
fn what_they_own_goes_with_them_as_the_garbage_collector_has_it() {
    let plan = with_dependents(Disks::Delete);
    let elsewhere = Fate::Kept(Why::OwnedElsewhere);
    let along = Fate::GoesAlong;
    let expected = [
        ("configmaps-of-the-machine", along, false),
        ("configmaps-of-the-service", along, false),
        ("controllerrevisions-web", along, false),
        ("persistentvolumeclaims-data", along, true),
        (
            "persistentvolumeclaims-erp",
            Fate::Kept(Why::Released),
            false,
        ),
        ("persistentvolumeclaims-root", along, true),
        (
            "persistentvolumeclaims-tied-to-the-instance",
            Fate::Kept(Why::Released),
            false,
        ),
        ("secrets-both", elsewhere, false),
        ("secrets-ci", along, false),
        ("secrets-of-the-instance", along, true),
        ("secrets-tied-to-the-instance", along, false),
        ("services-ssh", along, false),
    ];
    assert_eq!(
        dependents(&plan),
        expected
            .map(|(uid, fate, made_again)| (uid.to_owned(), (fate, made_again)))
            .into()
    );
    let claims: Vec<&str> = plan
        .claims
        .iter()
        .map(|claim| claim.name.as_str())
        .collect();
    assert_eq!(claims, ["shared"], "what is owned is said once");
    assert_eq!(
        plan.disks_lost(),
        3,
        "root, data, and new, that has no claim yet"
    );
    let again: Vec<String> = plan
        .objects
        .iter()
        .filter(|planned| planned.made_again)
        .map(|planned| planned.workload.uid.to_string())
        .collect();
    assert_eq!(again, ["4-web", "6-root"]);
}

#[test]
fn a_machine_that_comes_late_takes_its_disks_and_what_these_own() {
    let late = using(object(GVM, "late", &[]), &[Storage::Disk("spare".into())]);
    let mut adopted = object(DV, "adopted", &["2-late"]);
    adopted.generated = false;
    let there = [
        object(GDISK, "spare", &[]),
        object(DV, "spare", &["5-spare"]),
        object(DV, "late-root", &["2-late"]),
        adopted,
        object(DV, "lonely", &[]),
    ];
    for (disks, expected) in [
        (
            Disks::Delete,
            [
                "Deleted",
                "GoesAlong",
                "GoesAlong",
                "Kept(Unused)",
                "Kept(Unused)",
            ],
        ),
        (
            Disks::Keep,
            [
                "Kept(Asked)",
                "Kept(Asked)",
                "Kept(Asked)",
                "Kept(Unused)",
                "Kept(Unused)",
            ],
        ),
    ] {
        let inventory = inventory(there.to_vec());
        let mut plan = Plan::new(inventory, disks, &LeftOver::default());
        plan.claim_disks_of(&late);
        let fate_of = |disk: &Workload| {
            let mut objects = plan.objects.iter();
            let planned = objects.find(|planned| planned.workload.uid == disk.uid);
            planned.map_or_else(String::new, |planned| format!("{:?}", planned.fate))
        };
        assert_eq!(there.each_ref().map(fate_of), expected);
    }
}

#[test]
fn what_is_only_tied_to_a_generated_object_is_not_made_again() {
    let tied = |mut workload: Workload| {
        workload.generated = false;
        workload
    };
    let plan = Plan::new(
        inventory(vec![
            object(GVM, "db", &[]),
            object(GDISK, "boot", &["2-db"]),
            object(DV, "boot", &["5-boot"]),
            tied(object(DV, "data", &["5-boot"])),
            object(VM, "db", &["2-db"]),
            tied(object(VM, "beside", &["3-db"])),
        ]),
        Disks::Delete,
        &LeftOver::default(),
    );
    let saved: Vec<String> = plan
        .objects
        .iter()
        .filter(|planned| !planned.made_again)
        .map(|planned| planned.workload.uid.to_string())
        .collect();
    assert_eq!(saved, ["2-db", "3-beside", "5-boot", "6-data"]);
    assert!(plan.kept().next().is_none(), "its owner takes it along");
}

#[test]
fn with_kept_disks_only_what_controllers_make_goes() {
    let plan = with_dependents(Disks::Keep);
    let going: Vec<String> = plan
        .going_dependents()
        .map(|planned| planned.object.uid.to_string())
        .collect();
    assert_eq!(
        going,
        ["controllerrevisions-web", "secrets-of-the-instance"]
    );
    assert_eq!(plan.disks_lost(), 0);
}

#[test]
fn kept_disks_stay_with_everything_that_they_own() {
    let plan = Plan::new(example(), Disks::Keep, &LeftOver::default());
    let fates = fates(&plan);
    for stays in ["5-boot", "5-data", "6-boot", "6-web-data"] {
        assert!(fates.contains(&format!("{stays} Kept(Asked)")), "{fates:?}");
    }
    assert!(
        fates.contains(&"3-db GoesAlong".to_owned()),
        "machines go as always: {fates:?}"
    );
    assert_eq!(plan.disks_lost(), 0);
}

#[test]
fn disks_of_an_earlier_run_go_only_where_that_is_permitted() {
    let left = || {
        inventory(vec![
            object(GDISK, "data", &[]),
            object(DV, "data", &["5-data"]),
        ])
    };
    let doomed = BTreeSet::from([Uid::from("5-data")]);
    let of = |permitted| LeftOver {
        doomed: doomed.clone(),
        permitted,
    };
    let plan = Plan::new(left(), Disks::Delete, &of(true));
    assert_eq!(fates(&plan), ["5-data Deleted", "6-data GoesAlong"]);
    let plan = Plan::new(left(), Disks::Delete, &of(false));
    assert_eq!(
        fates(&plan),
        ["5-data Kept(Earlier)", "6-data Kept(Unused)"]
    );
    let plan = Plan::new(left(), Disks::Keep, &of(true));
    assert_eq!(fates(&plan), ["5-data Kept(Asked)", "6-data Kept(Asked)"]);
}

fn anything() -> impl Strategy<Value = Vec<Workload>> {
    let one = (
        POOL..=DV,
        0..6u8,
        proptest::collection::vec((POOL..=DV, 0..6u8), 0..3),
        0..6u8,
    );
    proptest::collection::vec(one, 0..30).prop_map(|all| {
        let mut seen = BTreeSet::new();
        all.into_iter()
            .filter(|(kind, name, ..)| seen.insert((*kind, *name)))
            .map(|(kind, name, owners, disk)| {
                let owners: Vec<String> = owners.iter().map(|(k, n)| format!("{k}-{n}")).collect();
                let owners: Vec<&str> = owners.iter().map(String::as_str).collect();
                using(
                    object(kind, &name.to_string(), &owners),
                    &[Storage::Disk(disk.to_string().into())],
                )
            })
            .collect()
    })
}

proptest! {
    /// Whatever owns whatever: every machine goes, each has somebody who deletes it, and no disk that is to stay hangs
    /// on a machine that takes it along.
    #[test]
    fn every_machine_goes_and_every_kept_disk_stays(objects in anything(), keep: bool) {
        let count = objects.iter().filter(|object| object.is(WorkloadRole::Machine)).count();
        let disks = if keep { Disks::Keep } else { Disks::Delete };
        let plan = Plan::new(inventory(objects), disks, &LeftOver::default());
        let machines: Vec<&Planned> = plan.objects.iter().filter(|p| p.workload.is(WorkloadRole::Machine)).collect();
        prop_assert_eq!(machines.len(), count);
        prop_assert!(machines.iter().all(|planned| !matches!(planned.fate, Fate::Kept(_))));
        prop_assert_eq!(plan.machines == 0, count == 0);
        prop_assert_eq!(plan.roots().count(), plan.machines);
        prop_assert!(plan.roots().all(|root| machines.iter().any(|m| m.workload.uid == root.uid && m.fate == Fate::Deleted)));
        if keep {
            prop_assert!(plan.kept().count() + count == plan.objects.len());
        }
    }
}

/// An object of the engine's kinds that somebody has made.
fn of_the_engine(name: &str, comeback: Comeback) -> EngineObject {
    let gvk = kube::core::GroupVersionKind::gvk("cdi.kubevirt.io", "v1beta1", "DataSource");
    EngineObject {
        subject: Subject {
            resource: kube::core::ApiResource::from_gvk(&gvk),
            name: ObjectName {
                resource: "datasources.cdi.kubevirt.io".to_owned(),
                namespace: Some("default".to_owned()),
                name: name.to_owned(),
            },
            uid: Uid::from(name),
        },
        comeback,
    }
}

#[test]
fn what_others_than_vms_own_is_planned_as_well() {
    const CLAIMS: &str = "persistentvolumeclaims";
    for disks in [Disks::Delete, Disks::Keep] {
        let mut inventory = inventory(vec![object(VM, "web", &[])]);
        inventory.engine = vec![
            of_the_engine("golden", Comeback::Created),
            of_the_engine("cdi", Comeback::Settings),
        ];
        inventory.dependents = vec![
            owned("deployments", "backup", &["3-web"]),
            owned(CLAIMS, "archive", &["deployments-backup"]),
            owned("volumesnapshots", "yesterday", &["3-web"]),
            owned(CLAIMS, "both", &["3-web", "golden"]),
            owned(CLAIMS, "image", &["golden"]),
            owned("configmaps", "notes", &["golden"]),
            made(owned("secrets", "token", &["golden"])),
            owned("configmaps", "of-cdi", &["cdi"]),
        ];
        let mut plan = Plan::new(inventory, disks, &LeftOver::default());
        let released = (Fate::Kept(Why::Released), false);
        let backup = match disks {
            Disks::Delete => Fate::GoesAlong,
            Disks::Keep => Fate::Kept(Why::Asked),
        };
        let expected = [
            ("deployments-backup", (backup, false)),
            ("persistentvolumeclaims-both", released),
            ("persistentvolumeclaims-image", released),
            ("volumesnapshots-yesterday", released),
        ];
        let mut expected: BTreeMap<_, _> = expected
            .into_iter()
            .map(|(uid, planned)| (uid.to_owned(), planned))
            .collect();
        if disks == Disks::Delete {
            expected.insert("persistentvolumeclaims-archive".to_owned(), released);
        }
        assert_eq!(dependents(&plan), expected, "{disks:?}");
        let uids = |plan: &Plan| -> Vec<String> {
            let engine = plan.engine.iter();
            engine
                .map(|object| object.subject.uid.to_string())
                .collect()
        };
        let with_notes = ["golden", "cdi", "configmaps-notes"];
        assert_eq!(uids(&plan), with_notes);
        plan.see_dependents(vec![owned("configmaps", "notes", &["golden"])]);
        assert_eq!(uids(&plan), with_notes, "it is there once");
        plan.see_dependents(Vec::new());
        assert_eq!(uids(&plan), ["golden", "cdi"]);
    }
}
