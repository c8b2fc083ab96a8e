//! VM Runtime is not wanted: close creation, protect or delete the VMs, and only then remove the engine.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Draft, Memory, ObjectReference, Step, Word, admission::closed_for_long, drain, explained,
    progressing_since, reference, report::Report,
};
use crate::{
    api::{Phase, condition::reason},
    cluster::inventory::Inventory,
    controller::{
        manifest::Disks,
        observed::{
            Admission, Creation, Leftover, Manifests, Observed, RoleFacts, RoleState, RuntimeFacts,
            Traces, Workloads,
        },
        options::Pace,
        role::UserRole,
    },
    runtime::{
        disable::{Decision, Force, decide as table},
        preflight,
        readiness::{self, EngineObject},
        verdict,
    },
};

/// What is being done about the VMs and the engine.
struct Course {
    phase: Phase,
    progressing: Word,
    degraded: Word,
    blocked: Word,
}

impl Course {
    fn new(phase: Phase, progressing: Word) -> Self {
        Self {
            phase,
            progressing,
            degraded: Word::no(reason::CONVERGED, ""),
            blocked: Word::no(reason::NO_WORKLOADS, "nothing blocks a disable"),
        }
    }
}

pub(super) fn decide(draft: &mut Draft<'_>, runtime: &RuntimeFacts, memory: &Memory) -> Report {
    let observed = draft.observed;
    draft.memory.manifests_applied = None;
    // As long as disks are kept, what they depend on was not even looked for.
    draft.memory.manifests_gone =
        observed.manifests == Manifests::Gone && observed.disks == Disks::None;
    draft.memory.upkeep.forget_engine();
    abandon_checks(draft);
    let course = match &observed.workloads {
        Workloads::Unknown(why) => unknown(draft, why),
        // A number of a moment ago decides nothing.
        Workloads::Counted(_) => unknown(draft, "they have not been listed yet"),
        Workloads::Known(inventory) if inventory.is_gone() => {
            without_machines(draft, runtime, memory)
        }
        Workloads::Known(inventory) if inventory.count() == 0 => guests_end(draft, inventory),
        Workloads::Known(inventory) => with_machines(draft, runtime, inventory),
    };
    let latest = preflight::latest_finished(&observed.checks);
    Report {
        ready: Word::no(
            match course.phase {
                Phase::Disabled => reason::DISABLED,
                _ if course.blocked.status => reason::WORKLOADS_EXIST,
                _ => course.progressing.reason,
            },
            course.progressing.message.clone(),
        ),
        phase: course.phase,
        progressing: course.progressing,
        degraded: course.degraded,
        preflight: match latest {
            Some(check) if verdict::judge(Some(&check.status)).suffices() => {
                Word::yes(reason::PREFLIGHT_PASSED, preflight::explain(check))
            }
            Some(check) => Word::no(reason::PREFLIGHT_FAILED, preflight::explain(check)),
            None => Word::no(reason::DISABLED, "no preflight check has finished"),
        },
        creation: Word::no(
            reason::DISABLED,
            "VM Runtime is not enabled: VM creation is blocked. Run 'bmctl enable vmruntime' and retry.",
        ),
        disable_blocked: course.blocked,
        summary: preflight::summary(latest),
        engine: readiness::engine(&observed.engine, &observed.nodes),
        taken_up: true,
        disks_kept: disks_keep_cdi(observed),
        engine_owned: observed.engine.kubevirt.ours().is_some() || !observed.traces.is_empty(),
    }
}

fn disks_keep_cdi(observed: &Observed) -> bool {
    observed.disks == Disks::Kept && observed.engine.cdi.ours().is_some()
}

/// Checks that the controller began for an enabled VM Runtime; somebody's own goes on.
fn abandon_checks(draft: &mut Draft<'_>) {
    let unfinished = draft
        .observed
        .checks
        .iter()
        .filter(|check| check.inputs.is_some() && !check.finished() && !check.deleting);
    draft
        .steps
        .extend(unfinished.map(|check| Step::DeleteCheck {
            name: check.name.clone(),
            uid: check.uid.clone(),
        }));
}

fn unknown(draft: &mut Draft<'_>, why: &str) -> Course {
    draft.wake_in(draft.settings.pace.retry_most);
    let message = format!("whether VMs exist could not be determined: {why}");
    let mut course = Course::new(
        Phase::Fencing,
        Word::yes(reason::WORKLOADS_UNKNOWN, message.clone()),
    );
    course.degraded = Word::yes(reason::WORKLOADS_UNKNOWN, message);
    course
}

