//! `check` with everything that it can be asked for, and dry runs of what changes settings.

mod proof;

use std::fs;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, DeleteParams};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    faults::{Proxy, Script},
    test_cluster::{Ended, Host, Test, TestCluster, runtime},
};

pub fn trials() -> Vec<Trial> {
    tests()
        .into_iter()
        .map(|(name, test)| Trial::test(format!("checking::{name}"), test))
        .collect()
}

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![
        (
            "a_check_of_other_nodes_proves_nothing_here",
            proof::a_check_of_other_nodes_proves_nothing_here,
        ),
        (
            "a_check_is_judged_alike_by_all",
            proof::a_check_is_judged_alike_by_all,
        ),
        (
            "a_summary_that_contradicts_its_check_is_no_proof",
            proof::a_summary_that_contradicts_its_check_is_no_proof,
        ),
        (
            "a_status_without_a_controller_is_no_success",
            a_status_without_a_controller_is_no_success,
        ),
        (
            "the_latest_is_judged_and_nothing_written",
            the_latest_is_judged_and_nothing_written,
        ),
        (
            "failures_can_be_ignored_and_still_are_told",
            failures_can_be_ignored_and_still_are_told,
        ),
        ("it_says_since_when_it_fails", it_says_since_when_it_fails),
        ("a_name_is_given_once", a_name_is_given_once),
        (
            "old_checks_go_and_the_one_that_counts_stays",
            old_checks_go_and_the_one_that_counts_stays,
        ),
        (
            "a_dry_run_shows_the_difference_and_changes_nothing",
            a_dry_run_shows_the_difference_and_changes_nothing,
        ),
        (
            "a_dry_run_on_the_server_meets_its_policies",
            a_dry_run_on_the_server_meets_its_policies,
        ),
    ]
}

const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";

/// Runs the words of a command, split at spaces.
fn bmctl(test_cluster: &TestCluster, command: &str) -> Ended {
    test_cluster.bmctl(&command.split(' ').collect::<Vec<_>>())
}

fn document(test_cluster: &TestCluster, command: &str, code: i32) -> Result<Value, Failed> {
    let ended = bmctl(test_cluster, &format!("{command} -o json")).exits(code)?;
    Ok(serde_json::from_str(&ended.stdout)?)
}

fn checks(test_cluster: &TestCluster) -> Result<usize, Failed> {
    Ok(test_cluster.read(CHECKS)?["items"]
        .as_array()
        .map_or(0, Vec::len))
}

fn equal<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), Failed> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, found {found:?}").into())
    }
}

fn the_latest_is_judged_and_nothing_written() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    bmctl(&test_cluster, "check vmruntimepfc --latest")
        .exits(8)?
        .says("there is no preflight check")?;
    bmctl(&test_cluster, "check vmruntimepfc").exits(0)?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy
        .bmctl(&["check", "vmruntimepfc", "--latest"])
        .exits(0)?
        .prints("can run VMs")?;
    let writes = proxy
        .paths()
        .into_iter()
        .find(|path| !path.starts_with("GET "));
    equal(&writes, &None)?;
    // One that is running would be followed; there is none, so there will be one.
    bmctl(&test_cluster, "check vmruntimepfc --attach").exits(0)?;
    equal(&checks(&test_cluster)?, &2)?;
    bmctl(&test_cluster, "check vmruntimepfc --latest --attach").exits(2)?;
    bmctl(&test_cluster, "check vmruntimepfc --ignore KVM=").exits(2)?;
    bmctl(&test_cluster, "check vmruntimepfc --dry-run")
        .exits(0)?
        .prints("would be created")?;
    bmctl(&test_cluster, "check vmruntimepfc --dry-run=server").exits(0)?;
    equal(&checks(&test_cluster)?, &2)
}

fn failures_can_be_ignored_and_still_are_told() -> Result<(), Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    bmctl(&test_cluster, "check vmruntimepfc").exits(3)?;
    for (flags, code) in [
        ("", 3),
        (" --fail-on never", 0),
        (" --ignore KVM --ignore CPU", 0),
        (
            " --ignore KVM=worker-1 --ignore CPU=worker-1 --fail-on warn",
            4,
        ),
        (" --ignore KVM=worker-0 --ignore CPU=worker-1", 3),
    ] {
        bmctl(
            &test_cluster,
            &format!("check vmruntimepfc --latest{flags}"),
        )
        .exits(code)?;
        let document = document(
            &test_cluster,
            &format!("check vmruntimepfc --latest{flags}"),
            code,
        )?;
        equal(&document["exitCode"], &json!(code))?;
        // What was found is never hidden.
        equal(&document["preflightCheck"]["result"], &json!("failed"))?;
        let command = format!("check vmruntimepfc --latest{flags} -o junit");
        let junit = bmctl(&test_cluster, &command).exits(code)?.stdout;
        equal(&junit.contains("<failure "), &(code == 3))?;
    }
    bmctl(
        &test_cluster,
        "check vmruntimepfc --latest --ignore KVM --ignore CPU",
    )
    .exits(0)?
    .says("the cluster still blocks VM creation")?;
    bmctl(
        &test_cluster,
        "check vmruntimepfc --latest --ignore TUN --fail-on never",
    )
    .exits(0)?
    .says("--ignore fits nothing that failed")?
    .says("with --fail-on never it does not count")?;
    bmctl(&test_cluster, "skip node worker-1").exits(0)?;
    let document = document(&test_cluster, "check vmruntimepfc", 0)?;
    equal(&document["skippedNodes"], &json!(["worker-1"]))
}

