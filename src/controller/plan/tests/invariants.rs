//! What holds whatever is observed.

use proptest::prelude::*;

use super::*;

/// Anything at all that could be observed.
fn anything() -> impl Strategy<Value = (Observed, Memory, bool)> {
    let presence = || {
        prop_oneof![
            Just(Presence::NotServed),
            Just(Presence::Absent),
            (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(ours, deleting, deployed)| {
                Presence::Present(EngineObject {
                    deleting,
                    phase: deployed.then(|| PHASE_DEPLOYED.to_owned()),
                    ..engine_object(ours)
                })
            }),
        ]
    };
    let workloads = prop_oneof![
        Just(Workloads::Unknown("broken page".to_owned())),
        Just(machines(&[])),
        Just(machines(&["a"])),
        Just(machines(&["a", "b", "c"])),
    ];
    let creation = prop_oneof![
        Just(Creation::NotTried),
        Just(Creation::NotServed),
        Just(Creation::Closed),
        Just(Creation::Open),
        Just(Creation::Unproven("500".to_owned())),
    ];
    let admission = prop_oneof![
        Just(strict()),
        Just(Admission::Unavailable("too old".to_owned())),
    ];
    let manifests = prop_oneof![
        Just(Manifests::NotGiven),
        Just(Manifests::Gone),
        Just(Manifests::Present(vec![leftover("x", None)])),
    ];
    let annotation = prop_oneof![Just("true"), Just("false"), Just("True"), Just("")];
    (
        (
            any::<bool>(),
            annotation,
            0..6i64,
            proptest::option::of(0..200i64),
        ),
        (presence(), presence(), any::<bool>(), any::<bool>()),
        (workloads, creation, admission, manifests),
        (
            proptest::option::of(0..200i64),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        ),
    )
        .prop_map(|(spec, engine, cluster, rest)| {
            let (enabled, annotation, generation, fence) = spec;
            let (kubevirt, cdi, operator, operator_ours) = engine;
            let (workloads, creation, admission, manifests) = cluster;
            let (empty_since, disks, applied, given) = rest;
            let mut observed = ready();
            *runtime(&mut observed) = RuntimeFacts {
                enabled,
                generation,
                force: force(annotation),
                fence_until: fence.map(at),
                ..observed.runtime.clone().unwrap()
            };
            observed.engine.kubevirt = kubevirt;
            observed.engine.cdi = cdi;
            observed.engine.operator = operator.then(|| Operator {
                namespace: "kubevirt".to_owned(),
                ours: operator_ours,
            });
            observed.workloads = workloads;
            observed.creation = creation;
            observed.admission = admission;
            observed.manifests = manifests;
            observed.disks = if disks { Disks::Kept } else { Disks::None };
            let memory = Memory {
                empty_since: empty_since.map(at),
                manifests_applied: applied.then(|| at(50)),
                ..Memory::default()
            };
            (observed, memory, given)
        })
}

proptest! {
    #[test]
    fn no_vm_is_deleted_without_permission((observed, memory, given) in anything()) {
        let settings = Settings { engine_manifests: given, ..SETTINGS };
        let plan = plan(&observed, &memory, &settings);
        let runtime = observed.runtime.as_ref().unwrap();
        if plan.steps.iter().any(|step| matches!(step, Step::DeleteWorkload(_))) {
            prop_assert!(!runtime.enabled);
            prop_assert!(runtime.force.0.permits);
        }
    }

    #[test]
    fn no_engine_is_removed_from_under_vms((observed, memory, given) in anything()) {
        let settings = Settings { engine_manifests: given, ..SETTINGS };
        let plan = plan(&observed, &memory, &settings);
        for step in &plan.steps {
            let removed = match step {
                Step::DeleteKubeVirt(_) => observed.engine.kubevirt.ours().is_some(),
                Step::DeleteCdi(_) => {
                    observed.engine.cdi.ours().is_some() && observed.disks == Disks::None
                }
                Step::RemoveEngineManifests(_)
                | Step::DeleteRole { .. }
                | Step::CleanNodes(_) => true,
                _ => continue,
            };
            prop_assert!(removed, "not ours: {:?}", step);
            prop_assert!(!observed.runtime.as_ref().unwrap().enabled);
            prop_assert!(matches!(&observed.workloads, Workloads::Known(known) if known.machines.is_empty()));
            let since = memory.empty_since.expect("two looks");
            prop_assert!(observed.now.duration_since(since).as_secs() >= 10);
        }
    }

    #[test]
    fn ready_is_never_said_without_an_engine_and_a_check((observed, memory, given) in anything()) {
        let settings = Settings { engine_manifests: given, ..SETTINGS };
        let plan = plan(&observed, &memory, &settings);
        if plan.status.as_ref().unwrap().ready == Some(true) {
            let runtime = observed.runtime.as_ref().unwrap();
            prop_assert!(runtime.enabled);
            let kubevirt = observed.engine.kubevirt.object().unwrap();
            prop_assert_eq!(kubevirt.phase.as_deref(), Some(PHASE_DEPLOYED));
            prop_assert!(runtime.generation == 2 || runtime.generation == 3);
        }
    }
}
