//! Reading what a cluster says part by part: one part that cannot be read must not hide the others, and must not look as
//! if it were absent. Used by the status types; whoever judges them meets a value that never counts as good.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{Condition, ConditionStatus, NodeResult};

/// Stands for the nodes of a map of which not even the names can be read. No node can have this name.
pub const UNREADABLE_NODES: &str = "(unreadable)";
/// Stands for a number that cannot be read: no count is negative.
pub const UNREADABLE_COUNT: i64 = -1;

/// `None` where the value is absent, null, or cannot be read: for what nothing good follows from.
pub fn option<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Value::deserialize(from).map(|value| serde_json::from_value(value).unwrap_or_default())
}

/// A verdict that is there and cannot be read has been given, and is no pass.
pub fn verdict<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Value::deserialize(from).map(|value| match value {
        Value::Null => None,
        Value::Bool(pass) => Some(pass),
        Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Some(false),
    })
}

/// A count that is there and cannot be read is [`UNREADABLE_COUNT`].
pub fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Value::deserialize(from)
        .map(|value| (!value.is_null()).then(|| value.as_i64().unwrap_or(UNREADABLE_COUNT)))
}

/// The results of nodes: an entry that cannot be read is a node that is unknown.
pub fn nodes<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, NodeResult>, D::Error> {
    let unreadable = || NodeResult {
        unknown: Some(true),
        message: Some("its result cannot be read".to_owned()),
        ..NodeResult::default()
    };
    Value::deserialize(from).map(|value| match value {
        Value::Null => BTreeMap::new(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(name, entry)| (name, object(entry).unwrap_or_else(unreadable)))
            .collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            BTreeMap::from([(UNREADABLE_NODES.to_owned(), unreadable())])
        }
    })
}

/// Serde would read a list as the fields of a struct, one after the other.
fn object<T: DeserializeOwned>(value: Value) -> Option<T> {
    value
        .is_object()
        .then(|| serde_json::from_value(value).ok())?
}

/// A list; null is an empty one, as everywhere in Kubernetes.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// Names: what is no name is left out.
pub fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Value::deserialize(from).map(|value| match value {
        Value::Array(names) => names
            .into_iter()
            .filter_map(|name| serde_json::from_value(name).ok())
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Vec::new()
        }
    })
}

/// Conditions: one that cannot be read is `Unknown`, under the type that it names, and so are several of one type that
/// contradict each other.
pub fn conditions<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Condition>, D::Error> {
    let unreadable = |value: &Value| Condition {
        type_: value["type"].as_str().unwrap_or_default().to_owned(),
        status: ConditionStatus::Unknown,
        message: "the condition cannot be read".to_owned(),
        ..Condition::default()
    };
    Value::deserialize(from).map(|value| match value {
        Value::Null => Vec::new(),
        Value::Array(conditions) => one_of_each_type(
            conditions
                .into_iter()
                .map(|value| object(value.clone()).unwrap_or_else(|| unreadable(&value))),
        ),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            vec![unreadable(&value)]
        }
    })
}

fn one_of_each_type(conditions: impl Iterator<Item = Condition>) -> Vec<Condition> {
    let mut all: Vec<Condition> = Vec::new();
    for condition in conditions {
        match all.iter_mut().find(|seen| seen.type_ == condition.type_) {
            None => all.push(condition),
            Some(seen) if seen.status == condition.status => *seen = condition,
            Some(seen) => {
                "several conditions of this type contradict each other"
                    .clone_into(&mut seen.message);
                seen.reason.clear();
                seen.status = ConditionStatus::Unknown;
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{VMRuntimePreflightCheckStatus, VMRuntimeStatus};

    fn status(value: Value) -> VMRuntimePreflightCheckStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn one_node_that_cannot_be_read_is_unknown_and_the_others_stay() {
        let good = json!({"passed": true, "results": [{"checkName": "KVM", "passed": true}]});
        for broken in [
            json!("yes"),
            json!(null),
            json!([]),
            json!([true]),
            json!({"passed": "yes"}),
            json!({"passed": true, "unknown": "no"}),
            json!({"passed": true, "results": [{"checkName": "KVM", "passed": 1}]}),
        ] {
            let read = status(json!({"checks": {"a": good, "b": broken}}));
            assert!(read.checks["a"].passed, "{broken}");
            assert_eq!(read.checks["b"].unknown, Some(true), "{broken}");
        }
        let bare = status(json!({"checks": {"a": {"passed": true, "results": null}}}));
        assert_eq!(bare.checks["a"].unknown, None);
        let read = status(json!({"checks": [1], "failures": null}));
        assert_eq!(read.checks[UNREADABLE_NODES].unknown, Some(true));
        assert!(read.failures.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_there_and_is_not_good() {
        for (pass, expected) in [
            (json!(null), None),
            (json!(true), Some(true)),
            (json!("true"), Some(false)),
            (json!(1), Some(false)),
        ] {
            assert_eq!(status(json!({"pass": pass})).pass, expected, "{pass}");
        }
        for (count, expected) in [
            (json!(null), None),
            (json!(2), Some(2)),
            (json!("2"), Some(UNREADABLE_COUNT)),
            (json!(1.5), Some(UNREADABLE_COUNT)),
        ] {
            let read = status(json!({"unknownNodeNum": count}));
            assert_eq!(read.unknown_node_num, expected, "{count}");
        }
        let read = status(json!({"pass": true, "startTime": "yesterday", "message": 7}));
        assert_eq!(read.pass, Some(true));
        assert_eq!((read.start_time, read.message), (None, None));
    }

    #[test]
    fn one_condition_that_cannot_be_read_does_not_hide_the_others() {
        let read: VMRuntimeStatus = serde_json::from_value(json!({"conditions": [
            {"type": "Ready", "status": "Perhaps"}, {"type": "Degraded", "status": "True"}, 3,
        ]}))
        .unwrap();
        let read: Vec<_> = read
            .conditions
            .iter()
            .map(|condition| (condition.type_.as_str(), condition.status))
            .collect();
        assert_eq!(
            read,
            [
                ("Ready", ConditionStatus::Unknown),
                ("Degraded", ConditionStatus::True),
                ("", ConditionStatus::Unknown)
            ]
        );
    }

    #[test]
    fn conditions_that_contradict_each_other_say_nothing() {
        for (statuses, expected) in [
            (["True", "False"], ConditionStatus::Unknown),
            (["False", "True"], ConditionStatus::Unknown),
            (["True", "True"], ConditionStatus::True),
        ] {
            let ready = statuses.map(|status| json!({"type": "Ready", "status": status}));
            let read: VMRuntimeStatus =
                serde_json::from_value(json!({"conditions": ready})).unwrap();
            assert_eq!(read.conditions.len(), 1);
            assert_eq!(read.conditions[0].status, expected, "{statuses:?}");
        }
    }
}
