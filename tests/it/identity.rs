//! As whom a command comes, and on which way: certificates, tokens that change, login plugins, impersonation, proxies.

mod nobody;
mod odd;
mod plugin;
mod provider;
mod proxied;

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use libtest_mimic::{Failed, Trial};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::{
    faults::{Authority, Proxy, ProxyOptions, Script},
    test_cluster::{Ended, Test, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 6] = [
        (
            "somebody_else_is_impersonated",
            somebody_else_is_impersonated,
        ),
        (
            "certificates_with_every_kind_of_key",
            certificates_with_every_kind_of_key,
        ),
        ("a_password_is_sent_as_it_is", a_password_is_sent_as_it_is),
        ("a_token_file_is_read_again", a_token_file_is_read_again),
        (
            "the_server_is_checked_as_the_kubeconfig_says",
            the_server_is_checked_as_the_kubeconfig_says,
        ),
        ("no_secret_is_ever_shown", no_secret_is_ever_shown),
    ];
    let told = tests.map(|(name, test)| Trial::test(format!("identity::{name}"), test));
    told.into_iter()
        .chain(nobody::trials())
        .chain(odd::trials())
        .chain(plugin::trials())
        .chain(provider::trials())
        .chain(proxied::trials())
        .collect()
}

/// What must never be seen anywhere.
const SECRET: &str = "hunter2-canary";

fn user(kubeconfig: &mut Kubeconfig) -> &mut AuthInfo {
    kubeconfig.auth_infos[0].auth_info.as_mut().unwrap()
}

fn cluster(kubeconfig: &mut Kubeconfig) -> &mut Cluster {
    kubeconfig.clusters[0].cluster.as_mut().unwrap()
}

fn token(proxy: &Proxy) -> String {
    let text = fs::read(proxy.kubeconfig()).unwrap();
    let kubeconfig: Value = serde_json::from_slice(&text).unwrap();
    kubeconfig["users"][0]["user"]["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn file(test_cluster: &TestCluster, name: &str, text: &str) -> PathBuf {
    let path = test_cluster.folder().join(name);
    fs::write(&path, text).unwrap();
    path
}

const STATUS: [&str; 2] = ["status", "vmruntime"];

fn equal<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), Failed> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, found {found:?}").into())
    }
}

fn somebody_else_is_impersonated() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    permit(&test_cluster, "system:serviceaccount:ci:runner")?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy
        .bmctl(&[
            "get",
            "vmruntimepfc",
            "--as",
            "system:serviceaccount:ci:runner",
            "--as-group",
            "a",
            "--as-group",
            "b",
            "--as-uid",
            "7",
        ])
        .exits(0)?;
    let seen = proxy.requests().pop().ok_or("no request")?;
    equal(
        &seen.header("impersonate-user"),
        &"system:serviceaccount:ci:runner",
    )?;
    equal(&seen.header("impersonate-uid"), &"7")?;
    let groups: Vec<_> = seen.headers.get_all("impersonate-group").iter().collect();
    equal(&format!("{groups:?}"), &r#"["a", "b"]"#.to_owned())?;
    proxy
        .bmctl(&["get", "vmruntimepfc", "--as-group", "a"])
        .exits(2)?
        .says("--as-group and --as-uid need --as")?;
    // What is to be pasted says it too.
    proxy
        .bmctl(&[
            "enable",
            "vmruntime",
            "--as",
            "kubernetes-admin",
            "--as-group",
            "system:masters",
        ])
        .exits(7)?
        .says("bmctl enable vmruntime --ensure --kubeconfig ")?
        .says(" --context sandbox --as kubernetes-admin --as-group system:masters")?;
    Ok(())
}

/// The key of the private RSA pair of `tests/it/keys`, which guards nothing: PKCS#1 as it is, PKCS#8 around it.
const RSA_PKCS1: &str = include_str!("keys/rsa-pkcs1.pem");
const RSA_PKCS8: &str = include_str!("keys/rsa-pkcs8.pem");

