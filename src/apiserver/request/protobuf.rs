//! Objects of built-in kinds as Go's typed clients send them: `k8s\0`, then a `runtime.Unknown` around the object
//! (k8s.io/apimachinery `pkg/runtime/serializer/protobuf`).
//!
//! What comes out is what the same client would have sent as JSON. Unknown fields are passed over, as Go does. The input is
//! untrusted: lengths are checked against what is there, and messages nest no deeper than objects may.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use crate::{
    kind::model::message::{self, Field, Kind, Message, Slot},
    object::{
        json,
        wire::{Reader, Wire},
    },
};

const MAGIC: &[u8] = b"k8s\0";

/// Why a body is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is no envelope.
    Envelope(String),
    /// The envelope says what is in it, and it is not that.
    Content {
        api_version: String,
        kind: String,
        why: String,
    },
    /// No kind of that name is known here.
    Kind { api_version: String, kind: String },
}

/// Reads an object from its envelope. Whoever names no version or kind means these.
pub fn decode(bytes: &[u8], api_version: &str, kind: &str) -> Result<Value, Fault> {
    let (mut head, raw) = envelope(bytes).map_err(Fault::Envelope)?;
    for (name, default) in head.iter_mut().zip([api_version, kind]) {
        if name.is_empty() {
            default.clone_into(name);
        }
    }
    let [api_version, kind] = head;
    let known = message::name_of_kind(&api_version, &kind).and_then(message::named);
    let Some(message) = known else {
        return Err(Fault::Kind { api_version, kind });
    };
    let mut object = Map::new();
    if let Err(why) = members(raw, message, &mut object, json::DEEPEST) {
        return Err(Fault::Content {
            api_version,
            kind,
            why,
        });
    }
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(object.into())
}

/// Version and kind of what is in the envelope, and that.
fn envelope(bytes: &[u8]) -> Result<([String; 2], &[u8]), String> {
    let body = bytes.strip_prefix(MAGIC).ok_or(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    )?;
    if body.is_empty() {
        return Err("empty body".to_owned());
    }
    let (mut head, mut raw) = (<[String; 2]>::default(), &[][..]);
    let mut fields = Reader::new(body);
    while let Some((number, wire)) = fields.field()? {
        match number {
            1 => {
                let mut names = Reader::new(bytes_of(wire)?);
                while let Some((number, wire)) = names.field()? {
                    if let 1 | 2 = number {
                        head[number as usize - 1] = text(wire)?;
                    }
                }
            }
            2 => raw = bytes_of(wire)?,
            _ => {}
        }
    }
    Ok((head, raw))
}

/// Reads the fields of a message into the object that it is in JSON.
fn members(
    bytes: &[u8],
    message: &Message,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    let depth = depth.checked_sub(1).ok_or("exceeded max depth")?;
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.field()? {
        match message.slot(number) {
            None => {}
            Some(Slot::Inline(inner)) => members(bytes_of(wire)?, inner, object, depth)?,
            Some(Slot::Field(field)) => {
                member(wire, field, object, depth)
                    .map_err(|why| why.replace("this field", &format!("field {}", field.name)))?;
            }
        }
    }
    Ok(())
}

