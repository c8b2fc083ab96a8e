//! Is a document what its schema says? Stricter than JSON Schema itself: a field that the schema does not name is wrong,
//! because then somebody has added one without describing it.

use std::sync::OnceLock;

use bmctl::render::schema;
use serde_json::Value;

/// A result document.
pub fn is_result(document: &Value) -> Result<(), String> {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    let schema = SCHEMA.get_or_init(schema::result);
    let kind = document["kind"].as_str().unwrap_or_default();
    let own = &schema["$defs"][kind];
    if own.is_null() {
        return Err(format!("kind {kind:?} is in no schema"));
    }
    check(schema, own, document, kind)
}

/// One line of `--progress json`.
pub fn is_event(event: &Value) -> Result<(), String> {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    let schema = SCHEMA.get_or_init(schema::events);
    let variants = schema["oneOf"].as_array().unwrap();
    let own = variants
        .iter()
        .find(|variant| variant["properties"]["type"]["const"] == event["type"])
        .ok_or_else(|| format!("type {} is in no schema", event["type"]))?;
    check(schema, own, event, "event")
}

/// Everything that our generator uses, and an error for what it does not.
fn check(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{path}: {what}: {value}"));
    let Some(words) = schema.as_object() else {
        return if schema == &Value::Bool(true) {
            Ok(())
        } else {
            wrong(format!("no schema: {schema}"))
        };
    };
    for (word, rule) in words {
        match word.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix('#').unwrap();
                let target = root.pointer(name).ok_or(format!("{path}: no {name}"))?;
                check(root, target, value, path)?;
            }
            "const" if rule != value => return wrong(format!("is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return wrong(format!("is none of {rule}"));
            }
            "anyOf" | "oneOf" => {
                let fits = |schema: &&Value| check(root, schema, value, path).is_ok();
                let fitting = rule.as_array().unwrap().iter().filter(fits).count();
                if fitting == 0 || (word == "oneOf" && fitting > 1) {
                    return wrong(format!("{fitting} of {rule} fit"));
                }
            }
            "type" => {
                let names = match rule {
                    Value::Array(names) => names.clone(),
                    name => vec![name.clone()],
                };
                if !names.iter().any(|name| is_a(name.as_str().unwrap(), value)) {
                    return wrong(format!("is no {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        return wrong(format!("{name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let below = format!("{path}.{name}");
                    match rule.get(name) {
                        Some(schema) => check(root, schema, value, &below)?,
                        None => return wrong(format!("{name} is not described")),
                    }
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}[{at}]"))?;
                }
            }
            "minimum" if value.is_number() && value.as_i64() < rule.as_i64() => {
                return wrong(format!("is below {rule}"));
            }
            "maximum" if value.is_number() && value.as_i64() > rule.as_i64() => {
                return wrong(format!("is above {rule}"));
            }
            "$schema" | "$defs" | "const" | "enum" | "minimum" | "maximum" | "description"
            | "title" | "format" | "default" => {}
            other => {
                return Err(format!(
                    "{path}: the schema has {other}, which is not checked"
                ));
            }
        }
    }
    Ok(())
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no such type: {other}"),
    }
}
