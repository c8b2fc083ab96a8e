//! Patch, in its four media types.

use serde_json::Value;

use super::{
    Call, create, intake,
    update::{self, Recorded},
};
use crate::sandbox::{
    answer::Answer,
    metadata::text,
    patch::{self, PatchFault},
    query::FieldValidation,
    refusal::{Cause, Refusal},
    strategy::Part,
    view,
};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Changes an object, or its status, as the body says.
pub fn patch(call: &mut Call<'_>, part: Part) -> Result<Answer, Refusal> {
    let media_type = call.body.media_type.clone();
    match media_type.as_str() {
        APPLY => apply(call, part),
        JSON | MERGE => change(call, part),
        STRATEGIC if !call.resource.custom => change(call, part),
        _ => {
            let accepted = if call.resource.custom {
                [JSON, MERGE, APPLY].join(", ")
            } else {
                [JSON, MERGE, STRATEGIC, APPLY].join(", ")
            };
            Err(Refusal::unsupported_media_type(&accepted))
        }
    }
}

fn change(call: &mut Call<'_>, part: Part) -> Result<Answer, Refusal> {
    if call.query.force {
        return Err(option_fault(
            "FieldValueForbidden",
            "force",
            "Forbidden: may not be specified for non-apply patch",
        ));
    }
    let text = call.body.patch_text();
    let patch = text.map_err(|why| Refusal::bad_request(format!("error decoding patch: {why}")))?;
    let core = call.core;
    let writer = core.store.write();
    let stored = call.existing()?;
    let old = view::of(&call.resource, &stored);
    let mut new = patched(call, &old, &patch)?;
    intake::check_kind(&call.resource, &mut new)?;
    clean(call, &mut new)?;
    intake::place(call, &mut new)?;
    update::check_name(call, &new)?;
    let object = update::commit(call, &writer, part, &stored, new, Recorded::No)?;
    Ok(Answer::object(&call.resource, object))
}

/// The object with the patch on it.
pub fn patched(call: &Call<'_>, old: &Value, patch: &Value) -> Result<Value, Refusal> {
    let result = match call.body.media_type.as_str() {
        JSON => patch::json(old, patch),
        MERGE => patch::merge(old, patch),
        _ => patch::strategic(old, patch, call.resource.shape()),
    };
    result.map_err(|fault| match fault {
        PatchFault::Malformed(why) => Refusal::bad_request(format!("error decoding patch: {why}")),
        PatchFault::DoesNotFit => Refusal::other(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
        )
        .with_details(serde_json::json!({})),
    })
}

/// As for a whole object, but a strict refusal quotes the patch.
fn clean(call: &mut Call<'_>, object: &mut Value) -> Result<(), Refusal> {
    let strict = call.query.field_validation == FieldValidation::Strict;
    intake::clean(call, object).map_err(|refusal| {
        let Some((_, why)) = refusal
            .message
            .split_once("strict decoding error: ")
            .filter(|_| strict)
        else {
            return refusal;
        };
        let patch = String::from_utf8_lossy(&call.body.bytes);
        let cause = Cause {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {patch:?}: strict decoding error: {why}"),
            field: "patch".to_owned(),
        };
        Refusal::invalid("", "", "", &[cause])
    })
}

/// Server-side apply.
fn apply(call: &mut Call<'_>, part: Part) -> Result<Answer, Refusal> {
    if call.query.field_manager.is_none() {
        return Err(option_fault(
            "FieldValueRequired",
            "fieldManager",
            "Required value: is required for apply patch",
        ));
    }
    let text_of_patch = call.body.patch_text();
    let mut intent =
        text_of_patch.map_err(|why| Refusal::bad_request(format!("error decoding YAML: {why}")))?;
    if !intent.is_object() {
        return Err(Refusal::bad_request("error decoding YAML: not an object"));
    }
    let (given, expected) = (text(&intent, "apiVersion"), call.resource.api_version());
    if given != expected {
        return Err(Refusal::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {given}, expected: {expected}"
        )));
    }
    if text(&intent, "kind").is_empty() {
        return Err(Refusal::bad_request(format!(
            "Object 'Kind' is missing in '{intent}'"
        )));
    }
    intake::check_kind(&call.resource, &mut intent)?;
    if text(&intent["metadata"], "name").is_empty() {
        intent["metadata"]["name"] = call.path.name.clone().unwrap_or_default().into();
    }
    intake::place(call, &mut intent)?;
    update::check_name(call, &intent)?;
    let core = call.core;
    let writer = core.store.write();
    match call.existing() {
        Ok(stored) => {
            let old = view::of(&call.resource, &stored);
            let mut new = call.applied(Some(&old), &intent)?;
            intake::clean(call, &mut new)?;
            let object = update::commit(call, &writer, part, &stored, new, Recorded::Yes)?;
            Ok(Answer::object(&call.resource, object))
        }
        Err(refusal) if part == Part::Status => Err(refusal),
        Err(_) => {
            let mut new = call.applied(None, &intent)?;
            intake::clean(call, &mut new)?;
            create::create_object(call, &writer, new, false)
        }
    }
}

/// A fault in the options of the patch.
fn option_fault(reason: &'static str, field: &str, message: &str) -> Refusal {
    let cause = Cause {
        reason,
        message: message.to_owned(),
        field: field.to_owned(),
    };
    Refusal::invalid("meta.k8s.io", "PatchOptions", "", &[cause])
}
