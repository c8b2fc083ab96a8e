//! The gate to the API server: every request of the controller goes through it and is counted, and while somebody
//! else leads no write does.
//!
//! Dropping what a leader is doing is not enough: a process that was stopped past its lease wakes up in the middle of
//! something. So each write looks at the clock once more on its way out. What passes all the same, in the moment
//! between look and socket, meets its own precondition at the API server.

use std::sync::Arc;

use http::{Method, Request, Response};
use kube::{Client, client::Body};
use tower::service_fn;

use super::{
    election::Leadership,
    metric::{self, Metrics},
};
use crate::api::name;

/// A client that counts, and that writes only for a leader.
pub(super) fn client(inner: Client, leadership: Leadership, metrics: Arc<Metrics>) -> Client {
    let service = service_fn(move |request: Request<Body>| {
        let (inner, leadership, metrics) = (inner.clone(), leadership.clone(), metrics.clone());
        async move { pass(inner, leadership, metrics, request).await }
    });
    Client::new(service, name::SYSTEM_NAMESPACE)
}

async fn pass(
    inner: Client,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    request: Request<Body>,
) -> kube::Result<Response<Body>> {
    let method = request.method().clone();
    if changes(&method) && !leadership.holds() {
        metrics.add(
            &metric::API_REQUESTS,
            &[method.as_str(), "not-leading"],
            1.0,
        );
        return Err(kube::Error::Service(Box::new(NotLeading)));
    }
    // A write that somebody else's may overtake is not waited for.
    let answer = tokio::select! {
        biased;
        answer = inner.send(request) => answer,
        () = leadership.lost(), if changes(&method) => Err(kube::Error::Service(Box::new(NotLeading))),
    };
    let code = match &answer {
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(_) => "none".to_owned(),
    };
    metrics.add(&metric::API_REQUESTS, &[method.as_str(), &code], 1.0);
    answer
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Another controller leads.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this controller does not lead any more: nothing is written")]
struct NotLeading;
