//! What a VMRuntime says of itself, read with the caution that a foreign controller asks for.

use crate::api::{
    Condition, ConditionStatus, VMRuntime, VMRuntimeStatus,
    condition::{find, kind},
};

/// The generation that the status speaks of: by its own word and by that of its condition Ready, the older one.
#[must_use]
pub fn generation(status: &VMRuntimeStatus) -> Option<i64> {
    let ready = find(&status.conditions, kind::READY);
    let of_ready = ready.and_then(|ready| ready.observed_generation);
    let both = status.observed_generation.into_iter().chain(of_ready);
    both.min()
}

/// Is it not our controller's, which publishes a phase beside what it has observed and conditions? Google's of the newest
/// releases publishes what it has observed too, but no phase.
#[must_use]
pub fn is_foreign(status: &VMRuntimeStatus) -> bool {
    status.phase.is_none() || (status.observed_generation.is_none() && status.conditions.is_empty())
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
    if !is_current(runtime) || runtime.metadata.deletion_timestamp.is_some() {
        return Some(false);
    }
    match find(&status.conditions, kind::READY).map(|condition| condition.status) {
        Some(ConditionStatus::Unknown) => None,
        Some(ConditionStatus::False) => Some(false),
        Some(ConditionStatus::True) | None => Some(reported),
    }
}

/// What says that no VM may be created: while a disable is at work, and for a while after one has died, that is so although
/// VMs can be run.
#[must_use]
pub fn creation_closed(status: &VMRuntimeStatus) -> Option<&Condition> {
    let condition = find(&status.conditions, kind::VM_CREATION_ALLOWED)?;
    (condition.status == ConditionStatus::False).then_some(condition)
}

/// Enabled, and VMs can be created and run.
#[must_use]
pub fn is_ready(runtime: &VMRuntime) -> bool {
    let status = runtime.status.as_ref();
    let closed = status.and_then(creation_closed).is_some();
    runtime.spec.enabled && ready(runtime) == Some(true) && !closed
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
    fn what_is_being_deleted_is_not_ready() {
        let status = VMRuntimeStatus {
            ready: Some(true),
            ..VMRuntimeStatus::default()
        };
        let mut runtime = VMRuntime {
            status: Some(status),
            ..VMRuntime::default()
        };
        assert_eq!(ready(&runtime), Some(true));
        runtime.metadata.deletion_timestamp = Some(
            k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
        );
        assert_eq!(ready(&runtime), Some(false));
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
    fn where_no_vm_may_be_created_nothing_is_ready() {
        for (creation, expected) in [
            (Some(ConditionStatus::True), true),
            (Some(ConditionStatus::Unknown), true),
            (Some(ConditionStatus::False), false),
            // A controller that is not ours does not say it.
            (None, true),
        ] {
            let mut runtime = VMRuntime::default();
            runtime.spec.enabled = true;
            let condition = creation.map(|status| Condition {
                type_: kind::VM_CREATION_ALLOWED.to_owned(),
                status,
                ..Condition::default()
            });
            runtime.status = Some(VMRuntimeStatus {
                ready: Some(true),
                conditions: condition.into_iter().collect(),
                ..VMRuntimeStatus::default()
            });
            assert_eq!(is_ready(&runtime), expected, "{runtime:?}");
        }
    }

    #[test]
    fn the_older_generation_counts_that_the_status_or_its_condition_names() {
        for (status, condition, expected) in [
            (None, Some(1), false),
            (None, Some(2), true),
            (None, None, true),
            (Some(2), Some(1), false),
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
