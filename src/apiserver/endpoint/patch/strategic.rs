//! Strategic merge patch: a merge patch that knows which lists of the built-in kinds are maps in disguise
//! (k8s.io/apimachinery `pkg/util/strategicpatch`).
//!
//! The merge keys are those of the kind's description; a list that it does not say to merge is replaced whole.

mod list;

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{PatchFault, must_be_object};
use crate::{kind::model::Shape, object::go_format};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

type Members = Map<String, Value>;

/// Merges a patch into an object of a built-in kind.
pub fn strategic(object: &Value, patch: &Value, shape: Shape) -> Result<Value, PatchFault> {
    must_be_object(patch)?;
    let mut result = object.clone();
    if let (Some(fields), Some(patch)) = (result.as_object_mut(), patch.as_object()) {
        merge_object(shape, fields, patch)?;
    }
    Ok(result)
}

fn merge_object(shape: Shape, fields: &mut Members, patch: &Members) -> Result<(), PatchFault> {
    match patch
        .get(DIRECTIVE)
        .map(|directive| (directive, directive.as_str()))
    {
        Some((_, Some("replace"))) => {
            fields.clone_from(patch);
            fields.remove(DIRECTIVE);
            return Ok(());
        }
        Some((_, Some("delete"))) => {
            fields.clear();
            return Ok(());
        }
        Some((other, _)) => return Err(unknown_directive(other, patch)),
        None => {}
    }
    retain(fields, patch)?;
    for (field, value) in patch {
        if let Some(field) = field.strip_prefix(ORDER) {
            list::order(shape.field(field), fields, field, value, patch.get(field))?;
        } else if let Some(field) = field.strip_prefix(DELETE_FROM) {
            delete_from(fields.get_mut(field), value);
        } else if field != RETAIN_KEYS && !patch.contains_key(&format!("{ORDER}{field}")) {
            merge_field(shape.field(field), fields, field, value)?;
        }
    }
    Ok(())
}

fn merge_field(
    shape: Shape,
    fields: &mut Members,
    field: &str,
    value: &Value,
) -> Result<(), PatchFault> {
    match (fields.get_mut(field), value) {
        (Some(Value::Object(live)), Value::Object(patch)) => merge_object(shape, live, patch),
        (Some(Value::Array(live)), Value::Array(patch)) => {
            *live = list::merged(shape, live, patch)?;
            Ok(())
        }
        (_, value) => {
            match fresh(value) {
                Some(value) => fields.insert(field.to_owned(), value),
                None => fields.remove(field),
            };
            Ok(())
        }
    }
}

