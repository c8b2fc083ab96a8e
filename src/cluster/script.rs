//! For tests: a client whose API server is a function. No sockets, no clock.

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
            };
            tell(&call, true);
            tokio::task::yield_now().await;
            tell(&call, false);
            answer(&call).response()
        }
    });
    kube::Client::new(service, "default")
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
