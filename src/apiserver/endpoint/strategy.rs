//! What differs from kind to kind when an object is created, changed or deleted: Kubernetes' word for it is strategy
//! (`pkg/registry/**/strategy.go`). Pure: objects in, objects and faults out.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    access::{admission, identity::Identity},
    kind::{
        defaults::workload::TEMPLATE_GENERATION, definition, resource::ResourceType, validation,
        view,
    },
    object::{
        field_error::FieldError,
        metadata::{self, text},
        name::NameRule,
    },
};

/// The rule that a resource's names follow.
pub fn name_rule(resource: &ResourceType) -> NameRule {
    match resource.storage_key() {
        ("", "namespaces") => NameRule::Label,
        ("apiregistration.k8s.io" | "rbac.authorization.k8s.io", _) => NameRule::PathSegment,
        _ => NameRule::Subdomain,
    }
}

/// May an update leave out the resourceVersion, and so overwrite whatever is there?
pub fn allows_blind_update(resource: &ResourceType) -> bool {
    !resource.custom
        && !matches!(
            resource.storage_key(),
            (
                "admissionregistration.k8s.io"
                    | "apiextensions.k8s.io"
                    | "apiregistration.k8s.io"
                    | "coordination.k8s.io",
                _
            ) | ("node.k8s.io", "runtimeclasses")
                | ("policy", "poddisruptionbudgets")
                | ("storage.k8s.io", "csinodes")
        )
}

/// May an update create the object?
pub fn creates_on_update(resource: &ResourceType) -> bool {
    matches!(
        resource.storage_key(),
        ("", "endpoints" | "events" | "limitranges" | "services")
            | ("coordination.k8s.io" | "rbac.authorization.k8s.io", _)
            | ("node.k8s.io", "runtimeclasses")
    )
}

/// Is a delete answered with the object, not with a `Status`?
pub fn returns_deleted(resource: &ResourceType) -> bool {
    matches!(
        resource.storage_key(),
        (
            "",
            "persistentvolumes"
                | "persistentvolumeclaims"
                | "pods"
                | "podtemplates"
                | "replicationcontrollers"
                | "resourcequotas"
                | "serviceaccounts"
                | "services"
        ) | ("storage.k8s.io", _)
    )
}

/// Does a delete that does not speak of the dependents leave them, as these kinds' first versions did?
pub fn orphans(resource: &ResourceType) -> bool {
    matches!(
        resource.storage_key(),
        ("", "replicationcontrollers") | ("batch", "jobs")
    )
}

/// How long a delete leaves the object to its kubelet, where nothing else was asked for; `None`: it goes at once.
pub fn grace_seconds(resource: &ResourceType, object: &Value) -> Option<i64> {
    if resource.storage_key() != ("", "pods") {
        return None;
    }
    let finished = matches!(text(&object["status"], "phase"), "Succeeded" | "Failed");
    let bound = !text(&object["spec"], "nodeName").is_empty();
    (bound && !finished).then(|| {
        object["spec"]["terminationGracePeriodSeconds"]
            .as_i64()
            .unwrap_or(30)
    })
}

/// Brings a new object into its first state. `uid` and `now` come from outside, so that this stays a function.
pub fn prepare_create(resource: &ResourceType, object: &mut Value, uid: &str, now: Timestamp) {
    let metadata = &mut object["metadata"];
    if let Some(metadata) = metadata.as_object_mut() {
        for field in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "generation",
        ] {
            metadata.remove(field);
        }
    }
    metadata["uid"] = uid.into();
    metadata["creationTimestamp"] = seconds(now).into();
    if resource.counts_generation {
        metadata["generation"] = 1.into();
    }
    if resource.custom {
        if resource.status_subresource {
            remove(object, "status");
        }
        return;
    }
    if definition::is_definition(resource) {
        object["status"] = definition::fresh_status(object);
    } else if starts_without_status(resource) {
        object["status"] = json!({});
    }
}

/// Writes into a request for a certificate who asks for it.
pub fn note_requester(request: &mut Value, requester: &Identity) {
    let spec = &mut request["spec"];
    let Identity {
        username,
        uid,
        groups,
        extra,
    } = requester;
    for (field, value, is_known) in [
        ("username", json!(username), !username.is_empty()),
        ("uid", json!(uid), !uid.is_empty()),
        ("groups", json!(groups), !groups.is_empty()),
        ("extra", json!(extra), !extra.is_empty()),
    ] {
        set_or_remove(spec, field, is_known.then_some(value));
    }
}

