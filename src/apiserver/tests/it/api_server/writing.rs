//! Create, update, patch, delete: versions, generations, preconditions, finalizers, dry runs.

use anyhow::ensure;
use kube::{
    Client,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
};
use serde_json::{Value, json};

use super::{api, call, call_as, config_map, create, same, until_gone};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

pub async fn suite(client: &Client) -> anyhow::Result<()> {
    optimistic_locking(client).await?;
    nothing_changed_is_nothing_written(client).await?;
    preconditions(client).await?;
    finalizers(client).await?;
    dry_runs(client).await?;
    patches(client).await?;
    namespaces(client).await?;
    generations(client).await?;
    pods_leave_gracefully(client).await?;
    refusals(client).await
}

async fn optimistic_locking(client: &Client) -> anyhow::Result<()> {
    let maps = api(client, "", "ConfigMap", Some("default"));
    let first = create(&maps, config_map("locked")).await?;
    let mut changed = first.clone();
    changed.data = json!({"data": {"a": "1"}});
    maps.replace("locked", &PostParams::default(), &changed)
        .await?;
    let stale = maps
        .replace("locked", &PostParams::default(), &changed)
        .await;
    let status = match stale {
        Err(kube::Error::Api(status)) => status,
        other => anyhow::bail!("a stale write was answered {other:?}"),
    };
    same(
        &(status.code, status.reason.as_str()),
        &(409, "Conflict"),
        "a stale write",
    )?;
    maps.delete("locked", &DeleteParams::default()).await?;
    Ok(())
}

async fn nothing_changed_is_nothing_written(client: &Client) -> anyhow::Result<()> {
    let maps = api(client, "", "ConfigMap", Some("default"));
    create(&maps, config_map("same")).await?;
    let patch = Patch::Merge(json!({"data": {"a": "1"}}));
    let once = maps.patch("same", &PatchParams::default(), &patch).await?;
    let twice = maps.patch("same", &PatchParams::default(), &patch).await?;
    same(
        &twice.metadata.resource_version,
        &once.metadata.resource_version,
        "a patch that changes nothing",
    )?;
    maps.delete("same", &DeleteParams::default()).await?;
    Ok(())
}

async fn preconditions(client: &Client) -> anyhow::Result<()> {
    let maps = api(client, "", "ConfigMap", Some("default"));
    let map = create(&maps, config_map("conditional")).await?;
    for (uid, version) in [
        (Some("another".to_owned()), None),
        (map.metadata.uid.clone(), Some("1".to_owned())),
    ] {
        let wrong = DeleteParams::default().preconditions(Preconditions {
            uid,
            resource_version: version,
        });
        let refused = maps.delete("conditional", &wrong).await;
        ensure!(
            matches!(&refused, Err(kube::Error::Api(status)) if status.code == 409),
            "deleted against its precondition: {refused:?}"
        );
    }
    let right = DeleteParams::default().preconditions(Preconditions {
        uid: map.metadata.uid,
        resource_version: map.metadata.resource_version,
    });
    maps.delete("conditional", &right).await?;
    Ok(())
}

async fn finalizers(client: &Client) -> anyhow::Result<()> {
    let maps = api(client, "", "ConfigMap", Some("default"));
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    create(&maps, held).await?;
    let marked = maps.delete("held", &DeleteParams::default()).await?;
    let marked = marked
        .left()
        .map(|object| object.metadata.deletion_timestamp.is_some());
    same(&marked, &Some(true), "a delete marks")?;
    let more =
        Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}));
    let refused = maps.patch("held", &PatchParams::default(), &more).await;
    ensure!(
        refused.is_err(),
        "a finalizer was added to a deleted object"
    );
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &none).await?;
    until_gone(&maps, "held").await
}

async fn dry_runs(client: &Client) -> anyhow::Result<()> {
    let (code, shown) = call(
        client,
        "POST",
        &format!("{MAPS}?dryRun=All"),
        config_map("dry"),
    )
    .await?;
    same(&code, &201, "a dry create")?;
    ensure!(
        shown["metadata"]["resourceVersion"].is_null(),
        "a dry run has a version"
    );
    let (code, _) = call(client, "GET", &format!("{MAPS}/dry"), Value::Null).await?;
    same(&code, &404, "after a dry create")?;
    call(client, "POST", MAPS, config_map("wet")).await?;
    let path = format!("{MAPS}/wet?dryRun=All");
    let (_, shown) = call(client, "PATCH", &path, json!({"data": {"a": "1"}})).await?;
    same(&shown["data"]["a"], &json!("1"), "a dry patch shows")?;
    call(client, "DELETE", &path, Value::Null).await?;
    let (_, kept) = call(client, "GET", &format!("{MAPS}/wet"), Value::Null).await?;
    ensure!(
        kept["data"].is_null() && kept["metadata"]["name"] == "wet",
        "a dry run changed {kept}"
    );
    call(client, "DELETE", &format!("{MAPS}/wet"), Value::Null).await?;
    Ok(())
}

