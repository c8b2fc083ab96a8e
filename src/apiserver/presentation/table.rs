//! Objects as rows (`meta.k8s.io/v1` Table): what `kubectl get` prints.
//!
//! Custom resources have the columns of their CRD, built-in ones those of the API server's own printers.

mod access;
mod builtin;
mod cell;
mod class;
mod flow;
mod network;
mod pod;
mod storage;
mod workload;

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use k8s_jsonpath::{Budget, JsonPath};
use serde_json::{Map, Value, json};

use super::age;
use crate::{
    kind::resource::{Column, ResourceType},
    object::go_format,
};

/// What comes with every row (`?includeObject=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    #[default]
    Metadata,
    None,
    Object,
}

impl fmt::Display for IncludeObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "Metadata",
            Self::None => "None",
            Self::Object => "Object",
        })
    }
}

/// A column's definition, as the client receives it.
struct Header {
    name: String,
    kind: String,
    format: String,
    description: String,
    priority: i64,
}

/// A table of objects. `list_metadata` is the `metadata` of the list or of the single object. In a watch, every frame
/// is a table of one; the server takes the definitions out of all but the first.
#[must_use]
pub fn table(
    resource: &ResourceType,
    objects: &[Arc<Value>],
    list_metadata: Value,
    include: IncludeObject,
    now: Timestamp,
) -> Value {
    let headers: Vec<Value> = headers(resource)
        .into_iter()
        .map(|header| {
            json!({"name": header.name, "type": header.kind, "format": header.format,
                "description": header.description, "priority": header.priority})
        })
        .collect();
    let columns = Columns::of(resource);
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| json!({"cells": columns.cells(object, now), "object": included(object, include)}))
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": table_metadata(list_metadata),
        "columnDefinitions": headers, "rows": rows})
}

/// A table says where a list goes on, and nothing where it does not.
fn table_metadata(list_metadata: Value) -> Map<String, Value> {
    let Value::Object(mut metadata) = list_metadata else {
        return Map::new();
    };
    metadata.retain(|name, value| {
        let known = matches!(
            name.as_str(),
            "resourceVersion" | "continue" | "remainingItemCount"
        );
        known && !value.is_null() && *value != ""
    });
    metadata
}

fn included(object: &Value, include: IncludeObject) -> Value {
    match include {
        IncludeObject::Metadata => partial_metadata(object),
        IncludeObject::None => Value::Null,
        IncludeObject::Object => object.clone(),
    }
}

/// An object's `PartialObjectMetadata`.
#[must_use]
pub fn partial_metadata(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn headers(resource: &ResourceType) -> Vec<Header> {
    let header = |name: &str, kind: &str, priority: i64| Header {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: if name == "Name" {
            "name".to_owned()
        } else {
            String::new()
        },
        description: if name == "Name" {
            NAME.to_owned()
        } else {
            String::new()
        },
        priority,
    };
    let mut headers = Vec::new();
    if resource.custom {
        headers.push(header("Name", "string", 0));
        headers.extend(custom_columns(resource).iter().map(|column| Header {
            name: column.name.clone(),
            kind: column.kind.clone(),
            format: column.format.clone(),
            description: match column.description.as_str() {
                "" => format!(
                    "Custom resource definition column (in JSONPath format): {}",
                    column.json_path
                ),
                text => text.to_owned(),
            },
            priority: column.priority,
        }));
    } else {
        let printer = builtin::printer(resource);
        headers.extend(
            printer
                .columns
                .iter()
                .map(|(name, kind, priority)| header(name, kind, *priority)),
        );
    }
    headers
}

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some \
    resources may allow a client to request the generation of an appropriate name automatically. Name is primarily \
    intended for creation idempotence and configuration definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

/// The columns of a CRD; where it gives none, the age.
fn custom_columns(resource: &ResourceType) -> Vec<Column> {
    if !resource.columns.is_empty() {
        return resource.columns.clone();
    }
    vec![Column {
        name: "Age".to_owned(),
        kind: "date".to_owned(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        json_path: ".metadata.creationTimestamp".to_owned(),
    }]
}

/// How the cells of a row come about.
enum Columns {
    Custom(Vec<(String, Option<JsonPath>)>),
    BuiltIn(builtin::Printer),
}

impl Columns {
    fn of(resource: &ResourceType) -> Self {
        if !resource.custom {
            return Self::BuiltIn(builtin::printer(resource));
        }
        let columns = custom_columns(resource).into_iter();
        Self::Custom(
            columns
                .map(|column| (column.kind, JsonPath::parse(&column.json_path).ok()))
                .collect(),
        )
    }

    fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        match self {
            Self::BuiltIn(printer) => (printer.cells)(object, now),
            Self::Custom(columns) => {
                let name = object["metadata"]["name"].clone();
                // A definition may have any number of columns: those of a row share what a row may take. A path that
                // takes more has no value.
                let mut budget = Budget::default();
                let mut first = |path: &JsonPath| {
                    let found = path.find_within(object, &mut budget).ok()?;
                    found.into_iter().next()
                };
                let cell = |(kind, path): &(String, Option<JsonPath>)| {
                    let value = path.as_ref().and_then(&mut first);
                    value.map_or(Value::Null, |value| custom_cell(kind, value, now))
                };
                std::iter::once(name)
                    .chain(columns.iter().map(cell))
                    .collect()
            }
        }
    }
}

/// A value as a column of this type shows it; null where it does not fit.
fn custom_cell(kind: &str, value: &Value, now: Timestamp) -> Value {
    match (kind, value) {
        (_, Value::Null) => Value::Null,
        ("string", Value::String(text)) => text.as_str().into(),
        ("string", other) => go_format::value(other).into(),
        #[allow(clippy::cast_possible_truncation)] // as the API server does
        ("integer", Value::Number(number)) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number
                .as_f64()
                .map_or(Value::Null, |number| (number as i64).into()),
        },
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(_)) => age::since(Some(value), now).into(),
        (
            _,
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
        ) => Value::Null,
    }
}

#[cfg(test)]
mod tests;