/// Reads one field. What is repeated is added, messages are merged, and of other values the last one counts.
fn member(
    wire: Wire,
    field: &Field,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), String> {
    match &field.kind {
        Kind::List(element) => {
            let list = object.entry(field.name);
            let list = list.or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                elements(wire, element, list, depth)?;
            }
        }
        Kind::Map(kind) => {
            let (key, value) = entry(bytes_of(wire)?, kind, depth)?;
            let map = object
                .entry(field.name)
                .or_insert_with(|| Map::new().into());
            if let Value::Object(map) = map {
                map.insert(key, value);
            }
        }
        Kind::Message(name) => {
            let before = object.remove(field.name);
            let mut inner = match before {
                Some(Value::Object(inner)) => inner,
                Some(_) | None => Map::new(),
            };
            if let Some(message) = message::named(name) {
                members(bytes_of(wire)?, message, &mut inner, depth)?;
            }
            object.insert(field.name.to_owned(), inner.into());
        }
        single => {
            let value = value(wire, single, depth)?;
            if value.is_null() || !field.keeps_zero && is_zero(&value, single) {
                object.remove(field.name);
            } else {
                object.insert(field.name.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// Is it what Go leaves out of JSON?
fn is_zero(value: &Value, kind: &Kind) -> bool {
    match kind {
        Kind::Text | Kind::Bytes => *value == "",
        Kind::Bool => *value == false,
        Kind::Int32 | Kind::Int64 | Kind::Double => value.as_f64() == Some(0.0),
        Kind::Time
        | Kind::MicroTime
        | Kind::Quantity
        | Kind::IntOrString
        | Kind::Json
        | Kind::SchemaOr(_)
        | Kind::SchemaOrBool
        | Kind::Message(_)
        | Kind::List(_)
        | Kind::Wrapped(_)
        | Kind::Map(_) => false,
    }
}

/// One element of a list, or several numbers that are packed together.
fn elements(wire: Wire, kind: &Kind, list: &mut Vec<Value>, depth: usize) -> Result<(), String> {
    if let (Kind::Int32 | Kind::Int64 | Kind::Bool, Wire::Bytes(bytes)) = (kind, wire) {
        let mut packed = Reader::new(bytes);
        while !packed.is_at_end() {
            list.push(value(Wire::Number(packed.varint()?), kind, depth)?);
        }
    } else {
        list.push(value(wire, kind, depth)?);
    }
    Ok(())
}

/// The key and the value of a map's entry. What is missing is empty.
fn entry(bytes: &[u8], kind: &Kind, depth: usize) -> Result<(String, Value), String> {
    let (mut key, mut found) = (String::new(), None);
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.field()? {
        match number {
            1 => key = text(wire)?,
            2 => found = Some(value(wire, kind, depth)?),
            _ => {}
        }
    }
    let found = match found {
        Some(found) => found,
        None => value(Wire::Bytes(&[]), kind, depth)?,
    };
    Ok((key, found))
}

/// A value that stands alone. Null where it says nothing.
fn value(wire: Wire, kind: &Kind, depth: usize) -> Result<Value, String> {
    Ok(match kind {
        Kind::Text => text(wire)?.into(),
        Kind::Bytes => BASE64_STANDARD.encode(bytes_of(wire)?).into(),
        Kind::Bool => (number(wire)? != 0).into(),
        // Go cuts what is too large.
        Kind::Int32 => cut(number(wire)?).into(),
        Kind::Int64 => number(wire)?.cast_signed().into(),
        Kind::Double => double(wire)?,
        Kind::Time => time(bytes_of(wire)?, false)?,
        Kind::MicroTime => time(bytes_of(wire)?, true)?,
        Kind::Quantity => quantity(bytes_of(wire)?)?,
        Kind::IntOrString => int_or_string(bytes_of(wire)?)?,
        Kind::Json => raw(bytes_of(wire)?)?,
        Kind::SchemaOr(other) => schema_or(bytes_of(wire)?, 1, other, depth)?,
        Kind::SchemaOrBool => schema_or(bytes_of(wire)?, 2, &Kind::Bool, depth)?,
        Kind::Message(name) => {
            let mut object = Map::new();
            if let Some(message) = message::named(name) {
                members(bytes_of(wire)?, message, &mut object, depth)?;
            }
            object.into()
        }
        // A list alone is a message with its elements.
        Kind::List(element) | Kind::Wrapped(element) => {
            let mut list = Vec::new();
            let mut fields = Reader::new(bytes_of(wire)?);
            while let Some((number, wire)) = fields.field()? {
                if number == 1 {
                    elements(wire, element, &mut list, depth)?;
                }
            }
            list.into()
        }
        Kind::Map(_) => Value::Null,
    })
}

fn bytes_of(wire: Wire<'_>) -> Result<&[u8], String> {
    match wire {
        Wire::Bytes(bytes) => Ok(bytes),
        Wire::Number(_) | Wire::Fixed(_) => Err(mistaken(wire)),
    }
}

fn mistaken(wire: Wire) -> String {
    let wire_type = match wire {
        Wire::Number(_) => 0,
        Wire::Bytes(_) => 2,
        Wire::Fixed(bytes) if bytes.len() == 8 => 1,
        Wire::Fixed(_) => 5,
    };
    format!("proto: wrong wireType = {wire_type} for this field")
}

fn text(wire: Wire) -> Result<String, String> {
    String::from_utf8(bytes_of(wire)?.to_vec())
        .map_err(|_| "proto: this field is not valid UTF-8".to_owned())
}

fn number(wire: Wire) -> Result<u64, String> {
    match wire {
        Wire::Number(number) => Ok(number),
        Wire::Bytes(_) | Wire::Fixed(_) => Err(mistaken(wire)),
    }
}

/// A whole number where it is one, as Go writes it.
fn double(wire: Wire) -> Result<Value, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Wire::Fixed(bytes) = wire else {
        return Err(mistaken(wire));
    };
    let bytes = bytes.try_into().map_err(|_| mistaken(wire))?;
    let number = f64::from_le_bytes(bytes);
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole, and small enough"
        )]
        return Ok((number as i64).into());
    }
    let number = Number::from_f64(number);
    number.map_or_else(
        || Err("json: unsupported value in this field".to_owned()),
        |number| Ok(number.into()),
    )
}

