//! Programs that stand in for `etcd` and `kube-apiserver` where there are none, so that everything around them (starting,
//! waiting, certificates, impersonation, running tests, stopping) is tried everywhere. The API server is the sandbox,
//! behind the flags and the certificates that a kube-apiserver would be given.
//!
//! They are this very test binary: [`folder`] makes a folder of scripts that call it, [`play`] plays them.

use std::{
    collections::BTreeMap, fs, io::Write as _, net::Ipv4Addr, os::unix::fs::PermissionsExt as _,
    path::Path, sync::Arc,
};

use anyhow::{Context, ensure};
use apiserver::{Identity, Options, Server};
use http::Request;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::{Client, client::Body};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
};
/// What the test binary is called with to play one.
const WORD: &str = "stand-in";

/// A folder as `KUBEBUILDER_ASSETS` names one.
pub fn folder() -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    for name in ["etcd", "kube-apiserver"] {
        let script = folder.path().join(name);
        let text = format!(
            "#!/bin/sh\nexec '{}' {WORD} {name} \"$@\"\n",
            program.display()
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    }
    Ok(folder)
}

/// Plays a program until it is killed, if this process was called as one.
pub fn play() -> Option<anyhow::Result<()>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [word, program, flags @ ..] = words.as_slice() else {
        return None;
    };
    (word == WORD).then(|| {
        if flags == ["--version"] {
            return say_version();
        }
        let flags = parse(flags)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        match program.as_str() {
            "etcd" => runtime.block_on(etcd(&flags)),
            "kube-apiserver" => runtime.block_on(kube_apiserver(&flags)),
            other => anyhow::bail!("{other} is not played"),
        }
    })
}

/// The release that the sandbox is like.
fn say_version() -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "Kubernetes v1.36.0")?)
}

type Flags = BTreeMap<String, String>;

fn parse(words: &[String]) -> anyhow::Result<Flags> {
    words
        .iter()
        .map(|word| {
            let (name, value) = word
                .strip_prefix("--")
                .and_then(|flag| flag.split_once('='))
                .with_context(|| format!("{word} is no flag"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn flag<'a>(flags: &'a Flags, name: &str) -> anyhow::Result<&'a str> {
    let value = flags.get(name).map(String::as_str);
    value.with_context(|| format!("--{name} is missing"))
}

fn host_of(url: &str) -> anyhow::Result<&str> {
    url.strip_prefix("http://")
        .with_context(|| format!("{url} is no address"))
}

/// Keeps the port that clients would come to.
async fn etcd(flags: &Flags) -> anyhow::Result<()> {
    fs::create_dir_all(flag(flags, "data-dir")?)?;
    let listener = TcpListener::bind(host_of(flag(flags, "listen-client-urls")?)?).await?;
    loop {
        listener.accept().await?;
    }
}

async fn kube_apiserver(flags: &Flags) -> anyhow::Result<()> {
    ensure!(flag(flags, "authorization-mode")? == "RBAC");
    for key in [
        "service-account-key-file",
        "service-account-signing-key-file",
    ] {
        fs::read(flag(flags, key)?).with_context(|| format!("--{key}"))?;
    }
    let store = host_of(flag(flags, "etcd-servers")?)?;
    while TcpStream::connect(store).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let sandbox = Server::start(Options::default()).await?;
    let acceptor = acceptor(flags)?;
    let port: u16 = flag(flags, "secure-port")?.parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream, acceptor.clone(), sandbox.clone()));
    }
}

fn acceptor(flags: &Flags) -> anyhow::Result<TlsAcceptor> {
    let certificates = |name: &str| -> anyhow::Result<Vec<CertificateDer<'static>>> {
        Ok(CertificateDer::pem_file_iter(flag(flags, name)?)?.collect::<Result<_, _>>()?)
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut trusted = RootCertStore::empty();
    for authority in certificates("client-ca-file")? {
        trusted.add(authority)?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()?;
    let key = PrivateKeyDer::from_pem_file(Path::new(flag(flags, "tls-private-key-file")?))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates("tls-cert-file")?, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// One connection. The only certificate that its authority has given out is the owner's.
async fn converse(stream: TcpStream, acceptor: TlsAcceptor, sandbox: Server) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let who = match stream.get_ref().1.peer_certificates() {
        Some(_) => Identity::owner(),
        None => Identity::anonymous(),
    };
    let client = sandbox.client(&who);
    let service = service_fn(move |request| answer(client.clone(), request));
    // That a client goes away is no fault.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    client: Client,
    request: Request<Incoming>,
) -> Result<http::Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let request = Request::from_parts(head, Body::from(body.to_vec()));
    Ok(client.send(request).await?)
}
