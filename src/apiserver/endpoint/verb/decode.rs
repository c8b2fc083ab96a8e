//! What every object goes through on its way in: is it of the right kind and place, does it have unknown fields, and
//! which defaults complete it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Call;
use crate::{
    kind::{
        defaults,
        model::{
            self,
            decode::{self, Source},
        },
        resource::ResourceType,
    },
    object::{
        field_error::{self, FieldError},
        go_format,
        metadata::{self, text},
    },
    request::query::FieldValidation,
    status_error::StatusError,
};

/// Checks kind and version of an object that a client sent.
pub fn check_kind(resource: &ResourceType, object: &mut Value) -> Result<(), StatusError> {
    let expected = resource.api_version();
    if !resource.custom {
        // Typed decoders take a missing kind or version from the path.
        for (field, value) in [("apiVersion", &expected), ("kind", &resource.kind)] {
            if text(object, field).is_empty() {
                object[field] = value.as_str().into();
            }
        }
    }
    let kind = text(object, "kind").to_owned();
    let version = text(object, "apiVersion").to_owned();
    if kind.is_empty() {
        return Err(StatusError::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{object}'",
            resource.kind
        )));
    }
    if version != expected && resource.custom {
        return Err(StatusError::bad_request(format!(
            "the API version in the data ({version}) does not match the expected API version ({expected})"
        )));
    }
    if kind == resource.kind && version == expected {
        return Ok(());
    }
    if resource.custom {
        let name = text(&object["metadata"], "name");
        let cause = FieldError {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {kind:?}: must be {}", resource.kind),
            field: "kind".to_owned(),
        };
        return Err(StatusError::invalid(&resource.group, &kind, name, &[cause]));
    }
    let (group, given) = version.rsplit_once('/').unwrap_or(("", &version));
    let is_known = model::definition(&model::name_of(group, given, &kind)).is_some();
    let why = if is_known && version == expected {
        let package = match resource.group.as_str() {
            "" => "core",
            group => group.split('.').next().unwrap_or(group),
        };
        let (version, expected) = (&resource.version, &resource.kind);
        format!("converting ({version}.{kind}) to ({package}.{expected}): unknown conversion")
    } else {
        format!(
            "no kind {kind:?} is registered for version {version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
        )
    };
    Err(StatusError::bad_request(format!(
        "{kind} in version {given:?} cannot be handled as a {}: {why}",
        resource.kind
    )))
}

/// Where an object comes from, which decides how it is said that it can not be read.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// The body is the object.
    Body,
    /// Server-side apply merged it.
    Applied,
    /// A JSON or merge patch made it.
    Patched,
    /// This strategic merge patch made it.
    Merged(&'a Value),
}

impl Origin<'_> {
    fn source(self) -> Source {
        match self {
            Self::Body | Self::Applied | Self::Patched => Source::Json,
            Self::Merged(_) => Source::Map,
        }
    }

    /// What the body names twice, where that is not told otherwise.
    fn duplicates(self, call: &Call<'_>) -> Vec<String> {
        match self {
            Self::Body | Self::Patched | Self::Merged(_) => call.body.duplicates(),
            Self::Applied => Vec::new(),
        }
    }

    fn refuse(self, resource: &ResourceType, object: &str, why: &str) -> StatusError {
        let shown = match self {
            Self::Body | Self::Applied => {
                return StatusError::bad_request(format!(
                    "{} in version {:?} cannot be handled as a {}: {why}",
                    resource.kind, resource.version, resource.kind
                ));
            }
            Self::Patched => object.to_owned(),
            Self::Merged(patch) => go_format::plain(patch),
        };
        let cause = field_error::invalid("patch", &shown.into(), why);
        StatusError::invalid("", "", "", &[cause])
    }
}

/// Cleans the metadata, drops unknown fields and sets defaults. Unknown fields, and those that the body names twice, are
/// refused, warned of or ignored, as the query says.
pub fn clean(call: &mut Call<'_>, object: &mut Value, origin: Origin) -> Result<(), StatusError> {
    let resource = call.resource.clone();
    // What a refusal of a patch quotes.
    let given = match origin {
        Origin::Patched => object.to_string(),
        Origin::Body | Origin::Applied | Origin::Merged(_) => String::new(),
    };
    let cannot = |why: &str| origin.refuse(&resource, &given, why);
    let mut unknown = metadata::normalise(object, resource.custom).map_err(|why| cannot(&why))?;
    if let Some(schema) = resource.schema.as_ref().filter(|_| resource.custom) {
        unknown.extend(schema.prune(object));
        schema.default(object);
    } else {
        let found = decode::decode(object, resource.shape(), origin.source());
        unknown.extend(found.map_err(|why| cannot(&why))?);
    }
    defaults::complete(&resource, object);
    let unknown: BTreeSet<String> = unknown.into_iter().collect();
    let named: Vec<String> = match (call.query.field_validation, origin) {
        (FieldValidation::Ignore, _) => Vec::new(),
        // Read into a struct, it is told as it comes.
        (_, Origin::Body) if !resource.custom => call.body.strictly(&unknown),
        _ => {
            let unknown = unknown.iter().map(|path| format!("unknown field {path:?}"));
            origin.duplicates(call).into_iter().chain(unknown).collect()
        }
    };
    match call.query.field_validation {
        FieldValidation::Ignore => {}
        FieldValidation::Warn => call.warnings.extend(named),
        FieldValidation::Strict if named.is_empty() => {}
        FieldValidation::Strict => {
            return Err(cannot(&format!(
                "strict decoding error: {}",
                named.join(", ")
            )));
        }
    }
    Ok(())
}

/// Warns of finalizers of custom resources that do not say whose they are.
pub fn warn_of_finalizers(call: &mut Call<'_>, new: &Value, old: Option<&Value>) {
    if !call.resource.custom {
        return;
    }
    let before = old.map_or(&Value::Null, |old| &old["metadata"]);
    let before: Vec<&str> = metadata::strings(before, "finalizers").collect();
    let mut added: Vec<&str> = metadata::strings(&new["metadata"], "finalizers")
        .filter(|finalizer| !before.contains(finalizer) && !metadata::says_whose(finalizer))
        .collect();
    added.sort_unstable();
    call.warnings.extend(added.iter().map(|finalizer| {
        format!(
            "metadata.finalizers: {finalizer:?}: prefer a domain-qualified finalizer name including a path (/) to \
             avoid accidental conflicts with other finalizer writers"
        )
    }));
}

/// Puts the object into the path's namespace.
pub fn place(call: &Call<'_>, object: &mut Value) -> Result<(), StatusError> {
    let given = text(&object["metadata"], "namespace");
    match call.path.namespace.as_deref() {
        Some(namespace) if given.is_empty() => object["metadata"]["namespace"] = namespace.into(),
        Some(namespace) if given == namespace => {}
        Some(_) => {
            return Err(StatusError::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        // What lies in no namespace is taken out of it.
        None if !call.resource.namespaced => {
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
        }
        None => {}
    }
    Ok(())
}
