//! ClusterRoles that gather the rules of others by label (the controller manager's clusterrole-aggregation-controller).
//! Pure.

use std::sync::Arc;

use serde_json::Value;

use crate::object::selector::LabelSelector;

/// The gathering roles whose rules are not what they should be, with what they should be. `roles` is sorted by name.
#[must_use]
pub fn outdated(roles: &[Arc<Value>]) -> Vec<(Arc<Value>, Value)> {
    let gathering = roles
        .iter()
        .filter(|role| role["aggregationRule"].is_object());
    gathering
        .map(|role| (role.clone(), gathered(role, roles)))
        .filter(|(role, rules)| role["rules"] != *rules)
        .collect()
}

fn gathered(role: &Value, roles: &[Arc<Value>]) -> Value {
    let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array();
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors.into_iter().flatten() {
        let Ok(selector) = LabelSelector::from_object(selector) else {
            continue;
        };
        let others = roles
            .iter()
            .filter(|other| other["metadata"]["name"] != role["metadata"]["name"])
            .filter(|other| selector.matches(other));
        for rule in others.flat_map(|other| other["rules"].as_array().into_iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    if rules.is_empty() {
        Value::Null
    } else {
        Value::Array(rules)
    }
}
