//! Takes connections and hands requests on, or breaks them.

use std::{convert::Infallible, io, sync::Arc, time::Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::{Client, config::Kubeconfig};
use serde_json::json;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{Fault, Seen, Shared, lock};

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// The API server itself, without a credential: each request brings its own.
pub struct Upstream {
    client: Client,
    /// Who a certificate stands for, and the owner's credential that vouches for it.
    certified: Option<(HeaderValue, HeaderValue)>,
    strips_credentials: bool,
}

impl Upstream {
    pub fn of(kubeconfig: &Kubeconfig, user: Option<String>, strips_credentials: bool) -> Self {
        let mut anonymous = kubeconfig.clone();
        let token = serde_json::to_value(&anonymous.auth_infos[0]).unwrap()["user"]["token"]
            .as_str()
            .unwrap()
            .to_owned();
        anonymous.auth_infos[0].auth_info = None;
        let _inside = crate::test_cluster::runtime().enter();
        let mut config = crate::test_cluster::runtime()
            .block_on(kube::Config::from_custom_kubeconfig(
                anonymous,
                &kube::config::KubeConfigOptions::default(),
            ))
            .unwrap();
        config.default_retry = false;
        let certified = user.map(|user| {
            let bearer = format!("Bearer {token}");
            (bearer.parse().unwrap(), user.parse().unwrap())
        });
        Self {
            client: Client::try_from(config).unwrap(),
            certified,
            strips_credentials,
        }
    }
}

/// Accepts for ever.
pub async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let connection = {
            let mut journal = lock(&shared.journal);
            journal.connections += 1;
            journal.connections - 1
        };
        let fault = lock(&shared.script).of_connection();
        let cut = lock(&shared.cut).clone();
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let serving = async {
                match fault {
                    Some(fault) => break_connection(stream, fault).await,
                    None => converse(stream, &acceptor, connection, shared).await,
                }
            };
            cut.run_until_cancelled(serving).await;
        });
    }
}

async fn break_connection(mut stream: TcpStream, fault: Fault) {
    match fault {
        Fault::ResetInTls => {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.set_zero_linger();
        }
        // Until the other side has had enough.
        Fault::Silence => while stream.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {},
        _ => {}
    }
}

async fn converse(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    connection: usize,
    shared: Arc<Shared>,
) {
    // A client that does not trust us ends it here.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let certified = stream.get_ref().1.peer_certificates().is_some();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move {
            let fault = lock(&shared.script).of_request(&request);
            let seen = Seen {
                connection,
                method: request.method().clone(),
                target: request.uri().to_string(),
                headers: request.headers().clone(),
                fault,
                at: Instant::now(),
            };
            if let Some(watcher) = lock(&shared.watcher).as_ref() {
                watcher(&seen);
            }
            lock(&shared.journal).requests.push(seen);
            if shared.upstream.strips_credentials {
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            if let Some((token, user)) = shared.upstream.certified.clone().filter(|_| certified) {
                request.headers_mut().insert(header::AUTHORIZATION, token);
                request.headers_mut().insert("impersonate-user", user);
            }
            answer(&shared.upstream.client, request, fault).await
        }
    });
    // That a connection breaks is what we are here for.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error ends the connection.
async fn answer(
    upstream: &Client,
    request: Request<Incoming>,
    fault: Option<Fault>,
) -> io::Result<Answer> {
    let broken = || io::Error::other("broken on purpose");
    match fault {
        Some(Fault::Drop) => Err(broken()),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Answer { code, retry_after }) => Ok(status(&status_object(code), retry_after)),
        Some(Fault::Words(code, bytes)) => {
            let mut object = status_object(code);
            object["message"] = "A".repeat(bytes).into();
            Ok(status(&object, None))
        }
        Some(Fault::Endless(code)) => Ok(endless(code, "{\"metadata\": \"")),
        Some(Fault::EndlessLine) => Ok(endless(200, "{\"type\": \"ADDED\", \"object\": \"")),
        Some(Fault::Says { code, media, body }) => Ok(whole(code, media, body.to_owned())),
        Some(Fault::DropAnswer) => {
            let answer = forward(upstream, request).await?;
            let _ = answer.into_body().collect().await;
            Err(broken())
        }
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            forward(upstream, request).await
        }
        Some(fault @ (Fault::CutWatch(_) | Fault::EndWatch(_) | Fault::ErrorInWatch(..))) => {
            Ok(broken_watch(forward(upstream, request).await?, fault))
        }
        None | Some(Fault::Refuse | Fault::ResetInTls | Fault::Silence) => {
            forward(upstream, request).await
        }
    }
}

