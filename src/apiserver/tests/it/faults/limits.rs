//! What one client may take up: size, time and number, over real connections.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use apiserver::{Limits, Options, Server};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

use super::{PODS, WATCH, ask, client, send};

const SHORT: Duration = Duration::from_millis(300);

/// Limits of size, time and number.
pub async fn nobody_takes_more_than_a_share() -> anyhow::Result<()> {
    let sandbox = Server::start(Options {
        limits: Limits {
            connections: 3,
            handshake: SHORT,
            head: SHORT,
            body: SHORT,
        },
        ..Options::default()
    })
    .await?;
    let owner = client(&sandbox, "sandbox").await?;

    let large = "x".repeat(3 * 1024 * 1024 + 1);
    let (code, answer) = ask(&owner, "POST", PODS, &large).await?;
    let message = "Request entity too large: limit is 3145728";
    ensure!(code == 413 && answer["message"] == message, "{answer}");
    let long = format!("/api/v1/pods?labelSelector={}", "a".repeat(200_000));
    let refused = send(&owner, "GET", &long, "").await;
    let code = refused.map(|response| response.status().as_u16());
    ensure!(matches!(code, Ok(414 | 431) | Err(_)), "{code:?}");
    drop(owner);

    // Whoever connects and says nothing is put out: by the end of it somebody else finds a place.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(sandbox.address()).await?);
    }
    for mut stream in silent {
        stream.write_all(b"\x16").await.ok();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest).await;
        ensure!(ended.is_err() || rest.len() < 64, "{ended:?}");
    }
    let owner = client(&sandbox, "sandbox").await?;
    let (code, _) = ask(&owner, "GET", PODS, "")
        .await
        .context("a place is free again")?;
    ensure!(code == 200);
    sandbox.stop().await;
    Ok(())
}

/// A connection by hand, past the handshake.
async fn connect(sandbox: &Server) -> anyhow::Result<TlsStream<TcpStream>> {
    let kubeconfig = Kubeconfig::from_yaml(&sandbox.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let mut roots = RootCertStore::empty();
    for certificate in config.root_cert.context("no certificate authority")? {
        roots.add(certificate.into())?;
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = sandbox.address();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    Ok(TlsConnector::from(Arc::new(tls))
        .connect(name, stream)
        .await?)
}

/// What still comes until the server closes.
async fn rest(stream: &mut TlsStream<TcpStream>) -> String {
    let mut rest = Vec::new();
    // How it closes is not the point.
    stream.read_to_end(&mut rest).await.ok();
    String::from_utf8_lossy(&rest).into_owned()
}

/// Who begins a request and does not go on is put out: in the middle of the head without a word, in the middle of the
/// body with a Status. A head that comes in pieces, in time, is served.
pub async fn slow_heads_and_bodies_are_put_out() -> anyhow::Result<()> {
    let sandbox = Server::start(Options {
        limits: Limits {
            head: SHORT,
            body: SHORT,
            ..Limits::default()
        },
        ..Options::default()
    })
    .await?;
    for head in [
        "",
        "GET /readyz",
        "GET /readyz HTTP/1.1\r\nHost: x\r\nX-Slow: y",
    ] {
        let mut stream = connect(&sandbox).await?;
        stream.write_all(head.as_bytes()).await?;
        let answer = rest(&mut stream).await;
        ensure!(!answer.contains(" 200 "), "{head:?}: {answer}");
    }
    let mut stream = connect(&sandbox).await?;
    for piece in [
        "GET /readyz HTTP/1.1\r\n",
        "Host: x\r\n",
        "Connection: close\r\n\r\n",
    ] {
        stream.write_all(piece.as_bytes()).await?;
        stream.flush().await?;
    }
    let answer = rest(&mut stream).await;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let mut stream = connect(&sandbox).await?;
    let head = "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await?;
    let answer = rest(&mut stream).await;
    ensure!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"reason\":\"Timeout\""),
        "{answer}"
    );
    sandbox.stop().await;
    Ok(())
}

/// Who has a credential and is being answered keeps the place; when somebody leaves, the next one gets it.
pub async fn so_many_connections_and_no_more() -> anyhow::Result<()> {
    let sandbox = Server::start(Options {
        limits: Limits {
            connections: 2,
            ..Limits::default()
        },
        ..Options::default()
    })
    .await?;
    let mut watching = Vec::new();
    for _ in 0..2 {
        let owner = client(&sandbox, "sandbox").await?;
        let watch = send(&owner, "GET", WATCH, "").await?;
        ensure!(watch.status() == 200, "{}", watch.status());
        watching.push((owner, watch));
    }
    ensure!(connect(&sandbox).await.is_err(), "a third was let in");
    drop(watching);
    // It takes the server a moment to see that they have left.
    let free = async {
        while connect(&sandbox).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), free)
        .await
        .context("no place is free again")?;
    sandbox.stop().await;
    Ok(())
}

