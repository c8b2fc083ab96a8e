//! Programs that stand in for `etcd` and `kube-apiserver` where there are none, so that everything around them (starting,
//! waiting, certificates, impersonation, running stories, stopping) is tried everywhere. The API server is the sandbox,
//! behind the flags and the certificates that a kube-apiserver would be given.
//!
//! A controller in a process of its own is played too, where its memory is measured or it is killed.
//!
//! They are this very test binary: [`folder`] makes a folder of scripts that call it, [`play`] plays them.

use std::{
    collections::BTreeMap, fs, io::Write as _, net::Ipv4Addr, os::unix::fs::PermissionsExt as _,
    path::Path, sync::Arc,
};

use anyhow::{Context, ensure};
use bmctl::{
    cli::Cli,
    sandbox::{Identity, Sandbox, SandboxOptions},
    ui::LogFormat,
};
use clap::Parser as _;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::WebPkiClientVerifier,
    },
};
use tokio_util::sync::CancellationToken;

use crate::controller::stage::Stage;

/// What the test binary is called with to play one.
const WORD: &str = "stand-in";
/// To play a controller that is as quick as the stories are, in the folder of its kubeconfig.
pub const CONTROLLER: [&str; 2] = [WORD, "controller"];

/// To play bmctl as it fails in the middle of a command.
pub const FAULT: [&str; 2] = [WORD, "fault"];

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
        if program == "fault" {
            return fault(flags);
        }
        let flags = parse(flags)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        match program.as_str() {
            "etcd" => runtime.block_on(etcd(&flags)),
            "kube-apiserver" => runtime.block_on(kube_apiserver(&flags)),
            "controller" => runtime.block_on(controller()),
            other => anyhow::bail!("{other} is not played"),
        }
    })
}

/// As `main` starts it, with the output that these flags ask for.
fn fault(flags: &[String]) -> anyhow::Result<()> {
    bmctl::ui::fault::end_program(bmctl::commands::fault::tell);
    let words = ["bmctl", "status", "vmruntime"].map(str::to_owned);
    let cli = Cli::try_parse_from(words.iter().chain(flags))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let command =
            bmctl::commands::Context::new(cli.global, "status vmruntime", LogFormat::Text)
                .map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let failing = std::thread::spawn(|| panic!("on purpose"));
        ensure!(failing.join().is_ok(), "the program has outlived it");
        drop(command);
        Ok(())
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

/// Until it is told to stop.
async fn controller() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr)
        .init();
    let config = Config::from_custom_kubeconfig(
        Kubeconfig::read_from("kubeconfig")?,
        &KubeConfigOptions::default(),
    )
    .await?;
    let mut options = Stage::options()?;
    options.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let stop = CancellationToken::new();
    let mut told = signal(SignalKind::terminate())?;
    let running = bmctl::controller::run(Client::try_from(config)?, options, stop.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        _ = told.recv() => stop.cancel(),
    }
    running.await
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
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
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
    let provider = Arc::new(ring::default_provider());
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
async fn converse(stream: TcpStream, acceptor: TlsAcceptor, sandbox: Sandbox) {
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
