//! Between us and the API server: names, connections, certificates, proxies. kube's own texts stop at "client error
//! (Connect)", so the chain of sources is walked down to what a person can act on.

use std::{error::Error, io, iter};

use hyper_util::client::legacy;
use tokio_rustls::rustls;

use super::{
    Kind, Reason,
    classify::{Diagnosis, Transience, find},
};

/// A request that was not answered.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct TransportError {
    #[source]
    pub error: legacy::Error,
    /// Is there a client certificate that the server may have been shown?
    pub with_certificate: bool,
}

/// A certificate or a key of the kubeconfig that cannot be used. The text is never that of a file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadCertificate(pub String);

/// Every error of the chain, outermost first. An `io::Error` hides the error that it was made from behind `get_ref`.
pub(super) fn chain(error: &kube::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(Some(error as &(dyn Error + 'static)), |link| inner(*link))
}

fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// A connection that was never made carried nothing out; a broken one may have.
pub(super) fn transience(error: &kube::Error) -> Transience {
    if find::<rustls::Error>(error).is_some() || find::<BadCertificate>(error).is_some() {
        return Transience::Permanent;
    }
    if find::<legacy::Error>(error).is_some_and(legacy::Error::is_connect) {
        Transience::NotCarriedOut { retry_after: None }
    } else {
        Transience::MayBeCarriedOut { retry_after: None }
    }
}

/// What a person is told about an error of the transport.
pub(super) fn diagnose(error: &kube::Error) -> Diagnosis {
    if let Some(bad) = find::<BadCertificate>(error) {
        let cause = format!("the certificates of the kubeconfig cannot be used: {bad}");
        return Diagnosis::new(Kind::Usage, Reason::BadCertificate, cause);
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        let with_certificate =
            find::<TransportError>(error).is_some_and(|error| error.with_certificate);
        return certificate(tls, with_certificate);
    }
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    let says = |wording: &str| texts.iter().any(|text| text.contains(wording));
    let root = texts.last().cloned().unwrap_or_default();
    let unreachable = |reason, cause| Diagnosis::new(Kind::Unreachable, reason, cause);
    if says("tunnel error") || says("SOCKS error") {
        return unreachable(
            Reason::ProxyFailed,
            format!("the proxy did not connect us: {root}"),
        )
        .hint("check HTTPS_PROXY, NO_PROXY and the proxy-url of the kubeconfig");
    }
    if says("dns error") {
        return unreachable(
            Reason::NameNotResolved,
            format!("the name of the server is not known: {root}"),
        )
        .hint("check the server address in the kubeconfig, your DNS and your VPN");
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => unreachable(Reason::ConnectionRefused, root)
            .hint("nothing listens there: is the API server up, and is the port right?"),
        Some(io::ErrorKind::TimedOut) => unreachable(
            Reason::ConnectTimedOut,
            "no connection was made in time".to_owned(),
        )
        .hint("check the server address, your VPN and firewalls"),
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => unreachable(Reason::ConnectionLost, root),
        _ => unreachable(Reason::Unreachable, root),
    }
}

/// The kind of the innermost system error.
fn io_kind(error: &kube::Error) -> Option<io::ErrorKind> {
    chain(error)
        .filter_map(|link| link.downcast_ref::<io::Error>())
        .last()
        .map(io::Error::kind)
}

fn certificate(error: &rustls::Error, with_certificate: bool) -> Diagnosis {
    use rustls::CertificateError as Certificate;
    let (reason, hint) = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer | Certificate::BadSignature => (
                Reason::UnknownAuthority,
                "the certificate is not signed by the authority in the kubeconfig; was the cluster created again?",
            ),
            Certificate::Expired | Certificate::ExpiredContext { .. } => (
                Reason::CertificateExpired,
                "the certificate of the API server has expired; renew it, and check the clock of this machine",
            ),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => (
                Reason::CertificateNotValidYet,
                "check the clock of this machine",
            ),
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => (
                Reason::WrongServerName,
                "the certificate is for another host name: use that name in the kubeconfig, or set tls-server-name there",
            ),
            _ => (
                Reason::CertificateRejected,
                "check the certificate authority in the kubeconfig",
            ),
        },
        rustls::Error::InvalidMessage(_) => (
            Reason::NotTls,
            "what listens there does not speak TLS: should the server address begin with http://?",
        ),
        rustls::Error::AlertReceived(alert) => (
            Reason::TlsRejected,
            ended_by_server(*alert, with_certificate),
        ),
        _ => (
            Reason::TlsFailed,
            "check the server address and the certificates in the kubeconfig",
        ),
    };
    let cause = match error {
        rustls::Error::InvalidCertificate(error) => property(error),
        _ => None,
    };
    let cause = cause.map_or_else(|| error.to_string(), str::to_owned);
    Diagnosis::new(Kind::Unreachable, reason, cause).hint(hint)
}

/// What the server may have meant by it.
fn ended_by_server(alert: rustls::AlertDescription, with_certificate: bool) -> &'static str {
    use rustls::AlertDescription as Alert;
    match alert {
        Alert::UnrecognisedName => {
            "the server is not known by that name: check the server address, or tls-server-name, in the kubeconfig"
        }
        Alert::ProtocolVersion => "bmctl speaks TLS 1.2 and 1.3, and the server neither",
        Alert::HandshakeFailure if !with_certificate => {
            "the server may ask for a client certificate, and the kubeconfig has none; or it speaks TLS 1.2 with old ciphers \
             (CBC, RSA key exchange) only, which bmctl does not take"
        }
        Alert::CertificateRequired | Alert::BadCertificate | Alert::NoCertificate
            if !with_certificate =>
        {
            "the server may ask for a client certificate, and the kubeconfig has none"
        }
        _ if with_certificate => {
            "the server ended the TLS handshake: check the client certificate in the kubeconfig"
        }
        _ => "the server ended the TLS handshake: is it an API server?",
    }
}

