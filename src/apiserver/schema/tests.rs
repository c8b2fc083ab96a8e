//! Rules of the schema as tables; the expectations are recordings of a real API server or its own unit tests.

#![allow(clippy::needless_pass_by_value)] // so that tables can use json! in place

use super::*;
use serde_json::json;

mod rules;

fn gadget() -> Schema {
    schema(
        json!({"type": "object", "required": ["spec"], "properties": {
            "spec": {"type": "object", "properties": {
                "enabled": {"type": "boolean", "default": false},
                "format": {"type": "string", "enum": ["raw", "qcow2"]},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 5},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "list": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            }},
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        }}),
    )
}

fn schema(raw: Value) -> Schema {
    Schema::compile(&raw).unwrap_or_else(|causes| panic!("{causes:?}"))
}

/// A schema whose `spec` is the given one.
fn with_spec(spec: Value) -> Schema {
    schema(json!({"type": "object", "properties": {"spec": spec}}))
}

fn faults(schema: &Schema, new: &Value, old: Option<&Value>) -> Vec<String> {
    let causes = schema.validate(new, old);
    causes
        .iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect()
}

#[test]
fn defaults_are_set_where_the_parent_is() {
    for (given, expected) in [
        (json!({"spec": {}}), json!({"spec": {"enabled": false}})),
        (json!({}), json!({})),
        (
            json!({"spec": {"enabled": null}}),
            json!({"spec": {"enabled": false}}),
        ),
        (
            json!({"spec": {"enabled": true, "format": null}}),
            json!({"spec": {"enabled": true}}),
        ),
    ] {
        let mut object = given.clone();
        gadget().default(&mut object);
        assert_eq!(object, expected, "{given}");
    }
}

#[test]
fn unknown_fields_are_pruned_and_named() {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "a", "nope": 1}, "more": 1,
        "spec": {"unknown": 1, "extra": {"kept": [1]}, "labels": {"a": "b"}},
    });
    let unknown = gadget().prune(&mut object);
    assert_eq!(unknown, ["metadata.nope", "more", "spec.unknown"]);
    assert_eq!(
        object,
        json!({"apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "a"},
            "spec": {"extra": {"kept": [1]}, "labels": {"a": "b"}}})
    );
}

#[test]
fn faults_read_as_those_of_the_api_server() {
    for (object, expected) in [
        (json!({}), vec!["spec: Required value"]),
        (
            json!({"spec": {"enabled": "yes"}}),
            vec![
                r#"spec.enabled: Invalid value: "string": spec.enabled in body must be of type boolean: "string""#,
            ],
        ),
        (
            json!({"spec": {"replicas": 9}}),
            vec![
                "spec.replicas: Invalid value: 9: spec.replicas in body should be less than or equal to 5",
            ],
        ),
        (
            json!({"spec": {"replicas": 0, "format": "iso"}}),
            vec![
                r#"spec.format: Unsupported value: "iso": supported values: "raw", "qcow2""#,
                "spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
            ],
        ),
        (
            json!({"spec": {"replicas": 1.5}}),
            vec![
                r#"spec.replicas: Invalid value: "number": spec.replicas in body must be of type integer: "number""#,
                r#"<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.replicas"#,
            ],
        ),
        (
            json!({"spec": {"labels": {"a": 1}}}),
            vec![
                r#"spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer""#,
            ],
        ),
        (
            json!({"spec": {"list": ["a", "b", "c", "d"]}}),
            vec!["spec.list: Too many: 4: must have at most 3 items"],
        ),
        (
            json!({"spec": {"list": [null]}}),
            vec![
                r#"spec.list[0]: Invalid value: "null": spec.list[0] in body must be of type string: "null""#,
            ],
        ),
        (
            json!({"spec": {"replicas": 2.0, "extra": {"any": null}}}),
            vec![],
        ),
    ] {
        assert_eq!(faults(&gadget(), &object, None), expected, "{object}");
    }
}

