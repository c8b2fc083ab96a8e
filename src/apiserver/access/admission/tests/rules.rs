//! What a policy may say, and what it can get wrong.

use super::*;

/// A policy on everything, with the given spec members, and its binding.
fn own(spec: Value, binding: Value) -> Policies {
    let mut policy =
        json!({"kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"}, "spec": spec});
    if policy["spec"].get("matchConstraints").is_none() {
        policy["spec"]["matchConstraints"] = json!({"resourceRules": [
            {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]});
    }
    let mut binding = json!({"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "b"}, "spec": binding});
    binding["spec"]["policyName"] = "p".into();
    if binding["spec"].get("validationActions").is_none() {
        binding["spec"]["validationActions"] = json!(["Deny"]);
    }
    of_objects(vec![Arc::new(policy), Arc::new(binding)])
}

fn message(policies: &Policies) -> String {
    let error = create_vm().of(policies, None).unwrap_err();
    let at = error
        .message
        .find("denied request: ")
        .map_or(0, |at| at + "denied request: ".len());
    error.message[at..].to_owned()
}

#[test]
fn what_can_not_be_evaluated_denies_unless_failures_are_ignored() {
    let spec = |policy: &str| json!({"failurePolicy": policy, "validations": [{"expression": "object.spec.gone == 1"}]});
    assert_eq!(
        message(&own(spec("Fail"), json!({}))),
        "expression 'object.spec.gone == 1' resulted in error: no such key: spec"
    );
    assert!(
        create_vm()
            .of(&own(spec("Ignore"), json!({})), None)
            .is_ok()
    );
}

#[test]
fn variables_are_as_if_lazy_and_see_those_before_them() {
    let variables = json!([
        {"name": "broken", "expression": "object.spec.gone"},
        {"name": "one", "expression": "1"},
        {"name": "two", "expression": "variables.one + 1"},
    ]);
    let with = |expression: &str| {
        own(
            json!({"variables": variables, "validations": [{"expression": expression}]}),
            json!({}),
        )
    };
    assert!(
        create_vm()
            .of(&with("variables.two == 2 || variables.broken"), None)
            .is_ok()
    );
    assert_eq!(
        message(&with("variables.broken == 1")),
        "expression 'variables.broken == 1' resulted in error: composited variable \"broken\" fails to evaluate: no such key: spec"
    );
    assert_eq!(
        message(&with("variables.two == 3")),
        "failed expression: variables.two == 3"
    );
}

#[test]
fn conditions_selectors_and_scopes_limit_a_policy() {
    let never = json!([{"expression": "false"}]);
    let denies = |mut spec: Value, binding: Value| {
        spec["validations"] = never.clone();
        create_vm().of(&own(spec, binding), None).is_err()
    };
    let rule = |change: Value| {
        let mut rule = json!({"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]});
        for (name, value) in change.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        json!({"matchConstraints": {"resourceRules": [rule]}})
    };
    assert!(denies(json!({}), json!({})));
    assert!(!denies(
        json!({"matchConditions": [{"name": "n", "expression": "request.operation == 'UPDATE'"}]}),
        json!({})
    ));
    assert!(denies(rule(json!({"scope": "Namespaced"})), json!({})));
    assert!(!denies(rule(json!({"scope": "Cluster"})), json!({})));
    assert!(!denies(
        rule(json!({"resources": ["virtualmachines/status"]})),
        json!({})
    ));
    assert!(denies(rule(json!({"resources": ["*/*"]})), json!({})));
    assert!(!denies(
        rule(json!({"resourceNames": ["other"]})),
        json!({})
    ));
    assert!(!denies(rule(json!({"apiVersions": ["v2"]})), json!({})));
    let matching = |resources: Value| json!({ "matchResources": resources });
    assert!(denies(
        json!({}),
        matching(json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}}))
    ));
    assert!(!denies(
        json!({}),
        matching(json!({"namespaceSelector": {"matchLabels": {"env": "test"}}}))
    ));
    assert!(!denies(
        json!({}),
        matching(json!({"objectSelector": {"matchLabels": {"a": "b"}}}))
    ));
    let excluded = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["virtualmachines"]}]);
    assert!(!denies(
        json!({}),
        matching(json!({"excludeResourceRules": excluded}))
    ));
}

#[test]
fn a_binding_may_only_warn() {
    let spec =
        json!({"validations": [{"expression": "request.dryRun", "message": "not like this"}]});
    let warned = create_vm().of(
        &own(
            spec.clone(),
            json!({"validationActions": ["Warn", "Audit"]}),
        ),
        None,
    );
    assert_eq!(
        warned.unwrap(),
        ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': not like this"]
    );
    assert!(
        create_vm()
            .of(&own(spec, json!({"validationActions": ["Audit"]})), None)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn parameters_of_an_unknown_kind_deny() {
    let spec = json!({"paramKind": {"apiVersion": "x.io/v1", "kind": "X"}, "validations": [{"expression": "true"}]});
    assert_eq!(
        message(&own(spec, json!({"paramRef": {"name": "x"}}))),
        "failed to configure policy: failed to find resource referenced by paramKind: 'x.io/v1, Kind=X'"
    );
}

#[test]
fn broken_expressions_are_found_when_a_policy_is_stored() {
    let validation = json!({"expression": "params.x", "messageExpression": "'a' +"});
    let policy = json!({"spec": {"validations": [validation]}});
    let fields: Vec<String> = faults(&policy)
        .into_iter()
        .map(|cause| cause.field)
        .collect();
    assert_eq!(
        fields,
        [
            "spec.validations[0].expression",
            "spec.validations[0].messageExpression"
        ]
    );
}