/// Certificate and key, PEM.
fn certificates(authority: &Authority) -> Vec<(&'static str, String, String)> {
    let elliptic = KeyPair::generate().unwrap();
    let rsa = KeyPair::from_pkcs8_pem_and_sign_algo(RSA_PKCS8, &rcgen::PKCS_RSA_SHA256).unwrap();
    vec![
        (
            "PKCS#8",
            authority.client("eve", &elliptic),
            elliptic.serialize_pem(),
        ),
        ("SEC1", authority.client("eve", &elliptic), sec1(&elliptic)),
        (
            "PKCS#8 of RSA",
            authority.client("eve", &rsa),
            RSA_PKCS8.to_owned(),
        ),
        (
            "PKCS#1",
            authority.client("eve", &rsa),
            RSA_PKCS1.to_owned(),
        ),
    ]
}

/// The elliptic key as `openssl ecparam -genkey` writes it: with its parameters before it. In PKCS#8 (RFC 5208) it is the
/// last octet string.
fn sec1(key: &KeyPair) -> String {
    /// SEQUENCE { INTEGER 0, SEQUENCE { OID, OID }, OCTET STRING { … } }, the lengths of P-256.
    const BEFORE: usize = 3 + 3 + 21 + 2;
    let der = key.serialize_der();
    let at = BEFORE - usize::from(der[1] < 0x80);
    let wrap = |label: &str, der: &[u8]| {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            STANDARD.encode(der)
        )
    };
    let prime256v1 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    wrap("EC PARAMETERS", &prime256v1) + &wrap("EC PRIVATE KEY", &der[at..])
}

/// What they may do is another matter.
fn permit(test_cluster: &TestCluster, user: &str) -> Result<(), Failed> {
    test_cluster.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        &json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "permitted"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        }),
    )?;
    Ok(())
}

fn certificates_with_every_kind_of_key() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    permit(&test_cluster, "eve")?;
    let authority = Authority::new("clients");
    let made = certificates(&authority);
    let proxy = Proxy::with(
        &test_cluster,
        ProxyOptions {
            certificates: Some((authority, "eve".to_owned())),
            ..ProxyOptions::default()
        },
    );
    for (kind, certificate, key) in made {
        let (certificate_file, key_file) = (
            file(&test_cluster, "eve.crt", &certificate),
            file(&test_cluster, "eve.key", &key),
        );
        for data in [false, true] {
            proxy.edit(|kubeconfig| {
                *user(kubeconfig) = AuthInfo::default();
                let user = user(kubeconfig);
                if data {
                    user.client_certificate_data = Some(STANDARD.encode(&certificate));
                    user.client_key_data = Some(STANDARD.encode(&key).into());
                } else {
                    user.client_certificate = Some(certificate_file.display().to_string());
                    user.client_key = Some(key_file.display().to_string());
                }
            });
            proxy
                .bmctl(&STATUS)
                .exits(0)
                .map_err(|error| format!("{kind}: {error:?}"))?;
        }
    }
    let shown = proxy
        .requests()
        .iter()
        .any(|seen| !seen.header("authorization").is_empty());
    equal(&shown, &false)?;
    proxy.edit(|kubeconfig| *user(kubeconfig) = AuthInfo::default());
    proxy
        .bmctl(&STATUS)
        .exits(9)?
        .says("the user of the kubeconfig has none")?;
    Ok(())
}

fn a_password_is_sent_as_it_is() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy.edit(|kubeconfig| {
        *user(kubeconfig) = AuthInfo::default();
        user(kubeconfig).username = Some("eve".to_owned());
        user(kubeconfig).password = Some(SECRET.to_owned().into());
    });
    let ended = proxy.bmctl(&STATUS).exits(9)?;
    let seen = proxy.requests().pop().ok_or("no request")?;
    let expected = format!("Basic {}", STANDARD.encode(format!("eve:{SECRET}")));
    equal(&seen.header("authorization"), &expected.as_str())?;
    without_secrets(&ended)
}

