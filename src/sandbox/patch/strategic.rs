//! Strategic merge patch: a merge patch that knows which lists of the built-in kinds are maps in disguise
//! (k8s.io/apimachinery `pkg/util/strategicpatch`).
//!
//! The merge keys are those of the kind's description; a list that it does not say to merge is replaced whole.

use serde_json::{Map, Value};

use super::{PatchFault, must_be_object};
use crate::sandbox::model::Shape;

/// Merges a patch into an object of a built-in kind.
pub fn strategic(object: &Value, patch: &Value, shape: Shape) -> Result<Value, PatchFault> {
    must_be_object(patch)?;
    let mut result = object.clone();
    merge_object(shape, &mut result, patch)?;
    Ok(result)
}

fn merge_object(shape: Shape, target: &mut Value, patch: &Value) -> Result<(), PatchFault> {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return Ok(());
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *target = Value::Object(without_directives(patch));
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => {
            return Err(PatchFault::Malformed(format!(
                "Unknown patch type: {other}"
            )));
        }
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else {
        return Ok(());
    };
    if let Some(retained) = patch.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|field, _| retained.iter().any(|one| one == field));
    }
    for (field, value) in patch {
        if let Some(list) = field.strip_prefix("$deleteFromPrimitiveList/") {
            delete_from(fields.get_mut(list), value);
        } else if field.starts_with('$') {
            // `$patch` and `$retainKeys` have been seen to; the order is made last.
        } else if value.is_null() {
            fields.remove(field);
        } else if let Some(items) = value.as_array() {
            let target = fields
                .entry(field)
                .or_insert_with(|| Value::Array(Vec::new()));
            merge_list(shape.field(field), target, items)?;
        } else {
            let target = fields.entry(field).or_insert(Value::Null);
            merge_object(shape.field(field), target, value)?;
        }
    }
    for (field, value) in patch {
        if let Some(list) = field.strip_prefix("$setElementOrder/") {
            order(shape.field(list), list, fields, value);
        }
    }
    Ok(())
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    let kept = patch.iter().filter(|(field, _)| !field.starts_with('$'));
    kept.map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

fn merge_list(shape: Shape, target: &mut Value, patch: &[Value]) -> Result<(), PatchFault> {
    let replace = patch.iter().any(|item| item["$patch"] == "replace");
    let Some(items) = target.as_array_mut() else {
        *target = Value::Array(Vec::new());
        return merge_list(shape, target, patch);
    };
    match shape.merge_key() {
        _ if replace => {
            let plain = patch.iter().filter(|item| item["$patch"].is_null());
            *items = plain.cloned().collect();
        }
        _ if !shape.is_merged() => *items = patch.to_vec(),
        None => {
            for value in patch {
                if !items.contains(value) {
                    items.push(value.clone());
                }
            }
        }
        Some(key) => {
            for item in patch {
                merge_item(shape.items(), key, items, item)?;
            }
        }
    }
    Ok(())
}

fn merge_item(
    shape: Shape,
    key: &str,
    items: &mut Vec<Value>,
    item: &Value,
) -> Result<(), PatchFault> {
    if item[key].is_null() {
        return Err(PatchFault::Malformed(format!(
            "map: {item} does not contain declared merge key: {key}"
        )));
    }
    if item["$patch"] == "delete" {
        items.retain(|one| one[key] != item[key]);
        return Ok(());
    }
    if let Some(found) = items.iter_mut().find(|one| one[key] == item[key]) {
        return merge_object(shape, found, item);
    }
    let mut new = Value::Object(Map::new());
    merge_object(shape, &mut new, item)?;
    items.push(new);
    Ok(())
}

fn delete_from(list: Option<&mut Value>, unwanted: &Value) {
    if let (Some(items), Some(unwanted)) = (list.and_then(Value::as_array_mut), unwanted.as_array())
    {
        items.retain(|item| !unwanted.contains(item));
    }
}

/// `$setElementOrder`: the items in the order that the client saw them; others keep their place behind.
fn order(shape: Shape, list: &str, fields: &mut Map<String, Value>, wanted: &Value) {
    let (Some(items), Some(wanted)) = (
        fields.get_mut(list).and_then(Value::as_array_mut),
        wanted.as_array(),
    ) else {
        return;
    };
    let key = shape.merge_key();
    let place = |item: &Value| {
        let same = |one: &Value| match key {
            Some(key) => one[key] == item[key],
            None => one == item,
        };
        wanted.iter().position(same).unwrap_or(usize::MAX)
    };
    items.sort_by_key(place);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(kind: &str, object: &Value, patch: &Value) -> Value {
        let shape = Shape::of(&format!("io.k8s.api.core.v1.{kind}"));
        strategic(object, patch, shape).unwrap()
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
}
