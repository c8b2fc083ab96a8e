//! Is an answer the one that was asked for? A layer around every client of a cluster, so that nobody has to ask: neither
//! our own readers nor kube's watchers see an answer that is not from an API server, or about something else.
//!
//! A success has the HTTP status code of its verb, is JSON, and is of the kind, in the place and of the name that the
//! path names; so is every line of a watch. A 404 is about that very object, or about a path that is not served.
//! Whether a path that is not served means that nothing is there, `discovery` finds out; that a list has all its pages,
//! `list` sees to.

mod body;
mod document;
mod events;
mod question;
mod refusal;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::{Request, Response, header::CONTENT_TYPE, response::Parts};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::{Client, client::Body};
use tower::BoxError;

use self::question::{Address, Question, Sent};
use crate::failure::{BadPath, UnexpectedAnswer};

/// The same client, whose answers are those that were asked for. [`connect`](super::connect) has seen to it already.
pub fn checked(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move { pass(&client, request).await }
    });
    Client::new(service, namespace)
}

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

async fn pass(client: &Client, request: Request<Body>) -> Result<Response<AnswerBody>, BoxError> {
    if let Some(fault) = question::misleading(request.uri().path()) {
        return Err(BadPath { fault }.into());
    }
    let mut asked = Question::of(&request);
    if let Some(sent) = request.body().try_clone() {
        asked.sent = Sent::read(&sent.collect_bytes().await?);
    }
    let (head, body) = client.send(request).await?.into_parts();
    let refused = head.status.is_client_error() || head.status.is_server_error();
    if !refused {
        success(&asked, &head)?;
    }
    if asked.watch && !refused {
        let lines = events::checked(asked, body.into_data_stream());
        let body = StreamBody::new(lines.map_ok(Frame::data)).boxed_unsync();
        return Ok(Response::from_parts(head, body));
    }
    let mut whole = body.collect().await?.to_bytes();
    if refused {
        let rewritten = refusal::check(&asked, head.status.as_u16(), &whole)?;
        whole = rewritten.map_or(whole, Bytes::from);
    } else {
        body::check(&asked, &whole)?;
    }
    let whole = Full::new(whole).map_err(|never| match never {});
    Ok(Response::from_parts(head, whole.boxed_unsync()))
}

/// What is wrong before the body is looked at.
fn success(asked: &Question, head: &Parts) -> Result<(), UnexpectedAnswer> {
    let code = head.status.as_u16();
    if !asked.successes().contains(&code) {
        let redirect = if head.status.is_redirection() {
            ", a redirect"
        } else {
            ""
        };
        return Err(UnexpectedAnswer::new(
            "an answer of the API server",
            format!("HTTP status {code}{redirect}"),
        ));
    }
    let media = head
        .headers
        .get(CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes);
    match media.filter(|_| asked.address != Address::Other) {
        Some(media) if !media.starts_with(b"application/json") => Err(UnexpectedAnswer::new(
            "JSON",
            format!("{}", String::from_utf8_lossy(media)),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Group, version and plural of the path of a collection or of an object in it; of any other path nothing.
pub(super) fn collection(path: &str) -> (String, String, String) {
    match Address::of(path) {
        Address::Collection(of) | Address::Object(of, _) => (of.group, of.version, of.plural),
        Address::Groups | Address::Group(_) | Address::Resources(_) | Address::Other => {
            Default::default()
        }
    }
}

/// Does the query ask for a watch?
fn is_watch(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| matches!(pair, "watch=true" | "watch=1"))
}

#[cfg(test)]
mod tests;
