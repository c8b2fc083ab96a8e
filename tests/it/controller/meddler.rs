//! A client that refuses those requests that a story wants refused, as another API server or something in front of it
//! would.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::json;

/// A refusal: HTTP status, reason and message.
#[derive(Clone, Copy)]
pub struct Refusal(pub u16, pub &'static str, pub &'static str);

type Rule = Box<dyn Fn(&Request<Body>) -> Option<Refusal> + Send>;

/// Clones are the same one.
#[derive(Clone, Default)]
pub struct Meddler {
    rule: Arc<Mutex<Option<Rule>>>,
}

impl Meddler {
    /// From now on.
    pub fn refuse(&self, rule: impl Fn(&Request<Body>) -> Option<Refusal> + Send + 'static) {
        *self.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// From now on nothing is refused.
    pub fn relent(&self) {
        *self.rule.lock().unwrap() = None;
    }

    /// A client that leads through it.
    pub fn before(&self, inner: Client) -> Client {
        let meddler = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let refusal = meddler
                .rule
                .lock()
                .unwrap()
                .as_ref()
                .and_then(|rule| rule(&request));
            let inner = inner.clone();
            async move {
                match refusal {
                    Some(refusal) => Ok(refusal.answer()),
                    None => inner.send(request).await,
                }
            }
        });
        Client::new(service, "default")
    }
}

impl Refusal {
    fn answer(self) -> Response<Body> {
        let Self(code, reason, message) = self;
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Response::builder()
            .status(code)
            .header("content-type", "application/json")
            .body(Body::from(status.to_string().into_bytes()))
            .unwrap()
    }
}
