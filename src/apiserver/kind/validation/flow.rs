//! Flow schemas and priority levels (k8s.io/kubernetes `pkg/apis/flowcontrol/validation`), as far as people trip over it.

use serde_json::Value;

use super::{list, one_of};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
};

pub fn schema(new: &Value, causes: &mut Vec<FieldError>) {
    const HIGHEST: i64 = 10_000;
    let (spec, path) = (&new["spec"], "spec.matchingPrecedence");
    let given = &spec["matchingPrecedence"];
    let precedence = given.as_i64().unwrap_or_default();
    if precedence <= 0 {
        causes.push(field_error::invalid(
            path,
            given,
            "must be a positive value",
        ));
    }
    if precedence > HIGHEST {
        let why = format!("must not be greater than {HIGHEST}");
        causes.push(field_error::invalid(path, given, why));
    }
    if precedence == 1 && text(&new["metadata"], "name") != "exempt" {
        let why = "only the schema named 'exempt' may have matchingPrecedence 1";
        causes.push(field_error::invalid(path, given, why));
    }
    if text(&spec["priorityLevelConfiguration"], "name").is_empty() {
        let path = "spec.priorityLevelConfiguration.name";
        causes.push(field_error::required(
            path,
            "must reference a priority level",
        ));
    }
    for (index, rule) in list(spec, "rules").iter().enumerate() {
        let path = format!("spec.rules[{index}]");
        if list(rule, "subjects").is_empty() {
            let why = "subjects must contain at least one value";
            causes.push(field_error::required(&format!("{path}.subjects"), why));
        }
        if list(rule, "resourceRules").is_empty() && list(rule, "nonResourceRules").is_empty() {
            let why = "at least one of resourceRules and nonResourceRules has to be non-empty";
            causes.push(field_error::required(&path, why));
        }
    }
}

pub fn priority_level(new: &Value, causes: &mut Vec<FieldError>) {
    let spec = &new["spec"];
    let kind = text(spec, "type");
    if (text(&new["metadata"], "name") == "exempt") != (kind == "Exempt") {
        let why = "must be 'Exempt' if and only if `name` is 'exempt'";
        causes.push(field_error::invalid("spec.type", &spec["type"], why));
    }
    one_of(kind, &["Exempt", "Limited"], "spec.type", causes);
    if kind == "Exempt" && !spec["limited"].is_null() {
        let why = "must be nil if the type is not Limited";
        causes.push(field_error::forbidden("spec.limited", why));
    }
    if kind == "Limited" && !spec["exempt"].is_null() {
        let why = "must be nil if the type is Limited";
        causes.push(field_error::forbidden("spec.exempt", why));
    }
    if kind == "Limited" && spec["limited"].is_null() {
        let why = "must not be empty when type is Limited";
        causes.push(field_error::required("spec.limited", why));
    }
}
