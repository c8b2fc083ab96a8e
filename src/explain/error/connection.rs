//! On the way to the API server: kubeconfig, name, proxy, TLS, login.

use super::Row;
use crate::{explain::advice, failure::Reason};

const VIEW: &str = "kubectl config view --minify";
const CONTEXTS: &str = "kubectl config get-contexts";
const REACH: &str = "kubectl get --raw /readyz";
const WHO: &str = "kubectl auth whoami";
const VARIABLES: &str = "bmctl help environment";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    (Reason::BadCertificate, advice(
        "Data that is not base64 or not PEM, a key that is encrypted or of a kind that is not supported, or a key that does not \
         belong to its certificate.",
        "Fetch the kubeconfig anew from where it came.",
        &[VIEW],
    )),
    (Reason::BadKubeconfig, advice(
        "A file that is no YAML or no kubeconfig, or a context whose cluster or user is missing. The message names the file \
         and the place, never its content.",
        "Correct the file, or fetch it anew.",
        &[VIEW, CONTEXTS],
    )),
    (Reason::BadServiceAccount, advice(
        "bmctl runs in a pod whose service account token or certificate cannot be read.",
        "Set automountServiceAccountToken to true in the pod, or give a kubeconfig.",
        &["bmctl status vmruntime --kubeconfig FILE"],
    )),
    (Reason::CertificateExpired, advice(
        "The certificate was not renewed, or the clock of this machine is wrong.",
        "Renew the certificate of the API server; check the clock.",
        &["date --utc", "kubeadm certs renew apiserver"],
    )),
    (Reason::CertificateNotValidYet, advice(
        "The clock of this machine is behind.",
        "Set the clock.",
        &["date --utc"],
    )),
    (Reason::CertificateRejected, advice(
        "The certificate chain does not lead to the authority of the kubeconfig, or it was revoked.",
        "Check certificate-authority in the kubeconfig; fetch the kubeconfig anew.",
        &[VIEW],
    )),
    (Reason::ClusterNotFound, advice(
        "--cluster NAME means bmctl-workspace/NAME/NAME-kubeconfig below the present folder, and that file is not there.",
        "Change to the folder that holds bmctl-workspace, or name the kubeconfig itself.",
        &["ls bmctl-workspace", "bmctl status vmruntime --kubeconfig FILE"],
    )),
    (Reason::ClustersFailed, advice(
        "The command was run on several clusters, and did not succeed on each. The exit code is that of the worst.",
        "Look at the line of each cluster in the result, and run the command again: where it succeeded, it has nothing to do.",
        &["bmctl status vmruntime --all-contexts"],
    )),
    (Reason::ConnectTimedOut, advice(
        "A firewall drops the packets, the VPN is down, or the address is wrong.",
        "Check the server address, the VPN and firewalls.",
        &[VIEW, REACH],
    )),
    (Reason::ConnectionLost, advice(
        "The API server was restarted, or a load balancer or proxy on the way closed the connection.",
        "Run the command again. If it recurs, look at what stands between you and the API server.",
        &[REACH],
    )),
    (Reason::ConnectionRefused, advice(
        "The API server is not running, or the port of the kubeconfig is not its port. A sandbox lives only as long as its \
         process.",
        "Start the API server, or correct the address.",
        &[VIEW, "bmctl sandbox start"],
    )),
    (Reason::ContextNotFound, advice(
        "--context, or current-context of the kubeconfig, names a context that is not in it.",
        "Use one that exists; the hints list them.",
        &[CONTEXTS],
    )),
    (Reason::IncompleteIdentity, advice(
        "--as-group and --as-uid add to a user, and neither --as nor the kubeconfig names one.",
        "Add --as USER.",
        &["bmctl help status vmruntime"],
    )),
    (Reason::KubeconfigNotFound, advice(
        "--kubeconfig or KUBECONFIG names a file that does not exist.",
        "Correct the path; the hint names the nearest file.",
        &["echo $KUBECONFIG"],
    )),
    (Reason::LoginFailed, advice(
        "The login plugin of the kubeconfig failed or returned no credential; or a token file cannot be read. What it says on stderr is shown, without what looks like a credential.",
        "Log in again with the plugin's own command.",
        &[WHO],
    )),
    (Reason::LoginNeedsTerminal, advice(
        "The kubeconfig says of its login plugin that it must ask (interactiveMode: Always), and there is no terminal, or \
         --no-input was given.",
        "Run the command on a terminal, or use a login that needs nobody, as a service account's token.",
        &[WHO],
    )),
    (Reason::LoginPluginMissing, advice(
        "The command that the kubeconfig names for logging in is not on the PATH.",
        "Install it; the hint is what the kubeconfig says about that.",
        &[VIEW],
    )),
    (Reason::LoginTimedOut, advice(
        "The login plugin waits for something, often for an answer in a browser or for a network that is not there. Its time is \
         part of --timeout.",
        "Run it by itself and see what it waits for; or give it more time.",
        &[WHO, "bmctl enable vmruntime --timeout 20m --context CONTEXT"],
    )),
    (Reason::NameNotResolved, advice(
        "The host of the server address is unknown to this machine's DNS, often because the VPN is down.",
        "Check the address, DNS and the VPN.",
        &[VIEW],
    )),
    (Reason::NoKubeconfig, advice(
        "Neither --kubeconfig nor --cluster was given, KUBECONFIG is not set, ~/.kube/config does not exist, there is no \
         cluster in bmctl-workspace, and this is no pod.",
        "Name the kubeconfig; or try the built-in cluster.",
        &["bmctl status vmruntime --kubeconfig FILE", "bmctl sandbox start"],
    )),
    (Reason::NotTls, advice(
        "The server address says https, but plain HTTP or something else answers there; or a proxy answers in its place.",
        "Correct the port or the scheme of the server address.",
        &[VIEW],
    )),
    (Reason::ProxyFailed, advice(
        "HTTPS_PROXY or proxy-url of the kubeconfig leads to a proxy that refuses or is not there.",
        "Correct the proxy, or except the server in NO_PROXY.",
        &[VARIABLES],
    )),
    (Reason::ProxyUnsupported, advice(
        "The proxy's URL has a scheme other than http, https or socks5.",
        "Use a proxy of one of these kinds.",
        &[VARIABLES],
    )),
    (Reason::SeveralClusters, advice(
        "bmctl-workspace holds several clusters, and nothing says which one is meant.",
        "Name one of them.",
        &["ls bmctl-workspace", "bmctl status vmruntime --cluster NAME"],
    )),
    (Reason::TlsFailed, advice(
        "Client and server found no way to speak TLS with each other, or a certificate cannot be read.",
        "Check the server address, and the certificates of the kubeconfig.",
        &[VIEW],
    )),
    (Reason::TlsRejected, advice(
        "The server ended the TLS handshake. It asks for a client certificate and the kubeconfig has none, or the one there is \
         expired, or signed by another authority.",
        "Fetch the kubeconfig anew.",
        &[VIEW],
    )),
    (Reason::UnknownAuthority, advice(
        "The cluster was created again and the kubeconfig is the old one's, a proxy breaks TLS open, or the wrong server answers.",
        "Fetch the kubeconfig anew. Do not skip the verification.",
        &[VIEW],
    )),
    (Reason::Unreachable, advice(
        "The network of this machine, the VPN, a firewall, or the server itself.",
        "The `caused by:` lines say what the system reported.",
        &[REACH],
    )),
    (Reason::WrongServerName, advice(
        "The server is addressed by a name or an IP address that its certificate does not hold.",
        "Use a name that the certificate holds, or set tls-server-name in the kubeconfig.",
        &["kubectl config set-cluster NAME --tls-server-name=HOST"],
    )),
];
