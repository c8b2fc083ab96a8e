//! Lists and objects, and what of them continues something that is stored.

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
        for (index, element) in elements.iter().enumerate() {
            let old = old_element(node, element, old);
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

/// The stored element that a new one continues: known in lists of type `map` alone.
pub(in crate::schema) fn old_element<'a>(
    node: &Node,
    element: &Value,
    old: Option<&'a Value>,
) -> Option<&'a Value> {
    if node.list_type != Some(ListType::Map) {
        return None;
    }
    let key = list::key(node, element);
    old?.as_array()?
        .iter()
        .find(|old| list::key(node, old) == key)
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
