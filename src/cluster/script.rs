//! For tests: a client whose API server is a function. No sockets, no clock.
//!
//! What every API server says and no test is about (kinds, versions, uids, namespaces) is filled in where an answer leaves
//! it out; [`Answer::Text`] is sent as it is.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
use kube::client::Body;
use serde_json::{Value, json};

/// A request, taken apart.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    query: Vec<(String, String)>,
    pub body: Value,
    /// Only metadata is asked for.
    pub metadata: bool,
}

impl Call {
    pub fn query(&self, name: &str) -> Option<String> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }

    pub fn watches(&self) -> bool {
        self.query("watch").as_deref() == Some("true")
    }
}

/// What the API server says.
#[derive(Clone, Debug)]
pub enum Answer {
    Json(u16, Value),
    Text(u16, String),
    /// Lines of a watch; afterwards it stays open, or ends.
    Watch {
        lines: Vec<Value>,
        stays_open: bool,
    },
    /// The connection broke.
    Broken,
}

impl Answer {
    pub fn json(value: &Value) -> Self {
        Self::Json(200, value.clone())
    }

    pub fn text(code: u16, text: &str) -> Self {
        Self::Text(code, text.to_owned())
    }

    pub fn status(code: u16, reason: &str, message: &str) -> Self {
        Self::Json(
            code,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "code": code, "reason": reason, "message": message}),
        )
    }

    pub fn not_served() -> Self {
        Self::text(404, "404 page not found\n")
    }

    /// Of an API server that serves nothing of what is asked for, and says so.
    pub fn nothing_served(call: &Call) -> Self {
        match call.path.as_str() {
            "/apis" => Self::groups(&["apps"]),
            // These are served everywhere.
            path if call.method == "GET" && is_built_in_collection(path) => {
                Self::json(&json!({"metadata": {"resourceVersion": "9"}, "items": []}))
            }
            _ => Self::not_served(),
        }
    }

    /// The groups that are served, each in version v1.
    pub fn groups(names: &[&str]) -> Self {
        let groups: Vec<Value> = names.iter().map(|name| group(name, "v1")).collect();
        Self::json(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
    }

    /// A watch that stays open after these `(type, object)`.
    pub fn watch(events: &[(&str, Value)]) -> Self {
        Self::Watch {
            lines: lines(events),
            stays_open: true,
        }
    }

    /// A watch that the server ends after these `(type, object)`.
    pub fn cut_watch(events: &[(&str, Value)]) -> Self {
        Self::Watch {
            lines: lines(events),
            stays_open: false,
        }
    }

    /// With what every API server says to that call.
    fn completed(mut self, call: &Call) -> Self {
        match &mut self {
            Self::Json(code, value) if *code >= 400 => complete_status(call, value),
            Self::Json(_, value) if call.method == "GET" && value["items"].is_array() => {
                complete_list(call, value);
            }
            Self::Json(_, value) if value["kind"] != "Status" => complete_object(call, value),
            Self::Watch { lines, .. } => {
                for line in lines.iter_mut().filter(|line| line["type"] != "ERROR") {
                    complete_object(call, &mut line["object"]);
                }
            }
            Self::Json(..) | Self::Text(..) | Self::Broken => {}
        }
        self
    }

    fn response(self) -> std::io::Result<Response<BoxBody<Bytes, std::io::Error>>> {
        let whole = |code: u16, text: String| {
            let body = http_body_util::Full::new(Bytes::from(text))
                .map_err(|never| match never {})
                .boxed();
            Response::builder().status(code).body(body).unwrap()
        };
        match self {
            Self::Json(code, value) => Ok(whole(code, value.to_string())),
            Self::Text(code, text) => Ok(whole(code, text)),
            Self::Watch { lines, stays_open } => {
                let frames = stream::iter(
                    lines
                        .into_iter()
                        .map(|line| Ok(http_body::Frame::data(Bytes::from(format!("{line}\n"))))),
                );
                let body = if stays_open {
                    BoxBody::new(StreamBody::new(frames.chain(stream::pending())))
                } else {
                    BoxBody::new(StreamBody::new(frames))
                };
                Ok(Response::new(body))
            }
            Self::Broken => Err(std::io::ErrorKind::ConnectionReset.into()),
        }
    }
}

/// A group of the API with one version.
pub fn group(name: &str, version: &str) -> Value {
    let version = json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [version], "preferredVersion": version})
}

