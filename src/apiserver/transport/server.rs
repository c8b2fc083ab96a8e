//! The HTTPS front end: accepts connections, knows who is asking, and hands whole requests to the core.
//!
//! Limits: so many connections (where there are more, [`Places`] says who goes), so long for the handshake and for each
//! part of a request, so large a body.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;

use super::places::{Place, Places};
use crate::{
    access::{
        account_token::ISSUER,
        auth::{self, Users},
        identity::Identity,
    },
    endpoint::core::Core,
    fault::{
        Faults, Party, admin,
        effect::{self, Reset, Wire},
    },
    presentation::answer,
    status_error::StatusError,
};

/// As kube-apiserver: no request body is larger.
const LARGEST_BODY: usize = 3 * 1024 * 1024;
/// So much of a body that is too large is read all the same.
const MOST_THROWN_AWAY: usize = 64 * 1024 * 1024;
/// Request line and headers together.
const LARGEST_HEAD: usize = 128 * 1024;

/// What a client may take up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time from one request's end to the end of the next one's headers.
    pub head: Duration,
    /// Time for a request's body.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(60),
            body: Duration::from_secs(60),
        }
    }
}

/// What a connection needs.
pub struct Front {
    pub core: Arc<Core>,
    pub users: Users,
    pub tls: Arc<ServerConfig>,
    pub faults: Faults,
    pub limits: Limits,
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
    let places = Places::new(front.limits.connections);
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
                tracing::warn!(%error, "cannot accept a connection");
                places.make_room();
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.enter() => place,
        };
        let Some(place) = place else {
            tracing::warn!(
                "more than {} connections: one was closed",
                front.limits.connections
            );
            continue;
        };
        let (acceptor, front, place) = (acceptor.clone(), front.clone(), Arc::new(place));
        connections.spawn(async move {
            tokio::select! {
                () = place.needed() => {}
                () = connection(stream, acceptor, front, place.clone()) => {}
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    front: Arc<Front>,
    place: Arc<Place>,
) {
    // Watches send small frames that should not wait for more.
    let _ = stream.set_nodelay(true);
    let limits = front.limits;
    let stream = match timeout(limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake timed out"),
    };
    let service = service_fn(move |request| {
        let (front, place) = (front.clone(), place.clone());
        async move { respond(&front, &place, request).await }.boxed()
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = (&mut connection).await {
        tracing::debug!(%error, "connection ended");
        if std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<Reset>) {
            let stream = connection.into_parts().io.into_inner();
            // What is closed without lingering is reset.
            let _ = stream.get_ref().0.set_zero_linger();
        }
    }
}

impl Front {
    /// The answer to a request, as faults and the disk let it out.
    pub async fn answer(
        &self,
        party: Party,
        user: &Identity,
        request: &Request<Bytes>,
    ) -> Result<Response<Wire>, Reset> {
        if let Some(answer) = admin::answer(&self.faults, user, request) {
            return Ok(effect::unharmed(answer));
        }
        let answer = async {
            let answer = self.core.reply(user, request).await;
            match self.core.store.kept().await {
                Ok(()) => answer,
                Err(why) => answer::refuse(&StatusError::other(
                    500,
                    "InternalError",
                    format!("Internal error occurred: the state can not be written: {why}"),
                )),
            }
        };
        effect::through(&self.faults, party, user, request, answer).await
    }

    /// Who makes a request.
    fn identify(&self, headers: &HeaderMap) -> Result<Identity, StatusError> {
        auth::authenticate(headers, &self.users, |token| {
            let claims = self.core.account(token, Timestamp::now())?;
            let for_us = claims.audiences.iter().any(|audience| audience == ISSUER);
            for_us.then(|| claims.identity())
        })
    }
}

async fn respond(
    front: &Front,
    place: &Arc<Place>,
    request: Request<Incoming>,
) -> Result<Response<Wire>, Reset> {
    let user = front.identify(request.headers());
    let known = user.as_ref().is_ok_and(|user| !user.is_anonymous());
    let asking = place.ask(known);
    let answer = match user {
        Ok(user) => match received(request, front.limits.body).await {
            Ok(request) => front.answer(Party::Clients, &user, &request).await?,
            Err(error) => effect::unharmed(answer::refuse(&error)),
        },
        Err(error) => effect::unharmed(answer::refuse(&error)),
    };
    // A watch is under way until its body ends.
    Ok(answer.map(|body| {
        let body = body.map_frame(move |frame| {
            let _ = &asking;
            frame
        });
        body.boxed_unsync()
    }))
}

/// The request with its whole body.
async fn received(
    request: Request<Incoming>,
    time: Duration,
) -> Result<Request<Bytes>, StatusError> {
    let (head, body) = request.into_parts();
    let body = timeout(time, read(body)).await.map_err(|_| {
        let message = "request did not complete within the allowed duration";
        StatusError::other(408, "Timeout", message)
    })?;
    Ok(Request::from_parts(head, body?))
}

/// Reads a body. What is too much is taken in and thrown away, up to a point: a client that is still writing would not
/// read that it has written too much.
async fn read(mut body: Incoming) -> Result<Bytes, StatusError> {
    let (mut kept, mut size) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| StatusError::bad_request(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        size += data.len();
        if size <= LARGEST_BODY {
            kept.extend_from_slice(&data);
        } else if size > MOST_THROWN_AWAY {
            break;
        }
    }
    if size > LARGEST_BODY {
        let message = format!("Request entity too large: limit is {LARGEST_BODY}");
        return Err(StatusError::other(413, "RequestEntityTooLarge", message));
    }
    Ok(kept.into())
}

/// An in-process request with its whole body.
pub async fn whole(request: Request<kube::client::Body>) -> Result<Request<Bytes>, kube::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Request::from_parts(head, body))
}
