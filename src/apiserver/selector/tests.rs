use super::*;
use crate::resource::{ALL_VERBS, ResourceType};
use serde_json::json;

fn object() -> Value {
    json!({"metadata": {"name": "w1", "namespace": "default", "labels": {"n": "1", "parity": "odd", "empty": ""}},
        "spec": {"nodeName": "a,b", "on": true}, "status": {"phase": "Running"}})
}

#[test]
fn label_selectors_select() {
    for (selector, holds) in [
        ("", true),
        ("parity=odd", true),
        ("parity == even", false),
        ("parity!=even", true),
        ("missing!=x", true),
        ("n in (1,2),parity!=even", true),
        ("n notin (1)", false),
        ("parity,!missing,n notin (0)", true),
        ("!parity", false),
        ("empty=", true),
        ("empty in ()", true),
        ("n in (,1)", true),
        ("n>0", true),
        ("n<1", false),
        ("parity>0", false),
        ("kubevm.io/VM-SkipSchedule", false),
        ("n in (in, 1)", true),
    ] {
        let parsed =
            LabelSelector::parse(selector).unwrap_or_else(|why| panic!("{selector}: {why}"));
        assert_eq!(parsed.matches(&object()), holds, "{selector}");
    }
}

#[test]
fn broken_label_selectors_are_refused_in_the_api_servers_words() {
    for (selector, message) in [
        (
            "a===b",
            "unable to parse requirement: found '=', expected: identifier",
        ),
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
        ),
        (
            "a in b",
            "unable to parse requirement: found 'b' expected: '('",
        ),
        (
            "a in (b",
            "unable to parse requirement: found '', expected: ',' or ')'",
        ),
        ("a,", "found '', expected: identifier after ','"),
        (
            ",a",
            "found ',', expected: !, identifier, or 'end of string'",
        ),
        ("a=b)", "found ')', expected: ',' or 'end of string'"),
        (
            "a>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
        (
            "a=_",
            "unable to parse requirement: values[0][a]: Invalid value: \"_\": a valid label must be an empty string or \
             consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character \
             (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is \
             '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
    ] {
        assert_eq!(
            LabelSelector::parse(selector).unwrap_err(),
            message,
            "{selector}"
        );
    }
    let message = LabelSelector::parse("-a=b").unwrap_err();
    assert!(
        message
            .starts_with(r#"unable to parse requirement: <nil>: Invalid value: "-a": name part"#),
        "{message}"
    );
}

#[test]
fn selectors_in_objects_select() {
    for (selector, holds) in [
        (json!({}), true),
        (json!({"matchLabels": {"parity": "odd"}}), true),
        (
            json!({"matchExpressions": [{"key": "n", "operator": "In", "values": ["2"]}]}),
            false,
        ),
        (
            json!({"matchExpressions": [{"key": "gone", "operator": "DoesNotExist"}]}),
            true,
        ),
    ] {
        assert_eq!(
            LabelSelector::from_object(&selector)
                .unwrap()
                .matches(&object()),
            holds,
            "{selector}"
        );
    }
    assert!(
        LabelSelector::from_object(
            &json!({"matchExpressions": [{"key": "n", "operator": "Like"}]})
        )
        .is_err()
    );
}

fn resource(custom: bool, fields: &[&str]) -> ResourceType {
    ResourceType {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Widget".to_owned(),
        list_kind: "WidgetList".to_owned(),
        plural: "widgets".to_owned(),
        singular: "widget".to_owned(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        verbs: ALL_VERBS,
        status_subresource: false,
        scale_subresource: false,
        counts_generation: false,
        custom,
        schema: None,
        columns: Vec::new(),
        selectable_fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    }
}

#[test]
fn field_selectors_select() {
    let resource = resource(
        true,
        &[
            ".spec.nodeName",
            ".spec.on",
            "status.phase",
            "spec.unschedulable",
        ],
    );
    for (selector, holds) in [
        ("", true),
        ("metadata.name=w1", true),
        ("metadata.name==w1,metadata.namespace!=default", false),
        (r"spec.nodeName=a\,b", true),
        ("spec.on=true", true),
        ("status.phase!=Failed,status.phase!=Succeeded", true),
        ("spec.unschedulable=false", true),
    ] {
        let parsed = FieldSelector::parse(selector, &resource)
            .unwrap_or_else(|why| panic!("{selector}: {why}"));
        assert_eq!(parsed.matches(&object()), holds, "{selector}");
    }
}

#[test]
fn broken_field_selectors_are_refused() {
    for (custom, selector, message) in [
        (
            true,
            "spec.enabled=true",
            "field label not supported: spec.enabled",
        ),
        (
            false,
            "x=1",
            r#""x" is not a known field selector: only "metadata.name", "metadata.namespace""#,
        ),
        (
            true,
            "nonsense",
            "invalid selector: 'nonsense'; can't understand 'nonsense'",
        ),
        (
            true,
            r"metadata.name=a\b",
            r"invalid field selector: invalid escape sequence: \b",
        ),
        (
            true,
            "metadata.name=a=b",
            "invalid field selector: unescaped character in value: 61",
        ),
    ] {
        assert_eq!(
            FieldSelector::parse(selector, &resource(custom, &[])).unwrap_err(),
            message,
            "{selector}"
        );
    }
}
