//! From what was decided to the published status. Transition times are kept where nothing turned; a status that is
//! equal to the published one is not written again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Memory, Word};
use crate::{
    api::{
        Condition, ConditionStatus, Phase, PreflightCheckSummary, VMRuntimeStatus,
        condition::{self, kind, reason},
    },
    controller::observed::{Admission, Observed, RuntimeFacts},
    runtime::{
        preflight::cut,
        readiness::{EngineFacts, EngineState},
    },
};

/// A message of a condition may have that many bytes; the API server allows 32 KiB.
const MESSAGE_LIMIT: usize = 1024;

/// What one round has to say.
pub(super) struct Report {
    pub phase: Phase,
    pub ready: Word,
    pub progressing: Word,
    pub degraded: Word,
    pub preflight: Word,
    pub creation: Word,
    pub disable_blocked: Word,
    pub summary: PreflightCheckSummary,
    pub engine: EngineState,
    /// Nothing of the present generation is left to be taken up.
    pub taken_up: bool,
    pub disks_kept: bool,
    /// We made the engine, or nodes still show that we did.
    pub engine_owned: bool,
}

impl Report {
    /// The status that says so.
    pub(super) fn publish(
        self,
        observed: &Observed,
        runtime: &RuntimeFacts,
        memory: &Memory,
    ) -> VMRuntimeStatus {
        let generation = if self.taken_up {
            Some(runtime.generation)
        } else {
            runtime.status.observed_generation
        };
        let mut conditions = Conditions {
            previous: &runtime.status.conditions,
            generation,
            now: observed.now,
            said: Vec::new(),
        };
        let asides = self.asides(observed, runtime, memory);
        let degraded = match &memory.reported {
            Some(reported) => Word::yes(reported.reason, reported.message.clone()),
            None => self.degraded,
        };
        let ready = self.ready.status;
        conditions.say(kind::READY, &self.ready);
        conditions.say(kind::PROGRESSING, &self.progressing);
        conditions.say(kind::DEGRADED, &degraded);
        conditions.say(kind::PREFLIGHT_PASSED, &self.preflight);
        conditions.say(kind::VM_CREATION_ALLOWED, &self.creation);
        conditions.say(kind::DISABLE_BLOCKED, &self.disable_blocked);
        for (kind, word) in asides {
            conditions.mention(kind, &word);
        }
        VMRuntimeStatus {
            ready: Some(ready),
            phase: Some(self.phase.to_string()),
            workload_count: observed
                .counted()
                .and_then(|(machines, _)| i64::try_from(machines).ok()),
            preflight_check_summary: Some(self.summary),
            conditions: conditions.said,
            observed_generation: generation,
            skipped_nodes: memory.skipped.published(),
        }
    }

