//! VM Runtime is not wanted.

use super::*;

/// The same while disabled: ready and open are always false. What was remembered takes their place.
type DisabledRow = (
    &'static str,
    fn() -> Observed,
    Memory,
    &'static str,
    &'static [&'static str],
);

#[test]
fn while_disabled() {
    let table: &[DisabledRow] = &[
        ("nothing left", disabled, Memory::default(), "Disabled", &[]),
        (
            "no VMs, creation still open",
            || changed(disabling(), |observed| observed.creation = Creation::Open),
            Memory::default(),
            "Fencing",
            &[],
        ),
        (
            "no VMs, first look",
            disabling,
            Memory::default(),
            "Fencing",
            &[],
        ),
        (
            "no VMs, too early",
            disabling,
            empty_since(91),
            "Fencing",
            &[],
        ),
        (
            "no VMs, twice",
            disabling,
            empty_since(90),
            "Uninstalling",
            &["DeleteKubeVirt"],
        ),
        (
            "KubeVirt is going",
            || {
                changed(disabling(), |observed| {
                    let Presence::Present(kubevirt) = &mut observed.engine.kubevirt else {
                        panic!("present")
                    };
                    kubevirt.deleting = true;
                })
            },
            empty_since(90),
            "Uninstalling",
            &[],
        ),
        (
            "CDI goes after KubeVirt",
            || {
                changed(disabled(), |observed| {
                    observed.engine.cdi = Presence::Present(engine_object(true));
                })
            },
            empty_since(90),
            "Uninstalling",
            &["DeleteCdi"],
        ),
        (
            "CDI stays while disks exist",
            || {
                changed(disabled(), |observed| {
                    observed.engine.cdi = Presence::Present(engine_object(true));
                    observed.disks = Disks::Kept;
                })
            },
            empty_since(90),
            "Disabled",
            &[],
        ),
        (
            "operators go last",
            || {
                changed(disabled(), |observed| {
                    observed.manifests = Manifests::Present(vec![leftover("x", None)]);
                })
            },
            empty_since(90),
            "Uninstalling",
            &["RemoveEngineManifests"],
        ),
        (
            "somebody else's engine stays",
            || {
                changed(disabling(), |observed| {
                    observed.engine = engine_up(false);
                    observed.engine.cdi = Presence::Present(engine_object(false));
                })
            },
            empty_since(0),
            "Disabled",
            &[],
        ),
        (
            "VMs, no permission",
            || {
                changed(disabling(), |observed| {
                    observed.workloads = machines(&["a", "b"]);
                })
            },
            empty_since(0),
            "DisableBlocked",
            &[],
        ),
        (
            "VMs, permission, creation still open",
            || {
                changed(disabling(), |observed| {
                    observed.workloads = machines(&["a"]);
                    runtime(observed).force = force("true");
                    observed.creation = Creation::Open;
                })
            },
            Memory::default(),
            "Fencing",
            &[],
        ),
        (
            "VMs, permission",
            || {
                changed(disabling(), |observed| {
                    observed.workloads = machines(&["a", "b"]);
                    runtime(observed).force = force("true");
                })
            },
            Memory::default(),
            "Draining",
            &["DeleteWorkload", "DeleteWorkload"],
        ),
        (
            "VMs, a typing error in the permission",
            || {
                changed(disabling(), |observed| {
                    observed.workloads = machines(&["a"]);
                    runtime(observed).force = force("True");
                })
            },
            Memory::default(),
            "DisableBlocked",
            &[],
        ),
        (
            "VMs unknown",
            || {
                changed(disabling(), |observed| {
                    observed.workloads = Workloads::Unknown("403".to_owned());
                    runtime(observed).force = force("true");
                })
            },
            empty_since(0),
            "Fencing",
            &[],
        ),
        (
            "a check of the enabling is abandoned, somebody's own goes on",
            || {
                changed(disabled(), |observed| {
                    observed.checks = vec![check("c", 90, 2, None)];
                    observed.checks.push(CheckFacts {
                        inputs: None,
                        ..check("own", 95, 2, None)
                    });
                })
            },
            Memory::default(),
            "Disabled",
            &["DeleteCheck"],
        ),
        (
            "a cluster without admission policies cannot be fenced",
            || {
                changed(disabling(), |observed| {
                    observed.admission = Admission::Unavailable("too old".to_owned());
                    observed.creation = Creation::Open;
                })
            },
            empty_since(90),
            "Uninstalling",
            &["DeleteKubeVirt"],
        ),
    ];
    for (case, observed, memory, phase_expected, steps_expected) in table {
        let plan = plan(&observed(), memory, &SETTINGS);
        assert_eq!(phase(&plan), *phase_expected, "{case}");
        assert_eq!(steps(&plan), *steps_expected, "{case}");
        let status = plan.status.as_ref().unwrap();
        assert_eq!(status.ready, Some(false), "{case}");
        assert!(!is(&plan, kind::VM_CREATION_ALLOWED), "{case}");
        assert_eq!(
            is(&plan, kind::DISABLE_BLOCKED),
            *phase_expected == "DisableBlocked",
            "{case}"
        );
        assert_eq!(status.observed_generation, Some(3), "{case}");
    }
}

