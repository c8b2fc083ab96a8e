//! The one classifier: from what kube returns to what a person is told, and whether a second try can help.
//!
//! Never shown: the output of login plugins, the content of kubeconfigs, user information in URLs.

use std::time::Duration;

use kube::{
    client::AuthError,
    core::{Status, response::reason},
};

use super::{
    AnswerTooLarge, BadPath, Contradiction, Failure, Hint, Kind, LoginError, OutOfTime, Reason,
    RequestTimedOut, TargetTooLong, UnexpectedAnswer, Unseen,
    access::{self, Denial, Refuser},
    installing, kubectl, login, network,
};
use crate::api::text::shortened;

/// Can the same request succeed a moment later, and may the first one have been carried out?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transience {
    /// The answer will not change by itself.
    Permanent,
    /// It may pass, and the server surely did nothing. The server may have said when to come back.
    NotCarriedOut { retry_after: Option<Duration> },
    /// It may pass, but whether the server did what was asked is open. The server may have said when to come back.
    MayBeCarriedOut { retry_after: Option<Duration> },
}

/// Why `doing` failed, for example `read vmruntime`.
#[must_use]
pub fn from_kube(error: &kube::Error, doing: &str) -> Failure {
    let diagnosis = diagnose(error);
    let mut failure = Failure::new(
        diagnosis.kind,
        diagnosis.reason,
        format!("could not {doing}"),
    );
    failure.causes = diagnosis.causes.into_iter().map(shortened).collect();
    failure.hints = diagnosis.hints;
    failure.denial = diagnosis.denial;
    failure.retryable |= transience(error) != Transience::Permanent;
    failure
}

/// See [`Transience`].
#[must_use]
pub fn transience(error: &kube::Error) -> Transience {
    if find::<AuthError>(error).is_some()
        || find::<LoginError>(error).is_some()
        || find::<AnswerTooLarge>(error).is_some()
    {
        return Transience::Permanent;
    }
    if find::<OutOfTime>(error).is_some() {
        return Transience::NotCarriedOut { retry_after: None };
    }
    if find::<UnexpectedAnswer>(error).is_some()
        || is_contradiction(error)
        || find::<BadPath>(error).is_some()
        || find::<TargetTooLong>(error).is_some()
    {
        return Transience::Permanent;
    }
    if find::<RequestTimedOut>(error).is_some() {
        return Transience::MayBeCarriedOut { retry_after: None };
    }
    match error {
        kube::Error::Api(status) => transience_of_status(status),
        kube::Error::Service(_) => network::transience(error),
        kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => {
            Transience::MayBeCarriedOut { retry_after: None }
        }
        _ => Transience::Permanent,
    }
}

fn transience_of_status(status: &Status) -> Transience {
    let retry_after = status
        .details
        .as_ref()
        .map(|details| details.retry_after_seconds)
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(seconds.into()));
    match status.code {
        429 => Transience::NotCarriedOut { retry_after },
        500 | 502 | 503 | 504 => Transience::MayBeCarriedOut { retry_after },
        _ => Transience::Permanent,
    }
}

/// Did two answers of the cluster contradict each other?
#[must_use]
pub fn is_contradiction(error: &kube::Error) -> bool {
    find::<Contradiction>(error).is_some()
}

/// The first error of that type in the chain.
pub(super) fn find<E: std::error::Error + 'static>(error: &kube::Error) -> Option<&E> {
    network::chain(error).find_map(|link| link.downcast_ref::<E>())
}

/// What is known about an error before anybody says what was being done.
pub(super) struct Diagnosis {
    pub kind: Kind,
    pub reason: Reason,
    pub causes: Vec<String>,
    pub hints: Vec<Hint>,
    pub denial: Option<Box<Denial>>,
}

