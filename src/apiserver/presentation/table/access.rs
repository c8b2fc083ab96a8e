//! The rows of role bindings and admission policies.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, list, name, size, text},
};

pub(super) const ROLE_BINDING: &[Definition] = &[
    ("Name", "string", 0),
    ("Role", "string", 0),
    ("Age", "string", 0),
    ("Users", "string", 1),
    ("Groups", "string", 1),
    ("ServiceAccounts", "string", 1),
];

pub(super) fn role_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let subjects = |kind: &str| {
        let names: Vec<String> = list(object, "/subjects")
            .iter()
            .filter(|subject| text(subject, "/kind") == kind)
            .map(|subject| match (kind, text(subject, "/namespace")) {
                ("ServiceAccount", namespace) => format!("{namespace}/{}", text(subject, "/name")),
                (_, _) => text(subject, "/name").to_owned(),
            })
            .collect();
        Value::from(names.join(", "))
    };
    vec![
        name(object),
        format!(
            "{}/{}",
            text(object, "/roleRef/kind"),
            text(object, "/roleRef/name")
        )
        .into(),
        age_of(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

pub(super) const POLICY: &[Definition] = &[
    ("Name", "string", 0),
    ("Validations", "string", 0),
    ("ParamKind", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn policy(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameter = match object.pointer("/spec/paramKind") {
        Some(kind) => format!("{}/{}", text(kind, "/apiVersion"), text(kind, "/kind")),
        None => "<unset>".to_owned(),
    };
    vec![
        name(object),
        size(object, "/spec/validations").into(),
        parameter.into(),
        age_of(object, now),
    ]
}

pub(super) const POLICY_BINDING: &[Definition] = &[
    ("Name", "string", 0),
    ("PolicyName", "string", 0),
    ("ParamRef", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn policy_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameter = match object.pointer("/spec/paramRef") {
        None => "<unset>".to_owned(),
        Some(reference) => match (text(reference, "/namespace"), text(reference, "/name")) {
            (_, "") => "*".to_owned(),
            ("", name) => name.to_owned(),
            (namespace, name) => format!("{namespace}/{name}"),
        },
    };
    vec![
        name(object),
        text(object, "/spec/policyName").into(),
        parameter.into(),
        age_of(object, now),
    ]
}

pub(super) const WEBHOOKS: &[Definition] = &[
    ("Name", "string", 0),
    ("Webhooks", "integer", 0),
    ("Age", "string", 0),
];

pub(super) fn webhooks(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        list(object, "/webhooks").len().into(),
        age_of(object, now),
    ]
}
