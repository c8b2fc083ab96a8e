//! Which admission policies are to be in force, and in which order they come into force.
//!
//! A policy that fails closed before the API server has learned its parameter kind blocks every VM for about 23
//! seconds (measured). So: first failing open, with its binding; then tried; only then failing closed.

use super::{
    Draft, Step,
    upkeep::{Found, Kept},
};
use crate::{
    api::condition::{self, ConditionStatus, kind},
    controller::observed::{Admission, Armed, Creation, Policy, PolicyFacts, RuntimeFacts},
};

/// Brings the policies one step nearer to where they are wanted.
pub(super) fn arm(draft: &mut Draft<'_>) {
    let Admission::Available(policies) = &draft.observed.admission else {
        return;
    };
    for facts in policies {
        let kept = Kept::Policy(facts.policy);
        if wanted(draft, facts.policy) {
            advance(draft, facts, kept);
        } else {
            draft.memory.upkeep.forget(kept);
            if facts.armed != Armed::Absent {
                draft.steps.push(Step::DisarmPolicy {
                    policy: facts.policy,
                    seen: facts.seen.clone(),
                });
            }
        }
    }
}

/// The gate is believed only while creating a VM is really refused. An API server may have its admission plugin switched
/// off, and then everything is in place and nothing is enforced. What it still has to learn takes a while.
pub(super) fn see_enforced(draft: &mut Draft<'_>, runtime: &RuntimeFacts) {
    match draft.observed.creation {
        Creation::Closed => draft.memory.unenforced = false,
        Creation::Open => draft.memory.unenforced |= closed_for_long(draft, runtime),
        Creation::NotTried | Creation::NotServed | Creation::Unproven(_) => {}
    }
}

/// The policy is strict and the condition that it reads has been False for a while: whoever creates a VM is to be refused.
pub(super) fn closed_for_long(draft: &mut Draft<'_>, runtime: &RuntimeFacts) -> bool {
    let strict = match &draft.observed.admission {
        Admission::Unavailable(_) => false,
        Admission::Available(policies) => policies
            .iter()
            .any(|facts| facts.policy == Policy::CreationGate && facts.armed == Armed::Strict),
    };
    let closed = condition::find(&runtime.status.conditions, kind::VM_CREATION_ALLOWED)
        .filter(|condition| condition.status == ConditionStatus::False)
        .and_then(|condition| condition.last_transition_time.as_ref())
        .map(|time| time.0);
    let wait = draft.settings.pace.arming;
    strict && closed.is_some_and(|since| draft.elapsed(since, wait))
}

fn advance(draft: &mut Draft<'_>, facts: &PolicyFacts, kept: Kept) {
    let namespace = draft.observed.engine_namespace.clone();
    let changed_by = facts
        .seen
        .policy
        .as_ref()
        .or(facts.seen.binding.as_ref())
        .and_then(|seen| seen.changed_by.clone());
    let arm = |strict| Step::ArmPolicy {
        policy: facts.policy,
        strict,
        engine_namespace: namespace.clone(),
        seen: facts.seen.clone(),
    };
    let strict = match facts.armed {
        Armed::Absent => !has_parameters(facts.policy),
        Armed::Differs { strict } => strict,
        Armed::FailsOpen { since } => {
            let proven = draft.observed.creation == Creation::Closed;
            let arming = draft.settings.pace.arming;
            if !proven && !draft.elapsed(since, arming) {
                return;
            }
            if changed_by.is_none() {
                // The second half of our own arming.
                draft.steps.push(arm(true));
                return;
            }
            true
        }
        Armed::Strict => {
            draft.keep(kept, &namespace, Found::Right);
            return;
        }
    };
    draft.keep(kept, &namespace, Found::Wrong(arm(strict), changed_by));
}

fn wanted(draft: &Draft<'_>, policy: Policy) -> bool {
    match policy {
        Policy::CreationGate => true,
        Policy::SafeDisable => draft.settings.safe_disable,
        // Somebody else's engine is theirs to remove. One that is going removes its own definitions: enabling in the
        // middle of that must not keep it from finishing.
        Policy::EngineProtection => {
            let kubevirt = draft.observed.engine.kubevirt.ours();
            kubevirt.is_some_and(|kubevirt| !kubevirt.deleting)
        }
    }
}

/// Does the policy read VMRuntime as its parameter?
fn has_parameters(policy: Policy) -> bool {
    match policy {
        Policy::CreationGate | Policy::EngineProtection => true,
        Policy::SafeDisable => false,
    }
}
