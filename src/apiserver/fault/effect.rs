//! What faults do to requests and answers.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use serde_json::json;

use super::{Effect, Faults, Party};
use crate::{
    access::{authorization, identity::Identity},
    endpoint::watch,
    presentation::{
        answer::{self, Body, Encoding},
        protobuf,
    },
    status_error::StatusError,
};

/// An answer's body on its way out; unlike the answer's own it may break off.
pub type Wire = UnsyncBoxBody<Bytes, io::Error>;

/// The connection is to be reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is reset, as a fault asked for")]
pub struct Reset;

/// Lets the faults have their way with a request and its answer.
pub async fn through(
    faults: &Faults,
    party: Party,
    user: &Identity,
    request: &Request<Bytes>,
    answer: impl Future<Output = Response<Body>>,
) -> Result<Response<Wire>, Reset> {
    let effects = if faults.are_none() {
        Vec::new()
    } else {
        faults.effects(party, &authorization::of_request(user, request))
    };
    let mut last = None;
    for effect in effects {
        match effect {
            Effect::Delay(time) => tokio::time::sleep(time.into()).await,
            Effect::Answer {
                code,
                retry_after,
                message,
            } => {
                return Ok(unharmed(refused(
                    code,
                    retry_after.map(Into::into),
                    message,
                )));
            }
            Effect::Reset => return Err(Reset),
            Effect::Restart { downtime } => {
                faults.restart(downtime.into());
                if party == Party::Clients {
                    // This connection is about to be cut like all others.
                    std::future::pending::<()>().await;
                }
            }
            Effect::Error { code, after } => last = Some((after.into(), Last::Told(code))),
            Effect::End { after } => last = Some((after.into(), Last::Nothing)),
            Effect::Cut { after } => last = Some((after.into(), Last::Broken)),
        }
    }
    let answer = answer.await;
    Ok(match last {
        Some((after, last)) => broken_off(answer, after, &last),
        None => unharmed(answer),
    })
}

/// The answer as it is.
pub fn unharmed(answer: Response<Body>) -> Response<Wire> {
    answer.map(|body| body.map_err(never).boxed_unsync())
}

fn never(impossible: Infallible) -> io::Error {
    match impossible {}
}

/// How an answer ends that breaks off.
enum Last {
    Nothing,
    Broken,
    /// A watch tells this failure.
    Told(u16),
}

fn broken_off(answer: Response<Body>, after: Duration, last: &Last) -> Response<Wire> {
    let last = match last {
        Last::Nothing => None,
        Last::Broken => Some(Err(io::Error::other("cut by a fault"))),
        Last::Told(code) => {
            let frame = watch::error_frame(&error(*code, None).status(), encoding_of(&answer));
            Some(Ok(Frame::data(frame.into())))
        }
    };
    answer.map(|body| {
        let data = body
            .into_data_stream()
            .map(|data| data.map(Frame::data).map_err(never));
        let data = data.take_until(tokio::time::sleep(after));
        // Pending once, so that what came before is on its way when the end comes.
        let last = stream::once(async {
            tokio::task::yield_now().await;
            stream::iter(last)
        });
        StreamBody::new(data.chain(last.flatten())).boxed_unsync()
    })
}

/// What the frames of a watch are written in.
fn encoding_of(answer: &Response<Body>) -> Encoding {
    let media_type = answer.headers().get(header::CONTENT_TYPE);
    if media_type.is_some_and(|found| found == protobuf::STREAM_MEDIA_TYPE) {
        Encoding::Protobuf
    } else {
        Encoding::Json
    }
}

fn refused(code: u16, retry_after: Option<Duration>, message: Option<String>) -> Response<Body> {
    let mut error = error(code, message);
    let seconds = retry_after.map(|time| time.as_secs().max(1));
    if let Some(seconds) = seconds {
        error = error.with_details(json!({"retryAfterSeconds": seconds}));
    }
    let mut response = answer::refuse(&error);
    if let Some(seconds) = seconds {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A failure in kube-apiserver's words (apimachinery `pkg/api/errors`), or in others.
fn error(code: u16, message: Option<String>) -> StatusError {
    let (reason, words) = match code {
        400 => ("BadRequest", "the server rejected our request"),
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden by a fault"),
        404 => (
            "NotFound",
            "the server could not find the requested resource",
        ),
        409 => (
            "Conflict",
            "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest \
             version and try again",
        ),
        410 => (
            "Expired",
            "The resourceVersion for the provided watch is too old.",
        ),
        429 => (
            "TooManyRequests",
            "Too many requests, please try again later.",
        ),
        500 => (
            "InternalError",
            "Internal error occurred: a fault asked for it",
        ),
        503 => ("ServiceUnavailable", "apiserver is shutting down."),
        504 => (
            "Timeout",
            "Timeout: request did not complete within the allotted timeout",
        ),
        _ => ("", "a fault asked for it"),
    };
    StatusError::other(code, reason, message.unwrap_or_else(|| words.to_owned()))
}
