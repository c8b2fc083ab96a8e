//! Small builders that rules share: objects, owner references, conditions, names. Pure.

use jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    cluster_state::{Object, Read as _},
    kind::Kind,
    step::{Action, Step, Target},
};

/// Kubernetes' alphabet for generated names: no vowels, so that no words come out.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// An object from its JSON.
///
/// # Errors
/// Where `metadata` is not that of an object.
pub(super) fn object(value: Value) -> serde_json::Result<DynamicObject> {
    serde_json::from_value(value)
}

/// An object from JSON that we wrote ourselves.
pub(super) fn known(value: Value) -> DynamicObject {
    object(value).expect("our own JSON has a well-formed metadata")
}

/// A short name for some content, stable as long as the content is.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(10)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

/// The same in the form of a UUID.
pub(super) fn uuid(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_random_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// A short name for a pod template. Fields that say nothing do not count: clients write them or leave them out.
pub(super) fn template_hash(template: &Value) -> String {
    digest(&[&said(template).to_string()])
}

/// Without nulls, empty maps and empty lists.
fn said(value: &Value) -> Value {
    let is_said = |value: &Value| match value {
        Value::Null => false,
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(field, value)| (field.clone(), said(value)))
            .filter(|(_, value)| is_said(value))
            .collect(),
        Value::Array(items) => items.iter().map(said).collect(),
        other => other.clone(),
    }
}

/// `ownerReferences` with one owner that controls.
pub(super) fn controlled_by(kind: Kind, owner: &Object) -> Value {
    let mut reference = owned_by(kind, owner);
    reference["controller"] = true.into();
    json!([reference])
}

/// A reference to an owner with which the object goes.
pub(super) fn owned_by(kind: Kind, owner: &Object) -> Value {
    json!({
        "apiVersion": kind.api_version(), "kind": kind.name(),
        "name": owner.name(), "uid": owner.uid(), "blockOwnerDeletion": true,
    })
}

/// One condition that a rule wants.
pub(super) struct Wanted<'a> {
    pub kind: &'a str,
    pub status: bool,
    pub reason: &'a str,
    pub message: &'a str,
}

/// The object's conditions with the wanted ones in place. `lastTransitionTime` moves only with the status.
pub(super) fn conditions(object: &Object, now: Timestamp, wanted: &[Wanted<'_>]) -> Value {
    let mut conditions = object
        .value("/status/conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for want in wanted {
        let status = if want.status { "True" } else { "False" };
        let mut next = json!({"type": want.kind, "status": status, "lastTransitionTime": now});
        for (field, text) in [("reason", want.reason), ("message", want.message)] {
            if !text.is_empty() {
                next[field] = text.into();
            }
        }
        match conditions
            .iter_mut()
            .find(|condition| condition["type"] == want.kind)
        {
            Some(known) => {
                if known["status"] == status {
                    next["lastTransitionTime"] = known["lastTransitionTime"].take();
                }
                *known = next;
            }
            None => conditions.push(next),
        }
    }
    conditions.into()
}

/// Adds our finalizer.
pub(super) fn add_finalizer(kind: Kind, object: &Object, finalizer: &str) -> Step {
    add_finalizers(kind, object, &[finalizer])
}

/// Adds those that are missing.
pub(super) fn add_finalizers(kind: Kind, object: &Object, ours: &[&str]) -> Step {
    let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    for finalizer in ours {
        if !object.has_finalizer(finalizer) {
            finalizers.push((*finalizer).to_owned());
        }
    }
    write_finalizers(kind, object, &finalizers).now()
}

/// Removes our finalizer: our part of the deletion is done.
pub(super) fn remove_finalizer(kind: Kind, object: &Object, finalizer: &str) -> Action {
    remove_finalizers(kind, object, &[finalizer])
}

pub(super) fn remove_finalizers(kind: Kind, object: &Object, ours: &[&str]) -> Action {
    let finalizers: Vec<String> = object
        .metadata
        .finalizers
        .iter()
        .flatten()
        .filter(|held| !ours.contains(&held.as_str()))
        .cloned()
        .collect();
    write_finalizers(kind, object, &finalizers)
}

/// The list is written as a whole, so only over the version that it was read from.
fn write_finalizers(kind: Kind, object: &Object, finalizers: &[String]) -> Action {
    Action::Patch {
        of: Target::of(kind, object),
        patch: json!({"metadata": {
            "finalizers": finalizers,
            "resourceVersion": object.metadata.resource_version,
        }}),
    }
}

/// Do the labels have everything that the selector's `matchLabels` asks for?
pub(super) fn matches_labels(selector: Option<&Value>, object: &DynamicObject) -> bool {
    let empty = Map::new();
    let wanted = selector.and_then(Value::as_object).unwrap_or(&empty);
    wanted
        .iter()
        .all(|(key, value)| object.label(key).is_some_and(|held| *value == held))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_condition_keeps_its_time_as_long_as_its_status() {
        let then: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let object = Arc::new(known(json!({
            "metadata": {"name": "a"},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": then},
                {"type": "Foreign", "status": "True", "lastTransitionTime": then},
            ]},
        })));
        let want = |status| Wanted {
            kind: "Ready",
            status,
            reason: "Why",
            message: "",
        };
        assert_eq!(
            conditions(&object, now, &[want(true)]),
            json!([
                {"type": "Ready", "status": "True", "reason": "Why", "lastTransitionTime": then},
                {"type": "Foreign", "status": "True", "lastTransitionTime": then},
            ])
        );
        assert_eq!(
            conditions(&object, now, &[want(false)])[0]["lastTransitionTime"],
            json!(now)
        );
    }

    #[test]
    fn a_digest_is_stable_and_tells_parts_apart() {
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        assert_ne!(digest(&["a", "b"]), digest(&["ab"]));
    }

    #[test]
    fn templates_that_say_the_same_are_the_same() {
        let plain = json!({"spec": {"containers": [{"name": "a"}]}});
        let wordy = json!({
            "metadata": {"creationTimestamp": null},
            "spec": {"containers": [{"name": "a", "resources": {}}], "volumes": []},
        });
        assert_eq!(template_hash(&plain), template_hash(&wordy));
        let other = json!({"spec": {"containers": [{"name": "b"}]}});
        assert_ne!(template_hash(&plain), template_hash(&other));
    }
}
