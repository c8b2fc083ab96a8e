//! Delete: one object or a collection, at once or marked for those who have to finish something first.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Call, rehearsal::Judged};
use crate::{
    access::admission::Operation,
    endpoint::strategy::{self, Part},
    kind::{definition, resource::ResourceType, view},
    object::{
        field_error,
        metadata::{self, is_deleting, text},
    },
    presentation::answer::Answer,
    request::{
        query::{self, unsupported},
        selection::Selection,
    },
    status_error::StatusError,
    store::{GroupResource, Writer},
};

/// Kept until all dependents are gone.
pub const FOREGROUND: &str = "foregroundDeletion";
/// Kept until no dependent names it as owner any more.
pub const ORPHAN: &str = "orphan";
/// Kubernetes can not do without these.
const PROTECTED_NAMESPACES: [&str; 3] = ["default", "kube-system", "kube-public"];

/// What becomes of the dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// `DeleteOptions`.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    pub propagation: Option<Propagation>,
    pub grace_seconds: Option<i64>,
    /// Preconditions.
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

impl Deletion {
    /// Reads the body, or the query where there is none; `dryRun` of the body goes to the call's query.
    fn read(call: &mut Call<'_>) -> Result<Self, StatusError> {
        let body = call.body.delete_options()?;
        if body.is_some() {
            call.query.delete_options = Value::Null;
            call.query.dry_run = call.rehearsal.is_on();
            call.rehearsal.asked = false;
        }
        Self::of(call, &body.unwrap_or_default())
    }

    /// Reads options that came in another body, and the query.
    pub(super) fn of(call: &mut Call<'_>, given: &Value) -> Result<Self, StatusError> {
        let given = Some(given.clone()).filter(Value::is_object);
        let options = call.query.merged_delete_options(given);
        for value in options["dryRun"].as_array().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let is_dry = query::dry_run(value, "DeleteOptions")?;
            call.query.dry_run |= is_dry;
            call.rehearsal.asked |= is_dry;
        }
        let owned = |value: &Value| value.as_str().map(str::to_owned);
        let preconditions = &options["preconditions"];
        Ok(Self {
            propagation: propagation(&options)?,
            grace_seconds: options["gracePeriodSeconds"].as_i64(),
            uid: owned(&preconditions["uid"]),
            resource_version: owned(&preconditions["resourceVersion"]),
        })
    }
}

fn propagation(options: &Value) -> Result<Option<Propagation>, StatusError> {
    let policy = &options["propagationPolicy"];
    if policy.is_string() && options["orphanDependents"].is_boolean() {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        let cause = field_error::invalid("propagationPolicy", policy, why);
        return Err(StatusError::invalid(
            "meta.k8s.io",
            "DeleteOptions",
            "",
            &[cause],
        ));
    }
    let named = match policy.as_str() {
        None | Some("") => None,
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Orphan") => Some(Propagation::Orphan),
        Some(_) => {
            let supported = ["Foreground", "Background", "Orphan", "nil"];
            return Err(unsupported(
                "DeleteOptions",
                "propagationPolicy",
                policy,
                &supported,
            ));
        }
    };
    // The older spelling.
    let orphaning = options["orphanDependents"].as_bool();
    Ok(named.or(match orphaning {
        Some(true) => Some(Propagation::Orphan),
        Some(false) => Some(Propagation::Background),
        None => None,
    }))
}

/// Deletes the object that the path names.
pub fn delete(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let deletion = Deletion::read(call)?;
    let writer = call.writer();
    let (object, gone) = delete_one(call, &writer, &deletion)?;
    if !gone || strategy::returns_deleted(&call.resource) {
        let shown = view::of(&call.resource, &object);
        return Ok(Answer::object(&call.resource, shown));
    }
    let resource = &call.resource;
    let mut details = json!({
        "name": call.path.name, "kind": resource.plural, "uid": object["metadata"]["uid"],
    });
    if !resource.group.is_empty() {
        details["group"] = resource.group.as_str().into();
    }
    Ok(Answer::Document {
        code: 200,
        document: json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        }),
    })
}

/// Deletes every object that a list would show.
pub fn delete_collection(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let deletion = Deletion::read(call)?;
    let selection = Selection::new(&call.resource, &call.path, &call.query)?;
    let core = call.core;
    let collection = GroupResource::of(&call.resource);
    let writer = core.store.write();
    let snapshot = core.store.now(&collection, &selection.prefix);
    let place = call.path.clone();
    let mut deleted = Vec::new();
    for (_, stored) in snapshot.objects {
        let shown = selection.view(&stored);
        if !selection.matches(&shown) {
            continue;
        }
        let metadata = &stored["metadata"];
        call.path.name = Some(text(metadata, "name").to_owned());
        if call.resource.namespaced {
            call.path.namespace = Some(text(metadata, "namespace").to_owned());
        }
        delete_one(call, &writer, &deletion)?;
        deleted.push(shown);
    }
    call.path = place;
    Ok(Answer::List {
        resource: call.resource.clone(),
        objects: deleted,
        metadata: json!({"resourceVersion": core.store.version().to_string(), "continue": ""}),
    })
}

