//! Why the API server says no: the `Status` objects of a real kube-apiserver, word for word.
//!
//! Every verb returns `Result<_, StatusError>`; only the server turns one into bytes. The constructors follow
//! k8s.io/apimachinery `pkg/api/errors`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::{kind::resource::ResourceType, object::field_error::FieldError};

/// A request that is not served, as the client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusError {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, for example `NotFound`; empty where the API server gives none.
    pub reason: &'static str,
    pub message: String,
    /// The `details` object, where there is one.
    pub details: Option<Value>,
    /// How to go on with a list all the same.
    pub continue_token: Option<String>,
}

impl StatusError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            continue_token: None,
        }
    }

    fn about(mut self, resource: &ResourceType, name: &str) -> Self {
        self.details = Some(details(name, &resource.group, &resource.plural));
        self
    }

    /// The object is not there.
    #[must_use]
    pub fn not_found(resource: &ResourceType, name: &str) -> Self {
        Self::new(
            404,
            "NotFound",
            format!("{} {name:?} not found", resource.qualified()),
        )
        .about(resource, name)
    }

    /// An object of that name is there already.
    #[must_use]
    pub fn already_exists(resource: &ResourceType, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} {name:?} already exists", resource.qualified()),
        )
        .about(resource, name)
    }

    /// The object is not what the request was made for.
    #[must_use]
    pub fn conflict(resource: &ResourceType, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!(
                "Operation cannot be fulfilled on {} {name:?}: {why}",
                resource.qualified()
            ),
        )
        .about(resource, name)
    }

    /// Admission or authorization denied it.
    #[must_use]
    pub fn forbidden(resource: &ResourceType, name: &str, why: &str) -> Self {
        Self::forbidden_resource(&resource.group, &resource.plural, name, why)
    }

    /// The same of a resource that need not be served; without one: of a path.
    #[must_use]
    pub fn forbidden_resource(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let qualified = if group.is_empty() {
            plural.to_owned()
        } else {
            format!("{plural}.{group}")
        };
        let subject = match (qualified.as_str(), name) {
            ("", _) => String::new(),
            (resource, "") => format!("{resource} is "),
            (resource, name) => format!("{resource} {name:?} is "),
        };
        Self::new(403, "Forbidden", format!("{subject}forbidden: {why}"))
            .with_details(details(name, group, plural))
    }

    /// The object itself is faulty. `kind` is the kind with its group, for example `Gadget.example.com`.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[FieldError]) -> Self {
        // The message says everything once; the causes say it as often as it was found.
        let mut said = HashSet::new();
        let faults: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .filter(|fault| said.insert(fault.clone()))
            .collect();
        let list = match faults.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = if group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{group}")
        };
        let mut error = Self::new(
            422,
            "Invalid",
            format!("{qualified} {name:?} is invalid: {list}"),
        );
        let mut about = details(name, group, kind);
        about["causes"] = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}))
            .collect();
        error.details = Some(about);
        error
    }

    /// The request can not be understood.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// The body is of a media type that is not understood.
    #[must_use]
    pub fn unsupported_media_type(accepted: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format - accepted media types include: {accepted}"
            ),
        )
    }

    /// A history or a continue token that is no longer kept.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A path below a built-in group that means nothing.
    #[must_use]
    pub fn no_such_path() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
        .with_details(json!({}))
    }

    /// A method that the path does not have.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(json!({}))
    }

    /// No or a wrong credential.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// Anything else, with the code and reason that the API server gives it.
    #[must_use]
    pub fn other(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, reason, message)
    }

    /// The same with other details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same with a token to go on with.
    #[must_use]
    pub fn with_continue(mut self, token: String) -> Self {
        self.continue_token = Some(token);
        self
    }

    /// The `Status` object that the client receives.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(token) = &self.continue_token {
            status["metadata"]["continue"] = token.as_str().into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut details = Map::new();
    for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(key.to_owned(), value.into());
        }
    }
    Value::Object(details)
}