/// Kinds whose status belongs to controllers alone. (A node's and a pod's creator may report it.)
fn starts_without_status(resource: &ResourceType) -> bool {
    resource.status_subresource && !matches!(resource.storage_key(), ("", "nodes" | "pods"))
}

/// Which part of an object a change is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything but the status.
    Main,
    /// The node that a scheduler has found for a pod.
    Binding,
    /// What a namespace waits for before it goes.
    Finalizers,
    Status,
    /// Whether a request for a certificate is granted.
    Approval,
}

/// Puts back what a change may not touch and counts the generation. `new` is what the client wants.
pub fn prepare_update(resource: &ResourceType, part: Part, new: &mut Value, old: &Value) {
    keep_identity(new, old);
    match part {
        Part::Status | Part::Approval => {
            let mut metadata = old["metadata"].clone();
            for field in metadata_of_status(resource) {
                set_or_remove(&mut metadata, field, new["metadata"].get(field).cloned());
            }
            let mut status = new.get("status").cloned();
            if part == Part::Approval {
                let conditions = new["status"].get("conditions").cloned();
                let mut decided = old.get("status").cloned().unwrap_or_default();
                set_or_remove(&mut decided, "conditions", conditions);
                status = Some(decided);
            }
            *new = old.clone();
            set_or_remove(new, "status", status);
            new["metadata"] = metadata;
        }
        Part::Binding | Part::Finalizers => {}
        Part::Main => {
            if resource.status_subresource {
                set_or_remove(new, "status", old.get("status").cloned());
            }
            match resource.storage_key() {
                ("", "events") if resource.group.is_empty() => view::default_event(new),
                ("apps", "daemonsets") => count_template(new, old),
                ("", "services") => keep_address(&mut new["spec"], &old["spec"]),
                // What a namespace waits for goes through `/finalize`; what has been asked for stays.
                ("", "namespaces") | ("certificates.k8s.io", _) => {
                    set_or_remove(new, "spec", old.get("spec").cloned());
                }
                _ => {}
            }
            set_or_remove(
                &mut new["metadata"],
                "generation",
                old["metadata"].get("generation").cloned(),
            );
            if resource.counts_generation && differs(resource, new, old) {
                let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
                new["metadata"]["generation"] = (generation + 1).into();
            }
        }
    }
}

/// What of the metadata can be written through `/status`: everything that a client writes, with some exceptions.
fn metadata_of_status(resource: &ResourceType) -> Vec<&'static str> {
    let kept: &[&str] = match resource.storage_key() {
        _ if resource.custom => &["annotations", "finalizers", "labels", "ownerReferences"],
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => {
            &["annotations", "finalizers", "labels", "ownerReferences"]
        }
        ("", "pods") => &["ownerReferences"],
        ("apps", "deployments") => &["labels"],
        _ => &[],
    };
    let fields = [
        "annotations",
        "finalizers",
        "labels",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
    ];
    let fields = fields.into_iter();
    fields.filter(|field| !kept.contains(field)).collect()
}

/// Counts the changes of a DaemonSet's template.
fn count_template(new: &mut Value, old: &Value) {
    let count = &old["metadata"]["annotations"][TEMPLATE_GENERATION];
    let count: i64 = text(&json!({"count": count}), "count").parse().unwrap_or(1);
    let changed = new["spec"]["template"] != old["spec"]["template"];
    let count = count + i64::from(changed);
    new["metadata"]["annotations"][TEMPLATE_GENERATION] = count.to_string().into();
}