/// Group, version, namespace, plural and name of a path.
fn parts(path: &str) -> (&str, String, Option<&str>, &str, Option<&str>) {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["apis", group, version, rest @ ..] => (*group, format!("{group}/{version}"), rest),
        ["api", version, rest @ ..] => ("", (*version).to_owned(), rest),
        _ => return ("", String::new(), None, "", None),
    };
    match rest {
        ["namespaces", namespace, plural, rest @ ..] => {
            let name = rest.first().copied();
            (group, version, Some(namespace), plural, name)
        }
        [plural, rest @ ..] => (group, version, None, plural, rest.first().copied()),
        [] => (group, version, None, "", None),
    }
}

fn put(object: &mut Value, field: &str, value: &str) {
    if object.is_object() && object[field].is_null() {
        object[field] = value.into();
    }
}

/// The kind without its capitals inside, which is all that a plural tells.
fn complete_kind(call: &Call, object: &mut Value, list: &str) {
    let (_, version, _, plural, _) = parts(&call.path);
    if plural.is_empty() {
        return;
    }
    let singular = plural.strip_suffix("ies").map(|stem| format!("{stem}y"));
    let mut kind = singular.unwrap_or_else(|| plural.trim_end_matches('s').to_owned());
    kind[..1].make_ascii_uppercase();
    let (kind, version) = if call.metadata {
        (
            "PartialObjectMetadata".to_owned(),
            "meta.k8s.io/v1".to_owned(),
        )
    } else {
        (kind, version)
    };
    put(object, "kind", &format!("{kind}{list}"));
    put(object, "apiVersion", &version);
}

fn complete_metadata(call: &Call, object: &mut Value) {
    let (_, _, namespace, _, _) = parts(&call.path);
    let Some(metadata) = object.get_mut("metadata") else {
        return;
    };
    if let Some(name) = metadata["name"].as_str().map(str::to_owned) {
        put(metadata, "uid", &format!("uid-of-{name}"));
        if let Some(namespace) = namespace {
            put(metadata, "namespace", namespace);
        }
    }
}

fn complete_list(call: &Call, list: &mut Value) {
    complete_kind(call, list, "List");
    for item in list["items"].as_array_mut().into_iter().flatten() {
        complete_metadata(call, item);
    }
}

fn complete_object(call: &Call, object: &mut Value) {
    complete_kind(call, object, "");
    complete_metadata(call, object);
}

fn complete_status(call: &Call, status: &mut Value) {
    let (group, _, _, plural, name) = parts(&call.path);
    let name = name.map_or_else(|| call.body["metadata"]["name"].clone(), Into::into);
    if status["details"].is_null() && name.is_string() {
        status["details"] = json!({"name": name, "group": group, "kind": plural});
    }
}

fn lines(events: &[(&str, Value)]) -> Vec<Value> {
    events
        .iter()
        .map(|(kind, object)| json!({"type": kind, "object": object}))
        .collect()
}

/// A client that is answered by `answer`. Must be made inside a tokio runtime.
pub fn client(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> kube::Client {
    slow_client(answer, |_, _| {})
}

/// The same; others get their turn between the beginning (`true`) and the end of each call, which are told.
pub fn slow_client(
    answer: impl Fn(&Call) -> Answer + Send + Sync + 'static,
    tell: impl Fn(&Call, bool) + Send + Sync + 'static,
) -> kube::Client {
    let (answer, tell) = (Arc::new(answer), Arc::new(tell));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, tell) = (Arc::clone(&answer), Arc::clone(&tell));
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body
                .collect()
                .await
                .map_err(std::io::Error::other)?
                .to_bytes();
            let call = Call {
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                query: form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
                    .into_owned()
                    .collect(),
                body: serde_json::from_slice(&bytes).unwrap_or_default(),
                metadata: parts
                    .headers
                    .get(http::header::ACCEPT)
                    .is_some_and(|accept| {
                        accept
                            .to_str()
                            .unwrap_or_default()
                            .contains("as=PartialObjectMetadata")
                    }),
            };
            tell(&call, true);
            tokio::task::yield_now().await;
            tell(&call, false);
            answer(&call).completed(&call).response()
        }
    });
    super::answer::checked(kube::Client::new(service, "default"))
}

/// An observer that remembers.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<super::Event>>>);

impl Recorder {
    pub fn events(&self) -> Vec<super::Event> {
        self.0.lock().unwrap().clone()
    }
}

impl super::Observer for Recorder {
    fn event(&self, event: &super::Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

fn is_built_in_collection(path: &str) -> bool {
    let of = |group: &str| path.strip_prefix(group);
    let Some(path) = of("/api/v1/").or_else(|| of("/apis/apps/v1/")) else {
        return false;
    };
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], [_] | ["namespaces", _, _])
}
