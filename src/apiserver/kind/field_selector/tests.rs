use serde_json::json;

use super::*;
use crate::kind::resource::ALL_VERBS;

fn object() -> Value {
    json!({"metadata": {"name": "w1", "namespace": "default", "labels": {"n": "1", "parity": "odd", "empty": ""}},
        "spec": {"nodeName": "a,b", "on": true}, "status": {"phase": "Running"}})
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

#[test]
fn the_source_of_an_event_is_else_its_reporter() {
    let events = resource(false, &["source"]);
    let selector = FieldSelector::parse("source=c", &events).unwrap();
    for (event, holds) in [
        (
            json!({"source": {"component": "c"}, "reportingComponent": "d"}),
            true,
        ),
        (
            json!({"source": {"component": "d"}, "reportingComponent": "c"}),
            false,
        ),
        (json!({"source": {}, "reportingComponent": "c"}), true),
        (json!({}), false),
    ] {
        assert_eq!(selector.matches(&event), holds, "{event}");
    }
}