/// What was given to a service stays where a change does not speak of it, and goes with the type that needs it.
fn keep_address(new: &mut Value, old: &Value) {
    const ADDRESS: [&str; 4] = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"];
    let is_balanced = |spec: &Value| text(spec, "type") == "LoadBalancer";
    let mut dropped: Vec<&str> = Vec::new();
    if text(new, "type") == "ExternalName" {
        dropped.extend(ADDRESS);
        dropped.push("internalTrafficPolicy");
    } else if new.is_object() {
        for field in ADDRESS {
            if new[field].is_null() || new[field] == "" {
                set_or_remove(new, field, old.get(field).cloned());
            }
        }
    }
    if is_balanced(old) && !is_balanced(new) {
        dropped.extend(["healthCheckNodePort", "loadBalancerClass"]);
    }
    if !matches!(text(new, "type"), "LoadBalancer" | "NodePort") {
        dropped.push("externalTrafficPolicy");
    }
    for field in dropped {
        if new[field] == old[field] {
            remove(new, field);
        }
    }
}

/// What no client changes, filled in where it was left out.
fn keep_identity(new: &mut Value, old: &Value) {
    let (new, old) = (&mut new["metadata"], &old["metadata"]);
    // Once a deletion has begun nobody can take it back.
    for field in [
        "uid",
        "namespace",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        if new[field].is_null() {
            set_or_remove(new, field, old.get(field).cloned());
        }
    }
    for field in ["creationTimestamp", "selfLink"] {
        set_or_remove(new, field, old.get(field).cloned());
    }
}

/// Does anything differ that counts as a new generation: all but metadata, and status where it is apart?
fn differs(resource: &ResourceType, new: &Value, old: &Value) -> bool {
    let part = |object: &Value| {
        let mut object = object.as_object().cloned().unwrap_or_default();
        object.remove("metadata");
        object.remove("apiVersion");
        if resource.status_subresource {
            object.remove("status");
        }
        object
    };
    part(new) != part(old)
}

/// Do two states differ in anything but the times of their managers? If not, nothing is written.
pub fn is_same(new: &Value, old: &Value) -> bool {
    let plain = |object: &Value| {
        let mut object = object.clone();
        if let Some(entries) = object["metadata"]["managedFields"].as_array_mut() {
            for entry in entries {
                remove(entry, "time");
            }
        } else {
            remove(&mut object["metadata"], "managedFields");
        }
        object
    };
    plain(new) == plain(old)
}

/// What is wrong with a new object.
pub fn validate_create(resource: &ResourceType, object: &Value) -> Vec<FieldError> {
    let mut causes = metadata::validate(object, name_rule(resource), resource.namespaced);
    if !resource.custom {
        causes.extend(metadata::validate_built_in(object));
    }
    causes.extend(validate_content(resource, object, None));
    causes
}

/// What is wrong with a change. The API server looks at the metadata once for all kinds and again in the kind's own
/// rules, and reports what it finds each time.
pub fn validate_update(
    resource: &ResourceType,
    part: Part,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    if part == Part::Binding {
        return Vec::new();
    }
    let mut causes = metadata::validate(new, NameRule::PathSegment, resource.namespaced);
    causes.extend(metadata::validate_update(new, old));
    if !resource.custom {
        causes.extend(metadata::validate(
            new,
            name_rule(resource),
            resource.namespaced,
        ));
    }
    causes.extend(metadata::validate_update(new, old));
    let mut content = validate_content(resource, new, Some(old));
    if resource.custom && part == Part::Status {
        // The status is looked at by itself; only the field tells where it is.
        for cause in &mut content {
            cause.message = cause.message.replacen(": status.", ": ", 1);
        }
    }
    causes.extend(content);
    causes
}

fn validate_content(resource: &ResourceType, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if definition::is_definition(resource) {
        let mut causes = definition::validate(new);
        if let Some(old) = old {
            // The name is held against group and plural when they are given, and those stay.
            causes.retain(|cause| cause.field != "metadata.name");
            causes.extend(definition::validate_update(new, old));
        }
        return causes;
    }
    if !resource.custom {
        let mut causes = validation::faults(resource, new, old);
        if resource.kind == "ValidatingAdmissionPolicy" {
            causes.extend(admission::faults(new));
        }
        return causes;
    }
    let schema = resource.schema.as_ref();
    schema.map_or_else(Vec::new, |schema| schema.validate(new, old))
}

/// A time as Kubernetes writes it: UTC, whole seconds.
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Sets a field, or removes it.
pub fn set_or_remove(object: &mut Value, field: &str, value: Option<Value>) {
    match value {
        Some(value) => object[field] = value,
        None => remove(object, field),
    }
}

pub fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}
