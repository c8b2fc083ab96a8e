//! Tokens of an OpenID provider: kept while they last, renewed when they do not, and a provider that is none.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::config::{AuthInfo, AuthProviderConfig};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{SECRET, STATUS, equal, token, user, without_secrets};
use crate::{
    faults::{Authority, Proxy, Script, acceptor},
    test_cluster::{Test, TestCluster, runtime},
};

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 2] = [
        ("an_id_token_is_renewed", an_id_token_is_renewed),
        (
            "a_provider_without_end_is_given_up",
            a_provider_without_end_is_given_up,
        ),
    ];
    let named = |(name, test)| Trial::test(format!("identity::{name}"), test);
    tests.map(named).into()
}

/// What it does about a token.
#[derive(Clone)]
enum Manner {
    /// Gives this one, to a client that shows its secret as a parameter.
    Gives(String),
    /// Its answer never ends.
    Endless,
}

/// A provider, and what it was asked: path, header, form.
struct Provider {
    address: SocketAddr,
    authority: Authority,
    asked: Arc<Mutex<Vec<(String, bool, String)>>>,
}

impl Provider {
    fn start(manner: Manner) -> Self {
        let authority = Authority::new("provider");
        let tls = acceptor(&authority, &["127.0.0.1".to_owned()], None);
        let listener = runtime()
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let seen = Arc::clone(&asked);
        runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, manner, seen) = (tls.clone(), manner.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request: Request<Incoming>| {
                        let (manner, seen) = (manner.clone(), Arc::clone(&seen));
                        async move {
                            let path = request.uri().path().to_owned();
                            let header = request.headers().contains_key(AUTHORIZATION);
                            let body = request.into_body().collect().await.unwrap().to_bytes();
                            let form = String::from_utf8_lossy(&body).into_owned();
                            seen.lock().unwrap().push((path.clone(), header, form));
                            Ok::<_, Infallible>(answer(&path, header, address, &manner))
                        }
                    });
                    // Whoever has heard enough ends it.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            authority,
            asked,
        }
    }

    /// The kubeconfig's user comes with a token of this provider that expires then.
    fn brings(&self, proxy: &Proxy, id_token: &str) {
        let config = json!({
            "client-id": "bmctl", "client-secret": SECRET, "refresh-token": SECRET, "id-token": id_token,
            "idp-issuer-url": format!("https://{}/realm/", self.address),
            "idp-certificate-authority-data": STANDARD.encode(self.authority.pem()),
        });
        let provider: AuthProviderConfig =
            serde_json::from_value(json!({"name": "oidc", "config": config})).unwrap();
        proxy.edit(|kubeconfig| {
            *user(kubeconfig) = AuthInfo::default();
            user(kubeconfig).auth_provider = Some(provider);
        });
    }
}

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

fn answer(path: &str, header: bool, address: SocketAddr, manner: &Manner) -> Response<Body> {
    let json = |value: &Value| {
        let body = http_body_util::Full::new(Bytes::from(value.to_string()));
        Response::new(body.boxed_unsync())
    };
    match (path, manner) {
        ("/realm/.well-known/openid-configuration", _) => {
            json(&json!({"token_endpoint": format!("https://{address}/token")}))
        }
        (_, Manner::Gives(_)) if header => {
            let mut no = json(&json!({"error": "invalid_client"}));
            *no.status_mut() = http::StatusCode::UNAUTHORIZED;
            no
        }
        (_, Manner::Gives(token)) => json(&json!({"id_token": token})),
        (_, Manner::Endless) => {
            let piece = Bytes::from(vec![b' '; 64 * 1024]);
            let pieces = futures::stream::repeat(piece).map(|piece| Ok(Frame::data(piece)));
            Response::new(StreamBody::new(pieces).boxed_unsync())
        }
    }
}

fn expiring(at: u64) -> String {
    let claims = URL_SAFE_NO_PAD.encode(json!({"exp": at, "note": SECRET}).to_string());
    format!("e30.{claims}.x")
}

fn an_id_token_is_renewed() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&cluster, Script::none());
    let provider = Provider::start(Manner::Gives(token(&proxy)));
    // One that lasts is sent, and where it is not accepted another one is asked for.
    provider.brings(&proxy, &expiring(4_843_640_000));
    without_secrets(&proxy.bmctl(&STATUS).exits(0)?)?;
    let first = proxy.requests().swap_remove(0);
    let sent = format!("Bearer {}", expiring(4_843_640_000));
    equal(&first.header("authorization"), &sent.as_str())?;
    // One that has expired is not even sent.
    provider.asked.lock().unwrap().clear();
    provider.brings(&proxy, &expiring(1));
    without_secrets(&proxy.bmctl(&STATUS).exits(0)?)?;
    let asked = provider.asked.lock().unwrap().clone();
    let form = format!("grant_type=refresh_token&refresh_token={SECRET}");
    let with_secret = format!("{form}&client_id=bmctl&client_secret={SECRET}");
    let discovery = "/realm/.well-known/openid-configuration";
    equal(
        &asked,
        &vec![
            (discovery.to_owned(), false, String::new()),
            ("/token".to_owned(), true, form),
            ("/token".to_owned(), false, with_secret),
        ],
    )
}

fn a_provider_without_end_is_given_up() -> Result<(), Failed> {
    let cluster = TestCluster::bare();
    let proxy = Proxy::before(&cluster, Script::none());
    let provider = Provider::start(Manner::Endless);
    provider.brings(&proxy, &expiring(1));
    let ended = proxy.bmctl(&STATUS).exits(9)?;
    without_secrets(&ended)?;
    ended.says("could not be renewed: the answer is larger than 64 MiB")?;
    equal(&proxy.requests().is_empty(), &true)
}
