//! Typed clients of Go: requests and answers in `application/vnd.kubernetes.protobuf`.

use anyhow::{Context, ensure};
use http::Request;
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{api, call, client_of, config_map, create, same, until_answered};
use crate::test_server::TestApiServer;

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
/// As a client in Go writes them.
const LEASE: &[u8] = include_bytes!("../../../request/protobuf/known/lease.pb");
const DEPLOYMENT: &[u8] = include_bytes!("../../../request/protobuf/known/deployment.pb");

/// What a request is answered with: its code, its media type, its bytes.
struct Reply {
    code: u16,
    media_type: String,
    bytes: Vec<u8>,
}

impl Reply {
    fn has(&self, text: &str) -> bool {
        let mut windows = self.bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    }

    /// Fails unless it is an envelope with these texts.
    fn is(&self, code: u16, texts: &[&str]) -> anyhow::Result<()> {
        let shown = String::from_utf8_lossy(&self.bytes);
        same(&self.code, &code, &shown)?;
        same(&self.media_type.as_str(), &PROTOBUF, "its media type")?;
        ensure!(self.bytes.starts_with(b"k8s\0"), "no envelope: {shown}");
        for text in texts {
            ensure!(self.has(text), "{text} is not in {shown:?}");
        }
        Ok(())
    }
}

/// A request with a body in protobuf.
async fn ask(
    client: &Client,
    method: &str,
    path: &str,
    accept: &str,
    body: &[u8],
) -> anyhow::Result<Reply> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("accept", accept)
        .header("content-type", PROTOBUF);
    send(client, request.body(Body::from(body.to_vec()))?).await
}

async fn send(client: &Client, request: Request<Body>) -> anyhow::Result<Reply> {
    let response = client.send(request).await?;
    let code = response.status().as_u16();
    let media_type = response.headers().get("content-type");
    let media_type = media_type.context("no media type")?.to_str()?.to_owned();
    let bytes = response.into_body().collect().await?.to_bytes().into();
    Ok(Reply {
        code,
        media_type,
        bytes,
    })
}

pub async fn typed_clients() -> anyhow::Result<()> {
    let server = TestApiServer::fresh().await?;
    let client = client_of(&server.kubeconfig()).await?;
    objects(&client).await?;
    workloads(&client).await?;
    watches(&client).await?;
    refusals(&client).await?;
    custom_resources(&client).await
}

