//! VM Runtime is wanted: check the nodes, install the engine, open the gate.

use super::{
    Draft, Step, Word, explained, fenced, progressing_since, reference,
    report::{Report, differing_emulation},
    upkeep::{Found, Kept},
};
use crate::{
    api::{
        Phase,
        condition::{self, kind, reason},
        engine::VIRT_OPERATOR,
        name::{SKIP_SCHEDULE, SYSTEM_NAMESPACE},
        natural,
    },
    controller::{
        observed::{Observed, RoleState, RuntimeFacts, Workloads},
        placement::PlacementChange,
    },
    runtime::{
        preflight::{self, Due, Gate, Subject, Trigger},
        readiness::{self, EngineState, Presence},
        verdict,
    },
};

pub(super) fn decide(draft: &mut Draft<'_>, runtime: &RuntimeFacts) -> Report {
    let observed = draft.observed;
    draft.memory.skipped.recall(&runtime.status.skipped_nodes);
    draft.memory.skipped.see(&observed.nodes, observed.now);
    let subject = Subject {
        uid: runtime.uid.clone(),
        generation: runtime.generation,
        now: observed.now,
        use_emulation: observed.engine.emulates(runtime.use_emulation),
        unskipped: draft.memory.skipped.lost(),
    };
    draft.memory.manifests_gone = false;
    let before = draft.steps.len();
    start_check(draft, &subject);
    install(draft, runtime);
    keep_roles(draft, runtime);
    let taken_up = !draft.steps[before..].iter().any(follows_the_spec);

    if let Workloads::Counted(count) = observed.workloads {
        draft.memory.count = Some(count);
        if count.stale {
            draft.wake_at(count.until);
        }
    }
    let gate = preflight::gate(&subject, &observed.checks);
    let engine = readiness::engine(&observed.engine, &observed.nodes);
    let up = matches!(engine, EngineState::Up { .. });
    if engine == EngineState::Deleting {
        // What holds it up may change unheard.
        draft.wake_in(draft.settings.pace.removal);
    }
    if !up || matches!(gate, Gate::Pending(_)) {
        // What a pod waits for is not heard.
        draft.wake_in(draft.settings.pace.explain);
    }
    let ready = with_difference(ready(draft, &engine, gate), observed, runtime);
    let slow = !up && progressing_since(runtime).is_some_and(|since| draft.too_slow(since));
    let degraded = degraded(draft, &engine, gate, slow);
    let fence = fenced(runtime, observed.now);
    if let Some(until) = fence {
        draft.wake_at(until);
    }
    let phase = match (fence, degraded.status, ready.status, up) {
        (Some(_), _, _, _) => Phase::Fencing,
        (None, true, _, _) => Phase::Degraded,
        (None, false, true, _) => Phase::Ready,
        (None, false, false, true) => Phase::Preflight,
        (None, false, false, false) => Phase::Installing,
    };
    let stuck = matches!(gate, Gate::Failed(_))
        || engine == EngineState::NoNode
        || ready.reason == reason::OPERATOR_NOT_FOUND;
    let progressing = match (ready.status, stuck) {
        (true, _) => Word::no(reason::CONVERGED, "VM Runtime is ready"),
        (false, true) => Word::no(ready.reason, ready.message.clone()),
        (false, false) => Word::yes(ready.reason, ready.message.clone()),
    };
    Report {
        phase,
        progressing,
        degraded,
        preflight: preflight_word(draft, gate),
        creation: match fence {
            Some(until) => Word::no(
                reason::FENCED,
                format!("VM creation is closed until {until:.0}: a disable is deleting VMs"),
            ),
            None => creation(draft, gate),
        },
        disable_blocked: Word::no(reason::ENABLED, "no disable is wanted"),
        summary: preflight::summary(match gate {
            Gate::Pending(check) => check,
            Gate::Passed(check) | Gate::Failed(check) => Some(check),
        }),
        engine,
        taken_up,
        disks_kept: false,
        engine_owned: owns_engine(observed, runtime),
        ready,
    }
}

