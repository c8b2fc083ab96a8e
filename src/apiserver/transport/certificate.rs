//! The server's own certificate authority and its server certificate. The certificate is new at every start; the
//! authority too, unless the server keeps its state: then clients that trust it go on doing so.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    version::{TLS12, TLS13},
};

/// Whom clients of the server trust.
pub struct Authority {
    key: KeyPair,
    /// Its certificate, PEM.
    pub certificate: String,
}

impl Authority {
    /// A new one. P-256: made in a millisecond.
    pub fn generate() -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("the authority's key")?;
        let certificate = Self::parameters()?.self_signed(&key)?.pem();
        Ok(Self { key, certificate })
    }

    /// One that was kept.
    pub fn restore(key: &str, certificate: &str) -> anyhow::Result<Self> {
        Ok(Self {
            key: KeyPair::from_pem(key).context("the authority's key")?,
            certificate: certificate.to_owned(),
        })
    }

    /// Its key, PEM: a secret.
    pub fn key(&self) -> String {
        self.key.serialize_pem()
    }

    fn parameters() -> anyhow::Result<CertificateParams> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // Not to be changed: the authority of a state that was kept has it in its certificate.
        authority
            .distinguished_name
            .push(DnType::CommonName, "bmctl sandbox");
        Ok(authority)
    }
}

/// What a server at `address` shows: a certificate for it and the loopback names.
pub fn serve(authority: &Authority, address: IpAddr) -> anyhow::Result<Arc<ServerConfig>> {
    let key = KeyPair::generate().context("the server's key")?;
    let names = ["localhost", "kubernetes", "kubernetes.default.svc"];
    let mut server = CertificateParams::new(names.map(str::to_owned))?;
    server
        .distinguished_name
        .push(DnType::CommonName, "API server");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    for ip in [
        Ipv4Addr::LOCALHOST.into(),
        Ipv6Addr::LOCALHOST.into(),
        address,
    ] {
        let name = SanType::IpAddress(ip);
        if !server.subject_alt_names.contains(&name) {
            server.subject_alt_names.push(name);
        }
    }
    let issuer = Issuer::new(Authority::parameters()?, &authority.key);
    let certificate = server.signed_by(&key, &issuer)?;

    // The provider is named: a process-wide default could be somebody else's.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .context("the server's certificate")?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}