    /// What is worth knowing, but seldom so.
    fn asides(
        &self,
        observed: &Observed,
        runtime: &RuntimeFacts,
        memory: &Memory,
    ) -> [(&'static str, Word); 9] {
        let contested = memory.upkeep.contested();
        let foreign = observed.engine.foreign();
        let difference = differing_emulation(&observed.engine, runtime);
        let partial = match &self.engine {
            EngineState::Up { partial } => partial.join("; "),
            EngineState::Absent
            | EngineState::Deleting
            | EngineState::Incomplete(_)
            | EngineState::Down(_)
            | EngineState::NoNode => String::new(),
        };
        let emulation = observed.engine.emulates(runtime.use_emulation);
        let settled = matches!(
            self.phase,
            Phase::Disabled | Phase::Ready | Phase::Preflight | Phase::Installing
        );
        [
            (
                kind::ENGINE_DEGRADED,
                aside(!partial.is_empty(), reason::ENGINE_PARTIAL, &partial),
            ),
            (
                kind::ENGINE_FOREIGN,
                match difference {
                    Some(difference) => {
                        Word::yes(reason::SETTINGS_DIFFER, format!("{FOREIGN}; {difference}"))
                    }
                    None => aside(foreign.is_some(), reason::ADOPTED, FOREIGN),
                },
            ),
            (
                kind::ENGINE_OPERATOR_MISSING,
                aside(
                    self.ready.reason == reason::OPERATOR_NOT_FOUND,
                    reason::OPERATOR_NOT_FOUND,
                    &self.ready.message,
                ),
            ),
            (
                kind::EMULATION_FORCED,
                aside(
                    runtime.enabled && emulation,
                    reason::USE_EMULATION,
                    "every new virtual machine is emulated in software, even on nodes that have KVM",
                ),
            ),
            (
                kind::FORCE_ANNOTATION_LEFT,
                aside(
                    settled && runtime.force.0.permits,
                    reason::ANNOTATION_TRUE,
                    "the force annotation is \"true\": a disable deletes all virtual machines (bmctl asks first; nothing else does)",
                ),
            ),
            (
                kind::DISKS_KEPT,
                aside(
                    self.disks_kept,
                    reason::DISKS_EXIST,
                    "CDI stays installed: removing it would delete the disks that are left",
                ),
            ),
            (
                kind::ENGINE_OWNED,
                aside(
                    self.engine_owned,
                    reason::ENGINE_MADE,
                    "the controller made the engine: a disable removes it, and what it leaves on nodes",
                ),
            ),
            (
                kind::CONTESTED,
                aside(
                    contested.is_some(),
                    reason::CHANGED_BY_OTHERS,
                    contested.as_deref().unwrap_or_default(),
                ),
            ),
            (
                kind::ADMISSION_MISSING,
                match &observed.admission {
                    Admission::Available(_) if memory.unenforced => Word::yes(
                        reason::ADMISSION_NOT_ENFORCED,
                        "VM creation is not gated by the API server: the policy is in place, and a VM could be created \
                         (as a dry run) while creation is to be closed. Its admission plugin ValidatingAdmissionPolicy \
                         may be switched off",
                    ),
                    Admission::Available(_) => Word::no(reason::CONVERGED, ""),
                    Admission::Unavailable(why) => Word::yes(
                        reason::ADMISSION_UNAVAILABLE,
                        format!("VM creation is not gated by the API server: {why}"),
                    ),
                },
            ),
        ]
    }
}

fn aside(is_so: bool, reason: &'static str, message: &str) -> Word {
    if is_so {
        Word::yes(reason, message)
    } else {
        Word::no(reason::CONVERGED, "")
    }
}

const FOREIGN: &str =
    "the KubeVirt object was not made by this controller: it is used and never changed or removed";

/// What an engine that is not ours does otherwise than it is wanted, and both ways out.
pub(super) fn differing_emulation(engine: &EngineFacts, runtime: &RuntimeFacts) -> Option<String> {
    let kubevirt = engine
        .foreign()
        .filter(|kubevirt| kubevirt.use_emulation != runtime.use_emulation)?;
    let (has, wants) = (kubevirt.use_emulation, runtime.use_emulation);
    let effect = if has {
        "every new virtual machine is emulated in software"
    } else {
        "virtual machines need KVM, and nodes are checked for it"
    };
    Some(format!(
        "useEmulation is {has} on somebody else's KubeVirt object {}/{}, not {wants} as wanted: {effect}. \
         Set spec.configuration.developerConfiguration.useEmulation there, or use spec.useEmulation {has} here",
        kubevirt.namespace.as_deref().unwrap_or_default(),
        kubevirt.name,
    ))
}

/// The conditions in the making.
struct Conditions<'a> {
    previous: &'a [Condition],
    generation: Option<i64>,
    now: jiff::Timestamp,
    said: Vec<Condition>,
}

impl Conditions<'_> {
    fn say(&mut self, type_: &str, word: &Word) {
        let status = ConditionStatus::from(word.status);
        let unchanged = condition::find(self.previous, type_)
            .filter(|previous| previous.status == status)
            .and_then(|previous| previous.last_transition_time.clone());
        self.said.push(Condition {
            type_: type_.to_owned(),
            status,
            reason: word.reason.to_owned(),
            message: cut(&word.message, MESSAGE_LIMIT),
            last_transition_time: Some(unchanged.unwrap_or(Time(self.now))),
            observed_generation: self.generation,
        });
    }

    /// Says it only if it is so, or was said before.
    fn mention(&mut self, type_: &str, word: &Word) {
        if word.status || condition::find(self.previous, type_).is_some() {
            self.say(type_, word);
        }
    }
}
