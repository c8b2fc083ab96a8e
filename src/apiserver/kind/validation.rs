//! What a built-in object has to be beyond its types: the rules that people run into, in the API server's words and
//! order (k8s.io/kubernetes `pkg/apis/**/validation`).
//!
//! `strategy` asks for every write, after the metadata has been looked at. Pure: objects in, faults out. The rules that
//! are not here are those that need more than the object, or that nobody trips over; the README says so.

mod core;
mod event;
mod flow;
mod pod;
mod policy;
pub mod quota;
pub mod rbac;
mod registration;
mod service;
mod storage;
mod webhook;
mod workload;

use serde_json::Value;

use crate::{
    kind::resource::ResourceType,
    object::{
        field_error::{self, FieldError},
        go_format,
        metadata::text,
        name,
        selector::LabelSelector,
    },
};

/// What is wrong with an object, or with a change of it.
#[must_use]
pub fn faults(resource: &ResourceType, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut causes = Vec::new();
    let faults = &mut causes;
    match resource.storage_key() {
        ("", "pods") => pod::check(new, old, faults),
        ("", "namespaces") => core::namespace(new, old, faults),
        ("", "nodes") => core::node(new, old, faults),
        ("", "configmaps") => core::config_map(new, old, faults),
        ("", "secrets") => core::secret(new, old, faults),
        ("", "events") => event::check(resource, new, old, faults),
        ("", "resourcequotas") => quota::check(new, old, faults),
        ("", "services") => service::check(new, old, faults),
        ("", "persistentvolumeclaims") => storage::claim(new, old, faults),
        ("", "persistentvolumes") => storage::volume(new, old, faults),
        ("apps", "deployments") => workload::deployment(new, old, faults),
        ("apps", "replicasets") => workload::replica_set(new, old, faults),
        ("batch", "jobs") => workload::job(new, old, faults),
        ("apps", "controllerrevisions") => workload::revision(new, old, faults),
        ("", "replicationcontrollers") => workload::replication_controller(new, faults),
        ("", "podtemplates") => pod::spec(&new["template"]["spec"], "template.spec", faults),
        (
            "admissionregistration.k8s.io",
            plural @ ("mutatingwebhookconfigurations" | "validatingwebhookconfigurations"),
        ) => webhook::check(new, plural.starts_with("mutating"), faults),
        ("apiregistration.k8s.io", "apiservices") => registration::service(new, faults),
        ("certificates.k8s.io", "certificatesigningrequests") => {
            registration::certificate_request(new, faults);
        }
        ("apps", "daemonsets") => workload::daemon_set(new, old, faults),
        ("coordination.k8s.io", "leases") => core::lease(new, faults),
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => flow::schema(new, faults),
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => {
            flow::priority_level(new, faults);
        }
        ("policy", "poddisruptionbudgets") => policy::disruption_budget(new, faults),
        ("rbac.authorization.k8s.io", "clusterroles" | "roles") => {
            rbac::role(new, resource.namespaced, faults);
        }
        ("rbac.authorization.k8s.io", "clusterrolebindings" | "rolebindings") => {
            rbac::binding(new, old, resource.namespaced, faults);
        }
        ("admissionregistration.k8s.io", "validatingadmissionpolicies") => {
            policy::admission_policy(new, faults);
        }
        ("admissionregistration.k8s.io", "validatingadmissionpolicybindings") => {
            policy::admission_binding(new, faults);
        }
        ("scheduling.k8s.io", "priorityclasses") => policy::priority_class(new, old, faults),
        ("storage.k8s.io", "storageclasses") => storage::class(new, old, faults),
        _ => {}
    }
    causes
}

/// A list, empty where it is absent.
fn list<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object[field].as_array().map_or(&[], Vec::as_slice)
}

/// A value that has to be one of these; the order is that of the message.
fn one_of(value: &str, supported: &[&str], path: &str, causes: &mut Vec<FieldError>) {
    if !supported.contains(&value) {
        causes.push(unsupported(value, supported, path));
    }
}

fn unsupported(value: &str, supported: &[&str], path: &str) -> FieldError {
    let supported: Vec<Value> = supported.iter().map(|&one| one.into()).collect();
    field_error::not_supported(path, &value.into(), &supported)
}

