//! Lists, pages, selectors and watches.

use anyhow::{Context as _, ensure};
use apiserver::{Identity, Options, Server};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kube::Client;
use serde_json::{Value, json};

use super::{call, config_map, frames, same};
use crate::test_server;

const MAPS: &str = "/api/v1/namespaces/listing/configmaps";

pub async fn suite(client: &Client) -> anyhow::Result<()> {
    let namespace = json!({"metadata": {"name": "listing"}});
    call(client, "POST", "/api/v1/namespaces", namespace).await?;
    pages_show_one_moment(client).await?;
    watches(client).await?;
    events_have_two_views(client).await?;
    empty_lists(client).await?;
    tables(client).await
}

async fn pages_show_one_moment(client: &Client) -> anyhow::Result<()> {
    for name in ["p0", "p1", "p2", "p3"] {
        let mut map = config_map(name);
        map["metadata"]["labels"] = json!({"pages": "yes"});
        call(client, "POST", MAPS, map).await?;
    }
    let (_, first) = call(client, "GET", &format!("{MAPS}?limit=2"), Value::Null).await?;
    same(&names(&first), &vec!["p0", "p1"], "the first page")?;
    same(
        &first["metadata"]["remainingItemCount"],
        &json!(2),
        "the rest",
    )?;
    // What happens between two pages does not show.
    call(client, "DELETE", &format!("{MAPS}/p2"), Value::Null).await?;
    call(client, "POST", MAPS, config_map("p9")).await?;
    let next = first["metadata"]["continue"].as_str().unwrap_or_default();
    let path = format!("{MAPS}?limit=2&continue={next}");
    let (_, second) = call(client, "GET", &path, Value::Null).await?;
    same(&names(&second), &vec!["p2", "p3"], "the second page")?;
    same(
        &second["metadata"]["resourceVersion"],
        &first["metadata"]["resourceVersion"],
        "both pages are of one version",
    )?;
    let (_, now) = call(client, "GET", MAPS, Value::Null).await?;
    same(&names(&now), &vec!["p0", "p1", "p3", "p9"], "a new list")?;
    let (_, deleted) = call(
        client,
        "DELETE",
        &format!("{MAPS}?labelSelector=pages"),
        Value::Null,
    )
    .await?;
    same(
        &names(&deleted),
        &vec!["p0", "p1", "p3"],
        "a deleted collection",
    )
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect()
}

/// Without bookmarks, which come as it pleases the API server.
fn seen(frames: &[Value]) -> Vec<(&str, &str)> {
    frames
        .iter()
        .filter(|frame| frame["type"] != "BOOKMARK")
        .map(|frame| {
            let name = frame["object"]["metadata"]["name"].as_str();
            (
                frame["type"].as_str().unwrap_or_default(),
                name.unwrap_or_default(),
            )
        })
        .collect()
}

async fn watches(client: &Client) -> anyhow::Result<()> {
    let mut map = config_map("w");
    map["metadata"]["labels"] = json!({"on": "yes"});
    let (_, created) = call(client, "POST", MAPS, map).await?;
    let from = created["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or_default();
    let path = format!("{MAPS}/w");
    for on in ["no", "yes"] {
        let patch = json!({"metadata": {"labels": {"on": on}}});
        call(client, "PATCH", &path, patch).await?;
    }
    call(client, "DELETE", &path, Value::Null).await?;
    let all = frames(
        client,
        &format!("{MAPS}?watch=1&resourceVersion={from}&timeoutSeconds=1"),
    )
    .await?;
    same(
        &seen(&all),
        &vec![("MODIFIED", "w"), ("MODIFIED", "w"), ("DELETED", "w")],
        "all changes",
    )?;
    let selected = format!(
        "{MAPS}?watch=1&resourceVersion={from}&timeoutSeconds=1&labelSelector=on%3Dyes&allowWatchBookmarks=true"
    );
    let selected = frames(client, &selected).await?;
    same(
        &seen(&selected),
        &vec![("DELETED", "w"), ("ADDED", "w"), ("DELETED", "w")],
        "leaving a selection is a delete",
    )?;
    let streamed = format!(
        "{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    );
    let streamed = frames(client, &streamed).await?;
    let refused = streamed.first().filter(|answer| answer["kind"] == "Status");
    if let Some(refused) = refused {
        // Not every release has it turned on.
        let said = refused["message"].as_str().unwrap_or_default();
        ensure!(
            test_server::assets().is_some() && said.contains("WatchList"),
            "{refused}"
        );
        return Ok(());
    }
    let mark = streamed.iter().find(|frame| frame["type"] == "BOOKMARK");
    if mark.is_none() && test_server::assets().is_some() {
        // With an etcd before 3.4.31 and 3.5.13, which cannot say how far it is, the API server waits to the end.
        return Ok(());
    }
    let mark =
        mark.map(|frame| &frame["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"]);
    same(
        &mark,
        &Some(&json!("true")),
        "the end of the initial objects",
    )
}

async fn events_have_two_views(client: &Client) -> anyhow::Result<()> {
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "listing"}, "note": "hello", "reason": "Tested",
        "type": "Normal", "reportingController": "c", "reportingInstance": "i", "action": "a",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    });
    let new = "/apis/events.k8s.io/v1/namespaces/listing/events";
    let (code, _) = call(client, "POST", new, event).await?;
    same(&code, &201, "a new event")?;
    let old = "/api/v1/namespaces/listing/events?fieldSelector=involvedObject.name%3Dp";
    let (_, list) = call(client, "GET", old, Value::Null).await?;
    same(
        &list["items"][0]["message"],
        &json!("hello"),
        "seen through core/v1",
    )?;
    let (_, again) = call(client, "GET", &format!("{new}/e"), Value::Null).await?;
    same(
        &again["note"],
        &json!("hello"),
        "seen through events.k8s.io/v1",
    )
}

