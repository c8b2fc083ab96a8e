use super::*;
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