fn with_machines(draft: &mut Draft<'_>, runtime: &RuntimeFacts, inventory: &Inventory) -> Course {
    let force = &runtime.force.0;
    match table(inventory.count(), Force::Absent, force) {
        Decision::Refuse => {
            let mut message = drain::blocked(inventory);
            if let Some(warning) = &force.warning {
                message = format!("{message} ({warning})");
            }
            let mut course = Course::new(
                Phase::DisableBlocked,
                Word::no(reason::WORKLOADS_EXIST, message.clone()),
            );
            course.blocked = Word::yes(reason::WORKLOADS_EXIST, message);
            course
        }
        // Somebody set the annotation: that is the answer which `bmctl` would have asked for.
        Decision::AskThenDelete | Decision::DeleteThenDisable => {
            if let Some(open) = open(draft, runtime) {
                return open;
            }
            let doomed = drain::next(inventory, draft.settings.pace.drain_batch);
            draft
                .steps
                .extend(doomed.into_iter().map(Step::DeleteWorkload));
            draft.wake_in(draft.settings.pace.settle);
            let message = drain::progress(inventory, draft.observed);
            let mut course = Course::new(
                Phase::Draining,
                Word::yes(reason::DRAINING, message.clone()),
            );
            if drain::since(inventory).is_some_and(|since| draft.too_slow(since)) {
                course.degraded = Word::yes(reason::DRAIN_SLOW, message);
            }
            course
        }
        Decision::Disable => without_machines(draft, runtime, &Memory::default()),
    }
}

/// No machine is left, and pods of guests are being deleted: the engine stays until the last of them is gone.
fn guests_end(draft: &mut Draft<'_>, inventory: &Inventory) -> Course {
    draft.wake_in(draft.settings.pace.settle);
    let message = drain::ending(inventory);
    let mut course = Course::new(
        Phase::Draining,
        Word::yes(reason::DRAINING, message.clone()),
    );
    if drain::since(inventory).is_some_and(|since| draft.too_slow(since)) {
        course.degraded = Word::yes(reason::DRAIN_SLOW, message);
    }
    course
}

/// VM creation has not been seen closed: nothing may be deleted yet.
fn open(draft: &mut Draft<'_>, runtime: &RuntimeFacts) -> Option<Course> {
    let why = match &draft.observed.creation {
        Creation::NotServed | Creation::Closed => return None,
        Creation::Open | Creation::NotTried => "VM creation is being closed".to_owned(),
        Creation::Unproven(why) => {
            if closed_for_long(draft, runtime) {
                return None;
            }
            format!("whether VM creation is closed could not be tried: {why}")
        }
    };
    // Where nothing closes it, waiting does not help.
    if !is_gated(draft) {
        return None;
    }
    draft.wake_in(draft.settings.pace.retry);
    Some(Course::new(Phase::Fencing, Word::yes(reason::FENCED, why)))
}

/// Can anything keep VMs from being created?
fn is_gated(draft: &Draft<'_>) -> bool {
    match draft.observed.admission {
        Admission::Unavailable(_) => false,
        Admission::Available(_) => !draft.memory.unenforced,
    }
}

fn without_machines(draft: &mut Draft<'_>, runtime: &RuntimeFacts, memory: &Memory) -> Course {
    let Some(left) = what_is_left(draft) else {
        if disks_keep_cdi(draft.observed) {
            // Nobody watches claims, and CDI goes when the last of them has gone.
            draft.wake_in(draft.settings.pace.retry_most);
        }
        return Course::new(
            Phase::Disabled,
            Word::no(reason::DISABLED, "VM Runtime is disabled"),
        );
    };
    if let Some(open) = open(draft, runtime) {
        return open;
    }
    let since = memory.empty_since.unwrap_or(draft.observed.now);
    draft.memory.empty_since = Some(since);
    let settle = draft.settings.pace.settle;
    if !draft.elapsed(since, settle) {
        return Course::new(
            Phase::Fencing,
            Word::yes(
                reason::FENCED,
                if is_gated(draft) {
                    "VM creation is closed; making sure that no VM is left"
                } else {
                    "nothing closes VM creation on this cluster; making sure that no VM is left"
                },
            ),
        );
    }
    let message = explained(left.message(), draft.observed.stuck.iter());
    draft.steps.extend(left.steps());
    draft.wake_in(left.look_again(&draft.settings.pace));
    let mut course = Course::new(
        Phase::Uninstalling,
        Word::yes(reason::ENGINE_UNINSTALLING, message.clone()),
    );
    let since = left.since(runtime);
    if since.is_some_and(|since| draft.too_slow(since)) {
        course.degraded = Word::yes(
            reason::ENGINE_UNINSTALL_SLOW,
            format!("the engine is not gone after a long time: {message}"),
        );
    }
    course
}

