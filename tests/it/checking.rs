//! `check` with everything that it can be asked for, and dry runs of what changes settings.

mod proof;

use std::fs;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, DeleteParams};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    faults::{Proxy, Script},
    stage::{Ended, Host, Stage, Story, runtime},
};

pub fn trials() -> Vec<Trial> {
    stories()
        .into_iter()
        .map(|(name, story)| Trial::test(format!("checking::{name}"), story))
        .collect()
}

pub fn stories() -> Vec<(&'static str, Story)> {
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
fn bmctl(stage: &Stage, command: &str) -> Ended {
    stage.bmctl(&command.split(' ').collect::<Vec<_>>())
}

fn document(stage: &Stage, command: &str, code: i32) -> Result<Value, Failed> {
    let ended = bmctl(stage, &format!("{command} -o json")).exits(code)?;
    Ok(serde_json::from_str(&ended.stdout)?)
}

fn checks(stage: &Stage) -> Result<usize, Failed> {
    Ok(stage.read(CHECKS)?["items"].as_array().map_or(0, Vec::len))
}

fn equal<T: PartialEq + std::fmt::Debug>(found: &T, expected: &T) -> Result<(), Failed> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, found {found:?}").into())
    }
}

fn the_latest_is_judged_and_nothing_written() -> Result<(), Failed> {
    let stage = Stage::new();
    bmctl(&stage, "check vmruntimepfc --latest")
        .exits(8)?
        .says("there is no preflight check")?;
    bmctl(&stage, "check vmruntimepfc").exits(0)?;
    let proxy = Proxy::before(&stage, Script::none());
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
    bmctl(&stage, "check vmruntimepfc --attach").exits(0)?;
    equal(&checks(&stage)?, &2)?;
    bmctl(&stage, "check vmruntimepfc --latest --attach").exits(2)?;
    bmctl(&stage, "check vmruntimepfc --ignore KVM=").exits(2)?;
    bmctl(&stage, "check vmruntimepfc --dry-run")
        .exits(0)?
        .prints("would be created")?;
    bmctl(&stage, "check vmruntimepfc --dry-run=server").exits(0)?;
    equal(&checks(&stage)?, &2)
}

fn failures_can_be_ignored_and_still_are_told() -> Result<(), Failed> {
    let stage = Stage::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    bmctl(&stage, "check vmruntimepfc").exits(3)?;
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
        bmctl(&stage, &format!("check vmruntimepfc --latest{flags}")).exits(code)?;
        let document = document(&stage, &format!("check vmruntimepfc --latest{flags}"), code)?;
        equal(&document["exitCode"], &json!(code))?;
        // What was found is never hidden.
        equal(&document["preflightCheck"]["result"], &json!("failed"))?;
    }
    bmctl(
        &stage,
        "check vmruntimepfc --latest --ignore KVM --ignore CPU",
    )
    .exits(0)?
    .says("the cluster still blocks VM creation")?;
    bmctl(
        &stage,
        "check vmruntimepfc --latest --ignore TUN --fail-on never",
    )
    .exits(0)?
    .says("--ignore fits nothing that failed")?
    .says("with --fail-on never it does not count")?;
    bmctl(&stage, "skip node worker-1").exits(0)?;
    let document = document(&stage, "check vmruntimepfc", 0)?;
    equal(&document["skippedNodes"], &json!(["worker-1"]))
}

fn it_says_since_when_it_fails() -> Result<(), Failed> {
    let stage = Stage::new();
    let good = document(&stage, "check vmruntimepfc", 0)?;
    equal(&good["failingSince"], &Value::Null)?;
    // Somebody takes KVM away.
    fs::remove_dir_all(stage.folder().join("worker-0/sys/devices/virtual/misc/kvm"))?;
    let first = document(&stage, "check vmruntimepfc", 3)?;
    let second = document(&stage, "check vmruntimepfc", 3)?;
    let since = &second["failingSince"];
    equal(&since["firstFailed"]["name"], &first["created"])?;
    equal(&since["lastPassed"]["name"], &good["created"])?;
    equal(
        &since["regressions"],
        &json!([{"check": "KVM", "node": "worker-0"}]),
    )?;
    bmctl(&stage, "check vmruntimepfc --latest")
        .exits(3)?
        .prints_anyway("Passed then, fails now: KVM on worker-0")?;
    Ok(())
}

