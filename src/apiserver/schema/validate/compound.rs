//! Lists and objects, and what of them continues something that is stored.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{ListType, Node, Outcome, child, field, list, ratcheted};
use crate::{object::field_error, schema::MapType};

pub(super) fn check_array(
    node: &Node,
    elements: &[Value],
    old: Option<&Value>,
    path: &str,
) -> Outcome {
    let mut outcome = Outcome {
        causes: Vec::new(),
        matches: 1,
    };
    if let Some(items) = &node.items {
        let stored = OldElements::of(node, old);
        for (index, element) in elements.iter().enumerate() {
            let old = stored.before(node, element);
            outcome.merge(ratcheted(items, element, old, &format!("{path}[{index}]")));
        }
    }
    let size = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    if let Some(least) = node.min_items
        && size < least
    {
        let detail = format!("{path} in body should have at least {least} items");
        outcome.add(field_error::invalid(
            field(path),
            &Value::from(size),
            detail,
        ));
    }
    if let Some(most) = node.max_items
        && size > most
    {
        outcome.add(field_error::too_many(field(path), elements.len(), most));
    }
    if node.unique_items
        && elements
            .iter()
            .enumerate()
            .any(|(index, element)| elements[..index].contains(element))
    {
        let detail = format!("{path} in body shouldn't contain duplicates");
        outcome.add(field_error::invalid(field(path), &Value::from(""), detail));
    }
    outcome
}

/// The stored elements of a list by their keys, of repeated ones the first: known in lists of type `map` alone.
pub(in crate::schema) struct OldElements<'a>(HashMap<Value, &'a Value>);

impl<'a> OldElements<'a> {
    pub fn of(node: &Node, old: Option<&'a Value>) -> Self {
        let old = old.filter(|_| node.list_type == Some(ListType::Map));
        let old = old.and_then(Value::as_array).into_iter().flatten();
        Self(old.rev().map(|old| (list::key(node, old), old)).collect())
    }

    /// The one that a new element continues.
    pub fn before(&self, node: &Node, element: &Value) -> Option<&'a Value> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&list::key(node, element)).copied()
    }
}

/// The stored member that a new one continues; an atomic map is replaced as a whole.
pub(in crate::schema) fn old_member<'a>(
    node: &Node,
    name: &str,
    old: Option<&'a Value>,
) -> Option<&'a Value> {
    if node.map_type == Some(MapType::Atomic) {
        return None;
    }
    old?.get(name)
}

pub(super) fn check_object(
    node: &Node,
    members: &Map<String, Value>,
    old: Option<&Value>,
    path: &str,
) -> Outcome {
    let mut outcome = Outcome::default();
    let size = i64::try_from(members.len()).unwrap_or(i64::MAX);
    if let Some(least) = node.min_properties
        && size < least
    {
        let detail = format!("{path} in body should have at least {least} properties");
        outcome.add(field_error::invalid(
            field(path),
            &Value::from(size),
            detail,
        ));
    }
    if let Some(most) = node.max_properties
        && size > most
    {
        outcome.add(field_error::too_many(field(path), members.len(), most));
    }
    if let Some(additional) = node.additional() {
        for (name, member) in members
            .iter()
            .filter(|(name, _)| !node.properties.contains_key(*name))
        {
            let old = old_member(node, name, old);
            outcome.merge(ratcheted(
                additional,
                member,
                old,
                &format!("{path}.{name}"),
            ));
        }
    }
    for (name, property) in &node.properties {
        if let Some(member) = members.get(name) {
            // Both are converted to the version of the request: that they are the same says nothing.
            let is_type = path.is_empty() && matches!(name.as_str(), "apiVersion" | "kind");
            let old = old_member(node, name, old).filter(|_| !is_type);
            outcome.merge(ratcheted(property, member, old, &child(path, name)));
        }
    }
    for name in node
        .required
        .iter()
        .filter(|name| !members.contains_key(*name))
    {
        outcome.add(field_error::required(field(&format!("{path}.{name}")), ""));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_of_a_list_of_maps_continue_the_first_that_has_their_keys() {
        let node = |list_type: &str| -> Node {
            serde_json::from_value(json!({
                "type": "array", "x-kubernetes-list-type": list_type, "x-kubernetes-list-map-keys": ["a", "b"],
                "items": {"type": "object"},
            }))
            .unwrap()
        };
        let old = json!([{"a": 1, "b": 1, "n": 1}, {"a": 1, "n": 2}, {"a": 1, "b": 1, "n": 3}]);
        for (list_type, element, expected) in [
            ("map", json!({"a": 1, "b": 1}), json!(1)),
            ("map", json!({"a": 1}), json!(2)),
            ("map", json!({"b": 1}), json!(null)),
            ("atomic", json!({"a": 1, "b": 1}), json!(null)),
        ] {
            let node = node(list_type);
            let before = OldElements::of(&node, Some(&old)).before(&node, &element);
            let found = before.map_or(json!(null), |before| before["n"].clone());
            assert_eq!(found, expected, "{list_type} {element}");
            assert_eq!(OldElements::of(&node, None).before(&node, &element), None);
        }
    }
}
