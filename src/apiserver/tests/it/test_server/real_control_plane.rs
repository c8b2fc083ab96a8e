//! Starts etcd and kube-apiserver for one test: ports that are free, certificates and keys of its own, RBAC, and a
//! folder that goes with it. What a cluster has beside them, kubelet and controllers, is played by the tests' own
//! machinery; the garbage collector by [`super::collector`].

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use apiserver::Identity;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Request;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::collector;

/// How long the two programs may take together.
const PATIENCE: Duration = Duration::from_secs(120);
/// So often is asked whether they are up.
const BEAT: Duration = Duration::from_millis(50);
/// A free port may be gone before it is used.
const TRIES: usize = 3;

/// What is said on stderr when one stands.
pub const STANDS: &str = "a control plane stands";

/// Of Kubernetes 1.N; nothing where the program does not say.
pub fn minor_version(assets: &Path) -> Option<u32> {
    let told = Command::new(assets.join("kube-apiserver"))
        .arg("--version")
        .output()
        .ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let version = told.trim().strip_prefix("Kubernetes v1.")?;
    version.split('.').next()?.parse().ok()
}

/// One control plane. Dropped, it ends at once and leaves nothing behind.
pub struct ControlPlane {
    config: Config,
    kubeconfig: String,
    _collector: DropGuard,
    // In this order: the programs end before their folder goes.
    _programs: [Program; 2],
    _folder: TempDir,
}

impl ControlPlane {
    /// Starts the programs of that folder, and returns when the API server is ready.
    pub async fn start(assets: &Path) -> anyhow::Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start(assets).await {
                Err(error) if tries < TRIES && format!("{error:#}").contains("in use") => {
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn try_start(assets: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let papers = Papers::write(folder.path())?;
        let (port, store, peer) = (free_port()?, free_port()?, free_port()?);
        let mut programs = [
            Program::start(
                assets,
                "etcd",
                folder.path(),
                &etcd(folder.path(), store, peer),
            )?,
            Program::start(
                assets,
                "kube-apiserver",
                folder.path(),
                &kube_apiserver(folder.path(), port, store),
            )?,
        ];
        let kubeconfig = papers.kubeconfig(port);
        let config = Config::from_custom_kubeconfig(
            Kubeconfig::from_yaml(&kubeconfig)?,
            &KubeConfigOptions::default(),
        )
        .await?;
        let client = Client::try_from(config.clone())?;
        ready(&client, &mut programs).await?;
        let stop = CancellationToken::new();
        tokio::spawn(collector::run(client, stop.clone()));
        #[allow(
            clippy::print_stderr,
            reason = "for the process that wanted a test run here"
        )]
        {
            eprintln!("{STANDS}");
        }
        Ok(Self {
            config,
            kubeconfig,
            _collector: stop.drop_guard(),
            _programs: programs,
            _folder: folder,
        })
    }

    /// A client of the owner, or of somebody whom the owner impersonates.
    pub fn client(&self, who: Option<&Identity>) -> Client {
        let mut config = self.config.clone();
        if let Some(who) = who {
            config.auth_info.impersonate = Some(who.username.clone());
            config.auth_info.impersonate_groups = Some(who.groups.clone());
        }
        Client::try_from(config).unwrap()
    }

    pub fn kubeconfig(&self) -> String {
        self.kubeconfig.clone()
    }
}

fn etcd(folder: &Path, store: u16, peer: u16) -> Vec<String> {
    let (here, there) = (address("http", store), address("http", peer));
    vec![
        format!("--data-dir={}", folder.join("data").display()),
        format!("--listen-client-urls={here}"),
        format!("--advertise-client-urls={here}"),
        format!("--listen-peer-urls={there}"),
        format!("--initial-advertise-peer-urls={there}"),
        format!("--initial-cluster=default={there}"),
        // Nothing of it outlives the test.
        "--unsafe-no-fsync=true".to_owned(),
    ]
}

fn kube_apiserver(folder: &Path, port: u16, store: u16) -> Vec<String> {
    let file = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--etcd-servers={}", address("http", store)),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        // Accounts and tokens come from a controller that is not there, and so does the end of a claim's protection.
        "--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={}", file("accounts.pub")),
        format!(
            "--service-account-signing-key-file={}",
            file("accounts.key")
        ),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--cert-dir={}", file("certificates")),
    ]
}

fn address(scheme: &str, port: u16) -> String {
    format!("{scheme}://127.0.0.1:{port}")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Waits until it answers that it is ready and every test's namespace is there.
async fn ready(client: &Client, programs: &mut [Program]) -> anyhow::Result<()> {
    let asked = async {
        for path in ["/readyz", "/api/v1/namespaces/default"] {
            while client
                .request_text(Request::get(path).body(Vec::new())?)
                .await
                .is_err()
            {
                for program in &mut *programs {
                    program.runs()?;
                }
                tokio::time::sleep(BEAT).await;
            }
        }
        Ok(())
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(ended) => ended,
        Err(_) => bail!(
            "the control plane was not ready after {PATIENCE:?}\n{}",
            programs.iter().map(Program::last_words).collect::<String>()
        ),
    }
}

/// A program that runs until it is dropped.
struct Program {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Program {
    fn start(
        assets: &Path,
        name: &'static str,
        folder: &Path,
        arguments: &[String],
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let said = fs::File::create(&log)?;
        let child = Command::new(assets.join(name))
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("starting {name} of {}", assets.display()))?;
        Ok(Self { name, log, child })
    }

    fn runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}\n{}", self.name, self.last_words()),
        }
    }

    fn last_words(&self) -> String {
        const LINES: usize = 20;
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LINES);
        format!("--- {}\n{}\n", self.name, lines[from..].join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; what it has written goes with its folder.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Certificates and keys of one control plane.
struct Papers {
    authority: String,
    certificate: String,
    key: String,
}

impl Papers {
    fn write(folder: &Path) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "tests");
        let authority = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        server
            .subject_alt_names
            .push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = server.signed_by(&key, &issuer)?.pem();
        fs::write(folder.join("ca.crt"), &authority)?;
        fs::write(folder.join("server.crt"), certificate)?;
        fs::write(folder.join("server.key"), key.serialize_pem())?;

        let accounts = KeyPair::generate()?;
        fs::write(folder.join("accounts.pub"), accounts.public_key_pem())?;
        fs::write(folder.join("accounts.key"), accounts.serialize_pem())?;

        let owner = Identity::owner();
        let key = KeyPair::generate()?;
        let mut client = CertificateParams::new(Vec::new())?;
        client
            .distinguished_name
            .push(DnType::CommonName, owner.username);
        client
            .distinguished_name
            .push(DnType::OrganizationName, "system:masters");
        client.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(Self {
            authority,
            certificate: client.signed_by(&key, &issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }

    /// With the sandbox's names, so that what programs say about it is the same.
    fn kubeconfig(&self, port: u16) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sandbox",
            "clusters": [{"name": "sandbox", "cluster": {
                "server": address("https", port),
                "certificate-authority-data": STANDARD.encode(&self.authority),
            }}],
            "users": [{"name": "sandbox", "user": {
                "client-certificate-data": STANDARD.encode(&self.certificate),
                "client-key-data": STANDARD.encode(&self.key),
            }}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
        })
        .to_string()
    }
}
