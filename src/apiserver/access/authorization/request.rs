//! From a request to what it wants to do, as authorization sees it: before anybody knows whether there is such a
//! resource (apiserver `pkg/endpoints/request/requestinfo.go`).

use bytes::Bytes;
use http::Request;

use super::{Attributes, ResourceTarget, Target};
use crate::{access::identity::Identity, kind::field_selector, object::name, request::route};

/// What the request is for.
pub fn of_request<'a>(user: &'a Identity, request: &Request<Bytes>) -> Attributes<'a> {
    let method = request.method().as_str();
    let path = request.uri().path();
    let parts = route::segments(path);
    let target = parts.as_deref().and_then(resource);
    let Some(mut target) = target else {
        return Attributes {
            user,
            verb: method.to_lowercase(),
            target: Target::Path(route::decoded(path)),
        };
    };
    let verb = match method {
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if target.name.is_empty() => "deletecollection",
        "DELETE" => "delete",
        "GET" | "HEAD" if target.name.is_empty() => {
            let (watch, only) = listed(request.uri().query().unwrap_or_default());
            target.name = only;
            if watch { "watch" } else { "list" }
        }
        "GET" | "HEAD" => "get",
        _ => "",
    };
    Attributes {
        user,
        verb: verb.to_owned(),
        target: Target::Resource(target),
    }
}

/// The resource that a path names; none: it is no resource's.
fn resource(parts: &[String]) -> Option<ResourceTarget> {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        [] => return None,
        // A part of the namespace itself, or the namespace.
        ["namespaces", namespace] | ["namespaces", namespace, "status" | "finalize", ..] => {
            (*namespace, rest)
        }
        ["namespaces", namespace, inside @ ..] => (*namespace, inside),
        other => ("", other),
    };
    let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
    Some(ResourceTarget {
        group: group.to_owned(),
        resource: part(0),
        subresource: part(2),
        namespace: namespace.to_owned(),
        name: part(1),
    })
}

/// Does a list want to be a watch, and is it for one name alone?
fn listed(query: &str) -> (bool, String) {
    let (mut watch, mut only) = (false, String::new());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "watch" => watch = !matches!(&*value, "0" | "false"),
            "fieldSelector" => only = field_selector::exact_name(&value).unwrap_or_default(),
            _ => {}
        }
    }
    if !name::path_segment(&only).is_empty() {
        only.clear();
    }
    (watch, only)
}
