//! Admission policies come into force.

use super::*;

#[test]
fn policies_come_into_force_one_step_at_a_time() {
    let with = |armed, creation| {
        changed(disabled(), |observed| {
            observed.creation = creation;
            observed.admission = Admission::Available(vec![PolicyFacts {
                policy: Policy::CreationGate,
                armed,
                seen: Seen::default(),
            }]);
        })
    };
    let fails_open = |second| Armed::FailsOpen { since: at(second) };
    let table = [
        (Armed::Absent, Creation::NotServed, Some(false)),
        (fails_open(90), Creation::NotServed, None),
        (fails_open(90), Creation::Open, None),
        (fails_open(90), Creation::Closed, Some(true)),
        (fails_open(70), Creation::Open, Some(true)),
        (Armed::Strict, Creation::Open, None),
        (Armed::Differs { strict: true }, Creation::Open, Some(true)),
    ];
    for (armed, creation, expected) in table {
        let plan = decide(&with(armed, creation.clone()));
        let strictness = plan.steps.iter().find_map(|step| match step {
            Step::ArmPolicy { strict, .. } => Some(*strict),
            _ => None,
        });
        assert_eq!(strictness, expected, "{armed:?} {creation:?}");
    }
}

#[test]
fn a_gate_that_lets_vms_pass_is_not_believed_until_it_refuses() {
    let gate = |observed: &mut Observed, creation| {
        observed.creation = creation;
        observed.admission = Admission::Available(vec![PolicyFacts {
            policy: Policy::CreationGate,
            armed: Armed::Strict,
            seen: Seen::default(),
        }]);
    };
    let closed_since = |second| {
        let creation = Creation::Open;
        changed(disabling(), |observed| {
            gate(observed, creation);
            runtime(observed).status.conditions = vec![Condition {
                type_: kind::VM_CREATION_ALLOWED.to_owned(),
                status: ConditionStatus::False,
                last_transition_time: Some(Time(at(second))),
                ..Condition::default()
            }];
        })
    };
    // It may still have to learn the policy.
    let soon = decide(&closed_since(90));
    assert!(!is(&soon, kind::ADMISSION_MISSING));
    let late = decide(&closed_since(60));
    assert_eq!(
        why(&late, kind::ADMISSION_MISSING),
        reason::ADMISSION_NOT_ENFORCED
    );
    // Not asked: it is as it was.
    let unasked = changed(closed_since(60), |observed| {
        gate(observed, Creation::NotTried);
    });
    let unasked = plan(&unasked, &late.memory, &SETTINGS);
    assert!(is(&unasked, kind::ADMISSION_MISSING));
    let refused = changed(closed_since(60), |observed| {
        gate(observed, Creation::Closed);
    });
    let refused = plan(&refused, &unasked.memory, &SETTINGS);
    assert!(!is(&refused, kind::ADMISSION_MISSING));
}

#[test]
fn the_engine_is_protected_as_long_as_it_is_ours_and_stays() {
    let with = |engine, armed| {
        changed(ready(), |observed| {
            observed.engine = engine;
            observed.admission = Admission::Available(vec![PolicyFacts {
                policy: Policy::EngineProtection,
                armed,
                seen: Seen::default(),
            }]);
        })
    };
    let ours = decide(&with(engine_up(true), Armed::Absent));
    assert_eq!(steps(&ours), ["ArmPolicy"]);
    let foreign = decide(&with(engine_up(false), Armed::Strict));
    assert_eq!(steps(&foreign), ["DisarmPolicy"]);
    let mut going = engine_up(true);
    going.kubevirt = Presence::Present(EngineObject {
        deleting: true,
        ..engine_object(true)
    });
    let going = decide(&with(going, Armed::Strict));
    assert_eq!(steps(&going), ["DisarmPolicy"]);
}