/// However many connect and say nothing, and connect again when they are put out: who has a credential gets in, and
/// stays.
pub async fn strangers_lock_nobody_out() -> anyhow::Result<()> {
    let sandbox = Server::start(Options {
        limits: Limits {
            connections: 6,
            ..Limits::default()
        },
        ..Options::default()
    })
    .await?;
    let before = client(&sandbox, "sandbox").await?;
    let watch = send(&before, "GET", WATCH, "").await?;
    let mut silent = tokio::task::JoinSet::new();
    for at in 0..12 {
        let sandbox = sandbox.clone();
        silent.spawn(async move {
            loop {
                // Half of them do not even shake hands.
                if at % 2 == 0 {
                    if let Ok(mut stream) = TcpStream::connect(sandbox.address()).await {
                        stream.read_to_end(&mut Vec::new()).await.ok();
                    }
                } else if let Ok(mut stream) = connect(&sandbox).await {
                    rest(&mut stream).await;
                }
                tokio::task::yield_now().await;
            }
        });
    }
    for _ in 0..3 {
        let owner = client(&sandbox, "sandbox").await?;
        let (code, _) = ask(&owner, "GET", PODS, "").await?;
        ensure!(code == 200, "{code}");
    }
    ensure!(watch.status() == 200, "{}", watch.status());
    let pod = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seen"}}"#;
    let maps = "/api/v1/namespaces/default/configmaps";
    let (code, answer) = ask(&before, "POST", maps, pod).await?;
    ensure!(code == 201, "{answer}");
    silent.shutdown().await;
    sandbox.stop().await;
    Ok(())
}

/// A rule that costs all it may holds up nobody else, neither who reads nor who writes.
pub async fn a_dear_rule_stops_nobody() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let owner = client(&sandbox, "sandbox").await?;
    let rule = "self.a.all(x, self.a.all(y, self.a.all(z, x + y + z >= 0)))";
    let schema = json!({
        "type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
        "x-kubernetes-validations": [{"rule": rule, "message": "dear"}],
    });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "bombs.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "bombs", "singular": "bomb", "kind": "Bomb", "listKind": "BombList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (code, answer) = ask(&owner, "POST", definitions, &definition.to_string()).await?;
    ensure!(code == 201, "{answer}");
    let bomb = json!({
        "apiVersion": "example.com/v1", "kind": "Bomb", "metadata": {"name": "a"},
        "a": (0..500).collect::<Vec<u32>>(),
    });
    let bombs = "/apis/example.com/v1/namespaces/default/bombs";
    let (writer, bomb) = (owner.clone(), bomb.to_string());
    let written = tokio::spawn(async move { ask(&writer, "POST", bombs, &bomb).await });
    let mut done = 0;
    let maps = "/api/v1/namespaces/default/configmaps";
    while !written.is_finished() {
        let (code, _) = ask(&owner, "GET", PODS, "").await?;
        ensure!(code == 200, "{code}");
        let map = json!({"metadata": {"name": format!("m{done}")}});
        let (code, answer) = ask(&owner, "POST", maps, &map.to_string()).await?;
        ensure!(code == 201, "{code} {answer}");
        done += 1;
    }
    ensure!(done > 2, "nobody could write meanwhile");
    let (code, answer) = written.await??;
    let says = "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost \
                exceeds limit for rule: dear";
    let message = answer["message"].as_str().unwrap_or_default();
    ensure!(code == 422 && message.contains(says), "{code} {answer}");
    // What is allowed is stored once, however it was tried before.
    let fits = json!({"apiVersion": "example.com/v1", "kind": "Bomb", "metadata": {"generateName": "b-"}, "a": [1, 2]});
    let (code, stored) = ask(&owner, "POST", bombs, &fits.to_string()).await?;
    ensure!(
        code == 201 && stored["a"] == json!([1, 2]),
        "{code} {stored}"
    );
    let (_, all) = ask(&owner, "GET", bombs, "").await?;
    let names = all["items"].as_array().map_or(0, Vec::len);
    ensure!(names == 1 && all["items"][0] == stored, "{all}");
    sandbox.stop().await;
    Ok(())
}
