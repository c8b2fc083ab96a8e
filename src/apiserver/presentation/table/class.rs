//! The rows of quotas, disruption budgets and classes of pods: what may be had, and how much of it.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, integer, name, text, text_or},
};

pub(super) const QUOTA: &[Definition] = &[
    ("Name", "string", 0),
    ("Request", "string", 0),
    ("Limit", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let (status, hard) = (&object["status"], &object["status"]["hard"]);
    let shown = |limits: bool| -> String {
        let hard = hard.as_object().into_iter().flatten();
        let some = hard.filter(|(resource, _)| resource.starts_with("limits.") == limits);
        let some = some.map(|(resource, most)| {
            let used = status["used"][resource].as_str().unwrap_or("0");
            format!("{resource}: {used}/{}", most.as_str().unwrap_or_default())
        });
        some.collect::<Vec<_>>().join(", ")
    };
    vec![
        name(object),
        shown(false).into(),
        shown(true).into(),
        age_of(object, now),
    ]
}

pub(super) const BUDGET: &[Definition] = &[
    ("Name", "string", 0),
    ("Min Available", "string", 0),
    ("Max Unavailable", "string", 0),
    ("Allowed Disruptions", "integer", 0),
    ("Age", "string", 0),
];

pub(super) fn budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = |field: &str| match &object["spec"][field] {
        Value::Null => "N/A".into(),
        Value::String(share) => share.as_str().into(),
        number => Value::from(number.to_string()),
    };
    vec![
        name(object),
        bound("minAvailable"),
        bound("maxUnavailable"),
        integer(object, "/status/disruptionsAllowed").into(),
        age_of(object, now),
    ]
}

pub(super) const PRIORITY: &[Definition] = &[
    ("Name", "string", 0),
    ("Value", "integer", 0),
    ("Global-Default", "boolean", 0),
    ("Age", "string", 0),
    ("PreemptionPolicy", "string", 0),
];

pub(super) fn priority(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        integer(object, "/value").into(),
        (object["globalDefault"] == true).into(),
        age_of(object, now),
        text_or(object, "/preemptionPolicy", "<unset>"),
    ]
}

pub(super) const RUNTIME: &[Definition] = &[
    ("Name", "string", 0),
    ("Handler", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn runtime(object: &Value, now: Timestamp) -> Vec<Value> {
    let handler = text(object, "/handler");
    vec![name(object), handler.into(), age_of(object, now)]
}
