//! What clients send to built-in kinds is read strictly, and what they are answered says how to go on: unknown and
//! repeated fields, wrong types, headers, evictions, OpenAPI.

use anyhow::{Context, ensure};
use apiserver::{Identity, Options, Server};
use http::Request;
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{call, same, until_answered};

const PODS: &str = "/api/v1/namespaces/default/pods";

/// One raw request with a body as it stands; code, warnings and answer.
async fn raw(
    client: &Client,
    path: &str,
    accept: &str,
    body: &str,
) -> anyhow::Result<(u16, http::HeaderMap, Value)> {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("accept", accept)
        .body(Body::from(body.as_bytes().to_vec()))?;
    let response = client.send(request).await?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let answer = serde_json::from_slice(&bytes).unwrap_or_default();
    Ok((head.status.as_u16(), head.headers, answer))
}

pub async fn strictness() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let body = r#"{"metadata": {"name": "a"}, "spec": {
        "containers": [{"name": "c", "image": "x", "image": "y", "imag": "z"}], "nodename": "n"
    }}"#;
    let faults = [
        r#"duplicate field "spec.containers[0].image""#,
        r#"unknown field "spec.containers[0].imag""#,
        r#"unknown field "spec.nodename""#,
    ];
    let strict = format!("{PODS}?fieldValidation=Strict");
    let (code, _, answer) = raw(&client, &strict, "application/json", body).await?;
    same(&code, &400, "strict")?;
    let message = format!(
        r#"Pod in version "v1" cannot be handled as a Pod: strict decoding error: {}"#,
        faults.join(", ")
    );
    same(&answer["message"], &json!(message), "strict")?;

    let (code, headers, pod) = raw(&client, PODS, "application/json", body).await?;
    same(&code, &201, "with warnings")?;
    let warnings: Vec<&str> = headers
        .get_all("warning")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let expected = faults.map(|fault| format!("299 - \"{}\"", fault.replace('"', "\\\"")));
    same(
        &warnings,
        &expected.iter().map(String::as_str).collect(),
        "warnings",
    )?;
    let container = &pod["spec"]["containers"][0];
    same(&container["image"], &json!("y"), "the last one counts")?;
    ensure!(
        container["imag"].is_null() && pod["spec"]["nodename"].is_null(),
        "{pod}"
    );

    let ignoring = format!("{PODS}?fieldValidation=Ignore&dryRun=All");
    let other = body.replace("\"a\"", "\"b\"");
    let (code, headers, _) = raw(&client, &ignoring, "application/json", &other).await?;
    same(&code, &201, "ignored")?;
    ensure!(
        !headers.contains_key("warning"),
        "a warning that nobody wanted"
    );

    let wrong = json!({"metadata": {"name": "c"}, "spec": {"containers": "none"}});
    let (code, answer) = call(&client, "POST", PODS, wrong).await?;
    same(&code, &400, "a wrong type")?;
    let message = r#"Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container"#;
    same(&answer["message"], &json!(message), "a wrong type")
}

pub async fn headers() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    for (path, accept, code, media_type) in [
        (
            "/api/v1/namespaces",
            "application/json",
            200,
            "application/json",
        ),
        ("/api/v1/namespaces", "", 200, "application/json"),
        (
            "/api/v1/namespaces",
            "application/yaml",
            200,
            "application/yaml",
        ),
        (
            "/api/v1/namespaces",
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            200,
            "application/json",
        ),
        (
            "/apis",
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            200,
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        ),
        ("/api/v1/namespaces", "text/html", 406, "application/json"),
        (
            "/api/v1/namespaces/nowhere",
            "application/json",
            404,
            "application/json",
        ),
        (
            "/nowhere",
            "application/json",
            404,
            "text/plain; charset=utf-8",
        ),
        ("/healthz", "", 200, "text/plain; charset=utf-8"),
        (
            "/api/v1/namespaces?watch=1&timeoutSeconds=1",
            "",
            200,
            "application/json",
        ),
    ] {
        let (found, headers, answer) = raw(&client, path, accept, "").await?;
        let what = format!("{path} as {accept:?}");
        same(&found, &code, &what)?;
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        same(&text("content-type"), &Some(media_type), &what)?;
        same(&text("cache-control"), &Some("no-cache, private"), &what)?;
        ensure!(
            text("audit-id").is_some_and(|id| id.len() == 36),
            "{what}: no audit id"
        );
        if code == 406 {
            same(&answer["reason"], &json!("NotAcceptable"), &what)?;
        }
    }
    let request = Request::post("/api/v1/namespaces")
        .header("content-type", "text/plain")
        .header("audit-id", "mine")
        .body(Body::from(b"{}".to_vec()))?;
    let response = client.send(request).await?;
    same(&response.status().as_u16(), &415, "a body of text")?;
    let id = response.headers().get("audit-id").context("no audit id")?;
    same(&id.to_str()?, &"mine", "the client's own id")
}

