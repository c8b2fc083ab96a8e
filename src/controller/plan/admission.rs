//! Which admission policies are to be in force, and in which order they come into force.
//!
//! A policy that fails closed before the API server has learned its parameter kind blocks every VM for about 23
//! seconds (measured). So: first failing open, with its binding; then tried; only then failing closed.

use super::{Draft, Step};
use crate::controller::observed::{
    Admission, Armed, Creation, Policy, PolicyFacts, RuntimeFacts,
};

/// Brings the policies one step nearer to where they are wanted.
pub(super) fn arm(draft: &mut Draft<'_>, _runtime: &RuntimeFacts) {
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
    match facts.armed {
        Armed::Absent => Some(Step::ArmPolicy {
            policy,
            strict: !has_parameters(policy),
        }),
        Armed::Differs { strict } => Some(Step::ArmPolicy { policy, strict }),
        Armed::Lenient { since } => {
            let proven = draft.observed.creation == Creation::Closed;
            let arming = draft.settings.pace.arming;
            (proven || draft.elapsed(since, arming)).then_some(Step::ArmPolicy {
                policy,
                strict: true,
            })
        }
        Armed::Strict => None,
    }
}

fn wanted(draft: &Draft<'_>, policy: Policy) -> bool {
    match policy {
        Policy::CreationGate => true,
        Policy::SafeDisable => draft.settings.safe_disable,
        // Somebody else's engine is theirs to remove.
        Policy::EngineProtection => draft.observed.engine.kubevirt.ours().is_some(),
    }
}

/// Does the policy read VMRuntime as its parameter?
fn has_parameters(policy: Policy) -> bool {
    match policy {
        Policy::CreationGate | Policy::EngineProtection => true,
        Policy::SafeDisable => false,
    }
}
