use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P521_SHA512, SignatureAlgorithm, date_time_ymd,
};

use super::*;

const NAME: &str = "kubernetes";
/// When the certificates of these tests are valid: 2020 to 2030.
const NOW: u64 = 1_750_000_000;

fn params(is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    params.is_ca = is_ca;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

fn key(of: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(of).unwrap()
}

fn authority() -> IsCa {
    IsCa::Ca(BasicConstraints::Unconstrained)
}

/// As `openssl req -x509` makes it: it may sign others, and is a server's.
fn self_signed() -> Vec<u8> {
    let key = key(&PKCS_ECDSA_P256_SHA256);
    let certificate = params(authority()).self_signed(&key).unwrap();
    certificate.der().to_vec()
}

/// The authority, and a certificate that it signed, both with keys of this kind.
fn signed(of: &'static SignatureAlgorithm, server: &CertificateParams) -> (Vec<u8>, Vec<u8>) {
    let (own, others) = (key(of), key(of));
    let certificate = params(authority()).self_signed(&own).unwrap();
    let issuer = Issuer::new(params(authority()), own);
    let server = server.signed_by(&others, &issuer).unwrap();
    (certificate.der().to_vec(), server.der().to_vec())
}

/// What is said of a server that shows `shown`, where `trusted` is.
fn verified(trusted: &[u8], shown: &[u8], name: &str, now: u64) -> Result<(), Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::of_kubeconfig(&[trusted.to_vec()], &provider).unwrap();
    verifier
        .verify_server_cert(
            &shown.into(),
            &[],
            &name.try_into().unwrap(),
            &[],
            UnixTime::since_unix_epoch(Duration::from_secs(now)),
        )
        .map(drop)
}

