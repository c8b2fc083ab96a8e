//! CustomResourceDefinitions and namespaces come, change and go.

use std::time::{Duration, Instant};

use anyhow::ensure;
use kube::{Client, core::DynamicObject, runtime::wait::await_condition};
use serde_json::{Value, json};

use super::{api, call, config_map, frames, same, until_answered, until_gone};
use crate::test_server;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const GADGETS: &str = "/apis/example.com/v1/namespaces/default/gadgets";

pub async fn suite(client: &Client) -> anyhow::Result<()> {
    definitions(client).await?;
    defaults_that_come_later(client).await?;
    namespaces(client).await
}

/// What has been stored before its kind got a default is shown with it.
async fn defaults_that_come_later(client: &Client) -> anyhow::Result<()> {
    const PATH: &str = "/apis/later.example.com/v1/namespaces/default/laters";
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string"}, "list": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string"}}}},
        "none": {"type": "string"}}});
    let definition = json!({
        "metadata": {"name": "laters.later.example.com"},
        "spec": {
            "group": "later.example.com", "scope": "Namespaced", "names": {"plural": "laters", "kind": "Later"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    let (code, answer) = call(client, "POST", DEFINITIONS, definition).await?;
    same(&code, &201, &answer.to_string())?;
    until_answered(client, "GET", PATH, Value::Null, 200).await?;
    let object = json!({"apiVersion": "later.example.com/v1", "kind": "Later", "metadata": {"name": "x"}, "list": [{}]});
    let (code, created) = call(client, "POST", PATH, object).await?;
    same(&code, &201, &created.to_string())?;
    let path =
        |field: &str| format!("/spec/versions/0/schema/openAPIV3Schema/properties/{field}/default");
    let patch = json!([
        {"op": "add", "path": path("a"), "value": "A"},
        {"op": "add", "path": path("list/items/properties/b"), "value": "B"},
    ]);
    let name = format!("{DEFINITIONS}/laters.later.example.com");
    let (code, answer) = call(client, "PATCH", &name, patch).await?;
    same(&code, &200, &answer.to_string())?;
    // A real API server takes a moment to notice.
    let other =
        json!({"apiVersion": "later.example.com/v1", "kind": "Later", "metadata": {"name": "y"}});
    let dry_run = format!("{PATH}?dryRun=All");
    let start = Instant::now();
    while call(client, "POST", &dry_run, other.clone()).await?.1["a"].is_null() {
        ensure!(start.elapsed() < test_server::patience(), "no default");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_, read) = call(client, "GET", &format!("{PATH}/x"), Value::Null).await?;
    let (_, listed) = call(client, "GET", PATH, Value::Null).await?;
    let watch = format!("{PATH}?watch=true&timeoutSeconds=1");
    let watched = frames(client, &watch).await?;
    for shown in [&read, &listed["items"][0], &watched[0]["object"]] {
        same(&shown["a"], &json!("A"), "a default")?;
        same(&shown["list"], &json!([{"b": "B"}]), "a default in a list")?;
        same(&shown["none"], &Value::Null, "no default")?;
        same(
            &shown["metadata"]["resourceVersion"],
            &created["metadata"]["resourceVersion"],
            "nothing was written",
        )?;
    }
    call(client, "DELETE", &name, Value::Null).await?;
    until_answered(client, "GET", &name, Value::Null, 404).await?;
    Ok(())
}

fn definition() -> Value {
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {
            "enabled": {"type": "boolean", "default": false},
            "size": {"type": "integer", "maximum": 5},
        }},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

fn gadget(spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": spec})
}

async fn definitions(client: &Client) -> anyhow::Result<()> {
    let (code, _) = call(client, "GET", GADGETS, Value::Null).await?;
    same(&code, &404, "before the definition")?;
    let (code, answer) = call(client, "POST", DEFINITIONS, definition()).await?;
    same(&code, &201, &format!("a definition: {answer}"))?;
    let path = format!("{DEFINITIONS}/gadgets.example.com");
    // It is established when it can be listed.
    until_answered(client, "GET", GADGETS, Value::Null, 200).await?;
    let (_, stored) = call(client, "GET", &path, Value::Null).await?;
    same(
        &stored["status"]["acceptedNames"]["listKind"],
        &json!("GadgetList"),
        "names",
    )?;

    let (code, answer) = call(client, "POST", GADGETS, gadget(&json!({"size": 9}))).await?;
    same(&code, &422, &format!("against the schema: {answer}"))?;
    let (_, created) = call(
        client,
        "POST",
        GADGETS,
        gadget(&json!({"size": 1, "more": 2})),
    )
    .await?;
    same(
        &created["spec"],
        &json!({"enabled": false, "size": 1}),
        "defaulted and pruned",
    )?;
    let strict = format!("{GADGETS}?fieldValidation=Strict");
    let (code, _) = call(client, "POST", &strict, gadget(&json!({"more": 2}))).await?;
    same(&code, &400, "strict")?;

    // The definition goes when its objects are gone.
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    call(client, "PATCH", &format!("{GADGETS}/g"), hold).await?;
    call(client, "DELETE", &path, Value::Null).await?;
    let dry_run = format!("{GADGETS}?dryRun=All");
    let other =
        json!({"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "other"}});
    until_answered(client, "POST", &dry_run, other, 403).await?;
    let (_, waiting) = call(client, "GET", &path, Value::Null).await?;
    ensure!(
        !waiting["metadata"]["deletionTimestamp"].is_null(),
        "not terminating: {waiting}"
    );
    let release = json!({"metadata": {"finalizers": null}});
    call(client, "PATCH", &format!("{GADGETS}/g"), release).await?;
    let definitions = api(
        client,
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        None,
    );
    until_gone(&definitions, "gadgets.example.com").await?;
    until_answered(client, "GET", GADGETS, Value::Null, 404).await?;
    Ok(())
}

async fn namespaces(client: &Client) -> anyhow::Result<()> {
    let namespace = json!({"metadata": {"name": "passing"}});
    let (_, created) = call(client, "POST", "/api/v1/namespaces", namespace).await?;
    same(
        &created["status"]["phase"],
        &json!("Active"),
        "a new namespace",
    )?;
    let maps = "/api/v1/namespaces/passing/configmaps";
    call(client, "POST", maps, config_map("free")).await?;
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    call(client, "POST", maps, held).await?;
    let pods = "/api/v1/namespaces/passing/pods";
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "held", "finalizers": ["example.com/hold"]},
        "spec": {"containers": [{"name": "c", "image": "c"}]},
    });
    call(client, "POST", pods, pod).await?;
    let path = "/api/v1/namespaces/passing";
    let (_, deleted) = call(client, "DELETE", path, Value::Null).await?;
    same(
        &deleted["status"]["phase"],
        &json!("Terminating"),
        "a deleted namespace",
    )?;
    // Pods go first, and what they use stays until they are gone.
    let release = json!({"metadata": {"finalizers": null}});
    let told = |namespace: Option<&DynamicObject>| {
        namespace.is_some_and(|found| found.data.to_string().contains("SomeFinalizersRemain"))
    };
    await_condition(api(client, "", "Namespace", None), "passing", told).await?;
    let (code, map) = call(client, "GET", &format!("{maps}/free"), Value::Null).await?;
    ensure!(
        code == 200 && map["metadata"]["deletionTimestamp"].is_null(),
        "it went before the pod: {map}"
    );
    call(client, "PATCH", &format!("{pods}/held"), release.clone()).await?;
    until_gone(&api(client, "", "ConfigMap", Some("passing")), "free").await?;
    let (code, answer) = call(client, "POST", maps, config_map("late")).await?;
    same(&code, &403, &format!("a late object: {answer}"))?;
    call(client, "PATCH", &format!("{maps}/held"), release).await?;
    until_gone(&api(client, "", "Namespace", None), "passing").await
}