fn a_token_file_is_read_again() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    let good = token(&proxy);
    let path = file(&test_cluster, "token", &format!("{good}\n"));
    proxy.edit(|kubeconfig| {
        *user(kubeconfig) = AuthInfo::default();
        user(kubeconfig).token_file = Some("token".to_owned());
    });
    proxy.bmctl(&STATUS).exits(0)?;
    file(&test_cluster, "token", SECRET);
    without_secrets(&proxy.bmctl(&STATUS).exits(9)?)?;
    // It is replaced when the first request is under way already.
    let rotated = path.clone();
    proxy.when_seen(move |_| fs::write(&rotated, &good).unwrap());
    proxy.bmctl(&STATUS).exits(0)?;
    proxy.when_seen(|_| {});
    fs::remove_file(&path).unwrap();
    proxy.bmctl(&STATUS).exits(9)?.says("token file")?;
    Ok(())
}

fn the_server_is_checked_as_the_kubeconfig_says() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::with(
        &test_cluster,
        ProxyOptions {
            names: vec!["kubernetes.example".to_owned()],
            ..ProxyOptions::default()
        },
    );
    let json = ["status", "vmruntime", "-o", "json"];
    proxy
        .bmctl(&json)
        .exits(10)?
        .prints_anyway("WrongServerName")?;
    proxy.edit(|kubeconfig| {
        cluster(kubeconfig).tls_server_name = Some("kubernetes.example".to_owned());
    });
    proxy.bmctl(&STATUS).exits(0)?;
    // The authority in a file beside the kubeconfig.
    proxy.edit(|kubeconfig| {
        let cluster = cluster(kubeconfig);
        let data = cluster.certificate_authority_data.take().unwrap();
        file(
            &test_cluster,
            "ca.crt",
            &String::from_utf8(STANDARD.decode(data).unwrap()).unwrap(),
        );
        cluster.certificate_authority_data = Some(String::new());
        cluster.certificate_authority = Some("ca.crt".to_owned());
    });
    proxy.bmctl(&STATUS).exits(0)?;
    file(
        &test_cluster,
        "ca.crt",
        &Authority::new("somebody else").pem(),
    );
    proxy
        .bmctl(&json)
        .exits(10)?
        .prints_anyway("UnknownAuthority")?;
    proxy.edit(|kubeconfig| {
        let cluster = cluster(kubeconfig);
        cluster.certificate_authority = None;
        cluster.tls_server_name = None;
        cluster.insecure_skip_tls_verify = Some(true);
    });
    proxy
        .bmctl(&STATUS)
        .exits(0)?
        .says("warning: insecure-skip-tls-verify is set")?;
    Ok(())
}

fn no_secret_is_ever_shown() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let proxy = Proxy::before(&test_cluster, Script::none());
    let logs = test_cluster.folder().join("logs");
    let server = format!("https://eve:{SECRET}@{}", proxy.address());
    proxy.edit(|kubeconfig| {
        user(kubeconfig).token = Some(SECRET.to_owned().into());
        cluster(kubeconfig).server = Some(server);
    });
    for format in ["text", "json", "yaml"] {
        let ended = proxy.bmctl(&[
            "enable",
            "vmruntime",
            "-vv",
            "-o",
            format,
            "--log-dir",
            &logs.display().to_string(),
        ]);
        without_secrets(&ended.exits(9)?)?;
    }
    let mut looked_at = 0;
    for_each_file(&logs, &mut |text| {
        looked_at += 1;
        equal(&text.contains(SECRET), &false)
    })?;
    equal(&(looked_at > 0), &true)
}

fn for_each_file(
    folder: &Path,
    look: &mut impl FnMut(&str) -> Result<(), Failed>,
) -> Result<(), Failed> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            for_each_file(&path, look)?;
        } else {
            look(&fs::read_to_string(path)?)?;
        }
    }
    Ok(())
}

fn without_secrets(ended: &Ended) -> Result<(), Failed> {
    if ended.stdout.contains(SECRET) || ended.stderr.contains(SECRET) {
        return Err(format!("a secret was shown: {ended}").into());
    }
    Ok(())
}
