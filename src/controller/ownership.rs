//! Whose an object is, whether it holds what it should, and who wrote to it last. Pure; read by everything that looks at
//! objects which the controller made.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::Value;

use super::observed::ObjectVersion;
use crate::api::name;

/// Did we make it?
pub(super) fn is_ours(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels
        .and_then(|labels| labels.get(name::MANAGED_BY))
        .is_some_and(|manager| manager == name::MANAGER)
}

/// Is everything that is wanted there? More may be.
pub(super) fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| there.get(key).is_some_and(|there| holds(there, wanted))),
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there
                    .iter()
                    .zip(wanted)
                    .all(|(there, wanted)| holds(there, wanted))
        }
        (there, wanted) => there == wanted,
    }
}

/// Is it what is wanted, and nothing else? What the API server adds as a default is nothing.
pub(super) fn is(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            let there_too = |(key, wanted): (&String, &Value)| {
                there.get(key).is_some_and(|there| is(there, wanted))
            };
            let more = there.iter().filter(|(key, _)| !wanted.contains_key(*key));
            wanted.iter().all(there_too)
                && more.into_iter().all(|(key, more)| is_default(key, more))
        }
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there
                    .iter()
                    .zip(wanted)
                    .all(|(there, wanted)| is(there, wanted))
        }
        (there, wanted) => there == wanted,
    }
}

/// The defaults of admission policies (`pkg/apis/admissionregistration/v1/defaults.go`); typed reading drops what a newer
/// API server may add.
fn is_default(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => matches!(
            (key, text.as_str()),
            ("matchPolicy", "Equivalent") | ("scope", "*") | ("failurePolicy", "Fail")
        ),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The merge patch (RFC 7386) that turns one value into the other.
pub(super) fn merge_patch(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return to.clone();
    };
    let mut patch = serde_json::Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, to) in to {
        match from.get(key) {
            Some(from) if from == to => {}
            Some(from) => {
                patch.insert(key.clone(), merge_patch(from, to));
            }
            None => {
                patch.insert(key.clone(), to.clone());
            }
        }
    }
    Value::Object(patch)
}

/// The object as it was seen, for whoever writes to it next.
pub(super) fn version(metadata: &ObjectMeta) -> ObjectVersion {
    ObjectVersion {
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
        changed_by: changed_by(metadata, "spec").or_else(|| changed_by(metadata, "rules")),
    }
}

/// Who wrote to the object last, its status aside, if it was not the controller.
pub(super) fn last_writer(metadata: &ObjectMeta) -> Option<String> {
    newest(metadata, |_| true)
}

/// Who wrote to that field last, if it was not the controller: a name that the writer gave itself.
///
/// The API server tells whole seconds. Within the controller's own second it is the other one: who asks has found the
/// field changed.
pub(super) fn changed_by(metadata: &ObjectMeta, field: &str) -> Option<String> {
    let key = format!("f:{field}");
    newest(metadata, |write| {
        let fields = write.fields_v1.as_ref();
        fields.is_some_and(|fields| fields.0.get(&key).is_some())
    })
}

fn newest(metadata: &ObjectMeta, concerns: impl Fn(&ManagedFieldsEntry) -> bool) -> Option<String> {
    let is_ours = |manager: &str| manager == name::CONTROLLER_FIELD_MANAGER;
    let writes = metadata.managed_fields.iter().flatten();
    let (_, _, manager) = writes
        .filter(|write| write.subresource.as_deref().unwrap_or_default().is_empty())
        .filter(|write| concerns(write))
        .filter_map(|write| {
            let manager = write.manager.as_deref()?;
            let time = write.time.as_ref().map(|time| time.0);
            Some((time, !is_ours(manager), manager))
        })
        .max()?;
    (!is_ours(manager)).then(|| manager.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_no_difference_and_changes_are() {
        let there = json!({"a": [{"b": 1, "scope": "*"}], "matchPolicy": "Equivalent", "c": {}});
        assert!(is(&there, &json!({"a": [{"b": 1}]})));
        assert!(!is(&there, &json!({"a": [{"b": 2}]})));
        assert!(!is(&there, &json!({"a": []})));
        assert!(!is(&there, &json!({"d": 1})));
        // A selector that somebody adds lets things through that are to be refused.
        let selected = json!({"a": [{"b": 1}], "c": {"matchLabels": {"let": "through"}}});
        assert!(!is(&selected, &json!({"a": [{"b": 1}]})));
        assert!(holds(&selected, &json!({"a": [{"b": 1}]})));
        assert!(!holds(&selected, &json!({"a": [{"b": 2}]})));
    }

    #[test]
    fn a_merge_patch_says_only_what_differs() {
        let from = json!({"same": 1, "gone": {"a": 1}, "map": {"a": 1, "b": 2}, "list": [1]});
        let to = json!({"same": 1, "map": {"b": 3}, "list": [2], "new": true});
        let patch = merge_patch(&from, &to);
        assert_eq!(
            patch,
            json!({"gone": null, "map": {"a": null, "b": 3}, "list": [2], "new": true})
        );
        let mut patched = from;
        json_patch::merge(&mut patched, &patch);
        assert_eq!(patched, to);
    }

    #[test]
    fn the_last_writer_of_a_field_is_named_unless_it_is_us() {
        let written = |writes: Value| {
            let metadata: ObjectMeta =
                serde_json::from_value(json!({"managedFields": writes})).unwrap();
            changed_by(&metadata, "spec")
        };
        let write = |manager: &str, second: u32, field: &str| {
            json!({
                "manager": manager, "operation": "Update", "fieldsType": "FieldsV1",
                "time": format!("2026-11-23T08:00:{second:02}Z"), "fieldsV1": {field: {}},
            })
        };
        let ours = name::CONTROLLER_FIELD_MANAGER;
        assert_eq!(written(json!([])), None);
        assert_eq!(written(json!([write(ours, 1, "f:spec")])), None);
        let edited = json!([write(ours, 1, "f:spec"), write("kubectl-edit", 2, "f:spec")]);
        assert_eq!(written(edited).as_deref(), Some("kubectl-edit"));
        let put_right = json!([write("kubectl-edit", 1, "f:spec"), write(ours, 2, "f:spec")]);
        assert_eq!(written(put_right), None);
        for manager in ["a", "z"] {
            let same_second = json!([write(manager, 1, "f:spec"), write(ours, 1, "f:spec")]);
            assert_eq!(written(same_second).as_deref(), Some(manager));
        }
        let elsewhere = json!([
            write(ours, 1, "f:spec"),
            write("virt-operator", 2, "f:status")
        ]);
        assert_eq!(written(elsewhere), None);
    }
}
