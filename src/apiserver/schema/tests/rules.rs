//! Rules in CEL: run, and refused.

use super::*;

#[test]
fn rules_are_run_with_their_messages() {
    let schema = schema(json!({"type": "object",
    "x-kubernetes-validations": [{"rule": "self.metadata.name == 'vmruntime'", "message": "the name is vmruntime"}],
    "properties": {"spec": {"type": "object",
        "x-kubernetes-validations": [
            {"rule": "!has(self.min) || self.min <= self.max", "messageExpression": "'min ' + string(self.min) + ' is above max'", "fieldPath": ".min", "reason": "FieldValueForbidden"},
            {"rule": "self.max < 100"},
        ],
        "properties": {
            "min": {"type": "integer"}, "max": {"type": "integer"},
            "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}]},
            "level": {"type": "integer", "x-kubernetes-validations": [
                {"rule": "!oldSelf.hasValue() || self >= oldSelf.value()", "optionalOldSelf": true, "message": "may only grow"}]},
        }}}}));
    let named =
        |spec: Value| json!({"metadata": {"name": "vmruntime", "labels": {}}, "spec": spec});
    let none: Vec<&str> = Vec::new();
    for (new, old, expected) in [
        (named(json!({"min": 1, "max": 2})), None, none.clone()),
        (
            named(json!({"min": 3, "max": 2})),
            None,
            vec!["spec.min: Forbidden: min 3 is above max"],
        ),
        (
            named(json!({"max": 100})),
            None,
            vec!["spec: Invalid value: failed rule: self.max < 100"],
        ),
        (
            named(json!({"min": 1})),
            None,
            vec![
                r#"spec: Invalid value: "object": no such key: max evaluating rule: !has(self.min) || self.min <= self.max"#,
                r#"spec: Invalid value: "object": no such key: max evaluating rule: self.max < 100"#,
            ],
        ),
        (
            json!({"metadata": {"name": "x"}}),
            None,
            vec!["<nil>: Invalid value: the name is vmruntime"],
        ),
        (
            named(json!({"max": 1, "fixed": "b"})),
            Some(named(json!({"max": 1, "fixed": "a"}))),
            vec![r#"spec.fixed: Invalid value: "b": is immutable"#],
        ),
        (named(json!({"max": 1, "fixed": "b"})), None, none.clone()),
        (
            named(json!({"max": 1, "level": 1})),
            Some(named(json!({"max": 1, "level": 2}))),
            vec!["spec.level: Invalid value: 1: may only grow"],
        ),
        (named(json!({"max": 1, "level": 1})), None, none),
        (
            named(json!({"max": "x"})),
            None,
            vec![
                r#"spec.max: Invalid value: "string": spec.max in body must be of type integer: "string""#,
                "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
            ],
        ),
    ] {
        assert_eq!(faults(&schema, &new, old.as_ref()), expected, "{new}");
    }
}

#[test]
fn rules_that_can_not_be_compiled_are_refused() {
    let root = "spec.validation.openAPIV3Schema";
    let with = |rule: Value| {
        json!({"type": "object", "properties": {
            "a": {"type": "integer"},
            "list": {"type": "array", "items": {"type": "string", "x-kubernetes-validations": [{"rule": "self != oldSelf"}]}},
        }, "x-kubernetes-validations": [rule]})
    };
    let rule = |source: &str| {
        format!(
            r#"{{"Rule":"{source}","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}}"#
        )
    };
    let place = format!("{root}.x-kubernetes-validations[0]");
    for (given, expected) in [
        (
            json!({"rule": "self.b > 1"}),
            format!(
                "{place}.rule: Invalid value: {}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b > 1\n | ....^",
                rule("self.b > 1")
            ),
        ),
        (
            json!({"rule": " "}),
            format!("{place}.rule: Required value: rule is not specified"),
        ),
        (
            json!({"rule": "true\n", "message": "a\nb"}),
            format!("{place}.message: Invalid value: \"a\\nb\": must not contain line breaks"),
        ),
        (
            json!({"rule": "true", "fieldPath": ".b"}),
            format!("{place}.fieldPath: Invalid value: \".b\": must be a valid path"),
        ),
        (
            json!({"rule": "true", "optionalOldSelf": true}),
            format!(
                "{place}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"
            ),
        ),
        (
            json!({"rule": "true"}),
            format!(
                "{root}.properties[list].items.x-kubernetes-validations[0].rule: Invalid value: \"self != oldSelf\": oldSelf cannot be used on the uncorrelatable portion of the schema within {root}.properties[list]"
            ),
        ),
    ] {
        let causes = Schema::compile(&with(given.clone())).expect_err("a broken rule");
        let faults: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        assert!(faults.contains(&expected), "{given}: {faults:#?}");
    }
}
