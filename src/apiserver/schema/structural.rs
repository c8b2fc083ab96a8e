//! Is a schema structural? k8s.io/apiextensions-apiserver `pkg/apiserver/schema/validation.go`, and the static checks
//! of `pkg/apis/apiextensions/validation` on lists, maps and defaults.

mod nested;

use serde_json::Value;

use super::{ListType, Node, node::Additional};
use crate::object::field_error::{self, FieldError};

/// Where in the schema a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Everything that keeps the API server from accepting the schema, sorted as it sorts them.
pub(super) fn check(root: &Node, path: &str) -> Vec<FieldError> {
    let mut causes = Vec::new();
    check_node(root, Level::Root, path, &mut causes);
    check_metadata(root, path, &mut causes);
    nested::check_spine(root, root, path, &mut causes);
    causes.sort_by(|a, b| (&a.field, &a.message).cmp(&(&b.field, &b.message)));
    causes
}

fn check_node(node: &Node, level: Level, path: &str, causes: &mut Vec<FieldError>) {
    check_type(node, level, path, causes);
    check_extensions(node, path, causes);
    check_list(node, path, causes);
    nested::check_value_validation(node, path, causes);
    if let Some(additional) = &node.additional_properties {
        let place = format!("{path}.additionalProperties");
        if level == Level::Root {
            causes.push(field_error::forbidden(
                &place,
                "must not be used at the root",
            ));
        }
        if node.embedded_resource {
            let why = "must not be used if x-kubernetes-embedded-resource is set";
            causes.push(field_error::forbidden(&place, why));
        }
        let restricting = !matches!(additional, Additional::Allowed(true));
        if !node.properties.is_empty() && restricting {
            let why = "additionalProperties and properties are mutual exclusive";
            causes.push(field_error::forbidden(&place, why));
        }
    }
    if node.unique_items {
        let why =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(field_error::forbidden(&format!("{path}.uniqueItems"), why));
    }
    for (step, below) in node.children() {
        let level = if step == ".items" {
            Level::Item
        } else {
            Level::Field
        };
        check_node(below, level, &format!("{path}{step}"), causes);
    }
}

const KINDS: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

fn check_type(node: &Node, level: Level, path: &str, causes: &mut Vec<FieldError>) {
    let place = format!("{path}.type");
    let kind = Value::from(node.kind.as_str());
    if node.embedded_resource && node.kind != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(match node.kind.as_str() {
            "" => field_error::required(&place, why),
            _ => field_error::invalid(&place, &kind, why),
        });
    } else if node.kind.is_empty() && !node.int_or_string && !node.preserve_unknown {
        let where_ = match level {
            Level::Root => "at the root",
            Level::Item => "for specified array items",
            Level::Field => "for specified object fields",
        };
        causes.push(field_error::required(
            &place,
            &format!("must not be empty {where_}"),
        ));
    }
    if level == Level::Root && !node.kind.is_empty() && node.kind != "object" {
        causes.push(field_error::invalid(
            &place,
            &kind,
            "must be object at the root",
        ));
    }
    if !node.kind.is_empty() && !KINDS.contains(&node.kind.as_str()) {
        let supported: Vec<Value> = KINDS.iter().map(|kind| Value::from(*kind)).collect();
        causes.push(field_error::not_supported(&place, &kind, &supported));
    }
}

fn check_extensions(node: &Node, path: &str, causes: &mut Vec<FieldError>) {
    if node.int_or_string && node.preserve_unknown {
        let place = format!("{path}.x-kubernetes-preserve-unknown-fields");
        let why = "must be false if x-kubernetes-int-or-string is true";
        causes.push(field_error::invalid(&place, &Value::from(true), why));
    }
    if node.int_or_string && node.embedded_resource {
        let place = format!("{path}.x-kubernetes-embedded-resource");
        let why = "must be false if x-kubernetes-int-or-string is true";
        causes.push(field_error::invalid(&place, &Value::from(true), why));
    }
    if node.embedded_resource && !node.preserve_unknown && node.properties.is_empty() {
        let why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        causes.push(field_error::required(&format!("{path}.properties"), why));
    }
    let wrong_kind = |given: bool, wanted: &str, extension: &str| {
        let why = format!("must be {wanted} if {extension} is specified");
        let place = format!("{path}.type");
        match node.kind.as_str() {
            _ if !given => None,
            kind if kind == wanted => None,
            "" => Some(field_error::required(&place, &why)),
            kind => Some(field_error::invalid(&place, &Value::from(kind), why)),
        }
    };
    causes.extend(wrong_kind(
        node.map_type.is_some(),
        "object",
        "x-kubernetes-map-type",
    ));
    causes.extend(wrong_kind(
        node.list_type.is_some(),
        "array",
        "x-kubernetes-list-type",
    ));
}

