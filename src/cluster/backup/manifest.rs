//! An object as it would be created anew: without what the server and the controllers put there, as YAML that every
//! reader understands alike.

use kube::core::ApiResource;
use serde_json::{Map, Value};

/// What the API server writes, and what belongs to controllers: owners (a manifest whose owner is gone would be
/// collected at once) and finalizers (their controllers put them again; a stale one would hold the object for ever).
const NOT_OURS: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
];

/// The manifest of an object that was read.
pub fn of(resource: &ApiResource, object: &Value) -> Value {
    let mut manifest = Map::new();
    manifest.insert("apiVersion".into(), resource.api_version.clone().into());
    manifest.insert("kind".into(), resource.kind.clone().into());
    for (field, value) in object.as_object().into_iter().flatten() {
        let value = match field.as_str() {
            "apiVersion" | "kind" | "status" => continue,
            "metadata" => metadata(value),
            _ => value.clone(),
        };
        manifest.insert(field.clone(), value);
    }
    let mut manifest = Value::Object(manifest);
    tidy(&mut manifest);
    manifest
}

/// Takes out what only the object that is gone could have, and what an API server or KubeVirt's webhooks refuse in a
/// new one.
pub fn tidy(manifest: &mut Value) {
    /// KubeVirt's webhook takes these from its own components only.
    const RESERVED: [&str; 6] = [
        "kubevirt.io/created-by",
        "kubevirt.io/install-strategy",
        "kubevirt.io/migrationJobUID",
        "kubevirt.io/migrationTargetNodeName",
        "kubevirt.io/nodeName",
        "kubevirt.io/schedulable",
    ];
    /// What binds a claim to a volume that was another claim's.
    const BOUND: [&str; 5] = [
        "pv.kubernetes.io/",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
        "volume.kubernetes.io/storage-resizer",
    ];
    match manifest["kind"].as_str() {
        Some("VirtualMachineInstance") => {
            remove(&mut manifest["metadata"], "labels", |label| {
                RESERVED.contains(&label)
            });
        }
        Some("PersistentVolumeClaim") => {
            remove(manifest, "spec", |field| field == "volumeName");
            remove(&mut manifest["metadata"], "annotations", |annotation| {
                BOUND.iter().any(|bound| annotation.starts_with(bound))
            });
        }
        // The token of an account that is gone; for the one of today another is made.
        Some("Secret") if manifest["type"] == "kubernetes.io/service-account-token" => {
            remove(&mut manifest["metadata"], "annotations", |annotation| {
                annotation == "kubernetes.io/service-account.uid"
            });
            remove(manifest, "data", |_| true);
        }
        // By which a Job knows its pods: the API server chooses it anew.
        Some("Job") if manifest["spec"]["manualSelector"] != true => {
            const OF_JOBS: [&str; 4] = [
                "batch.kubernetes.io/controller-uid",
                "batch.kubernetes.io/job-name",
                "controller-uid",
                "job-name",
            ];
            let is_chosen = |label: &str| OF_JOBS.contains(&label);
            remove(manifest, "spec", |field| field == "selector");
            remove(&mut manifest["metadata"], "labels", is_chosen);
            if let Some(template) = manifest.pointer_mut("/spec/template/metadata") {
                remove(template, "labels", is_chosen);
            }
        }
        Some("Service") if manifest["spec"]["clusterIP"] != "None" => {
            remove(manifest, "spec", |field| {
                matches!(field, "clusterIP" | "clusterIPs" | "healthCheckNodePort")
            });
        }
        _ => {}
    }
}

/// Removes fields of an object, and the object itself where nothing is left of it.
fn remove(parent: &mut Value, object: &str, is_unwanted: impl Fn(&str) -> bool) {
    let Some(parent) = parent.as_object_mut() else {
        return;
    };
    let Some(fields) = parent.get_mut(object).and_then(Value::as_object_mut) else {
        return;
    };
    let before = fields.len();
    fields.retain(|field, _| !is_unwanted(field));
    if fields.is_empty() && before > 0 {
        parent.remove(object);
    }
}

/// Is it the manifest of this object?
pub fn describes(manifest: &Value, namespace: &str, name: &str) -> bool {
    let metadata = &manifest["metadata"];
    let is_there = match namespace {
        "" => metadata["namespace"].is_null(),
        namespace => metadata["namespace"] == *namespace,
    };
    is_there && metadata["name"] == *name
}

fn metadata(metadata: &Value) -> Value {
    let fields = metadata.as_object().into_iter().flatten();
    fields
        .filter(|(field, _)| *field != "uid" && !NOT_OURS.contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect::<Map<String, Value>>()
        .into()
}

/// As YAML in which every text is written as JSON writes it: kubectl reads YAML 1.1, where a bare `yes`, `on` or
/// `1_000` is no text.
pub fn yaml(manifest: &Value) -> String {
    let mut text = String::new();
    mapping(manifest, 0, &mut text);
    text
}

fn mapping(value: &Value, indent: usize, text: &mut String) {
    for (key, value) in value.as_object().into_iter().flatten() {
        text.push_str(&" ".repeat(indent));
        entry(key, value, indent, text);
    }
}

fn entry(key: &str, value: &Value, indent: usize, text: &mut String) {
    if is_plain(key) {
        text.push_str(key);
    } else {
        quoted(key, text);
    }
    text.push(':');
    node(value, indent, text);
}

/// The value after a colon or a dash.
fn node(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            mapping(value, indent + 2, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            for item in items {
                text.push_str(&" ".repeat(indent));
                text.push('-');
                match item {
                    Value::Object(fields) if !fields.is_empty() => {
                        // The first field stands beside the dash.
                        for (place, (key, value)) in fields.iter().enumerate() {
                            let before = if place == 0 { 1 } else { indent + 2 };
                            text.push_str(&" ".repeat(before));
                            entry(key, value, indent + 2, text);
                        }
                    }
                    other => node(other, indent + 2, text),
                }
            }
        }
        Value::String(string) => {
            text.push(' ');
            quoted(string, text);
            text.push('\n');
        }
        // JSON is YAML.
        other => {
            text.push(' ');
            text.push_str(&other.to_string());
            text.push('\n');
        }
    }
}

