//! TLS as kubectl speaks it, where that is safe: which server is believed, and which certificate it is shown.
//!
//! kube leaves both to webpki, which is stricter than Go's crypto/x509. It takes no server certificate that is itself what
//! the kubeconfig trusts, and no client certificate that it cannot read. Nothing is verified less here: a certificate that
//! is trusted byte by byte needs nobody who vouches for it, and a client certificate is for the server to judge.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use kube::{Config, client::ConfigExt as _, config::AuthInfo};
use secrecy::ExposeSecret as _;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, InconsistentKeys, RootCertStore,
    SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::ParsedCertificate,
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};

use super::pem;
use crate::failure::BadCertificate;

/// Connections that are secured as the configuration says.
pub(super) fn secured<C>(connector: C, config: &Config) -> kube::Result<HttpsConnector<C>> {
    let builder = HttpsConnectorBuilder::new()
        .with_tls_config(client_config(config)?)
        .https_or_http();
    let builder = match &config.tls_server_name {
        None => builder,
        Some(name) => {
            let name = ServerName::try_from(name.clone())
                .map_err(|_| refused("tls-server-name is no host name"))?;
            builder.with_server_name_resolver(FixedServerNameResolver::new(name))
        }
    };
    Ok(builder.enable_http1().wrap_connector(connector))
}

fn client_config(config: &Config) -> kube::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    // kube's own, for a server that is not verified, and for an authority that is read again and again.
    let mut bare = config.clone();
    bare.auth_info = AuthInfo::default();
    bare.root_cert = Some(Vec::new());
    let mut tls = bare.rustls_client_config()?;
    if is_verified(config) {
        let verifier = match &config.root_cert {
            Some(authorities) => Verifier::of_kubeconfig(authorities, &provider),
            None => Verifier::of_machine(&provider),
        };
        let verifier = Arc::new(verifier.map_err(refused)?);
        tls.dangerous().set_certificate_verifier(verifier);
    }
    if let Some(identity) = identity(&config.auth_info, &provider).map_err(refused)? {
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    }
    Ok(tls)
}

fn refused(why: &str) -> kube::Error {
    kube::Error::Service(BadCertificate(why.to_owned()).into())
}

/// Does anything have to be verified, and is it not kube that does it?
fn is_verified(config: &Config) -> bool {
    let speaks_tls = |url: &Uri| url.scheme_str() == Some("https");
    let anywhere =
        speaks_tls(&config.cluster_url) || config.proxy_url.as_ref().is_some_and(speaks_tls);
    anywhere && !config.accept_invalid_certs && config.root_cert_file.is_none()
}

/// Believes whom an authority vouches for, and who is trusted without one.
#[derive(Debug)]
struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn of_kubeconfig(
        authorities: &[Vec<u8>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, &'static str> {
        let trusted = authorities.iter().cloned().map(CertificateDer::from);
        Self::new(trusted.collect(), provider)
            .ok_or("certificate authority: no certificate of it can be read")
    }

    /// The authorities of this machine, as Go finds them: also by `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    fn of_machine(provider: &Arc<CryptoProvider>) -> Result<Self, &'static str> {
        let trusted = rustls_native_certs::load_native_certs().certs;
        Self::new(trusted, provider)
            .ok_or("the kubeconfig names no certificate authority, and this machine has none")
    }

    /// As Go, certificates that cannot be read are passed over, as long as one can.
    fn new(trusted: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(trusted.iter().cloned());
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let chain = builder.build().ok()?;
        Some(Self { chain, trusted })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match chain {
            Err(Error::InvalidCertificate(error))
                if lacks_only_an_issuer(&error) && self.trusted.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            decided => decided,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Is all that is wrong that nobody vouches for it? webpki has looked at the dates by then, which a test holds.
fn lacks_only_an_issuer(error: &CertificateError) -> bool {
    match error {
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => true,
        CertificateError::Other(other) => matches!(
            other.0.downcast_ref(),
            Some(webpki::Error::CaUsedAsEndEntity)
        ),
        // Not our own enum.
        _ => false,
    }
}

/// The client certificate and its key, if there are any.
fn identity(
    user: &AuthInfo,
    provider: &CryptoProvider,
) -> Result<Option<CertifiedKey>, &'static str> {
    let (Some(certificate), Some(key)) = (&user.client_certificate_data, &user.client_key_data)
    else {
        return Ok(None);
    };
    let plain = |data: &str| STANDARD.decode(data).unwrap_or_default();
    let chain: Vec<_> = pem::all(&plain(certificate)).collect();
    if chain.is_empty() {
        return Err("client certificate: there is no certificate in PEM format in it");
    }
    let identity = CertifiedKey::new(chain, signing_key(&plain(key.expose_secret()), provider)?);
    match identity.keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err("client key: it does not belong to the client certificate")
        }
        // One that cannot be read, such as X.509 version 1, is handed over as it is.
        Ok(()) | Err(_) => Ok(Some(identity)),
    }
}

/// As Go: the first private key in it, whatever its label says of the encoding.
fn signing_key(
    text: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, &'static str> {
    let Some(key) = pem::all::<PrivateKeyDer<'_>>(text).next() else {
        return Err(if says_encrypted(text) {
            "client key: it is encrypted with a password"
        } else {
            "client key: there is no private key in PEM format in it"
        });
    };
    let der = || key.secret_der().to_vec();
    let encodings = [
        PrivateKeyDer::Pkcs8(der().into()),
        PrivateKeyDer::Pkcs1(der().into()),
        PrivateKeyDer::Sec1(der().into()),
    ];
    let signing = encodings
        .into_iter()
        .find_map(|key| provider.key_provider.load_private_key(key).ok());
    signing.ok_or(if says_encrypted(text) {
        "client key: it is encrypted with a password"
    } else {
        "client key: it is not RSA of at least 2048 bits, ECDSA (P-256, P-384, P-521) or Ed25519"
    })
}

/// `BEGIN ENCRYPTED PRIVATE KEY`, or `Proc-Type: 4,ENCRYPTED`.
fn says_encrypted(pem: &[u8]) -> bool {
    pem.windows(9).any(|word| word == b"ENCRYPTED")
}

#[cfg(test)]
mod tests;