impl Diagnosis {
    pub fn new(kind: Kind, reason: Reason, cause: impl Into<String>) -> Self {
        Self {
            kind,
            reason,
            causes: vec![cause.into()],
            hints: Vec::new(),
            denial: None,
        }
    }

    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

fn diagnose(error: &kube::Error) -> Diagnosis {
    if let Some(error) = find::<AuthError>(error) {
        return authentication(error);
    }
    if let Some(error) = find::<LoginError>(error) {
        return login::diagnose(error);
    }
    if let Some(timeout) = find::<RequestTimedOut>(error) {
        return Diagnosis::new(
            Kind::Unreachable,
            Reason::RequestTimedOut,
            timeout.to_string(),
        )
        .hint("is the API server overloaded? --request-timeout gives one request more time");
    }
    if let Some(large) = find::<AnswerTooLarge>(error) {
        return Diagnosis::new(Kind::Incomplete, Reason::AnswerTooLarge, large.to_string())
            .hint("is it an API server that answers? check the server address in the kubeconfig");
    }
    if let Some(over) = find::<OutOfTime>(error) {
        return Diagnosis::new(Kind::TimedOut, Reason::TimedOut, over.to_string())
            .hint("--timeout gives the whole command more time");
    }
    if let Some(unexpected) = find::<UnexpectedAnswer>(error) {
        return unexpected_answer(unexpected.to_string());
    }
    if let Some(contradiction) = find::<Contradiction>(error) {
        return unexpected_answer(contradiction.to_string());
    }
    if let Some(long) = find::<TargetTooLong>(error) {
        return unexpected_answer(long.to_string());
    }
    if let Some(bad) = find::<BadPath>(error) {
        return Diagnosis::new(Kind::Usage, Reason::InvalidUsage, bad.to_string());
    }
    match error {
        kube::Error::Api(status) => answer(status),
        kube::Error::Service(_) => network::diagnose(error),
        kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => Diagnosis::new(
            Kind::Unreachable,
            Reason::ConnectionLost,
            "the connection to the API server broke off",
        ),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => unexpected_answer(
            "the answer is not what an API server sends (is something else listening there?)"
                .to_owned(),
        ),
        kube::Error::ProxyProtocolUnsupported { proxy_url }
        | kube::Error::ProxyProtocolDisabled { proxy_url, .. } => Diagnosis::new(
            Kind::Usage,
            Reason::ProxyUnsupported,
            format!(
                "a proxy of scheme {:?} is not supported",
                proxy_url.scheme_str().unwrap_or_default()
            ),
        )
        .hint("HTTPS_PROXY and proxy-url take http://, https:// and socks5://"),
        kube::Error::RustlsTls(error) => Diagnosis::new(
            Kind::Usage,
            Reason::BadCertificate,
            format!("the certificates of the kubeconfig cannot be used: {error}"),
        ),
        // Its text may quote the kubeconfig; `cluster::kubeconfig` reads those files itself and says where they fail.
        kube::Error::InferKubeconfig(_) | kube::Error::InferConfig(_) => Diagnosis::new(
            Kind::Usage,
            Reason::BadKubeconfig,
            "the kubeconfig cannot be used",
        ),
        other => Diagnosis::new(Kind::Other, Reason::ClientError, other.to_string()),
    }
}

/// Nothing can be decided by it.
fn unexpected_answer(cause: String) -> Diagnosis {
    Diagnosis::new(Kind::Incomplete, Reason::UnexpectedAnswer, cause)
        .hint("is this the address of the API server? kubectl config view --minify")
}

/// The login plugin, or a token that cannot be read. What a plugin wrote may hold credentials: never shown.
fn authentication(error: &AuthError) -> Diagnosis {
    let cause = match error {
        AuthError::AuthExecStart(error) => {
            format!("the login plugin of the kubeconfig could not be started: {error}")
        }
        // The command line that kube tells begins with the variables that the kubeconfig sets for the plugin.
        AuthError::AuthExecRun { out, .. } => {
            format!("the login plugin of the kubeconfig failed: {}", out.status)
        }
        AuthError::AuthExecParse(_)
        | AuthError::ExecPluginFailed
        | AuthError::MalformedTokenExpirationDate(_) => {
            "the login plugin of the kubeconfig did not return a credential".to_owned()
        }
        AuthError::ReadTokenFile(error, path) => {
            format!("token file {} could not be read: {error}", path.display())
        }
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
            "the credential of the kubeconfig holds characters that cannot be sent".to_owned()
        }
        _ => "the credential of the kubeconfig could not be used".to_owned(),
    };
    Diagnosis::new(Kind::Denied, Reason::LoginFailed, cause).hint(Hint::run(
        "log in again, and try the same access with",
        kubectl("auth whoami"),
    ))
}