fn a_name_is_given_once() -> Result<(), Failed> {
    let stage = Stage::new();
    bmctl(&stage, "check vmruntimepfc --name nightly")
        .exits(0)?
        .prints("nightly")?;
    bmctl(&stage, "check vmruntimepfc --name nightly")
        .exits(11)?
        .says("already exists")?;
    bmctl(&stage, "check vmruntimepfc --name Not_A_Name").exits(2)?;
    Ok(())
}

fn old_checks_go_and_the_one_that_counts_stays() -> Result<(), Failed> {
    let stage = Stage::enabled()?;
    let counts =
        stage.read(RUNTIME)?["status"]["preflightCheckSummary"]["preflightCheckName"].clone();
    for _ in 0..2 {
        bmctl(&stage, "check vmruntimepfc").exits(0)?;
    }
    let before = checks(&stage)?;
    let document = document(&stage, "check vmruntimepfc --keep 1", 0)?;
    let removed = document["removed"].as_array().cloned().unwrap_or_default();
    equal(&removed.is_empty(), &false)?;
    equal(&checks(&stage)?, &(before + 1 - removed.len()))?;
    equal(&removed.contains(&counts), &false)?;
    equal(&removed.contains(&document["created"]), &false)
}

fn a_dry_run_shows_the_difference_and_changes_nothing() -> Result<(), Failed> {
    let stage = Stage::new();
    let before = stage.read(RUNTIME)?;
    for how in ["client", "server"] {
        let proxy = Proxy::before(&stage, Script::none());
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
        &stage,
        "update vmruntime --vm-image-format qcow2 --dry-run",
        0,
    )?;
    equal(&document["dryRun"], &json!(true))?;
    equal(
        &document["changed"],
        &json!([{"field": "spec.vmImageFormat", "old": "raw", "new": "qcow2"}]),
    )?;
    bmctl(&stage, "update vmruntime --use-emulation=false --dry-run")
        .exits(0)?
        .prints("nothing was changed")?;
    let after = stage.read(RUNTIME)?;
    equal(
        &after["metadata"]["resourceVersion"],
        &before["metadata"]["resourceVersion"],
    )?;
    bmctl(&stage, "enable vmruntime").exits(0)?;
    bmctl(&stage, "enable vmruntime --dry-run").exits(7)?;
    bmctl(&stage, "enable vmruntime --ensure --dry-run")
        .exits(0)?
        .prints("nothing would be changed")?;
    bmctl(&stage, "enable vmruntime --dry-run=perhaps").exits(2)?;
    Ok(())
}

fn a_status_without_a_controller_is_no_success() -> Result<(), Failed> {
    let stage = Stage::without_controller();
    bmctl(&stage, "status vmruntime").exits(8)?;
    stage.create(
        "/apis/vm.cluster.gke.io/v1/vmruntimes",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
        }),
    )?;
    let deployments: Api<Deployment> = Api::namespaced(stage.owner(), "vm-system");
    runtime()
        .block_on(deployments.delete("vmruntime-controller-manager", &DeleteParams::default()))?;
    bmctl(&stage, "status vmruntime")
        .exits(8)?
        .says("has no controller")?;
    // What an earlier controller wrote is no proof that things are so.
    stage.patch(
        &format!("{RUNTIME}/status"),
        &json!({"status": {"ready": true}}),
    )?;
    bmctl(&stage, "status vmruntime")
        .exits(5)?
        .says("the status may be old")?;
    Ok(())
}

fn a_dry_run_on_the_server_meets_its_policies() -> Result<(), Failed> {
    let stage = Stage::new();
    let admission = "/apis/admissionregistration.k8s.io/v1";
    stage.create(
        &format!("{admission}/validatingadmissionpolicies"),
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "frozen"},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["vm.cluster.gke.io"], "apiVersions": ["v1"],
                    "operations": ["UPDATE"], "resources": ["vmruntimes"],
                }]},
                "validations": [{"expression": "object.spec.enabled == false", "message": "changes are frozen"}],
            },
        }),
    )?;
    stage.create(
        &format!("{admission}/validatingadmissionpolicybindings"),
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "frozen"},
            "spec": {"policyName": "frozen", "validationActions": ["Deny"]},
        }),
    )?;
    bmctl(&stage, "enable vmruntime --dry-run=client").exits(0)?;
    for command in ["enable vmruntime --dry-run=server", "enable vmruntime"] {
        bmctl(&stage, command)
            .exits(6)?
            .says("changes are frozen")?;
    }
    Ok(())
}
