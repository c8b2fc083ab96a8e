//! Duplicates in lists of type `map` and `set`: k8s.io/apiextensions-apiserver `pkg/apiserver/schema/listtype`.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{ListType, Node, child};
use crate::object::field_error::{self, FieldError};

/// All duplicates below a value.
pub(super) fn check(node: &Node, value: &Value, path: &str) -> Vec<FieldError> {
    match value {
        Value::Object(members) => members
            .iter()
            .filter_map(|(name, member)| {
                let (field, path) = match node.properties.get(name) {
                    Some(field) => (field, child(path, name)),
                    None => (node.additional()?, format!("{path}[{name}]")),
                };
                Some(check(field, member, &path))
            })
            .flatten()
            .collect(),
        Value::Array(elements) => {
            let mut causes = match node.list_type {
                Some(ListType::Set) => duplicates(elements, path),
                Some(ListType::Map) => check_map(node, elements, path),
                Some(ListType::Atomic) | None => Vec::new(),
            };
            if let Some(items) = &node.items {
                for (index, element) in elements.iter().enumerate() {
                    causes.extend(check(items, element, &format!("{path}[{index}]")));
                }
            }
            causes
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn check_map(node: &Node, elements: &[Value], path: &str) -> Vec<FieldError> {
    let odd = elements
        .iter()
        .enumerate()
        .find(|(_, element)| !element.is_object() && !element.is_null());
    if let Some((index, element)) = odd {
        let field = format!("{path}[{index}]");
        return vec![field_error::invalid(
            &field,
            element,
            "must be an object for an array of list-type map",
        )];
    }
    let keys: Vec<Value> = elements.iter().map(|element| key(node, element)).collect();
    duplicates(&keys, path)
}

/// The members of an element that identify it in a list of type `map`.
pub(crate) fn key(node: &Node, element: &Value) -> Value {
    let key: Map<String, Value> = node
        .list_map_keys
        .iter()
        .filter_map(|name| Some((name.clone(), element.get(name)?.clone())))
        .collect();
    Value::Object(key)
}

/// The first repetition of every value.
fn duplicates(values: &[Value], path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let mut seen: HashMap<&Value, usize> = HashMap::new();
    for (index, value) in values.iter().enumerate() {
        let count = seen.entry(value).or_default();
        if *count == 1 {
            causes.push(field_error::duplicate(&format!("{path}[{index}]"), value));
        }
        *count += 1;
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_repetition_of_every_value_is_a_duplicate() {
        for (values, expected) in [
            (json!(["a", "b", "a", "a", "b"]), vec!["[2]", "[4]"]),
            (json!([1, 1.0, "1", true]), vec![]),
            (json!([0.0, -0.0]), vec!["[1]"]),
            (json!([{"a": 1, "b": [2]}, {"b": [2], "a": 1}]), vec!["[1]"]),
        ] {
            let causes = duplicates(values.as_array().unwrap(), "");
            let fields: Vec<&str> = causes.iter().map(|cause| cause.field.as_str()).collect();
            assert_eq!(fields, expected, "{values}");
        }
    }
}
