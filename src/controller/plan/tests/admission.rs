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
    let lenient = |second| Armed::Lenient { since: at(second) };
    let table = [
        (Armed::Absent, Creation::NotServed, Some(false)),
        (lenient(90), Creation::NotServed, None),
        (lenient(90), Creation::Open, None),
        (lenient(90), Creation::Closed, Some(true)),
        (lenient(70), Creation::Open, Some(true)),
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