fn not_found(path: &str, value: &str) -> FieldError {
    FieldError {
        reason: "FieldValueNotFound",
        message: format!("Not found: {}", go_format::quote(value)),
        field: path.to_owned(),
    }
}

fn not_negative(object: &Value, field: &str, path: &str, causes: &mut Vec<FieldError>) {
    let number = object[field].as_i64().unwrap_or_default();
    if number < 0 {
        let why = "must be greater than or equal to 0";
        causes.push(field_error::invalid(
            &format!("{path}.{field}"),
            &number.into(),
            why,
        ));
    }
}

/// A field that is once and for all what it was.
pub fn immutable(new: &Value, old: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let pointer = format!("/{}", path.replace('.', "/"));
    let at = |object: &'_ Value| object.pointer(&pointer).cloned().unwrap_or_default();
    let (new, old) = (at(new), at(old));
    if new != old {
        causes.push(field_error::invalid(path, &new, "field is immutable"));
    }
}

/// A struct as Go shows it that has no JSON names: the fields as (JSON, Go, zero).
fn go_struct(value: &Value, fields: &[(&str, &str, &str)]) -> String {
    let shown = fields.iter().map(|(field, name, zero)| {
        let value = &value[*field];
        let value = if value.is_null() {
            (*zero).to_owned()
        } else {
            value.to_string()
        };
        format!("\"{name}\":{value}")
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
}

/// A number that is not negative, or a percentage.
fn amount(value: &Value, path: &str, causes: &mut Vec<FieldError>) {
    let why = match value {
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or_default();
            let is_percentage = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            (!is_percentage).then_some(
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
                 regex used for validation is '[0-9]+%')",
            )
        }
        value => value
            .as_i64()
            .is_some_and(|number| number < 0)
            .then_some("must be greater than or equal to 0"),
    };
    causes.extend(why.map(|why| field_error::invalid(path, value, why)));
}

/// A required name that follows a rule.
fn named(object: &Value, path: &str, rule: fn(&str) -> Vec<String>, causes: &mut Vec<FieldError>) {
    let path = format!("{path}.name");
    let name = text(object, "name");
    if name.is_empty() {
        causes.push(field_error::required(&path, ""));
        return;
    }
    let faults = rule(name).into_iter();
    causes.extend(faults.map(|why| field_error::invalid(&path, &name.into(), why)));
}

/// A `metav1.LabelSelector`.
fn label_selector(selector: &Value, path: &str, causes: &mut Vec<FieldError>) {
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        let path = format!("{path}.matchLabels");
        let faults = name::qualified(key).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(&path, &key.as_str().into(), why)));
        let faults = name::label_value(value.as_str().unwrap_or_default()).into_iter();
        causes.extend(faults.map(|why| field_error::invalid(&path, value, why)));
    }
    for (at, expression) in list(selector, "matchExpressions").iter().enumerate() {
        let path = format!("{path}.matchExpressions[{at}]");
        let values = list(expression, "values");
        match text(expression, "operator") {
            "In" | "NotIn" if values.is_empty() => causes.push(field_error::required(
                &format!("{path}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            "Exists" | "DoesNotExist" if !values.is_empty() => causes.push(field_error::forbidden(
                &format!("{path}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => causes.push(field_error::invalid(
                &format!("{path}.operator"),
                &other.into(),
                "not a valid selector operator",
            )),
        }
        let key = text(expression, "key");
        let faults = name::qualified(key).into_iter();
        let path = format!("{path}.key");
        causes.extend(faults.map(|why| field_error::invalid(&path, &key.into(), why)));
    }
}

/// Does a selector that is there select these labels? One that is not there selects nothing.
fn selects(selector: &Value, labels: &Value) -> bool {
    let object = serde_json::json!({"metadata": {"labels": labels}});
    selector.is_object()
        && LabelSelector::from_object(selector).is_ok_and(|selector| selector.matches(&object))
}

fn is_empty_selector(selector: &Value) -> bool {
    selector["matchLabels"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
        && list(selector, "matchExpressions").is_empty()
}

#[cfg(test)]
mod tests;