async fn forward(upstream: &Client, request: Request<Incoming>) -> io::Result<Answer> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    head.headers.remove(header::HOST);
    let request = Request::from_parts(head, kube::client::Body::from(body.to_vec()));
    let answer = upstream.send(request).await.map_err(io::Error::other)?;
    let (mut head, body) = answer.into_parts();
    // Ours may be framed otherwise.
    head.headers.remove(header::TRANSFER_ENCODING);
    let body = BodyExt::map_err(body, io::Error::other).boxed_unsync();
    Ok(Response::from_parts(head, body))
}

/// As kube-apiserver words it.
fn status(status: &serde_json::Value, retry_after: Option<u32>) -> Answer {
    let code = u16::try_from(status["code"].as_u64().unwrap()).unwrap();
    let mut answer = whole(code, "application/json", status.to_string());
    if let Some(seconds) = retry_after {
        let headers = answer.headers_mut();
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn whole(code: u16, media: &'static str, body: String) -> Answer {
    let body = Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

/// JSON that begins like this, and then holds one string that goes on for ever.
fn endless(code: u16, beginning: &'static str) -> Answer {
    let more = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = futures::stream::iter([Bytes::from_static(beginning.as_bytes())])
        .chain(futures::stream::repeat(more))
        .map(|piece| Ok(Frame::data(piece)));
    let mut answer = Response::new(BodyExt::boxed_unsync(StreamBody::new(pieces)));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer
}

fn status_object(code: u16) -> serde_json::Value {
    let (reason, message) = match code {
        401 => ("Unauthorized", "Unauthorized"),
        403 => (
            "Forbidden",
            "vmruntimes.vm.cluster.gke.io is forbidden: User \"eve\" cannot get resource \"vmruntimes\" in API group \"vm.cluster.gke.io\" at the cluster scope",
        ),
        409 => (
            "Conflict",
            "Operation cannot be fulfilled on vmruntimes.vm.cluster.gke.io \"vmruntime\": the object has been modified; please apply your changes to the latest version and try again",
        ),
        410 => ("Expired", "too old resource version: 1 (2)"),
        429 => (
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        504 => (
            "Timeout",
            "Timeout: request did not complete within the allotted timeout",
        ),
        _ => (
            "InternalError",
            "Internal error occurred: broken on purpose",
        ),
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

/// So many events (one a line), and then what goes wrong.
fn broken_watch(answer: Answer, fault: Fault) -> Answer {
    let (events, last) = match fault {
        Fault::ErrorInWatch(events, code) => {
            let event = json!({"type": "ERROR", "object": status_object(code)});
            let line = Bytes::from(format!("{event}\n"));
            (events, Some(Ok(Frame::data(line))))
        }
        Fault::CutWatch(events) => (events, Some(Err(io::Error::other("broken on purpose")))),
        Fault::EndWatch(events) => (events, None),
        _ => (usize::MAX, None),
    };
    answer.map(|body| {
        let lines = futures::stream::unfold(
            (body.into_data_stream(), events),
            |(mut data, left)| async move {
                if left == 0 {
                    return None;
                }
                let mut left = left;
                let part = data
                    .next()
                    .await?
                    .map(|data| Frame::data(up_to(&data, &mut left)));
                Some((part, (data, left)))
            },
        );
        let lines = lines.chain(futures::stream::iter(last));
        BodyExt::boxed_unsync(StreamBody::new(lines))
    })
}

/// So many lines of it; nothing where there are none left.
fn up_to(data: &Bytes, left: &mut usize) -> Bytes {
    let mut end = 0;
    while *left > 0 && end < data.len() {
        let line = data[end..].iter().position(|byte| *byte == b'\n');
        end = line.map_or(data.len(), |at| end + at + 1);
        *left -= usize::from(line.is_some());
    }
    data.slice(..end)
}
