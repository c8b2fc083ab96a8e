//! What `enable` and `update` cost: how many requests, on how many connections, and that nothing is discovered first.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::{
    faults::{Proxy, Script},
    test_cluster::TestCluster,
};

pub fn trials() -> Vec<Trial> {
    tests!["enabling": without_waiting_two_requests, with_waiting_four_requests]
}

const READ: &str = "GET /apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const PATCH: &str = "PATCH /apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const WATCH: &str = "GET /apis/vm.cluster.gke.io/v1/vmruntimes";
const WATCH_CHECKS: &str =
    "GET /apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";

/// Exactly these, in any order but of the first two, on at most so many connections.
fn cost(proxy: &Proxy, requests: &[&str], connections: usize) -> Result<(), Failed> {
    let mut seen = proxy.paths();
    seen[2.min(requests.len())..].sort();
    if seen != requests {
        return Err(format!("requests: {seen:#?}").into());
    }
    if proxy
        .requests()
        .iter()
        .take(2)
        .any(|seen| seen.connection != 0)
    {
        return Err("one connection does for reading and changing".into());
    }
    match proxy.connections() {
        made if made <= connections => Ok(()),
        made => Err(format!("{made} connections were made, {connections} would do").into()),
    }
}

fn without_waiting_two_requests() -> Result<(), Failed> {
    // A controller would write to the object in between, and the second command would have to read it again.
    let test_cluster = TestCluster::without_controller();
    test_cluster.create(
        "/apis/vm.cluster.gke.io/v1/vmruntimes",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {},
        }),
    )?;
    for (command, requests) in [
        ("enable vmruntime --wait=false", &[READ, PATCH][..]),
        (
            "update vmruntime --use-emulation --wait=false",
            &[READ, PATCH],
        ),
        ("update vmruntime --use-emulation", &[READ]),
        (
            "update vmruntime --use-emulation=false --wait=false",
            &[READ, PATCH],
        ),
    ] {
        let proxy = Proxy::before(&test_cluster, Script::none());
        let words: Vec<&str> = command.split(' ').collect();
        proxy.bmctl(&words).exits(0)?;
        cost(&proxy, requests, 1)?;
    }
    Ok(())
}

fn with_waiting_four_requests() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    for command in [
        &["enable", "vmruntime"][..],
        &["update", "vmruntime", "--use-emulation"],
    ] {
        let proxy = Proxy::before(&test_cluster, Script::none());
        proxy.bmctl(command).exits(0)?;
        cost(&proxy, &[READ, PATCH, WATCH_CHECKS, WATCH], 2)?;
    }
    // What is ready already is seen in what is read.
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy.bmctl(&["enable", "vmruntime"]).exits(7)?;
    cost(&proxy, &[READ], 1)
}
