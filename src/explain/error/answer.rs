//! Answers of the API server.

use super::Row;
use crate::{explain::advice, failure::Reason};

const WHO: &str = "kubectl auth whoami";
const READY: &str = "kubectl get --raw /readyz?verbose";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    (Reason::AdmissionDenied, advice(
        "A ValidatingAdmissionPolicy, an admission webhook, a quota or the pod security level of a namespace said no. It is \
         not a missing right: no role helps.",
        "The server's message says which policy it was and what it wants.",
        &["kubectl get validatingadmissionpolicies,validatingwebhookconfigurations"],
    )),
    (Reason::AlreadyExists, advice(
        "Somebody made an object of that name before, or an earlier try of the same request was carried out.",
        "Look at the object that is there.",
        &["kubectl get vmruntimepfc --namespace=vm-system"],
    )),
    (Reason::AnswerTooLarge, advice(
        "Something else than an API server answers at the server address, or what stands before it is broken: an answer went \
         beyond 64 MiB, or a single object of a watch beyond 8 MiB. What it would have said is not known.",
        "Check the server address; ask the same of the API server with kubectl.",
        &["kubectl config view --minify", "kubectl get vmruntime vmruntime --output=yaml"],
    )),
    (Reason::ClientError, advice(
        "Something in this process failed that has nothing to do with the cluster, or the answer was of a kind that bmctl \
         does not know.",
        "Run the command again with -vv. If it recurs, it is a defect of bmctl.",
        &["bmctl status vmruntime -vv"],
    )),
    (Reason::Conflict, advice(
        "The spec, the force annotation or the object itself was changed between reading and writing; managed fields say by whom.",
        "Look at it as it is now, and run the command again.",
        &["kubectl get vmruntime vmruntime --output=yaml --show-managed-fields"],
    )),
    (Reason::Expired, advice(
        "A list of several pages took so long that the API server forgot its version, twice in a row.",
        "Run the command again, at a quieter time.",
        &["bmctl status vmruntime"],
    )),
    (Reason::Forbidden, advice(
        "RBAC gives this user no right to do it. The message names the user, the verb and the resource.",
        "Have an administrator apply the smallest role that does.",
        &[WHO, "bmctl auth check", "bmctl auth check enable vmruntime --role", ],
    )),
    (Reason::Invalid, advice(
        "The value breaks the schema or a validation rule of the resource.",
        "The server's message names the field and what it accepts.",
        &["kubectl explain vmruntime.spec"],
    )),
    (Reason::NotFound, advice(
        "The object was never made or was deleted. The controller makes VMRuntime when it starts.",
        "Check the name, and whether the controller runs.",
        &["kubectl get vmruntime,vmruntimepfc --all-namespaces", "kubectl get pods --namespace=vm-system"],
    )),
    (Reason::NotServed, advice(
        "The CustomResourceDefinition is not installed: this cluster does not have VM Runtime.",
        "Install it, or use another cluster.",
        &["kubectl api-resources --api-group=vm.cluster.gke.io", "bmctl controller manifests --image IMAGE | kubectl --context CONTEXT apply -f -"],
    )),
    (Reason::RequestTimedOut, advice(
        "The API server or its storage is overloaded, or a proxy holds the answer back.",
        "Give one request more time.",
        &["bmctl status vmruntime --request-timeout 60s", READY],
    )),
    (Reason::ServerError, advice(
        "The API server, its storage, or a webhook that it calls is broken or being restarted.",
        "The server's message says which of them; run the command again when it is up.",
        &[READY],
    )),
    (Reason::ServerRefused, advice(
        "For example a request that is too large, or a media type that a proxy on the way does not take.",
        "The server's message says why.",
        &["bmctl status vmruntime -vv"],
    )),
    (Reason::TooManyRequests, advice(
        "The API server limits requests, of everybody or of this user, and went on doing so through several tries.",
        "Wait, and run the command again.",
        &["bmctl status vmruntime"],
    )),
    (Reason::Unauthorized, advice(
        "The token or client certificate is missing, wrong or expired.",
        "Log in again.",
        &[WHO],
    )),
    (Reason::UnexpectedAnswer, advice(
        "A login page, a load balancer or another program answers at the server address; or a field has a shape that bmctl \
         does not know, and deciding on it would be guessing.",
        "Check the server address; look at the object as it is.",
        &["kubectl config view --minify", "kubectl get vmruntime vmruntime --output=yaml"],
    )),
];
