//! Who set which field: `metadata.managedFields`, and server-side apply.
//!
//! Every write that is not an apply is recorded by [`record_update`]; [`apply`] merges an intent into an object. The
//! algebra is that of sigs.k8s.io/structured-merge-diff, the bookkeeping that of k8s.io/apimachinery
//! `pkg/util/managedfields`. Pure: the time is given, and nothing is stored.

mod manager;
mod set;
mod typed;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{object::go_format, schema::Schema, status_error::StatusError};
use manager::{Entry, Managed, Manager};
use set::{Element, FieldSet};
use typed::Type;

/// One write, as `managedFields` describes it.
#[derive(Clone, Debug)]
pub struct Write {
    /// The field manager; empty counts as `unknown`.
    pub manager: String,
    /// `group/version` of the object.
    pub api_version: String,
    /// The subresource written to, for example `status`.
    pub subresource: Option<String>,
    /// Has the resource a `/status`, so that other writes leave the status alone?
    pub status_subresource: bool,
    pub time: Timestamp,
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Write {
    fn manager(&self, applied: bool) -> Manager {
        let name = if self.manager.is_empty() {
            "unknown"
        } else {
            &self.manager
        };
        Manager::new(
            name,
            applied,
            &self.api_version,
            self.subresource.as_deref(),
        )
    }

    /// Takes out what this write can not change: the status through the object, everything else through the status.
    fn only_writable(&self, set: &FieldSet) -> FieldSet {
        let ignored: &[&str] = match self.subresource.as_deref() {
            Some("status") => &["apiVersion", "kind", "metadata", "spec"],
            None if self.status_subresource => &["status"],
            Some(_) | None => &[],
        };
        let mut set = set.clone();
        for name in ignored {
            set.remove_below(&Element::Field((*name).to_owned()));
        }
        set
    }
}

/// Writes the `managedFields` of an object that was created, updated or patched. `new` is what is going to be stored.
pub fn record_update(old: Option<&Value>, new: &mut Value, write: &Write, schema: Option<&Schema>) {
    let given = new.pointer("/metadata/managedFields").cloned();
    let live = || Managed::decode(old.and_then(|old| old.pointer("/metadata/managedFields")));
    let mut managed = match &given {
        _ if write.subresource.is_some() => live(),
        Some(given) if is_reset(given) => Managed::default(),
        given => Some(Managed::decode(given.as_ref()))
            .filter(|managed| !managed.is_empty())
            .unwrap_or_else(live),
    };
    remove_managed_fields(new);
    // An object whose fields nobody managed before is not tracked from its middle on.
    if old.is_none() || !managed.is_empty() {
        let empty = empty_object(new, schema);
        let mut before = old.cloned().unwrap_or(empty);
        remove_managed_fields(&mut before);
        update(&mut managed, &before, new, write, schema);
        managed.cap();
    }
    set_managed_fields(new, &managed);
}

/// What an object is compared with when it is created. Go's built-in types have their struct fields even when empty.
fn empty_object(new: &Value, schema: Option<&Schema>) -> Value {
    let mut empty = json!({});
    if schema.is_none_or(Schema::is_built_in) {
        let structs = [
            "/metadata",
            "/spec",
            "/status",
            "/spec/template",
            "/spec/template/metadata",
            "/spec/template/spec",
            "/spec/names",
            "/spec/strategy",
            "/spec/updateStrategy",
            "/spec/resources",
            "/spec/scaleTargetRef",
            "/spec/priorityLevelConfiguration",
            "/status/nodeInfo",
            "/status/daemonEndpoints",
            "/status/daemonEndpoints/kubeletEndpoint",
            "/status/loadBalancer",
            "/template",
            "/template/metadata",
            "/template/spec",
            "/roleRef",
            "/involvedObject",
            "/source",
            "/regarding",
            "/deprecatedSource",
        ];
        for path in structs {
            // A ReplicationController may have no template: what it points to is not there before.
            if path.starts_with("/spec/template") && new["kind"] == "ReplicationController" {
                continue;
            }
            let (parent, name) = path.rsplit_once('/').unwrap_or_default();
            if new.pointer(path).is_some_and(Value::is_object)
                && let Some(parent) = empty.pointer_mut(parent)
            {
                parent[name] = json!({});
            }
        }
        // Lists that Go writes even where there is nothing in them.
        for (path, list) in [
            ("/spec", "containers"),
            ("/spec/template/spec", "containers"),
            ("/template/spec", "containers"),
            ("/spec", "drivers"),
        ] {
            if let Some(spec) = empty.pointer_mut(path)
                && new.pointer(&format!("{path}/{list}")).is_some()
            {
                spec[list] = json!([]);
            }
        }
        if new.get("rules").is_some_and(Value::is_null) {
            empty["rules"] = Value::Null;
        }
    }
    empty
}

/// Takes the changed fields from everybody else and gives them to the writer.
fn update(
    managed: &mut Managed,
    before: &Value,
    after: &Value,
    write: &Write,
    schema: Option<&Schema>,
) {
    let changes = typed::compare(Type::root(schema), before, after);
    let removed = write.only_writable(&changes.removed);
    let touched = write.only_writable(&changes.modified.union(&changes.added));
    for entry in managed.entries.values_mut() {
        entry.set = entry.set.difference(&touched).difference(&removed);
    }
    managed.drop_empty();
    let own = strip_metadata(&touched);
    if !own.is_empty() {
        let entry = managed
            .entries
            .entry(write.manager(false))
            .or_insert_with(|| Entry::new(&write.api_version));
        entry.set = entry.set.union(&own);
        // Of a write through `/scale` kube-apiserver does not note when it was.
        let is_scale = write.subresource.as_deref() == Some("scale");
        entry.time = (!is_scale).then_some(write.time);
    }
}

/// Merges an intent into an object, which is created where there is none. With `force`, fields that others manage
/// are taken over; without, they are conflicts.
///
/// The answer carries its `managedFields`. An intent that changes nothing gives the object as it was.
pub fn apply(
    live: Option<&Value>,
    intent: &Value,
    write: &Write,
    force: bool,
    schema: Option<&Schema>,
) -> Result<Value, StatusError> {
    if intent
        .pointer("/metadata/managedFields")
        .is_some_and(|fields| !fields.is_null())
    {
        return Err(StatusError::bad_request(
            "metadata.managedFields must be nil",
        ));
    }
    let root = Type::root(schema);
    if let Some(why) = typed::faults(root, intent) {
        let message = format!(
            "failed to create typed patch object ({}): {why}",
            describe(intent)
        );
        return Err(StatusError::other(500, "", message));
    }
    let mut managed =
        Managed::decode(live.and_then(|live| live.pointer("/metadata/managedFields")));
    let mut before = live
        .cloned()
        .unwrap_or_else(|| empty_object(intent, schema));
    remove_managed_fields(&mut before);
    if managed.is_empty()
        && let Some(live) = live
    {
        // Fields that were there before the first apply belong to whoever set them.
        let first = Write {
            manager: "before-first-apply".to_owned(),
            ..write.clone()
        };
        update(
            &mut managed,
            &empty_object(live, schema),
            &before,
            &first,
            schema,
        );
    }
    let (merged, mut managed) = match merge(root, &before, intent, &managed, write, force) {
        Err(conflicts)
            if write.manager == "kubectl" && conflicts_of_kubectl(root, &before, &conflicts) =>
        {
            merge(root, &before, intent, &managed, write, true)
                .map_err(|conflicts| refuse(&conflicts))?
        }
        outcome => outcome.map_err(|conflicts| refuse(&conflicts))?,
    };
    let mut after = merged;
    let applier = write.manager(true);
    if let Some(entry) = managed.entries.get_mut(&applier) {
        entry.set = strip_metadata(&entry.set);
        if after != before {
            entry.time = Some(write.time);
        }
    }
    managed.drop_empty();
    if write.manager == "kubectl" && after["metadata"]["annotations"].get(LAST_APPLIED).is_some() {
        after["metadata"]["annotations"][LAST_APPLIED] = last_applied(intent).into();
    }
    set_managed_fields(&mut after, &managed);
    Ok(after)
}

/// Fields that somebody else manages, by manager.
type Conflicts = BTreeMap<Manager, FieldSet>;

fn merge(
    root: Type,
    before: &Value,
    intent: &Value,
    managed: &Managed,
    write: &Write,
    force: bool,
) -> Result<(Value, Managed), Conflicts> {
    let applier = write.manager(true);
    let mut managed = managed.clone();
    let last = managed.entries.get(&applier).map(|entry| entry.set.clone());
    let mut entry = managed
        .entries
        .remove(&applier)
        .unwrap_or_else(|| Entry::new(&write.api_version));
    entry.set = write.only_writable(&typed::field_set(root, intent));
    entry.api_version.clone_from(&write.api_version);
    managed.entries.insert(applier.clone(), entry);
    let merged = typed::merge(root, before, intent);
    let after = prune(root, merged, &managed, last.as_ref());

    let changes = typed::compare(root, before, &after);
    let touched = write.only_writable(&changes.modified.union(&changes.added));
    let removed = write.only_writable(&changes.removed);
    let others = || {
        managed
            .entries
            .iter()
            .filter(|(other, _)| **other != applier)
    };
    let conflicts: Conflicts = others()
        .map(|(other, entry)| (other.clone(), entry.set.intersection(&touched)))
        .filter(|(_, set)| !set.is_empty())
        .collect();
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    for (other, entry) in &mut managed.entries {
        if *other != applier {
            entry.set = entry.set.difference(&touched).difference(&removed);
        }
    }
    Ok((after, managed))
}

/// Removes what the manager applied last time and not this time, unless somebody else manages it.
fn prune(root: Type, merged: Value, managed: &Managed, last: Option<&FieldSet>) -> Value {
    let Some(last) = last.filter(|last| !last.is_empty()) else {
        return merged;
    };
    let named = |set: &FieldSet| typed::with_named_parents(root, set);
    let last = named(last);
    let pruned = typed::remove(root, &merged, &last);
    let owned = managed
        .entries
        .values()
        .fold(FieldSet::default(), |all, entry| all.union(&entry.set));
    let all = named(&typed::field_set(root, &merged));
    let kept = named(&typed::field_set(root, &pruned)).union(&named(&owned));
    let pruned = typed::remove(root, &merged, &all.difference(&kept));
    let left = named(&typed::field_set(root, &pruned));
    typed::remove(root, &merged, &all.difference(&left).intersection(&last))
}

fn refuse(conflicts: &Conflicts) -> StatusError {
    let named: Vec<(String, Vec<String>)> = conflicts
        .iter()
        .map(|(manager, set)| (manager.in_conflict(), set.paths()))
        .collect();
    let count: usize = named.iter().map(|(_, paths)| paths.len()).sum();
    let message = match named.as_slice() {
        [(manager, paths)] if count == 1 => {
            format!(
                "Apply failed with 1 conflict: conflict with {manager}: {}",
                paths.concat()
            )
        }
        many => {
            let lines: Vec<String> = many
                .iter()
                .flat_map(|(manager, paths)| {
                    let head = format!("conflicts with {manager}:");
                    std::iter::once(head).chain(paths.iter().map(|path| format!("- {path}")))
                })
                .collect();
            format!("Apply failed with {count} conflicts: {}", lines.join("\n"))
        }
    };
    let causes: Vec<Value> = named
        .iter()
        .flat_map(|(manager, paths)| {
            paths.iter().map(move |path| {
                json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": path})
            })
        })
        .collect();
    StatusError::other(409, "Conflict", message).with_details(json!({"causes": causes}))
}

/// May kubectl take these fields, because it set them itself by client-side apply?
fn conflicts_of_kubectl(root: Type, live: &Value, conflicts: &Conflicts) -> bool {
    let annotation = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let Some(last) = annotation.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return false;
    };
    let annotation_itself = FieldSet::path(&["metadata", "annotations", LAST_APPLIED]);
    let set = typed::field_set(root, &last);
    let unchanged = set
        .difference(&typed::compare(root, &last, live).modified)
        .union(&annotation_itself);
    conflicts
        .values()
        .all(|conflict| conflict.difference(&unchanged).is_empty())
}

