//! What is wrong with a field of an object, in the words of Kubernetes' `field.Error`
//! (k8s.io/apimachinery `pkg/util/validation/field`).

use serde_json::Value;

use crate::object::go_format;

/// One fault in an object, as in `details.causes` of a `Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// For example `FieldValueInvalid`.
    pub reason: &'static str,
    /// Without the field, for example `Invalid value: 0: spec.replicas in body should be greater than or equal to 1`.
    pub message: String,
    /// Path of the field, for example `spec.replicas`; `<nil>` for the whole object.
    pub field: String,
}

fn new(reason: &'static str, field: &str, message: String) -> FieldError {
    FieldError {
        reason,
        message,
        field: field.to_owned(),
    }
}

fn with_detail(title: &str, detail: &str) -> String {
    if detail.is_empty() {
        title.to_owned()
    } else {
        format!("{title}: {detail}")
    }
}

pub fn required(field: &str, detail: &str) -> FieldError {
    new(
        "FieldValueRequired",
        field,
        with_detail("Required value", detail),
    )
}

pub fn forbidden(field: &str, detail: &str) -> FieldError {
    new(
        "FieldValueForbidden",
        field,
        with_detail("Forbidden", detail),
    )
}

pub fn invalid(field: &str, value: &Value, detail: impl AsRef<str>) -> FieldError {
    let title = format!("Invalid value: {}", go_format::value(value));
    new(
        "FieldValueInvalid",
        field,
        with_detail(&title, detail.as_ref()),
    )
}

/// Like [`invalid`], with a value that is no JSON of ours.
pub fn invalid_shown(field: &str, shown: &str, detail: &str) -> FieldError {
    let title = format!("Invalid value: {shown}");
    new("FieldValueInvalid", field, with_detail(&title, detail))
}

/// Like [`invalid`], without the value.
pub fn invalid_omitting_value(field: &str, detail: &str) -> FieldError {
    new(
        "FieldValueInvalid",
        field,
        with_detail("Invalid value", detail),
    )
}

pub fn wrong_type(field: &str, value: &Value, detail: &str) -> FieldError {
    let title = format!("Invalid value: {}", go_format::value(value));
    new("FieldValueTypeInvalid", field, with_detail(&title, detail))
}

pub fn duplicate(field: &str, value: &Value) -> FieldError {
    duplicate_shown(field, &go_format::value(value))
}

/// Like [`duplicate`], with a value that is no JSON of ours.
pub fn duplicate_shown(field: &str, shown: &str) -> FieldError {
    new(
        "FieldValueDuplicate",
        field,
        format!("Duplicate value: {shown}"),
    )
}

pub fn not_supported(field: &str, value: &Value, supported: &[Value]) -> FieldError {
    let supported: Vec<String> = supported
        .iter()
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| go_format::quote(&value.to_string()), go_format::quote)
        })
        .collect();
    let message = format!(
        "Unsupported value: {}: supported values: {}",
        go_format::value(value),
        supported.join(", ")
    );
    new("FieldValueNotSupported", field, message)
}

pub fn too_long(field: &str, most: i64) -> FieldError {
    let unit = if most == 1 { "byte" } else { "bytes" };
    new(
        "FieldValueTooLong",
        field,
        format!("Too long: may not be more than {most} {unit}"),
    )
}

pub fn too_many(field: &str, actual: usize, most: i64) -> FieldError {
    let unit = if most == 1 { "item" } else { "items" };
    new(
        "FieldValueTooMany",
        field,
        format!("Too many: {actual}: must have at most {most} {unit}"),
    )
}
