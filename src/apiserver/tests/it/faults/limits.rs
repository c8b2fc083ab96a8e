//! What one client may take up: size, time and number, over real connections.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use apiserver::{Limits, Options, Server};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

use super::{PODS, ask, client, send};

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

/// The one too many is closed; when somebody leaves, the next one gets the place.
pub async fn so_many_connections_and_no_more() -> anyhow::Result<()> {
    let sandbox = Server::start(Options {
        limits: Limits {
            connections: 2,
            ..Limits::default()
        },
        ..Options::default()
    })
    .await?;
    let first = connect(&sandbox).await?;
    let mut second = connect(&sandbox).await?;
    ensure!(connect(&sandbox).await.is_err(), "a third was let in");
    let question = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    second.write_all(question.as_bytes()).await?;
    let answer = rest(&mut second).await;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop((first, second));
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