/// What it is about the server's certificate, where rustls has no words for people.
fn property(error: &rustls::CertificateError) -> Option<&'static str> {
    use rustls::CertificateError as Certificate;
    use webpki::Error as Webpki;
    let property = match error {
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            "the certificate of the API server is not for servers: its extendedKeyUsage has no serverAuth"
        }
        Certificate::UnsupportedSignatureAlgorithmContext { .. }
        | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate of the API server is signed with SHA-1, with an RSA key of fewer than 2048 bits, or in another \
             way that is not taken"
        }
        Certificate::Other(other) => match other.0.downcast_ref()? {
            Webpki::CaUsedAsEndEntity => {
                "the certificate of the API server may sign others (CA:TRUE), and is not itself the one that the kubeconfig \
                 trusts"
            }
            Webpki::EndEntityUsedAsCa => {
                "the certificate that signed the API server's may not sign others (CA:FALSE)"
            }
            Webpki::UnsupportedCertVersion => {
                "the certificate of the API server, or one that vouches for it, is of X.509 version 1 or 2"
            }
            Webpki::UnsupportedCriticalExtension => {
                "the certificate of the API server has a critical extension that is not known here"
            }
            Webpki::PathLenConstraintViolated => {
                "an authority of the API server's certificate has signed another one, and may not (pathlen)"
            }
            Webpki::NameConstraintViolation => {
                "an authority has signed the API server's certificate for a name that it may not (nameConstraints)"
            }
            // Not our own enum.
            _ => return None,
        },
        _ => return None,
    };
    Some(property)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{from_kube, transience};

    /// As the client reports it: an error of the connector, wrapped by whoever stands between.
    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Outer(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Inner(&'static str);

    fn service(error: io::Error) -> kube::Error {
        kube::Error::Service(Box::new(Outer(error)))
    }

    fn tls(error: rustls::Error) -> kube::Error {
        service(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn reason(error: &kube::Error) -> Reason {
        let failure = from_kube(error, "read vmruntime");
        assert_eq!(failure.kind, Kind::Unreachable);
        assert!(!failure.causes.is_empty());
        failure.reason
    }

    #[test]
    fn every_way_of_not_getting_through_has_its_reason() {
        use rustls::{CertificateError as Certificate, Error as Tls};
        let system = |kind| service(io::Error::from(kind));
        let bad = |error| tls(Tls::InvalidCertificate(error));
        let other = |text| service(io::Error::other(Inner(text)));
        let not_tls = Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let cases = [
            (
                system(io::ErrorKind::ConnectionRefused),
                Reason::ConnectionRefused,
            ),
            (system(io::ErrorKind::TimedOut), Reason::ConnectTimedOut),
            (
                system(io::ErrorKind::ConnectionReset),
                Reason::ConnectionLost,
            ),
            (other("dns error"), Reason::NameNotResolved),
            (other("tunnel error: unsuccessful"), Reason::ProxyFailed),
            (bad(Certificate::UnknownIssuer), Reason::UnknownAuthority),
            (bad(Certificate::Expired), Reason::CertificateExpired),
            (bad(Certificate::NotValidForName), Reason::WrongServerName),
            (tls(not_tls), Reason::NotTls),
            (other("something else"), Reason::Unreachable),
        ];
        for (error, expected) in cases {
            assert_eq!(reason(&error), expected);
        }
    }

    #[test]
    fn a_wrong_certificate_does_not_heal() {
        let error = tls(rustls::Error::InvalidCertificate(
            rustls::CertificateError::UnknownIssuer,
        ));
        assert_eq!(transience(&error), Transience::Permanent);
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_and_nothing_was_carried_out() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut config = kube::Config::new(format!("http://{closed}").parse().unwrap());
        config.default_retry = false;
        let client = kube::Client::try_from(config).unwrap();
        let error = client.apiserver_version().await.unwrap_err();
        assert_eq!(reason(&error), Reason::ConnectionRefused);
        assert_eq!(
            transience(&error),
            Transience::NotCarriedOut { retry_after: None }
        );
    }
}
