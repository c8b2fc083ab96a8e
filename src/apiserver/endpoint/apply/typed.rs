//! Objects seen through their schema: compared, merged, and taken apart field by field
//! (sigs.k8s.io/structured-merge-diff `typed`).

mod validate;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde_json::{Map, Value, json};

use super::set::{Element, FieldSet};
use crate::schema::{ListType, MapType, Node, Schema};

pub(super) use validate::faults;

/// What is known of a value's type.
#[derive(Clone, Copy)]
pub(super) enum Type<'a> {
    /// A whole object, whose metadata has the schema of every object's.
    Root(Option<&'a Node>),
    Known(&'a Node),
    /// Nothing: maps are merged member by member, lists are replaced.
    Deduced,
}

static METADATA: LazyLock<Node> = LazyLock::new(|| {
    let text = json!({"type": "string"});
    let texts = json!({"type": "object", "additionalProperties": text});
    let schema = json!({"type": "object", "properties": {
        "name": text, "generateName": text, "namespace": text, "uid": text, "resourceVersion": text,
        "selfLink": text, "creationTimestamp": text, "deletionTimestamp": text,
        "generation": {"type": "integer"}, "deletionGracePeriodSeconds": {"type": "integer"},
        "labels": texts, "annotations": texts,
        "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
        "ownerReferences": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"],
            "items": {"type": "object", "x-kubernetes-map-type": "atomic"}},
        "managedFields": {"type": "array", "items": {"type": "object"}},
    }});
    serde_json::from_value(schema).expect("a schema of our own")
});

static TEXT: LazyLock<Node> = LazyLock::new(Node::default);

impl<'a> Type<'a> {
    pub fn root(schema: Option<&'a Schema>) -> Self {
        Self::Root(schema.map(Schema::root))
    }

