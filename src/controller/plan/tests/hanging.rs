//! What is being removed and does not go: what is said of it, and from when on it is called slow.

use super::*;
use crate::{
    cluster::{
        event::ObjectName,
        stuck::{NextStep, StuckObject},
    },
    failure::kubectl,
};

fn stuck(resource: &str, name: &str, evident: bool) -> StuckObject {
    StuckObject {
        object: ObjectName {
            resource: resource.to_owned(),
            namespace: Some("default".to_owned()),
            name: name.to_owned(),
        },
        deleting_since: Some(at(0)),
        finalizers: vec!["a/b".to_owned()],
        holder: Some("nobody is there".to_owned()),
        node: None,
        conditions: Vec::new(),
        webhook: None,
        next_steps: vec![NextStep {
            why: "see".to_owned(),
            command: kubectl("get x").into(),
        }],
        evident,
    }
}

fn message(plan: &Plan, type_: &str) -> String {
    let status = plan.status.as_ref().unwrap();
    let condition = condition::find(&status.conditions, type_).unwrap();
    condition.message.clone()
}

/// Progressing since then.
fn under_way(observed: &mut Observed, since: i64) {
    runtime(observed).status.conditions = vec![Condition {
        type_: kind::PROGRESSING.to_owned(),
        status: ConditionStatus::True,
        last_transition_time: Some(Time(at(since))),
        ..Condition::default()
    }];
}

fn kubevirt_goes(since: i64) -> Observed {
    changed(disabling(), |observed| {
        let Presence::Present(kubevirt) = &mut observed.engine.kubevirt else {
            panic!("present")
        };
        kubevirt.deleting = true;
        kubevirt.deleting_since = Some(at(since));
        under_way(observed, -10_000);
    })
}

fn manifests_go(since: Option<i64>) -> Observed {
    changed(disabled(), |observed| {
        observed.manifests = Manifests::Present(vec![leftover("eng", since)]);
        under_way(observed, -10_000);
    })
}

fn machine_goes(since: i64) -> Observed {
    changed(disabling(), |observed| {
        let mut going = machine("a");
        going.deleting = Some(at(since).into());
        observed.workloads = Workloads::Known(Inventory {
            machines: vec![going, machine("b")],
            ..Inventory::default()
        });
        runtime(observed).force = force("true");
        under_way(observed, -10_000);
    })
}

fn decided(observed: &Observed) -> Plan {
    let memory = Memory {
        empty_since: Some(at(-10_000)),
        ..Memory::default()
    };
    plan(observed, &memory, &SETTINGS)
}

#[test]
fn a_removal_that_takes_as_long_as_a_slow_installation_is_degraded() {
    // Of what is being deleted its own time counts: what came before may have taken long.
    for (case, observed, reason) in [
        ("KubeVirt, in time", kubevirt_goes(-379), None),
        (
            "KubeVirt",
            kubevirt_goes(-380),
            Some(reason::ENGINE_UNINSTALL_SLOW),
        ),
        ("operators, in time", manifests_go(Some(-379)), None),
        (
            "operators",
            manifests_go(Some(-380)),
            Some(reason::ENGINE_UNINSTALL_SLOW),
        ),
        // Nothing says since when: the whole disable counts.
        (
            "not deleted",
            manifests_go(None),
            Some(reason::ENGINE_UNINSTALL_SLOW),
        ),
        ("a VM, in time", machine_goes(-379), None),
        ("a VM", machine_goes(-380), Some(reason::DRAIN_SLOW)),
    ] {
        let plan = decided(&observed);
        assert_eq!(is(&plan, kind::DEGRADED), reason.is_some(), "{case}");
        if let Some(reason) = reason {
            assert_eq!(why(&plan, kind::DEGRADED), reason, "{case}");
            assert!(is(&plan, kind::PROGRESSING), "{case}: it still may");
        } else {
            assert!(
                plan.requeue <= Duration::from_secs(1),
                "{case}: looked at then"
            );
        }
    }
}

#[test]
fn nothing_waits_for_a_resync() {
    let wanted_again = changed(kubevirt_goes(99), |observed| {
        runtime(observed).enabled = true;
    });
    for observed in [
        kubevirt_goes(99),
        wanted_again,
        manifests_go(Some(99)),
        manifests_go(None),
    ] {
        assert!(decided(&observed).requeue <= SETTINGS.pace.removal);
    }
    let kept = changed(disabled(), |observed| {
        observed.engine.cdi = Presence::Present(engine_object(true));
        observed.disks = Disks::Kept;
    });
    assert!(decided(&kept).requeue <= SETTINGS.pace.retry_most);
    assert_eq!(decided(&disabled()).requeue, SETTINGS.pace.resync);
}

#[test]
fn what_holds_it_up_is_in_every_condition_that_speaks_of_it() {
    let held = |observed: Observed| {
        changed(observed, |observed| {
            observed.stuck = vec![stuck("kubevirts.kubevirt.io", "k", true)];
        })
    };
    let explained = "; still there: kubevirts.kubevirt.io default/k, being deleted since 2027-01-15T08:00:00Z, held by a/b; \
                     nobody is there; see: kubectl get x";
    let plan = decided(&held(kubevirt_goes(-380)));
    assert_eq!(
        message(&plan, kind::PROGRESSING),
        format!("KubeVirt kubevirt is being removed{explained}")
    );
    assert_eq!(
        message(&plan, kind::DEGRADED),
        format!(
            "the engine is not gone after a long time: KubeVirt kubevirt is being removed{explained}"
        )
    );
    let plan = decided(&held(manifests_go(Some(50))));
    assert_eq!(
        message(&plan, kind::PROGRESSING),
        format!("the engine's operators are being removed: Namespace eng is left{explained}")
    );
    // Wanted again in the middle of it.
    let plan = decided(&changed(held(kubevirt_goes(50)), |observed| {
        runtime(observed).enabled = true;
        runtime(observed).status.conditions.clear();
    }));
    assert_eq!(
        message(&plan, kind::READY),
        format!("the engine is still being removed; it is installed again after that{explained}")
    );
}

#[test]
fn a_machine_that_may_only_be_slow_is_explained_after_a_minute() {
    let said = |since, evident| {
        let observed = changed(machine_goes(since), |observed| {
            observed.stuck = vec![stuck("virtualmachines.kubevirt.io", "a", evident)];
        });
        message(&decided(&observed), kind::PROGRESSING)
    };
    let explained = "; still there: virtualmachines.kubevirt.io default/a, being deleted since 2027-01-15T08:00:00Z, held by a/b; \
                     nobody is there; see: kubectl get x";
    assert_eq!(said(80, false), "2 virtual machines are being deleted");
    assert_eq!(
        said(80, true),
        format!("2 virtual machines are being deleted{explained}")
    );
    assert_eq!(
        said(30, false),
        format!("2 virtual machines are being deleted{explained}")
    );
}
