//! Kubernetes' protobuf, as far as kubectl sends it: `k8s\0`, then a `runtime.Unknown` around the object.
//!
//! kubectl writes built-in kinds this way and does not fall back to JSON. Only bodies are read; answers are JSON.
//! The input is untrusted: lengths are checked against what is there, and the depth is that of the tables.

mod pod;
mod table;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use table::{Field, Kind};

const MAGIC: &[u8] = b"k8s\0";

/// How deep an unknown message is looked into.
const DEEPEST_BLANK: u8 = 8;

/// Reads an object from its envelope. The error says what is wrong, or which kind is not known here.
pub fn decode(bytes: &[u8]) -> Result<Value, String> {
    let body = bytes.strip_prefix(MAGIC).ok_or(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    )?;
    let mut envelope = message(body, table::UNKNOWN)?;
    let text = |pointer: &str| {
        envelope
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (api_version, kind) = (text("/typeMeta/apiVersion"), text("/typeMeta/kind"));
    if !text("/contentEncoding").is_empty() {
        return Err(format!(
            "content encoding {:?} is not supported",
            text("/contentEncoding")
        ));
    }
    let fields = table::of(&api_version, &kind).ok_or_else(|| {
        format!("no protobuf encoding is known for {api_version}, Kind={kind}; send JSON")
    })?;
    let raw = match envelope["raw"].take() {
        Value::String(raw) => BASE64_STANDARD
            .decode(raw)
            .map_err(|error| error.to_string())?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Vec::new()
        }
    };
    let mut object = message(&raw, fields)?;
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    Ok(object)
}

/// What stands on the wire for one field.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self
                .rest
                .split_first()
                .ok_or("unexpected end of a number")?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is too long".to_owned())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let parts = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = parts.ok_or("a length goes beyond the end")?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next field's number and value; none at the end.
    fn field(&mut self) -> Result<Option<(u64, Wire<'a>)>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Bytes(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Bytes(self.take(4)?),
            wire_type => return Err(format!("wire type {wire_type} is not supported")),
        };
        Ok(Some((tag >> 3, value)))
    }
}

/// Reads a message by its table. A field that the table does not have must be empty: nothing is lost silently.
fn message(bytes: &[u8], fields: &[Field]) -> Result<Value, String> {
    let mut reader = Reader { rest: bytes };
    let mut object = Map::new();
    while let Some((number, wire)) = reader.field()? {
        let Some(field) = fields
            .iter()
            .find(|field| u64::from(field.number) == number)
        else {
            if is_blank(&wire, DEEPEST_BLANK) {
                continue;
            }
            return Err(format!(
                "field {number} of the protobuf message is not known here; send JSON"
            ));
        };
        match field.kind {
            Kind::Texts | Kind::Messages(_) => {
                let element = match field.kind {
                    Kind::Messages(fields) => message(bytes_of(&wire)?, fields)?,
                    _ => text(&wire)?.into(),
                };
                let list = object
                    .entry(field.name)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(element);
                }
            }
            Kind::TextMap | Kind::BytesMap | Kind::QuantityMap => {
                let (key, value) = entry(bytes_of(&wire)?, field.kind)?;
                object
                    .entry(field.name)
                    .or_insert_with(|| Map::new().into())[key] = value;
            }
            single => {
                if let Some(value) = single_value(&wire, single)? {
                    object.insert(field.name.to_owned(), value);
                }
            }
        }
    }
    Ok(object.into())
}

/// Does the value say nothing: zero, or a message of which all fields say nothing?
fn is_blank(wire: &Wire, depth: u8) -> bool {
    let Wire::Bytes(bytes) = wire else {
        return matches!(wire, Wire::Number(0));
    };
    let mut reader = Reader { rest: bytes };
    while !reader.rest.is_empty() {
        match reader.field() {
            Ok(Some((_, wire))) if depth > 0 && is_blank(&wire, depth - 1) => {}
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// Type (1: text), number, text.
fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let parts = message(bytes, table::INT_OR_STRING)?;
    Ok(if parts["type"] == 1 {
        parts["text"].as_str().unwrap_or_default().into()
    } else {
        parts["number"].as_i64().unwrap_or_default().into()
    })
}

/// A value that stands alone; none where it is the empty value that JSON leaves out.
fn single_value(wire: &Wire, kind: Kind) -> Result<Option<Value>, String> {
    Ok(match kind {
        Kind::Text => Some(text(wire)?)
            .filter(|text| !text.is_empty())
            .map(Value::from),
        Kind::Bytes => Some(BASE64_STANDARD.encode(bytes_of(wire)?).into()),
        Kind::Integer => Some(integer(wire)?)
            .filter(|number| *number != 0)
            .map(Value::from),
        Kind::OptionalInteger => Some(integer(wire)?.into()),
        Kind::Bool => Some((integer(wire)? != 0).into()),
        Kind::Flag => Some(integer(wire)? != 0)
            .filter(|flag| *flag)
            .map(Value::from),
        Kind::Time => time(bytes_of(wire)?)?,
        Kind::Message(fields) => Some(message(bytes_of(wire)?, fields)?),
        Kind::IntOrString => Some(int_or_string(bytes_of(wire)?)?),
        Kind::Ignored
        | Kind::Texts
        | Kind::Messages(_)
        | Kind::TextMap
        | Kind::BytesMap
        | Kind::QuantityMap => None,
    })
}

fn bytes_of<'a>(wire: &Wire<'a>) -> Result<&'a [u8], String> {
    match wire {
        Wire::Bytes(bytes) => Ok(bytes),
        Wire::Number(_) => Err("a number stands where bytes are expected".to_owned()),
    }
}

fn text(wire: &Wire) -> Result<String, String> {
    String::from_utf8(bytes_of(wire)?.to_vec())
        .map_err(|_| "a string is not valid UTF-8".to_owned())
}

fn integer(wire: &Wire) -> Result<i64, String> {
    match wire {
        // Negative numbers are written as their two's complement.
        Wire::Number(number) => Ok(number.cast_signed()),
        Wire::Bytes(_) => Err("bytes stand where a number is expected".to_owned()),
    }
}

fn entry(bytes: &[u8], kind: Kind) -> Result<(String, Value), String> {
    let mut reader = Reader { rest: bytes };
    let (mut key, mut value) = (String::new(), Value::from(""));
    while let Some((number, wire)) = reader.field()? {
        match (number, kind) {
            (1, _) => key = text(&wire)?,
            (2, Kind::BytesMap) => value = BASE64_STANDARD.encode(bytes_of(&wire)?).into(),
            (2, Kind::QuantityMap) => {
                value = message(bytes_of(&wire)?, table::QUANTITY)?["string"].take();
            }
            (2, _) => value = text(&wire)?.into(),
            (_, _) => {}
        }
    }
    Ok((key, value))
}

/// Seconds and nanoseconds since the epoch; none for the zero time, which is written as nothing.
fn time(bytes: &[u8]) -> Result<Option<Value>, String> {
    let mut reader = Reader { rest: bytes };
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, wire)) = reader.field()? {
        match number {
            1 => seconds = integer(&wire)?,
            2 => nanos = integer(&wire)?,
            _ => {}
        }
    }
    if (seconds, nanos) == (0, 0) {
        return Ok(None);
    }
    let nanos = i32::try_from(nanos).map_err(|_| "a time is out of range")?;
    let time = Timestamp::new(seconds, nanos).map_err(|_| "a time is out of range")?;
    Ok(Some(time.to_string().into()))
}

#[cfg(test)]
mod tests;
