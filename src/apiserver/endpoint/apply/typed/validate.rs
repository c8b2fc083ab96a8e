//! Does an intent fit its schema? In the words of sigs.k8s.io/structured-merge-diff `typed/validate.go`, which knows
//! scalars, lists and maps; everything else is told by the validation of the merged object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Element, Type};
use crate::{
    object::go_format,
    schema::{ListType, Node},
};

/// Everything that does not fit, in words.
pub fn faults(root: Type, intent: &Value) -> Option<String> {
    let mut faults = Faults::default();
    faults.look(root, intent, "");
    match faults.0.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("errors:\n  {}", many.join("\n  "))),
    }
}

/// What a schema takes.
enum Atom {
    Anything,
    Map,
    List,
    Number,
    Text,
    Truth,
    /// A scalar of any type: quantities, times, and what is a number or a string.
    Scalar,
}

fn atom(node: &Node) -> Atom {
    match node.kind.as_str() {
        "object" => Atom::Map,
        "array" => Atom::List,
        "integer" | "number" => Atom::Number,
        "boolean" => Atom::Truth,
        "string" if matches!(node.format.as_str(), "" | "byte") => Atom::Text,
        "string" => Atom::Scalar,
        _ if node.int_or_string => Atom::Scalar,
        _ => Atom::Anything,
    }
}

/// May there be fields that the schema does not name?
fn is_open(node: &Node) -> bool {
    node.preserve_unknown
        || node.embedded_resource
        || node.additional_properties.is_some()
        || node.properties.is_empty()
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn note(&mut self, path: &str, why: &str) {
        self.0.push(if path.is_empty() {
            why.to_owned()
        } else {
            format!("{path}: {why}")
        });
    }

    fn look(&mut self, kind: Type, value: &Value, path: &str) {
        let Some(node) = kind.node() else {
            return;
        };
        let expected = match (atom(node), value) {
            (Atom::Map | Atom::Anything, Value::Object(_)) => {
                return self.members(kind, value, path);
            }
            (Atom::List, Value::Array(elements)) => return self.elements(kind, elements, path),
            (_, Value::Null)
            | (Atom::Anything, _)
            | (Atom::Number, Value::Number(_))
            | (Atom::Text, Value::String(_))
            | (Atom::Truth, Value::Bool(_))
            | (Atom::Scalar, Value::Number(_) | Value::String(_) | Value::Bool(_)) => return,
            (Atom::Map, _) => format!("expected map, got &{{{}}}", go_format::plain(value)),
            (Atom::List, _) => format!("expected list, got &{{{}}}", go_format::plain(value)),
            (Atom::Truth, _) => format!("expected boolean, got &{{{}}}", go_format::plain(value)),
            (Atom::Scalar, _) => {
                format!("expected any scalar, got &{{{}}}", go_format::plain(value))
            }
            (Atom::Number, _) => {
                format!(
                    "expected numeric (int or float), got {}",
                    go_format::type_of(value)
                )
            }
            (Atom::Text, _) => format!(
                "expected string, got &value.valueUnstructured{{Value:{}}}",
                go_format::syntax(value)
            ),
        };
        self.note(path, &expected);
    }

    fn members(&mut self, kind: Type, value: &Value, path: &str) {
        let is_closed = kind.node().is_some_and(|node| !is_open(node));
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if is_closed && !kind.names(name) {
                self.note(&path, "field not declared in schema");
            } else {
                self.look(kind.field(name), member, &path);
            }
        }
    }

    fn elements(&mut self, kind: Type, elements: &[Value], path: &str) {
        let list_type = kind.node().and_then(|node| node.list_type);
        let keys = kind.node().map(|node| node.list_map_keys.as_slice());
        let mut seen = BTreeSet::new();
        for (index, value) in elements.iter().enumerate() {
            let element = match list_type {
                Some(ListType::Map | ListType::Set) => kind.element(value),
                Some(ListType::Atomic) | None => {
                    Element::Index(i64::try_from(index).unwrap_or(i64::MAX))
                }
            };
            if let Some(why) = unfit(list_type, keys.unwrap_or_default(), value, &element) {
                // What can not be found again is not looked into.
                return self.note(path, &format!("element {index}: {why}"));
            }
            let shown = element.in_path();
            if !seen.insert(element) {
                self.note(path, &format!("duplicate entries for key {shown}"));
            }
            self.look(kind.items(), value, &format!("{path}{shown}"));
        }
    }
}

/// Why an element can not be told apart from others.
fn unfit(
    list_type: Option<ListType>,
    keys: &[String],
    value: &Value,
    element: &Element,
) -> Option<String> {
    let with_keys = "associative list with keys";
    let without_keys = "associative list without keys has an element";
    match (list_type?, value) {
        (ListType::Map, Value::Null) => Some(format!("{with_keys} may not have a null element")),
        (ListType::Map, Value::Object(_)) if *element == Element::Key("{}".to_owned()) => {
            Some(format!(
                "{with_keys} has an element that omits all key fields {} (and doesn't have default values for any \
                 key fields)",
                go_format::list(keys)
            ))
        }
        (ListType::Set, Value::Object(_)) => Some(format!("{without_keys} that's a map type")),
        (ListType::Set, Value::Null) => Some(format!("{without_keys} that's an explicit null")),
        (ListType::Set, Value::Array(_)) => {
            Some("not supported: associative list with lists as elements".to_owned())
        }
        (ListType::Atomic, _)
        | (ListType::Map, Value::Object(_))
        | (ListType::Set, Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
        (ListType::Map, _) => Some(format!("{with_keys} may not have non-map elements")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_told() {
        let schema = crate::kind::model::schema("io.k8s.api.apps.v1.Deployment");
        let said = |spec: Value| faults(Type::root(Some(&schema)), &json!({"spec": spec}));
        let container =
            |fields: Value| json!({"template": {"spec": {"containers": [fields]}}, "replicas": 1});
        assert_eq!(
            said(container(
                json!({"name": "c", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"port": "http"}}})
            )),
            None
        );
        for (spec, expected) in [
            (
                json!({"replicas": "x"}),
                ".spec.replicas: expected numeric (int or float), got string",
            ),
            (
                json!({"paused": "yes", "nope": 1}),
                "errors:\n  .spec.nope: field not declared in schema\n  .spec.paused: expected boolean, got &{yes}",
            ),
            (
                json!({"template": []}),
                ".spec.template: expected map, got &{[]}",
            ),
            (
                json!({"template": {"spec": {"containers": {"a": 1}}}}),
                ".spec.template.spec.containers: expected list, got &{map[a:1]}",
            ),
            (
                container(json!({"name": "c", "image": 3})),
                ".spec.template.spec.containers[name=\"c\"].image: expected string, got &value.valueUnstructured{Value:3}",
            ),
            (
                container(json!({"image": "x"})),
                ".spec.template.spec.containers: element 0: associative list with keys has an element that omits all key \
                 fields [\"name\"] (and doesn't have default values for any key fields)",
            ),
            (
                json!({"template": {"spec": {"containers": [{"name": "c"}, {"name": "c"}]}}}),
                ".spec.template.spec.containers: duplicate entries for key [name=\"c\"]",
            ),
            (
                json!({"template": {"spec": {"containers": ["c"]}}}),
                ".spec.template.spec.containers: element 0: associative list with keys may not have non-map elements",
            ),
        ] {
            assert_eq!(said(spec.clone()).as_deref(), Some(expected), "{spec}");
        }
    }
}
