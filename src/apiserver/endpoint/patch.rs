//! The patch algebra: JSON patch, JSON merge patch and Kubernetes' strategic merge patch. Pure.

mod strategic;

use json_patch::PatchOperation;
use serde_json::Value;

pub use self::strategic::strategic;
use crate::object::{json::depth, metadata::go_word};

/// The API server takes no more operations in one JSON patch.
pub const MOST_OPERATIONS: usize = 10_000;
/// So many bytes may the copies of one JSON patch have together (`JSONPatchMaxCopyBytes`).
const MOST_COPIED: usize = 3 * 1024 * 1024;
/// So many elements of arrays may one JSON patch move aside.
const MOST_SHIFTED: usize = 100_000_000;
/// Deeper than anything that may be stored: more is for no thread's stack.
const DEEPEST: usize = 500;

/// Why a patch was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchFault {
    /// It is no patch.
    Malformed(String),
    /// It is one, but not for this object: a failed test, a path that is not there.
    DoesNotFit,
    /// More operations than the API server takes: so many.
    TooLong(usize),
    /// A strategic merge patch whose directives are wrong.
    Misdirected(String),
    /// One that the API server itself stumbles over.
    Stumbled(String),
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

/// RFC 6902, with two liberties of the API server's own library: `replace` of a member that is not there adds it, and one
/// that is not there passes a `test` for null.
pub fn json(object: &Value, patch: &Value) -> Result<Value, PatchFault> {
    let Some(list) = patch.as_array() else {
        return Err(PatchFault::Malformed(format!(
            "json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
            go_word(patch)
        )));
    };
    let mut operations = Vec::new();
    for operation in list {
        operations.push(readable(operation)?);
    }
    if list.len() > MOST_OPERATIONS {
        return Err(PatchFault::TooLong(list.len()));
    }
    let mut result = object.clone();
    let mut growth = Growth::of(object);
    for operation in operations {
        // What is no operation is found out when its turn comes.
        let operation = serde_json::from_value(operation).map_err(|_| PatchFault::DoesNotFit)?;
        let operation = lenient(operation, &result);
        growth.add(&operation, &result)?;
        if finds_nothing(&operation, &result) {
            continue;
        }
        json_patch::patch(&mut result, &[operation]).map_err(|_| PatchFault::DoesNotFit)?;
    }
    Ok(result)
}

/// What a patch makes of an object that is small itself.
struct Growth {
    copied: usize,
    shifted: usize,
    /// The object is no deeper.
    depth: usize,
}

impl Growth {
    fn of(object: &Value) -> Self {
        Self {
            copied: 0,
            shifted: 0,
            depth: depth(object),
        }
    }

    /// Counts an operation before it is done.
    fn add(&mut self, operation: &PatchOperation, object: &Value) -> Result<(), PatchFault> {
        let (place, inside) = match operation {
            PatchOperation::Add(add) => (add.path.as_str(), depth(&add.value)),
            PatchOperation::Replace(replace) => (replace.path.as_str(), depth(&replace.value)),
            PatchOperation::Copy(copy) => {
                let found = object.pointer(copy.from.as_str());
                let found = found.ok_or(PatchFault::DoesNotFit)?;
                self.copied += size(found);
                (copy.path.as_str(), depth(found))
            }
            PatchOperation::Move(shift) => {
                self.shifted += length_around(object, shift.from.as_str());
                let from = shift.from.as_str().matches('/').count();
                (shift.path.as_str(), self.depth.saturating_sub(from))
            }
            PatchOperation::Remove(remove) => (remove.path.as_str(), 0),
            PatchOperation::Test(_) => return Ok(()),
        };
        self.shifted += length_around(object, place);
        self.depth = self.depth.max(place.matches('/').count() + inside);
        let fits =
            self.copied <= MOST_COPIED && self.shifted <= MOST_SHIFTED && self.depth <= DEEPEST;
        fits.then_some(()).ok_or(PatchFault::DoesNotFit)
    }
}