pub async fn what_built_in_kinds_have_to_be() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": []}});
    let (code, answer) = call(&client, "POST", PODS, pod).await?;
    same(&code, &422, "no container")?;
    same(
        &answer["message"],
        &json!(r#"Pod "a" is invalid: spec.containers: Required value"#),
        "no container",
    )?;
    let cause = json!([{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers"}]);
    same(&answer["details"]["causes"], &cause, "no container")?;

    let services = "/api/v1/namespaces/default/services";
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let (code, made) = call(&client, "POST", services, service).await?;
    same(&code, &201, "a service")?;
    let address = made["spec"]["clusterIP"].clone();
    ensure!(
        address.as_str().is_some_and(|one| one.starts_with("10.")),
        "{made}"
    );
    let path = format!("{services}/s");
    let change = json!({"spec": {"ports": [{"port": 81}]}});
    let (_, changed) = call(
        &client,
        "PUT",
        &path,
        json!({"metadata": {"name": "s"}, "spec": change["spec"]}),
    )
    .await?;
    same(
        &changed["spec"]["clusterIP"],
        &address,
        "it keeps its address",
    )?;
    let moved = json!({"spec": {"clusterIP": "10.96.0.77"}});
    let (code, _) = call(&client, "PATCH", &path, moved).await?;
    same(&code, &422, "another address")
}

/// A pod goes, unless a budget says that it is one too many.
pub async fn evictions() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let pod = json!({
        "metadata": {"name": "a", "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "c", "image": "x"}]}, "status": {"phase": "Running"},
    });
    call(&client, "POST", PODS, pod).await?;
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let running = json!({"status": {"phase": "Running", "conditions": ready}});
    call(&client, "PATCH", &format!("{PODS}/a/status"), running).await?;
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}},
    });
    call(&client, "POST", budgets, budget).await?;
    let status = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1,
    }});
    call(&client, "PATCH", &format!("{budgets}/b/status"), status).await?;
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}});
    let path = format!("{PODS}/a/eviction");
    let (code, answer) = call(&client, "POST", &path, eviction.clone()).await?;
    same(&code, &429, "one too many")?;
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    same(&answer["message"], &json!(message), "one too many")?;
    let cause = "The disruption budget b needs 1 healthy pods and has 1 currently";
    same(
        &answer["details"]["causes"][0]["message"],
        &json!(cause),
        "one too many",
    )?;
    call(&client, "DELETE", &format!("{budgets}/b"), Value::Null).await?;
    let (code, answer) = call(&client, "POST", &path, eviction).await?;
    same(&code, &201, &answer.to_string())?;
    let (code, _) = call(&client, "GET", &format!("{PODS}/a"), Value::Null).await?;
    same(&code, &404, "evicted")
}