fn it_says_since_when_it_fails() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let good = document(&test_cluster, "check vmruntimepfc", 0)?;
    equal(&good["failingSince"], &Value::Null)?;
    // Somebody takes KVM away.
    fs::remove_dir_all(
        test_cluster
            .folder()
            .join("worker-0/sys/devices/virtual/misc/kvm"),
    )?;
    let first = document(&test_cluster, "check vmruntimepfc", 3)?;
    let second = document(&test_cluster, "check vmruntimepfc", 3)?;
    let since = &second["failingSince"];
    equal(&since["firstFailed"]["name"], &first["created"])?;
    equal(&since["lastPassed"]["name"], &good["created"])?;
    equal(
        &since["regressions"],
        &json!([{"check": "KVM", "node": "worker-0"}]),
    )?;
    bmctl(&test_cluster, "check vmruntimepfc --latest")
        .exits(3)?
        .prints_anyway("Passed then, fails now: KVM on worker-0")?;
    Ok(())
}

fn a_name_is_given_once() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    bmctl(&test_cluster, "check vmruntimepfc --name nightly")
        .exits(0)?
        .prints("nightly")?;
    bmctl(&test_cluster, "check vmruntimepfc --name nightly")
        .exits(11)?
        .says("already exists")?;
    bmctl(&test_cluster, "check vmruntimepfc --name Not_A_Name").exits(2)?;
    Ok(())
}

fn old_checks_go_and_the_one_that_counts_stays() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let counts =
        test_cluster.read(RUNTIME)?["status"]["preflightCheckSummary"]["preflightCheckName"]
            .clone();
    for _ in 0..2 {
        bmctl(&test_cluster, "check vmruntimepfc").exits(0)?;
    }
    let before = checks(&test_cluster)?;
    let document = document(&test_cluster, "check vmruntimepfc --keep 1", 0)?;
    let removed = document["removed"].as_array().cloned().unwrap_or_default();
    equal(&removed.is_empty(), &false)?;
    equal(&checks(&test_cluster)?, &(before + 1 - removed.len()))?;
    equal(&removed.contains(&counts), &false)?;
    equal(&removed.contains(&document["created"]), &false)
}

fn a_dry_run_shows_the_difference_and_changes_nothing() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let before = test_cluster.read(RUNTIME)?;
    for how in ["client", "server"] {
        let proxy = Proxy::before(&test_cluster, Script::none());
        let flag = format!("--dry-run={how}");
        let ended = proxy
            .bmctl(&["enable", "vmruntime", "--use-emulation", &flag])
            .exits(0)?;
        equal(
            &ended.stdout.as_str(),
            &"Would change spec.enabled: false → true\nWould change spec.useEmulation: false → true\nDry run: nothing was changed.\n",
        )?;
        let written: Vec<String> = proxy
            .requests()
            .into_iter()
            .filter(|seen| seen.method != http::Method::GET)
            .map(|seen| seen.target)
            .collect();
        equal(&written.len(), &usize::from(how == "server"))?;
        equal(
            &written.iter().all(|target| target.contains("dryRun=All")),
            &true,
        )?;
    }
    let document = document(
        &test_cluster,
        "update vmruntime --vm-image-format qcow2 --dry-run",
        0,
    )?;
    equal(&document["dryRun"], &json!(true))?;
    equal(
        &document["changed"],
        &json!([{"field": "spec.vmImageFormat", "old": "raw", "new": "qcow2"}]),
    )?;
    bmctl(
        &test_cluster,
        "update vmruntime --use-emulation=false --dry-run",
    )
    .exits(0)?
    .prints("nothing was changed")?;
    let after = test_cluster.read(RUNTIME)?;
    equal(
        &after["metadata"]["resourceVersion"],
        &before["metadata"]["resourceVersion"],
    )?;
    bmctl(&test_cluster, "enable vmruntime").exits(0)?;
    bmctl(&test_cluster, "enable vmruntime --dry-run").exits(7)?;
    bmctl(&test_cluster, "enable vmruntime --ensure --dry-run")
        .exits(0)?
        .prints("nothing would be changed")?;
    bmctl(&test_cluster, "enable vmruntime --dry-run=perhaps").exits(2)?;
    Ok(())
}

fn a_status_without_a_controller_is_no_success() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    bmctl(&test_cluster, "status vmruntime").exits(8)?;
    test_cluster.create(
        "/apis/vm.cluster.gke.io/v1/vmruntimes",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
        }),
    )?;
    let deployments: Api<Deployment> = Api::namespaced(test_cluster.owner(), "vm-system");
    runtime()
        .block_on(deployments.delete("vmruntime-controller-manager", &DeleteParams::default()))?;
    bmctl(&test_cluster, "status vmruntime")
        .exits(8)?
        .says("has no controller")?;
    // What an earlier controller wrote is no proof that things are so.
    test_cluster.patch(
        &format!("{RUNTIME}/status"),
        &json!({"status": {"ready": true}}),
    )?;
    bmctl(&test_cluster, "status vmruntime")
        .exits(5)?
        .says("the status may be old")?;
    Ok(())
}

fn a_dry_run_on_the_server_meets_its_policies() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let rules = json!([{
        "apiGroups": ["vm.cluster.gke.io"], "apiVersions": ["v1"],
        "operations": ["UPDATE"], "resources": ["vmruntimes"],
    }]);
    test_cluster.freeze(&rules, "object.spec.enabled == false")?;
    bmctl(&test_cluster, "enable vmruntime --dry-run=client").exits(0)?;
    for command in ["enable vmruntime --dry-run=server", "enable vmruntime"] {
        bmctl(&test_cluster, command)
            .exits(6)?
            .says("changes are frozen")?;
    }
    Ok(())
}