/// Seconds and nanoseconds since the epoch. The zero time is written as nothing.
fn time(bytes: &[u8], micro: bool) -> Result<Value, String> {
    const NANOS_OF_A_MICROSECOND: i32 = 1000;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0, 0);
    let mut fields = Reader::new(bytes);
    while let Some((field, wire)) = fields.field()? {
        match field {
            1 => seconds = number(wire)?.cast_signed(),
            2 => nanos = cut(number(wire)?),
            _ => {}
        }
    }
    // Go's JSON has only seconds, and so its protobuf.
    let nanos = if micro {
        nanos - nanos % NANOS_OF_A_MICROSECOND
    } else {
        0
    };
    let time = Timestamp::new(seconds, nanos).map_err(|_| "this field is a time out of range")?;
    Ok(if micro {
        format!("{time:.6}").into()
    } else {
        time.to_string().into()
    })
}

fn cut(number: u64) -> i32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn quantity(bytes: &[u8]) -> Result<Value, String> {
    let mut found = "0".to_owned();
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.field()? {
        if number == 1 {
            found = text(wire)?;
        }
    }
    Ok(found.into())
}

/// Its type (1: text), a number, a text.
fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut is_text, mut whole, mut words) = (false, 0, String::new());
    let mut fields = Reader::new(bytes);
    while let Some((field, wire)) = fields.field()? {
        match field {
            1 => is_text = number(wire)? == 1,
            2 => whole = cut(number(wire)?),
            3 => words = text(wire)?,
            _ => {}
        }
    }
    Ok(if is_text { words.into() } else { whole.into() })
}

/// JSON as it is.
fn raw(bytes: &[u8]) -> Result<Value, String> {
    let mut found = Value::Null;
    let mut fields = Reader::new(bytes);
    while let Some((number, wire)) = fields.field()? {
        if number == 1 {
            let text = bytes_of(wire)?;
            found = match text {
                [] => Value::Null,
                text => super::body::json(text)?,
            };
        }
    }
    Ok(found)
}

/// A schema, or what stands instead of it: a list, or a truth.
fn schema_or(bytes: &[u8], schema_field: u32, other: &Kind, depth: usize) -> Result<Value, String> {
    let (mut schema, mut instead) = (Value::Null, Vec::new());
    let mut fields = Reader::new(bytes);
    while let Some((field, wire)) = fields.field()? {
        match (field == schema_field, other) {
            (true, _) => schema = value(wire, &Kind::SCHEMA, depth)?,
            (false, Kind::List(element)) => instead.push(value(wire, element, depth)?),
            (false, other) => instead = vec![value(wire, other, depth)?],
        }
    }
    Ok(match other {
        Kind::List(_) if !instead.is_empty() => instead.into(),
        Kind::Bool if schema.is_null() => instead.pop().unwrap_or(Value::Bool(false)),
        _ => schema,
    })
}

#[cfg(test)]
mod tests;