/// How many bytes a value is as JSON.
fn size(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

/// The number of elements of the array that a path leads into.
fn length_around(object: &Value, path: &str) -> usize {
    let around = path.rsplit_once('/').map_or("", |(around, _)| around);
    let array = object.pointer(around).and_then(Value::as_array);
    array.map_or(0, Vec::len)
}

/// An operation, of which Go wants to know no more than the types of its fields. Without a value it has null.
fn readable(operation: &Value) -> Result<Value, PatchFault> {
    let unreadable = |found: &Value, place: &str| {
        let found = go_word(found);
        PatchFault::Malformed(format!("json: cannot unmarshal {found} into Go {place}"))
    };
    if !operation.is_object() {
        return Err(unreadable(operation, "value of type handlers.jsonPatchOp"));
    }
    for field in ["op", "path", "from"] {
        if !(operation[field].is_string() || operation[field].is_null()) {
            let place = format!("struct field jsonPatchOp.{field} of type string");
            return Err(unreadable(&operation[field], &place));
        }
    }
    let mut operation = operation.clone();
    if operation.get("value").is_none() {
        operation["value"] = Value::Null;
    }
    Ok(operation)
}

/// Is it a test for null of a member that is not there?
fn finds_nothing(operation: &PatchOperation, object: &Value) -> bool {
    match operation {
        PatchOperation::Test(test) => {
            test.value.is_null() && is_missing(object, test.path.as_str())
        }
        _ => false,
    }
}

/// Is a member of that name missing in an object that is there?
fn is_missing(object: &Value, path: &str) -> bool {
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    let in_object = parent
        .and_then(|parent| object.pointer(parent))
        .is_some_and(Value::is_object);
    in_object && object.pointer(path).is_none()
}

fn lenient(operation: PatchOperation, object: &Value) -> PatchOperation {
    let PatchOperation::Replace(replace) = &operation else {
        return operation;
    };
    if is_missing(object, replace.path.as_str()) {
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
    use crate::kind::model::Shape;

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
        for malformed in [json!({}), json!([1]), json!([{"op": 1, "path": "/a"}])] {
            let fault = json(&object, &malformed).unwrap_err();
            assert!(matches!(fault, PatchFault::Malformed(_)), "{fault:?}");
        }
        for unfit in [
            json!([{"op": "nonsense", "path": "/a"}]),
            json!([{"op": "remove"}]),
        ] {
            assert_eq!(json(&object, &unfit), Err(PatchFault::DoesNotFit));
        }
        let nothing = json!([{"op": "add", "path": "/a"}]);
        assert_eq!(json(&object, &nothing).unwrap(), json!({"a": null}));
        let many = vec![json!({"op": "test", "path": "/a", "value": 1}); 10_001];
        assert_eq!(
            json(&object, &many.into()),
            Err(PatchFault::TooLong(10_001))
        );
    }

    #[test]
    fn a_small_patch_makes_nothing_large() {
        let object =
            json!({"data": {"a": "x"}, "list": vec![1; 20_000], "long": "x".repeat(400_000)});
        let repeated = |operation: &dyn Fn(usize) -> Value, times| -> Value {
            (0..times).map(operation).collect::<Vec<_>>().into()
        };
        let deeper = |times| "/data".to_owned() + &"/d".repeat(times);
        for patch in [
            // Each copy is as large as everything before it.
            repeated(
                &|at| json!({"op": "copy", "from": "/data", "path": format!("/data/b{at}")}),
                40,
            ),
            // What is taken away again counts.
            repeated(
                &|at| json!({"op": "copy", "from": "/long", "path": format!("/b{}", at % 2)}),
                8,
            ),
            // Each copy is as deep as everything before it.
            repeated(
                &|at| json!({"op": "copy", "from": "/data", "path": deeper((1 << at) - at)}),
                16,
            ),
            repeated(
                &|at| json!({"op": "add", "path": deeper(at + 1), "value": {}}),
                600,
            ),
            repeated(
                &|_| json!({"op": "add", "path": "/list/0", "value": 1}),
                9_000,
            ),
            repeated(
                &|_| json!({"op": "move", "from": "/list/0", "path": "/list/1"}),
                9_000,
            ),
        ] {
            assert_eq!(
                json(&object, &patch),
                Err(PatchFault::DoesNotFit),
                "{}",
                patch[0]
            );
        }
        let harmless = json!([
            {"op": "copy", "from": "/long", "path": "/b"}, {"op": "move", "from": "/b", "path": "/c"},
            {"op": "add", "path": "/list/0", "value": 1}, {"op": "remove", "path": "/list/0"},
        ]);
        assert_eq!(json(&object, &harmless).unwrap()["c"], object["long"]);
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
