//! Which admission policies are to be in force, and in which order they come into force.
//!
//! A policy that fails closed before the API server has learned its parameter kind blocks every VM for about 23
//! seconds (measured). So: first failing open, with its binding; then tried; only then failing closed.

use super::{Draft, Step};
use crate::controller::observed::{Admission, Armed, Creation, Policy, PolicyFacts};

/// Brings the policies one step nearer to where they are wanted.
pub(super) fn arm(draft: &mut Draft<'_>) {
    let Admission::Available(policies) = &draft.observed.admission else {
        return;
    };
    for facts in policies {
        if let Some(step) = next(draft, facts) {
            draft.steps.push(step);
        }
    }
}

fn next(draft: &mut Draft<'_>, facts: &PolicyFacts) -> Option<Step> {
    let policy = facts.policy;
    if !wanted(draft, policy) {
        return (facts.armed != Armed::Absent).then_some(Step::DisarmPolicy(policy));
    }
    let strict = match facts.armed {
        Armed::Absent => !has_parameters(policy),
        Armed::Differs { strict } => strict,
        Armed::Lenient { since } => {
            let proven = draft.observed.creation == Creation::Closed;
            let arming = draft.settings.pace.arming;
            if !proven && !draft.elapsed(since, arming) {
                return None;
            }
            true
        }
        Armed::Strict => return None,
    };
    Some(Step::ArmPolicy {
        policy,
        strict,
        engine_namespace: draft.observed.engine_namespace.clone(),
    })
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
