//! From method and path to what is asked for. Pure: it knows the grammar of Kubernetes' URLs, not what is served.

use http::Method;

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/healthz`, `/livez`, `/readyz`, and what lies below them: the parts of the path.
    Health(Vec<String>),
    Version,
    /// `/`
    Index,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1` or `/apis/GROUP/VERSION`
    Resources {
        group: String,
        version: String,
    },
    /// `/openapi/v2`
    OpenApiV2,
    /// `/openapi/v3`
    OpenApiIndex,
    /// `/openapi/v3/api/v1` or `/openapi/v3/apis/GROUP/VERSION`
    OpenApiDocument {
        group: String,
        version: String,
    },
    Resource(ResourcePath),
    Unknown,
}

/// The part of the path that names a resource, an object or a part of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePath {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

/// What to do with a resource: the verbs of Kubernetes' authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    List,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// The verb of a method on a collection or on one object; `None` where there is none.
    #[must_use]
    pub fn of(method: &Method, named: bool) -> Option<Self> {
        match (method.as_str(), named) {
            ("GET" | "HEAD", true) => Some(Self::Get),
            ("GET" | "HEAD", false) => Some(Self::List),
            ("POST", _) => Some(Self::Create),
            ("PUT", true) => Some(Self::Update),
            ("PATCH", true) => Some(Self::Patch),
            ("DELETE", true) => Some(Self::Delete),
            ("DELETE", false) => Some(Self::DeleteCollection),
            _ => None,
        }
    }

    /// Kubernetes' word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }
}

/// Reads a path.
#[must_use]
pub fn route(path: &str) -> Route {
    let Some(segments) = segments(path) else {
        return Route::Unknown;
    };
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [] => Route::Index,
        ["healthz" | "livez" | "readyz", ..] => Route::Health(segments),
        ["version"] => Route::Version,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group((*group).to_owned()),
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiIndex,
        ["openapi", "v3", "api", version] => Route::OpenApiDocument {
            group: String::new(),
            version: (*version).to_owned(),
        },
        ["openapi", "v3", "apis", group, version] => Route::OpenApiDocument {
            group: (*group).to_owned(),
            version: (*version).to_owned(),
        },
        ["api", version, rest @ ..] => versioned("", version, rest),
        ["apis", group, version, rest @ ..] => versioned(group, version, rest),
        [_, ..] => Route::Unknown,
    }
}

/// The decoded parts of a path, without an empty last one; none: it is no UTF-8.
pub fn segments(path: &str) -> Option<Vec<String>> {
    let mut parts: Vec<String> = path
        .split('/')
        .skip(1)
        .map(percent_decoded)
        .collect::<Option<_>>()?;
    if parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    Some(parts)
}

/// A whole path without its percent signs, as far as it can be read.
pub fn decoded(path: &str) -> String {
    percent_decoded(path).unwrap_or_else(|| path.to_owned())
}

fn versioned(group: &str, version: &str, rest: &[&str]) -> Route {
    if rest.is_empty() {
        return Route::Resources {
            group: group.to_owned(),
            version: version.to_owned(),
        };
    }
    let mut place = None;
    // `namespaces/NAME/status` is a part of the namespace; `namespaces/NAME/pods` lies in it.
    let rest = match rest {
        ["namespaces", namespace, inside @ ..]
            if inside
                .first()
                .is_some_and(|first| !["status", "finalize"].contains(first)) =>
        {
            place = Some((*namespace).to_owned());
            inside
        }
        other => other,
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(name), None),
        [plural, name, subresource] => (plural, Some(name), Some(subresource)),
        _ => return Route::Unknown,
    };
    if rest.contains(&"") || place.as_deref() == Some("") {
        return Route::Unknown;
    }
    Route::Resource(ResourcePath {
        group: group.to_owned(),
        version: version.to_owned(),
        plural: (*plural).to_owned(),
        namespace: place,
        name: name.map(|name| (*name).to_owned()),
        subresource: subresource.map(|subresource| (*subresource).to_owned()),
    })
}

/// Text without its percent signs; `None` where it is no UTF-8.
fn percent_decoded(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return None;
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let value = digit(*high)? * 16 + digit(*low)?;
        bytes.push(u8::try_from(value).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(path: &str) -> ResourcePath {
        match route(path) {
            Route::Resource(found) => found,
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_without_a_resource() {
        assert_eq!(route("/"), Route::Index);
        assert_eq!(route("/healthz"), Route::Health(vec!["healthz".into()]));
        let ping = Route::Health(vec!["readyz".into(), "ping".into()]);
        assert_eq!(route("/readyz/ping"), ping);
        assert_eq!(route("/api"), Route::CoreVersions);
        assert_eq!(route("/api/"), Route::CoreVersions);
        assert_eq!(route("/apis"), Route::Groups);
        assert_eq!(route("/apis/apps"), Route::Group("apps".into()));
        assert_eq!(route("/nowhere"), Route::Unknown);
        assert_eq!(route("/openapi/v2"), Route::OpenApiV2);
        assert_eq!(route("/api/v1/pods/%FF"), Route::Unknown);
        assert_eq!(
            route("/api/v1/namespaces/a/pods/b/status/more"),
            Route::Unknown
        );
    }

    #[test]
    fn a_namespace_is_a_place_or_an_object() {
        let inside = resource("/api/v1/namespaces/default/pods");
        assert_eq!(
            (inside.namespace.as_deref(), inside.plural.as_str()),
            (Some("default"), "pods")
        );
        for (path, subresource) in [
            ("/api/v1/namespaces/default", None),
            ("/api/v1/namespaces/default/status", Some("status")),
            ("/api/v1/namespaces/default/finalize", Some("finalize")),
        ] {
            let object = resource(path);
            assert_eq!(object.plural, "namespaces");
            assert_eq!(object.name.as_deref(), Some("default"));
            assert_eq!(object.namespace, None);
            assert_eq!(object.subresource.as_deref(), subresource);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_as_a_path_is_read_back(
            group in "([a-z]{1,5}\\.[a-z]{1,5})?", plural in "[a-z]{1,8}",
            namespace in proptest::option::of("[a-z]{1,8}"), name in proptest::option::of("[a-z0-9]{1,8}"),
        ) {
            prop_assume!(plural != "namespaces");
            let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
            let place = namespace.as_ref().map(|namespace| format!("/namespaces/{namespace}"));
            let object = name.as_ref().map(|name| format!("/{name}"));
            let path = [root, place.unwrap_or_default(), format!("/{plural}"), object.unwrap_or_default()].concat();
            prop_assume!(!["status", "finalize"].contains(&plural.as_str()));
            let expected = ResourcePath { group, version: "v1".into(), plural, namespace, name, subresource: None };
            prop_assert_eq!(route(&path), Route::Resource(expected));
        }

        #[test]
        fn no_path_panics(path in "/.{0,60}") {
            let _ = route(&path);
        }
    }
}
