//! Resource quotas.

use serde_json::Value;

use super::{immutable, list};
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

pub fn check(new: &Value, old: Option<&Value>, causes: &mut Vec<FieldError>) {
    for (name, value) in new["spec"]["hard"].as_object().into_iter().flatten() {
        let path = format!("spec.hard[{name}]");
        let is_standard = STANDARD.contains(&name.as_str())
            || name.starts_with("hugepages-")
            || name.starts_with("requests.");
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
