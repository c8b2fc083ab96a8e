//! What a real API server (1.36) answers where strangers look: one line a question, in its own words.

use anyhow::ensure;
use apiserver::{Identity, Options, Server};
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

async fn prepared() -> anyhow::Result<(Server, Client)> {
    let sandbox = Server::start(Options::default()).await?;
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
            (
                "DELETE",
                "/api/v1/namespaces",
                json_type,
                Value::Null,
                405,
                "the server does not allow this method on the requested resource",
            ),
            // What is sent has to be what is meant.
            (
                "DELETE",
                "/api/v1/namespaces/default/configmaps/a",
                json_type,
                json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}}),
                400,
                "no kind \"ConfigMap\" is registered for version \"v1\" in scheme \"pkg/runtime/scheme.go:110\"",
            ),
            (
                "POST",
                MAPS,
                json_type,
                json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}}),
                400,
                "Pod in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown \
                 conversion",
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
                "invalid object type: /v2, Kind=ConfigMap",
            ),
            (
                "PATCH",
                "/apis/example.com/v1/namespaces/default/things/a?fieldManager=m",
                APPLY,
                json!({"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"other": 1}}),
                500,
                "failed to create typed patch object (/; example.com/v1, Kind=Thing): .spec.other: field not \
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

/// Patches that can not be read, do not fit, or make something that can not be read.
pub async fn patches() -> anyhow::Result<()> {
    const MAP: &str = "/api/v1/namespaces/default/configmaps/a";
    const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/d";
    const JSON: &str = "application/json-patch+json";
    const STRATEGIC: &str = "application/strategic-merge-patch+json";
    const UNFIT: &str = "the server rejected our request due to an error in our request";
    let (_sandbox, client) = prepared().await?;
    let containers =
        |fields: Value| json!({"spec": {"template": {"spec": {"containers": [fields]}}}});
    let deployment = json!({
        "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
                 "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    });
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let (code, answer) = call(&client, "POST", path, deployment).await?;
    same(&code, &201, &answer.to_string())?;
    let op = |op: &str, path: &str| json!([{"op": op, "path": path, "value": "x"}]);
    hold(
        &client,
        vec![
            ("PATCH", MAP, JSON, op("test", "/data/k"), 422, UNFIT),
            ("PATCH", MAP, JSON, op("remove", "/data/none"), 422, UNFIT),
            ("PATCH", MAP, JSON, op("nonsense", "/data/k"), 422, UNFIT),
            (
                "PATCH",
                MAP,
                JSON,
                json!([{"op": 1}]),
                400,
                "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
            ),
            (
                "PATCH",
                MAP,
                STRATEGIC,
                json!([]),
                400,
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
            (
                "PATCH",
                DEPLOYMENT,
                STRATEGIC,
                containers(json!({"image": "x"})),
                500,
                "map: map[image:x] does not contain declared merge key: name",
            ),
            (
                "PATCH",
                DEPLOYMENT,
                STRATEGIC,
                json!({"spec": {"replicas": "many"}}),
                422,
                r#" "" is invalid: patch: Invalid value: "map[spec:map[replicas:many]]": unrecognized type: int32"#,
            ),
            // Server-side apply knows the types, too.
            (
                "PATCH",
                "/apis/apps/v1/namespaces/default/deployments/d?fieldManager=m",
                APPLY,
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": "many"}}),
                500,
                "failed to create typed patch object (/; apps/v1, Kind=Deployment): .spec.replicas: expected \
                 numeric (int or float), got string",
            ),
            (
                "PATCH",
                "/api/v1/namespaces/default/configmaps/a?fieldManager=m&force=true&fieldValidation=Strict",
                APPLY,
                "apiVersion: v1\nkind: ConfigMap\ndata: {k: a, k: b}\n".into(),
                400,
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 3: key \"k\" \
                 already set in map",
            ),
        ],
    )
    .await?;
    // A merge patch that makes something unreadable is quoted as what it made.
    let wrong = json!({"data": {"k": 1}});
    let (code, answer) = call(&client, "PATCH", MAP, wrong).await?;
    same(&code, &422, &answer.to_string())?;
    let message = answer["message"].as_str().unwrap_or_default();
    let why = "json: cannot unmarshal number into Go struct field ConfigMap.data of type string";
    ensure!(
        message.starts_with(" \"\" is invalid: patch: Invalid value: \"{\\\"apiVersion\\\"")
            && message.ends_with(why),
        "{message}"
    );
    // What a strategic merge patch names comes first.
    let headers = [("content-type", STRATEGIC)];
    let added = containers(json!({"name": "new", "image": "n"}));
    let (_, _, text) = ask(&client, "PATCH", DEPLOYMENT, &headers, &added).await?;
    let answer: Value = serde_json::from_str(&text)?;
    let first = &answer["spec"]["template"]["spec"]["containers"][0]["name"];
    same(first, &json!("new"), &text)
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
