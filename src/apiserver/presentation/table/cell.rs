//! Pieces that the cells of built-in resources are made of.

use jiff::Timestamp;
use serde_json::Value;

use crate::presentation::age;

/// The text at a JSON pointer, empty where there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The text at a JSON pointer, or what stands for none.
pub(super) fn text_or(object: &Value, pointer: &str, none: &str) -> Value {
    match text(object, pointer) {
        "" => none.into(),
        text => text.into(),
    }
}

/// The integer at a JSON pointer, 0 where there is none.
pub(super) fn integer(object: &Value, pointer: &str) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// The list at a JSON pointer, empty where there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// How many members or elements there are at a JSON pointer.
pub(super) fn size(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Object(members)) => members.len(),
        Some(Value::Array(elements)) => elements.len(),
        Some(_) | None => 0,
    }
}

pub(super) fn name(object: &Value) -> Value {
    text(object, "/metadata/name").into()
}

/// How old the object is.
pub(super) fn age_of(object: &Value, now: Timestamp) -> Value {
    age::since(object.pointer("/metadata/creationTimestamp"), now).into()
}

/// The first of many, how many more there are, or what stands for none.
pub(super) fn few(all: &[String], most: usize, none: &str) -> String {
    match all.len() {
        0 => none.to_owned(),
        many if many > most => format!("{} + {} more...", all[..most].join(","), many - most),
        _ => all.join(","),
    }
}

/// `a=b,c=d`, or `<none>`.
pub(super) fn labels(object: &Value, pointer: &str) -> String {
    let labels = object.pointer(pointer).and_then(Value::as_object);
    let pairs: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if pairs.is_empty() {
        "<none>".to_owned()
    } else {
        pairs.join(",")
    }
}

/// A label selector as text: the labels, then the expressions.
pub(super) fn selector(object: &Value, pointer: &str) -> String {
    let mut parts = Vec::new();
    // A ReplicationController's is labels alone.
    let plain = object.pointer(pointer).and_then(Value::as_object);
    let is_plain = plain.is_some_and(|selector| selector.values().all(Value::is_string));
    let equal = if is_plain {
        labels(object, pointer)
    } else {
        labels(object, &format!("{pointer}/matchLabels"))
    };
    if equal != "<none>" {
        parts.push(equal);
    }
    for expression in list(object, &format!("{pointer}/matchExpressions")) {
        let key = text(expression, "/key");
        let values: Vec<&str> = list(expression, "/values")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    if parts.is_empty() {
        "<none>".to_owned()
    } else {
        parts.join(",")
    }
}

/// Names and images of the containers of a pod template.
pub(super) fn containers(object: &Value, pointer: &str) -> (String, String) {
    let containers = list(object, pointer);
    let all = |field: &str| {
        let texts: Vec<&str> = containers
            .iter()
            .map(|container| text(container, field))
            .collect();
        texts.join(",")
    };
    (all("/name"), all("/image"))
}

/// Is the condition of this type `True`?
pub(super) fn condition_holds(object: &Value, kind: &str) -> bool {
    list(object, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == kind && text(condition, "/status") == "True")
}
