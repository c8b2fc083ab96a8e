//! The shape of plain JSON.

use serde_json::Value;

/// Objects nest no deeper, their `managedFields` included: with what a list, a watch and the state put around an object it
/// can be read by parsers that end at 128.
pub const DEEPEST: usize = 110;

/// How many objects and arrays enclose the innermost value.
#[must_use]
pub fn depth(value: &Value) -> usize {
    let inside = match value {
        Value::Array(elements) => elements.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + inside.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn depth_counts_what_encloses() {
        for (value, levels) in [
            (json!(1), 0),
            (json!({}), 1),
            (json!([[], {"a": [1]}]), 3),
            (json!({"a": {"b": 1}, "c": []}), 2),
        ] {
            assert_eq!(depth(&value), levels, "{value}");
        }
    }
}