/// An answer of the API server, or of something in front of it.
fn answer(status: &Status) -> Diagnosis {
    let message = server_message(status);
    let refuser = access::refuser(&message);
    let by_admission = match refuser {
        Refuser::Admission => true,
        Refuser::Authorizer => false,
        Refuser::Unknown => status.code == 403 && access::is_about_the_object(&message),
    };
    if by_admission {
        let hint = admission_hint(&message);
        return Diagnosis::new(Kind::Refused, Reason::AdmissionDenied, message).hint(hint);
    }
    if let Some(unseen) = Unseen::noted(status) {
        let mut diagnosis = Diagnosis::new(Kind::Denied, Reason::Unauthorized, message);
        diagnosis.causes.push(unseen.cause().to_owned());
        return diagnosis.hint(unseen.hint());
    }
    match status.code {
        401 => Diagnosis::new(Kind::Denied, Reason::Unauthorized, message).hint(Hint::run(
            "the credential is missing, wrong or expired; log in again, and try",
            kubectl("auth whoami"),
        )),
        403 => {
            let denial = Denial::read(&message).map(Box::new);
            Diagnosis {
                denial,
                ..Diagnosis::new(Kind::Denied, Reason::Forbidden, message)
            }
        }
        404 => not_found(status, message),
        409 if status.is_already_exists() => {
            Diagnosis::new(Kind::Conflict, Reason::AlreadyExists, message)
        }
        409 => Diagnosis::new(Kind::Conflict, Reason::Conflict, message),
        410 => Diagnosis::new(Kind::Incomplete, Reason::Expired, message),
        422 => Diagnosis::new(Kind::Usage, Reason::Invalid, message),
        429 => Diagnosis::new(Kind::Unreachable, Reason::TooManyRequests, message),
        500..=599 => Diagnosis::new(Kind::Unreachable, Reason::ServerError, message),
        _ => Diagnosis::new(Kind::Other, Reason::ServerRefused, message),
    }
}

/// What to do about a refusal by admission. A quota is no policy that another object could satisfy.
fn admission_hint(message: &str) -> Hint {
    if access::is_exceeded_quota(message) {
        return Hint::run(
            "the quota of the namespace is exceeded; raise it, or delete what counts against it",
            kubectl("get resourcequotas --all-namespaces"),
        );
    }
    "an admission policy of the cluster refused it; its message says what it wants".into()
}

/// The server's own words, because people search for them; the code where it said nothing.
fn server_message(status: &Status) -> String {
    let text = status.message.trim();
    if text.is_empty() {
        return format!("the server answered with HTTP status {}", status.code);
    }
    if is_page(text) {
        return format!(
            "HTTP status {} with a web page instead of an API answer",
            status.code
        );
    }
    text.to_owned()
}

fn is_page(text: &str) -> bool {
    let start: String = text.chars().take(16).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html")
}

/// Missing is an object, its kind, or the API server itself.
fn not_found(status: &Status, message: String) -> Diagnosis {
    if is_not_served(status) {
        return Diagnosis::new(Kind::NotInstalled, Reason::NotServed, message).hint(Hint::run(
            "the cluster does not serve this kind; install VM Runtime with",
            installing(),
        ));
    }
    if status.reason == reason::NOT_FOUND {
        return Diagnosis::new(Kind::NotInstalled, Reason::NotFound, message);
    }
    unexpected_answer(message)
}

/// A 404 for a whole path, as opposed to one for an object: no such group, version or kind.
fn is_not_served(status: &Status) -> bool {
    status.code == 404 && is_text_of_not_served(&status.message)
}

