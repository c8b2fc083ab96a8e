//! What is not a resource: health, version, discovery and the index.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};

use super::core::Core;
use crate::{
    kind::resource::ResourceType,
    presentation::{answer::Answer, discovery, openapi},
    request::route::Route,
    status_error::StatusError,
};

/// What health is asked about.
const CHECKS: [&str; 3] = ["ping", "log", "etcd"];

/// Answers a path that names no resource.
pub fn page(core: &Core, route: &Route, request: &Request<Bytes>) -> Result<Answer, StatusError> {
    if is_only_read(route) && request.method() != Method::GET {
        return Err(StatusError::method_not_allowed());
    }
    let registry = core.registry();
    let resources = registry.all();
    let found = match (route, aggregated_version(request)) {
        (Route::CoreVersions, Some(version)) => {
            let document = discovery::aggregated_core(resources, version);
            return Ok(Answer::Discovery(version, document));
        }
        (Route::Groups, Some(version)) => {
            let document = discovery::aggregated_groups(resources, version);
            return Ok(Answer::Discovery(version, document));
        }
        (Route::Health(path), _) => health(path, request.uri().query()),
        (route, _) => plain(core, route, resources),
    };
    let path = request.uri().path();
    let known = || registry.is_built_in(group_of(path).unwrap_or_default());
    match found {
        Some(answer) => Ok(answer),
        None if group_of(path).is_some() && known() => Err(StatusError::no_such_path()),
        None => Ok(not_found()),
    }
}

/// The group that a path lies below.
fn group_of(path: &str) -> Option<&str> {
    let mut parts = path.split('/').skip(1);
    match (parts.next()?, parts.next()?) {
        ("api", _) => Some(""),
        ("apis", group) => Some(group),
        _ => None,
    }
}

/// Discovery and version are read; what answers for the others does not look at the method.
const fn is_only_read(route: &Route) -> bool {
    match route {
        Route::Version
        | Route::CoreVersions
        | Route::Groups
        | Route::Group(_)
        | Route::Resources { .. } => true,
        Route::Health(_)
        | Route::Index
        | Route::OpenApiV2
        | Route::OpenApiIndex
        | Route::OpenApiDocument { .. }
        | Route::Resource(_)
        | Route::Unknown => false,
    }
}

/// `/healthz`, `/livez`, `/readyz`: all checks, listed with `?verbose`, or the one that is named. They pass: a server
/// that answers is well.
fn health(path: &[String], query: Option<&str>) -> Option<Answer> {
    let ok = |text: String| Some(Answer::Text(200, text));
    match path {
        [all] => {
            let mut query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            if !query.any(|(name, _)| name == "verbose") {
                return ok("ok".to_owned());
            }
            let checks = CHECKS.map(|check| format!("[+]{check} ok\n")).concat();
            ok(format!("{checks}{all} check passed\n"))
        }
        [_, check] if CHECKS.contains(&check.as_str()) => ok("ok".to_owned()),
        _ => None,
    }
}

/// Is it a request for an aggregated discovery document?
pub fn is_aggregated(route: &Route, request: &Request<Bytes>) -> bool {
    matches!(route, Route::CoreVersions | Route::Groups) && aggregated_version(request).is_some()
}

fn plain(core: &Core, route: &Route, resources: &[Arc<ResourceType>]) -> Option<Answer> {
    let document = match route {
        Route::Version => return Some(Answer::Page(version())),
        Route::Index => return Some(Answer::Page(index(resources))),
        Route::CoreVersions => Some(discovery::api_versions(&core.address)),
        Route::Groups => Some(discovery::groups(resources)),
        Route::Group(name) => discovery::group(resources, name),
        Route::Resources { group, version } => discovery::resources(resources, group, version),
        Route::OpenApiIndex => Some(openapi::v3_index(resources)),
        Route::OpenApiDocument { group, version } => {
            let document = openapi::v3(resources, group, version)?;
            return Some(Answer::Encoded("application/json", document.bytes));
        }
        Route::Health(_) | Route::OpenApiV2 | Route::Resource(_) | Route::Unknown => None,
    };
    document.map(|document| Answer::Document {
        code: 200,
        document,
    })
}

/// `/openapi/v2`, in the encoding that the client asks for: kubectl takes protobuf alone.
pub fn openapi_v2(core: &Core, request: &Request<Bytes>) -> Answer {
    let document = openapi::v2(core.registry().all());
    let accept = request.headers().get(header::ACCEPT);
    let wants_protobuf = accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("protobuf"));
    if wants_protobuf {
        let bytes = openapi::v2_protobuf(&document).into();
        Answer::Encoded(openapi::V2_MEDIA_TYPE, bytes)
    } else {
        Answer::Document {
            code: 200,
            document,
        }
    }
}

/// The answer to a path that means nothing.
pub fn not_found() -> Answer {
    Answer::Text(404, "404 page not found\n".to_owned())
}

/// The version of the aggregated discovery document, where the client prefers one.
fn aggregated_version(request: &Request<Bytes>) -> Option<&'static str> {
    let accept = request.headers().get(header::ACCEPT)?.to_str().ok()?;
    let first = accept.split(',').next()?;
    if !first.contains("as=APIGroupDiscoveryList") {
        return None;
    }
    let version = first
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("v="))?;
    ["v2", "v2beta1"]
        .into_iter()
        .find(|known| *known == version)
}

/// `/`: every path that can be asked for.
fn index(resources: &[Arc<ResourceType>]) -> Value {
    let mut paths: Vec<String> = resources
        .iter()
        .flat_map(|resource| {
            let group = &resource.group;
            if group.is_empty() {
                vec!["/api".to_owned(), format!("/api/{}", resource.version)]
            } else {
                let group = format!("/apis/{group}");
                let version = format!("{group}/{}", resource.version);
                vec!["/apis".to_owned(), group, version]
            }
        })
        .chain(
            [
                "/healthz",
                "/livez",
                "/openapi/v2",
                "/openapi/v3",
                "/readyz",
                "/version",
            ]
            .map(str::to_owned),
        )
        .collect();
    paths.sort();
    paths.dedup();
    json!({"paths": paths})
}

/// `/version`: the release whose rules the server follows.
fn version() -> Value {
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.0+apiserver", "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
        "compiler": "rustc", "platform": platform,
    })
}
