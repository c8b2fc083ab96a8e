//! From a configuration to a service that sends requests: the stack of kube's `ClientBuilder::try_from`, but with
//! sockets that send at once, and with bounds for every answer.
//!
//! kube makes its own connector and leaves Nagle's algorithm on: the end of a request then waits until the server has
//! acknowledged its beginning, which Linux delays by 40 ms (RFC 1122, section 4.2.3.2). Every client of `connect` is
//! made here, and `tests/it/architecture.rs` holds that.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, Response, Uri, header::PROXY_AUTHORIZATION};
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    rt::{Read, Write},
};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{
            Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
    },
    rt::TokioExecutor,
};
use kube::{
    Config,
    client::{Body, ClientBuilder, ConfigExt as _, DynBody},
};
use percent_encoding::percent_decode_str;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, util::BoxService};

use super::{
    bounded::{Bounded, Bounds},
    forwarder::Forwarder,
    tls,
};
use crate::failure::TransportError;

/// What every request goes through at last.
pub(super) type Transport = Bounded<BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>>;

/// A client that is made as the configuration says, through its proxy if it names one.
pub(super) fn builder(config: &Config) -> kube::Result<ClientBuilder<Transport>> {
    let Some(proxy) = config.proxy_url.clone() else {
        return over(socket(), config);
    };
    let is_plain = config.cluster_url.scheme_str() == Some("http");
    match proxy.scheme_str() {
        Some("http") if is_plain => forwarded(proxy, socket(), config),
        Some("https") if is_plain => {
            let to_proxy = tls::secured(socket(), config)?;
            forwarded(proxy, to_proxy, config)
        }
        Some("http") => over(tunnel(proxy, socket()), config),
        Some("https") => {
            let to_proxy = tls::secured(socket(), config)?;
            over(tunnel(proxy, to_proxy), config)
        }
        Some("socks5") => over(socks(proxy, socket()), config),
        Some(_) | None => Err(kube::Error::ProxyProtocolUnsupported {
            proxy_url: Box::new(proxy),
        }),
    }
}

/// What makes every TCP connection, to a proxy as well.
fn socket() -> HttpConnector {
    let mut socket = HttpConnector::new();
    socket.enforce_http(false);
    socket.set_nodelay(true);
    socket
}

fn tunnel<C>(proxy: Uri, to_proxy: C) -> Tunnel<C> {
    let credential = authorization(&proxy);
    let tunnel = Tunnel::new(proxy, to_proxy);
    match credential {
        Some(credential) => tunnel.with_auth(credential),
        None => tunnel,
    }
}

/// A server without TLS is asked for by its whole address, as Go does: few proxies let anybody through to such a port.
fn forwarded<C>(proxy: Uri, to_proxy: C, config: &Config) -> kube::Result<ClientBuilder<Transport>>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let mut config = config.clone();
    let credential = authorization(&proxy);
    config
        .headers
        .extend(credential.map(|credential| (PROXY_AUTHORIZATION, credential)));
    over(Forwarder { proxy, to_proxy }, &config)
}

/// What a proxy asks for whose address has a user in it.
fn authorization(proxy: &Uri) -> Option<HeaderValue> {
    let (user, password) = user_and_password(proxy)?;
    let plain = format!("{user}:{password}");
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain))).ok()
}

fn socks<C>(proxy: Uri, to_proxy: C) -> SocksV5<C> {
    let credential = user_and_password(&proxy);
    let socks = SocksV5::new(proxy, to_proxy);
    match credential {
        Some((user, password)) => socks.with_auth(user, password),
        None => socks,
    }
}