async fn objects(client: &Client) -> anyhow::Result<()> {
    let created = ask(client, "POST", LEASES, PROTOBUF, LEASE).await?;
    created.is(201, &["coordination.k8s.io/v1", "Lease"])?;
    let lease = format!("{LEASES}/l");
    let (_, stored) = call(client, "GET", &lease, Value::Null).await?;
    let spec = json!({
        "holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": 0,
        "acquireTime": "2024-01-01T00:00:00.123456Z",
    });
    same(&stored["spec"], &spec, "what is stored")?;
    // What was read can be written: nothing is lost on the way.
    let read = ask(client, "GET", &lease, PROTOBUF, &[]).await?;
    read.is(200, &["l"])?;
    let written = ask(client, "PUT", &lease, PROTOBUF, &read.bytes).await?;
    same(
        &written.bytes,
        &read.bytes,
        "an update that changes nothing",
    )?;
    let listed = ask(client, "GET", &format!("{LEASES}?limit=5"), PROTOBUF, &[]).await?;
    listed.is(200, &["LeaseList", "l"])?;
    let metadata = format!("{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    let listed = ask(client, "GET", LEASES, &metadata, &[]).await?;
    listed.is(200, &["PartialObjectMetadataList", "l"])?;
    ensure!(!listed.has("LeaseList"), "whole objects");
    let table = format!("{PROTOBUF};as=Table;g=meta.k8s.io;v=v1, application/json");
    let listed = ask(client, "GET", LEASES, &table, &[]).await?;
    same(
        &listed.media_type.as_str(),
        &"application/json",
        "no table in protobuf",
    )
}

async fn workloads(client: &Client) -> anyhow::Result<()> {
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let created = ask(client, "POST", path, PROTOBUF, DEPLOYMENT).await?;
    created.is(201, &["apps/v1", "Deployment"])?;
    let (_, stored) = call(client, "GET", &format!("{path}/d"), Value::Null).await?;
    same(&stored["spec"]["replicas"], &json!(0), "replicas")?;
    let pod = &stored["spec"]["template"]["spec"];
    let path_of_probe = &pod["containers"][0]["readinessProbe"]["httpGet"]["path"];
    same(path_of_probe, &json!("/"), "a field of an inlined message")?;
    let scale = ask(client, "GET", &format!("{path}/d/scale"), PROTOBUF, &[]).await?;
    scale.is(200, &["autoscaling/v1", "Scale"])?;
    let scaled = ask(
        client,
        "PUT",
        &format!("{path}/d/scale"),
        PROTOBUF,
        &scale.bytes,
    )
    .await?;
    scaled.is(200, &["Scale"])
}

/// Events have their length before them, and a whole envelope within them.
async fn watches(client: &Client) -> anyhow::Result<()> {
    let maps = api(client, "", "ConfigMap", Some("default"));
    let made = create(&maps, config_map("watched")).await?;
    let version = made.metadata.resource_version.context("no version")?;
    let before = version.parse::<u64>()? - 1;
    let accept = format!("{PROTOBUF};stream=watch");
    let path = format!("{MAPS}?watch=1&resourceVersion={before}&timeoutSeconds=1");
    let watch = ask(client, "GET", &path, &accept, &[]).await?;
    same(&watch.media_type, &accept, "the media type of a watch")?;
    let (length, event) = watch.bytes.split_at(4);
    let length = u32::from_be_bytes(length.try_into()?);
    same(
        &(length as usize),
        &event.len(),
        "the length of the only event",
    )?;
    ensure!(event.starts_with(b"\x0a\x05ADDED\x12"), "{event:?}");
    let object = ask(client, "GET", &format!("{MAPS}/watched"), PROTOBUF, &[]).await?;
    ensure!(event.ends_with(&object.bytes), "the object in its envelope");
    Ok(())
}

async fn refusals(client: &Client) -> anyhow::Result<()> {
    let missing = ask(client, "GET", &format!("{MAPS}/missing"), PROTOBUF, &[]).await?;
    missing.is(
        404,
        &["Status", "NotFound", r#"configmaps "missing" not found"#],
    )?;
    let request = Request::get(MAPS).header("accept", PROTOBUF);
    let request = request.header("impersonate-user", "nobody");
    let refused = send(client, request.body(Body::empty())?).await?;
    refused.is(403, &["Forbidden", r#"User "nobody" cannot list"#])?;
    // DeleteOptions with the precondition of another uid.
    let options = b"k8s\0\x0a\x13\x0a\x02v1\x12\x0dDeleteOptions\x12\x07\x12\x05\x0a\x03odd";
    let path = format!("{MAPS}/watched");
    let refused = ask(client, "DELETE", &path, PROTOBUF, options).await?;
    refused.is(409, &["Conflict", "the UID in the precondition (odd)"])?;
    let wrong = ask(client, "POST", MAPS, PROTOBUF, b"{}").await?;
    wrong.is(400, &["expected prefix [107 56 115 0]"])?;
    let other = ask(client, "POST", MAPS, PROTOBUF, LEASE).await?;
    other.is(400, &[])
}

async fn custom_resources(client: &Client) -> anyhow::Result<()> {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.typed.example.com"},
        "spec": {
            "group": "typed.example.com", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    });
    let definitions = api(
        client,
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        None,
    );
    create(&definitions, definition).await?;
    let path = "/apis/typed.example.com/v1/namespaces/default/things";
    until_answered(client, "GET", path, Value::Null, 200).await?;
    let refused = ask(client, "GET", path, PROTOBUF, &[]).await?;
    same(&refused.code, &406, "protobuf alone")?;
    let either = format!("{PROTOBUF}, application/json");
    let listed = ask(client, "GET", path, &either, &[]).await?;
    same(
        &listed.media_type.as_str(),
        &"application/json",
        "JSON as a second choice",
    )?;
    let metadata = format!("{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    let listed = ask(client, "GET", path, &metadata, &[]).await?;
    listed.is(200, &["PartialObjectMetadataList"])?;
    let thing = b"k8s\0\x0a\x1d\x0a\x14typed.example.com/v1\x12\x05Thing\x12\x00";
    let refused = ask(client, "POST", path, "application/json", thing).await?;
    same(&refused.code, &400, "a custom resource in protobuf")
}