fn check_list(node: &Node, path: &str, causes: &mut Vec<FieldError>) {
    if node.kind == "array" && node.items.is_none() {
        causes.push(field_error::required(
            &format!("{path}.items"),
            "must be specified",
        ));
    }
    let is_map = node.list_type == Some(ListType::Map);
    if !node.list_map_keys.is_empty() && !is_map {
        let place = format!("{path}.x-kubernetes-list-type");
        let why = "must be map if x-kubernetes-list-map-keys is non-empty";
        causes.push(match node.list_type {
            None => field_error::required(&place, why),
            Some(ListType::Set) => field_error::invalid(&place, &Value::from("set"), why),
            Some(ListType::Atomic | ListType::Map) => {
                field_error::invalid(&place, &Value::from("atomic"), why)
            }
        });
    }
    if !is_map {
        return;
    }
    let keys = format!("{path}.x-kubernetes-list-map-keys");
    if node.list_map_keys.is_empty() {
        causes.push(field_error::required(
            &keys,
            "must not be empty if x-kubernetes-list-type is map",
        ));
    }
    let Some(items) = &node.items else { return };
    if items.kind != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        causes.push(field_error::invalid(
            &format!("{path}.items.type"),
            &Value::from(items.kind.as_str()),
            why,
        ));
        return;
    }
    for key in &node.list_map_keys {
        let place = format!("{path}.items.properties[{key}]");
        let Some(property) = items.properties.get(key) else {
            let names = Value::from(node.list_map_keys.clone());
            causes.push(field_error::invalid(
                &keys,
                &names,
                "entries must all be names of item properties",
            ));
            continue;
        };
        if matches!(property.kind.as_str(), "array" | "object") {
            let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            causes.push(field_error::invalid(
                &format!("{place}.type"),
                &Value::from(items.kind.as_str()),
                why,
            ));
        }
        if !items.required.contains(key) && property.default.is_none() {
            let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            causes.push(field_error::required(&format!("{place}.default"), why));
        }
        if property.nullable {
            let why = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
            causes.push(field_error::forbidden(&format!("{place}.nullable"), why));
        }
    }
}

/// At the root the schema may say nothing of `metadata` but `name` and `generateName`.
fn check_metadata(root: &Node, path: &str, causes: &mut Vec<FieldError>) {
    for name in ["apiVersion", "kind"] {
        let given = root.properties.get(name);
        if let Some(node) = given.filter(|node| node.kind != "string") {
            let place = format!("{path}.properties[{name}].type");
            causes.push(field_error::invalid(
                &place,
                &Value::from(node.kind.as_str()),
                "must be string",
            ));
        }
    }
    let Some(metadata) = root.properties.get("metadata") else {
        return;
    };
    let place = format!("{path}.properties[metadata]");
    if metadata.kind != "object" {
        let kind = Value::from(metadata.kind.as_str());
        causes.push(field_error::invalid(
            &format!("{place}.type"),
            &kind,
            "must be object",
        ));
    }
    let restricts_names_only = metadata
        .properties
        .keys()
        .all(|name| matches!(name.as_str(), "name" | "generateName"));
    let says_more = !restricts_names_only
        || metadata.additional_properties.is_some()
        || metadata.preserve_unknown
        || metadata.embedded_resource
        || metadata.nullable
        || !metadata.title.is_empty()
        || !metadata.description.is_empty();
    if says_more {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        causes.push(field_error::forbidden(&place, why));
    }
    forbid_defaults(metadata, &place, "in top-level metadata", causes);
}

fn forbid_defaults(node: &Node, path: &str, where_: &str, causes: &mut Vec<FieldError>) {
    if node.default.is_some() {
        causes.push(field_error::forbidden(
            &format!("{path}.default"),
            &format!("must not be set {where_}"),
        ));
    }
    for (step, below) in node.children() {
        forbid_defaults(below, &format!("{path}{step}"), where_, causes);
    }
}