/// Both versions describe the same kinds, down to the last field.
pub async fn open_api() -> anyhow::Result<()> {
    let sandbox = Server::start(Options::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let (_, _, index) = raw(&client, "/openapi/v3", "", "").await?;
    let paths = index["paths"].as_object().context("no paths")?;
    ensure!(paths.len() > 10, "{index}");
    for path in paths.keys() {
        let (code, _, document) = raw(&client, &format!("/openapi/v3/{path}"), "", "").await?;
        same(&code, &200, path)?;
        ensure!(document["components"]["schemas"].is_object(), "{path}");
    }
    let (_, _, document) = raw(&client, "/openapi/v2", "application/json", "").await?;
    let container = &document["definitions"]["io.k8s.api.core.v1.Container"]["properties"];
    ensure!(
        container["resources"]["description"].is_string(),
        "{container}"
    );
    let accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let (code, headers, _) = raw(&client, "/openapi/v2", accept, "").await?;
    same(&code, &200, "protobuf")?;
    let media_type = headers
        .get("content-type")
        .context("no media type")?
        .to_str()?;
    ensure!(media_type.contains("protobuf"), "{media_type}");
    published(&client).await
}

/// The document of a definition follows it: a version that is renamed or not served any more is not described.
async fn published(client: &Client) -> anyhow::Result<()> {
    const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let version = |name: &str, stored: bool| {
        json!({"name": name, "served": true, "storage": stored, "subresources": {"scale":
                {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
            "schema": {"openAPIV3Schema": {"type": "object", "description": "Foo for testing", "properties": {
                "spec": {"type": "object", "properties": {"replicas": {"type": "integer", "minimum": 1}}},
                "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}}}})
    };
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "foos.pub.example.com"},
        "spec": {"group": "pub.example.com", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
            "versions": [version("v2", true), version("v3", false)]}});
    let (code, answer) = call(client, "POST", PATH, definition).await?;
    same(&code, &201, &answer.to_string())?;
    let described = async || -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let (_, _, second) = raw(client, "/openapi/v2", "application/json", "").await?;
        let names = second["definitions"]
            .as_object()
            .context("no definitions")?;
        let names = names.keys().filter(|name| name.ends_with(".Foo"));
        let (_, _, index) = raw(client, "/openapi/v3", "", "").await?;
        let paths = index["paths"].as_object().context("no paths")?;
        let paths = paths.keys().filter(|path| path.contains("pub.example.com"));
        Ok((names.cloned().collect(), paths.cloned().collect()))
    };
    let expected = |versions: &[&str]| {
        let each = |before: &str, after: &str| -> Vec<String> {
            let all = versions.iter();
            all.map(|version| format!("{before}{version}{after}"))
                .collect()
        };
        (
            each("com.example.pub.", ".Foo"),
            each("apis/pub.example.com/", ""),
        )
    };
    same(&described().await?, &expected(&["v2", "v3"]), "both")?;
    let path = format!("{PATH}/foos.pub.example.com");
    let rename = json!([{"op": "replace", "path": "/spec/versions/1/name", "value": "v4"}]);
    let (code, answer) = call(client, "PATCH", &path, rename).await?;
    same(&code, &200, &answer.to_string())?;
    same(&described().await?, &expected(&["v2", "v4"]), "renamed")?;
    let (_, _, document) = raw(client, "/openapi/v3/apis/pub.example.com/v4", "", "").await?;
    same(
        &document["info"]["title"],
        &json!("Kubernetes CRD Swagger"),
        "the title",
    )?;
    let scale = "/apis/pub.example.com/v4/namespaces/{namespace}/foos/{name}/scale";
    let scale = &document["paths"][scale]["get"]["responses"]["200"]["content"]["application/json"];
    same(
        &scale["schema"]["$ref"],
        &json!("#/components/schemas/io.k8s.api.autoscaling.v1.Scale"),
        "a scale",
    )?;
    let unserved = json!([{"op": "replace", "path": "/spec/versions/1/served", "value": false}]);
    call(client, "PATCH", &path, unserved).await?;
    same(&described().await?, &expected(&["v2"]), "not served")?;
    call(client, "DELETE", &path, Value::Null).await?;
    until_answered(client, "GET", &path, Value::Null, 404).await?;
    same(&described().await?, &expected(&[]), "gone")
}
