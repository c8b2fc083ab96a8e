use std::convert::Infallible;

use http::Method;
use http_body_util::Full;
use serde_json::{Value, json};

use super::*;
use crate::failure::{self, Failure, Kind, Reason};

const VMS: &str = "/apis/kubevirt.io/v1/virtualmachines";
const OF_NAMESPACE: &str = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines";
const VM: &str = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines/a";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A request, and what it is answered with.
#[derive(Clone)]
struct Case {
    method: Method,
    path: String,
    accept: &'static str,
    sent: Value,
    code: u16,
    media: &'static str,
    body: String,
}

fn case(method: Method, path: &str, code: u16, body: &Value) -> Case {
    Case {
        method,
        path: path.to_owned(),
        accept: "application/json",
        sent: Value::Null,
        code,
        media: "application/json",
        body: body.to_string(),
    }
}

fn get(path: &str, body: &Value) -> Case {
    case(Method::GET, path, 200, body)
}

fn got(path: &str, media: &'static str, body: &str) -> Case {
    Case {
        media,
        body: body.to_owned(),
        ..get(path, &Value::Null)
    }
}

fn missing(path: &str, body: &Value) -> Case {
    case(Method::GET, path, 404, body)
}

impl Case {
    fn sending(self, sent: &Value) -> Self {
        let sent = sent.clone();
        Self { sent, ..self }
    }

    fn of_metadata(self) -> Self {
        Self {
            accept: METADATA,
            ..self
        }
    }

    /// What whoever asked gets.
    async fn answered(&self) -> Result<String, Failure> {
        let Self {
            code, media, body, ..
        } = self.clone();
        let service = tower::service_fn(move |_: Request<Body>| {
            let answer = Response::builder()
                .status(code)
                .header(CONTENT_TYPE, media)
                .body(Full::new(Bytes::from(body.clone())))
                .unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        let client = checked(Client::new(service, "default"));
        let request = Request::builder()
            .method(&self.method)
            .uri(&self.path)
            .header(http::header::ACCEPT, self.accept)
            .body(self.sent.to_string().into_bytes())
            .unwrap();
        let answer = client.request_text(request).await;
        answer.map_err(|error| failure::from_kube(&error, "ask"))
    }

    async fn is_believed(&self, what: &str) {
        assert_eq!(self.answered().await, Ok(self.body.clone()), "{what}");
    }

    async fn is_not(&self, found: &str) {
        let failure = self.answered().await.expect_err(found);
        assert_eq!(
            (failure.kind, failure.reason),
            (Kind::Incomplete, Reason::UnexpectedAnswer),
            "{found}: {failure:?}"
        );
        assert!(failure.root_cause().contains(found), "{found}: {failure:?}");
    }
}

fn object(name: &str) -> Value {
    json!({"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": "ns", "uid": "u"}, "spec": {}})
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "VirtualMachineList", "apiVersion": "kubevirt.io/v1",
        "metadata": {"resourceVersion": "1"}, "items": items})
}

/// The same with that merged in.
fn with(mut value: Value, change: &Value) -> Value {
    json_patch::merge(&mut value, change);
    value
}

fn named(name: &str, metadata: &Value) -> Value {
    with(object(name), &json!({ "metadata": metadata }))
}

fn status(code: u16, reason: &str, details: &Value) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
        "reason": reason, "message": "said", "details": details})
}

fn about(name: &str, kind: &str, group: &str) -> Value {
    json!({"name": name, "kind": kind, "group": group})
}