fn empty_since(second: i64) -> Memory {
    Memory {
        empty_since: Some(at(second)),
        ..Memory::default()
    }
}

#[test]
fn one_vm_between_two_empty_lists_starts_the_wait_anew() {
    let with_one = changed(disabling(), |observed| {
        observed.workloads = machines(&["a"]);
    });
    let seen = plan(&with_one, &empty_since(0), &SETTINGS).memory;
    assert_eq!(seen.empty_since, None);
    let again = plan(&disabling(), &seen, &SETTINGS);
    assert_eq!(phase(&again), "Fencing");
    assert_eq!(again.memory.empty_since, Some(at(100)));
    assert_eq!(again.requeue, SETTINGS.pace.settle);
}

#[test]
fn the_refusal_names_the_machines_and_both_ways_out() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let blocked = changed(disabling(), |observed| {
        observed.workloads = machines(&names);
    });
    let status = decide(&blocked).status.unwrap();
    assert_eq!(status.workload_count, Some(7));
    let message = &condition::find(&status.conditions, kind::DISABLE_BLOCKED)
        .unwrap()
        .message;
    for part in [
        "7 virtual machines still exist",
        "virtualmachines.kubevirt.io default/a",
        "and 2 more",
        "Delete them first, or run: bmctl disable vmruntime --force=true",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn parents_go_first_and_children_are_left_to_the_garbage_collector() {
    let mut pool = machine("pool");
    pool.kind = &WORKLOAD_KINDS[0];
    let mut child = machine("child");
    child.owners = Box::new([pool.uid.clone()]);
    let gvm = Workload {
        kind: &WORKLOAD_KINDS[2],
        uses: Box::new([Storage::Disk("disk".into())]),
        ..machine("gvm")
    };
    let mut disk = machine("disk");
    disk.kind = &WORKLOAD_KINDS[5];
    let spare = Workload {
        name: "spare".into(),
        ..disk.clone()
    };
    let going = Workload {
        deleting: Some(at(0).into()),
        finalizers: Arc::new(["kubevirt.io/stuck".to_owned()]),
        ..machine("going")
    };
    let observed = changed(disabling(), |observed| {
        runtime(observed).force = force("true");
        observed.workloads = Workloads::Known(Inventory {
            machines: vec![child, gvm, going, pool],
            disks: vec![disk, spare],
            ..Inventory::default()
        });
    });
    let plan = decide(&observed);
    let names: Vec<&str> = plan
        .steps
        .iter()
        .map(|step| match step {
            Step::DeleteWorkload(workload) => workload.name.as_str(),
            step => panic!("{step:?}"),
        })
        .collect();
    assert_eq!(names, ["pool", "gvm", "disk"]);
    let status = plan.status.unwrap();
    let progress = condition::find(&status.conditions, kind::PROGRESSING).unwrap();
    assert!(
        progress.message.contains("finalizers kubevirt.io/stuck"),
        "{}",
        progress.message
    );
}

/// What disks depend on goes when the disks have gone: that the rest is gone must not be taken for all.
#[test]
fn nothing_is_taken_for_gone_as_long_as_disks_are_kept() {
    for (disks, gone) in [(Disks::Kept, false), (Disks::None, true)] {
        let observed = changed(disabled(), |observed| {
            observed.manifests = Manifests::Gone;
            observed.disks = disks;
        });
        let plan = plan(&observed, &empty_since(90), &SETTINGS);
        assert_eq!(plan.memory.manifests_gone, gone, "{disks:?}");
    }
}
