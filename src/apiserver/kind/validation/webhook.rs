//! Webhook configurations: kept, and never called.

use serde_json::Value;

use super::{list, one_of};
use crate::{
    object::{
        field_error::{self, FieldError},
        metadata::text,
        name,
    },
    schema::cel::{Expression, Kind},
};

pub fn check(new: &Value, mutates: bool, causes: &mut Vec<FieldError>) {
    for (at, webhook) in list(new, "webhooks").iter().enumerate() {
        self::webhook(webhook, mutates, &format!("webhooks[{at}]"), causes);
    }
}

fn webhook(webhook: &Value, mutates: bool, path: &str, causes: &mut Vec<FieldError>) {
    let name = text(webhook, "name");
    let at = format!("{path}.name");
    if name.is_empty() {
        causes.push(field_error::required(&at, ""));
    } else if name.split('.').count() < 3 {
        let why = "should be a domain with at least three segments separated by dots";
        causes.push(field_error::invalid(&at, &name.into(), why));
    } else {
        let faults = name::subdomain(name).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(&at, &name.into(), why)));
    }
    let chosen = |field: &str, known: &[&str], causes: &mut Vec<FieldError>| {
        let value = text(webhook, field);
        if !value.is_empty() {
            one_of(value, known, &format!("{path}.{field}"), causes);
        }
    };
    chosen("failurePolicy", &["Fail", "Ignore"], causes);
    chosen("matchPolicy", &["Equivalent", "Exact"], causes);
    if webhook["sideEffects"].is_null() {
        let why = "must specify one of None, NoneOnDryRun";
        causes.push(field_error::required(&format!("{path}.sideEffects"), why));
    }
    chosen("sideEffects", &["None", "NoneOnDryRun"], causes);
    let seconds = &webhook["timeoutSeconds"];
    if seconds
        .as_i64()
        .is_some_and(|seconds| !(1..=30).contains(&seconds))
    {
        let why = "the timeout value must be between 1 and 30 seconds";
        causes.push(field_error::invalid(
            &format!("{path}.timeoutSeconds"),
            seconds,
            why,
        ));
    }
    if mutates {
        chosen("reinvocationPolicy", &["IfNeeded", "Never"], causes);
    }
    let target = &webhook["clientConfig"];
    if target["url"].is_null() == target["service"].is_null() {
        let why = "exactly one of url or service is required";
        causes.push(field_error::required(&format!("{path}.clientConfig"), why));
    }
    let versions = list(webhook, "admissionReviewVersions");
    let at = format!("{path}.admissionReviewVersions");
    if versions.is_empty() {
        causes.push(field_error::required(
            &at,
            "must specify one of v1, v1beta1",
        ));
    } else if !versions
        .iter()
        .any(|version| version == "v1" || version == "v1beta1")
    {
        let why = "must include at least one of v1, v1beta1";
        causes.push(field_error::invalid(
            &at,
            &webhook["admissionReviewVersions"],
            why,
        ));
    }
    for (index, condition) in list(webhook, "matchConditions").iter().enumerate() {
        let at = format!("{path}.matchConditions[{index}].expression");
        let source = text(condition, "expression");
        let names = ["object", "oldObject", "request"];
        let declared = names.map(|name| (name, Kind::Dynamic));
        let compiled = Expression::compile(source)
            .and_then(|expression| expression.check(&declared).map(drop));
        if let Err(why) = compiled {
            let why = format!("compilation failed: {why}");
            causes.push(field_error::invalid(&at, &source.into(), why));
        }
    }
}