async fn patches(client: &Client) -> anyhow::Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "patched"}});
    call(client, "POST", "/api/v1/nodes", node).await?;
    let path = "/api/v1/nodes/patched/status";
    for kind in ["Ready", "DiskPressure", "Ready"] {
        let patch = json!({"status": {"conditions": [{"type": kind, "status": "True"}]}});
        let media_type = "application/strategic-merge-patch+json";
        let (code, _) = call_as(client, "PATCH", path, media_type, patch).await?;
        same(&code, &200, "a strategic merge patch")?;
    }
    let (_, node) = call(client, "GET", "/api/v1/nodes/patched", Value::Null).await?;
    let conditions = node["status"]["conditions"].as_array().map(Vec::len);
    same(&conditions, &Some(2), "conditions are merged by type")?;

    let failing = json!([{"op": "test", "path": "/metadata/name", "value": "other"}]);
    let (code, _) = call(client, "PATCH", "/api/v1/nodes/patched", failing).await?;
    same(&code, &422, "a JSON patch whose test fails")?;
    let copies: Vec<Value> = (0..40)
        .map(|at| json!({"op": "copy", "from": "/metadata", "path": format!("/metadata/b{at}")}))
        .collect();
    let bomb = copies.into();
    let json_patch = "application/json-patch+json";
    let (code, answer) =
        call_as(client, "PATCH", "/api/v1/nodes/patched", json_patch, bomb).await?;
    same(&code, &422, "a JSON patch whose copies grow")?;
    let words = "the server rejected our request due to an error in our request";
    same(
        &answer["message"],
        &json!(words),
        "a JSON patch whose copies grow",
    )?;
    call(client, "DELETE", "/api/v1/nodes/patched", Value::Null).await?;
    Ok(())
}

/// What goes through the subresources of a namespace: its metadata through `/status`, its finalizers through
/// `/finalize`, and it is there until it waits for nothing.
async fn namespaces(client: &Client) -> anyhow::Result<()> {
    let path = "/api/v1/namespaces/finalized";
    let object =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "finalized"}});
    call(client, "POST", "/api/v1/namespaces", object.clone()).await?;
    let note = json!({"metadata": {"annotations": {"note": "1"}}, "spec": {"finalizers": []}});
    let merge = "application/merge-patch+json";
    let (code, shown) = call_as(client, "PATCH", &format!("{path}/status"), merge, note).await?;
    same(&code, &200, "a patch of the status")?;
    same(
        &shown["metadata"]["annotations"]["note"],
        &json!("1"),
        "what the status takes along",
    )?;
    same(
        &shown["spec"]["finalizers"],
        &json!(["kubernetes"]),
        "what the status leaves",
    )?;
    let finalize = |finalizers: Value| {
        let mut object = object.clone();
        object["spec"] = json!({"finalizers": finalizers});
        object
    };
    let to = format!("{path}/finalize");
    let held = finalize(json!(["kubernetes", "example.com/held"]));
    let (code, shown) = call(client, "PUT", &to, held).await?;
    same(&code, &200, "a finalizer")?;
    same(
        &shown["metadata"]["annotations"]["note"],
        &Value::Null,
        "what a finalizer replaces",
    )?;
    let (code, _) = call(client, "GET", &to, Value::Null).await?;
    same(&code, &405, "finalizers are only written")?;
    call(client, "DELETE", path, Value::Null).await?;
    let held = json!(["example.com/held"]);
    let empty = async {
        loop {
            let (code, found) = call(client, "GET", path, Value::Null).await?;
            if code != 200 || found["spec"]["finalizers"] == held {
                return anyhow::Ok(code);
            }
        }
    };
    let code = tokio::time::timeout(std::time::Duration::from_secs(30), empty).await??;
    same(
        &code,
        &200,
        "a namespace that waits for more than to be empty",
    )?;
    call(client, "PUT", &to, finalize(json!([]))).await?;
    let gone = async {
        while call(client, "GET", path, Value::Null).await?.0 != 404 {}
        anyhow::Ok(())
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await?
}