/// Field names are words that mean nothing else to any YAML reader; everything else is quoted.
fn is_plain(key: &str) -> bool {
    const WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let lower = key.to_ascii_lowercase();
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric())
        && !WORDS.contains(&lower.as_str())
        && lower != "null"
}

/// A JSON string without the characters that YAML does not take as they are.
fn quoted(string: &str, text: &mut String) {
    use std::fmt::Write;
    let json = Value::String(string.to_owned()).to_string();
    for c in json.chars() {
        let as_is = matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        if as_is {
            text.push(c);
        } else {
            // Writing to a String cannot fail. All of these have four digits.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::api::workload::WORKLOAD_KINDS;

    #[test]
    fn only_what_a_person_wrote_is_left() {
        let object = json!({
            "metadata": {
                "name": "db", "namespace": "default", "uid": "1", "resourceVersion": "7", "generation": 3,
                "creationTimestamp": "2026-11-23T00:00:00Z", "deletionTimestamp": "2026-11-23T00:00:01Z",
                "deletionGracePeriodSeconds": 0, "selfLink": "/x", "managedFields": [{}], "finalizers": ["a/b"],
                "ownerReferences": [{"uid": "2"}], "labels": {"on": "yes"}, "annotations": {"a": "1_000"},
            },
            "spec": {"osType": "Linux"}, "status": {"state": "Running"}, "data": 1,
        });
        let manifest = of(&WORKLOAD_KINDS[2].resource(), &object);
        assert_eq!(
            manifest,
            json!({
                "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine",
                "metadata": {"name": "db", "namespace": "default", "labels": {"on": "yes"}, "annotations": {"a": "1_000"}},
                "spec": {"osType": "Linux"}, "data": 1,
            })
        );
        assert_eq!(
            yaml(&manifest),
            "\
apiVersion: \"vm.cluster.gke.io/v1\"
data: 1
kind: \"VirtualMachine\"
metadata:
  annotations:
    a: \"1_000\"
  labels:
    \"on\": \"yes\"
  name: \"db\"
  namespace: \"default\"
spec:
  osType: \"Linux\"
"
        );
    }

    #[test]
    fn what_was_given_to_the_object_that_is_gone_is_not_asked_for_again() {
        let tidied = |mut manifest: Value| {
            tidy(&mut manifest);
            manifest
        };
        let token = tidied(json!({
            "kind": "Secret", "type": "kubernetes.io/service-account-token", "data": {"token": "eA=="},
            "metadata": {"name": "t", "annotations": {
                "kubernetes.io/service-account.name": "app", "kubernetes.io/service-account.uid": "1",
            }},
        }));
        assert_eq!(
            token,
            json!({
                "kind": "Secret", "type": "kubernetes.io/service-account-token",
                "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "app"}},
            })
        );
        let labels = json!({"controller-uid": "1", "job-name": "j", "app": "a"});
        let job = json!({"kind": "Job", "metadata": {"name": "j", "labels": labels}, "spec": {
            "selector": {"matchLabels": {"controller-uid": "1"}},
            "template": {"metadata": {"labels": labels}, "spec": {}},
        }});
        let labels = json!({"app": "a"});
        assert_eq!(
            tidied(job.clone()),
            json!({"kind": "Job", "metadata": {"name": "j", "labels": labels}, "spec": {
                "template": {"metadata": {"labels": labels}, "spec": {}},
            }})
        );
        let mut manual = job;
        manual["spec"]["manualSelector"] = true.into();
        assert_eq!(tidied(manual.clone()), manual);
    }

    fn round(value: &Value) {
        let text = yaml(value);
        let read: Value =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(&read, value, "{text}");
    }

    #[test]
    fn lists_and_empty_things_keep_their_shape() {
        round(&json!({
            "a": [], "b": {}, "c": [[1, [2]], [{}], {"x": [], "y": {"z": null}}, "s", true, -1, 1.5],
            "deep": [{"list": [{"k": "v", "l": ["1", "2"]}]}], "": "", "y": "n", "1e3": "1e3",
        }));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            prop_oneof![
                Just("yes"),
                Just("on"),
                Just("1_000"),
                Just("0o7"),
                Just("null"),
                Just("2001-01-01"),
                Just("~"),
                Just("a\nb\n"),
                Just("\u{7f}\u{85}\u{2028}\u{feff}\0"),
                Just("- a: b # c"),
                Just("="),
                Just("<<"),
            ]
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(value in value()) {
            round(&json!({"spec": value}));
        }
    }
}
