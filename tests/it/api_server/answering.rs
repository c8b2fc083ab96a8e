//! What a real API server (1.36) answers where strangers look: one line a question, in its own words.

use anyhow::ensure;
use bmctl::sandbox::{Identity, Sandbox, SandboxOptions};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{call, same};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const THINGS: &str = "/apis/example.com/v1/namespaces/default/things";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const APPLY: &str = "application/apply-patch+yaml";

/// A question: method and path, media type of the body, body; and of the answer the code and the message.
type Question = (
    &'static str,
    &'static str,
    &'static str,
    Value,
    u16,
    &'static str,
);

async fn prepared() -> anyhow::Result<(Sandbox, Client)> {
    let sandbox = Sandbox::start(SandboxOptions::default()).await?;
    let client = sandbox.client(&Identity::owner());
    let definition = json!({
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"n": {"type": "integer"}}},
                }}},
            }],
        },
    });
    let map = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}});
    for (path, object) in [(DEFINITIONS, definition), (MAPS, map), (THINGS, thing)] {
        let (code, answer) = call(&client, "POST", path, object).await?;
        same(&code, &201, &answer.to_string())?;
    }
    Ok((sandbox, client))
}

/// One raw request; code, headers and the text of the answer.
async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> anyhow::Result<(u16, HeaderMap, String)> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let response = client
        .send(request.body(Body::from(body.into_bytes()))?)
        .await?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((head.status.as_u16(), head.headers, text))
}

async fn hold(client: &Client, questions: Vec<Question>) -> anyhow::Result<()> {
    for (method, path, media_type, body, code, message) in questions {
        let headers = [("content-type", media_type)];
        let (found, _, text) = ask(client, method, path, &headers, &body).await?;
        let what = format!("{method} {path} {body}: {text}");
        same(&found, &code, &what)?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        if code >= 400 {
            same(&answer["message"], &json!(message), &what)?;
        }
    }
    Ok(())
}

