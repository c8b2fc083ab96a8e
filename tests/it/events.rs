//! `--progress json`: every line on stderr is an event, whatever happens, and the last one says how it ended.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::{
    bench::Bench,
    schema,
    test_cluster::{Ended, Host, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    tests!["events": of_a_cluster, of_what_ends_early]
}

/// Every line of it; the last one has that exit code.
pub fn read(stderr: &str, code: i32) -> Result<Vec<Value>, Failed> {
    let mut events: Vec<Value> = Vec::new();
    for line in stderr.lines() {
        let event = serde_json::from_str(line).map_err(|error| format!("{error}: {line:?}"))?;
        schema::is_event(&event)?;
        events.push(event);
    }
    match events.last() {
        Some(last) if last["type"] == "ended" && last["exitCode"] == code => Ok(events),
        last => Err(format!("the last event is {last:?}, not exit code {code}").into()),
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

/// These types are there, in this order; others may be between them.
fn come_in_order(events: &[Value], expected: &[&str]) -> Result<(), Failed> {
    let types = types(events);
    let mut rest = types.iter();
    for wanted in expected {
        if !rest.any(|found| found == wanted) {
            return Err(format!("{wanted} is missing or out of order in {types:?}").into());
        }
    }
    Ok(())
}

fn of_a_cluster() -> Result<(), Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    let run = |command: &str, code| -> Result<Vec<Value>, Failed> {
        let words: Vec<&str> = command.split(' ').chain(["--progress", "json"]).collect();
        let ended: Ended = test_cluster.bmctl(&words).exits(code)?;
        read(&ended.stderr, code)
    };
    let events = run("check vmruntimepfc", 3)?;
    let expected = [
        "cluster",
        "step",
        "happened",
        "waiting",
        "checkFinished",
        "error",
        "ended",
    ];
    come_in_order(&events, &expected)?;
    let error = events
        .iter()
        .find(|event| event["type"] == "error")
        .unwrap();
    if error["error"]["reason"] != "PreflightFailed" {
        return Err(error.to_string().into());
    }
    run("enable vmruntime -vv", 3)?;
    let quiet = run("enable vmruntime --ensure -q", 3)?;
    if types(&quiet).contains(&"waiting") {
        return Err(format!("quiet is not quiet: {quiet:?}").into());
    }
    test_cluster.patch(
        "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime",
        &serde_json::json!({"metadata": {"annotations": {"baremetal.cluster.gke.io/vmrumtime-force-disable": "true"}}}),
    )?;
    come_in_order(&run("status vmruntime", 0)?, &["warning", "ended"])?;
    Ok(())
}

fn of_what_ends_early() -> Result<(), Failed> {
    let closed = "apiVersion: v1\nkind: Config\ncurrent-context: one\n\
         clusters: [{name: one, cluster: {server: 'https://127.0.0.1:1'}}]\n\
         contexts: [{name: one, context: {cluster: one, user: one}}]\n\
         users: [{name: one, user: {token: nothing}}]\n";
    let bench = Bench::new().file("kubeconfig", closed);
    for (command, code, expected) in [
        (
            "enable vmruntime --nonsense",
            2,
            &["error", "ended"] as &[_],
        ),
        (
            "enable vmruntime --context nonsense",
            2,
            &["error", "ended"],
        ),
        (
            "enable vmruntime --log-dir /dev/null",
            2,
            &["error", "ended"],
        ),
        ("enable vmruntime --help", 0, &["ended"]),
        ("version", 0, &["ended"]),
        (
            "check vmruntimepfc --kubeconfig kubeconfig",
            10,
            &["cluster", "retrying", "error", "ended"],
        ),
    ] {
        let ended = bench
            .bmctl(&format!("{command} --progress json"))
            .code(code)?;
        let events = read(
            &ended.stderr.replace("[time]", "2026-01-01T00:00:00Z"),
            code,
        )
        .map_err(|wrong| format!("{command}: {wrong:?}"))?;
        come_in_order(&events, expected).map_err(|wrong| format!("{command}: {wrong:?}"))?;
    }
    Ok(())
}
