//! Patch, in its four media types.

use serde_json::Value;

use super::{
    Call, create,
    decode::{self, Origin},
    update::{self, Recorded},
};
use crate::{
    endpoint::{
        patch::{self, PatchFault},
        strategy::Part,
    },
    kind::view,
    object::{
        field_error::FieldError,
        go_format,
        metadata::{self, text},
    },
    presentation::answer::Answer,
    request::query::FieldValidation,
    status_error::StatusError,
};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Changes an object, or its status, as the body says.
pub fn patch(call: &mut Call<'_>, part: Part) -> Result<Answer, StatusError> {
    let media_type = call.body.media_type.clone();
    match media_type.as_str() {
        APPLY => apply(call, part),
        JSON | MERGE => change(call, part),
        STRATEGIC if !call.resource.custom => change(call, part),
        _ if call.resource.custom => {
            let accepted = [JSON, MERGE, APPLY].join(", ");
            Err(StatusError::unsupported_media_type(&accepted))
        }
        // No route of a built-in resource takes it.
        _ => Err(
            StatusError::other(415, "UnsupportedMediaType", "415: Unsupported Media Type")
                .with_details(serde_json::json!({})),
        ),
    }
}

fn change(call: &mut Call<'_>, part: Part) -> Result<Answer, StatusError> {
    if call.query.force {
        return Err(option_fault(
            "FieldValueForbidden",
            "force",
            "Forbidden: may not be specified for non-apply patch",
        ));
    }
    let patch = read(call)?;
    let writer = call.writer();
    let stored = call.existing()?;
    let old = view::of(&call.resource, &stored);
    let mut new = patched(call, &old, &patch)?;
    decode::check_kind(&call.resource, &mut new)?;
    let origin = match call.body.media_type.as_str() {
        STRATEGIC => Origin::Merged(&patch),
        _ => Origin::Patched,
    };
    decode::clean(call, &mut new, origin)?;
    decode::place(call, &mut new)?;
    update::check_name(call, &new)?;
    let object = update::commit(call, &writer, part, &stored, new, Recorded::No)?;
    Ok(Answer::object(&call.resource, object))
}

/// The patch in the body.
pub fn read(call: &Call<'_>) -> Result<Value, StatusError> {
    let patch = call.body.patch_text();
    patch.map_err(|why| refuse(call, PatchFault::Malformed(why)))
}

/// The object with the patch on it.
pub fn patched(call: &Call<'_>, old: &Value, patch: &Value) -> Result<Value, StatusError> {
    let result = match call.body.media_type.as_str() {
        JSON => patch::json(old, patch),
        MERGE => patch::merge(old, patch),
        _ => patch::strategic(old, patch, call.resource.shape()),
    };
    result.map_err(|fault| refuse(call, fault))
}

fn refuse(call: &Call<'_>, fault: PatchFault) -> StatusError {
    match fault {
        PatchFault::Malformed(why) if call.body.media_type == STRATEGIC => {
            StatusError::bad_request(why)
        }
        PatchFault::Malformed(why) => {
            StatusError::bad_request(format!("error decoding patch: {why}"))
        }
        PatchFault::DoesNotFit => StatusError::other(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
        )
        .with_details(serde_json::json!({})),
        PatchFault::TooLong(operations) => StatusError::other(
            413,
            "RequestEntityTooLarge",
            format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is {}, got {operations}",
                patch::MOST_OPERATIONS
            ),
        ),
        PatchFault::Misdirected(why) => StatusError::bad_request(why),
        PatchFault::Stumbled(why) => StatusError::other(500, "", why),
    }
}

/// Server-side apply.
fn apply(call: &mut Call<'_>, part: Part) -> Result<Answer, StatusError> {
    if call.query.field_manager.is_none() {
        return Err(option_fault(
            "FieldValueRequired",
            "fieldManager",
            "Required value: is required for apply patch",
        ));
    }
    let text_of_patch = call.body.patch_text();
    let mut intent = text_of_patch
        .map_err(|why| StatusError::bad_request(format!("error decoding YAML: {why}")))?;
    if intent.is_null() {
        intent = serde_json::json!({});
    }
    if !intent.is_object() {
        return Err(StatusError::bad_request(format!(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value \
             of type map[string]interface {{}}",
            metadata::go_word(&intent)
        )));
    }
    let expected = (call.resource.api_version(), call.resource.kind.as_str());
    if (text(&intent, "apiVersion"), text(&intent, "kind")) != (&*expected.0, expected.1) {
        return Err(StatusError::bad_request(format!(
            "invalid object type: {}",
            go_format::kind_of(&intent)
        )));
    }
    let writer = call.writer();
    match call.existing() {
        Ok(stored) => {
            let old = view::of(&call.resource, &stored);
            let mut new = call.applied(Some(&old), &intent)?;
            decode::place(call, &mut new)?;
            update::check_name(call, &new)?;
            check_repetition(call)?;
            decode::clean(call, &mut new, Origin::Applied)?;
            let object = update::commit(call, &writer, part, &stored, new, Recorded::Yes)?;
            Ok(Answer::object(&call.resource, object))
        }
        Err(error) if part != Part::Main => Err(error),
        Err(_) => {
            let mut new = call.applied(None, &intent)?;
            let uid = text(&new["metadata"], "uid");
            if !uid.is_empty() {
                let why = format!(
                    "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                );
                let name = call.path.name.as_deref().unwrap_or_default();
                return Err(StatusError::conflict(&call.resource, name, &why));
            }
            decode::place(call, &mut new)?;
            update::check_name(call, &new)?;
            check_repetition(call)?;
            decode::clean(call, &mut new, Origin::Applied)?;
            create::create_object(call, &writer, new, false)
        }
    }
}

/// An intent that names a key twice is refused or warned of, as the query says.
fn check_repetition(call: &mut Call<'_>) -> Result<(), StatusError> {
    let validation = call.query.field_validation;
    if validation == FieldValidation::Ignore {
        return Ok(());
    }
    for twice in call.body.duplicates() {
        let why = format!("error converting YAML to JSON: {twice}");
        if validation == FieldValidation::Strict {
            return Err(StatusError::bad_request(format!(
                "error strict decoding YAML: {why}"
            )));
        }
        call.warnings.push(why);
    }
    Ok(())
}

/// A fault in the options of the patch.
fn option_fault(reason: &'static str, field: &str, message: &str) -> StatusError {
    let cause = FieldError {
        reason,
        message: message.to_owned(),
        field: field.to_owned(),
    };
    StatusError::invalid("meta.k8s.io", "PatchOptions", "", &[cause])
}
