//! Strategic merge patch: a merge patch that knows which lists of the built-in kinds are maps in disguise.
//!
//! The merge keys are those of `k8s.io/api` (`patchMergeKey` tags); a list that is not in the table is replaced whole.

use serde_json::{Map, Value};

use super::{PatchFault, must_be_object};

/// How a list of a built-in kind is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListKind {
    /// Items with the same value of this field are one item.
    Map(&'static str),
    /// Plain values, each there once.
    Set,
    /// Replaced whole.
    Atomic,
}

/// The list's kind by the name of its field and of the one that it lies in.
fn list_kind(parent: &str, field: &str) -> ListKind {
    match (parent, field) {
        (
            _,
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "env"
            | "imagePullSecrets"
            | "resourceClaims"
            | "validations"
            | "matchConditions"
            | "variables",
        )
        | ("spec", "volumes")
        | ("", "secrets") => ListKind::Map("name"),
        (_, "volumeMounts") => ListKind::Map("mountPath"),
        (_, "volumeDevices") => ListKind::Map("devicePath"),
        (_, "topologySpreadConstraints") => ListKind::Map("topologyKey"),
        // A container's ports, and a service's.
        ("containers" | "initContainers" | "ephemeralContainers", "ports") => {
            ListKind::Map("containerPort")
        }
        ("spec", "ports") => ListKind::Map("port"),
        ("status", "conditions" | "addresses") => ListKind::Map("type"),
        (_, "hostAliases") | ("status", "podIPs" | "hostIPs") => ListKind::Map("ip"),
        ("metadata", "ownerReferences") => ListKind::Map("uid"),
        ("metadata", "finalizers") | ("spec", "podCIDRs") => ListKind::Set,
        _ => ListKind::Atomic,
    }
}

/// Merges a patch into an object of a built-in kind.
pub fn strategic(object: &Value, patch: &Value) -> Result<Value, PatchFault> {
    must_be_object(patch)?;
    let mut result = object.clone();
    merge_object("", &mut result, patch)?;
    Ok(result)
}

fn merge_object(name: &str, target: &mut Value, patch: &Value) -> Result<(), PatchFault> {
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
            merge_list(name, field, target, items)?;
        } else {
            let target = fields.entry(field).or_insert(Value::Null);
            merge_object(field, target, value)?;
        }
    }
    for (field, value) in patch {
        if let Some(list) = field.strip_prefix("$setElementOrder/") {
            order(name, list, fields, value);
        }
    }
    Ok(())
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    let kept = patch.iter().filter(|(field, _)| !field.starts_with('$'));
    kept.map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

fn merge_list(
    parent: &str,
    field: &str,
    target: &mut Value,
    patch: &[Value],
) -> Result<(), PatchFault> {
    let replace = patch.iter().any(|item| item["$patch"] == "replace");
    let kind = list_kind(parent, field);
    let Some(items) = target.as_array_mut() else {
        *target = Value::Array(Vec::new());
        return merge_list(parent, field, target, patch);
    };
    match kind {
        _ if replace => {
            let plain = patch.iter().filter(|item| item["$patch"].is_null());
            *items = plain.cloned().collect();
        }
        ListKind::Atomic => *items = patch.to_vec(),
        ListKind::Set => {
            for value in patch {
                if !items.contains(value) {
                    items.push(value.clone());
                }
            }
        }
        ListKind::Map(key) => {
            for item in patch {
                merge_item(field, key, items, item)?;
            }
        }
    }
    Ok(())
}

fn merge_item(
    field: &str,
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
        return merge_object(field, found, item);
    }
    let mut new = Value::Object(Map::new());
    merge_object(field, &mut new, item)?;
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
fn order(parent: &str, list: &str, fields: &mut Map<String, Value>, wanted: &Value) {
    let (Some(items), Some(wanted)) = (
        fields.get_mut(list).and_then(Value::as_array_mut),
        wanted.as_array(),
    ) else {
        return;
    };
    let key = match list_kind(parent, list) {
        ListKind::Map(key) => Some(key),
        ListKind::Set | ListKind::Atomic => None,
    };
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

    #[test]
    fn conditions_are_merged_by_type() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Disk", "status": "False"}]}});
        let patch = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(
            strategic(&object, &patch).unwrap(),
            json!({"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Disk", "status": "False"}]}})
        );
    }

    #[test]
    fn taints_are_replaced_whole() {
        let object = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}});
        let patch = json!({"spec": {"taints": [{"key": "b", "effect": "NoSchedule"}]}});
        assert_eq!(strategic(&object, &patch).unwrap(), patch);
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
            strategic(&object, &patch).unwrap(),
            json!({"spec": {"containers": [{"name": "c"}, {"name": "a", "image": "x"}]}, "metadata": {"finalizers": ["x/z"]}})
        );
    }
}
