//! The rows of role bindings, admission policies, APIServices and requests for certificates.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    builtin::Definition,
    cell::{age_of, list, name, size, text, text_or},
};
use crate::presentation::age;

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
    ("Validations", "integer", 0),
    ("ParamKind", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn policy(object: &Value, now: Timestamp) -> Vec<Value> {
    policy_of(object, "/spec/validations", now)
}

pub(super) const MUTATING_POLICY: &[Definition] = &[
    ("Name", "string", 0),
    ("Mutations", "integer", 0),
    ("ParamKind", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn mutating_policy(object: &Value, now: Timestamp) -> Vec<Value> {
    policy_of(object, "/spec/mutations", now)
}

fn policy_of(object: &Value, rules: &str, now: Timestamp) -> Vec<Value> {
    let parameter = match object.pointer("/spec/paramKind") {
        Some(kind) => format!("{}/{}", text(kind, "/apiVersion"), text(kind, "/kind")),
        None => "<unset>".to_owned(),
    };
    vec![
        name(object),
        size(object, rules).into(),
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
            // Of whatever namespace the object is in, if it is in one.
            ("", name) => format!("*/{name}"),
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

pub(super) const SERVICE: &[Definition] = &[
    ("Name", "string", 0),
    ("Service", "string", 0),
    ("Available", "string", 0),
    ("Age", "string", 0),
];

pub(super) fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let service = object.pointer("/spec/service").map_or_else(
        || "Local".to_owned(),
        |service| format!("{}/{}", text(service, "/namespace"), text(service, "/name")),
    );
    let mut conditions = list(object, "/status/conditions").iter();
    let available = conditions.find(|condition| text(condition, "/type") == "Available");
    let available = available.map_or_else(
        || "Unknown".to_owned(),
        |condition| match (text(condition, "/status"), text(condition, "/reason")) {
            ("True", _) => "True".to_owned(),
            (status, "") => status.to_owned(),
            (status, reason) => format!("{status} ({reason})"),
        },
    );
    vec![
        name(object),
        service.into(),
        available.into(),
        age_of(object, now),
    ]
}

pub(super) const CERTIFICATE: &[Definition] = &[
    ("Name", "string", 0),
    ("Age", "string", 0),
    ("SignerName", "string", 0),
    ("Requestor", "string", 0),
    ("RequestedDuration", "string", 0),
    ("Condition", "string", 0),
];

pub(super) fn certificate(object: &Value, now: Timestamp) -> Vec<Value> {
    let seconds = object.pointer("/spec/expirationSeconds");
    let seconds = seconds.and_then(Value::as_i64);
    let duration = seconds.map_or_else(|| "<none>".to_owned(), age::human);
    let has = |kind: &str| {
        let mut conditions = list(object, "/status/conditions").iter();
        conditions.any(|condition| text(condition, "/type") == kind)
    };
    let mut state = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if has("Failed") {
        state.push_str(",Failed");
    }
    if !text(object, "/status/certificate").is_empty() {
        state.push_str(",Issued");
    }
    vec![
        name(object),
        age_of(object, now),
        text_or(object, "/spec/signerName", "<none>"),
        text(object, "/spec/username").into(),
        duration.into(),
        state.into(),
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
