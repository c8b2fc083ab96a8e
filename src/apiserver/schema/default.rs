//! Defaulting: k8s.io/apiextensions-apiserver `pkg/apiserver/schema/defaulting`.

use serde_json::Value;

use super::Node;

/// Sets the default of every absent field whose parent is there; a null that is not allowed counts as absent.
pub(super) fn apply(value: &mut Value, node: &Node) {
    match value {
        Value::Object(members) => {
            for (name, field) in &node.properties {
                let Some(default) = &field.default else {
                    continue;
                };
                if members
                    .get(name)
                    .is_none_or(|present| forbidden_null(present, field))
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, member) in members.iter_mut() {
                if let Some(field) = node.properties.get(name) {
                    apply(member, field);
                } else if let Some(field) = node.additional() {
                    replace_forbidden_null(member, field);
                    apply(member, field);
                }
            }
        }
        Value::Array(elements) => {
            let Some(items) = &node.items else { return };
            for element in elements {
                replace_forbidden_null(element, items);
                apply(element, items);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Would [`apply`] change the value?
pub(super) fn is_missing(value: &Value, node: &Node) -> bool {
    let below = |value: &Value, node: &Node| {
        (forbidden_null(value, node) && node.default.is_some()) || is_missing(value, node)
    };
    match value {
        Value::Object(members) => {
            let absent = |(name, field): (&String, &Node)| {
                field.default.is_some() && !members.contains_key(name)
            };
            node.properties.iter().any(absent)
                || members.iter().any(|(name, member)| {
                    node.field(name).is_some_and(|field| below(member, field))
                })
        }
        Value::Array(elements) => {
            let items = node.items.as_deref();
            items.is_some_and(|items| elements.iter().any(|element| below(element, items)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Removes the null members that are neither allowed nor defaulted.
pub(super) fn remove_forbidden_nulls(value: &mut Value, node: Option<&Node>) {
    match value {
        Value::Object(members) => members.retain(|name, member| {
            let field = node.and_then(|node| node.field(name));
            let remove =
                field.is_some_and(|field| forbidden_null(member, field) && field.default.is_none());
            if !remove {
                remove_forbidden_nulls(member, field);
            }
            !remove
        }),
        Value::Array(elements) => {
            let items = node.and_then(|node| node.items.as_deref());
            for element in elements {
                remove_forbidden_nulls(element, items);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn forbidden_null(value: &Value, node: &Node) -> bool {
    value.is_null() && !node.nullable
}

fn replace_forbidden_null(value: &mut Value, node: &Node) {
    if forbidden_null(value, node)
        && let Some(default) = &node.default
    {
        *value = default.clone();
    }
}
