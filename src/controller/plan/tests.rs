//! The state machine as tables (what is observed → what is done and said), and its invariants. This file prepares the clusters.

mod admission;
mod disabled;
mod enabled;
mod hanging;
mod invariants;
mod kept;
mod published;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::{
    api::{
        Condition, ConditionStatus, NodeResult, VMRuntimePreflightCheckStatus,
        condition::{self, kind, reason},
        engine::PHASE_DEPLOYED,
        name::FORCE_DISABLE,
        workload::WORKLOAD_KINDS,
    },
    cluster::{
        inventory::{Inventory, Storage, Workload},
        stuck::Leaving,
    },
    controller::observed::{
        Admission, Armed, Creation, Force, Leftover, Manifests, PolicyFacts, Seen, Traces, Unready,
        Workloads,
    },
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
        removal: Duration::from_secs(2),
        explain: Duration::from_secs(10),
        node: Duration::from_secs(120),
        image: Duration::from_secs(20),
        check: Duration::from_secs(480),
        node_checks: Duration::from_secs(10),
        pods_in_flight: 100,
        drain_batch: 50,
        arming: Duration::from_secs(30),
        request: Duration::from_secs(30),
        resync: Duration::from_secs(300),
        retry: Duration::from_secs(1),
        outage_most: Duration::from_secs(4),
        retry_most: Duration::from_secs(30),
        repair: Duration::from_secs(5),
        repair_most: Duration::from_secs(300),
        grace: Duration::from_secs(10),
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
        refused: Vec::new(),
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
        kind: &WORKLOAD_KINDS[3],
        version: "v1".into(),
        namespace: "default".into(),
        name: name.into(),
        uid: format!("uid-{name}").as_str().into(),
        state: None,
        created: Some(at(0).into()),
        deleting: None,
        finalizers: Arc::default(),
        owners: Box::default(),
        generated: false,
        uses: Box::default(),
    }
}

fn machines(names: &[&str]) -> Workloads {
    Workloads::Known(Inventory {
        machines: names.iter().map(|name| machine(name)).collect(),
        ..Inventory::default()
    })
}

/// Of the engine manifests: the namespace of that name, being deleted since then.
fn leftover(name: &str, deleting_since: Option<i64>) -> Leftover {
    let metadata = kube::core::ObjectMeta {
        name: Some(name.to_owned()),
        deletion_timestamp: deleting_since.map(|second| Time(at(second))),
        ..kube::core::ObjectMeta::default()
    };
    let resource = kube::core::ApiResource::erase::<k8s_openapi::api::core::v1::Namespace>(&());
    Leftover {
        what: format!("Namespace {name}"),
        leaving: Leaving::new(&resource, &metadata),
    }
}

fn strict() -> Admission {
    Admission::Available(vec![PolicyFacts {
        policy: Policy::CreationGate,
        armed: Armed::Strict,
        seen: Seen::default(),
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
        roles: Vec::new(),
        traces: Traces::default(),
        unready: Unready::default(),
        stuck: Vec::new(),
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

/// The kinds of steps.
fn steps(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(Step::name).collect()
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