/// The API server's own two wordings. Other servers that are written in Go have the first one too: whether a kind is
/// served, discovery must say as well.
#[must_use]
pub fn is_text_of_not_served(text: &str) -> bool {
    matches!(
        text.trim(),
        "404 page not found" | "the server could not find the requested resource"
    )
}

/// Is it the 404 that an API server gives to a path that it does not serve (and not one for an object, or of a proxy)?
#[must_use]
pub fn kind_is_not_served(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if is_not_served(status))
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn api(code: u16, reason: &str, message: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure(message, reason).with_code(code)))
    }

    #[test]
    fn every_answer_has_its_kind_and_keeps_the_servers_words() {
        #[rustfmt::skip]
        let cases = [
            (401, "Unauthorized", "Unauthorized", Kind::Denied, Reason::Unauthorized),
            (403, "Forbidden", r#"vmruntimes.vm.cluster.gke.io "vmruntime" is forbidden: User "eve" cannot get resource "vmruntimes" in API group "vm.cluster.gke.io" at the cluster scope"#, Kind::Denied, Reason::Forbidden),
            (403, "Forbidden", r#"virtualmachines.kubevirt.io "a" is forbidden: ValidatingAdmissionPolicy 'vm-create' with binding 'vm-create' denied request: no"#, Kind::Refused, Reason::AdmissionDenied),
            (403, "Forbidden", r#"pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"#, Kind::Refused, Reason::AdmissionDenied),
            (403, "Forbidden", r#"pods "a" is forbidden: maximum cpu usage per Container is 1"#, Kind::Refused, Reason::AdmissionDenied),
            (403, "Forbidden", "a load balancer says no", Kind::Denied, Reason::Forbidden),
            (422, "Invalid", r#"vmruntimes.vm.cluster.gke.io "vmruntime" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no"#, Kind::Refused, Reason::AdmissionDenied),
            (400, "BadRequest", r#"admission webhook "w.example.com" denied the request: no"#, Kind::Refused, Reason::AdmissionDenied),
            (404, "NotFound", r#"vmruntimes.vm.cluster.gke.io "vmruntime" not found"#, Kind::NotInstalled, Reason::NotFound),
            (404, "Failed to parse error data", "404 page not found", Kind::NotInstalled, Reason::NotServed),
            (404, "NotFound", "the server could not find the requested resource", Kind::NotInstalled, Reason::NotServed),
            (404, "Failed to parse error data", "nginx says no", Kind::Incomplete, Reason::UnexpectedAnswer),
            (409, "Conflict", "the object has been modified", Kind::Conflict, Reason::Conflict),
            (409, "AlreadyExists", "x already exists", Kind::Conflict, Reason::AlreadyExists),
            (410, "Expired", "too old resource version", Kind::Incomplete, Reason::Expired),
            (422, "Invalid", "spec.enabled: Invalid value", Kind::Usage, Reason::Invalid),
            (429, "TooManyRequests", "try later", Kind::Unreachable, Reason::TooManyRequests),
            (500, "InternalError", r#"failed calling webhook "w": no endpoints"#, Kind::Unreachable, Reason::ServerError),
            (503, "ServiceUnavailable", "etcd is away", Kind::Unreachable, Reason::ServerError),
            (413, "RequestEntityTooLarge", "limit is 3145728", Kind::Other, Reason::ServerRefused),
        ];
        for (code, reason, message, kind, word) in cases {
            let failure = from_kube(&api(code, reason, message), "do it");
            assert_eq!((failure.kind, failure.reason), (kind, word), "{message}");
            assert_eq!(failure.message, "could not do it");
            assert_eq!(failure.causes, [message]);
        }
    }

    #[test]
    fn an_exceeded_quota_is_not_called_a_policy() {
        let quota = "the quota of the namespace is exceeded; raise it, or delete what counts against it: \
                     kubectl get resourcequotas --all-namespaces";
        let policy =
            "an admission policy of the cluster refused it; its message says what it wants";
        for (message, hint) in [
            (
                r#"pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"#,
                quota,
            ),
            (
                r#"pods "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: exceeded quota: q"#,
                policy,
            ),
            (
                r#"pods "a" is forbidden: maximum cpu usage per Container is 1"#,
                policy,
            ),
        ] {
            let failure = from_kube(&api(403, "Forbidden", message), "do it");
            assert_eq!(failure.hints, [hint], "{message}");
        }
    }

    #[test]
    fn what_the_server_did_not_see_is_said() {
        let message = r#"nodes is forbidden: User "system:anonymous" cannot list resource "nodes""#;
        for unseen in [Unseen::Nothing, Unseen::Header, Unseen::Certificate] {
            let mut status =
                serde_json::json!({"code": 403, "message": message, "details": {"kind": "nodes"}});
            unseen.note(&mut status);
            let error = kube::Error::Api(serde_json::from_value(status).unwrap());
            let failure = from_kube(&error, "list the nodes");
            assert_eq!(
                (failure.kind, failure.reason),
                (Kind::Denied, Reason::Unauthorized)
            );
            assert_eq!(failure.causes, [message, unseen.cause()]);
            assert_eq!(failure.hints, [unseen.hint()]);
        }
    }

    #[test]
    fn a_web_page_is_not_repeated() {
        let cause = |code, text| from_kube(&api(code, "", text), "x").causes.remove(0);
        assert_eq!(
            cause(502, "<html><body>Bad gateway</body></html>"),
            "HTTP status 502 with a web page instead of an API answer"
        );
        assert_eq!(cause(503, " "), "the server answered with HTTP status 503");
    }

    #[test]
    fn a_message_without_end_is_cut() {
        for code in [403, 409, 422, 500] {
            let error = api(code, "", &"A".repeat(5_000_000));
            let cause = from_kube(&error, "x").causes.remove(0);
            assert!(cause.len() < 5_000, "{} bytes", cause.len());
            assert!(cause.ends_with("(cut, 5000000 bytes in all)"), "{code}");
        }
    }

    const OPEN: Transience = Transience::MayBeCarriedOut { retry_after: None };

    #[test]
    fn what_a_second_try_can_do() {
        let mut busy = Status::failure("busy", "TooManyRequests").with_code(429);
        busy.details = Some(StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 7,
        });
        let timed_out = RequestTimedOut {
            after: Duration::from_secs(15),
        };
        let seven = Transience::NotCarriedOut {
            retry_after: Some(Duration::from_secs(7)),
        };
        let cases = [
            (kube::Error::Api(Box::new(busy)), seven),
            (
                api(429, "", ""),
                Transience::NotCarriedOut { retry_after: None },
            ),
            (api(500, "", ""), OPEN),
            (api(502, "", ""), OPEN),
            (api(503, "", ""), OPEN),
            (api(504, "", ""), OPEN),
            (api(403, "", ""), Transience::Permanent),
            (api(409, "", ""), Transience::Permanent),
            (kube::Error::Service(Box::new(timed_out)), OPEN),
            (
                kube::Error::Auth(AuthError::ExecPluginFailed),
                Transience::Permanent,
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(transience(&error), expected, "{error}");
        }
    }

    #[test]
    fn the_output_of_a_login_plugin_is_never_shown() {
        use std::os::unix::process::ExitStatusExt as _;
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"hunter2".to_vec(),
            stderr: b"hunter2".to_vec(),
        };
        let run = AuthError::AuthExecRun {
            cmd: "TOKEN=\"hunter2\" gke-gcloud-auth-plugin --token hunter2".to_owned(),
            out: Box::new(out),
        };
        // Once as kube returns it while it makes the client, once from deep inside a request.
        for error in [
            kube::Error::Auth(run),
            kube::Error::Service(Box::new(AuthError::AuthExec("hunter2".to_owned()))),
        ] {
            let failure = from_kube(&error, "log in");
            assert_eq!(
                (failure.kind, failure.reason),
                (Kind::Denied, Reason::LoginFailed)
            );
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
    }
}
