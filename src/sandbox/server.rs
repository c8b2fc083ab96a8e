//! The HTTPS front end: accepts connections, knows who is asking, and hands whole requests to the core.
//!
//! Limits: so many connections, so long for the handshake and for each part of a request, so large a body.

use std::{
    convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration,
};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;

use super::{
    Identity,
    account_token::ISSUER,
    answer::{self, Body},
    auth::{self, Users},
    core::Core,
    refusal::Refusal,
};

/// As kube-apiserver: no request body is larger.
const LARGEST_BODY: usize = 3 * 1024 * 1024;
const MOST_CONNECTIONS: usize = 2048;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What a connection needs.
pub struct Front {
    pub core: Arc<Core>,
    pub users: Users,
    pub tls: Arc<ServerConfig>,
}

/// Binds an address so that it can be bound again at once after closing.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    use anyhow::Context;
    TcpListener::bind(address)
        .await
        .with_context(|| format!("can not listen on {address}"))
}

/// Starts to listen where an address was kept.
pub fn listen(reserved: TcpSocket) -> anyhow::Result<TcpListener> {
    /// As many as the standard library lets wait.
    const BACKLOG: u32 = 128;
    Ok(reserved.listen(BACKLOG)?)
}

/// Keeps an address for later: a socket that is bound and does not listen refuses whoever connects. `None` where
/// somebody else was faster.
pub fn reserve(address: SocketAddr) -> Option<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }
    .ok()?;
    socket.set_reuseaddr(true).ok()?;
    socket.bind(address).ok()?;
    Some(socket)
}

/// Accepts until told to stop, then cuts what is open; returns when no connection is left.
pub async fn serve(listener: TcpListener, front: Arc<Front>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let acceptor = TlsAcceptor::from(front.tls.clone());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others have to close first.
                tracing::warn!(%error, "can not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!("more than {MOST_CONNECTIONS} connections: one was closed");
            continue;
        };
        let (acceptor, front) = (acceptor.clone(), front.clone());
        connections.spawn(async move {
            let _place = place;
            connection(stream, acceptor, front).await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, front: Arc<Front>) {
    // Watches send small frames that should not wait for more.
    let _ = stream.set_nodelay(true);
    let stream = match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake timed out"),
    };
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(respond(&front, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

impl Front {
    /// Who makes a request.
    fn identify(&self, headers: &HeaderMap) -> Result<Identity, Refusal> {
        auth::authenticate(headers, &self.users, |token| {
            let claims = self.core.account(token, Timestamp::now())?;
            let for_us = claims.audiences.iter().any(|audience| audience == ISSUER);
            for_us.then(|| claims.identity())
        })
    }
}

async fn respond(front: &Front, request: Request<Incoming>) -> Response<Body> {
    let identity = match front.identify(request.headers()) {
        Ok(identity) => identity,
        Err(refusal) => return answer::refuse(&refusal),
    };
    let (head, body) = request.into_parts();
    let whole = timeout(BODY_TIMEOUT, Limited::new(body, LARGEST_BODY).collect());
    let body = match whole.await {
        Err(_) => {
            let message = "request did not complete within the allowed duration";
            return answer::refuse(&Refusal::other(408, "Timeout", message));
        }
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            return answer::refuse(&Refusal::other(
                413,
                "RequestEntityTooLarge",
                format!("Request entity too large: limit is {LARGEST_BODY}"),
            ));
        }
        Ok(Err(error)) => return answer::refuse(&Refusal::bad_request(error.to_string())),
    };
    let request = Request::from_parts(head, body);
    guarded(async { front.core.handle(&identity, &request) }).await
}

/// A panic in a handler is a bug; it costs one request, not the server.
pub async fn guarded(answer: impl Future<Output = Response<Body>>) -> Response<Body> {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(response) => response,
        Err(_) => answer::refuse(&Refusal::other(
            500,
            "InternalError",
            "Internal error occurred: the handler of this request panicked",
        )),
    }
}

/// An in-process request with its whole body.
pub async fn whole(request: Request<kube::client::Body>) -> Result<Request<Bytes>, kube::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Request::from_parts(head, body))
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn a_panic_costs_one_request() {
        let response = super::guarded(async { panic!("on purpose") }).await;
        assert_eq!(response.status(), 500);
    }
}
