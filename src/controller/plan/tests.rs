//! The table of the state machine: what is observed → what is done and said; and the two laws.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;

use super::*;
use crate::{
    api::{
        Condition, ConditionStatus, NodeResult, VMRuntimePreflightCheckStatus,
        condition::{self, kind, reason},
        engine::PHASE_DEPLOYED,
        name::FORCE_DISABLE,
        workload::WORKLOAD_KINDS,
    },
    cluster::inventory::{Inventory, Workload},
    controller::observed::{Admission, Armed, Creation, Force, Manifests, PolicyFacts, Workloads},
    runtime::{
        force::ForceAnnotation,
        preflight::{CheckFacts, NodeFacts, Trigger},
        readiness::{COMPONENTS, Component, EngineFacts, EngineObject, Operator, Presence},
    },
};

const SETTINGS: Settings = Settings {
    engine_manifests: false,
    safe_disable: false,
    pace: Pace {
        debounce: Duration::from_millis(1),
        settle: Duration::from_secs(10),
        install: Duration::from_secs(480),
        node: Duration::from_secs(120),
        check: Duration::from_secs(480),
        node_checks: Duration::from_secs(10),
        pods_in_flight: 100,
        drain_batch: 50,
        arming: Duration::from_secs(30),
        request: Duration::from_secs(30),
        resync: Duration::from_secs(300),
        retry: Duration::from_secs(1),
        retry_most: Duration::from_secs(30),
    },
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn force(value: &str) -> Force {
    Force(ForceAnnotation::read(Some(&BTreeMap::from([(
        FORCE_DISABLE.to_owned(),
        value.to_owned(),
    )]))))
}

fn engine_object(ours: bool) -> EngineObject {
    EngineObject {
        name: "kubevirt".to_owned(),
        namespace: Some("kubevirt".to_owned()),
        uid: "kubevirt-uid".to_owned(),
        resource_version: "7".to_owned(),
        ours,
        phase: Some(PHASE_DEPLOYED.to_owned()),
        protects_workloads: true,
        ..EngineObject::default()
    }
}

fn engine_up(ours: bool) -> EngineFacts {
    EngineFacts {
        operator: Some(Operator {
            namespace: "kubevirt".to_owned(),
            ours,
        }),
        kubevirt: Presence::Present(engine_object(ours)),
        cdi: Presence::NotServed,
        components: COMPONENTS
            .iter()
            .map(|name| Component {
                name: (*name).to_owned(),
                wanted: 1,
                ready: 1,
            })
            .collect(),
        handlers: ["n1".to_owned()].into(),
    }
}

fn check(name: &str, second: i64, generation: i64, pass: Option<bool>) -> CheckFacts {
    CheckFacts {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        created: at(second),
        resource_version: 1,
        deleting: false,
        inputs: Some(Inputs {
            trigger: Trigger::Enabled,
            runtime: "u".to_owned(),
            generation,
            enabling: generation,
            kubelets: BTreeMap::from([(String::new(), 1)]),
        }),
        occasion: None,
        status: VMRuntimePreflightCheckStatus {
            pass,
            checks: BTreeMap::from([(
                "n1".to_owned(),
                NodeResult {
                    passed: pass == Some(true),
                    ..NodeResult::default()
                },
            )]),
            start_time: Some(Time(at(second))),
            completion_time: pass.map(|_| Time(at(second + 1))),
            ..VMRuntimePreflightCheckStatus::default()
        },
    }
}

fn machine(name: &str) -> Workload {
    Workload {
        kind: WORKLOAD_KINDS[3],
        version: "v1".to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        state: None,
        created: Some(at(0)),
        deleting: None,
        finalizers: Vec::new(),
        owners: Vec::new(),
        uses_disks: Vec::new(),
    }
}

fn machines(names: &[&str]) -> Workloads {
    Workloads::Known(Inventory {
        machines: names.iter().map(|name| machine(name)).collect(),
        disks: Vec::new(),
    })
}

fn strict() -> Admission {
    Admission::Available(vec![PolicyFacts {
        policy: Policy::CreationGate,
        armed: Armed::Strict,
    }])
}

/// Enabled and ready, at second 100.
fn ready() -> Observed {
    Observed {
        now: at(100),
        runtime: Some(RuntimeFacts {
            uid: "u".to_owned(),
            resource_version: "9".to_owned(),
            generation: 2,
            enabled: true,
            ..RuntimeFacts::default()
        }),
        system_namespace: true,
        nodes: vec![NodeFacts {
            name: "n1".to_owned(),
            ready: true,
            ready_since: Some(at(-100)),
            ..NodeFacts::default()
        }],
        checks: vec![check("c", 10, 2, Some(true))],
        workloads: machines(&[]),
        disks: Disks::None,
        engine: engine_up(true),
        engine_namespace: "kubevirt".to_owned(),
        manifests: Manifests::NotGiven,
        admission: strict(),
        creation: Creation::NotTried,
    }
}

/// Disabled a moment ago: the engine is still up, creation has been seen closed.
fn disabling() -> Observed {
    let mut observed = ready();
    let runtime = observed.runtime.as_mut().unwrap();
    runtime.enabled = false;
    runtime.generation = 3;
    observed.creation = Creation::Closed;
    observed
}

/// Disabled, and nothing left.
fn disabled() -> Observed {
    let mut observed = disabling();
    observed.engine = EngineFacts {
        operator: Some(Operator {
            namespace: "kubevirt".to_owned(),
            ours: false,
        }),
        kubevirt: Presence::Absent,
        ..EngineFacts::default()
    };
    observed
}

fn changed(mut observed: Observed, change: impl FnOnce(&mut Observed)) -> Observed {
    change(&mut observed);
    observed
}

fn runtime(observed: &mut Observed) -> &mut RuntimeFacts {
    observed.runtime.as_mut().unwrap()
}

fn decide(observed: &Observed) -> Plan {
    plan(observed, &Memory::default(), &SETTINGS)
}

/// The kinds of steps, by the names of the variants.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| {
            format!("{step:?}")
                .chars()
                .take_while(|c| c.is_alphanumeric())
                .collect()
        })
        .collect()
}

