//! The finalize subresource of namespaces: the only way to change what a namespace waits for once it is empty.

use serde_json::Value;

use super::{Call, decode, update};
use crate::{
    endpoint::strategy::{self, Part},
    kind::resource::ResourceType,
    presentation::answer::Answer,
    status_error::StatusError,
};

/// Has the resource this subresource?
pub fn is_finalized(resource: &ResourceType) -> bool {
    resource.storage_key() == ("", "namespaces")
}

pub fn update(call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let mut wanted = call.body.object(&call.resource)?;
    decode::check_kind(&call.resource, &mut wanted)?;
    decode::clean(call, &mut wanted, decode::Origin::Body)?;
    update::check_name(call, &wanted)?;
    let core = call.core;
    let writer = core.store.write();
    let stored = call.existing()?;
    update::check_uid(call, &wanted, &stored)?;
    let mut new = Value::clone(&stored);
    // It is an update: the metadata that clients may set are those of the request.
    for (part, field) in [
        ("spec", "finalizers"),
        ("metadata", "resourceVersion"),
        ("metadata", "labels"),
        ("metadata", "annotations"),
        ("metadata", "finalizers"),
        ("metadata", "ownerReferences"),
    ] {
        let given = wanted[part].get(field).cloned();
        strategy::set_or_remove(&mut new[part], field, given);
    }
    let object = update::commit(
        call,
        &writer,
        Part::Finalizers,
        &stored,
        new,
        update::Recorded::No,
    )?;
    Ok(Answer::object(&call.resource, object))
}
