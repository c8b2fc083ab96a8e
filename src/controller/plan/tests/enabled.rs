//! VM Runtime is wanted.

use super::*;

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
    for (case, observed, phase_expected, is_ready, open, steps_expected) in table {
        let plan = decide(&observed());
        assert_eq!(phase(&plan), *phase_expected, "{case}");
        let status = plan.status.as_ref().unwrap();
        assert_eq!(status.ready, Some(*is_ready), "{case}");
        assert_eq!(is(&plan, kind::READY), *is_ready, "{case}");
        assert_eq!(is(&plan, kind::VM_CREATION_ALLOWED), *open, "{case}");
        assert_eq!(steps(&plan), *steps_expected, "{case}");
    }
}

#[test]
fn engine_manifests_are_applied_once_and_never_over_somebody_elses_operator() {
    let settings = Settings {
        engine_manifests: true,
        ..SETTINGS
    };
    let applied = Memory {
        manifests_applied: Some(at(90)),
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
    for (case, observed, memory, expected) in [
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
            "a while ago",
            changed(ready(), |observed| observed.now = at(390)),
            applied.clone(),
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
            "{case}"
        );
    }
    let kept = plan(&ready(), &applied, &settings);
    assert!(steps(&kept).is_empty());
    assert_eq!(kept.requeue, Duration::from_secs(290));
}
