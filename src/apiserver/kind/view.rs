//! One stored object, several API versions: how it looks in each.
//!
//! Versions of a custom resource differ in their `apiVersion` alone (conversion strategy None), and in the defaults that
//! their schemas have got since. Events are the one
//! built-in kind with two shapes: stored as core/v1, and seen through events.k8s.io/v1 with other field names. An
//! autoscaler is stored in the version that it was written in.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resource::ResourceType;

/// core/v1 name and events.k8s.io/v1 name of the fields that differ.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// A stored object as a resource's version shows it; the same `Arc` where nothing differs.
pub fn of(resource: &ResourceType, stored: &Arc<Value>) -> Arc<Value> {
    let version = resource.api_version();
    let schema = resource.schema.as_ref().filter(|_| resource.custom);
    let incomplete = schema.filter(|schema| schema.lacks_default(stored));
    if stored["apiVersion"] == version && incomplete.is_none() {
        return stored.clone();
    }
    let mut shown = Value::clone(stored);
    if is_event_view(resource) {
        rename(&mut shown, |(core, events)| (core, events));
        leave_out_empty(&mut shown);
    }
    match version.as_str() {
        "autoscaling/v1" => to_first(&mut shown),
        "autoscaling/v2" => to_second(&mut shown),
        _ => {}
    }
    shown["apiVersion"] = version.into();
    if let Some(schema) = incomplete {
        schema.default(&mut shown);
    }
    Arc::new(shown)
}

/// An object of a resource's version as it is stored: events as core/v1, all others as they were written.
pub fn stored(resource: &ResourceType, mut object: Value) -> Value {
    if is_event_view(resource) {
        rename(&mut object, |(core, events)| (events, core));
        object["apiVersion"] = "v1".into();
    }
    object
}

fn is_event_view(resource: &ResourceType) -> bool {
    resource.group == "events.k8s.io" && resource.plural == "events"
}

fn rename(
    event: &mut Value,
    from_to: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str),
) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    for pair in EVENT_FIELDS {
        let (from, to) = from_to(pair);
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

/// What events of the new group leave out where it says nothing, and those of the old one show.
fn leave_out_empty(event: &mut Value) {
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|field, value| {
            !(matches!(field.as_str(), "reportingController" | "reportingInstance") && value == "")
        });
    }
}

const CPU: &str = "targetCPUUtilizationPercentage";

/// The first version of an autoscaler knows no metric but the use of CPU.
fn to_first(autoscaler: &mut Value) {
    let Some(spec) = autoscaler["spec"].as_object_mut() else {
        return;
    };
    spec.remove("behavior");
    let metrics = spec.remove("metrics").unwrap_or_default();
    let mut metrics = metrics.as_array().into_iter().flatten();
    let of_cpu = metrics.find(|metric| metric["resource"]["name"] == "cpu");
    let target = of_cpu.map(|metric| metric["resource"]["target"]["averageUtilization"].clone());
    if let Some(target) = target.filter(Value::is_number) {
        spec.insert(CPU.to_owned(), target);
    }
    if let Some(status) = autoscaler["status"].as_object_mut() {
        status.remove("currentMetrics");
        status.entry("currentReplicas").or_insert(0.into());
    }
}

fn to_second(autoscaler: &mut Value) {
    if let Some(spec) = autoscaler["spec"].as_object_mut()
        && let Some(target) = spec.remove(CPU)
    {
        spec.insert("metrics".to_owned(), json!([of_cpu(&target)]));
    }
    if let Some(status) = autoscaler["status"].as_object_mut() {
        status.remove("currentCPUUtilizationPercentage");
        status.entry("currentMetrics").or_insert(Value::Null);
        status.retain(|name, value| name != "currentReplicas" || *value != 0);
    }
}

fn of_cpu(target: &Value) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": target});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

/// What an autoscaler of either version measures when a client did not say it.
pub fn default_metrics(autoscaler: &mut Value) {
    const USUAL: i64 = 80;
    let is_first = autoscaler["apiVersion"] == "autoscaling/v1";
    let spec = &mut autoscaler["spec"];
    if is_first {
        if spec[CPU].is_null() {
            spec[CPU] = USUAL.into();
        }
    } else if spec["metrics"].is_null() {
        spec["metrics"] = json!([of_cpu(&USUAL.into())]);
    }
}

/// The first status of an autoscaler of either version.
pub fn new_autoscaler(autoscaler: &mut Value) {
    autoscaler["status"] = if autoscaler["apiVersion"] == "autoscaling/v1" {
        json!({"currentReplicas": 0, "desiredReplicas": 0})
    } else {
        json!({"currentMetrics": null, "desiredReplicas": 0})
    };
}

/// What an event of either shape has when a client left it out.
pub fn default_event(event: &mut Value) {
    for (field, value) in [
        ("eventTime", Value::Null),
        ("firstTimestamp", Value::Null),
        ("lastTimestamp", Value::Null),
        ("reportingComponent", json!("")),
        ("reportingInstance", json!("")),
        ("source", json!({})),
    ] {
        if event[field].is_null() {
            event[field] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::registry::Registry;

    #[test]
    fn an_autoscaler_has_two_versions() {
        let registry = Registry::built_in();
        let version = |version| {
            registry
                .find("autoscaling", version, "horizontalpodautoscalers")
                .unwrap()
        };
        let mut first =
            json!({"apiVersion": "autoscaling/v1", "spec": {"maxReplicas": 3, CPU: 50}});
        default_metrics(&mut first);
        new_autoscaler(&mut first);
        let first = Arc::new(first);
        let second = of(version("v2"), &first);
        let metric = &second["spec"]["metrics"][0]["resource"];
        assert_eq!(
            metric["target"],
            json!({"type": "Utilization", "averageUtilization": 50})
        );
        assert_eq!(
            second["status"],
            json!({"currentMetrics": null, "desiredReplicas": 0})
        );
        assert_eq!(of(version("v1"), &second), first);
    }

    #[test]
    fn an_event_has_two_views() {
        let registry = Registry::built_in();
        let new_style = registry.find("events.k8s.io", "v1", "events").unwrap();
        let posted = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "hello", "regarding": {"name": "p"},
        });
        let stored = stored(new_style, posted.clone());
        assert_eq!(stored["message"], "hello");
        assert_eq!(stored["involvedObject"]["name"], "p");
        assert_eq!(stored["apiVersion"], "v1");
        assert_eq!(*of(new_style, &Arc::new(stored)), posted);
    }
}
