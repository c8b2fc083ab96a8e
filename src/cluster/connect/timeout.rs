//! A limit for every single answer, as a layer of the client. A watch is limited only until it begins.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

use super::retry_after;
use crate::{
    cluster::deadline::Deadline,
    failure::{RequestTimedOut, TargetTooLong},
};

/// Gives a request this long, its whole answer included.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTimeout {
    /// `None`: as long as the command may take.
    pub limit: Option<Duration>,
    /// Of the whole command. No request outlives it by more than what clean-ups are allowed, whoever makes it.
    pub deadline: Deadline,
}

impl RequestTimeout {
    /// Of a request that is sent now.
    fn now(&self) -> Option<Duration> {
        let left = self.deadline.with_grace().remaining();
        match (self.limit, left) {
            (Some(limit), Some(left)) => Some(limit.min(left)),
            (limit, left) => limit.or(left),
        }
    }
}

impl<S> Layer<S> for RequestTimeout {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            timeout: *self,
        }
    }
}

/// A service whose answers come in time or not at all.
pub(super) struct Limited<S> {
    inner: S,
    timeout: RequestTimeout,
}

impl<S> Service<Request<Body>> for Limited<S>
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
        let target = request.uri().path_and_query();
        if target.is_some_and(|target| target.as_str().len() > LONGEST_TARGET) {
            return Box::pin(std::future::ready(Err(TargetTooLong.into())));
        }
        let streams = is_watch(&request);
        let answer = self.inner.call(request);
        let limit = self.timeout.now();
        Box::pin(async move {
            let answer = async {
                let answer = answer.await?;
                if streams && answer.status().is_success() {
                    Ok(answer)
                } else {
                    whole(answer).await
                }
            };
            let Some(limit) = limit else {
                return answer.await;
            };
            tokio::time::timeout(limit, answer)
                .await
                .unwrap_or_else(|_| Err(RequestTimedOut { after: limit }.into()))
        })
    }
}

/// What a server wants to be told again, such as the place to go on with a list at, may be of any length. kube takes for
/// granted that it fits into a URL, behind the server's own ([`super::address`]).
const LONGEST_TARGET: usize = 32 * 1024;

pub(super) fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "watch=true")
}

/// Reads the answer to its end: only then it has come.
async fn whole(answer: Response<Box<DynBody>>) -> Result<Response<Box<DynBody>>, BoxError> {
    let (parts, body) = answer.into_parts();
    let bytes = retry_after::noted(&parts, body.collect().await?.to_bytes());
    let body = Full::new(bytes).map_err(|never| match never {});
    Ok(Response::from_parts(parts, Box::new(body)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::{super::transport, *};
    use crate::failure::{Kind, Reason, from_kube};

    /// A server that answers each connection with these bytes, and then keeps it open.
    fn stalling_server(answer: &'static [u8]) -> std::net::SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.read(&mut [0; 4096]);
                connection.write_all(answer).unwrap();
                open.push(connection);
            }
        });
        address
    }

    fn client(address: std::net::SocketAddr, timeout: RequestTimeout) -> kube::Client {
        let config = kube::Config::new(format!("http://{address}").parse().unwrap());
        let builder = transport::builder(&config).unwrap();
        builder.with_layer(&timeout).build()
    }

    fn short() -> RequestTimeout {
        RequestTimeout {
            limit: Some(Duration::from_millis(50)),
            deadline: Deadline::never(),
        }
    }

    /// The command's time, and that of its clean-ups, is over.
    fn over() -> RequestTimeout {
        let started = tokio::time::Instant::now().checked_sub(Duration::from_secs(10));
        RequestTimeout {
            limit: None,
            deadline: Deadline::since(started.unwrap(), Duration::from_secs(1)),
        }
    }

    #[tokio::test]
    async fn a_server_that_stalls_before_or_within_its_answer_is_given_up() {
        let begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"major";
        for (answer, timeout) in [(&b""[..], short()), (begun, short()), (begun, over())] {
            let client = client(stalling_server(answer), timeout);
            let error = client.apiserver_version().await.unwrap_err();
            let failure = from_kube(&error, "ask");
            assert_eq!(
                (failure.kind, failure.reason),
                (Kind::Unreachable, Reason::RequestTimedOut)
            );
        }
    }

    #[tokio::test]
    async fn a_request_that_fits_into_no_url_is_an_error() {
        let client = client(stalling_server(b""), short());
        for length in [LONGEST_TARGET, 65_500] {
            let target = format!("/apis/x?continue={}", "c".repeat(length));
            let request = Request::get(target).body(Body::empty()).unwrap();
            let error = client.send(request).await.unwrap_err();
            let failure = from_kube(&error, "list");
            assert_eq!(
                (failure.kind, failure.reason),
                (Kind::Incomplete, Reason::UnexpectedAnswer)
            );
            assert!(!failure.retryable);
        }
    }

    #[tokio::test]
    async fn a_watch_may_take_as_long_as_it_likes_once_it_has_begun() {
        let address = stalling_server(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let request = Request::get("/apis/x?watch=true")
            .body(Body::empty())
            .unwrap();
        let answer = client(address, short()).send(request).await.unwrap();
        let body = answer.into_body().collect();
        assert!(
            tokio::time::timeout(Duration::from_millis(150), body)
                .await
                .is_err(),
            "still open"
        );
    }
}
