//! What the status says, and when.

use super::*;

#[test]
fn a_generation_is_observed_only_when_it_has_been_taken_up() {
    let changed = changed(ready(), |observed| {
        runtime(observed).status.observed_generation = Some(2);
        runtime(observed).generation = 3;
    });
    let plan = decide(&changed);
    assert_eq!(steps(&plan), ["StartCheck"]);
    let status = plan.status.unwrap();
    assert_eq!(status.observed_generation, Some(2));
    assert!(
        status
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(2))
    );
}

#[test]
fn what_is_published_is_not_written_again() {
    let first = decide(&ready()).status.unwrap();
    let later = changed(ready(), |observed| {
        observed.now = at(200);
        runtime(observed).status = first.clone();
    });
    assert_eq!(decide(&later).status.unwrap(), first);
}

#[test]
fn an_engine_that_does_not_come_up_is_called_slow() {
    let installing = |now| {
        changed(ready(), |observed| {
            observed.now = at(now);
            observed.engine.components.clear();
            runtime(observed).status.conditions = vec![Condition {
                type_: kind::PROGRESSING.to_owned(),
                status: ConditionStatus::True,
                last_transition_time: Some(Time(at(20))),
                ..Condition::default()
            }];
        })
    };
    let early = decide(&installing(499));
    assert_eq!(phase(&early), "Installing");
    assert_eq!(early.requeue, Duration::from_secs(1));
    let late = decide(&installing(500));
    assert_eq!(phase(&late), "Degraded");
    assert_eq!(why(&late, kind::DEGRADED), reason::ENGINE_INSTALL_SLOW);
    assert!(is(&late, kind::PROGRESSING), "it goes on trying");
}

#[test]
fn what_is_worth_knowing_is_said() {
    let foreign = decide(&changed(ready(), |observed| {
        observed.engine = engine_up(false);
    }));
    assert!(is(&foreign, kind::ENGINE_FOREIGN));
    let emulated = decide(&changed(ready(), |observed| {
        runtime(observed).use_emulation = true;
    }));
    assert!(is(&emulated, kind::EMULATION_FORCED));
    let left = decide(&changed(disabled(), |observed| {
        runtime(observed).force = force("true");
    }));
    assert!(is(&left, kind::FORCE_ANNOTATION_LEFT));
    let kept = decide(&changed(disabled(), |observed| {
        observed.engine.cdi = Presence::Present(engine_object(true));
        observed.disks = Disks::Kept;
    }));
    assert!(is(&kept, kind::DISKS_KEPT));
    let missing = decide(&changed(ready(), |observed| {
        observed.engine = EngineFacts::default();
    }));
    assert!(is(&missing, kind::ENGINE_OPERATOR_MISSING));
    let old = decide(&changed(ready(), |observed| {
        observed.admission = Admission::Unavailable("too old".to_owned());
    }));
    assert!(is(&old, kind::ADMISSION_MISSING));
    let unknown = decide(&changed(disabling(), |observed| {
        observed.workloads = Workloads::Unknown("403".to_owned());
    }));
    assert_eq!(unknown.status.as_ref().unwrap().workload_count, None);
    assert_eq!(why(&unknown, kind::DEGRADED), reason::WORKLOADS_UNKNOWN);
    let troubled = plan(
        &ready(),
        &Memory {
            reported: Some(ReportedFailure {
                reason: reason::REFUSED,
                message: "quota".to_owned(),
            }),
            ..Memory::default()
        },
        &SETTINGS,
    );
    assert_eq!(why(&troubled, kind::DEGRADED), reason::REFUSED);
}
