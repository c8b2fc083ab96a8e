//! What a VMRuntime says of itself, read with the caution that a foreign controller asks for.

use crate::api::{
    ConditionStatus, VMRuntime, VMRuntimeStatus,
    condition::{find, kind},
};

/// The generation that the status speaks of: by its own word, or else by that of its condition Ready.
#[must_use]
pub fn generation(status: &VMRuntimeStatus) -> Option<i64> {
    let of_ready = || find(&status.conditions, kind::READY)?.observed_generation;
    status.observed_generation.or_else(of_ready)
}

/// Does the status speak of this generation of the spec? Where no generation is published, it has to be believed.
#[must_use]
pub fn is_current(runtime: &VMRuntime) -> bool {
    let observed = runtime.status.as_ref().and_then(generation);
    match (observed, runtime.metadata.generation) {
        (Some(observed), Some(generation)) => observed >= generation,
        (None, _) | (_, None) => true,
    }
}

/// Can VMs be run, as far as the status speaks of this generation? `None` where nothing is reported, or that nobody knows.
#[must_use]
pub fn ready(runtime: &VMRuntime) -> Option<bool> {
    let status = runtime.status.as_ref()?;
    let reported = status.ready?;
    if !is_current(runtime) {
        return Some(false);
    }
    match find(&status.conditions, kind::READY).map(|condition| condition.status) {
        Some(ConditionStatus::Unknown) => None,
        Some(ConditionStatus::False) => Some(false),
        Some(ConditionStatus::True) | None => Some(reported),
    }
}

/// Enabled, and VMs can be run.
#[must_use]
pub fn is_ready(runtime: &VMRuntime) -> bool {
    runtime.spec.enabled && ready(runtime) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Condition;

    #[test]
    fn a_condition_that_does_not_know_is_no_verdict() {
        for (reported, condition, expected) in [
            (true, ConditionStatus::True, Some(true)),
            (true, ConditionStatus::False, Some(false)),
            (true, ConditionStatus::Unknown, None),
            (false, ConditionStatus::Unknown, None),
            (false, ConditionStatus::True, Some(false)),
        ] {
            let status = VMRuntimeStatus {
                ready: Some(reported),
                conditions: vec![Condition {
                    type_: kind::READY.to_owned(),
                    status: condition,
                    ..Condition::default()
                }],
                ..VMRuntimeStatus::default()
            };
            let runtime = VMRuntime {
                status: Some(status),
                ..VMRuntime::default()
            };
            assert_eq!(ready(&runtime), expected, "{condition:?}");
        }
    }

    #[test]
    fn ready_counts_only_for_this_generation() {
        for (enabled, ready, observed, generation, expected) in [
            (true, Some(true), Some(2), Some(2), true),
            (true, Some(true), Some(1), Some(2), false),
            (true, Some(true), None, Some(2), true),
            (true, Some(false), Some(2), Some(2), false),
            (true, None, None, None, false),
            (false, Some(true), Some(2), Some(2), false),
        ] {
            let mut runtime = VMRuntime::default();
            runtime.spec.enabled = enabled;
            runtime.metadata.generation = generation;
            runtime.status = Some(VMRuntimeStatus {
                ready,
                observed_generation: observed,
                ..VMRuntimeStatus::default()
            });
            assert_eq!(is_ready(&runtime), expected, "{runtime:?}");
        }
    }

    #[test]
    fn where_the_status_names_no_generation_its_condition_does() {
        for (status, condition, expected) in [
            (None, Some(1), false),
            (None, Some(2), true),
            (None, None, true),
            (Some(2), Some(1), true),
            (Some(1), Some(2), false),
        ] {
            let mut runtime = VMRuntime::default();
            runtime.spec.enabled = true;
            runtime.metadata.generation = Some(2);
            runtime.status = Some(VMRuntimeStatus {
                ready: Some(true),
                observed_generation: status,
                conditions: vec![Condition {
                    type_: kind::READY.to_owned(),
                    status: ConditionStatus::True,
                    observed_generation: condition,
                    ..Condition::default()
                }],
                ..VMRuntimeStatus::default()
            });
            assert_eq!(is_ready(&runtime), expected, "{runtime:?}");
        }
    }
}
