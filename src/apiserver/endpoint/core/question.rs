//! What a request asks for: its verb, and how the answer is to look.

use bytes::Bytes;
use http::{Method, Request, header};

use crate::{
    kind::resource::ResourceType,
    presentation::{
        answer::{self, Encoding, Offer, Shape, Wanted},
        table,
    },
    request::{
        query::Query,
        route::{ResourcePath, Verb},
    },
    status_error::StatusError,
};

/// The verb of a request for a resource.
pub fn verb_of(
    method: &Method,
    path: &ResourcePath,
    resource: &ResourceType,
) -> Result<Verb, StatusError> {
    // Each built-in resource has routes of its own, none of them for HEAD; those of definitions share one handler.
    if method == Method::HEAD && !resource.custom {
        return Err(StatusError::method_not_allowed());
    }
    if let Some(verb) = Verb::of(method, path.name.is_some()) {
        return Ok(verb);
    }
    let lacks_name = matches!(*method, Method::PUT | Method::PATCH) && path.name.is_none();
    Err(if resource.custom && lacks_name {
        StatusError::bad_request("name must be provided")
    } else {
        StatusError::method_not_allowed()
    })
}

/// What the client wants to see.
pub fn wanted(request: &Request<Bytes>, offer: Offer) -> Result<Wanted, StatusError> {
    let (shape, encoding) = answer::negotiate(text_header(request, header::ACCEPT), offer)?;
    let (include, pretty) = Query::look(request.uri().query().unwrap_or_default())?;
    // Whoever asks with one of these most likely reads the answer.
    let agent = text_header(request, header::USER_AGENT);
    let is_read = || {
        ["curl", "Wget", "Mozilla/5.0"]
            .iter()
            .any(|reader| agent.starts_with(reader))
    };
    Ok(Wanted {
        shape,
        encoding,
        include,
        pretty: pretty.unwrap_or_else(is_read),
    })
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            shape: Shape::Plain,
            encoding: Encoding::Json,
            include: table::IncludeObject::default(),
            pretty: false,
        }
    }
}

/// A header that is text; empty where there is none.
pub fn text_header(request: &Request<Bytes>, name: header::HeaderName) -> &str {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The options' kind, as messages name it.
pub const fn options_kind(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "GetOptions",
        Verb::List => "ListOptions",
        Verb::Create => "CreateOptions",
        Verb::Update => "UpdateOptions",
        Verb::Patch => "PatchOptions",
        Verb::Delete | Verb::DeleteCollection => "DeleteOptions",
    }
}