/// Once it was, until another one is there: nodes remember it.
fn owns_engine(observed: &Observed, runtime: &RuntimeFacts) -> bool {
    match observed.engine.kubevirt.object() {
        Some(kubevirt) => kubevirt.ours,
        None => condition::is_true(&runtime.status.conditions, kind::ENGINE_OWNED),
    }
}

fn start_check(draft: &mut Draft<'_>, subject: &Subject) {
    let observed = draft.observed;
    let gap = draft.settings.pace.node_checks;
    match preflight::due(subject, &observed.nodes, &observed.checks, gap) {
        Due::No => {}
        Due::Now(inputs) => draft.steps.push(Step::StartCheck(inputs)),
        Due::At(time) => draft.wake_at(time),
    }
}

/// As long as such a step is due, what is published is still of an earlier generation. (Not so for an enabling: from
/// its first round on VM Runtime is not ready.)
fn follows_the_spec(step: &Step) -> bool {
    match step {
        Step::StartCheck(inputs) => match inputs.trigger {
            Trigger::SettingsChanged => true,
            Trigger::Enabled
            | Trigger::NodeAdded
            | Trigger::NodeBack
            | Trigger::Upgraded
            | Trigger::EngineChanged => false,
        },
        Step::ConfigureKubeVirt { .. } => true,
        Step::CreateRuntime
        | Step::CreateSystemNamespace
        | Step::DeleteCheck { .. }
        | Step::ApplyEngineManifests
        | Step::RemoveEngineManifests(_)
        | Step::CreateKubeVirt { .. }
        | Step::DeleteKubeVirt(_)
        | Step::CreateCdi
        | Step::ConfigureCdi(_)
        | Step::DeleteCdi(_)
        | Step::ArmPolicy { .. }
        | Step::DisarmPolicy { .. }
        | Step::ApplyRole { .. }
        | Step::DeleteRole { .. }
        | Step::CleanNodes(_)
        | Step::DeleteWorkload(_) => false,
    }
}

/// Operators, then KubeVirt, then CDI. What somebody else brought is used as it is.
fn install(draft: &mut Draft<'_>, runtime: &RuntimeFacts) {
    let observed = draft.observed;
    let engine = &observed.engine;
    let anywhere = !draft.observed.nodes.iter().any(|node| node.control_plane);
    if engine
        .kubevirt
        .object()
        .is_some_and(|kubevirt| !kubevirt.ours)
    {
        return;
    }
    if manifests_are_due(draft) {
        draft.steps.push(Step::ApplyEngineManifests);
    }
    let Some(operator) = &engine.operator else {
        return;
    };
    let exclude = observed.nodes.iter().any(|node| node.skipped);
    let wanted = format!("{} {} {exclude}", runtime.generation, runtime.use_emulation);
    let found = match &engine.kubevirt {
        // Its definition comes with the operator; a watch tells when it is there.
        Presence::NotServed => return,
        Presence::Absent => {
            let namespace = operator.namespace.clone();
            let step = Step::CreateKubeVirt {
                namespace,
                use_emulation: runtime.use_emulation,
                anywhere,
                exclude,
            };
            Some(Found::Wrong(step, None))
        }
        Presence::Present(kubevirt) if kubevirt.deleting => None,
        Presence::Present(kubevirt) => {
            let placement = PlacementChange::of(kubevirt, exclude);
            let is_right = placement.is_none()
                && kubevirt.use_emulation == runtime.use_emulation
                && kubevirt.protects_workloads;
            let step = Step::ConfigureKubeVirt {
                object: reference(kubevirt),
                use_emulation: runtime.use_emulation,
                placement,
            };
            Some(if is_right {
                Found::Right
            } else {
                Found::Wrong(step, kubevirt.changed_by.clone())
            })
        }
    };
    if let Some(found) = found {
        draft.keep(Kept::KubeVirt, &wanted, found);
    }
    let found = match &engine.cdi {
        Presence::NotServed => None,
        Presence::Absent => Some(Found::Wrong(Step::CreateCdi, None)),
        Presence::Present(cdi) if !cdi.ours || cdi.deleting => None,
        Presence::Present(cdi) if cdi.protects_workloads => Some(Found::Right),
        Presence::Present(cdi) => {
            let step = Step::ConfigureCdi(reference(cdi));
            Some(Found::Wrong(step, cdi.changed_by.clone()))
        }
    };
    if let Some(found) = found {
        draft.keep(Kept::Cdi, &wanted, found);
    }
}

