//! A client that answers those requests itself that a test wants answered otherwise, as another API server or something
//! in front of it would.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

/// A refusal: HTTP status, reason and message.
#[derive(Clone, Copy)]
pub struct Refusal(pub u16, pub &'static str, pub &'static str);

/// HTTP status and body.
type Rule = Box<dyn Fn(&Request<Body>) -> Option<(u16, Value)> + Send>;

/// Clones are the same one.
#[derive(Clone, Default)]
pub struct Interference {
    rule: Arc<Mutex<Option<Rule>>>,
}

impl Interference {
    /// From now on.
    pub fn refuse(&self, rule: impl Fn(&Request<Body>) -> Option<Refusal> + Send + 'static) {
        self.answer(move |request| rule(request).map(Refusal::status));
    }

    /// From now on, with any document.
    pub fn answer(&self, rule: impl Fn(&Request<Body>) -> Option<(u16, Value)> + Send + 'static) {
        *self.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// From now on everything is answered by the API server.
    pub fn relent(&self) {
        *self.rule.lock().unwrap() = None;
    }

    /// A client that leads through it.
    pub fn before(&self, inner: Client) -> Client {
        let interference = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = interference
                .rule
                .lock()
                .unwrap()
                .as_ref()
                .and_then(|rule| rule(&request));
            let inner = inner.clone();
            async move {
                match answer {
                    Some((code, body)) => Ok(document(code, &body)),
                    None => inner.send(request).await,
                }
            }
        });
        Client::new(service, "default")
    }
}

fn document(code: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string().into_bytes()))
        .unwrap()
}

impl Refusal {
    fn status(self) -> (u16, Value) {
        let Self(code, reason, message) = self;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        (code, status)
    }
}
