//! What of a release its own operators have changed since it was applied: that is theirs, field by field. They drop versions
//! of definitions and add labels, and to undo it would never end. What a person has changed is not theirs.
//!
//! Read from `metadata.managedFields`, in the form of structured-merge-diff's `FieldsV1`: `f:` a member, `k:` an element by
//! its keys, `v:` an element by its value.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use crate::controller::ownership;

/// Leaves out of the object what is for its operators to say.
pub(super) fn leave_to_operators(
    wanted: &mut Value,
    there: &ObjectMeta,
    is_operator: impl Fn(&str) -> bool,
) {
    let (mut operators, mut others) = (Vec::new(), Vec::new());
    for write in there.managed_fields.iter().flatten() {
        let Some(fields) = &write.fields_v1 else {
            continue;
        };
        if is_operator(write.manager.as_deref().unwrap_or_default()) {
            operators.push(&fields.0);
        } else {
            others.push(&fields.0);
        }
    }
    if operators.is_empty() {
        return;
    }
    let trees = Trees {
        operators,
        others,
        removed_by_operator: ownership::last_writer(there)
            .is_some_and(|manager| is_operator(&manager)),
    };
    let Some(members) = wanted.as_object_mut() else {
        return;
    };
    if let Some(Value::Object(metadata)) = members.get_mut("metadata") {
        let trees = trees.at("f:metadata");
        trees.prune_members(metadata, |member| {
            !["labels", "annotations"].contains(&member)
        });
    }
    trees.prune_members(members, |member| {
        ["apiVersion", "kind", "metadata"].contains(&member)
    });
}

/// What is owned at one place of the object.
struct Trees<'a> {
    operators: Vec<&'a Value>,
    others: Vec<&'a Value>,
    /// What nobody owns was removed by whoever wrote last: was that an operator?
    removed_by_operator: bool,
}

impl<'a> Trees<'a> {
    fn at(&self, key: &str) -> Self {
        self.below(|tree| tree.get(key))
    }