/// What a patch sets where nothing was before: without nulls, and without what has a directive.
fn fresh(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(members) if members.contains_key(DIRECTIVE) => None,
        Value::Object(members) => {
            let kept = members.iter().filter(|(field, _)| !field.starts_with('$'));
            let kept = kept.filter_map(|(field, value)| Some((field.clone(), fresh(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(elements) => Some(elements.iter().filter_map(fresh).collect()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
    }
}

/// `$retainKeys`: only these members stay, and the patch may set no others.
fn retain(fields: &mut Members, patch: &Members) -> Result<(), PatchFault> {
    let Some(retained) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let wrong = || PatchFault::Misdirected("invalid patch format of retainKeys".to_owned());
    let retained = retained.as_array().ok_or_else(wrong)?;
    let is_retained = |field: &str| retained.iter().any(|one| one == field);
    let mut set = patch
        .iter()
        .filter(|(field, value)| !(value.is_null() || field.starts_with('$')));
    if set.any(|(field, _)| !is_retained(field)) {
        return Err(wrong());
    }
    fields.retain(|field, _| is_retained(field));
    Ok(())
}

fn delete_from(list: Option<&mut Value>, unwanted: &Value) {
    if let (Some(items), Some(unwanted)) = (list.and_then(Value::as_array_mut), unwanted.as_array())
    {
        let unwanted: HashSet<&Value> = unwanted.iter().collect();
        items.retain(|item| !unwanted.contains(item));
    }
}

fn unknown_directive(directive: &Value, patch: &Members) -> PatchFault {
    PatchFault::Stumbled(format!(
        "unknown patch type: {} in map: {}",
        go_format::plain(directive),
        go_format::plain(&Value::Object(patch.clone()))
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merge(kind: &str, object: &Value, patch: &Value) -> Result<Value, PatchFault> {
        strategic(
            object,
            patch,
            Shape::of(&format!("io.k8s.api.core.v1.{kind}")),
        )
    }

    fn merged(kind: &str, object: &Value, patch: &Value) -> Value {
        merge(kind, object, patch).unwrap()
    }

    #[test]
    fn conditions_are_merged_by_type() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Disk", "status": "False"}]}});
        let patch = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(
            merged("Node", &object, &patch),
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}]}})
        );
    }

    #[test]
    fn taints_are_replaced_whole() {
        let object = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
        let patch = json!({"spec": {"taints": [{"key": "b", "effect": "NoSchedule"}]}});
        assert_eq!(merged("Node", &object, &patch), patch);
    }

    #[test]
    fn items_and_fields_can_be_deleted() {
        let object = json!({"spec": {"paused": true, "containers": [{"name": "a", "image": "x"}, {"name": "b"}]},
            "metadata": {"finalizers": ["x/y", "x/z"]}});
        let patch = json!({
            "spec": {"paused": null, "containers": [{"name": "b", "$patch": "delete"}, {"name": "c"}],
                     "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]},
            "metadata": {"$deleteFromPrimitiveList/finalizers": ["x/y"]},
        });
        assert_eq!(
            merged("Pod", &object, &patch),
            json!({"spec": {"containers": [{"name": "c"}, {"name": "a", "image": "x"}]}, "metadata": {"finalizers": ["x/z"]}})
        );
    }

    /// As the documentation of `kubectl patch` shows it.
    #[test]
    fn what_the_patch_names_comes_first() {
        let names = |patch: Value| -> Vec<String> {
            let object =
                json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}});
            let merged = merged("Pod", &object, &json!({"spec": patch}));
            let containers = merged["spec"]["containers"].as_array().unwrap();
            let names = containers.iter().map(|one| one["name"].as_str().unwrap());
            names.map(str::to_owned).collect()
        };
        for (patch, expected) in [
            (json!({"containers": [{"name": "new"}]}), "new a b c"),
            (json!({"containers": [{"name": "c"}]}), "a b c"),
            (
                json!({"containers": [{"name": "c"}, {"name": "a"}]}),
                "b c a",
            ),
            (
                json!({"containers": [{"name": "new"}],
                    "$setElementOrder/containers": [{"name": "a"}, {"name": "new"}, {"name": "c"}]}),
                "a new b c",
            ),
            (
                json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}),
                "b c a",
            ),
            (
                json!({"containers": [{"$patch": "replace"}, {"name": "only"}]}),
                "only",
            ),
        ] {
            assert_eq!(names(patch.clone()).join(" "), expected, "{patch}");
        }
    }

    #[test]
    fn directives_that_mean_nothing() {
        let object =
            json!({"spec": {"containers": [{"name": "a"}], "securityContext": {"runAsUser": 1}}});
        let stumbled = |why: &str| PatchFault::Stumbled(why.to_owned());
        for (spec, fault) in [
            (
                json!({"$patch": "nonsense"}),
                stumbled("unknown patch type: nonsense in map: map[$patch:nonsense]"),
            ),
            (
                json!({"containers": [{"image": "x"}]}),
                stumbled("map: map[image:x] does not contain declared merge key: name"),
            ),
            (
                json!({"containers": [{"$patch": "merge", "name": "a"}]}),
                stumbled("merging lists cannot yet be specified in the patch"),
            ),
            (
                json!({"securityContext": {"$retainKeys": ["a"], "b": 1}}),
                PatchFault::Misdirected("invalid patch format of retainKeys".to_owned()),
            ),
            (
                json!({"containers": [{"name": "b"}], "$setElementOrder/containers": [{"name": "a"}]}),
                stumbled(
                    "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
                ),
            ),
        ] {
            let found = merge("Pod", &object, &json!({"spec": spec}));
            assert_eq!(found, Err(fault), "{spec}");
        }
        // What is new takes no directive.
        let patch = json!({"spec": {"affinity": {"$patch": "replace", "nodeAffinity": {}}, "nodeSelector": {"a": null}}});
        assert_eq!(
            merged("Pod", &json!({"spec": {}}), &patch),
            json!({"spec": {"nodeSelector": {}}})
        );
    }
}
