//! The patch algebra: JSON patch, JSON merge patch and Kubernetes' strategic merge patch. Pure.

mod strategic;

use json_patch::PatchOperation;
use serde_json::Value;

pub use self::strategic::strategic;
use super::metadata::go_word;

/// Why a patch was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchFault {
    /// It is no patch.
    Malformed(String),
    /// It is one, but not for this object: a failed test, a path that is not there.
    DoesNotFit,
}

/// RFC 7396.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, PatchFault> {
    must_be_object(patch)?;
    let mut result = object.clone();
    json_patch::merge(&mut result, patch);
    Ok(result)
}

fn must_be_object(patch: &Value) -> Result<(), PatchFault> {
    if patch.is_object() {
        return Ok(());
    }
    Err(PatchFault::Malformed(format!(
        "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
        go_word(patch)
    )))
}

/// RFC 6902, with one liberty of the API server's own library: `replace` of a member that is not there adds it.
pub fn json(object: &Value, patch: &Value) -> Result<Value, PatchFault> {
    // The API server takes no more.
    const MOST_OPERATIONS: usize = 10_000;
    let Some(list) = patch.as_array() else {
        return Err(PatchFault::Malformed(format!(
            "json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
            go_word(patch)
        )));
    };
    if list.len() > MOST_OPERATIONS {
        return Err(PatchFault::Malformed(format!(
            "The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}",
            list.len()
        )));
    }
    let mut result = object.clone();
    for operation in list {
        let operation: PatchOperation = serde_json::from_value(operation.clone())
            .map_err(|error| PatchFault::Malformed(error.to_string()))?;
        let operation = lenient(operation, &result);
        json_patch::patch(&mut result, &[operation]).map_err(|_| PatchFault::DoesNotFit)?;
    }
    Ok(result)
}

fn lenient(operation: PatchOperation, object: &Value) -> PatchOperation {
    let PatchOperation::Replace(replace) = &operation else {
        return operation;
    };
    let path = replace.path.as_str();
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    let in_object = parent
        .and_then(|parent| object.pointer(parent))
        .is_some_and(Value::is_object);
    if in_object && object.pointer(path).is_none() {
        return PatchOperation::Add(json_patch::AddOperation {
            path: replace.path.clone(),
            value: replace.value.clone(),
        });
    }
    operation
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::sandbox::model::Shape;

    /// A strategic merge patch of an object of which nothing is known.
    fn plainly(object: &Value, patch: &Value) -> Result<Value, PatchFault> {
        strategic(object, patch, Shape::UNKNOWN)
    }

    #[test]
    fn a_merge_patch_removes_with_null() {
        let object = json!({"spec": {"a": 1, "b": 2}});
        assert_eq!(
            merge(&object, &json!({"spec": {"a": null, "c": 3}})).unwrap(),
            json!({"spec": {"b": 2, "c": 3}})
        );
        assert!(matches!(
            merge(&object, &json!([1])),
            Err(PatchFault::Malformed(_))
        ));
    }

    #[test]
    fn a_json_patch_is_all_or_nothing() {
        let object = json!({"a": 1});
        let failing = json!([{"op": "add", "path": "/b", "value": 2}, {"op": "test", "path": "/a", "value": 2}]);
        assert_eq!(json(&object, &failing), Err(PatchFault::DoesNotFit));
        assert_eq!(object, json!({"a": 1}));
        let replacing = json!([{"op": "replace", "path": "/b", "value": 2}]);
        assert_eq!(json(&object, &replacing).unwrap(), json!({"a": 1, "b": 2}));
        let removing = json!([{"op": "remove", "path": "/b"}]);
        assert_eq!(json(&object, &removing), Err(PatchFault::DoesNotFit));
        assert!(matches!(
            json(&object, &json!({})),
            Err(PatchFault::Malformed(_))
        ));
    }

    /// Small JSON objects without nulls (a merge patch can not write one).
    fn objects() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i8>().prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from)
        ];
        let value = leaf.prop_recursive(3, 12, 4, |inner| {
            proptest::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        });
        proptest::collection::btree_map("[a-d]", value, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn an_empty_patch_changes_nothing(object in objects()) {
            prop_assert_eq!(merge(&object, &json!({})).unwrap(), object.clone());
            prop_assert_eq!(json(&object, &json!([])).unwrap(), object.clone());
            prop_assert_eq!(plainly(&object, &json!({})).unwrap(), object);
        }

        #[test]
        fn a_patch_twice_is_a_patch_once(object in objects(), patch in objects()) {
            for apply in [merge, plainly] {
                let once = apply(&object, &patch).unwrap();
                prop_assert_eq!(apply(&once, &patch).unwrap(), once);
            }
        }
    }
}
