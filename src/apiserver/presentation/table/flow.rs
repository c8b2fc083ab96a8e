//! The rows of flow schemas and priority levels.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, list, name, text, text_or},
};

pub(super) const SCHEMA: &[Definition] = &[
    ("Name", "string", 0),
    ("PriorityLevel", "string", 0),
    ("MatchingPrecedence", "string", 0),
    ("DistinguisherMethod", "string", 0),
    ("Age", "string", 0),
    ("MissingPL", "string", 0),
];

pub(super) fn schema(object: &Value, now: Timestamp) -> Vec<Value> {
    let conditions = list(object, "/status/conditions").iter();
    let mut dangling = conditions.filter(|condition| text(condition, "/type") == "Dangling");
    vec![
        name(object),
        text(object, "/spec/priorityLevelConfiguration/name").into(),
        object["spec"]["matchingPrecedence"].clone(),
        text_or(object, "/spec/distinguisherMethod/type", "<none>"),
        age_of(object, now),
        dangling
            .next()
            .map_or("?", |condition| text(condition, "/status"))
            .into(),
    ]
}

pub(super) const LEVEL: &[Definition] = &[
    ("Name", "string", 0),
    ("Type", "string", 0),
    ("NominalConcurrencyShares", "string", 0),
    ("Queues", "string", 0),
    ("HandSize", "string", 0),
    ("QueueLengthLimit", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn level(object: &Value, now: Timestamp) -> Vec<Value> {
    let limited = &object["spec"]["limited"];
    let number = |holder: &Value, field: &str| match &holder[field] {
        Value::Null => "<none>".into(),
        found => found.clone(),
    };
    let queuing = &limited["limitResponse"]["queuing"];
    vec![
        name(object),
        text(object, "/spec/type").into(),
        number(limited, "nominalConcurrencyShares"),
        number(queuing, "queues"),
        number(queuing, "handSize"),
        number(queuing, "queueLengthLimit"),
        age_of(object, now),
    ]
}