/// What client-side apply would have noted of this intent.
fn last_applied(intent: &Value) -> String {
    let mut intent = intent.clone();
    if let Some(annotations) = intent
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED);
    }
    format!("{intent}\n")
}

/// Nobody manages what is the server's own: type, names, and what the server fills in.
fn strip_metadata(set: &FieldSet) -> FieldSet {
    let own = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let mut stripped = FieldSet::default();
    for name in ["apiVersion", "kind", "metadata"] {
        stripped = stripped.union(&FieldSet::path(&[name]));
    }
    for name in own {
        stripped = stripped.union(&FieldSet::path(&["metadata", name]));
    }
    set.difference(&stripped)
}

/// An empty list, or a list of one empty entry, asks for the bookkeeping to be forgotten.
fn is_reset(fields: &Value) -> bool {
    match fields.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([one]) => *one == json!({}),
        Some(_) | None => false,
    }
}

fn remove_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

fn set_managed_fields(object: &mut Value, managed: &Managed) {
    if !managed.is_empty() {
        object["metadata"]["managedFields"] = managed.encode();
    }
}

/// `namespace/name; group/version, Kind=Kind`, as messages name an object.
fn describe(object: &Value) -> String {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    format!(
        "{}/{}; {}",
        text("/metadata/namespace"),
        text("/metadata/name"),
        go_format::kind_of(object)
    )
}

/// A scalar as paths show it.
fn shown(value: &Value) -> String {
    go_format::value(value)
}

#[cfg(test)]
mod tests;
