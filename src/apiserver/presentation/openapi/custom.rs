//! The schema of a custom resource as it is published: its own, with what every object has, and without what clients of
//! the second version stumble over (k8s.io/apiextensions-apiserver `pkg/controller/openapi`).

use serde_json::{Map, Value, json};

use super::{Dialect, type_field};
use crate::{
    kind::{model, resource::ResourceType},
    object::metadata::text,
};

const METADATA: &str = "Standard object's metadata. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// The schema of a custom resource.
pub(super) fn schema(resource: &ResourceType, dialect: Dialect) -> Value {
    let raw = resource.raw_schema();
    // With any property at all kubectl takes those for everything that there is.
    let told = raw.filter(|raw| dialect == Dialect::V3 || raw[PRESERVE] != true);
    let Some(raw) = told else {
        return json!({"type": "object"});
    };
    let mut schema = published(raw, dialect, true);
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    for name in ["apiVersion", "kind"] {
        schema["properties"][name] = type_field(name);
    }
    schema["properties"]["metadata"] = described(model::OBJECT_METADATA, METADATA, dialect);
    schema
}

/// Notes the fields that selectors may name.
pub(super) fn note_selectable(resource: &ResourceType, schema: &mut Value) {
    let fields = resource.selectable_fields.iter();
    let fields: Vec<Value> = fields.map(|path| json!({"fieldPath": path})).collect();
    if resource.custom && !fields.is_empty() {
        schema["x-kubernetes-selectable-fields"] = fields.into();
    }
}

/// A reference with a description.
pub(super) fn described(name: &str, description: &str, dialect: Dialect) -> Value {
    let reference = dialect.reference(name);
    match dialect {
        Dialect::V2 => json!({"description": description, "$ref": reference["$ref"]}),
        Dialect::V3 => json!({"description": description, "allOf": [reference]}),
    }
}

/// A schema, or a part of one. The root is an object anyway, and needs no word about that.
fn published(raw: &Value, dialect: Dialect, is_root: bool) -> Value {
    let Some(members) = raw.as_object() else {
        return raw.clone();
    };
    let mut schema: Map<String, Value> = members
        .iter()
        .filter(|(name, value)| is_told(name, value, dialect))
        .map(|(name, value)| (name.clone(), member(name, value, dialect)))
        .collect();
    match dialect {
        Dialect::V2 => simplify(&mut schema, members),
        Dialect::V3 => unfold(&mut schema),
    }
    let embeds = members.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    if embeds && !is_root && !(dialect == Dialect::V2 && preserves(members)) {
        embed(&mut schema, dialect);
    }
    schema.into()
}

fn member(name: &str, value: &Value, dialect: Dialect) -> Value {
    match (name, value) {
        ("properties", Value::Object(fields)) => fields
            .iter()
            .map(|(name, field)| (name.clone(), published(field, dialect, false)))
            .collect(),
        ("items" | "additionalProperties", below) => published(below, dialect, false),
        (_, value) => value.clone(),
    }
}

/// Is it a member that this version has? What is `false` is as good as nothing, unless it is data.
fn is_told(name: &str, value: &Value, dialect: Dialect) -> bool {
    match name {
        "additionalProperties" | "enum" | "example" => !value.is_null(),
        "allOf" | "anyOf" | "default" | "not" | "oneOf" => {
            dialect == Dialect::V3 && !value.is_null()
        }
        _ => !value.is_null() && *value != false,
    }
}

fn preserves(members: &Map<String, Value>) -> bool {
    members.get(PRESERVE) == Some(&Value::Bool(true))
}

fn is_nullable(schema: &Value) -> bool {
    schema["nullable"] == true
}

/// Takes out what the second version cannot say: it has no nulls, and kubectl looks into no value of which something is
/// unknown.
fn simplify(schema: &mut Map<String, Value>, raw: &Map<String, Value>) {
    let nullable = schema.remove("nullable").is_some();
    if nullable || preserves(raw) {
        schema.remove("items");
        schema.remove("properties");
    }
    let untyped = match schema.get("type").and_then(Value::as_str) {
        Some("array") => nullable || !schema.contains_key("items"),
        Some("object") => nullable || preserves(raw),
        Some(_) | None => nullable,
    };
    if untyped {
        schema.remove("type");
    }
    if raw.get("additionalProperties").is_some_and(is_nullable) {
        schema.remove("required");
    }
    let Some(fields) = raw
        .get("properties")
        .filter(|_| schema.contains_key("properties"))
    else {
        return;
    };
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !name.as_str().is_some_and(|name| is_nullable(&fields[name])));
        if required.is_empty() {
            schema.remove("required");
        }
    }
}

/// Spells out what `x-kubernetes-int-or-string` means.
fn unfold(schema: &mut Map<String, Value>) {
    if schema.get("x-kubernetes-int-or-string") != Some(&Value::Bool(true)) {
        return;
    }
    let meaning = json!([{"type": "integer"}, {"type": "string"}]);
    let says_so = |any: &Value| {
        let kinds = any.as_array().into_iter().flatten();
        kinds.map(|one| text(one, "type")).eq(["integer", "string"])
    };
    match schema.get("anyOf") {
        Some(any) if says_so(any) => {}
        _ if schema
            .get("allOf")
            .is_some_and(|all| says_so(&all[0]["anyOf"])) => {}
        None => {
            schema.insert("anyOf".to_owned(), meaning);
        }
        Some(_) => {
            let all = schema.entry("allOf").or_insert_with(|| json!([]));
            if let Some(all) = all.as_array_mut() {
                all.insert(0, json!({"anyOf": meaning}));
            }
        }
    }
}

/// An object within an object has a type and metadata, too.
fn embed(schema: &mut Map<String, Value>, dialect: Dialect) {
    let mut properties = schema.remove("properties").unwrap_or_else(|| json!({}));
    for (name, about) in [
        (
            "apiVersion",
            "apiVersion defines the versioned schema of this representation of an object. More info: \
             https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
        ),
        (
            "kind",
            "kind is a string value representing the type of this object. In CamelCase. More info: \
             https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
        ),
    ] {
        properties[name] = json!({"description": about, "type": "string"});
    }
    properties["metadata"] = described(model::OBJECT_METADATA, METADATA, dialect);
    schema.insert("properties".to_owned(), properties);
    let required = schema.entry("required").or_insert_with(|| json!([]));
    if let Some(required) = required.as_array_mut() {
        for name in ["kind", "apiVersion"] {
            if !required.iter().any(|one| one == name) {
                required.push(name.into());
            }
        }
    }
}