    fn below(&self, find: impl Fn(&'a Value) -> Option<&'a Value>) -> Self {
        Self {
            operators: self
                .operators
                .iter()
                .filter_map(|tree| find(tree))
                .collect(),
            others: self.others.iter().filter_map(|tree| find(tree)).collect(),
            removed_by_operator: self.removed_by_operator,
        }
    }

    /// Is the whole of this place for operators to say?
    fn is_theirs(&self) -> bool {
        if self.operators.is_empty() {
            self.others.is_empty() && self.removed_by_operator
        } else {
            self.operators.iter().any(|tree| is_leaf(tree))
        }
    }

    /// Says whether anything is left.
    fn prune(&self, wanted: &mut Value) -> bool {
        if self.is_theirs() {
            return false;
        }
        match wanted {
            Value::Object(members) if !members.is_empty() => {
                self.prune_members(members, |_| false);
                !members.is_empty()
            }
            Value::Array(elements) if !elements.is_empty() && self.has_elements() => {
                elements.retain_mut(|element| self.prune_element(element));
                !elements.is_empty()
            }
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => self.operators.is_empty(),
        }
    }

    fn prune_members(&self, members: &mut Map<String, Value>, stays: impl Fn(&str) -> bool) {
        members
            .retain(|member, value| stays(member) || self.at(&format!("f:{member}")).prune(value));
    }

    /// Are elements owned one by one?
    fn has_elements(&self) -> bool {
        let trees = self.operators.iter().chain(&self.others);
        let mut keys = trees
            .filter_map(|tree| tree.as_object())
            .flat_map(Map::keys);
        keys.any(|key| key.starts_with("k:") || key.starts_with("v:"))
    }

    /// An element keeps its keys: without them it would be another one.
    fn prune_element(&self, element: &mut Value) -> bool {
        let below = self.below(|tree| {
            let mut elements = tree.as_object()?.iter();
            elements.find_map(|(key, tree)| keys(key, element).map(|_| tree))
        });
        if below.is_theirs() {
            return false;
        }
        let owned = self.operators.iter().chain(&self.others);
        let mut elements = owned
            .filter_map(|tree| tree.as_object())
            .flat_map(Map::keys);
        let keys = elements.find_map(|key| keys(key, element));
        if let (Some(keys), Value::Object(members)) = (keys, element) {
            below.prune_members(members, |member| keys.contains_key(member));
        }
        true
    }
}

/// The keys by which `k:{…}` or `v:…` names this element, if it does. A key that a file leaves out has its default.
fn keys(named: &str, element: &Value) -> Option<Map<String, Value>> {
    if let Some(value) = named.strip_prefix("v:") {
        let value: Value = serde_json::from_str(value).ok()?;
        return (value == *element).then(Map::new);
    }
    let keys: Map<String, Value> = serde_json::from_str(named.strip_prefix("k:")?).ok()?;
    let is_so = |(key, value): (&String, &Value)| element.get(key).is_none_or(|own| own == value);
    keys.iter().all(is_so).then_some(keys)
}

/// A place without places below it: a scalar, or a list or a map that is owned as a whole.
fn is_leaf(tree: &Value) -> bool {
    tree.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::name;

    fn left(wanted: &Value, writes: &Value) -> Value {
        let there = serde_json::from_value(json!({"managedFields": writes})).unwrap();
        let mut wanted = wanted.clone();
        leave_to_operators(&mut wanted, &there, |manager| manager == "cdi-operator");
        wanted
    }

    fn write(manager: &str, second: u32, fields: &Value) -> Value {
        json!({
            "manager": manager, "operation": "Update", "fieldsType": "FieldsV1",
            "time": format!("2026-11-23T08:00:{second:02}Z"), "fieldsV1": fields,
        })
    }

    #[test]
    fn what_an_operator_has_changed_is_left_out_and_nothing_else() {
        let wanted = json!({
            "apiVersion": "v1", "kind": "K",
            "metadata": {"name": "n", "labels": {"theirs": "1", "ours": "1", "persons": "1"}},
            "spec": {
                "versions": [{"name": "v1alpha1"}],
                "scope": "Cluster",
                "ports": [
                    {"name": "a", "port": 1, "targetPort": 1},
                    {"name": "b", "port": 2},
                ],
                "finalizers": ["x", "y"],
            },
        });
        let ours = write(
            name::CONTROLLER_FIELD_MANAGER,
            1,
            &json!({
                "f:metadata": {"f:labels": {".": {}, "f:ours": {}}},
                "f:spec": {
                    "f:scope": {},
                    "f:ports": {
                        "k:{\"port\":1,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}},
                        "k:{\"port\":2,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}},
                    },
                    "f:finalizers": {"v:\"y\"": {}},
                },
            }),
        );
        let person = write(
            "kubectl-edit",
            2,
            &json!({"f:metadata": {"f:labels": {"f:persons": {}}}}),
        );
        let operator = |second| {
            write(
                "cdi-operator",
                second,
                &json!({
                    "f:metadata": {"f:labels": {"f:theirs": {}}},
                    "f:spec": {
                        "f:versions": {},
                        "f:ports": {"k:{\"port\":1,\"protocol\":\"TCP\"}": {"f:targetPort": {}}},
                        "f:finalizers": {"v:\"x\"": {}},
                    },
                }),
            )
        };
        let expected = json!({
            "apiVersion": "v1", "kind": "K",
            "metadata": {"name": "n", "labels": {"ours": "1", "persons": "1"}},
            "spec": {
                "scope": "Cluster",
                "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}],
                "finalizers": ["y"],
            },
        });
        assert_eq!(left(&wanted, &json!([ours, person, operator(3)])), expected);
        // Nobody owns what was removed: it is for whoever wrote last.
        let mut more = wanted.clone();
        more["spec"]["removed"] = json!("1");
        assert_eq!(left(&more, &json!([ours, person, operator(3)])), expected);
        let mut put_back = expected.clone();
        put_back["spec"]["removed"] = json!("1");
        assert_eq!(left(&more, &json!([ours, operator(1), person])), put_back);
        assert_eq!(left(&more, &json!([ours, person])), more);
        assert_eq!(left(&more, &json!([])), more);
    }
}
