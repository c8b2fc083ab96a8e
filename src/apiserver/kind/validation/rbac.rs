//! Roles and bindings.

use serde_json::Value;

use super::{label_selector, list, one_of};
use crate::object::{
    field_error::{self, FieldError},
    metadata::text,
    name,
};

/// The API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

pub fn role(new: &Value, namespaced: bool, causes: &mut Vec<FieldError>) {
    for (at, rule) in list(new, "rules").iter().enumerate() {
        self::rule(rule, namespaced, &format!("rules[{at}]"), causes);
    }
    if new["aggregationRule"].is_object() {
        let path = "aggregationRule.clusterRoleSelectors";
        let selectors = list(&new["aggregationRule"], "clusterRoleSelectors");
        if selectors.is_empty() {
            let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
            causes.push(field_error::required(path, why));
        }
        for (at, selector) in selectors.iter().enumerate() {
            label_selector(selector, &format!("{path}[{at}]"), causes);
        }
    }
}

fn rule(rule: &Value, namespaced: bool, path: &str, causes: &mut Vec<FieldError>) {
    let has = |field: &str| !list(rule, field).is_empty();
    if !has("verbs") {
        let why = "verbs must contain at least one value";
        causes.push(field_error::required(&format!("{path}.verbs"), why));
    }
    if has("nonResourceURLs") {
        let path = format!("{path}.nonResourceURLs");
        let urls = &rule["nonResourceURLs"];
        if namespaced {
            let why = "namespaced rules cannot apply to non-resource URLs";
            causes.push(field_error::invalid(&path, urls, why));
        }
        if has("apiGroups") || has("resources") || has("resourceNames") {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            causes.push(field_error::invalid(&path, urls, why));
        }
        return;
    }
    if !has("apiGroups") {
        let why = "resource rules must supply at least one api group";
        causes.push(field_error::required(&format!("{path}.apiGroups"), why));
    }
    if !has("resources") {
        let why = "resource rules must supply at least one resource";
        causes.push(field_error::required(&format!("{path}.resources"), why));
    }
}

pub fn binding(new: &Value, old: Option<&Value>, namespaced: bool, causes: &mut Vec<FieldError>) {
    let role = &new["roleRef"];
    one_of(text(role, "apiGroup"), &[GROUP], "roleRef.apiGroup", causes);
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    one_of(text(role, "kind"), kinds, "roleRef.kind", causes);
    super::named(role, "roleRef", name::path_segment, causes);
    for (at, subject) in list(new, "subjects").iter().enumerate() {
        self::subject(subject, namespaced, &format!("subjects[{at}]"), causes);
    }
    if let Some(old) = old
        && new["roleRef"] != old["roleRef"]
    {
        let fields = [
            ("apiGroup", "APIGroup", "\"\""),
            ("kind", "Kind", "\"\""),
            ("name", "Name", "\"\""),
        ];
        let shown = super::go_struct(role, &fields);
        causes.push(field_error::invalid_shown(
            "roleRef",
            &shown,
            "cannot change roleRef",
        ));
    }
}

fn subject(subject: &Value, namespaced: bool, path: &str, causes: &mut Vec<FieldError>) {
    let group = text(subject, "apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            super::named(subject, path, name::subdomain, causes);
            one_of(group, &[""], &format!("{path}.apiGroup"), causes);
            if !namespaced && text(subject, "namespace").is_empty() {
                causes.push(field_error::required(&format!("{path}.namespace"), ""));
            }
        }
        "User" | "Group" => {
            super::named(subject, path, |_| Vec::new(), causes);
            one_of(group, &[GROUP], &format!("{path}.apiGroup"), causes);
        }
        other => {
            super::named(subject, path, |_| Vec::new(), causes);
            let kinds = ["ServiceAccount", "User", "Group"];
            one_of(other, &kinds, &format!("{path}.kind"), causes);
        }
    }
}
