//! Create: from a POST, and where an update or an apply finds nothing to change.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, decode, rehearsal::Judged};
use crate::{
    access::admission::Operation,
    endpoint::strategy::{self, Part},
    kind::{defaults, view},
    object::{
        metadata::{is_deleting, text},
        name,
    },
    presentation::answer::Answer,
    status_error::StatusError,
    store::Writer,
};

/// Kubernetes gives up on a generated name after this many collisions.
const NAME_ATTEMPTS: usize = 8;

/// Creates what the body holds.
pub fn create(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let mut object = call.body.object(&call.resource)?;
    decode::check_kind(&call.resource, &mut object)?;
    decode::clean(call, &mut object, decode::Origin::Body)?;
    let writer = call.writer();
    create_object(call, &writer, object, true)
}

/// Creates a cleaned object. `record`: note the fields for the manager; an apply has done so already.
pub fn create_object(
    call: &mut Call<'_>,
    writer: &Writer<'_>,
    mut object: Value,
    record: bool,
) -> Result<Answer, StatusError> {
    decode::place(call, &mut object)?;
    check_namespace(call, &object)?;
    check_definition(call, &object)?;
    call.check_grant(&object, None)?;
    if !text(&object["metadata"], "resourceVersion").is_empty() {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(StatusError::other(500, "", message));
    }
    let uid = call
        .rehearsal
        .uid
        .get_or_insert_with(|| Uuid::new_v4().to_string());
    let uid = uid.clone();
    strategy::prepare_create(&call.resource, &mut object, &uid, call.now);
    if call.resource.is_approved() {
        strategy::note_requester(&mut object, call.identity);
    }
    let name = choose_name(call, &mut object);
    if record {
        call.record(None, &mut object);
    }
    Call::check_depth(&object)?;
    // What the API server itself adds belongs to no manager.
    defaults::complete_new(&call.resource, &mut object);
    call.judge(&Judged {
        operation: Operation::Create,
        part: Part::Main,
        name: &name,
        new: Some(&object),
        old: None,
    })?;
    let charges = call.charges(Operation::Create, &name, &object, None)?;
    let id = call.id_of(&name);
    if let Some(found) = call.core.store.get(&id.collection, &id.key) {
        let mut error = StatusError::already_exists(&call.resource, &name);
        if !text(&object["metadata"], "generateName").is_empty() {
            error
                .message
                .push_str(", the server was not able to generate a unique name for the object");
            if let Some(details) = &mut error.details {
                details["retryAfterSeconds"] = 1.into();
            }
        }
        if is_deleting(&found) {
            error.message = format!("object is being deleted: {}", error.message);
        }
        return Err(error);
    }
    let object = if call.query.dry_run {
        Arc::new(object)
    } else {
        call.core.charge(writer, charges, call.now);
        let stored = writer.put(&id, view::stored(&call.resource, object));
        call.core.after_write(writer, &id, Some(&stored), call.now);
        view::of(&call.resource, &stored)
    };
    Ok(Answer::Object {
        code: 201,
        resource: call.resource.clone(),
        object,
    })
}

/// The object's name, made up from `generateName` where it has none.
fn choose_name(call: &mut Call<'_>, object: &mut Value) -> String {
    let given = text(&object["metadata"], "name");
    let base = text(&object["metadata"], "generateName");
    if !given.is_empty() || base.is_empty() {
        return given.to_owned();
    }
    let known = call.rehearsal.name.take();
    let mut name = known.unwrap_or_else(|| name::generate(base));
    for _ in 1..NAME_ATTEMPTS {
        let id = call.id_of(&name);
        if call.core.store.get(&id.collection, &id.key).is_none() {
            break;
        }
        name = name::generate(base);
    }
    object["metadata"]["name"] = name.as_str().into();
    call.rehearsal.name = Some(name.clone());
    name
}

/// Objects are only created in a namespace that is there and stays (admission plugin NamespaceLifecycle).
fn check_namespace(call: &Call<'_>, object: &Value) -> Result<(), StatusError> {
    if !call.resource.namespaced {
        return Ok(());
    }
    let namespace = text(&object["metadata"], "namespace");
    let found = call.core.namespace(namespace);
    let Some(found) = found else {
        let registry = call.core.registry();
        let namespaces = registry.find("", "v1", "namespaces");
        return Err(
            namespaces.map_or_else(StatusError::no_such_path, |namespaces| {
                StatusError::not_found(namespaces, namespace)
            }),
        );
    };
    if is_deleting(&found) {
        let name = text(&object["metadata"], "name");
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        let error = StatusError::forbidden(&call.resource, name, &why);
        let mut details = error.details.clone().unwrap_or_default();
        details["causes"] = json!([{
            "reason": "NamespaceTerminating", "field": "metadata.namespace",
            "message": format!("namespace {namespace} is being terminated"),
        }]);
        return Err(error.with_details(details));
    }
    Ok(())
}

/// No new objects of a kind whose definition is being deleted.
fn check_definition(call: &Call<'_>, object: &Value) -> Result<(), StatusError> {
    if !call.resource.custom {
        return Ok(());
    }
    let definition = call.core.definition_of(&call.resource);
    if definition.is_some_and(|definition| is_deleting(&definition)) {
        let why = "create not allowed while custom resource definition is terminating";
        let name = text(&object["metadata"], "name");
        return Err(StatusError::forbidden(&call.resource, name, why));
    }
    Ok(())
}