pub async fn refusals() -> anyhow::Result<()> {
    let (_sandbox, client) = prepared().await?;
    let json_type = "application/json";
    let merge = "application/merge-patch+json";
    hold(
        &client,
        vec![
            // Methods and routes.
            (
                "POST",
                "/api/v1",
                json_type,
                Value::Null,
                405,
                "the server does not allow this method on the requested resource",
            ),
            (
                "HEAD",
                "/api/v1/nodes",
                json_type,
                Value::Null,
                405,
                "the server does not allow this method on the requested resource",
            ),
            (
                "PATCH",
                THINGS,
                merge,
                json!({}),
                400,
                "name must be provided",
            ),
            (
                "PATCH",
                MAPS,
                merge,
                json!({}),
                405,
                "the server does not allow this method on the requested resource",
            ),
            // Names, versions, finalizers.
            (
                "PUT",
                "/api/v1/namespaces/default/configmaps/a",
                json_type,
                json!({"metadata": {"name": "b"}}),
                400,
                "the name of the object (b) does not match the name on the URL (a)",
            ),
            (
                "PUT",
                "/api/v1/namespaces/default/configmaps/a",
                json_type,
                json!({"metadata": {}}),
                400,
                "the name of the object (a based on URL) was undeterminable: name must be provided",
            ),
            (
                "PATCH",
                "/api/v1/namespaces/default/configmaps/a",
                merge,
                json!({"metadata": {"name": "b"}}),
                400,
                "the name of the object (b) does not match the name on the URL (a)",
            ),
            (
                "PATCH",
                "/api/v1/namespaces/default/configmaps/a",
                merge,
                json!({"metadata": {"namespace": "other"}}),
                400,
                "the namespace of the provided object does not match the namespace sent on the request",
            ),
            (
                "POST",
                MAPS,
                json_type,
                json!({"metadata": {"name": "f", "finalizers": ["mine"]}}),
                422,
                "ConfigMap \"f\" is invalid: metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard \
                 finalizer name nor is it fully qualified",
            ),
            // Reading and deleting.
            (
                "GET",
                "/api/v1/namespaces/default/configmaps?limit=x",
                json_type,
                Value::Null,
                400,
                "strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "DELETE",
                "/api/v1/namespaces/default/configmaps/a",
                json_type,
                json!({"kind": "DeleteOptions", "apiVersion": "v1", "orphanDependents": true, "propagationPolicy": "Orphan"}),
                422,
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents \
                 and deletionPropagation cannot be both set",
            ),
            // Server-side apply.
            (
                "PATCH",
                "/api/v1/namespaces/default/configmaps/a?fieldManager=m",
                APPLY,
                json!({"apiVersion": "v2", "kind": "ConfigMap"}),
                400,
                "Incorrect version specified in apply patch. Specified patch version: v2, expected: v1",
            ),
            (
                "PATCH",
                "/apis/example.com/v1/namespaces/default/things/a?fieldManager=m",
                APPLY,
                json!({"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"other": 1}}),
                500,
                "failed to create typed patch object (default/a; example.com/v1, Kind=Thing): .spec.other: field not \
                 declared in schema",
            ),
            // Definitions.
            (
                "PATCH",
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com",
                merge,
                json!({"spec": {"scope": "Cluster"}}),
                422,
                "CustomResourceDefinition.apiextensions.k8s.io \"things.example.com\" is invalid: spec.scope: Invalid \
                 value: \"Cluster\": field is immutable",
            ),
        ],
    )
    .await
}

/// How an answer looks: encodings by preference, lines for those who read, health in detail.
pub async fn looks() -> anyhow::Result<()> {
    let (_sandbox, client) = prepared().await?;
    let yaml = ("accept", "application/yaml;q=0.9, application/json;q=0.1");
    let (code, headers, text) = ask(
        &client,
        "GET",
        "/api/v1/nodes/absent",
        &[yaml],
        &Value::Null,
    )
    .await?;
    same(&code, &404, "a refusal in YAML")?;
    same(
        &headers["content-type"].to_str()?,
        &"application/yaml",
        "a refusal in YAML",
    )?;
    ensure!(text.contains("kind: Status\n"), "{text}");

    let reader = ("user-agent", "curl/8.5.0");
    let map = format!("{MAPS}/a");
    for (path, agent, lines) in [
        (map.clone(), reader, true),
        (map.clone(), ("user-agent", "kubectl/v1.33.0"), false),
        (format!("{map}?pretty=false"), reader, false),
        (format!("{map}?pretty=true"), ("user-agent", "x"), true),
        ("/version".to_owned(), ("user-agent", "x"), true),
    ] {
        let (_, _, text) = ask(&client, "GET", &path, &[agent], &Value::Null).await?;
        same(
            &text.contains("{\n  \""),
            &lines,
            &format!("{path}: {text}"),
        )?;
    }
    for (path, code, expected) in [
        ("/livez", 200, "ok"),
        (
            "/readyz?verbose",
            200,
            "[+]ping ok\n[+]log ok\n[+]etcd ok\nreadyz check passed\n",
        ),
        ("/readyz/etcd", 200, "ok"),
        ("/readyz/nonsense", 404, "404 page not found\n"),
    ] {
        let (found, headers, text) = ask(&client, "GET", path, &[], &Value::Null).await?;
        same(&(found, text.as_str()), &(code, expected), path)?;
        same(
            &headers["x-content-type-options"].to_str()?,
            &"nosniff",
            path,
        )?;
    }
    Ok(())
}

/// Finalizers of custom resources may be called anything; a warning says what is better.
pub async fn warnings() -> anyhow::Result<()> {
    let (_sandbox, client) = prepared().await?;
    let thing = json!({
        "apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "held", "finalizers": ["mine"]},
    });
    let headers = [("content-type", "application/json")];
    let (code, headers, text) = ask(&client, "POST", THINGS, &headers, &thing).await?;
    same(&code, &201, &text)?;
    let expected = "299 - \"metadata.finalizers: \\\"mine\\\": prefer a domain-qualified finalizer name including a path \
                    (/) to avoid accidental conflicts with other finalizer writers\"";
    same(&headers["warning"].to_str()?, &expected, "a finalizer")
}