#[test]
fn a_server_may_show_the_very_certificate_that_is_trusted() {
    let (_, alone) = signed(&PKCS_ECDSA_P256_SHA256, &params(IsCa::NoCa));
    for trusted in [self_signed(), alone] {
        assert_eq!(verified(&trusted, &trusted, NAME, NOW), Ok(()));
        // Its name and its dates count all the same.
        for (name, now, expected) in [
            ("other", NOW, "not valid for name"),
            (NAME, 1_500_000_000, "not valid yet"),
            (NAME, 1_950_000_000, "expired"),
        ] {
            let error = verified(&trusted, &trusted, name, now).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn another_certificate_than_the_trusted_one_needs_an_authority() {
    let (trusted, other) = (self_signed(), self_signed());
    assert!(verified(&trusted, &other, NAME, NOW).is_err());
    let (_, alone) = signed(&PKCS_ECDSA_P256_SHA256, &params(IsCa::NoCa));
    assert!(verified(&alone, &other, NAME, NOW).is_err());
    // One that is trusted but is not for servers is refused, as Go does it.
    let mut client = params(IsCa::NoCa);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let (_, client) = signed(&PKCS_ECDSA_P256_SHA256, &client);
    assert!(verified(&client, &client, NAME, NOW).is_err());
}

#[test]
fn an_authority_may_have_any_curve_of_nist() {
    for of in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P521_SHA512] {
        let (trusted, shown) = signed(of, &params(IsCa::NoCa));
        assert_eq!(verified(&trusted, &shown, NAME, NOW), Ok(()));
    }
}

#[test]
fn a_certificate_of_a_bundle_that_cannot_be_read_is_passed_over() {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let bundle = [b"no certificate".to_vec(), self_signed()];
    assert!(Verifier::of_kubeconfig(&bundle, &provider).is_ok());
    assert!(Verifier::of_kubeconfig(&bundle[..1], &provider).is_err());
}

/// Of X.509 version 1, for 100 years, and its key: `openssl x509 -req` without extensions.
const VERSION_1: &str = "-----BEGIN CERTIFICATE-----
MIIBBDCBqgIBATAKBggqhkjOPQQDAjANMQswCQYDVQQDDAJjYTAgFw0yNjExMzAw
NzUwNTdaGA8yMTI2MTEwNjA3NTA1N1owDTELMAkGA1UEAwwCbWUwWTATBgcqhkjO
PQIBBggqhkjOPQMBBwNCAAQRXlQJsHKFXDxUjuKM5u8hsEx6D4/0DCoVg8JwlhB8
TJb31Gmauhyx8aRV9ms7q4lMBqUEQQeXqLrm0DRhL9taMAoGCCqGSM49BAMCA0kA
MEYCIQCPrvVhhlyJ0DhfWnAt40aV0M/17PsJDceB3+p9bwi2XwIhAIA4U6KtIHvs
JkK8UxLeRPIul6YCw4wM5uXvJHRdM1Q7
-----END CERTIFICATE-----
";
const VERSION_1_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgX4rkCPjurLhZBVVn
ZJHGDJh/W9UuBGly3/RXjPGXQm6hRANCAAQRXlQJsHKFXDxUjuKM5u8hsEx6D4/0
DCoVg8JwlhB8TJb31Gmauhyx8aRV9ms7q4lMBqUEQQeXqLrm0DRhL9ta
-----END PRIVATE KEY-----
";

fn usable(certificate: &str, key: &str) -> Result<Option<usize>, &'static str> {
    let user = AuthInfo {
        client_certificate_data: Some(STANDARD.encode(certificate)),
        client_key_data: Some(STANDARD.encode(key).into()),
        ..AuthInfo::default()
    };
    let identity = identity(&user, &aws_lc_rs::default_provider());
    identity.map(|identity| identity.map(|identity| identity.cert.len()))
}

#[test]
fn client_certificates_are_taken_as_people_make_them() {
    let pair = |of: &'static SignatureAlgorithm| {
        let key = key(of);
        let certificate = params(IsCa::NoCa).self_signed(&key).unwrap().pem();
        (certificate, key)
    };
    let (certificate, own) = pair(&PKCS_ECDSA_P256_SHA256);
    let public = own.public_key_pem();
    let private = own.serialize_pem();
    let mislabelled = private.replace("PRIVATE KEY", "RSA PRIVATE KEY");
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for (certificate, key) in [
        (certificate.clone(), private.clone()),
        (certificate.clone(), format!("{public}{private}")),
        (
            certificate.clone(),
            format!("{parameters}{private}{public}"),
        ),
        (certificate.clone(), format!("{certificate}{private}")),
        (format!("{private}{certificate}"), private.clone()),
        (format!("Subject: me\n\n{certificate}"), mislabelled),
        (VERSION_1.to_owned(), VERSION_1_KEY.to_owned()),
    ] {
        assert_eq!(usable(&certificate, &key), Ok(Some(1)), "{key}");
    }
    let (large, key) = pair(&PKCS_ECDSA_P521_SHA512);
    assert_eq!(usable(&large, &key.serialize_pem()), Ok(Some(1)));
    assert_eq!(
        usable(&format!("{large}{certificate}"), &key.serialize_pem()),
        Ok(Some(2))
    );
}

#[test]
fn a_client_certificate_that_cannot_be_used_says_which_half_and_why() {
    let key = key(&PKCS_ECDSA_P256_SHA256);
    let certificate = params(IsCa::NoCa).self_signed(&key).unwrap().pem();
    let encrypted = key
        .serialize_pem()
        .replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let garbage = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
    for (certificate, key, expected) in [
        (certificate.as_str(), VERSION_1_KEY, "does not belong"),
        (&certificate, &encrypted, "encrypted with a password"),
        (&certificate, &key.public_key_pem(), "no private key"),
        (&certificate, garbage, "is not RSA of at least 2048 bits"),
        ("hunter2", VERSION_1_KEY, "no certificate in PEM format"),
    ] {
        let why = usable(certificate, key).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
}

/// kube would refuse the whole bundle.
#[test]
fn connections_are_made_with_what_of_a_bundle_can_be_read() {
    let mut config = Config::new("https://kubernetes".parse().unwrap());
    for (authorities, usable) in [
        (vec![b"junk".to_vec(), self_signed()], true),
        (vec![b"junk".to_vec()], false),
    ] {
        config.root_cert = Some(authorities);
        assert_eq!(client_config(&config).is_ok(), usable);
    }
}
