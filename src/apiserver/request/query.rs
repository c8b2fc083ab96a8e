//! The query string of a request: the options of every verb, checked once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{object::field_error, presentation::table::IncludeObject, status_error::StatusError};

/// What to do about fields that no schema knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// How a list's resourceVersion is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    NotOlderThan,
    Exact,
}

/// The options of a request.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub dry_run: bool,
    pub field_manager: Option<String>,
    pub field_validation: FieldValidation,
    pub force: bool,
    pub limit: Option<usize>,
    pub continue_token: Option<String>,
    pub label_selector: Option<String>,
    pub field_selector: Option<String>,
    pub resource_version: Option<String>,
    pub version_match: Option<VersionMatch>,
    pub watch: bool,
    pub bookmarks: bool,
    /// None where it was not said.
    pub send_initial_events: Option<bool>,
    pub timeout: Option<Duration>,
    /// `gracePeriodSeconds`, `propagationPolicy` and `orphanDependents`, as a `DeleteOptions` body would have them.
    pub delete_options: Value,
}

impl Query {
    /// Reads a query string; `operation` is the options' kind in messages, for example `CreateOptions`.
    pub fn parse(query: &str, operation: &'static str) -> Result<Self, StatusError> {
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            found.read(&name, &value, operation)?;
        }
        Ok(found)
    }

    /// What a query string says about the look of the answer: which objects go into a table, and whether it is set on
    /// lines (none: not said).
    pub fn look(query: &str) -> Result<(IncludeObject, Option<bool>), StatusError> {
        let (mut include, mut pretty) = (IncludeObject::default(), None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "includeObject" => include = include_object(&value)?,
                "pretty" if !value.is_empty() => {
                    pretty = Some(matches!(
                        &*value,
                        "1" | "t" | "T" | "true" | "TRUE" | "True"
                    ));
                }
                _ => {}
            }
        }
        Ok((include, pretty))
    }

    /// `DeleteOptions` from the body where there is one, completed from the query.
    #[must_use]
    pub fn merged_delete_options(&self, body: Option<Value>) -> Value {
        let mut options = body.unwrap_or_else(|| json!({}));
        if let Some(own) = self.delete_options.as_object() {
            for (name, value) in own {
                if options[name].is_null() {
                    options[name] = value.clone();
                }
            }
        }
        options
    }

    fn read(
        &mut self,
        name: &str,
        value: &str,
        operation: &'static str,
    ) -> Result<(), StatusError> {
        let some = || (!value.is_empty()).then(|| value.to_owned());
        match name {
            "dryRun" => self.dry_run |= dry_run(value, operation)?,
            "fieldManager" => self.field_manager = field_manager(value, operation)?,
            "fieldValidation" => self.field_validation = field_validation(value, operation)?,
            "force" => self.force = truth(value),
            "limit" => {
                let limit: i64 = number(value)?;
                self.limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
            }
            "continue" => self.continue_token = some(),
            "labelSelector" => self.label_selector = some(),
            "fieldSelector" => self.field_selector = some(),
            "resourceVersion" => self.resource_version = some(),
            "resourceVersionMatch" => self.version_match = version_match(value)?,
            "watch" => self.watch = truth(value),
            "allowWatchBookmarks" => self.bookmarks = truth(value),
            "sendInitialEvents" => self.send_initial_events = Some(truth(value)),
            "timeoutSeconds" => {
                let seconds: i64 = number(value)?;
                self.timeout = u64::try_from(seconds).ok().map(Duration::from_secs);
            }
            "gracePeriodSeconds" => {
                self.delete_options[name] = number::<i64>(value)?.into();
            }
            "propagationPolicy" => self.delete_options[name] = value.into(),
            "orphanDependents" => self.delete_options[name] = truth(value).into(),
            // Kubernetes ignores parameters that it does not know; kubectl sends `timeout` among others.
            _ => {}
        }
        Ok(())
    }
}

