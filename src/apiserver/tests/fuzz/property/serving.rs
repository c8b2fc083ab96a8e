//! What the sandbox's API server is asked, through its own entry point and without a socket.

use std::{cell::LazyCell, time::Duration};

use anyhow::{Context as _, ensure};
use apiserver::{Identity, Options, Server};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const THINGS: &str = "/apis/example.com/v1/namespaces/default/things";
const JSON: &str = "application/json";

thread_local! {
    static SERVER: LazyCell<TestServer> = LazyCell::new(|| TestServer::start().expect("a server"));
}

/// A sandbox with a custom resource in it that has all kinds of lists.
pub struct TestServer {
    runtime: Runtime,
    client: Client,
    _sandbox: Server,
}

/// An answer that was read to its end; `Null` where it is a stream, or no JSON.
struct Answer {
    code: StatusCode,
    body: Value,
}

impl TestServer {
    /// # Errors
    /// There is no port, or no runtime.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sandbox = runtime.block_on(Server::start(Options::default()))?;
        let client = {
            let _inside = runtime.enter();
            sandbox.client(&Identity::owner())
        };
        let server = Self {
            runtime,
            client,
            _sandbox: sandbox,
        };
        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
        let map = json!({"metadata": {"name": "a", "labels": {"a": "b"}}, "data": {"k": "v"}});
        for (path, object) in [
            (definitions, definition()),
            ("/api/v1/namespaces/default/pods", pod),
            ("/api/v1/namespaces/default/configmaps", map),
        ] {
            let made = server.ask("POST", path, JSON, object.to_string().into_bytes())?;
            ensure!(made.code == StatusCode::CREATED, "{}", made.body);
        }
        Ok(server)
    }

    /// Asks, and demands of the answer what holds for every one: it comes, it has a number, and a refusal is a Status.
    ///
    /// # Errors
    /// It does not hold.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> anyhow::Result<()> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_str(value)?);
        }
        match request.body(Body::from(body)) {
            Ok(request) => self.exchange(request).map(drop),
            // What is no URI never gets to a server.
            Err(_) => Ok(()),
        }
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media_type);
        self.exchange(request.body(Body::from(body))?)
    }

    fn exchange(&self, request: Request<Body>) -> anyhow::Result<Answer> {
        const PATIENCE: Duration = Duration::from_secs(30);
        self.runtime.block_on(async {
            let response = tokio::time::timeout(PATIENCE, self.client.send(request)).await??;
            let code = response.status();
            ensure!(
                response.headers().contains_key("audit-id"),
                "{code} without a number"
            );
            let is_stream = response.headers().contains_key("transfer-encoding");
            if is_stream && code.is_success() {
                return Ok(Answer {
                    code,
                    body: Value::Null,
                });
            }
            let collected =
                tokio::time::timeout(Duration::from_secs(1), response.into_body().collect()).await;
            // A watch has no end.
            let Ok(collected) = collected else {
                ensure!(code.is_success(), "{code} without an end");
                return Ok(Answer {
                    code,
                    body: Value::Null,
                });
            };
            let bytes = collected?.to_bytes();
            let text = String::from_utf8_lossy(&bytes);
            let json = serde_json::from_slice(&bytes).ok();
            // Some ask for YAML, and are refused in it.
            let body: Value = json
                .or_else(|| serde_saphyr::from_slice(&bytes).ok())
                .unwrap_or_default();
            let plain = text.starts_with("404 page") || text.starts_with("Internal Server Error");
            // Others for protobuf; what is in it, the server's own tests read.
            let framed = bytes.starts_with(b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Status");
            let said = body["kind"] == "Status" && body["code"] == code.as_u16();
            ensure!(
                code.as_u16() < 400 || plain || framed || said,
                "{code}: {text}"
            );
            Ok(Answer { code, body })
        })
    }

    /// The object `a` as it was in the beginning, whatever was done to it.
    fn anew(&self) -> anyhow::Result<Value> {
        let path = format!("{THINGS}/a");
        let free = json!({"metadata": {"finalizers": null}})
            .to_string()
            .into_bytes();
        self.ask("PATCH", &path, "application/merge-patch+json", free)?;
        self.ask("DELETE", &path, JSON, Vec::new())?;
        let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {
            "n": 3, "list": [{"k": "x", "v": "1"}, {"k": "y"}], "set": ["a", "b"], "atomic": [1, 2], "map": {"q": "r"},
        }});
        let made = self.ask("POST", THINGS, JSON, thing.to_string().into_bytes())?;
        ensure!(made.code == StatusCode::CREATED, "{}", made.body);
        Ok(made.body)
    }
}

