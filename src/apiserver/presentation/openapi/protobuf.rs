//! `/openapi/v2` as kubectl takes it: gnostic's `openapi.v2.Document`, written field by field.

use serde_json::{Map, Value};

/// The document in protobuf.
#[must_use]
pub fn v2_protobuf(document: &Value) -> Vec<u8> {
    let mut written = Message::default();
    written.text(1, &document["swagger"]);
    let mut info = Message::default();
    info.text(1, &document["info"]["title"]);
    info.text(2, &document["info"]["version"]);
    written.message(2, &info);
    written.message(8, &Message::default());
    written.message(9, &named(1, &document["definitions"]));
    written.bytes
}

#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn number(&mut self, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// A field with a length: bytes, texts and messages.
    fn field(&mut self, field: u64, bytes: &[u8]) {
        self.number(field << 3 | 2);
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.field(field, &message.bytes);
    }

    fn text(&mut self, field: u64, text: &Value) {
        if let Some(text) = text.as_str() {
            self.field(field, text.as_bytes());
        }
    }

    fn texts(&mut self, field: u64, texts: &Value) {
        for text in texts.as_array().into_iter().flatten() {
            self.text(field, text);
        }
    }
}

/// `Definitions` and `Properties`: schemas by name.
fn named(field: u64, schemas: &Value) -> Message {
    let mut all = Message::default();
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let mut one = Message::default();
        one.field(1, name.as_bytes());
        one.message(2, &written(schema));
        all.message(field, &one);
    }
    all
}

/// `Schema`.
fn written(schema: &Value) -> Message {
    let mut message = Message::default();
    message.text(1, &schema["$ref"]);
    message.text(2, &schema["format"]);
    message.text(4, &schema["description"]);
    if !schema["default"].is_null() {
        message.message(5, &any(&schema["default"]));
    }
    message.texts(19, &schema["required"]);
    for value in schema["enum"].as_array().into_iter().flatten() {
        message.message(20, &any(value));
    }
    if schema["additionalProperties"].is_object() {
        let mut item = Message::default();
        item.message(1, &written(&schema["additionalProperties"]));
        message.message(21, &item);
    }
    if schema["type"].is_string() {
        let mut kind = Message::default();
        kind.text(1, &schema["type"]);
        message.message(22, &kind);
    }
    if schema["items"].is_object() {
        let mut items = Message::default();
        items.message(1, &written(&schema["items"]));
        message.message(23, &items);
    }
    if schema["properties"].is_object() {
        message.message(25, &named(1, &schema["properties"]));
    }
    extensions(&mut message, schema.as_object());
    message
}

/// `NamedAny`s of the vendor's extensions.
fn extensions(message: &mut Message, schema: Option<&Map<String, Value>>) {
    for (name, value) in schema.into_iter().flatten() {
        if name.starts_with("x-") {
            let mut extension = Message::default();
            extension.field(1, name.as_bytes());
            extension.message(2, &any(value));
            message.message(31, &extension);
        }
    }
}

/// `Any`: a value as YAML, of which JSON is a part.
fn any(value: &Value) -> Message {
    let mut any = Message::default();
    any.field(2, format!("{value}\n").as_bytes());
    any
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lengths_of_more_than_a_byte_are_written_in_two() {
        let mut message = Message::default();
        message.field(31, &[7; 200]);
        assert_eq!(message.bytes[..4], [0xfa, 0x01, 0xc8, 0x01]);
        assert_eq!(message.bytes.len(), 204);
    }

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