/// Deletes or marks the object that the call's path names. Returns it with whether it is gone.
pub fn delete_one(
    call: &mut Call<'_>,
    writer: &Writer<'_>,
    deletion: &Deletion,
) -> Result<(Arc<Value>, bool), StatusError> {
    let stored = call.existing()?;
    let id = call.id();
    check_preconditions(&call.resource, &stored, deletion)?;
    let is_namespace = call.resource.storage_key() == ("", "namespaces");
    if is_namespace && PROTECTED_NAMESPACES.contains(&id.name()) {
        let why = "this namespace may not be deleted";
        return Err(StatusError::forbidden(&call.resource, id.name(), why));
    }
    let old = view::of(&call.resource, &stored);
    call.judge(&Judged {
        operation: Operation::Delete,
        part: Part::Main,
        name: id.name(),
        new: None,
        old: Some(&old),
    })?;

    let mut marked = Value::clone(&stored);
    let stays = if is_namespace {
        mark_namespace(&mut marked, call)
    } else if definition::is_definition(&call.resource) {
        mark_definition(&mut marked, call)
    } else {
        mark(&mut marked, call, deletion)
    };
    if stays {
        if marked == *stored {
            return Ok((stored, false));
        }
        if call.query.dry_run {
            return Ok((Arc::new(marked), false));
        }
        let marked = writer.put(&id, marked);
        call.core.after_write(writer, &id, Some(&marked), call.now);
        return Ok((marked, false));
    }
    if !call.query.dry_run {
        writer.remove(&id);
        call.core.after_write(writer, &id, None, call.now);
    }
    let is_pod = call.resource.storage_key() == ("", "pods");
    Ok((if is_pod { Arc::new(marked) } else { stored }, true))
}

fn check_preconditions(
    resource: &ResourceType,
    stored: &Value,
    deletion: &Deletion,
) -> Result<(), StatusError> {
    let metadata = &stored["metadata"];
    let conflict = |why: String| {
        // The API server names the kind here, not the resource.
        let by_kind = ResourceType {
            plural: resource.kind.clone(),
            ..resource.clone()
        };
        Err(StatusError::conflict(
            &by_kind,
            text(metadata, "name"),
            &why,
        ))
    };
    let uid = text(metadata, "uid");
    if let Some(wanted) = deletion.uid.as_deref().filter(|wanted| *wanted != uid) {
        return conflict(format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        ));
    }
    let version = text(metadata, "resourceVersion");
    let wanted = deletion.resource_version.as_deref();
    if let Some(wanted) = wanted.filter(|wanted| *wanted != version) {
        return conflict(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        ));
    }
    Ok(())
}

/// A namespace stays until its contents are gone.
fn mark_namespace(object: &mut Value, call: &Call<'_>) -> bool {
    if !is_deleting(object) {
        object["metadata"]["deletionTimestamp"] = strategy::seconds(call.now).into();
    }
    object["status"]["phase"] = "Terminating".into();
    true
}

/// A definition stays until its objects are gone.
fn mark_definition(object: &mut Value, call: &Call<'_>) -> bool {
    let now = strategy::seconds(call.now);
    if is_deleting(object) {
        return true;
    }
    object["metadata"]["deletionTimestamp"] = now.as_str().into();
    add_finalizer(object, definition::FINALIZER);
    definition::terminate(object, &now);
    true
}

/// Marks any other object, if something has to happen before it can go. Returns whether it stays.
fn mark(object: &mut Value, call: &Call<'_>, deletion: &Deletion) -> bool {
    let usual = strategy::orphans(&call.resource).then_some(Propagation::Orphan);
    set_finalizers(object, deletion.propagation.or(usual));
    let held = metadata::strings(&object["metadata"], "finalizers")
        .next()
        .is_some();
    let usual = strategy::grace_seconds(&call.resource, object);
    let grace = usual.map_or(0, |usual| match deletion.grace_seconds {
        Some(seconds) if seconds < 0 => 1,
        Some(seconds) => seconds,
        None => usual,
    });
    let is_pod = call.resource.storage_key() == ("", "pods");
    let metadata = &mut object["metadata"];
    if metadata["deletionTimestamp"].is_null() {
        // The last that is seen of a pod is that its time is over.
        if grace == 0 && !held && !is_pod {
            return false;
        }
        if let Some(generation) = metadata["generation"].as_i64() {
            metadata["generation"] = (generation + 1).into();
        }
    } else {
        // A second delete can only shorten the first.
        let before = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        let asked = deletion.grace_seconds.is_some();
        if grace == 0 && !held && (before == 0 || asked || usual.is_none()) {
            metadata["deletionGracePeriodSeconds"] = 0.into();
            return false;
        }
        if !asked || grace >= before {
            return true;
        }
    }
    let end = call.now + SignedDuration::from_secs(grace);
    metadata["deletionTimestamp"] = strategy::seconds(end).into();
    metadata["deletionGracePeriodSeconds"] = grace.into();
    grace > 0 || held
}

/// Records in the finalizers what is to become of the dependents.
fn set_finalizers(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else {
        return;
    };
    for finalizer in [FOREGROUND, ORPHAN] {
        remove_finalizer(object, finalizer);
    }
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => add_finalizer(object, FOREGROUND),
        Propagation::Orphan => add_finalizer(object, ORPHAN),
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let metadata = &mut object["metadata"];
    match metadata["finalizers"].as_array_mut() {
        Some(finalizers) if finalizers.iter().any(|one| one == finalizer) => {}
        Some(finalizers) => finalizers.push(finalizer.into()),
        None => metadata["finalizers"] = json!([finalizer]),
    }
}

/// Removes one finalizer; the list goes with its last item.
pub fn remove_finalizer(object: &mut Value, finalizer: &str) {
    let metadata = &mut object["metadata"];
    let kept: Vec<Value> = metadata::strings(metadata, "finalizers")
        .filter(|one| *one != finalizer)
        .map(Value::from)
        .collect();
    let kept = (!kept.is_empty()).then_some(Value::Array(kept));
    strategy::set_or_remove(metadata, "finalizers", kept);
}