#[test]
fn single_checks_have_their_wording() {
    let cases = [
        (
            json!({"type": "string", "maxLength": 2}),
            json!("abc"),
            "spec: Too long: may not be more than 2 bytes",
        ),
        (
            json!({"type": "string", "minLength": 2}),
            json!("a"),
            r#"spec: Invalid value: "a": spec in body should be at least 2 chars long"#,
        ),
        (
            json!({"type": "string", "pattern": "^a+$"}),
            json!("b"),
            r#"spec: Invalid value: "b": spec in body should match '^a+$'"#,
        ),
        (
            json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}),
            json!(1),
            "spec: Invalid value: 1: spec in body should be greater than 1",
        ),
        (
            json!({"type": "integer", "multipleOf": 5}),
            json!(7),
            "spec: Invalid value: 7: spec in body should be a multiple of 5",
        ),
        (
            json!({"type": "number", "maximum": 1.5}),
            json!(2.5),
            "spec: Invalid value: 2.5: spec in body should be less than or equal to 1.5",
        ),
        (
            json!({"type": "array", "minItems": 1, "items": {"type": "string"}}),
            json!([]),
            "spec: Invalid value: 0: spec in body should have at least 1 items",
        ),
        (
            json!({"type": "object", "minProperties": 1}),
            json!({}),
            "spec: Invalid value: 0: spec in body should have at least 1 properties",
        ),
        (
            json!({"type": "object", "maxProperties": 0, "additionalProperties": {"type": "string"}}),
            json!({"a": "b"}),
            "spec: Too many: 1: must have at most 0 items",
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            json!("yesterday"),
            r#"spec: Invalid value: "yesterday": spec in body must be of type date-time: "yesterday""#,
        ),
        (
            json!({"type": "integer", "format": "int32"}),
            json!(3_000_000_000_i64),
            r#"<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec"#,
        ),
        (
            json!({"type": "string", "enum": ["a"], "nullable": false}),
            json!(1),
            r#"spec: Invalid value: "integer": spec in body must be of type string: "integer""#,
        ),
        (
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            r#"spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean""#,
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
            json!({}),
            r#"<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid"#,
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]}),
            json!({}),
            r#"<nil>: Invalid value: "": "spec" must validate at least one schema (anyOf)"#,
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "not": {"required": ["a"]}}),
            json!({"a": "x"}),
            r#"<nil>: Invalid value: "": "spec" must not validate the schema (not)"#,
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
            json!(["a", "b", "a", "a"]),
            r#"spec[2]: Duplicate value: "a""#,
        ),
        (
            json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}}),
            json!([{"k": "a"}, {"k": "a"}]),
            r#"spec[1]: Duplicate value: {"k":"a"}"#,
        ),
    ];
    for (spec, value, expected) in cases {
        let found = faults(&with_spec(spec.clone()), &json!({"spec": value}), None);
        assert_eq!(
            found.first().map(String::as_str),
            Some(expected),
            "{spec} {value}"
        );
    }
}

#[test]
fn formats_accept_and_reject() {
    for (format, good, bad) in [
        ("date-time", "2024-01-02T03:04:05.6Z", "2024-01-02 03:04:05"),
        ("date", "2024-02-29", "2023-02-29"),
        ("duration", "1h30m", "soon"),
        ("duration", "22 ns", "-"),
        ("ipv4", "10.0.0.1", "10.0.0"),
        ("ipv6", "fe80::1", "10.0.0.1"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/40"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
        ("hostname", "a.example.com", "-a-"),
        ("email", "a@example.com", "a"),
        ("byte", "YWJj", "a"),
        ("uri", "https://example.com", "example com"),
        ("mac", "01:23:45:67:89:ab", "01:23"),
        ("isbn", "978-0321751041", "978-0321751040"),
        ("k8s-short-name", "a-b", "A"),
    ] {
        let schema = with_spec(json!({"type": "string", "format": format}));
        assert_eq!(
            faults(&schema, &json!({"spec": good}), None),
            Vec::<String>::new(),
            "{format} {good}"
        );
        assert_eq!(
            faults(&schema, &json!({"spec": bad}), None).len(),
            1,
            "{format} {bad}"
        );
    }
    let unknown = with_spec(json!({"type": "string", "format": "colour"}));
    assert!(unknown.validate(&json!({"spec": "any"}), None).is_empty());
}

#[test]
fn what_was_wrong_before_and_is_unchanged_may_stay() {
    let old = json!({"spec": {"replicas": 9, "format": "raw"}});
    let touched = json!({"spec": {"replicas": 9, "format": "qcow2"}});
    assert!(gadget().validate(&touched, Some(&old)).is_empty());
    let changed = json!({"spec": {"replicas": 8, "format": "raw"}});
    assert_eq!(gadget().validate(&changed, Some(&old)).len(), 1);
}

#[test]
fn schemas_that_are_not_structural_are_refused() {
    let root = "spec.validation.openAPIV3Schema";
    for (raw, expected) in [
        (
            json!({}),
            format!("{root}.type: Required value: must not be empty at the root"),
        ),
        (
            json!({"type": "array", "items": {"type": "string"}}),
            format!("{root}.type: Invalid value: \"array\": must be object at the root"),
        ),
        (
            json!({"type": "object", "properties": {"a": {}}}),
            format!(
                "{root}.properties[a].type: Required value: must not be empty for specified object fields"
            ),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array"}}}),
            format!("{root}.properties[a].items: Required value: must be specified"),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "string", "default": 1}}}),
            format!(
                "{root}.properties[a].default: Invalid value: \"integer\":  in body must be of type string: \"integer\""
            ),
        ),
        (
            json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
            format!(
                "{root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified"
            ),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "object", "anyOf": [{"type": "string"}]}}}),
            format!(
                "{root}.properties[a].anyOf[0].type: Forbidden: must be empty to be structural"
            ),
        ),
        (
            json!({"type": "object", "anyOf": [{"required": ["b"], "properties": {"b": {}}}]}),
            format!(
                "{root}.properties[b]: Required value: because it is defined in {root}.anyOf[0].properties[b]"
            ),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "array", "x-kubernetes-list-type": "map", "items": {"type": "object"}}}}),
            format!(
                "{root}.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"
            ),
        ),
    ] {
        let causes = Schema::compile(&raw).expect_err("not structural");
        let faults: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        assert!(faults.contains(&expected), "{raw}: {faults:?}");
    }
}

#[test]
fn integers_and_strings_may_share_a_field() {
    let schema = with_spec(
        json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
    );
    assert!(schema.validate(&json!({"spec": 1}), None).is_empty());
    assert!(schema.validate(&json!({"spec": "50%"}), None).is_empty());
}