fn phase(plan: &Plan) -> &str {
    plan.status.as_ref().unwrap().phase.as_deref().unwrap()
}

fn is(plan: &Plan, type_: &str) -> bool {
    condition::is_true(&plan.status.as_ref().unwrap().conditions, type_)
}

fn why(plan: &Plan, type_: &str) -> String {
    let status = plan.status.as_ref().unwrap();
    condition::find(&status.conditions, type_)
        .unwrap()
        .reason
        .clone()
}

#[test]
fn without_an_object_it_is_made_and_nothing_else_happens() {
    let plan = decide(&changed(ready(), |observed| observed.runtime = None));
    assert_eq!(plan.steps, [Step::CreateRuntime]);
    assert_eq!(plan.status, None);
}

/// One row of controller.md: a change to a ready cluster, the phase, ready, VM creation, and the steps.
type Row = (
    &'static str,
    fn() -> Observed,
    &'static str,
    bool,
    bool,
    &'static [&'static str],
);

#[test]
fn while_enabled() {
    let table: &[Row] = &[
        ("converged", ready, "Ready", true, true, &[]),
        (
            "just enabled, nothing there",
            || {
                changed(disabled(), |observed| {
                    runtime(observed).enabled = true;
                    observed.checks.clear();
                })
            },
            "Installing",
            false,
            false,
            &["StartCheck", "CreateKubeVirt"],
        ),
        (
            "enabled again: what passed before does not count",
            || changed(ready(), |observed| runtime(observed).generation = 4),
            "Preflight",
            false,
            false,
            &["StartCheck"],
        ),
        (
            "check running",
            || {
                changed(ready(), |observed| {
                    observed.checks = vec![check("c", 10, 2, None)];
                })
            },
            "Preflight",
            false,
            false,
            &[],
        ),
        (
            "check failed",
            || {
                changed(ready(), |observed| {
                    observed.checks = vec![check("c", 10, 2, Some(false))];
                })
            },
            "Degraded",
            false,
            false,
            &[],
        ),
        (
            "engine coming up, check passed",
            || {
                changed(ready(), |observed| {
                    observed.engine.components.clear();
                })
            },
            "Installing",
            false,
            true,
            &[],
        ),
        (
            "settings changed: the last result stands until the new check is done",
            || {
                changed(ready(), |observed| {
                    runtime(observed).generation = 3;
                    runtime(observed).use_emulation = true;
                })
            },
            "Ready",
            true,
            true,
            &["StartCheck", "ConfigureKubeVirt"],
        ),
        (
            "a node joined",
            || {
                changed(ready(), |observed| {
                    let other = NodeFacts {
                        name: "n2".to_owned(),
                        ..observed.nodes[0].clone()
                    };
                    observed.nodes.push(other);
                })
            },
            "Ready",
            true,
            true,
            &["StartCheck"],
        ),
        (
            "operator missing",
            || {
                changed(ready(), |observed| {
                    observed.engine = EngineFacts::default();
                })
            },
            "Degraded",
            false,
            true,
            &[],
        ),
        (
            "somebody else's KubeVirt, other settings",
            || {
                changed(ready(), |observed| {
                    observed.engine = engine_up(false);
                    observed.engine.cdi = Presence::Absent;
                    let Presence::Present(kubevirt) = &mut observed.engine.kubevirt else {
                        panic!("present")
                    };
                    kubevirt.protects_workloads = false;
                    kubevirt.use_emulation = true;
                })
            },
            "Ready",
            true,
            true,
            &[],
        ),
        (
            "enabled again while the engine is going away",
            || {
                changed(ready(), |observed| {
                    runtime(observed).generation = 4;
                    let Presence::Present(kubevirt) = &mut observed.engine.kubevirt else {
                        panic!("present")
                    };
                    kubevirt.deleting = true;
                    kubevirt.use_emulation = true;
                })
            },
            "Installing",
            false,
            false,
            &["StartCheck"],
        ),
        (
            "bmctl's fence",
            || {
                changed(ready(), |observed| {
                    runtime(observed).fence_until = Some(at(160));
                })
            },
            "Fencing",
            true,
            false,
            &[],
        ),
        (
            "a fence that has expired",
            || {
                changed(ready(), |observed| {
                    runtime(observed).fence_until = Some(at(100));
                })
            },
            "Ready",
            true,
            true,
            &[],
        ),
        (
            "the force annotation alone deletes nothing",
            || {
                changed(ready(), |observed| {
                    runtime(observed).force = force("true");
                    observed.workloads = machines(&["a"]);
                })
            },
            "Ready",
            true,
            true,
            &[],
        ),
    ];
    for (story, observed, phase_expected, is_ready, open, steps_expected) in table {
        let plan = decide(&observed());
        assert_eq!(phase(&plan), *phase_expected, "{story}");
        let status = plan.status.as_ref().unwrap();
        assert_eq!(status.ready, Some(*is_ready), "{story}");
        assert_eq!(is(&plan, kind::READY), *is_ready, "{story}");
        assert_eq!(is(&plan, kind::VM_CREATION_ALLOWED), *open, "{story}");
        assert_eq!(steps(&plan), *steps_expected, "{story}");
    }
}

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
                    observed.manifests = Manifests::Present(vec!["Deployment x".to_owned()]);
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
            "a cluster without admission policies can not be fenced",
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
    for (story, observed, memory, phase_expected, steps_expected) in table {
        let plan = plan(&observed(), memory, &SETTINGS);
        assert_eq!(phase(&plan), *phase_expected, "{story}");
        assert_eq!(steps(&plan), *steps_expected, "{story}");
        let status = plan.status.as_ref().unwrap();
        assert_eq!(status.ready, Some(false), "{story}");
        assert!(!is(&plan, kind::VM_CREATION_ALLOWED), "{story}");
        assert_eq!(
            is(&plan, kind::DISABLE_BLOCKED),
            *phase_expected == "DisableBlocked",
            "{story}"
        );
        assert_eq!(status.observed_generation, Some(3), "{story}");
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
    pool.kind = WORKLOAD_KINDS[0];
    let mut child = machine("child");
    child.owners = vec![pool.uid.clone()];
    let gvm = Workload {
        kind: WORKLOAD_KINDS[2],
        uses_disks: vec!["disk".to_owned()],
        ..machine("gvm")
    };
    let mut disk = machine("disk");
    disk.kind = WORKLOAD_KINDS[5];
    let spare = Workload {
        name: "spare".to_owned(),
        ..disk.clone()
    };
    let going = Workload {
        deleting: Some(at(0)),
        finalizers: vec!["kubevirt.io/stuck".to_owned()],
        ..machine("going")
    };
    let observed = changed(disabling(), |observed| {
        runtime(observed).force = force("true");
        observed.workloads = Workloads::Known(Inventory {
            machines: vec![child, gvm, going, pool],
            disks: vec![disk, spare],
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
fn engine_manifests_are_applied_once_and_never_over_somebody_elses_operator() {
    let settings = Settings {
        engine_manifests: true,
        ..SETTINGS
    };
    let applied = Memory {
        manifests_applied: true,
        ..Memory::default()
    };
    let no_operator = || {
        changed(ready(), |observed| {
            observed.engine = EngineFacts::default();
        })
    };
    let foreign_operator = || {
        changed(disabled(), |observed| {
            runtime(observed).enabled = true;
            runtime(observed).generation = 2;
        })
    };
    for (story, observed, memory, expected) in [
        (
            "nothing",
            no_operator(),
            Memory::default(),
            "ApplyEngineManifests",
        ),
        (
            "removed by somebody",
            no_operator(),
            applied.clone(),
            "ApplyEngineManifests",
        ),
        (
            "restarted",
            ready(),
            Memory::default(),
            "ApplyEngineManifests",
        ),
        (
            "foreign",
            foreign_operator(),
            Memory::default(),
            "CreateKubeVirt",
        ),
    ] {
        assert_eq!(
            steps(&plan(&observed, &memory, &settings)),
            [expected],
            "{story}"
        );
    }
    assert!(steps(&plan(&ready(), &applied, &settings)).is_empty());
}

#[test]
fn policies_come_into_force_one_step_at_a_time() {
    let with = |armed, creation| {
        changed(disabled(), |observed| {
            observed.creation = creation;
            observed.admission = Admission::Available(vec![PolicyFacts {
                policy: Policy::CreationGate,
                armed,
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
            trouble: Some("quota".to_owned()),
            ..Memory::default()
        },
        &SETTINGS,
    );
    assert_eq!(why(&troubled, kind::DEGRADED), reason::STEP_FAILED);
}

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
        Just(Manifests::Present(vec!["Deployment x".to_owned()])),
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
                manifests_applied: applied,
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
                Step::RemoveEngineManifests(_) => true,
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
