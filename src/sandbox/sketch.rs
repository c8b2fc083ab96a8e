//! Sketches of the built-in kinds: enough of their schemas for `kubectl explain` to say what a field is, and for
//! server-side apply to know which lists are merged by which key.
//!
//! Fields that are missing here are stored and applied all the same, only without a word about them.

mod cluster;
mod pod;
mod rule;
mod workload;

use serde_json::{Map, Value, json};

use super::schema::Schema;

/// The sketch of a kind; those that have none are plain objects.
#[must_use]
pub fn of(group: &str, kind: &str) -> Option<Schema> {
    Schema::sketch(schema(group, kind)).ok()
}

fn schema(group: &str, kind: &str) -> Value {
    let (description, fields) = match (group, kind) {
        ("", "Pod") => pod::pod(),
        ("", "Node") => cluster::node(),
        ("", "Namespace") => cluster::namespace(),
        ("", "ConfigMap") => cluster::config_map(),
        ("", "Secret") => cluster::secret(),
        ("", "Service") => cluster::service(),
        ("", "ServiceAccount") => cluster::service_account(),
        ("", "PersistentVolumeClaim") => cluster::claim(),
        ("", "Event") => cluster::event(),
        ("events.k8s.io", "Event") => cluster::regarding_event(),
        ("coordination.k8s.io", "Lease") => cluster::lease(),
        ("apps", "Deployment") => workload::deployment(),
        ("apps", "DaemonSet") => workload::daemon_set(),
        ("apps", "ReplicaSet") => workload::replica_set(),
        ("policy", "PodDisruptionBudget") => workload::disruption_budget(),
        ("rbac.authorization.k8s.io", "ClusterRole" | "Role") => rule::role(),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding" | "RoleBinding") => rule::role_binding(),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => rule::policy(),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            rule::policy_binding()
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => rule::definition(),
        _ => ("", Vec::new()),
    };
    object(description, fields)
}

/// A field's name and schema.
type Field = (&'static str, Value);

/// A kind's description and fields, `metadata` and the type aside.
type Sketch = (&'static str, Vec<Field>);

fn scalar(kind: &str, description: &str) -> Value {
    json!({"type": kind, "description": description})
}

fn text(description: &str) -> Value {
    scalar("string", description)
}

fn integer(description: &str) -> Value {
    scalar("integer", description)
}

fn boolean(description: &str) -> Value {
    scalar("boolean", description)
}

fn time(description: &str) -> Value {
    json!({"type": "string", "format": "date-time", "description": description})
}

/// Names to texts, merged name by name.
fn texts_by_name(description: &str) -> Value {
    json!({"type": "object", "description": description, "additionalProperties": {"type": "string"}})
}

/// A list that is replaced as a whole.
fn texts(description: &str) -> Value {
    json!({"type": "array", "description": description, "items": {"type": "string"}})
}

fn object(description: &str, fields: Vec<Field>) -> Value {
    let properties: Map<String, Value> = fields
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !description.is_empty() {
        schema["description"] = description.into();
    }
    schema
}

/// A list of texts, merged text by text.
fn set(description: &str) -> Value {
    let mut schema = texts(description);
    schema["x-kubernetes-list-type"] = "set".into();
    schema
}

/// An object that is replaced as a whole.
fn atomic_object(description: &str, fields: Vec<Field>) -> Value {
    let mut schema = object(description, fields);
    schema["x-kubernetes-map-type"] = "atomic".into();
    schema
}

/// A list that is replaced as a whole.
fn list(description: &str, fields: Vec<Field>) -> Value {
    json!({"type": "array", "description": description, "items": object("", fields)})
}

/// A list whose elements are told apart by their keys.
fn list_by(keys: &[&str], description: &str, fields: Vec<Field>) -> Value {
    let mut schema = list(description, fields);
    schema["x-kubernetes-list-type"] = "map".into();
    schema["x-kubernetes-list-map-keys"] = keys.into();
    schema
}

fn label_selector(description: &str) -> Value {
    atomic_object(
        description,
        vec![
            (
                "matchLabels",
                texts_by_name("Labels that must have exactly these values."),
            ),
            (
                "matchExpressions",
                list(
                    "Requirements on labels; all must hold.",
                    vec![
                        ("key", text("The label's key.")),
                        ("operator", text("In, NotIn, Exists or DoesNotExist.")),
                        ("values", texts("The values to compare with.")),
                    ],
                ),
            ),
        ],
    )
}

fn object_reference(description: &str) -> Value {
    atomic_object(
        description,
        vec![
            ("apiVersion", text("API version of the object.")),
            ("kind", text("Kind of the object.")),
            ("namespace", text("Namespace of the object.")),
            ("name", text("Name of the object.")),
            ("uid", text("UID of the object.")),
            (
                "resourceVersion",
                text("The version of the object that is meant."),
            ),
            ("fieldPath", text("The part of the object that is meant.")),
        ],
    )
}

/// Conditions of a kind's status, merged by type.
fn conditions(description: &str) -> Value {
    list_by(
        &["type"],
        description,
        vec![
            ("type", text("Type of the condition.")),
            ("status", text("True, False or Unknown.")),
            (
                "observedGeneration",
                integer("The generation that the condition was set for."),
            ),
            (
                "reason",
                text("A word for why the condition has its status."),
            ),
            ("message", text("Details for people.")),
            ("lastTransitionTime", time("When the status last changed.")),
            (
                "lastHeartbeatTime",
                time("When the condition was last confirmed."),
            ),
            (
                "lastUpdateTime",
                time("When the condition was last updated."),
            ),
            ("lastProbeTime", time("When the condition was last probed.")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use crate::sandbox::registry::Registry;

    /// Kinds without fields that are worth a word, or that are only questions.
    const PLAIN: [&str; 12] = [
        "Endpoints",
        "LimitRange",
        "LocalSubjectAccessReview",
        "PersistentVolume",
        "PriorityClass",
        "ResourceQuota",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
        "SelfSubjectRulesReview",
        "StorageClass",
        "SubjectAccessReview",
        "TokenReview",
    ];

    #[test]
    fn every_kind_has_a_sketch_and_most_a_description() {
        for resource in Registry::built_in().all() {
            let kind = resource.kind.as_str();
            let sketch = super::of(&resource.group, kind).unwrap_or_else(|| panic!("{kind}"));
            assert!(sketch.is_sketch(), "{kind}");
            let described = sketch.raw()["description"].is_string();
            assert_eq!(
                described,
                !PLAIN.contains(&kind) && kind != "StorageClass",
                "{kind}"
            );
        }
    }
}
