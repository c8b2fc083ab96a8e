//! Notes in an answer of the API server that it saw no credential, and what there was to be seen: see [`Unseen`].

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use serde_json::Value;
use tower::{BoxError, Layer, Service};

use crate::{api::name, failure::Unseen};

/// A layer outside of the one that reads refusals to their end.
#[derive(Clone, Copy, Debug)]
pub(super) struct CredentialCheck {
    /// What the kubeconfig has; `None` where the user asked to be nobody.
    pub had: Option<Unseen>,
}

impl<S> Layer<S> for CredentialCheck {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        Checked {
            inner,
            had: self.had,
        }
    }
}

/// A service whose refusals say what there was to be seen.
pub(super) struct Checked<S> {
    inner: S,
    had: Option<Unseen>,
}

impl<S> Service<Request<Body>> for Checked<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.inner.call(request);
        let had = self.had;
        Box::pin(async move {
            let answer = answer.await?;
            let denied = matches!(
                answer.status(),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            );
            let Some(had) = had.filter(|_| denied) else {
                return Ok(answer);
            };
            let (parts, body) = answer.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let noted = noted(parts.status, &bytes, had).map_or(bytes, Into::into);
            let body = Full::new(noted).map_err(|never| match never {});
            Ok(Response::from_parts(parts, Box::new(body)))
        })
    }
}

/// The Status with the note in it; `None` where it is about a credential that was seen, or no Status.
fn noted(code: StatusCode, body: &[u8], had: Unseen) -> Option<String> {
    let mut status: Value = serde_json::from_slice(body).ok()?;
    let message = status["message"].as_str()?;
    let unseen = match code {
        StatusCode::FORBIDDEN => message.contains(&format!("User \"{}\" cannot ", name::ANONYMOUS)),
        // A server that takes no requests of nobody says the same of a missing credential as of a wrong one.
        _ => had == Unseen::Nothing,
    };
    if !unseen {
        return None;
    }
    had.note(&mut status);
    Some(status.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_not_seen_is_noted() {
        let of_nobody = r#"pods is forbidden: User "system:anonymous" cannot list resource "pods""#;
        let of_eve = r#"pods is forbidden: User "eve" cannot list resource "pods""#;
        for (code, message, had, expected) in [
            (403, of_nobody, Unseen::Nothing, true),
            (403, of_nobody, Unseen::Header, true),
            (403, of_nobody, Unseen::Certificate, true),
            (403, of_eve, Unseen::Nothing, false),
            (403, "denied by system:anonymous", Unseen::Nothing, false),
            (401, "Unauthorized", Unseen::Nothing, true),
            (401, "Unauthorized", Unseen::Header, false),
            (401, "Unauthorized", Unseen::Certificate, false),
        ] {
            let status = json!({"kind": "Status", "code": code, "message": message});
            let code = StatusCode::from_u16(code).unwrap();
            let noted = noted(code, status.to_string().as_bytes(), had);
            assert_eq!(noted.is_some(), expected, "{code} {message} {had:?}");
        }
        assert_eq!(
            noted(StatusCode::FORBIDDEN, b"<html>", Unseen::Nothing),
            None
        );
    }
}
