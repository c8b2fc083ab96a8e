//! Objects of built-in kinds as Kubernetes' protobuf: what `request::protobuf` reads.
//!
//! Fields that an object lacks are not written: whoever reads it takes the same zero for them.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    kind::model::{
        LIST_METADATA,
        message::{self, Kind, Message, Slot},
    },
    object::wire::Writer,
};

pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
pub const STREAM_MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf;stream=watch";

const MAGIC: &[u8] = b"k8s\0";

/// An object in its envelope; none where its kind has no protobuf.
#[must_use]
pub fn object(object: &Value) -> Option<Vec<u8>> {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let message = message::named(message::name_of_kind(api_version, kind)?)?;
    Some(envelope(api_version, kind, |raw| {
        members(raw, message, object);
    }))
}

/// A list of objects that do not repeat their kind; none where that kind has no protobuf.
pub fn list<'a>(
    api_version: &str,
    kind: &str,
    metadata: &Value,
    items: impl Iterator<Item = &'a Value>,
) -> Option<Vec<u8>> {
    let of_item = message::name_of_kind(api_version, kind.strip_suffix("List")?)?;
    let (of_metadata, of_item) = (message::named(LIST_METADATA)?, message::named(of_item)?);
    Some(envelope(api_version, kind, |raw| {
        raw.message(1, |written| members(written, of_metadata, metadata));
        for item in items {
            raw.message(2, |written| members(written, of_item, item));
        }
    }))
}

/// A watch event with its length before it. The object is in an envelope, and the event in none.
#[must_use]
pub fn event(kind: &str, object: &Value) -> Vec<u8> {
    let mut event = Writer::default();
    event.field(1, kind.as_bytes());
    event.message(2, |extension| {
        extension.field(1, &self::object(object).unwrap_or_default());
    });
    let length = u32::try_from(event.bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), event.bytes.as_slice()].concat()
}

/// `runtime.Unknown`.
fn envelope(api_version: &str, kind: &str, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut envelope = Writer {
        bytes: MAGIC.to_vec(),
    };
    envelope.message(1, |head| {
        head.field(1, api_version.as_bytes());
        head.field(2, kind.as_bytes());
    });
    envelope.message(2, write);
    envelope.field(3, b"");
    envelope.field(4, b"");
    envelope.bytes
}

fn members(written: &mut Writer, message: &Message, object: &Value) {
    for (number, slot) in &message.fields {
        match slot {
            Slot::Inline(inner) => {
                written.message(*number, |written| members(written, inner, object));
            }
            Slot::Field(field) => {
                if let Some(found) = object.get(field.name).filter(|found| !found.is_null()) {
                    value(written, *number, &field.kind, found);
                }
            }
        }
    }
}

/// Writes a value; nothing where it is null, or is none of its kind.
fn value(written: &mut Writer, number: u32, kind: &Kind, value: &Value) {
    match (kind, value) {
        (Kind::Text, Value::String(text)) => written.field(number, text.as_bytes()),
        (Kind::Bytes, Value::String(text)) => {
            let lines = text.replace(['\r', '\n'], "");
            written.field(number, &BASE64_STANDARD.decode(lines).unwrap_or_default());
        }
        (Kind::Bool, Value::Bool(truth)) => written.number(number, i64::from(*truth)),
        (Kind::Int32 | Kind::Int64, Value::Number(found)) => {
            written.number(number, found.as_i64().unwrap_or_default());
        }
        (Kind::Double, Value::Number(found)) => {
            written.double(number, found.as_f64().unwrap_or_default());
        }
        (Kind::Time | Kind::MicroTime, Value::String(text)) => time(written, number, kind, text),
        (Kind::Quantity, Value::String(text)) => {
            written.message(number, |quantity| quantity.field(1, text.as_bytes()));
        }
        (Kind::IntOrString, Value::Number(found)) => {
            let found = found.as_i64().unwrap_or_default();
            int_or_string(written, number, 0, found, "");
        }
        (Kind::IntOrString, Value::String(text)) => int_or_string(written, number, 1, 0, text),
        (Kind::Json, Value::Null) => written.message(number, |_| {}),
        (Kind::Json, json) => {
            written.message(number, |raw| raw.field(1, json.to_string().as_bytes()));
        }
        (Kind::SchemaOr(other), Value::Array(_)) => {
            written.message(number, |either| self::value(either, 2, other, value));
        }
        (Kind::SchemaOr(_), schema) => {
            written.message(number, |either| {
                self::value(either, 1, &Kind::SCHEMA, schema);
            });
        }
        (Kind::SchemaOrBool, either) => written.message(number, |written| {
            written.number(1, i64::from(*either != Value::Bool(false)));
            self::value(written, 2, &Kind::SCHEMA, either);
        }),
        (Kind::Message(name), Value::Object(_)) => {
            if let Some(message) = message::named(name) {
                written.message(number, |written| members(written, message, value));
            }
        }
        (Kind::List(element), Value::Array(elements)) => {
            for one in elements {
                self::value(written, number, element, one);
            }
        }
        (Kind::Wrapped(element), Value::Array(elements)) => written.message(number, |written| {
            for one in elements {
                self::value(written, 1, element, one);
            }
        }),
        (Kind::Map(kind), Value::Object(entries)) => {
            for (key, one) in entries {
                written.message(number, |entry| {
                    entry.field(1, key.as_bytes());
                    self::value(entry, 2, kind, one);
                });
            }
        }
        (
            Kind::Text
            | Kind::Bytes
            | Kind::Bool
            | Kind::Int32
            | Kind::Int64
            | Kind::Double
            | Kind::Time
            | Kind::MicroTime
            | Kind::Quantity
            | Kind::IntOrString
            | Kind::Message(_)
            | Kind::List(_)
            | Kind::Wrapped(_)
            | Kind::Map(_),
            _,
        ) => {}
    }
}

fn int_or_string(written: &mut Writer, number: u32, kind: i64, whole: i64, text: &str) {
    written.message(number, |either| {
        either.number(1, kind);
        either.number(2, whole);
        either.field(3, text.as_bytes());
    });
}

/// Seconds and nanoseconds since the epoch, in Go only those that its JSON has.
fn time(written: &mut Writer, number: u32, kind: &Kind, text: &str) {
    let Ok(time) = text.parse::<Timestamp>() else {
        return;
    };
    let nanos = match kind {
        Kind::MicroTime => i64::from(time.subsec_nanosecond()) / 1000 * 1000,
        _ => 0,
    };
    written.message(number, |timestamp| {
        timestamp.number(1, time.as_second());
        timestamp.number(2, nanos);
    });
}