/// The user information of a proxy's address, which is written with percent signs.
fn user_and_password(proxy: &Uri) -> Option<(String, String)> {
    let (information, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = information.split_once(':').unwrap_or((information, ""));
    let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((plain(user), plain(password)))
}

/// kube's layers over connections of this kind.
fn over<C>(connector: C, config: &Config) -> kube::Result<ClientBuilder<Transport>>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let secured = tls::secured(connector, config)?;
    let mut in_time = TimeoutConnector::new(secured);
    in_time.set_connect_timeout(config.connect_timeout);
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(in_time);
    let with_certificate = config.auth_info.client_certificate_data.is_some();
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(move |error| {
            BoxError::from(TransportError {
                error,
                with_certificate,
            })
        })
        .map_response(|answer: Response<Incoming>| {
            answer.map(|body| Box::new(body.map_err(BoxError::from)) as Box<DynBody>)
        })
        .service(client);
    let builder = ClientBuilder::new(service.boxed(), config.default_namespace.clone());
    Ok(builder.with_layer(&Bounds::default()))
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::TokioIo;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    /// Does the connection that it makes send at once? Whoever stands at the other end answers each message in turn.
    async fn sends_at_once<C>(connect: impl FnOnce(Uri) -> C, exchange: &[(&[u8], &[u8])])
    where
        C: Service<Uri, Response = TokioIo<TcpStream>>,
        C::Error: std::fmt::Debug,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for (expected, answer) in exchange {
                let mut heard = vec![0; expected.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(
                    String::from_utf8_lossy(&heard),
                    String::from_utf8_lossy(expected)
                );
                stream.write_all(answer).await.unwrap();
            }
            stream
        };
        let other_end = format!("http://eve:a%40b@{address}").parse().unwrap();
        let server = match exchange {
            [] => format!("http://{address}"),
            _ => "https://kubernetes.invalid:6443".to_owned(),
        };
        let connecting = connect(other_end).oneshot(server.parse().unwrap());
        let (stream, _kept) = tokio::join!(connecting, answering);
        assert!(stream.unwrap().inner().nodelay().unwrap());
    }

    #[tokio::test]
    async fn every_connection_sends_at_once() {
        sends_at_once(|_| socket(), &[]).await;
        let asked =
            b"CONNECT kubernetes.invalid:6443 HTTP/1.1\r\nHost: kubernetes.invalid:6443\r\n\
            Proxy-Authorization: Basic ZXZlOmFAYg==\r\n\r\n";
        let granted = b"HTTP/1.1 200 Connection established\r\n\r\n";
        sends_at_once(|proxy| tunnel(proxy, socket()), &[(asked, granted)]).await;
        // RFC 1928 and RFC 1929: a password is offered and taken, then the proxy resolves the name.
        let exchange: [(&[u8], &[u8]); 3] = [
            (b"\x05\x01\x02", b"\x05\x02"),
            (b"\x01\x03eve\x03a@b", b"\x01\x00"),
            (
                b"\x05\x01\x00\x03\x12kubernetes.invalid\x19\x2b",
                b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00",
            ),
        ];
        sends_at_once(|proxy| socks(proxy, socket()), &exchange).await;
    }

    #[tokio::test]
    async fn a_server_without_tls_is_asked_for_by_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::new("http://kubernetes.invalid:8080".parse().unwrap());
        let proxy = format!("http://eve:a%40b@{}", listener.local_addr().unwrap());
        config.proxy_url = Some(proxy.parse().unwrap());
        let client = builder(&config).unwrap().build();
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"\r\n\r\n") {
                stream.read_buf(&mut heard).await.unwrap();
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer).await.unwrap();
            String::from_utf8(heard).unwrap().to_ascii_lowercase()
        };
        let asked = Request::get("/version").body(Vec::new()).unwrap();
        let (answer, heard) = tokio::join!(client.request_text(asked), answering);
        assert_eq!(answer.unwrap(), "ok");
        for line in [
            "get http://kubernetes.invalid:8080/version http/1.1\r\n",
            "host: kubernetes.invalid:8080\r\n",
            "proxy-authorization: basic zxzlomfayg==\r\n",
        ] {
            assert!(heard.contains(line), "{line:?} in {heard:?}");
        }
    }
}
