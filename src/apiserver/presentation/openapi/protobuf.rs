//! `/openapi/v2` as kubectl takes it: gnostic's `openapi.v2.Document`, written field by field.

use serde_json::{Map, Value};

use crate::object::wire::Writer;

/// The document in protobuf.
#[must_use]
pub fn v2_protobuf(document: &Value) -> Vec<u8> {
    let mut written = Writer::default();
    text(&mut written, 1, &document["swagger"]);
    written.message(2, |info| {
        text(info, 1, &document["info"]["title"]);
        text(info, 2, &document["info"]["version"]);
    });
    written.message(8, |_| {});
    written.message(9, |all| named(all, 1, &document["definitions"]));
    written.bytes
}

fn text(message: &mut Writer, field: u32, text: &Value) {
    if let Some(text) = text.as_str() {
        message.field(field, text.as_bytes());
    }
}

/// `Definitions` and `Properties`: schemas by name.
fn named(message: &mut Writer, field: u32, schemas: &Value) {
    for (name, one) in schemas.as_object().into_iter().flatten() {
        message.message(field, |entry| {
            entry.field(1, name.as_bytes());
            entry.message(2, |message| schema(message, one));
        });
    }
}

/// `Schema`.
fn schema(message: &mut Writer, schema: &Value) {
    text(message, 1, &schema["$ref"]);
    text(message, 2, &schema["format"]);
    text(message, 3, &schema["title"]);
    text(message, 4, &schema["description"]);
    if !schema["default"].is_null() {
        any(message, 5, &schema["default"]);
    }
    limits(message, schema);
    for name in schema["required"].as_array().into_iter().flatten() {
        text(message, 19, name);
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        any(message, 20, value);
    }
    let below = |message: &mut Writer, field, part: &Value| {
        if part.is_object() {
            message.message(field, |item| item.message(1, |one| self::schema(one, part)));
        }
    };
    below(message, 21, &schema["additionalProperties"]);
    if let Value::Bool(allowed) = schema["additionalProperties"] {
        message.message(21, |item| item.number(2, i64::from(allowed)));
    }
    if schema["type"].is_string() {
        message.message(22, |kind| text(kind, 1, &schema["type"]));
    }
    below(message, 23, &schema["items"]);
    if schema["properties"].is_object() {
        message.message(25, |properties| named(properties, 1, &schema["properties"]));
    }
    extensions(message, schema.as_object());
}

/// What a value may be beyond its type.
fn limits(message: &mut Writer, schema: &Value) {
    for (field, name) in [(6, "multipleOf"), (7, "maximum"), (9, "minimum")] {
        if let Some(limit) = schema[name].as_f64() {
            message.double(field, limit);
        }
    }
    for (field, name) in [
        (8, "exclusiveMaximum"),
        (10, "exclusiveMinimum"),
        (16, "uniqueItems"),
    ] {
        if schema[name] == true {
            message.number(field, 1);
        }
    }
    text(message, 13, &schema["pattern"]);
    for (field, name) in [
        (11, "maxLength"),
        (12, "minLength"),
        (14, "maxItems"),
        (15, "minItems"),
        (17, "maxProperties"),
        (18, "minProperties"),
    ] {
        if let Some(limit) = schema[name].as_i64() {
            message.number(field, limit);
        }
    }
}

/// `NamedAny`s of the vendor's extensions.
fn extensions(message: &mut Writer, schema: Option<&Map<String, Value>>) {
    for (name, value) in schema.into_iter().flatten() {
        if name.starts_with("x-") {
            message.message(31, |extension| {
                extension.field(1, name.as_bytes());
                any(extension, 2, value);
            });
        }
    }
}

/// `Any`: a value as YAML, of which JSON is a part.
fn any(message: &mut Writer, field: u32, value: &Value) {
    message.message(field, |any| any.field(2, format!("{value}\n").as_bytes()));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_written_field_by_field() {
        let document = json!({"swagger": "2.0", "info": {"title": "T", "version": "v"}, "definitions": {
            "a": {"type": "object"},
        }});
        let expected = [
            &b"\x0a\x032.0\x12\x06\x0a\x01T\x12\x01v\x42\x00"[..],
            // Definitions, one entry, its name, its schema, its type.
            b"\x4a\x12\x0a\x10\x0a\x01a\x12\x0b\xb2\x01\x08\x0a\x06object",
        ];
        assert_eq!(v2_protobuf(&document), expected.concat());
    }
}
