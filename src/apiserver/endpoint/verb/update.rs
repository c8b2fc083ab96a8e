//! Update (PUT), and what every change of an object goes through before it is stored.

use std::sync::Arc;

use serde_json::Value;

use super::{Call, create, decode, rehearsal::Judged};
use crate::{
    access::admission::Operation,
    endpoint::strategy::{self, Part},
    kind::{resource::ResourceType, view},
    object::{
        field_error::FieldError,
        metadata::{self, is_deleting, text},
    },
    presentation::answer::Answer,
    status_error::StatusError,
    store::{ObjectId, Writer},
};

/// Replaces an object, or its status, by what the body holds.
pub fn update(call: &mut Call<'_>, part: Part) -> Result<Answer, StatusError> {
    let mut new = call.body.object(&call.resource)?;
    decode::check_kind(&call.resource, &mut new)?;
    decode::clean(call, &mut new, decode::Origin::Body)?;
    decode::place(call, &mut new)?;
    check_name(call, &new)?;
    let writer = call.writer();
    let stored = match call.existing() {
        Ok(stored) => stored,
        Err(_) if part == Part::Main && strategy::creates_on_update(&call.resource) => {
            check_uid(call, &new, &Value::Null)?;
            if let Some(metadata) = new["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            return create::create_object(call, &writer, new, true);
        }
        Err(error) => return Err(error),
    };
    check_uid(call, &new, &stored)?;
    let object = commit(call, &writer, part, &stored, new, Recorded::No)?;
    Ok(Answer::object(&call.resource, object))
}

/// Does the object have the name that the path has?
pub fn check_name(call: &Call<'_>, object: &Value) -> Result<(), StatusError> {
    let given = text(&object["metadata"], "name");
    let name = call.path.name.as_deref().unwrap_or_default();
    let why = match given {
        "" => format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ),
        same if same == name => return Ok(()),
        other => {
            format!("the name of the object ({other}) does not match the name on the URL ({name})")
        }
    };
    Err(StatusError::bad_request(why))
}

/// A uid in the body is a precondition: another object of the same name is not meant.
pub fn check_uid(call: &Call<'_>, new: &Value, old: &Value) -> Result<(), StatusError> {
    let (wanted, found) = (text(&new["metadata"], "uid"), text(&old["metadata"], "uid"));
    if wanted.is_empty() || wanted == found {
        return Ok(());
    }
    let id = call.id();
    let folder = folder(&call.resource);
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{folder}/{}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}",
        id.key
    );
    Err(StatusError::conflict(&call.resource, id.name(), &why))
}

/// Where etcd has a resource, below `/registry`.
fn folder(resource: &ResourceType) -> String {
    let (group, plural) = resource.storage_key();
    match (group, plural) {
        ("", "endpoints" | "services") => format!(
            "services/{}",
            if plural == "services" {
                "specs"
            } else {
                plural
            }
        ),
        ("", "nodes") => "minions".to_owned(),
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        ("apiextensions.k8s.io" | "apiregistration.k8s.io", _) => format!("{group}/{plural}"),
        _ if resource.custom => format!("{group}/{plural}"),
        _ => plural.to_owned(),
    }
}

/// Has the change been noted in `managedFields` already?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// By an apply.
    Yes,
    No,
}

/// Stores a change: the new object is completed, validated, admitted, and written where it differs. Returns what the
/// client sees.
pub fn commit(
    call: &mut Call<'_>,
    writer: &Writer<'_>,
    part: Part,
    stored: &Arc<Value>,
    mut new: Value,
    recorded: Recorded,
) -> Result<Arc<Value>, StatusError> {
    let resource = call.resource.clone();
    let id = call.id();
    let old = view::of(&resource, stored);
    call.check_grant(&new, Some(&old))?;
    check_version(call, &new, &old)?;
    strategy::prepare_update(&resource, part, &mut new, &old);
    if recorded == Recorded::No {
        call.record(Some(&old), &mut new);
    }
    Call::check_depth(&new)?;
    call.judge(&Judged {
        operation: Operation::Update,
        part,
        name: id.name(),
        new: Some(&new),
        old: Some(&old),
    })?;
    let charges = call.charges(Operation::Update, id.name(), &new, Some(&old))?;
    if strategy::is_same(&new, &old) {
        return Ok(old);
    }
    if call.query.dry_run {
        return Ok(Arc::new(new));
    }
    if is_finished(&resource, &new) {
        remove(call, writer, &id);
        return Ok(Arc::new(new));
    }
    call.core.charge(writer, charges, call.now);
    let stored = writer.put(&id, view::stored(&resource, new));
    call.core.after_write(writer, &id, Some(&stored), call.now);
    Ok(view::of(&resource, &stored))
}

/// Takes an object away and lets the core know.
fn remove(call: &Call<'_>, writer: &Writer<'_>, id: &ObjectId) {
    writer.remove(id);
    call.core.after_write(writer, id, None, call.now);
}

/// Is it being deleted, with nothing left that keeps it? (Namespaces are kept until they are empty.)
fn is_finished(resource: &ResourceType, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let waits = metadata["deletionGracePeriodSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds > 0);
    let held = metadata::strings(metadata, "finalizers").next().is_some();
    is_deleting(object) && !held && !waits && resource.storage_key() != ("", "namespaces")
}

/// Optimistic locking.
fn check_version(call: &Call<'_>, new: &Value, old: &Value) -> Result<(), StatusError> {
    let resource = &call.resource;
    let name = text(&old["metadata"], "name");
    let given = text(&new["metadata"], "resourceVersion");
    if given.is_empty() && !strategy::allows_blind_update(resource) {
        let cause = FieldError {
            reason: "FieldValueInvalid",
            message: "Invalid value: 0: must be specified for an update".to_owned(),
            field: "metadata.resourceVersion".to_owned(),
        };
        return Err(StatusError::invalid(
            &resource.group,
            &resource.plural,
            name,
            &[cause],
        ));
    }
    if !given.is_empty() && given.parse::<u64>().is_err() {
        let why = format!("strconv.ParseUint: parsing {given:?}: invalid syntax");
        return Err(StatusError::other(500, "", why));
    }
    if !given.is_empty() && given != text(&old["metadata"], "resourceVersion") {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(StatusError::conflict(resource, name, why));
    }
    Ok(())
}

/// Changes the object that the call's path names; nothing where it is gone.
pub fn edit(call: &mut Call<'_>, change: impl FnOnce(&mut Value)) -> Result<(), StatusError> {
    let core = call.core;
    let writer = core.store.write();
    let stored = call.existing()?;
    let mut new = Value::clone(&view::of(&call.resource, &stored));
    change(&mut new);
    commit(call, &writer, Part::Main, &stored, new, Recorded::No).map(drop)
}
