//! What the controller keeps as it should be, and takes away again.

use super::*;
use crate::controller::{
    observed::{NodeTraces, ObjectVersion, RoleFacts, RoleState},
    plan::upkeep::Kept,
    role::UserRole,
};

/// Ready, with a KubeVirt object that somebody has changed.
fn edited() -> Observed {
    changed(ready(), |observed| {
        observed.engine.kubevirt = Presence::Present(EngineObject {
            use_emulation: true,
            changed_by: Some("kubectl-edit".to_owned()),
            ..engine_object(true)
        });
    })
}

#[test]
fn what_is_changed_is_put_right_and_counted_from_the_second_look_on() {
    // A controller that has just started cannot know whose change it is.
    let fresh = decide(&edited());
    assert_eq!(steps(&fresh), ["ConfigureKubeVirt"]);
    assert_eq!(fresh.repairs, []);

    let seen = decide(&ready()).memory;
    let put_right = plan(&edited(), &seen, &SETTINGS);
    assert_eq!(steps(&put_right), ["ConfigureKubeVirt"]);
    assert_eq!(put_right.repairs[0].kept, Kept::KubeVirt);
    assert_eq!(put_right.repairs[0].by.as_deref(), Some("kubectl-edit"));

    // Once more at once: it waits, and looks again in time.
    let again = plan(&edited(), &put_right.memory, &SETTINGS);
    assert_eq!(steps(&again), [""; 0]);
    assert_eq!(again.requeue, SETTINGS.pace.repair);
    let later = changed(edited(), |observed| observed.now = at(105));
    assert_eq!(plan(&later, &put_right.memory, &SETTINGS).repairs.len(), 1);
}

#[test]
fn a_change_of_the_spec_is_no_drift() {
    let seen = decide(&ready()).memory;
    let wanted = changed(ready(), |observed| {
        let runtime = runtime(observed);
        runtime.use_emulation = true;
        runtime.generation = 3;
    });
    let plan = plan(&wanted, &seen, &SETTINGS);
    assert!(steps(&plan).contains(&"ConfigureKubeVirt"));
    assert_eq!(plan.repairs, []);
}

#[test]
fn who_fights_with_the_controller_is_told() {
    let mut memory = decide(&ready()).memory;
    let mut said = None;
    for second in 100..200 {
        let observed = changed(edited(), |observed| observed.now = at(second));
        let plan = plan(&observed, &memory, &SETTINGS);
        if is(&plan, kind::CONTESTED) {
            let status = plan.status.as_ref().unwrap();
            said = condition::find(&status.conditions, kind::CONTESTED).cloned();
        }
        memory = plan.memory;
    }
    let said = said.unwrap();
    assert_eq!(said.reason, reason::CHANGED_BY_OTHERS);
    assert!(said.message.contains("kubectl-edit"), "{}", said.message);
}

#[test]
fn cdi_is_kept_if_it_is_ours() {
    let with = |ours| {
        decide(&changed(ready(), |observed| {
            observed.engine.cdi = Presence::Present(EngineObject {
                protects_workloads: false,
                ..engine_object(ours)
            });
        }))
    };
    assert_eq!(steps(&with(true)), ["ConfigureCdi"]);
    assert_eq!(steps(&with(false)), [""; 0]);
}

#[test]
fn roles_are_there_while_enabled_and_somebody_elses_is_left_alone() {
    let with = |mut observed: Observed, state: RoleState| {
        let role = UserRole::Admin;
        observed.roles = vec![RoleFacts { role, state }];
        plan(
            &observed,
            &Memory {
                empty_since: Some(at(0)),
                ..Memory::default()
            },
            &SETTINGS,
        )
    };
    let ours = |right| RoleState::Ours {
        version: ObjectVersion {
            uid: "u".to_owned(),
            resource_version: "7".to_owned(),
            changed_by: None,
        },
        right,
    };
    let applied = |version: Option<&str>| Step::ApplyRole {
        role: UserRole::Admin,
        resource_version: version.map(str::to_owned),
    };
    assert_eq!(with(ready(), RoleState::Absent).steps, [applied(None)]);
    assert_eq!(with(ready(), ours(false)).steps, [applied(Some("7"))]);
    assert_eq!(with(ready(), ours(true)).steps, []);
    assert_eq!(with(ready(), RoleState::Foreign).steps, []);

    let removed = with(disabled(), ours(true));
    assert_eq!(phase(&removed), "Uninstalling");
    let role = UserRole::Admin;
    let uid = "u".to_owned();
    assert_eq!(removed.steps, [Step::DeleteRole { role, uid }]);
    let foreign = with(disabled(), RoleState::Foreign);
    assert_eq!((phase(&foreign), foreign.steps.len()), ("Disabled", 0));
}

#[test]
fn roles_stay_while_a_disable_is_blocked() {
    let blocked = decide(&changed(disabling(), |observed| {
        observed.workloads = machines(&["vm"]);
    }));
    assert_eq!(phase(&blocked), "DisableBlocked");
    assert_eq!(blocked.steps, []);
}

fn traces(left: &[&str], handled: usize, out_of_reach: usize) -> Traces {
    let node = |name: &&str| NodeTraces {
        node: (*name).to_owned(),
        uid: "u".to_owned(),
        resource_version: "7".to_owned(),
        labels: vec!["kubevirt.io/schedulable".to_owned()],
        annotations: Vec::new(),
    };
    Traces {
        left: left.iter().map(node).collect(),
        handled,
        out_of_reach,
    }
}

#[test]
fn what_the_engine_left_on_nodes_goes_after_it() {
    let with = |traces: Traces| {
        let observed = changed(disabled(), |observed| observed.traces = traces);
        let memory = Memory {
            empty_since: Some(at(0)),
            ..Memory::default()
        };
        plan(&observed, &memory, &SETTINGS)
    };
    let left = with(traces(&["n1", "n2"], 1, 0));
    assert_eq!(phase(&left), "Uninstalling");
    assert_eq!(
        left.steps,
        [Step::CleanNodes(traces(&["n1", "n2"], 0, 0).left)]
    );
    assert!(is(&left, kind::ENGINE_OWNED));

    let handled = with(traces(&[], 1, 0));
    assert_eq!((phase(&handled), handled.steps.len()), ("Uninstalling", 0));

    // A node that is away keeps no disable from ending; it is not forgotten.
    let away = with(traces(&[], 0, 1));
    assert_eq!((phase(&away), away.steps.len()), ("Disabled", 0));
    assert!(is(&away, kind::ENGINE_OWNED));

    let names: Vec<String> = (0..500).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let many = with(traces(&names, 0, 0));
    let Step::CleanNodes(batch) = &many.steps[0] else {
        panic!("{:?}", many.steps)
    };
    assert_eq!(batch.len(), 200);
    assert_eq!(many.requeue, SETTINGS.pace.retry);
}

#[test]
fn an_engine_of_ours_is_said_as_long_as_nodes_remember_it() {
    assert!(is(&decide(&ready()), kind::ENGINE_OWNED));
    let foreign = changed(ready(), |observed| {
        observed.engine.kubevirt = Presence::Present(engine_object(false));
    });
    let said = |plan: &Plan| {
        let status = plan.status.as_ref().unwrap();
        condition::find(&status.conditions, kind::ENGINE_OWNED).is_some()
    };
    assert!(!said(&decide(&foreign)));
    assert!(!said(&decide(&disabled())));
}
