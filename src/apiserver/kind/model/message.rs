//! How the built-in kinds are written in Kubernetes' protobuf: the number of each field, and how its value is encoded.
//!
//! The numbers are those of `model/numbers.zst`, a line for each definition: `io.k8s.api.core.v1.Volume name=1
//! emptyDir=2.2`. A field of a message that JSON has no name for is behind two numbers. What the values are, the
//! definitions say. `!` marks what Go's JSON has also where it is zero.

use std::{collections::HashMap, io::Read as _, sync::LazyLock};

use ruzstd::decoding::StreamingDecoder;

use super::{DELETE_OPTIONS, OBJECT_METADATA, STATUS, Shape, name_of};
use crate::kind::builtin;

const JSON_SCHEMA: &str =
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// The fields of a message, by number.
#[derive(Debug, Default)]
pub struct Message {
    pub fields: Vec<(u32, Slot)>,
}

#[derive(Debug)]
pub enum Slot {
    Field(Field),
    /// A message whose fields JSON writes among those of the message around it.
    Inline(Message),
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// Is it there when it is zero? Go writes every number, text and truth that is no pointer, and JSON leaves it out.
    pub keeps_zero: bool,
}

/// How a value is encoded.
#[derive(Debug)]
pub enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// Any JSON, as text.
    Json,
    /// `JSONSchemaPropsOrArray`, `…OrStringArray`: a schema, or such a list.
    SchemaOr(Box<Kind>),
    SchemaOrBool,
    /// The message of this definition.
    Message(&'static str),
    List(Box<Kind>),
    /// A list that is a map's value, and so a message of its own.
    Wrapped(Box<Kind>),
    Map(Box<Kind>),
}

/// A message whose name is no definition's.
const PARTIAL_METADATA: &str = "PartialObjectMetadata";

static NUMBERS: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    let packed = include_bytes!("numbers.zst").as_slice();
    let read = StreamingDecoder::new(packed).map(|mut packed| packed.read_to_string(&mut text));
    read.expect("checked by every test")
        .expect("checked by every test");
    text
});

static MESSAGES: LazyLock<HashMap<&'static str, Message>> = LazyLock::new(|| {
    let metadata = Field {
        name: "metadata",
        kind: Kind::Message(OBJECT_METADATA),
        keeps_zero: false,
    };
    let partial = Message {
        fields: vec![(1, Slot::Field(metadata))],
    };
    let messages = NUMBERS.lines().filter_map(parse);
    messages.chain([(PARTIAL_METADATA, partial)]).collect()
});

fn parse(line: &'static str) -> Option<(&'static str, Message)> {
    let mut words = line.split(' ');
    let definition = words.next()?;
    let shape = Shape::of(definition);
    let mut message = Message::default();
    for word in words {
        let (name, number) = word.split_once('=')?;
        let field = Field {
            name,
            kind: Kind::of(shape.field(name)),
            keeps_zero: number.ends_with('!'),
        };
        message.put(number.trim_end_matches('!'), field)?;
    }
    Some((definition, message))
}

impl Message {
    /// Puts a field where its numbers lead.
    fn put(&mut self, path: &str, field: Field) -> Option<()> {
        let Some((number, rest)) = path.split_once('.') else {
            self.fields.push((path.parse().ok()?, Slot::Field(field)));
            return Some(());
        };
        let number = number.parse().ok()?;
        if self.fields.last().is_none_or(|(last, _)| *last != number) {
            self.fields.push((number, Slot::Inline(Self::default())));
        }
        match &mut self.fields.last_mut()?.1 {
            Slot::Inline(inner) => inner.put(rest, field),
            Slot::Field(_) => None,
        }
    }

    pub fn slot(&self, number: u32) -> Option<&Slot> {
        let found = self.fields.binary_search_by_key(&number, |(one, _)| *one);
        found.ok().map(|at| &self.fields[at].1)
    }
}

impl Kind {
    fn of(shape: Shape) -> Self {
        let one = |shape: Shape| Box::new(Self::of(shape));
        match shape.type_name() {
            Some("Time") => return Self::Time,
            Some("MicroTime") => return Self::MicroTime,
            Some("Quantity") => return Self::Quantity,
            Some("IntOrString") => return Self::IntOrString,
            Some("RawExtension" | "FieldsV1" | "JSON") => return Self::Json,
            Some("JSONSchemaPropsOrArray") => {
                return Self::SchemaOr(Box::new(Self::List(Box::new(Self::SCHEMA))));
            }
            Some("JSONSchemaPropsOrStringArray") => {
                return Self::SchemaOr(Box::new(Self::List(Box::new(Self::Text))));
            }
            Some("JSONSchemaPropsOrBool") => return Self::SchemaOrBool,
            Some(_) | None => {}
        }
        match (shape.kind(), shape.format(), shape.additional()) {
            (Some("string"), "byte", _) => Self::Bytes,
            (Some("boolean"), ..) => Self::Bool,
            (Some("integer"), "int32", _) => Self::Int32,
            (Some("integer"), ..) => Self::Int64,
            (Some("number"), ..) => Self::Double,
            (Some("array"), ..) => Self::List(one(shape.items())),
            (Some("object"), _, Some(values)) => Self::Map(match Self::of(values) {
                Self::List(elements) => Box::new(Self::Wrapped(elements)),
                other => Box::new(other),
            }),
            (Some("object"), _, None) => shape
                .referred
                .map_or(Self::Json, |(name, _)| Self::Message(name)),
            (Some(_) | None, ..) => Self::Text,
        }
    }

    /// The kind of a schema within `SchemaOr`.
    pub const SCHEMA: Self = Self::Message(JSON_SCHEMA);
}

/// The message with this name.
#[must_use]
pub fn named(definition: &str) -> Option<&'static Message> {
    MESSAGES.get(definition)
}

/// The name of the message of a kind that has one. Custom resources have none.
#[must_use]
pub fn name_of_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let name = match (group, kind) {
        // Known in every group.
        (_, "DeleteOptions") => DELETE_OPTIONS.to_owned(),
        ("", "Status") => STATUS.to_owned(),
        ("meta.k8s.io", PARTIAL_METADATA) => PARTIAL_METADATA.to_owned(),
        ("autoscaling", _) => name_of(group, version, kind),
        _ if builtin::resources().iter().any(|one| one.group == group) => {
            name_of(group, version, kind)
        }
        _ => return None,
    };
    MESSAGES.get_key_value(name.as_str()).map(|(name, _)| *name)
}

#[cfg(test)]
mod generate;
