//! Keeps virt-handler, and with it every VM, away from nodes with the skip label: KubeVirt does not know that label.
//!
//! Pure: from the `spec.workloads.nodePlacement` that a KubeVirt object has to the one that it is to have. What the user
//! set there stays; what we added is taken away again, and an annotation tells that it was us.

use serde_json::{Map, Value, json};

use super::ownership;
use crate::{api::name::SKIP_SCHEDULE, runtime::readiness::EngineObject};

/// On a KubeVirt object whose placement we have extended.
pub(super) const EXTENDED: &str = "vm.cluster.gke.io/skipped-nodes-excluded";

const REQUIRED: &str =
    "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";

/// What is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacementChange {
    /// A merge patch of `spec.workloads.nodePlacement`.
    pub patch: Value,
    /// Is something of ours in it afterwards?
    pub extended: bool,
}

impl PlacementChange {
    /// The change that an object needs, if it needs one. `exclude`: some node has the label.
    #[must_use]
    pub fn of(kubevirt: &EngineObject, exclude: bool) -> Option<Self> {
        let placement = kubevirt.placement.clone().unwrap_or_else(|| json!({}));
        let wanted = if exclude {
            extended(&placement)
        } else if kubevirt.placement_extended {
            reduced(&placement)
        } else {
            return None;
        };
        let nothing_left = wanted.as_object().is_some_and(Map::is_empty);
        let change = Self {
            patch: if nothing_left {
                Value::Null
            } else {
                ownership::merge_patch(&placement, &wanted)
            },
            extended: exclude,
        };
        // Somebody who excludes the nodes too keeps that.
        let is_so = wanted == placement && (exclude || !kubevirt.placement_extended);
        (!is_so).then_some(change)
    }
}

/// The placement of an object that is made while some node has the label.
pub(super) fn excluding() -> Value {
    extended(&json!({}))
}

fn expression() -> Value {
    json!({"key": SKIP_SCHEDULE, "operator": "DoesNotExist"})
}

/// Terms are alternatives, so each gets the expression. One that says nothing selects nothing, and must not begin to.
fn extended(placement: &Value) -> Value {
    let mut placement = placement.clone();
    let ours = expression();
    match placement
        .pointer_mut(REQUIRED)
        .and_then(Value::as_array_mut)
    {
        Some(terms) if !terms.is_empty() => {
            for term in terms.iter_mut().filter(|term| says_something(term)) {
                let Some(term) = term.as_object_mut() else {
                    continue;
                };
                let expressions = term.entry("matchExpressions").or_insert_with(|| json!([]));
                if let Some(expressions) = expressions.as_array_mut()
                    && !expressions.contains(&ours)
                {
                    expressions.push(ours.clone());
                }
            }
        }
        Some(_) | None => {
            let terms = json!({"affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [ours]}],
                },
            }}});
            merge(&mut placement, &terms);
        }
    }
    placement
}

/// Takes the expression out, and what is empty without it.
fn reduced(placement: &Value) -> Value {
    let mut placement = placement.clone();
    let ours = expression();
    let Some(terms) = placement
        .pointer_mut(REQUIRED)
        .and_then(Value::as_array_mut)
    else {
        return placement;
    };
    terms.retain_mut(|term| {
        let said = says_something(term);
        if let Some(expressions) = term
            .get_mut("matchExpressions")
            .and_then(Value::as_array_mut)
        {
            expressions.retain(|expression| *expression != ours);
        }
        says_something(term) || !said
    });
    let mut path = REQUIRED;
    while let Some((parent, field)) = path.rsplit_once('/') {
        let is_empty = placement.pointer(path).is_some_and(|value| match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        });
        if !is_empty {
            break;
        }
        if let Some(parent) = placement.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.remove(field);
        }
        path = parent;
    }
    placement
}

fn says_something(term: &Value) -> bool {
    ["matchExpressions", "matchFields"].iter().any(|field| {
        term[*field]
            .as_array()
            .is_some_and(|items| !items.is_empty())
    })
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, from) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), from);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubevirt(placement: Value, placement_extended: bool) -> EngineObject {
        EngineObject {
            placement: (!placement.is_null()).then_some(placement),
            placement_extended,
            ..EngineObject::default()
        }
    }

    fn terms(terms: &Value) -> Value {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": terms,
        }}}})
    }

    fn zone() -> Value {
        json!({"key": "zone", "operator": "In", "values": ["a"]})
    }

    #[test]
    fn what_the_user_set_stays_and_ours_goes_again() {
        let ours = expression();
        let tolerations = json!({"tolerations": [{"operator": "Exists"}]});
        let mut both = tolerations.clone();
        merge(&mut both, &terms(&json!([{"matchExpressions": [ours]}])));
        let table = [
            (Value::Null, terms(&json!([{"matchExpressions": [ours]}]))),
            (tolerations, both),
            (
                terms(&json!([{"matchExpressions": [zone()]}, {"matchFields": [zone()]}])),
                terms(&json!([
                    {"matchExpressions": [zone(), ours]},
                    {"matchFields": [zone()], "matchExpressions": [ours]},
                ])),
            ),
            // The empty term selects nothing.
            (
                terms(&json!([{}, {"matchExpressions": [zone()]}])),
                terms(&json!([{}, {"matchExpressions": [zone(), ours]}])),
            ),
        ];
        for (users, wanted) in table {
            let change = PlacementChange::of(&kubevirt(users.clone(), false), true).unwrap();
            let mut placement = if users.is_null() {
                json!({})
            } else {
                users.clone()
            };
            json_patch::merge(&mut placement, &change.patch);
            assert_eq!(placement, wanted, "{users}");
            assert!(change.extended);

            let there = kubevirt(placement.clone(), true);
            assert_eq!(PlacementChange::of(&there, true), None, "{users}");
            let change = PlacementChange::of(&there, false).unwrap();
            let mut back = json!({"p": placement});
            json_patch::merge(&mut back, &json!({"p": change.patch}));
            // An empty list of expressions says as much as none.
            let text = back["p"]
                .to_string()
                .replace(r#""matchExpressions":[],"#, "");
            assert_eq!(text, users.to_string());
            assert!(!change.extended);
        }
    }

    #[test]
    fn who_excludes_the_nodes_too_keeps_that() {
        let theirs = kubevirt(terms(&json!([{"matchExpressions": [expression()]}])), false);
        assert_eq!(PlacementChange::of(&theirs, true), None);
        assert_eq!(PlacementChange::of(&theirs, false), None);
        assert_eq!(
            PlacementChange::of(&kubevirt(Value::Null, false), false),
            None
        );
    }
}