/// Go's reading of a boolean parameter: present and not plainly false.
fn truth(value: &str) -> bool {
    !matches!(value, "0" | "false")
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, StatusError> {
    value.parse().map_err(|_| {
        StatusError::bad_request(format!(
            "strconv.ParseInt: parsing {value:?}: invalid syntax"
        ))
    })
}

/// `dryRun`, from the query or from `DeleteOptions`.
pub fn dry_run(value: &str, operation: &'static str) -> Result<bool, StatusError> {
    match value {
        "" => Ok(false),
        "All" => Ok(true),
        other => Err(unsupported(operation, "dryRun", &json!([other]), &["All"])),
    }
}

fn field_manager(value: &str, operation: &'static str) -> Result<Option<String>, StatusError> {
    const LONGEST: u32 = 128;
    const FIELD: &str = "fieldManager";
    let cause = if value.len() > LONGEST as usize {
        field_error::too_long(FIELD, LONGEST.into())
    } else if let Some((at, odd)) = value.char_indices().find(|(_, c)| c.is_control()) {
        let why = format!(
            "invalid character U+{:04X} (at position {at})",
            u32::from(odd)
        );
        field_error::invalid(FIELD, &value.into(), why)
    } else {
        return Ok((!value.is_empty()).then(|| value.to_owned()));
    };
    Err(StatusError::invalid("meta.k8s.io", operation, "", &[cause]))
}

fn field_validation(value: &str, operation: &'static str) -> Result<FieldValidation, StatusError> {
    match value {
        "Ignore" => Ok(FieldValidation::Ignore),
        "" | "Warn" => Ok(FieldValidation::Warn),
        "Strict" => Ok(FieldValidation::Strict),
        other => Err(unsupported(
            operation,
            "fieldValidation",
            &other.into(),
            &["", "Ignore", "Strict", "Warn"],
        )),
    }
}

fn version_match(value: &str) -> Result<Option<VersionMatch>, StatusError> {
    match value {
        "" => Ok(None),
        "Exact" => Ok(Some(VersionMatch::Exact)),
        "NotOlderThan" => Ok(Some(VersionMatch::NotOlderThan)),
        other => Err(unsupported(
            "ListOptions",
            "resourceVersionMatch",
            &other.into(),
            &["Exact", "NotOlderThan", ""],
        )),
    }
}

fn include_object(value: &str) -> Result<IncludeObject, StatusError> {
    match value {
        "" | "Metadata" => Ok(IncludeObject::Metadata),
        "None" => Ok(IncludeObject::None),
        "Object" => Ok(IncludeObject::Object),
        other => Err(StatusError::bad_request(format!(
            "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be 'Metadata', \
             'Object', 'None', or empty"
        ))),
    }
}

/// An option with a value that is not on the list.
pub fn unsupported(
    operation: &'static str,
    field: &str,
    value: &Value,
    supported: &[&str],
) -> StatusError {
    let supported: Vec<Value> = supported.iter().map(|one| Value::from(*one)).collect();
    let cause = field_error::not_supported(field, value, &supported);
    StatusError::invalid("meta.k8s.io", operation, "", &[cause])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_pairs_and_unknown_parameters_are_accepted() {
        let query = Query::parse("&limit=500&timeout=32s&", "ListOptions").unwrap();
        assert_eq!(query.limit, Some(500));
    }

    #[test]
    fn watch_is_true_in_every_spelling() {
        for (text, expected) in [
            ("watch=1", true),
            ("watch=true", true),
            ("watch", true),
            ("watch=0", false),
            ("watch=false", false),
        ] {
            assert_eq!(
                Query::parse(text, "ListOptions").unwrap().watch,
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_wrong_option_is_named() {
        let error = Query::parse("dryRun=some", "CreateOptions").unwrap_err();
        assert_eq!(
            error.message,
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"some\"]: supported values: \"All\""
        );
        assert_eq!(
            Query::parse("limit=x", "ListOptions").unwrap_err().code,
            400
        );
    }
}