/// The roles of people who work with VMs. One that somebody else made is left alone.
fn keep_roles(draft: &mut Draft<'_>, runtime: &RuntimeFacts) {
    let observed = draft.observed;
    let wanted = runtime.generation.to_string();
    for facts in &observed.roles {
        let apply = |resource_version| Step::ApplyRole {
            role: facts.role,
            resource_version,
        };
        let found = match &facts.state {
            RoleState::Foreign => continue,
            RoleState::Ours { right: true, .. } => Found::Right,
            RoleState::Absent => Found::Wrong(apply(None), None),
            RoleState::Ours { version, .. } => Found::Wrong(
                apply(Some(version.resource_version.clone())),
                version.changed_by.clone(),
            ),
        };
        draft.keep(Kept::Role(facts.role), &wanted, found);
    }
}

/// Are there manifests to apply? Not over an operator that somebody else installed. Now and then once more, because
/// nobody watches what they hold.
fn manifests_are_due(draft: &mut Draft<'_>) -> bool {
    let engine = &draft.observed.engine;
    let is_given = draft.settings.engine_manifests
        && engine
            .operator
            .as_ref()
            .is_none_or(|operator| operator.ours);
    if !is_given {
        return false;
    }
    match draft.memory.manifests_applied {
        Some(last) if engine.operator.is_some() && engine.kubevirt != Presence::NotServed => {
            draft.elapsed(last, draft.settings.pace.resync)
        }
        Some(_) | None => true,
    }
}

fn ready(draft: &Draft<'_>, engine: &EngineState, gate: Gate<'_>) -> Word {
    let no_operator = draft.observed.engine.operator.is_none() && !draft.settings.engine_manifests;
    match (engine, gate) {
        (EngineState::Absent, _) if no_operator => Word::no(
            reason::OPERATOR_NOT_FOUND,
            "virt-operator is not installed: install KubeVirt's operator, or start the controller with --engine-manifests",
        ),
        (_, Gate::Failed(check)) => Word::no(reason::PREFLIGHT_FAILED, preflight::explain(check)),
        (EngineState::Absent, _) => Word::no(
            reason::ENGINE_INSTALLING,
            unready(draft, &["the engine is being installed".to_owned()]),
        ),
        (EngineState::Deleting, _) => Word::no(
            reason::ENGINE_UNINSTALLING,
            explained(
                "the engine is still being removed; it is installed again after that".to_owned(),
                draft.observed.stuck.iter(),
            ),
        ),
        (EngineState::Down(missing), _) if draft.was_up() => {
            Word::no(reason::ENGINE_DOWN, unready(draft, missing))
        }
        (EngineState::Incomplete(missing) | EngineState::Down(missing), _) => {
            Word::no(reason::ENGINE_INSTALLING, unready(draft, missing))
        }
        (EngineState::NoNode, Gate::Pending(_) | Gate::Passed(_)) => {
            Word::no(reason::NO_ELIGIBLE_NODE, no_node(draft.observed))
        }
        (EngineState::Up { .. }, Gate::Pending(check)) => pending(draft, check),
        (EngineState::Up { .. }, Gate::Passed(check)) => Word::yes(
            reason::ENGINE_READY,
            format!("the engine is up and {}", preflight::explain(check)),
        ),
    }
}

