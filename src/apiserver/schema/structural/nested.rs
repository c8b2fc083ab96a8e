//! What a schema may say below `allOf`, `anyOf`, `oneOf` and `not`: restrict values that are specified outside.

use serde_json::Value;

use super::super::{Node, node::Pattern};
use crate::object::field_error::{self, FieldError};

/// `anyOf: [{type: integer}, {type: string}]`, the one place where alternatives may give types.
fn is_int_or_string(alternatives: &[Node]) -> bool {
    matches!(alternatives, [a, b] if a.kind == "integer" && b.kind == "string")
}

pub(super) fn check_value_validation(node: &Node, path: &str, causes: &mut Vec<FieldError>) {
    check_alternatives(node, path, causes);
    let first_all_of_is_exempt = node
        .all_of
        .first()
        .is_some_and(|first| is_int_or_string(&first.any_of));
    if !is_int_or_string(&node.any_of) {
        nested(&node.any_of, "anyOf", path, causes);
    }
    for (index, below) in node.all_of.iter().enumerate() {
        if !(index == 0 && first_all_of_is_exempt) {
            check_nested(below, &format!("{path}.allOf[{index}]"), causes);
        }
    }
}

fn check_alternatives(node: &Node, path: &str, causes: &mut Vec<FieldError>) {
    nested(&node.one_of, "oneOf", path, causes);
    if let Some(not) = &node.not {
        check_nested(not, &format!("{path}.not"), causes);
    }
    if let Some(Pattern {
        source,
        fault: Some(why),
    }) = &node.pattern
    {
        let why = format!("must be a valid regular expression, but isn't: {why}");
        causes.push(field_error::invalid(
            &format!("{path}.pattern"),
            &Value::from(source.as_str()),
            why,
        ));
    }
}

fn nested(nodes: &[Node], name: &str, path: &str, causes: &mut Vec<FieldError>) {
    for (index, below) in nodes.iter().enumerate() {
        check_nested(below, &format!("{path}.{name}[{index}]"), causes);
    }
}

/// Below `allOf`, `anyOf`, `oneOf` and `not` a schema may restrict values only.
fn check_nested(node: &Node, path: &str, causes: &mut Vec<FieldError>) {
    check_alternatives(node, path, causes);
    nested(&node.any_of, "anyOf", path, causes);
    nested(&node.all_of, "allOf", path, causes);
    if let Some(items) = &node.items {
        check_nested(items, &format!("{path}.items"), causes);
    }
    for (name, property) in &node.properties {
        check_nested(property, &format!("{path}.properties[{name}]"), causes);
    }
    let forbidden = [
        (
            !node.kind.is_empty(),
            "type",
            "must be empty to be structural",
        ),
        (
            node.additional_properties.is_some(),
            "additionalProperties",
            "must be undefined to be structural",
        ),
        (
            node.default.is_some(),
            "default",
            "must be undefined to be structural",
        ),
        (
            !node.title.is_empty(),
            "title",
            "must be empty to be structural",
        ),
        (
            !node.description.is_empty(),
            "description",
            "must be empty to be structural",
        ),
        (node.nullable, "nullable", "must be false to be structural"),
        (
            node.preserve_unknown,
            "x-kubernetes-preserve-unknown-fields",
            "must be false to be structural",
        ),
        (
            node.embedded_resource,
            "x-kubernetes-embedded-resource",
            "must be false to be structural",
        ),
        (
            node.int_or_string,
            "x-kubernetes-int-or-string",
            "must be false to be structural",
        ),
        (
            !node.list_map_keys.is_empty(),
            "x-kubernetes-list-map-keys",
            "must be empty to be structural",
        ),
        (
            node.list_type.is_some(),
            "x-kubernetes-list-type",
            "must be undefined to be structural",
        ),
        (
            node.map_type.is_some(),
            "x-kubernetes-map-type",
            "must be undefined to be structural",
        ),
        (
            !node.rules.is_empty(),
            "x-kubernetes-validations",
            "must be empty to be structural",
        ),
    ];
    for (given, name, why) in forbidden {
        if given {
            causes.push(field_error::forbidden(&format!("{path}.{name}"), why));
        }
    }
    if node.properties.contains_key("metadata") {
        let place = format!("{path}.properties[metadata]");
        causes.push(field_error::forbidden(
            &place,
            "must not be specified in a nested context",
        ));
    }
}

/// What an alternative restricts must also be specified outside of it.
pub(super) fn check_spine(node: &Node, spine: &Node, path: &str, causes: &mut Vec<FieldError>) {
    let groups = [
        ("allOf", &node.all_of),
        ("anyOf", &node.any_of),
        ("oneOf", &node.one_of),
    ];
    for (name, nodes) in groups {
        for (index, below) in nodes.iter().enumerate() {
            require_on_spine(
                below,
                spine,
                &format!("{path}.{name}[{index}]"),
                path,
                causes,
            );
        }
    }
    if let Some(not) = &node.not {
        require_on_spine(not, spine, &format!("{path}.not"), path, causes);
    }
    for (step, below) in node.children() {
        check_spine(below, below, &format!("{path}{step}"), causes);
    }
}

fn require_on_spine(
    nested: &Node,
    spine: &Node,
    from: &str,
    path: &str,
    causes: &mut Vec<FieldError>,
) {
    for (name, below) in &nested.properties {
        let place = format!("{path}.properties[{name}]");
        let why = format!("because it is defined in {from}.properties[{name}]");
        match spine.properties.get(name) {
            Some(found) => require_on_spine(
                below,
                found,
                &format!("{from}.properties[{name}]"),
                &place,
                causes,
            ),
            None => causes.push(field_error::required(&place, &why)),
        }
    }
    if let Some(below) = &nested.items {
        let place = format!("{path}.items");
        match &spine.items {
            Some(found) => require_on_spine(below, found, &format!("{from}.items"), &place, causes),
            None => causes.push(field_error::required(
                &place,
                &format!("because it is defined in {from}.items"),
            )),
        }
    }
    let deeper = nested
        .all_of
        .iter()
        .chain(&nested.any_of)
        .chain(&nested.one_of)
        .chain(nested.not.as_deref());
    for below in deeper {
        require_on_spine(below, spine, from, path, causes);
    }
}
