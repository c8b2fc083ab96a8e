//! From the text of one kubeconfig to its entries, and from an entry to what kube takes.
//!
//! As client-go: the first document counts, the last of two equal keys, and unknown fields do not. A name that stands twice
//! in one file is refused, because clients choose differently. An entry is judged when it is used, so one that is odd and
//! that nobody uses keeps nobody from the others. What is wrong is reported with its place, and never quoted.

use std::{
    collections::{HashMap, hash_map},
    path::PathBuf,
};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

use super::shape::Shape;
use crate::{cluster::file, failure::shown};

/// The entries of one file.
pub(super) struct Document {
    pub path: PathBuf,
    pub current: Option<String>,
    pub contexts: Section,
    pub clusters: Section,
    pub users: Section,
}

/// The entries of one kind, by name.
#[derive(Default)]
pub(super) struct Section {
    pub names: Vec<String>,
    entries: HashMap<String, Value>,
}

impl Section {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.get(name)
    }
}

impl Document {
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn parse(path: PathBuf, text: &str) -> Result<Self, String> {
        let mut fields = match first_document(text)? {
            Value::Null => Map::new(),
            Value::Object(fields) => fields,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err("it is not a kubeconfig: its fields are missing".to_owned());
            }
        };
        for (field, expected) in [("kind", "Config"), ("apiVersion", "v1")] {
            match fields.get(field).unwrap_or(&Value::Null) {
                Value::Null => {}
                Value::String(given) if given.is_empty() || given == expected => {}
                _ => {
                    return Err(format!(
                        "it is not a kubeconfig: its {field} is not {expected}"
                    ));
                }
            }
        }
        // `kubectl config unset current-context` leaves an empty one, which says nothing.
        let current = match fields.remove("current-context").unwrap_or_default() {
            Value::Null => None,
            Value::String(name) => Some(name).filter(|name| !name.is_empty()),
            _ => return Err("its current-context is not a text".to_owned()),
        };
        let mut section =
            |list: &str, entry: &str| section(fields.remove(list).unwrap_or_default(), list, entry);
        Ok(Self {
            path,
            current,
            contexts: section("contexts", "context")?,
            clusters: section("clusters", "cluster")?,
            users: section("users", "user")?,
        })
    }
}

/// The first YAML document that is not empty; of JSON, the first object.
fn first_document(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        let mut documents = serde_json::Deserializer::from_str(text).into_iter();
        if let Some(Ok(document)) = documents.next() {
            return Ok(document);
        }
    }
    // What can be in a file that is not too large. The rest of the parser's limits stay: they are about nesting and aliases.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
        // A context may be called y, on or no.
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: file::MOST,
            max_nodes: file::MOST,
            max_total_scalar_bytes: file::MOST,
        },
    };
    let mut bytes = text.as_bytes();
    let mut documents = serde_saphyr::read_with_options::<_, Value>(&mut bytes, options);
    match documents.next() {
        None => Ok(Value::Null),
        Some(Ok(document)) => Ok(document),
        // The parser's own error would quote the file.
        Some(Err(error)) => Err(match error.location() {
            Some(at) => format!(
                "it is not a kubeconfig: line {}, column {}",
                at.line(),
                at.column()
            ),
            None => "it is not a kubeconfig".to_owned(),
        }),
    }
}

/// Entries without a name are nobody's.
fn section(value: Value, list: &str, field: &str) -> Result<Section, String> {
    let entries = match value {
        Value::Null => return Ok(Section::default()),
        Value::Array(entries) => entries,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(format!("its {list} are not a list"));
        }
    };
    let mut section = Section::default();
    for mut entry in entries {
        let Some(name) = entry["name"].as_str().filter(|name| !name.is_empty()) else {
            continue;
        };
        let name = name.to_owned();
        match section.entries.entry(name.clone()) {
            hash_map::Entry::Occupied(_) => {
                return Err(format!(
                    "two of its {list} have the name {:?}, and clients choose differently",
                    shown(&name)
                ));
            }
            hash_map::Entry::Vacant(place) => place.insert(entry[field].take()),
        };
        section.names.push(name);
    }
    Ok(section)
}

/// The entry as kube takes it: with the fields of that shape that say anything.
///
/// # Errors
/// Which field is of another shape, as the end of a sentence.
pub(super) fn entry<T: DeserializeOwned>(
    value: &Value,
    shape: &Shape,
    whose: &str,
) -> Result<T, String> {
    let known = match value {
        Value::Null => Value::Object(Map::new()),
        value => shape.known(value, whose)?,
    };
    serde_json::from_value(known).map_err(|_| format!("{whose} cannot be read"))
}
