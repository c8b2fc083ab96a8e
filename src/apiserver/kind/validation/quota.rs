//! Resource quotas.

use serde_json::Value;

use super::{go_struct, immutable, list};
use crate::object::{
    field_error::{self, FieldError},
    name,
    quantity::Quantity,
};

const SCOPES: [&str; 7] = [
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
];
/// What pods use beside themselves that a scope may limit.
const OF_PODS: [&str; 6] = [
    "cpu",
    "limits.cpu",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.memory",
];
/// Names without a domain that can be limited, besides `count/…`, `hugepages-…` and `requests.…`.
const STANDARD: [&str; 17] = [
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
    "storage",
];

const SELECTOR: [(&str, &str, &str); 3] = [
    ("scopeName", "ScopeName", "\"\""),
    ("operator", "Operator", "\"\""),
    ("values", "Values", "null"),
];

fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name) || name.starts_with("hugepages-") || name.starts_with("requests.")
}

/// Can what this name limits be in a scope?
fn is_fit(scope: &str, name: &str) -> bool {
    match scope {
        "BestEffort" => name == "pods",
        "VolumeAttributesClass" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        scope if SCOPES.contains(&scope) => name == "pods" || OF_PODS.contains(&name),
        _ => true,
    }
}

pub fn check(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    for (name, value) in new["spec"]["hard"].as_object().into_iter().flatten() {
        let path = format!("spec.hard[{name}]");
        let is_standard = is_standard(name);
        if name.contains('/') {
            let faults = name::qualified(name).into_iter();
            let shown = Value::from(name.as_str());
            causes.extend(faults.map(|why| field_error::invalid(&path, &shown, why)));
        } else if !is_standard {
            for why in [
                "must be a standard resource type or fully qualified",
                "must be a standard resource for quota",
            ] {
                causes.push(field_error::invalid(&path, &name.as_str().into(), why));
            }
        }
        let amount = value.as_str().and_then(Quantity::parse);
        if amount.is_some_and(Quantity::is_negative) {
            let why = "must be greater than or equal to 0";
            causes.push(field_error::invalid(&path, value, why));
        }
    }
    let scopes = list(&new["spec"], "scopes");
    let known = |scope: &&str| SCOPES.contains(scope);
    if !scopes
        .iter()
        .all(|scope| scope.as_str().as_ref().is_some_and(known))
    {
        let shown = &new["spec"]["scopes"];
        causes.push(field_error::invalid(
            "spec.scopes",
            shown,
            "unsupported scope",
        ));
    }
    let hard = new["spec"]["hard"].as_object().into_iter().flatten();
    let limited: Vec<&str> = hard.map(|(name, _)| name.as_str()).collect();
    let misfits = |scope: &str| {
        let standard = limited.iter().filter(|name| is_standard(name));
        standard.filter(|name| !is_fit(scope, name)).count()
    };
    let misapplied = |path: &str, shown: &str| FieldError {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {shown}: unsupported scope applied to resource"),
        field: path.to_owned(),
    };
    for scope in scopes.iter().filter_map(Value::as_str) {
        let shown = new["spec"]["scopes"].to_string();
        causes.extend((0..misfits(scope)).map(|_| misapplied("spec.scopes", &shown)));
    }
    let selector = &new["spec"]["scopeSelector"];
    let expressions = list(selector, "matchExpressions");
    let shown = expressions.iter().map(|one| go_struct(one, &SELECTOR));
    let shown = shown.collect::<Vec<_>>().join(",");
    let shown = format!("{{\"MatchExpressions\":[{shown}]}}");
    for one in expressions {
        let path = "spec.scopeSelector.matchExpressions";
        let scope = one["scopeName"].as_str().unwrap_or_default();
        causes.extend((0..misfits(scope)).map(|_| misapplied(path, &shown)));
    }
    let has = |scope: &str| scopes.iter().any(|one| one == scope);
    let opposite = [
        ("BestEffort", "NotBestEffort"),
        ("Terminating", "NotTerminating"),
    ];
    if opposite.iter().any(|(one, other)| has(one) && has(other)) {
        let shown = &new["spec"]["scopes"];
        causes.push(field_error::invalid(
            "spec.scopes",
            shown,
            "conflicting scopes",
        ));
    }
    if let Some(old) = old {
        immutable(new, old, "spec.scopes", causes);
    }
}
