//! What may be changed of a pod once it is there (`ValidatePodUpdate`). A node comes by way of the binding alone.

use serde_json::Value;

use super::super::list;
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
};

pub fn check(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let mut is_other = false;
    for field in ["containers", "initContainers"] {
        if list(new, field).len() != list(old, field).len() {
            let why = "pod updates may not add or remove containers";
            causes.push(field_error::forbidden(&format!("spec.{field}"), why));
            is_other = true;
        }
    }
    if is_other {
        return;
    }
    deadline(new, old, causes);
    gates(new, old, causes);
    tolerations(new, old, causes);
    let is_gated = !list(old, "schedulingGates").is_empty();
    if is_gated {
        selector(new, old, causes);
    }
    let grace = |spec: &Value| spec["terminationGracePeriodSeconds"].as_i64();
    let ends_at_once = grace(new) == Some(1) && grace(old).is_some_and(|old| old < 0);
    let rest = |spec| rest(spec, is_gated, ends_at_once);
    if rest(new) != rest(old) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,\
            `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
            tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        causes.push(field_error::forbidden("spec", why));
    }
}

/// A deadline may come, and come closer.
fn deadline(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let path = "spec.activeDeadlineSeconds";
    let seconds = |spec: &Value| spec["activeDeadlineSeconds"].as_i64();
    let why = match (seconds(new), seconds(old)) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            "must be between 0 and 2147483647, inclusive"
        }
        (Some(new), Some(old)) if new > old => "must be less than or equal to previous value",
        (None, Some(_)) => "must not update from a positive integer to nil value",
        (Some(_) | None, _) => return,
    };
    causes.push(field_error::invalid(
        path,
        &new["activeDeadlineSeconds"],
        why,
    ));
}

/// Gates are only opened.
fn gates(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let old = list(old, "schedulingGates");
    for (at, gate) in list(new, "schedulingGates").iter().enumerate() {
        if !old.iter().any(|one| one["name"] == gate["name"]) {
            let name = text(gate, "name");
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            let path = format!("spec.schedulingGates[{at}].name");
            causes.push(field_error::forbidden(&path, &why));
        }
    }
}

/// Tolerations are only added.
fn tolerations(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let timeless = |spec: &Value| {
        let mut tolerations = list(spec, "tolerations").to_vec();
        for toleration in &mut tolerations {
            toleration
                .as_object_mut()
                .map(|fields| fields.remove("tolerationSeconds"));
        }
        tolerations
    };
    let now = timeless(new);
    if !timeless(old)
        .iter()
        .all(|toleration| now.contains(toleration))
    {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        causes.push(field_error::forbidden("spec.tolerations", why));
    }
}

/// Before a pod is let to the scheduler, it can be told to pick among fewer nodes.
fn selector(new: &Value, old: &Value, causes: &mut Vec<FieldError>) {
    let now = &new["nodeSelector"];
    let mut before = old["nodeSelector"].as_object().into_iter().flatten();
    if before.any(|(key, value)| now.get(key) != Some(value)) {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        let empty = Value::Object(serde_json::Map::new());
        let shown = if now.is_null() { &empty } else { now };
        causes.push(field_error::invalid("spec.nodeSelector", shown, why));
    }
}

/// What has to stay as it is.
fn rest(spec: &Value, is_gated: bool, ends_at_once: bool) -> Value {
    let mut spec = spec.clone();
    let Some(fields) = spec.as_object_mut() else {
        return spec;
    };
    let free = [
        ("activeDeadlineSeconds", true),
        ("schedulingGates", true),
        ("tolerations", true),
        ("nodeSelector", is_gated),
        ("terminationGracePeriodSeconds", ends_at_once),
    ];
    for (field, _) in free.iter().filter(|(_, is_free)| *is_free) {
        fields.remove(*field);
    }
    for field in ["containers", "initContainers"] {
        let containers = fields.get_mut(field).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            container
                .as_object_mut()
                .map(|fields| fields.remove("image"));
        }
    }
    // An empty list is none.
    fields.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    spec
}