    fn node(self) -> Option<&'a Node> {
        match self {
            Self::Root(node) => node,
            Self::Known(node) => Some(node),
            Self::Deduced => None,
        }
    }

    fn field(self, name: &str) -> Self {
        match (self, name) {
            (Self::Root(_), "metadata") => Self::Known(&METADATA),
            (Self::Root(_), "apiVersion" | "kind") => Self::Known(&TEXT),
            _ => self
                .node()
                .and_then(|node| node.field(name))
                .map_or(Self::Deduced, Self::Known),
        }
    }

    fn items(self) -> Self {
        self.node()
            .and_then(|node| node.items.as_deref())
            .map_or(Self::Deduced, Self::Known)
    }

    /// Is the member one that the type itself names?
    fn names(self, name: &str) -> bool {
        match (self, name) {
            (Self::Root(None), _) | (Self::Root(_), "metadata" | "apiVersion" | "kind") => true,
            _ => self
                .node()
                .is_some_and(|node| node.properties.contains_key(name)),
        }
    }

    /// Are the value's parts set one by one?
    fn is_granular(self, value: &Value) -> bool {
        let node = self.node();
        match value {
            Value::Object(_) => node.is_none_or(|node| node.map_type != Some(MapType::Atomic)),
            Value::Array(_) => node
                .is_some_and(|node| matches!(node.list_type, Some(ListType::Set | ListType::Map))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// How an element of a list of type `map` or `set` is found again.
    fn element(self, value: &Value) -> Element {
        let keys = self
            .node()
            .filter(|node| node.list_type == Some(ListType::Map));
        keys.map_or_else(
            || Element::Value(value.to_string()),
            |node| {
                let keys = node.list_map_keys.iter().filter_map(|name| {
                    let default = || node.items.as_ref()?.properties.get(name)?.default.as_ref();
                    Some((name.clone(), value.get(name).or_else(default)?.clone()))
                });
                Element::Key(Value::Object(keys.collect()).to_string())
            },
        )
    }
}

/// The parts of a granular value, each with its place and type.
fn parts<'v, 't>(kind: Type<'t>, value: &'v Value) -> Vec<(Element, Type<'t>, &'v Value)> {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (Element::Field(name.clone()), kind.field(name), member))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .map(|element| (kind.element(element), kind.items(), element))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What differs between two values.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub added: FieldSet,
    pub modified: FieldSet,
    pub removed: FieldSet,
}

/// Compares an object before with the same after.
pub(super) fn compare(root: Type, before: &Value, after: &Value) -> Changes {
    let mut changes = Changes::default();
    walk(
        root,
        Some(before),
        Some(after),
        &mut Vec::new(),
        &mut changes,
    );
    changes
}

fn walk(
    kind: Type,
    before: Option<&Value>,
    after: Option<&Value>,
    path: &mut Vec<Element>,
    changes: &mut Changes,
) {
    let granular = |value: &Value| kind.is_granular(value) && !is_empty(value);
    let fits = |value: &Value| kind.is_granular(value) || value.is_null();
    let descends = before.is_some_and(granular) || after.is_some_and(granular);
    if descends && before.is_none_or(fits) && after.is_none_or(fits) {
        walk_parts(kind, before, after, path, changes);
    } else if before.is_some() && after.is_some() && before != after {
        changes.modified.insert(path);
        if let Some(after) = after.filter(|after| granular(after)) {
            walk_parts(kind, None, Some(after), path, changes);
        }
        if let Some(before) = before.filter(|before| granular(before)) {
            walk_parts(kind, Some(before), None, path, changes);
        }
    }
    match (before, after) {
        (None, Some(_)) => changes.added.insert(path),
        (Some(_), None) => changes.removed.insert(path),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// The parts of a value by their place, and how often each place is taken.
fn index<'v>(kind: Type, value: Option<&'v Value>) -> BTreeMap<Element, (&'v Value, usize)> {
    let mut index: BTreeMap<Element, (&Value, usize)> = BTreeMap::new();
    for (element, _, part) in value.map(|value| parts(kind, value)).unwrap_or_default() {
        index.entry(element).or_insert((part, 0)).1 += 1;
    }
    index
}

fn walk_parts(
    kind: Type,
    before: Option<&Value>,
    after: Option<&Value>,
    path: &mut Vec<Element>,
    changes: &mut Changes,
) {
    let (old, new) = (index(kind, before), index(kind, after));
    let elements: BTreeSet<&Element> = old.keys().chain(new.keys()).collect();
    for element in elements {
        let below = match element {
            Element::Field(name) => kind.field(name),
            Element::Key(_) | Element::Value(_) | Element::Index(_) => kind.items(),
        };
        let (old, new) = (old.get(element), new.get(element));
        let repeated = |part: Option<&(&Value, usize)>| part.is_some_and(|(_, count)| *count > 1);
        path.push(element.clone());
        if !repeated(old) && !repeated(new) {
            walk(
                below,
                old.map(|(part, _)| *part),
                new.map(|(part, _)| *part),
                path,
                changes,
            );
        } else if old != new {
            // Repeated elements are one thing.
            changes.modified.insert(path);
        }
        path.pop();
    }
}

/// The fields that an intent sets.
pub(super) fn field_set(root: Type, object: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(root, object, &mut Vec::new(), &mut set);
    set
}

fn collect(kind: Type, value: &Value, path: &mut Vec<Element>, set: &mut FieldSet) {
    if !kind.is_granular(value) {
        set.insert(path);
        return;
    }
    for (element, below, part) in parts(kind, value) {
        let is_named = match &element {
            Element::Field(name) => kind.names(name),
            Element::Key(_) | Element::Value(_) | Element::Index(_) => false,
        };
        path.push(element);
        collect(below, part, path, set);
        if !is_named || part.is_null() || part.as_object().is_some_and(Map::is_empty) {
            set.insert(path);
        }
        path.pop();
    }
}

/// Adds the parents that the type names to a set, so that they go when the last of their parts goes.
pub(super) fn with_named_parents(kind: Type, set: &FieldSet) -> FieldSet {
    let mut members = Vec::new();
    let mut children = BTreeMap::new();
    for (element, below) in set.children() {
        let part = match element {
            Element::Field(name) => {
                if kind.names(name) {
                    members.push(element.clone());
                }
                kind.field(name)
            }
            Element::Key(_) => kind.items(),
            Element::Value(_) | Element::Index(_) => Type::Deduced,
        };
        children.insert(element.clone(), with_named_parents(part, below));
    }
    set.with(members, children)
}

/// The object without the fields of a set.
pub(super) fn remove(kind: Type, value: &Value, set: &FieldSet) -> Value {
    if !kind.is_granular(value) {
        return value.clone();
    }
    let kept = parts(kind, value)
        .into_iter()
        .filter_map(|(element, below, part)| {
            if set.has(&element) {
                return None;
            }
            let part = set
                .below(&element)
                .map_or_else(|| part.clone(), |set| remove(below, part, set));
            Some((element, part))
        });
    match value {
        Value::Array(_) => kept.map(|(_, part)| part).collect(),
        Value::Object(_) => kept
            .filter_map(|(element, part)| match element {
                Element::Field(name) => Some((name, part)),
                Element::Key(_) | Element::Value(_) | Element::Index(_) => None,
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The live object with an intent laid over it.
pub(super) fn merge(kind: Type, live: &Value, intent: &Value) -> Value {
    if !(kind.is_granular(live) && kind.is_granular(intent)) {
        return intent.clone();
    }
    match (live, intent) {
        (Value::Object(live), Value::Object(intent)) => {
            let mut merged = live.clone();
            for (name, wanted) in intent {
                let value = live.get(name).map_or_else(
                    || wanted.clone(),
                    |live| merge(kind.field(name), live, wanted),
                );
                merged.insert(name.clone(), value);
            }
            merged.into()
        }
        (Value::Array(live), Value::Array(intent)) => merge_lists(kind, live, intent),
        _ => intent.clone(),
    }
}

/// Lists of type `map` and `set` keep the order of the intent, with what only the live list has in between.
fn merge_lists(kind: Type, live: &[Value], intent: &[Value]) -> Value {
    let live: Vec<(Element, &Value)> = live
        .iter()
        .map(|value| (kind.element(value), value))
        .collect();
    let intent: Vec<(Element, &Value)> = intent
        .iter()
        .map(|value| (kind.element(value), value))
        .collect();
    // The first of a repeated element counts, and so it is collected last.
    let live_values: BTreeMap<&Element, &Value> = live
        .iter()
        .rev()
        .map(|(element, value)| (element, *value))
        .collect();
    let intended: BTreeSet<&Element> = intent.iter().map(|(element, _)| element).collect();
    let in_live = |element: &Element| live_values.get(element).copied();
    let in_intent = |element: &Element| intended.contains(element);
    let mut shared = intent
        .iter()
        .map(|(element, _)| element)
        .filter(|element| in_live(element).is_some());
    let mut next_shared = shared.next();
    let mut merged_elements: BTreeSet<&Element> = BTreeSet::new();
    let mut merged = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < live.len() || r < intent.len() {
        if let (Some((left, _)), Some((right, _))) = (live.get(l), intent.get(r))
            && left != right
            && in_intent(left)
            && next_shared.is_some_and(|next| next != left)
        {
            // Shared, but its turn comes later.
            l += 1;
            continue;
        }
        if let Some((left, value)) = live.get(l) {
            if !in_intent(left) {
                merged.push((*value).clone());
                l += 1;
                continue;
            }
            if merged_elements.contains(left) {
                l += 1;
                continue;
            }
        }
        if let Some((right, value)) = intent.get(r) {
            let both = in_live(right).map(|live| merge(kind.items(), live, value));
            merged.push(both.unwrap_or_else(|| (*value).clone()));
            merged_elements.insert(right);
            r += 1;
            if live.get(l).is_some_and(|(left, _)| left == right) {
                l += 1;
            }
            if next_shared == Some(right) {
                next_shared = shared.next();
            }
        }
    }
    merged.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_merged_in_the_order_of_the_intent() {
        let texts: Node =
            serde_json::from_value(json!({"type": "array", "x-kubernetes-list-type": "set",
            "items": {"type": "string"}}))
            .unwrap();
        for (live, intent, expected) in [
            (json!(["a", "b"]), json!(["b", "a"]), json!(["b", "a"])),
            (
                json!(["a", "x", "b"]),
                json!(["b", "a"]),
                json!(["x", "b", "a"]),
            ),
            (
                json!(["x", "a", "b", "y"]),
                json!(["a", "new", "b"]),
                json!(["x", "a", "new", "b", "y"]),
            ),
            (json!(["a", "x", "a"]), json!(["a"]), json!(["a", "x"])),
            (json!([]), json!(["b", "a"]), json!(["b", "a"])),
        ] {
            assert_eq!(
                merge(Type::Known(&texts), &live, &intent),
                expected,
                "{live} {intent}"
            );
        }
    }

    #[test]
    fn the_first_of_repeated_elements_is_merged() {
        let ports: Node =
            serde_json::from_value(json!({"type": "array", "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object"}}))
            .unwrap();
        let live = json!([{"name": "a", "n": 1}, {"name": "b"}, {"name": "a", "n": 2}]);
        let merged = merge(Type::Known(&ports), &live, &json!([{"name": "a", "m": 3}]));
        assert_eq!(
            merged,
            json!([{"name": "a", "n": 1, "m": 3}, {"name": "b"}])
        );
    }
}