async fn generations(client: &Client) -> anyhow::Result<()> {
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}},
                 "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
        "status": {"replicas": 7},
    });
    let (_, created) = call(client, "POST", deployments, deployment).await?;
    same(
        &created["metadata"]["generation"],
        &json!(1),
        "a new object",
    )?;
    same(&created["spec"]["replicas"], &json!(1), "a default")?;
    ensure!(
        created["status"]["replicas"].is_null(),
        "a status was created"
    );
    let path = format!("{deployments}/d");
    let label = json!({"metadata": {"labels": {"x": "y"}}, "status": {"replicas": 9}});
    let (_, labelled) = call(client, "PATCH", &path, label).await?;
    same(
        &labelled["metadata"]["generation"],
        &json!(1),
        "after a label",
    )?;
    ensure!(
        labelled["status"]["replicas"].is_null(),
        "a status was written through the object"
    );
    let scaled = json!({"spec": {"replicas": 3}});
    let (_, scale) = call(client, "PATCH", &format!("{path}/scale"), scaled).await?;
    same(
        &(&scale["kind"], &scale["spec"]["replicas"]),
        &(&json!("Scale"), &json!(3)),
        "scale",
    )?;
    let (_, scaled) = call(client, "GET", &path, Value::Null).await?;
    same(
        &scaled["metadata"]["generation"],
        &json!(2),
        "after scaling",
    )?;
    let status = json!({"status": {"replicas": 3}, "metadata": {"labels": {"late": "yes"}}});
    let (_, reported) = call(client, "PATCH", &format!("{path}/status"), status).await?;
    same(
        &reported["metadata"]["generation"],
        &json!(2),
        "after a status",
    )?;
    same(&reported["status"]["replicas"], &json!(3), "the status")?;
    ensure!(
        reported["metadata"]["labels"]["late"].is_null(),
        "the status wrote a label: {reported}"
    );
    call(client, "DELETE", &path, Value::Null).await?;
    Ok(())
}

async fn pods_leave_gracefully(client: &Client) -> anyhow::Result<()> {
    let pods = api(client, "", "Pod", Some("default"));
    for (name, node) in [("bound", Some("n")), ("unbound", None)] {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        });
        if let Some(node) = node {
            pod["spec"]["nodeName"] = node.into();
        }
        create(&pods, pod).await?;
    }
    pods.delete("unbound", &DeleteParams::default()).await?;
    ensure!(
        pods.get_opt("unbound").await?.is_none(),
        "an unbound pod stayed"
    );
    pods.delete("bound", &DeleteParams::default()).await?;
    let waiting = pods.get("bound").await?;
    same(
        &waiting.metadata.deletion_grace_period_seconds,
        &Some(30),
        "a bound pod waits",
    )?;
    let now = DeleteParams::default().grace_period(0);
    pods.delete("bound", &now).await?;
    ensure!(
        pods.get_opt("bound").await?.is_none(),
        "grace 0 left the pod"
    );
    Ok(())
}

async fn refusals(client: &Client) -> anyhow::Result<()> {
    let wrong_policy = json!({"propagationPolicy": "Sometimes"});
    for (method, path, body, code) in [
        ("GET", "/api/v1/nonsense", Value::Null, 404),
        ("GET", "/apis/nonsense/v1/things", Value::Null, 404),
        ("PUT", MAPS, config_map("a"), 405),
        (
            "POST",
            MAPS,
            json!({"metadata": {"name": "Not_Valid"}}),
            422,
        ),
        (
            "POST",
            MAPS,
            json!({"metadata": {"name": "a", "labels": {"bad key!": "x"}}}),
            422,
        ),
        (
            "POST",
            MAPS,
            json!({"metadata": {"name": "a", "labels": {"k": 1}}}),
            400,
        ),
        (
            "POST",
            MAPS,
            json!({"kind": "Secret", "metadata": {"name": "a"}}),
            400,
        ),
        (
            "POST",
            "/api/v1/namespaces/absent/configmaps",
            config_map("a"),
            404,
        ),
        ("DELETE", "/api/v1/namespaces/kube-system", Value::Null, 403),
        (
            "DELETE",
            "/api/v1/namespaces/default/configmaps/absent",
            Value::Null,
            404,
        ),
        ("DELETE", "/api/v1/nodes/absent", wrong_policy, 422),
        (
            "GET",
            "/api/v1/pods?labelSelector=a%3D%3D%3Db",
            Value::Null,
            400,
        ),
        (
            "GET",
            "/api/v1/pods?fieldSelector=spec.nonsense%3Da",
            Value::Null,
            400,
        ),
        ("GET", "/api/v1/pods?continue=garbage", Value::Null, 400),
    ] {
        let (got, answer) = call(client, method, path, body).await?;
        same(&got, &code, &format!("{method} {path}: {answer}"))?;
    }
    let foreground = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    let absent = api(client, "", "Node", None)
        .delete("absent", &foreground)
        .await;
    ensure!(absent.is_err(), "an absent node was deleted");
    Ok(())
}
