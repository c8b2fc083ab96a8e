//! Pruning: k8s.io/apiextensions-apiserver `pkg/apiserver/schema/pruning`, and the same for `metadata`.

use serde_json::{Map, Value};

use super::{Node, child};

/// The members of `metav1.ObjectMeta`.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Removes unknown members of `metadata`, and returns their paths; for every kind of object, built in or custom.
fn prune_metadata(metadata: &mut Value, path: &str, unknown: &mut Vec<String>) {
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    metadata.retain(|name, _| {
        let known = METADATA.contains(&name.as_str());
        if !known {
            unknown.push(child(path, name));
        }
        known
    });
}

/// Removes everything that the schema does not specify, and returns the paths in order.
pub(super) fn prune(object: &mut Value, root: &Node) -> Vec<String> {
    let mut unknown = Vec::new();
    if root.preserve_unknown {
        keep(object, root, true, "", &mut unknown);
    } else {
        cut(object, Some(root), true, "", &mut unknown);
    }
    unknown.sort();
    unknown
}

/// Is it a member that every embedded resource, and the root, has?
fn is_type_or_metadata(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

fn cut(
    value: &mut Value,
    node: Option<&Node>,
    is_resource: bool,
    path: &str,
    unknown: &mut Vec<String>,
) {
    if let Some(node) = node.filter(|node| node.preserve_unknown) {
        keep(value, node, is_resource, path, unknown);
        return;
    }
    match value {
        Value::Object(members) => cut_members(members, node, is_resource, path, unknown),
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let items = node.and_then(|node| node.items.as_deref());
                let embedded = items.is_some_and(|items| items.embedded_resource);
                cut(
                    element,
                    items,
                    embedded,
                    &format!("{path}[{index}]"),
                    unknown,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn cut_members(
    members: &mut Map<String, Value>,
    node: Option<&Node>,
    is_resource: bool,
    path: &str,
    unknown: &mut Vec<String>,
) {
    members.retain(|name, member| {
        if node.is_some() && is_resource && is_type_or_metadata(name) {
            if name == "metadata" {
                prune_metadata(member, &child(path, name), unknown);
            }
            return true;
        }
        let below = child(path, name);
        match node {
            Some(node)
                if node.properties.contains_key(name) || node.additional_properties.is_some() =>
            {
                let field = node.field(name);
                let embedded = field.is_some_and(|field| field.embedded_resource);
                cut(member, field, embedded, &below, unknown);
                true
            }
            Some(_) | None => {
                unknown.push(below);
                false
            }
        }
    });
}

/// Where unknown fields are preserved, the known ones are still pruned below.
fn keep(value: &mut Value, node: &Node, is_resource: bool, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if is_resource && is_type_or_metadata(name) {
                    if name == "metadata" {
                        prune_metadata(member, &child(path, name), unknown);
                    }
                    continue;
                }
                if let Some(field) = node.properties.get(name) {
                    cut(
                        member,
                        Some(field),
                        field.embedded_resource,
                        &child(path, name),
                        unknown,
                    );
                } else if node.additional_properties.is_some() {
                    let field = node.additional();
                    let embedded = field.is_some_and(|field| field.embedded_resource);
                    cut(member, field, embedded, &child(path, name), unknown);
                }
            }
        }
        Value::Array(elements) => {
            let Some(items) = &node.items else { return };
            for (index, element) in elements.iter_mut().enumerate() {
                keep(
                    element,
                    items,
                    items.embedded_resource,
                    &format!("{path}[{index}]"),
                    unknown,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