/// Of metadata alone an empty list is `null`, of whole objects it is `[]`.
async fn empty_lists(client: &Client) -> anyhow::Result<()> {
    let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    for (accept, kind, items) in [
        ("application/json", "ConfigMapList", json!([])),
        (metadata, "PartialObjectMetadataList", Value::Null),
    ] {
        let request = http::Request::get(format!("{MAPS}?labelSelector=nobody=has"))
            .header("accept", accept)
            .body(Vec::new())?;
        let list: Value = client.request(request).await?;
        same(&list["kind"], &json!(kind), accept)?;
        same(&list.get("items"), &Some(&items), accept)?;
    }
    Ok(())
}

async fn tables(client: &Client) -> anyhow::Result<()> {
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let request = http::Request::get("/api/v1/namespaces")
        .header("accept", accept)
        .body(Vec::new())?;
    let table: Value = client.request(request).await?;
    same(&table["kind"], &json!("Table"), "a table")?;
    ensure!(
        table["rows"].as_array().is_some_and(|rows| rows.len() > 3),
        "no rows: {table}"
    );
    Ok(())
}

pub async fn forgets_old_history() -> anyhow::Result<()> {
    let options = Options {
        history: 4,
        ..Options::default()
    };
    let sandbox = Server::start(options).await?;
    let client = sandbox.client(&Identity::owner());
    let path = "/api/v1/namespaces/default/configmaps";
    let (_, first) = call(&client, "POST", path, config_map("a")).await?;
    let from = first["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or_default();
    let (_, page) = call(&client, "GET", &format!("{path}?limit=1"), Value::Null).await?;
    ensure!(
        page["metadata"]["continue"].is_null(),
        "one object has no next page"
    );
    for round in 0..6 {
        let patch = json!({"data": {"round": round.to_string()}});
        call(&client, "PATCH", &format!("{path}/a"), patch).await?;
    }
    let watched = frames(&client, &format!("{path}?watch=1&resourceVersion={from}")).await?;
    same(&seen(&watched), &vec![("ERROR", "")], "an old version")?;
    same(&watched[0]["object"]["code"], &json!(410), "an old version")?;
    same(
        &watched[0]["object"]["reason"],
        &json!("Expired"),
        "an old version",
    )
}

/// A page of a list whose moment is forgotten comes with a token for those who do not mind.
pub async fn options_that_do_not_go_together() -> anyhow::Result<()> {
    let options = Options {
        history: 4,
        ..Options::default()
    };
    let sandbox = Server::start(options).await?;
    let client = sandbox.client(&Identity::owner());
    let path = "/api/v1/namespaces/default/configmaps";
    for name in ["a", "b", "c"] {
        call(&client, "POST", path, config_map(name)).await?;
    }
    let (_, page) = call(&client, "GET", &format!("{path}?limit=1"), Value::Null).await?;
    let token = page["metadata"]["continue"].as_str().unwrap_or_default();
    for round in 0..6 {
        let patch = json!({"data": {"round": round.to_string()}});
        call(&client, "PATCH", &format!("{path}/c"), patch).await?;
    }
    let next = format!("{path}?limit=1&continue={token}");
    let (code, gone) = call(&client, "GET", &next, Value::Null).await?;
    same(&code, &410, "a forgotten moment")?;
    same(&gone["reason"], &json!("Expired"), "a forgotten moment")?;
    let token = gone["metadata"]["continue"].as_str().unwrap_or_default();
    let next = format!("{path}?limit=5&continue={token}");
    let (_, rest) = call(&client, "GET", &next, Value::Null).await?;
    same(&names(&rest), &vec!["b", "c"], "the rest, as it is now")?;

    // A moment is forgotten after a while, whatever happened since.
    let (_, page) = call(&client, "GET", &format!("{path}?limit=1"), Value::Null).await?;
    let token = page["metadata"]["continue"].as_str().unwrap_or_default();
    for (seconds, expected) in [(200, 200), (400, 410)] {
        let next = format!("{path}?limit=1&continue={}", older(token, seconds)?);
        let (code, _) = call(&client, "GET", &next, Value::Null).await?;
        same(
            &code,
            &expected,
            &format!("a list that began {seconds} s ago"),
        )?;
    }

    for (query, fault) in [
        (
            "resourceVersionMatch=Exact",
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            "resourceVersion=0&resourceVersionMatch=Exact",
            r#"resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#,
        ),
        (
            "sendInitialEvents=true",
            "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
        ),
        (
            "watch=1&sendInitialEvents=true",
            "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            "watch=1&resourceVersion=1&resourceVersionMatch=NotOlderThan",
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
    ] {
        let (code, answer) = call(&client, "GET", &format!("{path}?{query}"), Value::Null).await?;
        same(&code, &422, query)?;
        let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {fault}");
        same(&answer["message"], &json!(message), query)?;
    }
    Ok(())
}

/// The token, had it been given so many seconds ago.
fn older(token: &str, seconds: i64) -> anyhow::Result<String> {
    let mut said: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token)?)?;
    let since = said["at"]["since"].as_i64().context("no time")?;
    said["at"]["since"] = json!(since - seconds);
    Ok(URL_SAFE_NO_PAD.encode(said.to_string()))
}
