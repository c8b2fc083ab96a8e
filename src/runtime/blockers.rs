//! What of a VMRuntime a person should look at: what keeps it from where its spec wants it, and which conditions are out
//! of the ordinary. Called by `bmctl status`.

use super::observed;
use crate::api::{
    Condition, ConditionStatus, VMRuntime,
    condition::{find, kind},
};

/// What is in the way, most general first; empty where everything is as the spec wants it.
#[must_use]
pub fn blockers(runtime: &VMRuntime) -> Vec<String> {
    let mut blockers = Vec::new();
    if runtime.metadata.deletion_timestamp.is_some() {
        blockers.push("the VMRuntime object is being deleted".to_owned());
    }
    if !observed::is_current(runtime) {
        blockers.push("the controller has not taken up the latest change of the spec".to_owned());
    }
    let status = runtime.status.clone().unwrap_or_default();
    let enabled = runtime.spec.enabled;
    // Type, and the status that is in the way.
    let obstacles = [
        (kind::READY, ConditionStatus::False, enabled),
        (kind::PREFLIGHT_PASSED, ConditionStatus::False, enabled),
        (kind::VM_CREATION_ALLOWED, ConditionStatus::False, enabled),
        (kind::DISABLE_BLOCKED, ConditionStatus::True, true),
        (kind::DEGRADED, ConditionStatus::True, true),
    ];
    for (type_, bad, counts) in obstacles {
        let condition = find(&status.conditions, type_);
        blockers.extend(
            condition
                .filter(|condition| counts && condition.status == bad)
                .map(says),
        );
    }
    if enabled && status.ready != Some(true) && find(&status.conditions, kind::READY).is_none() {
        blockers.push("status.ready is not true".to_owned());
    }
    blockers
}

/// `Ready is False (PreflightFailed): 1 node failed`.
fn says(condition: &Condition) -> String {
    let mut text = format!("{} is {:?}", condition.type_, condition.status);
    if !condition.reason.is_empty() {
        text = format!("{text} ({})", condition.reason);
    }
    if !condition.message.is_empty() {
        text = format!("{text}: {}", condition.message);
    }
    text
}

/// The conditions that are out of the ordinary, in the order in which they are published.
#[must_use]
pub fn noteworthy(runtime: &VMRuntime) -> Vec<Condition> {
    let conditions = runtime
        .status
        .as_ref()
        .map(|status| status.conditions.as_slice());
    conditions
        .unwrap_or_default()
        .iter()
        .filter(|condition| !is_ordinary(condition, runtime.spec.enabled))
        .cloned()
        .collect()
}

/// Unknown never is. What is good is True, unless nobody wants it; everything else, also what we do not know, is False.
fn is_ordinary(condition: &Condition, enabled: bool) -> bool {
    let good = [
        kind::READY,
        kind::PREFLIGHT_PASSED,
        kind::VM_CREATION_ALLOWED,
    ]
    .contains(&condition.type_.as_str());
    match condition.status {
        ConditionStatus::Unknown => false,
        ConditionStatus::True => good,
        ConditionStatus::False => !good || !enabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::VMRuntimeStatus;

    fn runtime(
        enabled: bool,
        ready: Option<bool>,
        conditions: &[(&str, ConditionStatus)],
    ) -> VMRuntime {
        let mut runtime = VMRuntime::default();
        runtime.spec.enabled = enabled;
        runtime.metadata.generation = Some(2);
        runtime.status = Some(VMRuntimeStatus {
            ready,
            observed_generation: Some(2),
            conditions: conditions
                .iter()
                .map(|(type_, status)| Condition {
                    type_: (*type_).to_owned(),
                    status: *status,
                    reason: "Because".to_owned(),
                    ..Condition::default()
                })
                .collect(),
            ..VMRuntimeStatus::default()
        });
        runtime
    }

    #[test]
    fn what_is_in_the_way() {
        use ConditionStatus::{False, True};
        for (runtime, expected) in [
            (runtime(true, Some(true), &[(kind::READY, True)]), vec![]),
            (runtime(false, Some(false), &[(kind::READY, False)]), vec![]),
            (runtime(false, None, &[]), vec![]),
            (
                runtime(true, Some(false), &[(kind::READY, False)]),
                vec!["Ready is False (Because)"],
            ),
            (runtime(true, None, &[]), vec!["status.ready is not true"]),
            (
                runtime(false, Some(true), &[(kind::DISABLE_BLOCKED, True)]),
                vec!["DisableBlocked is True (Because)"],
            ),
        ] {
            assert_eq!(blockers(&runtime), expected, "{runtime:?}");
        }
    }

    #[test]
    fn a_status_of_an_earlier_generation_is_not_believed() {
        let mut lagging = runtime(true, Some(true), &[(kind::READY, ConditionStatus::True)]);
        assert_eq!(observed::ready(&lagging), Some(true));
        lagging.metadata.generation = Some(3);
        assert_eq!(observed::ready(&lagging), Some(false));
        assert_eq!(blockers(&lagging).len(), 1);
        lagging.status = None;
        assert_eq!(observed::ready(&lagging), None);
    }

    #[test]
    fn what_is_out_of_the_ordinary() {
        use ConditionStatus::{False, True, Unknown};
        for (enabled, type_, status, expected) in [
            (true, kind::READY, True, false),
            (true, kind::READY, False, true),
            (false, kind::READY, False, false),
            (false, kind::READY, Unknown, true),
            (true, kind::DEGRADED, False, false),
            (true, kind::DEGRADED, True, true),
            (true, kind::EMULATION_FORCED, True, true),
            (true, "SomebodyElses", True, true),
            (true, "SomebodyElses", False, false),
        ] {
            let runtime = runtime(enabled, None, &[(type_, status)]);
            assert_eq!(
                !noteworthy(&runtime).is_empty(),
                expected,
                "{enabled} {type_} {status:?}"
            );
        }
    }
}
