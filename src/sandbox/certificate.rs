//! The sandbox's own certificate authority and its server certificate: new at every start, never written to disk.

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
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    version::{TLS12, TLS13},
};

/// What the server shows and what clients check it against.
pub struct ServerIdentity {
    pub tls: Arc<ServerConfig>,
    /// The authority's certificate, PEM.
    pub authority: String,
}

/// Makes an authority and a certificate for the loopback names and `address`. P-256: made in a millisecond.
pub fn generate(address: IpAddr) -> anyhow::Result<ServerIdentity> {
    let authority_key = KeyPair::generate().context("the authority's key")?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "bmctl sandbox");
    let authority_certificate = authority.self_signed(&authority_key)?;

    let key = KeyPair::generate().context("the server's key")?;
    let names = ["localhost", "kubernetes", "kubernetes.default.svc"];
    let mut server = CertificateParams::new(names.map(str::to_owned))?;
    server
        .distinguished_name
        .push(DnType::CommonName, "bmctl sandbox API server");
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
    let issuer = Issuer::new(authority, authority_key);
    let certificate = server.signed_by(&key, &issuer)?;

    // The provider is named: a process-wide default could be somebody else's.
    let provider = Arc::new(ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .context("the server's certificate")?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(ServerIdentity {
        tls: Arc::new(tls),
        authority: authority_certificate.pem(),
    })
}
