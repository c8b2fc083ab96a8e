//! Disruption budgets, priorities, and admission policies with their bindings.

use serde_json::Value;

use super::{amount, go_struct, immutable, label_selector, list, one_of};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
};

pub fn disruption_budget(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
        let why = "minAvailable and maxUnavailable cannot be both set";
        let fields = [
            ("minAvailable", "MinAvailable", "null"),
            ("selector", "Selector", "null"),
            ("maxUnavailable", "MaxUnavailable", "null"),
            (
                "unhealthyPodEvictionPolicy",
                "UnhealthyPodEvictionPolicy",
                "null",
            ),
        ];
        let shown = go_struct(spec, &fields);
        causes.push(field_error::invalid_shown("spec", &shown, why));
    }
    for field in ["minAvailable", "maxUnavailable"] {
        let (value, path) = (&spec[field], format!("spec.{field}"));
        amount(value, &path, causes);
        let percent = value.as_str().and_then(|text| text.strip_suffix('%'));
        if percent.is_some_and(|percent| percent.parse().is_ok_and(|percent: u64| percent > 100)) {
            let why = "must not be greater than 100%";
            causes.push(field_error::invalid(&path, value, why));
        }
    }
    label_selector(&spec["selector"], "spec.selector", causes);
    let policy = text(spec, "unhealthyPodEvictionPolicy");
    if !policy.is_empty() {
        let policies = ["AlwaysAllow", "IfHealthyBudget"];
        let path = "spec.unhealthyPodEvictionPolicy";
        one_of(policy, &policies, path, causes);
    }
}

pub fn priority_class(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    const HIGHEST: i64 = 1_000_000_000;
    let value = new["value"].as_i64().unwrap_or_default();
    let is_system = text(&new["metadata"], "name").starts_with("system-");
    if value > HIGHEST && !is_system {
        let why = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        causes.push(field_error::forbidden("value", &why));
    }
    let policies = ["Never", "PreemptLowerPriority"];
    one_of(
        text(new, "preemptionPolicy"),
        &policies,
        "preemptionPolicy",
        causes,
    );
    if old.is_some_and(|old| old["value"] != new["value"]) {
        causes.push(field_error::forbidden(
            "value",
            "may not be changed in an update.",
        ));
    }
    if let Some(old) = old {
        immutable(new, old, "preemptionPolicy", causes);
    }
}

pub fn admission_policy(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let policies = ["Fail", "Ignore"];
    one_of(
        text(spec, "failurePolicy"),
        &policies,
        "spec.failurePolicy",
        causes,
    );
    if spec["matchConstraints"].is_null() {
        causes.push(field_error::required("spec.matchConstraints", ""));
    } else if list(&spec["matchConstraints"], "resourceRules").is_empty() {
        causes.push(field_error::required(
            "spec.matchConstraints.resourceRules",
            "",
        ));
    }
    if list(spec, "validations").is_empty() && list(spec, "auditAnnotations").is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        causes.push(field_error::required("spec.validations", why));
        causes.push(field_error::required("spec.auditAnnotations", why));
    }
    for (at, validation) in list(spec, "validations").iter().enumerate() {
        let path = format!("spec.validations[{at}]");
        if text(validation, "expression").trim().is_empty() {
            causes.push(field_error::required(
                &format!("{path}.expression"),
                "expression is not specified",
            ));
        }
        let message = &validation["message"];
        if text(validation, "message").trim().contains(['\n', '\r']) {
            let why = "must not contain line breaks";
            causes.push(field_error::invalid(
                &format!("{path}.message"),
                message,
                why,
            ));
        }
        let reason = text(validation, "reason");
        if !reason.is_empty() {
            let reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
            one_of(reason, &reasons, &format!("{path}.reason"), causes);
        }
    }
}

pub fn admission_binding(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    if text(spec, "policyName").is_empty() {
        causes.push(field_error::required("spec.policyName", ""));
    }
    let path = "spec.validationActions";
    let actions = list(spec, "validationActions");
    if actions.is_empty() {
        causes.push(field_error::required(
            path,
            "at least one validation action is required",
        ));
    }
    for (at, action) in actions.iter().enumerate() {
        let known = ["Audit", "Deny", "Warn"];
        one_of(
            action.as_str().unwrap_or_default(),
            &known,
            &format!("{path}[{at}]"),
            causes,
        );
        if actions[..at].contains(action) {
            causes.push(field_error::duplicate(&format!("{path}[{at}]"), action));
        }
    }
    let has = |name: &str| actions.iter().any(|action| action == name);
    if has("Deny") && has("Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
            response and headers serves no purpose)";
        causes.push(field_error::invalid(path, &spec["validationActions"], why));
    }
}