/// The part of our engine that goes next.
enum Left<'a> {
    KubeVirt(&'a EngineObject),
    Cdi(&'a EngineObject),
    Manifests(&'a [Leftover], Disks),
    /// What the engine has written on nodes.
    Traces(&'a Traces),
    Roles(Vec<(UserRole, &'a str)>),
}

/// KubeVirt, then CDI (unless disks would die with it), then the operators, then what would remind of them.
fn what_is_left<'a>(draft: &Draft<'a>) -> Option<Left<'a>> {
    let observed = draft.observed;
    if let Some(kubevirt) = observed.engine.kubevirt.ours() {
        return Some(Left::KubeVirt(kubevirt));
    }
    if let (Some(cdi), Disks::None) = (observed.engine.cdi.ours(), observed.disks) {
        return Some(Left::Cdi(cdi));
    }
    match &observed.manifests {
        Manifests::Present(objects) => return Some(Left::Manifests(objects, observed.disks)),
        Manifests::NotGiven | Manifests::Gone => {}
    }
    if !observed.traces.left.is_empty() || observed.traces.handled > 0 {
        return Some(Left::Traces(&observed.traces));
    }
    let ours = |facts: &'a RoleFacts| match &facts.state {
        RoleState::Ours { version, .. } => Some((facts.role, version.uid.as_str())),
        RoleState::Absent | RoleState::Foreign => None,
    };
    let roles: Vec<(UserRole, &str)> = observed.roles.iter().filter_map(ours).collect();
    (!roles.is_empty()).then_some(Left::Roles(roles))
}

/// So many nodes are written to in one round.
const NODES_AT_ONCE: usize = 200;

impl Left<'_> {
    fn steps(&self) -> Vec<Step> {
        let unless_going = |object: &EngineObject, step: fn(ObjectReference) -> Step| {
            let step = (!object.deleting).then(|| step(reference(object)));
            step.into_iter().collect()
        };
        match self {
            Self::KubeVirt(object) => unless_going(object, Step::DeleteKubeVirt),
            Self::Cdi(object) => unless_going(object, Step::DeleteCdi),
            Self::Manifests(_, disks) => vec![Step::RemoveEngineManifests(*disks)],
            Self::Traces(traces) if traces.left.is_empty() => Vec::new(),
            Self::Traces(traces) => {
                let batch = traces.left.iter().take(NODES_AT_ONCE);
                vec![Step::CleanNodes(batch.cloned().collect())]
            }
            Self::Roles(roles) => roles
                .iter()
                .map(|(role, uid)| Step::DeleteRole {
                    role: *role,
                    uid: (*uid).to_owned(),
                })
                .collect(),
        }
    }

    /// Whatever is heard: not everything is watched, and what holds it up may change unheard.
    fn look_again(&self, pace: &Pace) -> Duration {
        match self {
            Self::KubeVirt(_) | Self::Cdi(_) | Self::Manifests(..) => pace.removal,
            Self::Traces(_) | Self::Roles(_) => pace.retry,
        }
    }

    /// Since when it has been going. What is deleted in this very round is not slow yet; where no object says since when,
    /// the whole disable counts.
    fn since(&self, runtime: &RuntimeFacts) -> Option<Timestamp> {
        match self {
            Self::KubeVirt(object) | Self::Cdi(object) => object.deleting_since,
            Self::Manifests(objects, _) => {
                let all = objects
                    .iter()
                    .filter_map(|left| left.leaving.deleting_since);
                all.min().or_else(|| progressing_since(runtime))
            }
            Self::Traces(_) | Self::Roles(_) => progressing_since(runtime),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::KubeVirt(object) => format!("KubeVirt {} is being removed", object.name),
            Self::Cdi(object) => format!("CDI {} is being removed", object.name),
            Self::Manifests(objects, _) => {
                const NAMED: usize = 3;
                let named = objects.iter().take(NAMED).map(|left| left.what.as_str());
                let named = named.collect::<Vec<_>>().join(", ");
                let left = match objects.len() {
                    1 => format!("{named} is left"),
                    2..=NAMED => format!("{named} are left"),
                    number => format!("{number} objects are left ({named}…)"),
                };
                format!("the engine's operators are being removed: {left}")
            }
            Self::Traces(traces) if traces.left.is_empty() => {
                format!("virt-handler is still ending on {}", nodes(traces.handled))
            }
            Self::Traces(traces) => format!(
                "labels and annotations of the engine are being removed from {}",
                nodes(traces.left.len())
            ),
            Self::Roles(_) => "the ClusterRoles of VM Runtime are being removed".to_owned(),
        }
    }
}

fn nodes(number: usize) -> String {
    match number {
        1 => "1 node".to_owned(),
        more => format!("{more} nodes"),
    }
}
