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
/// What pods use beside themselves that a scope may limit; where one of these is limited, every container has to say how
/// much it wants.
pub const COMPUTE: [&str; 6] = [
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
        scope if SCOPES.contains(&scope) => name == "pods" || COMPUTE.contains(&name),
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
    let limited = new["spec"]["hard"].as_object().into_iter().flatten();
    let limited: Vec<&str> = limited.map(|(name, _)| name.as_str()).collect();
    scopes(&new["spec"], &limited, causes);
    selector(&new["spec"]["scopeSelector"], &limited, causes);
    if let Some(old) = old {
        immutable(new, old, "spec.scopes", causes);
    }
}

/// That something limited is not in a scope, once for each.
fn misfits(scope: &str, limited: &[&str], path: &str, shown: &str, causes: &mut Vec<FieldError>) {
    let standard = limited.iter().filter(|name| is_standard(name));
    let misfits = standard.filter(|name| !is_fit(scope, name));
    causes.extend(misfits.map(|_| FieldError {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {shown}: unsupported scope applied to resource"),
        field: path.to_owned(),
    }));
}

fn scopes(spec: &Value, limited: &[&str], causes: &mut Vec<FieldError>) {
    const PATH: &str = "spec.scopes";
    let (scopes, shown) = (list(spec, "scopes"), &spec["scopes"]);
    for scope in scopes
        .iter()
        .map(|scope| scope.as_str().unwrap_or_default())
    {
        if !SCOPES.contains(&scope) {
            causes.push(field_error::invalid(PATH, shown, "unsupported scope"));
        }
        misfits(scope, limited, PATH, &shown.to_string(), causes);
    }
    let has = |scope: &str| scopes.iter().any(|one| one == scope);
    for (one, other) in [
        ("BestEffort", "NotBestEffort"),
        ("Terminating", "NotTerminating"),
    ] {
        if has(one) && has(other) {
            causes.push(field_error::invalid(PATH, shown, "conflicting scopes"));
        }
    }
}

fn selector(selector: &Value, limited: &[&str], causes: &mut Vec<FieldError>) {
    let expressions = list(selector, "matchExpressions");
    let shown = expressions.iter().map(|one| go_struct(one, &SELECTOR));
    let shown = shown.collect::<Vec<_>>().join(",");
    let shown = format!("{{\"MatchExpressions\":[{shown}]}}");
    for one in expressions {
        let path = "spec.scopeSelector.matchExpressions";
        let scope = one["scopeName"].as_str().unwrap_or_default();
        misfits(scope, limited, path, &shown, causes);
    }
}