#[tokio::test]
async fn what_was_asked_for_is_believed() {
    let partial = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "a", "namespace": "ns", "uid": "u"}});
    let partials = |items: Value| {
        json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"continue": "next", "remainingItemCount": 7}, "items": items})
    };
    let labelled = list(&[named("a", &json!({"labels": {"app": "x", "more": "y"}}))]);
    let sent = json!({"metadata": {"name": "a", "uid": "u"}});
    #[rustfmt::skip]
    let cases = [
        ("a list", get(VMS, &list(&[object("a")]))),
        ("an empty list", get(VMS, &list(&[]))),
        ("no items", got(VMS, "application/json", r#"{"kind": "VirtualMachineList", "apiVersion": "kubevirt.io/v1", "items": null}"#)),
        ("no metadata", get(VMS, &partials(Value::Null)).of_metadata()),
        ("metadata", get(VMS, &partials(json!([partial]))).of_metadata()),
        ("a list without kinds inside", get("/api/v1/nodes", &json!({"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n", "uid": "u"}}]}))),
        ("another plural", get("/apis/policy/v1/policies", &json!({"kind": "PolicyList", "apiVersion": "policy/v1", "items": []}))),
        ("selected", get(&format!("{VMS}?labelSelector=app%3Dx,more&fieldSelector=metadata.name%3Da"), &labelled)),
        ("selected by sets", get(&format!("{VMS}?labelSelector=app+in+(w,x,y),+more,gone+notin+(a,b),!b"), &labelled)),
        ("an object", get(VM, &object("a"))),
        ("its metadata", get(VM, &partial).of_metadata()),
        ("its status", case(Method::PATCH, &format!("{VM}/status"), 200, &object("a"))),
        ("patched", case(Method::PATCH, VM, 200, &object("a")).sending(&sent)),
        ("created", case(Method::POST, OF_NAMESPACE, 201, &object("a")).sending(&sent)),
        ("deleted", case(Method::DELETE, VM, 200, &json!({"kind": "Status", "status": "Success", "details": {"name": "a"}}))),
        ("being deleted", case(Method::DELETE, VM, 202, &object("a"))),
        ("a review", case(Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 201,
            &json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {"creationTimestamp": null}}))),
        ("a namespace", get("/api/v1/namespaces/ns", &json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "ns", "uid": "u"}}))),
        ("groups", get("/apis", &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}))),
        ("a group", get("/apis/kubevirt.io", &json!({"kind": "APIGroup", "name": "kubevirt.io"}))),
        ("resources", get("/api/v1", &json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": []}))),
        ("the version", get("/version", &json!({"gitVersion": "v1.33.0"}))),
    ];
    for (what, case) in cases {
        case.is_believed(what).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_believed() {
    let page = "<html><body>log in</body></html>";
    #[rustfmt::skip]
    let cases = [
        ("HTTP status 301, a redirect", case(Method::GET, VMS, 301, &list(&[]))),
        ("HTTP status 302, a redirect", case(Method::PATCH, VM, 302, &object("a"))),
        ("HTTP status 307, a redirect", case(Method::DELETE, VM, 307, &object("a"))),
        ("HTTP status 302, a redirect", case(Method::GET, "/version", 302, &json!({}))),
        ("HTTP status 206", case(Method::GET, VMS, 206, &list(&[]))),
        ("HTTP status 203", case(Method::GET, VMS, 203, &list(&[]))),
        ("HTTP status 202", case(Method::GET, VM, 202, &object("a"))),
        ("HTTP status 204", case(Method::DELETE, VM, 204, &json!({}))),
        ("HTTP status 202", case(Method::PATCH, VM, 202, &object("a"))),
        ("text/html", got(VMS, "text/html", page)),
        ("a web page", got(VMS, "application/json", page)),
        ("empty", got(VMS, "application/json", "")),
        ("unreadable", got(VMS, "application/json", r#"{"kind": "Virt"#)),
        ("duplicate field", got(VMS, "application/json", r#"{"items": [{}], "items": []}"#)),
    ];
    for (found, case) in cases {
        case.is_not(found).await;
    }
}

#[tokio::test]
async fn another_list_is_not_believed() {
    let kind = |kind: &str| with(list(&[]), &json!({ "kind": kind }));
    let one = |metadata: &Value| list(&[named("a", metadata)]);
    let failed = json!({"kind": "Status", "status": "Failure", "message": "etcd leader changed", "items": []});
    let more = |metadata: &Value| with(list(&[]), &json!({ "metadata": metadata }));
    #[rustfmt::skip]
    let cases = [
        ("a Status: Failure etcd leader changed", get(VMS, &failed)),
        ("a PodList of kubevirt.io/v1", get(VMS, &kind("PodList"))),
        ("a VirtualMachine of kubevirt.io/v1", get(VMS, &kind("VirtualMachine"))),
        ("a List of v1", get(VMS, &json!({"kind": "List", "apiVersion": "v1", "items": []}))),
        ("a VirtualMachineList of other/v1", get(VMS, &with(list(&[]), &json!({"apiVersion": "other/v1"})))),
        ("a VirtualMachineList without an API version", get(VMS, &with(list(&[]), &json!({"apiVersion": null})))),
        ("a document without a kind", get(VMS, &json!({"metadata": {}, "items": []}))),
        ("a PartialObjectMetadataList of meta.k8s.io/v1", get(VMS, &json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": []}))),
        ("a VirtualMachineList of kubevirt.io/v1", get(VMS, &list(&[])).of_metadata()),
        ("a list without items", get(VMS, &with(list(&[]), &json!({"items": null})))),
        ("incomplete: 5 more exist", get(VMS, &more(&json!({"remainingItemCount": 5})))),
        ("incomplete: 5 more exist", get(VMS, &more(&json!({"remainingItemCount": 5, "continue": ""})))),
        ("a list that holds a Pod of v1", get(VMS, &list(&[json!({"kind": "Pod", "apiVersion": "v1"})]))),
        (r#""a" without a uid"#, get(VMS, &one(&json!({"uid": null})))),
        ("may not contain '/'", get(VMS, &list(&[object("../../../api/v1/namespaces/victim")]))),
        ("may not contain '%'", get(VMS, &list(&[object("%2e%2e")]))),
        ("may not contain '?'", get(VMS, &list(&[object("a?dryRun=All")]))),
        (r#"may not be "..""#, get(VMS, &one(&json!({"namespace": ".."})))),
        ("it is empty", get(VMS, &one(&json!({"name": null})))),
        (r#"in the namespace "other" and not "ns""#, get(OF_NAMESPACE, &one(&json!({"namespace": "other"})))),
        (r#""a" and not "b""#, get(&format!("{VMS}?fieldSelector=metadata.name%3Db"), &one(&json!({})))),
        ("without the label app", get(&format!("{VMS}?labelSelector=app"), &one(&json!({})))),
        ("without the label app", get(&format!("{VMS}?labelSelector=app%3Dx"), &one(&json!({"labels": {"app": "y"}})))),
    ];
    for (found, case) in cases {
        case.is_not(found).await;
    }
}

#[tokio::test]
async fn another_object_is_not_believed() {
    let sent = json!({"metadata": {"name": "a", "uid": "u"}});
    let success =
        |name: &str| json!({"kind": "Status", "status": "Success", "details": {"name": name}});
    #[rustfmt::skip]
    let cases = [
        ("a Status: Failure said", get(VM, &status(404, "NotFound", &Value::Null))),
        ("a Pod of kubevirt.io/v1", get(VM, &with(object("a"), &json!({"kind": "Pod"})))),
        ("a VirtualMachineList of kubevirt.io/v1", get(VM, &list(&[object("a")]))),
        (r#""b" and not "a""#, get(VM, &object("b"))),
        (r#"in the namespace "other""#, get(VM, &named("a", &json!({"namespace": "other"})))),
        (r#""a" without a uid"#, get(VM, &named("a", &json!({"uid": ""})))),
        (r#""b" and not "a""#, case(Method::PATCH, VM, 200, &object("b"))),
        (r#"with the uid "v" and not "u""#, case(Method::PATCH, VM, 200, &named("a", &json!({"uid": "v"}))).sending(&sent)),
        (r#""b" and not "a""#, case(Method::POST, OF_NAMESPACE, 201, &object("b")).sending(&sent)),
        ("a Status: Success", case(Method::POST, OF_NAMESPACE, 201, &success("a")).sending(&sent)),
        ("a Status: Failure said", case(Method::DELETE, VM, 200, &status(500, "", &Value::Null))),
        ("a Status: Success", case(Method::DELETE, VM, 200, &success("b"))),
        ("a Pod of v1", case(Method::DELETE, VM, 200, &json!({"kind": "Pod", "apiVersion": "v1"}))),
        // Discovery.
        ("a Status: Success", get("/apis", &success(""))),
        ("a document without a kind", get("/apis", &json!({"groups": []}))),
        ("a APIGroup of v1", get("/apis", &json!({"kind": "APIGroup", "apiVersion": "v1"}))),
        (r#"one whose name is "apps" and not "kubevirt.io""#, get("/apis/kubevirt.io", &json!({"kind": "APIGroup", "name": "apps"}))),
        (r#"one whose groupVersion is "v1""#, get("/apis/kubevirt.io/v1", &json!({"kind": "APIResourceList", "groupVersion": "v1"}))),
    ];
    for (found, case) in cases {
        case.is_not(found).await;
    }
}

#[tokio::test]
async fn a_404_is_about_what_was_asked_for() {
    let of = |name, kind, group| status(404, "NotFound", &about(name, kind, group));
    let gone = of("a", "virtualmachines", "kubevirt.io");
    let path = "404 page not found\n";
    let worded = json!({"message": "the server could not find the requested resource"});
    let text = |body: &str| Case {
        code: 404,
        ..got(VMS, "text/plain", body)
    };
    #[rustfmt::skip]
    let cases = [
        (Reason::NotFound, missing(VM, &gone)),
        (Reason::NotFound, case(Method::DELETE, VM, 404, &gone)),
        (Reason::NotFound, missing("/api/v1/nodes/a", &of("a", "nodes", ""))),
        (Reason::NotServed, text(path)),
        (Reason::NotServed, Case { path: VM.to_owned(), ..text(path) }),
        (Reason::NotServed, missing(VMS, &with(gone, &worded))),
    ];
    for (reason, case) in cases {
        let failure = case.answered().await.unwrap_err();
        assert_eq!(failure.reason, reason, "{failure:?}");
    }
    let elsewhere = "HTTP status 404 from something else";
    let another = "does not name it";
    #[rustfmt::skip]
    let cases = [
        (elsewhere, text("not found")),
        (elsewhere, text("<html>not found</html>")),
        (elsewhere, Case { path: VM.to_owned(), ..text("") }),
        (elsewhere, Case { path: "/apis".to_owned(), ..text("") }),
        (elsewhere, missing(VMS, &json!({"error": "no route"}))),
        (another, missing(VM, &of("b", "virtualmachines", "kubevirt.io"))),
        (another, missing(VM, &of("a", "pods", ""))),
        (another, missing(VM, &of("a", "virtualmachines", "vm.cluster.gke.io"))),
        (another, missing(VM, &status(404, "NotFound", &Value::Null))),
        (another, missing(VM, &status(404, "", &about("a", "virtualmachines", "kubevirt.io")))),
        (another, case(Method::DELETE, VM, 404, &of("b", "virtualmachines", "kubevirt.io"))),
    ];
    for (found, case) in cases {
        case.is_not(found).await;
    }
}

/// kube decides by the code and the reason in a body, whatever the answer itself has.
#[tokio::test]
async fn a_body_does_not_overrule_the_answer() {
    let details = about("a", "virtualmachines", "kubevirt.io");
    let there = status(409, "AlreadyExists", &details);
    let sent = json!({"metadata": {"name": "a"}});
    let post = |code, body: &Value| case(Method::POST, OF_NAMESPACE, code, body).sending(&sent);
    let of_another = post(
        409,
        &with(there.clone(), &json!({"details": {"name": "b"}})),
    );
    of_another.is_not("does not name it").await;
    #[rustfmt::skip]
    let cases = [
        (Reason::ServerError, case(Method::DELETE, VM, 500, &status(404, "NotFound", &details))),
        (Reason::ServerError, case(Method::GET, VM, 503, &json!({"code": 404, "reason": "NotFound"}))),
        (Reason::Forbidden, case(Method::GET, VM, 403, &json!({"error": "no"}))),
        (Reason::ServerRefused, post(400, &there)),
        (Reason::AlreadyExists, post(409, &there)),
        (Reason::Conflict, case(Method::PATCH, VM, 409, &status(409, "Conflict", &Value::Null))),
    ];
    for (reason, case) in cases {
        let failure = case.answered().await.unwrap_err();
        assert_eq!(failure.reason, reason, "{failure:?}");
    }
}

#[tokio::test]
async fn every_line_of_a_watch_is_looked_at() {
    let path = format!("{VMS}?watch=true&fieldSelector=metadata.name%3Da");
    let watched = |lines: &str| got(&path, "application/json", lines);
    let event = |event: &str, object: &Value| json!({"type": event, "object": object}).to_string();
    let good = event("ADDED", &object("a"));
    let mark = with(
        object("a"),
        &json!({"metadata": {"name": null, "uid": null}}),
    );
    let (mark, error) = (
        event("BOOKMARK", &mark),
        event("ERROR", &status(410, "Expired", &Value::Null)),
    );
    let all = format!("{good}\n{mark}\n{error}\n");
    watched(&all).is_believed("a watch").await;
    watched(&good).is_believed("a last line").await;
    let half = &good[..good.len() - 3];
    watched(half).is_believed("half a line").await;
    let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "uid": "u"}});
    for (found, line) in [
        ("a Pod of v1", event("DELETED", &pod)),
        ("a Status", event("DELETED", &status(200, "", &Value::Null))),
        (r#""b" and not "a""#, event("MODIFIED", &object("b"))),
        (
            "without a uid",
            event("DELETED", &named("a", &json!({"uid": null}))),
        ),
        ("may not contain '/'", event("ADDED", &object("../a"))),
        (
            r#"an event of the type "GONE""#,
            event("GONE", &object("a")),
        ),
        ("unreadable", r#"{"type": 1}"#.to_owned()),
        ("a web page", "<html>".to_owned()),
    ] {
        watched(&format!("{good}\n{line}\n{good}\n"))
            .is_not(found)
            .await;
    }
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_not_asked_for() {
    for path in [
        "/api/v1/nodes/..",
        "/api/v1/namespaces//pods",
        "/api/v1/nodes/%2e%2e",
    ] {
        let failure = get(path, &json!({})).answered().await.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage, "{path}: {failure:?}");
    }
}
