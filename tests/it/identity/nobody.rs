//! Requests that reach the API server without a credential that it sees: it is said what there was to see, and no right is
//! proposed for everybody.

use kube::config::AuthInfo;
use libtest_mimic::{Failed, Trial};
use rcgen::KeyPair;

use super::{STATUS, token, user};
use crate::{
    faults::{Authority, Proxy, ProxyOptions, Script},
    test_cluster::{Ended, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "identity":
        nobody_is_given_no_role,
        it_is_said_which_credential_was_not_seen,
        whoever_wants_to_be_nobody_is_told_so,
    ]
}

/// Nobody's right is everybody's.
fn proposes_nothing(ended: Ended) -> Result<Ended, Failed> {
    for word in ["RoleBinding", "rolebinding", "kind: ClusterRole"] {
        if ended.stdout.contains(word) || ended.stderr.contains(word) {
            return Err(format!("{word} was proposed by {ended}").into());
        }
    }
    Ok(ended)
}

fn nobody_is_given_no_role() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&cluster, Script::none());
    proxy.edit(|kubeconfig| *user(kubeconfig) = AuthInfo::default());
    for words in [
        "disable vmruntime --force=true --yes",
        "enable vmruntime",
        "update vmruntime --use-emulation",
        "status vmruntime",
        "wait vmruntime --for ready",
        "check vmruntimepfc",
        "get vmruntimepfc",
        "skip node worker-0",
        "auth check",
    ] {
        for format in ["text", "json", "junit"] {
            let words: Vec<&str> = words.split(' ').chain(["-o", format]).collect();
            let ended = proposes_nothing(proxy.bmctl(&words).exits(9)?)?
                .says("the API server saw no credential: the user of the kubeconfig has none")?
                .says("hint: give the user of this context a token")?;
            if format == "json" {
                ended.prints_anyway("\"reason\": \"Unauthorized\"")?;
            }
        }
    }
    proxy
        .bmctl(&["auth", "check", "enable", "vmruntime", "--role"])
        .exits(0)?
        .says("without a binding")?;
    Ok(())
}

fn it_is_said_which_credential_was_not_seen() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    // A proxy that takes the header away.
    let proxy = Proxy::with(
        &cluster,
        ProxyOptions {
            strips_credentials: true,
            ..ProxyOptions::default()
        },
    );
    let good = token(&proxy);
    let header = "the token or password of the kubeconfig did not reach it";
    proposes_nothing(proxy.bmctl(&STATUS).exits(9)?)?.says(header)?;
    std::fs::write(cluster.folder().join("token"), good)?;
    proxy.edit(|kubeconfig| {
        *user(kubeconfig) = AuthInfo::default();
        user(kubeconfig).token_file = Some("token".to_owned());
    });
    proposes_nothing(proxy.bmctl(&STATUS).exits(9)?)?.says(header)?;
    // A server that does not ask for a certificate.
    let key = KeyPair::generate().unwrap();
    let certificate = Authority::new("clients").client("eve", &key);
    std::fs::write(cluster.folder().join("eve.crt"), certificate)?;
    std::fs::write(cluster.folder().join("eve.key"), key.serialize_pem())?;
    proxy.edit(|kubeconfig| {
        *user(kubeconfig) = AuthInfo::default();
        user(kubeconfig).client_certificate = Some("eve.crt".to_owned());
        user(kubeconfig).client_key = Some("eve.key".to_owned());
    });
    proposes_nothing(proxy.bmctl(&STATUS).exits(9)?)?
        .says("it did not take the client certificate of the kubeconfig")?;
    // A server that takes nothing of nobody, and one that knows the token no more.
    let refusing = Proxy::before(
        &cluster,
        Script::none().always(crate::faults::On::Any, crate::faults::Fault::answer(401)),
    );
    refusing
        .bmctl(&STATUS)
        .exits(9)?
        .says("the credential is missing, wrong or expired")?;
    refusing.edit(|kubeconfig| *user(kubeconfig) = AuthInfo::default());
    refusing
        .bmctl(&STATUS)
        .exits(9)?
        .says("the user of the kubeconfig has none")?;
    Ok(())
}

fn whoever_wants_to_be_nobody_is_told_so() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    let words = [
        "status",
        "vmruntime",
        "-o",
        "json",
        "--as",
        "system:anonymous",
    ];
    proposes_nothing(cluster.bmctl(&words).exits(9)?)?
        .prints_anyway("\"reason\": \"Forbidden\"")?
        .says("no role is proposed for system:anonymous")?;
    Ok(())
}
