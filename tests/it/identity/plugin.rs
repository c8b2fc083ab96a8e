//! Login plugins: what they are told, what they give, and what becomes of a command when they do not.

use std::{fs, os::unix::fs::PermissionsExt as _};

use kube::config::AuthInfo;
use libtest_mimic::{Failed, Trial};
use rcgen::KeyPair;
use serde_json::{Value, json};

use super::{SECRET, STATUS, equal, file, permit, token, user, without_secrets};
use crate::{
    faults::{Authority, Proxy, ProxyOptions, Script, Seen},
    test_cluster::TestCluster,
};

pub fn trials() -> Vec<Trial> {
    tests![
        "identity":
        a_login_plugin_logs_in,
        a_login_plugin_may_bring_a_certificate,
        a_login_plugin_is_asked_again_when_its_token_expires,
        a_login_plugin_that_hangs_is_ended_in_time,
        a_login_plugin_that_must_ask_is_denied,
        a_login_plugin_that_is_missing_says_what_to_install,
    ]
}

/// A login plugin that is this shell script; the arguments of its runs are left in a file.
fn plugin(cluster: &TestCluster, proxy: &Proxy, script: &str, rest: &Value) {
    let path = file(
        cluster,
        "plugin",
        &format!(
            "#!/bin/sh\necho run >> {}/runs\n{script}\n",
            cluster.folder().display()
        ),
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let mut exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin",
        "interactiveMode": "IfAvailable",
    });
    json_patch::merge(&mut exec, rest);
    let _ = fs::remove_file(cluster.folder().join("runs"));
    proxy.edit(|kubeconfig| {
        *user(kubeconfig) = AuthInfo::default();
        user(kubeconfig).exec = Some(serde_json::from_value(exec).unwrap());
    });
}

fn runs(cluster: &TestCluster) -> usize {
    let runs = fs::read_to_string(cluster.folder().join("runs"));
    runs.unwrap_or_default().lines().count()
}

/// A line of shell that gives this status.
fn gives(status: &Value) -> String {
    let credential = json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status,
    });
    format!("echo '{credential}'")
}

fn a_login_plugin_logs_in() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&cluster, Script::none());
    let good = gives(&json!({"token": token(&proxy)}));
    let script = format!(
        "echo {SECRET} >&2; echo \"$KUBERNETES_EXEC_INFO\" > {}/input; {good}",
        cluster.folder().display()
    );
    plugin(
        &cluster,
        &proxy,
        &script,
        &json!({"provideClusterInfo": true}),
    );
    let ended = proxy
        .bmctl(&["enable", "vmruntime", "--ensure", "-vv"])
        .exits(0)?;
    without_secrets(&ended)?;
    equal(&runs(&cluster), &1)?;
    let input: Value = serde_json::from_slice(&fs::read(cluster.folder().join("input"))?)?;
    equal(&input["spec"]["interactive"], &json!(false))?;
    let server = format!("https://{}", proxy.address());
    equal(&input["spec"]["cluster"]["server"], &json!(server))?;
    equal(
        &input["spec"]["cluster"]["certificate-authority-data"].is_string(),
        &true,
    )?;
    // One that fails says why, without what looks like a credential.
    plugin(
        &cluster,
        &proxy,
        &format!("echo {SECRET}; echo token={SECRET} >&2; echo no session >&2; exit 4"),
        &json!({}),
    );
    let ended = proxy
        .bmctl(&STATUS)
        .exits(9)?
        .says("exit status: 4")?
        .says("it says: no session")?;
    without_secrets(&ended)
}

fn a_login_plugin_may_bring_a_certificate() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    permit(&cluster, "eve")?;
    let authority = Authority::new("clients");
    let key = KeyPair::generate().unwrap();
    let certificate = authority.client("eve", &key);
    let proxy = Proxy::with(
        &cluster,
        ProxyOptions {
            certificates: Some((authority, "eve".to_owned())),
            ..ProxyOptions::default()
        },
    );
    let status =
        json!({"clientCertificateData": certificate, "clientKeyData": key.serialize_pem()});
    file(&cluster, "credential", &json!({
        "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status,
    }).to_string());
    let script = format!("cat {}/credential", cluster.folder().display());
    plugin(
        &cluster,
        &proxy,
        &script,
        &json!({"interactiveMode": "Never"}),
    );
    proxy.bmctl(&STATUS).exits(0)?;
    equal(&runs(&cluster), &1)
}

fn a_login_plugin_is_asked_again_when_its_token_expires() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&cluster, Script::none());
    let good = gives(&json!({"token": token(&proxy)}));
    let later = |first: &str| {
        let runs = cluster.folder().join("runs");
        format!(
            "if [ $(wc -l < {}) = 1 ]; then {first}; else {good}; fi",
            runs.display()
        )
    };
    // The API server does not accept it any more.
    plugin(
        &cluster,
        &proxy,
        &later(&gives(&json!({"token": "stale"}))),
        &json!({}),
    );
    proxy.bmctl(&STATUS).exits(0)?;
    equal(&runs(&cluster), &2)?;
    // It has expired by its own word, and is not even sent.
    let expired = json!({"token": SECRET, "expirationTimestamp": "2020-01-01T00:00:00Z"});
    plugin(&cluster, &proxy, &later(&gives(&expired)), &json!({}));
    proxy.bmctl(&STATUS).exits(0)?;
    equal(&runs(&cluster), &2)?;
    let sent = proxy
        .requests()
        .iter()
        .any(|seen: &Seen| seen.header("authorization").contains(SECRET));
    equal(&sent, &false)
}

fn a_login_plugin_that_hangs_is_ended_in_time() -> Result<(), Failed> {
    let cluster = TestCluster::bare();
    let proxy = Proxy::before(&cluster, Script::none());
    plugin(&cluster, &proxy, "exec sleep 300", &json!({}));
    proxy
        .bmctl(&["enable", "vmruntime", "--timeout", "1s"])
        .exits(9)?
        .says("did not end within 1s, and was ended")?;
    Ok(())
}

fn a_login_plugin_that_must_ask_is_denied() -> Result<(), Failed> {
    let cluster = TestCluster::bare();
    let proxy = Proxy::before(&cluster, Script::none());
    plugin(
        &cluster,
        &proxy,
        "exit 0",
        &json!({"interactiveMode": "Always"}),
    );
    for words in [&STATUS[..], &["status", "vmruntime", "--no-input"]] {
        proxy
            .bmctl(words)
            .exits(9)?
            .says("must ask on a terminal")?;
    }
    equal(&runs(&cluster), &0)
}

fn a_login_plugin_that_is_missing_says_what_to_install() -> Result<(), Failed> {
    let cluster = TestCluster::bare();
    let proxy = Proxy::before(&cluster, Script::none());
    let missing =
        json!({"command": "bmctl-no-such-plugin", "installHint": "apt install it\nor brew"});
    plugin(&cluster, &proxy, "", &missing);
    proxy
        .bmctl(&STATUS)
        .exits(9)?
        .says("the login plugin bmctl-no-such-plugin is not installed")?
        .says("apt install it\n      or brew")?;
    Ok(())
}