fn degraded(draft: &Draft<'_>, engine: &EngineState, gate: Gate<'_>, slow: bool) -> Word {
    let no_operator = draft.observed.engine.operator.is_none() && !draft.settings.engine_manifests;
    match (gate, engine) {
        (Gate::Failed(check), _) => Word::yes(reason::PREFLIGHT_FAILED, preflight::explain(check)),
        (Gate::Pending(_) | Gate::Passed(_), EngineState::NoNode) => {
            Word::yes(reason::NO_ELIGIBLE_NODE, no_node(draft.observed))
        }
        (Gate::Pending(_) | Gate::Passed(_), EngineState::Down(missing)) if draft.was_up() => {
            Word::yes(reason::ENGINE_DOWN, unready(draft, missing))
        }
        (Gate::Pending(_) | Gate::Passed(_), _) if slow => Word::yes(
            reason::ENGINE_INSTALL_SLOW,
            match engine {
                EngineState::Incomplete(missing) | EngineState::Down(missing) => format!(
                    "the engine is not up after a long time: {}",
                    unready(draft, missing)
                ),
                EngineState::Deleting => explained(
                    "the engine is not up after a long time: the one before is still being removed"
                        .to_owned(),
                    draft.observed.stuck.iter(),
                ),
                EngineState::Absent | EngineState::NoNode | EngineState::Up { .. } => {
                    "the engine is not up after a long time".to_owned()
                }
            },
        ),
        (Gate::Pending(_) | Gate::Passed(_), EngineState::Absent) if no_operator => {
            Word::yes(reason::OPERATOR_NOT_FOUND, "virt-operator is not installed")
        }
        (Gate::Pending(_) | Gate::Passed(_), _) => Word::no(reason::CONVERGED, ""),
    }
}

/// What is missing, and what keeps its pods from running.
fn unready(draft: &Draft<'_>, missing: &[String]) -> String {
    let observed = draft.observed;
    let mut said = missing.to_vec();
    said.extend(observed.unready.engine.iter().cloned());
    let operator = format!("{VIRT_OPERATOR}: Unschedulable");
    let unscheduled = said.iter().any(|line| line.starts_with(&operator));
    if unscheduled && !observed.nodes.iter().any(|node| node.control_plane) {
        let namespace = &observed.engine_namespace;
        said.push(format!(
            "no node is a control plane, and KubeVirt's release file asks for one. Let it run elsewhere: kubectl -n \
             {namespace} patch deployment {VIRT_OPERATOR} --type=json \
             -p '[{{\"op\":\"remove\",\"path\":\"/spec/template/spec/affinity\"}}]'"
        ));
    }
    said.join("; ")
}

/// Why no node is to run VMs.
fn no_node(observed: &Observed) -> String {
    let mut skipped: Vec<&str> = observed
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    natural::sort(&mut skipped);
    if skipped.is_empty() {
        return "no node is eligible for virtual machines: the cluster has no Linux machine as a node".to_owned();
    }
    format!(
        "no node is eligible for virtual machines: {} left out by the label {SKIP_SCHEDULE}",
        verdict::listed(skipped.into_iter())
    )
}

/// A setting that the engine does not have is said wherever readiness is asked for, whatever the check says.
fn with_difference(mut word: Word, observed: &Observed, runtime: &RuntimeFacts) -> Word {
    if let Some(difference) = differing_emulation(&observed.engine, runtime) {
        word.message = format!("{}; {difference}", word.message);
    }
    word
}

fn pending(draft: &Draft<'_>, check: Option<&preflight::CheckFacts>) -> Word {
    match check {
        Some(check) => {
            let mut said = vec![format!("the preflight check is running: {}", check.name)];
            said.extend(draft.observed.unready.probes.iter().cloned());
            Word::no(reason::PREFLIGHT_RUNNING, said.join("; "))
        }
        None => Word::no(
            reason::PREFLIGHT_PENDING,
            "a preflight check is about to start",
        ),
    }
}

fn preflight_word(draft: &Draft<'_>, gate: Gate<'_>) -> Word {
    match gate {
        Gate::Pending(check) => pending(draft, check),
        Gate::Passed(check) => Word::yes(reason::PREFLIGHT_PASSED, preflight::explain(check)),
        Gate::Failed(check) => Word::no(reason::PREFLIGHT_FAILED, preflight::explain(check)),
    }
}

/// The admission policy shows this message to whoever is refused.
fn creation(draft: &Draft<'_>, gate: Gate<'_>) -> Word {
    let word = preflight_word(draft, gate);
    if word.status {
        return word;
    }
    Word {
        message: format!(
            "VM creation is blocked: {}. See: kubectl get vmruntimepfc -n {SYSTEM_NAMESPACE}",
            word.message
        ),
        ..word
    }
}
