//! The entries of `metadata.managedFields`: who manages what, read and written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::FieldSet;
use crate::object::go_format;

/// Who manages fields. An applier is the same over all versions, an updater is another one in each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    applied: bool,
    name: String,
    /// Empty for appliers.
    api_version: String,
    subresource: String,
}

impl Manager {
    pub fn new(name: &str, applied: bool, api_version: &str, subresource: Option<&str>) -> Self {
        Self {
            applied,
            name: name.to_owned(),
            api_version: if applied {
                String::new()
            } else {
                api_version.to_owned()
            },
            subresource: subresource.unwrap_or_default().to_owned(),
        }
    }

    /// How a conflict names it.
    pub fn in_conflict(&self) -> String {
        let mut shown = go_format::quote(&self.name);
        if !self.subresource.is_empty() {
            shown = format!(
                "{shown} with subresource {}",
                go_format::quote(&self.subresource)
            );
        }
        if self.applied {
            shown
        } else {
            format!("{shown} using {}", self.api_version)
        }
    }
}

/// What a manager manages.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub api_version: String,
    pub time: Option<Timestamp>,
    pub set: FieldSet,
}

impl Entry {
    pub fn new(api_version: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            time: None,
            set: FieldSet::default(),
        }
    }
}

/// All entries of an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Managed {
    pub entries: BTreeMap<Manager, Entry>,
}

/// More updaters than these are merged into one.
const MOST_UPDATERS: usize = 10;

impl Managed {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn drop_empty(&mut self) {
        self.entries.retain(|_, entry| !entry.set.is_empty());
    }

    /// Reads `managedFields`. One entry that is no entry makes the whole list count as none.
    pub fn decode(fields: Option<&Value>) -> Self {
        let entries = fields
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let entries: Option<BTreeMap<Manager, Entry>> =
            entries.iter().map(Self::decode_entry).collect();
        Self {
            entries: entries.unwrap_or_default(),
        }
    }

    fn decode_entry(entry: &Value) -> Option<(Manager, Entry)> {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        let applied = match text("operation") {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        if text("apiVersion").is_empty() || text("fieldsType") != "FieldsV1" {
            return None;
        }
        let manager = Manager::new(
            text("manager"),
            applied,
            text("apiVersion"),
            entry["subresource"].as_str(),
        );
        let read = Entry {
            api_version: text("apiVersion").to_owned(),
            time: text("time").parse().ok(),
            set: FieldSet::decode(&entry["fieldsV1"]),
        };
        Some((manager, read))
    }

    /// The list as it is stored: appliers first, then by time and name.
    pub fn encode(&self) -> Value {
        let mut entries: Vec<(&Manager, &Entry)> = self.entries.iter().collect();
        entries.sort_by_key(|(manager, entry)| {
            let second = entry.time.map_or(0, Timestamp::as_second);
            (
                !manager.applied,
                second,
                &manager.name,
                &entry.api_version,
                &manager.subresource,
            )
        });
        entries
            .into_iter()
            .map(|(manager, entry)| Self::encode_entry(manager, entry))
            .collect()
    }

    fn encode_entry(manager: &Manager, entry: &Entry) -> Value {
        let operation = if manager.applied { "Apply" } else { "Update" };
        let mut encoded = json!({"manager": manager.name, "operation": operation, "apiVersion": entry.api_version,
            "fieldsType": "FieldsV1", "fieldsV1": entry.set.encode()});
        if let Some(time) = entry.time {
            encoded["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        }
        if !manager.subresource.is_empty() {
            encoded["subresource"] = manager.subresource.as_str().into();
        }
        encoded
    }

    /// Merges the oldest updaters of a version into `ancient-changes` until there are few enough.
    pub fn cap(&mut self) {
        let mut updaters: Vec<Manager> = self
            .entries
            .keys()
            .filter(|manager| !manager.applied)
            .cloned()
            .collect();
        let mut left = updaters.len();
        updaters.sort_by_key(|manager| {
            let time = self.entries.get(manager).and_then(|entry| entry.time);
            (time.map_or(0, Timestamp::as_second), manager.clone())
        });
        let mut first_of_version: BTreeMap<String, Manager> = BTreeMap::new();
        for updater in updaters {
            if left <= MOST_UPDATERS {
                return;
            }
            let version = updater.api_version.clone();
            let Some(first) = first_of_version.get(&version).cloned() else {
                first_of_version.insert(version, updater);
                continue;
            };
            let bucket = Manager::new("ancient-changes", false, &version, None);
            if !self.entries.contains_key(&bucket)
                && let Some(entry) = self.entries.remove(&first)
            {
                self.entries.insert(bucket.clone(), entry);
            }
            if let Some(merged) = self.entries.remove(&updater) {
                let entry = self
                    .entries
                    .entry(bucket)
                    .or_insert_with(|| Entry::new(&version));
                entry.set = entry.set.union(&merged.set);
                entry.time = merged.time;
                left -= 1;
            }
        }
    }
}
