//! What two versions of an object do not have in common, field by field. Commands show it, dry or done, and a conflict
//! says by it what somebody else has changed.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

/// One field. Null is a field that is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The names on the way to it, for example `spec`, `enabled`.
    pub path: Vec<String>,
    pub old: Value,
    pub new: Value,
}

impl Difference {
    /// The path as people write it: `spec.enabled`, `metadata.annotations["example.com/a"]`.
    #[must_use]
    pub fn field(&self) -> String {
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let mut field = String::new();
        for name in &self.path {
            if !plain(name) {
                field = format!("{field}[{name:?}]");
            } else if field.is_empty() {
                field.clone_from(name);
            } else {
                field = format!("{field}.{name}");
            }
        }
        field
    }
}

/// A value as people read it: text without quotes, and a word for what is absent.
#[must_use]
pub fn spoken(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (spoken(&self.old), spoken(&self.new));
        write!(f, "{}: {old} → {new}", self.field())
    }
}

/// Of what people write into an object: its spec, labels and annotations, in this order.
#[must_use]
pub fn of_object(old: &Value, new: &Value) -> Vec<Difference> {
    const WRITTEN: [&[&str]; 3] = [
        &["spec"],
        &["metadata", "labels"],
        &["metadata", "annotations"],
    ];
    let mut differences = Vec::new();
    for path in WRITTEN {
        let at = |object: &Value| {
            path.iter()
                .fold(object.clone(), |value, name| value[name].clone())
        };
        let path = path.iter().map(|name| (*name).to_owned()).collect();
        collect(path, &at(old), &at(new), &mut differences);
    }
    differences
}

/// Objects are compared name by name, everything else as a whole.
fn collect(path: Vec<String>, old: &Value, new: &Value, differences: &mut Vec<Difference>) {
    if old == new {
        return;
    }
    let names = |value: &Value| -> Option<BTreeSet<String>> {
        match value {
            Value::Object(fields) => Some(fields.keys().cloned().collect()),
            Value::Null => Some(BTreeSet::new()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    };
    match (names(old), names(new)) {
        (Some(old_names), Some(new_names)) if !(old_names.is_empty() && new_names.is_empty()) => {
            for name in old_names.union(&new_names) {
                let mut path = path.clone();
                path.push(name.clone());
                collect(path, &old[name], &new[name], differences);
            }
        }
        _ => differences.push(Difference {
            path,
            old: old.clone(),
            new: new.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_that_differs_is_named() {
        let old = json!({
            "metadata": {"resourceVersion": "1", "annotations": {"example.com/a": "1"}},
            "spec": {"enabled": false, "storage": {"class": "a"}, "list": [1], "same": 1},
            "status": {"ready": false},
        });
        let new = json!({
            "metadata": {"resourceVersion": "2", "annotations": {}, "labels": {"team": "a"}},
            "spec": {"enabled": true, "storage": {"class": "b", "size": 1}, "list": [1, 2], "same": 1},
            "status": {"ready": true},
        });
        let lines: Vec<String> = of_object(&old, &new)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            lines,
            [
                "spec.enabled: false → true",
                "spec.list: [1] → [1,2]",
                "spec.storage.class: a → b",
                "spec.storage.size: unset → 1",
                "metadata.labels.team: unset → a",
                r#"metadata.annotations["example.com/a"]: 1 → unset"#,
            ]
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            "[a-c]{0,2}".prop_map(Value::String),
        ];
        leaf.prop_recursive(3, 16, 3, |inner| {
            proptest::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map))
        })
    }

    proptest! {
        #[test]
        fn nothing_is_said_of_what_is_equal(old in value()) {
            let object = json!({"spec": old});
            prop_assert!(of_object(&object, &object).is_empty());
        }

        #[test]
        fn every_difference_is_one(old in value(), new in value()) {
            let found = of_object(&json!({"spec": old}), &json!({"spec": new}));
            for difference in &found {
                prop_assert_ne!(&difference.old, &difference.new);
            }
        }
    }
}
