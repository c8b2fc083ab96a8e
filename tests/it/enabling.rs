//! What `enable` and `update` cost: how many requests, on how many connections, and that nothing is discovered first. And
//! that an answer is looked at: what the cluster did not keep is no success.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    faults::{Proxy, Script},
    test_cluster::{TestCluster, eventually},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "enabling": without_waiting_two_requests, with_waiting_four_requests,
        what_the_cluster_does_not_keep_is_no_success
    ]
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
        ("update vmruntime --use-emulation --wait=false", &[READ]),
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

/// The definition lacks the field, as one of an older release may: the API server drops it without a word.
fn what_the_cluster_does_not_keep_is_no_success() -> Result<(), Failed> {
    const DEFINITION: &str =
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vmruntimes.vm.cluster.gke.io";
    const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";
    const LOST: &str = "error: the cluster did not keep spec.useEmulation";
    let test_cluster = TestCluster::without_controller();
    let runtime = json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
        "metadata": {"name": "vmruntime"}, "spec": {},
    });
    test_cluster.create(RUNTIMES, &runtime)?;
    let mut versions = test_cluster.read(DEFINITION)?["spec"]["versions"].clone();
    let spec = &mut versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    for (of, name) in [
        ("", "x-kubernetes-preserve-unknown-fields"),
        ("/properties", "useEmulation"),
    ] {
        let fields = spec.pointer_mut(of).and_then(Value::as_object_mut);
        fields.ok_or("the schema has another shape")?.remove(name);
    }
    test_cluster.patch(DEFINITION, &json!({"spec": {"versions": versions}}))?;
    eventually("a definition without the field", || {
        let rehearsed = ["update", "vmruntime", "--use-emulation", "--dry-run=server"];
        let ended = test_cluster.bmctl(&rehearsed).exits(6);
        let said = ended.and_then(|ended| ended.says(LOST));
        said.map(drop).map_err(|failed| format!("{failed:?}"))
    })?;
    // The first one has the field, by its default.
    test_cluster.delete(&format!("{RUNTIMES}/vmruntime"))?;
    test_cluster.create(RUNTIMES, &runtime)?;
    for (command, changed, undo) in [
        (
            "update vmruntime --use-emulation --wait=false",
            json!([]),
            false,
        ),
        ("update vmruntime --use-emulation", json!([]), false),
        (
            "enable vmruntime --use-emulation --wait=false",
            json!([{"field": "spec.enabled", "old": "false", "new": "true"}]),
            true,
        ),
    ] {
        let words: Vec<&str> = command.split(' ').chain(["-o", "json"]).collect();
        let ended = test_cluster.bmctl(&words).exits(6)?;
        let document: Value = serde_json::from_str(&ended.stdout)?;
        let found = (
            &document["error"]["reason"],
            &document["changed"],
            document["undo"].is_string(),
        );
        if found != (&json!("NotKept"), &changed, undo) {
            return Err(format!("{command}: {document:#}").into());
        }
    }
    Ok(())
}