/// A custom resource with lists of every type, bounds, defaults and rules.
fn definition() -> Value {
    json!({
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "n": {"type": "integer", "minimum": 1},
                        "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                            "items": {"type": "object", "required": ["k"],
                                "properties": {"k": {"type": "string"}, "v": {"type": "string", "default": "d"}}}},
                        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                        "atomic": {"type": "array", "x-kubernetes-list-type": "atomic", "items": {"type": "integer"}},
                        "map": {"type": "object", "additionalProperties": {"type": "string"}},
                        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    }, "x-kubernetes-validations": [{"rule": "!has(self.n) || self.n < 10"}]},
                    "status": {"type": "object", "properties": {"said": {"type": "string"}}},
                }}},
            }],
        },
    })
}

fn with_server(test: impl FnOnce(&TestServer) -> anyhow::Result<()>, data: &[u8]) {
    SERVER.with(|server| {
        if let Err(error) = test(server) {
            panic!("{error:#}\nwith {:?}", String::from_utf8_lossy(data));
        }
    });
}

/// An accepted patch keeps what nobody can change; a refused one changes nothing.
pub fn json_patch(data: &[u8]) {
    with_server(
        |server| {
            let before = server.anew()?;
            let path = format!("{THINGS}/a");
            let answer =
                server.ask("PATCH", &path, "application/json-patch+json", data.to_vec())?;
            let after = server.ask("GET", &path, JSON, Vec::new())?.body;
            if answer.code.is_success() {
                for field in ["uid", "name", "namespace", "creationTimestamp"] {
                    ensure!(
                        after["metadata"][field] == before["metadata"][field],
                        "{field}: {after}"
                    );
                }
                ensure!(
                    after["status"] == before["status"],
                    "the status through the object: {after}"
                );
                ensure!(answer.body == after, "{} is not {after}", answer.body);
            } else {
                ensure!(after == before, "{after} is not {before}");
            }
            Ok(())
        },
        data,
    );
}

/// Applying is idempotent: the same intent again changes nothing. Where it has nulls, which a server drops only after it
/// has noted who set them, the time after that.
pub fn apply(data: &[u8]) {
    with_server(
        |server| {
            server.anew()?;
            let path = format!("{THINGS}/a?fieldManager=fuzzer&force=true");
            let media_type = "application/apply-patch+yaml";
            let once = server.ask("PATCH", &path, media_type, data.to_vec())?;
            if !once.code.is_success() {
                return Ok(());
            }
            let managers = once.body["metadata"]["managedFields"].as_array();
            let applied =
                |entry: &&Value| entry["manager"] == "fuzzer" && entry["operation"] == "Apply";
            let ours = managers
                .context("nobody manages it")?
                .iter()
                .filter(applied)
                .count();
            ensure!(ours <= 1, "{ours} entries of one manager: {}", once.body);
            // What takes the object away takes it away at once.
            if once.body["metadata"]["deletionTimestamp"].is_null() {
                let again = || server.ask("PATCH", &path, media_type, data.to_vec());
                let before = if has_nulls(data) { again()? } else { once };
                let after = again()?;
                ensure!(
                    after.body == before.body,
                    "{} is not {}",
                    after.body,
                    before.body
                );
            }
            Ok(())
        },
        data,
    );
}

fn has_nulls(intent: &[u8]) -> bool {
    fn null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(items) => items.iter().any(null),
            Value::Object(fields) => fields.values().any(null),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    let text = String::from_utf8_lossy(intent);
    serde_saphyr::from_str(&text).is_ok_and(|intent| null(&intent))
}

/// `METHOD PATH`, on further lines the media types that are sent and accepted, then the body: there is an answer.
pub fn route(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let (method, path) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .unwrap_or(("GET", "/api"));
    let mut header = || {
        lines
            .next()
            .map(str::trim)
            .filter(|value| HeaderValue::from_str(value).is_ok())
    };
    let headers = [
        ("content-type", header().unwrap_or(JSON)),
        ("accept", header().unwrap_or(JSON)),
    ];
    let body = lines.next().unwrap_or_default().as_bytes().to_vec();
    // What asks for a stream that lasts is another test's.
    if !path.starts_with('/') || path.contains("watch") || path.contains("ait") {
        return;
    }
    with_server(|server| server.send(method, path, &headers, body), data);
}
