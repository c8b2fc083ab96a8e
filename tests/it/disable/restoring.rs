//! What was deleted is put back, by bmctl and by kubectl, identical but for what the API server and controllers write.

use std::fs;

use bmctl::api::name::CREATION_FENCE_UNTIL;
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{
    DISKS, KUBEVIRT, count, disable_into, document, equal,
    herd::{with_everything, written},
};
use crate::test_cluster::{TestCluster, eventually, needs_kubectl};

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("disable::what_was_deleted_can_be_restored", restored),
        needs_kubectl("disable::kubectl_restores_as_well", by_kubectl),
        Trial::test("disable::what_is_still_being_deleted_is_not_there", leaving),
    ]
}

fn restored() -> Result<(), Failed> {
    let test_cluster = with_everything()?;
    let before = written(&test_cluster)?;
    equal(
        &json!(before.as_array().map(Vec::len)),
        &json!(9),
        "written",
    )?;
    let ended = test_cluster
        .bmctl(&[
            "disable",
            "vmruntime",
            "--force=true",
            "-o",
            "json",
            "--timeout",
            "50s",
        ])
        .exits(0)?;
    let told = document(&ended)?;
    let folder = told["backup"].as_str().unwrap_or_default().to_owned();
    if !folder.starts_with("bmctl-workspace/sandbox/backup/2") {
        return Err(format!("the backup is elsewhere: {ended}").into());
    }
    equal(&json!(count(&test_cluster, DISKS)?), &json!(0), "disks")?;
    // As long as VM Runtime is off, the cluster takes no machines, and none of a kind that it does not serve.
    test_cluster
        .bmctl(&["restore", &folder, "--dry-run"])
        .exits(8)?
        .says("hint: VMs can be created only while VM Runtime is enabled and ready")?;
    let refused = test_cluster.bmctl(&["restore", &folder]);
    if refused.code == Some(0) {
        return Err(format!("VMs were created while VM Runtime is off: {refused}").into());
    }
    test_cluster
        .bmctl(&["enable", "vmruntime", "--ensure"])
        .exits(0)?;
    test_cluster
        .bmctl(&["restore", &folder, "--dry-run"])
        .prints("To be created")?;
    test_cluster.bmctl(&["restore", &folder]).exits(0)?;
    equal(&written(&test_cluster)?, &before, "objects")?;
    let again = test_cluster
        .bmctl(&["restore", &folder, "-o", "json"])
        .exits(0)?;
    let again = document(&again)?;
    equal(&again["created"], &json!([]), "created")?;
    equal(
        &json!(again["existing"].as_array().map(Vec::len)),
        &json!(9),
        "existing",
    )?;
    Ok(())
}

fn by_kubectl() -> Result<(), Failed> {
    let test_cluster = with_everything()?;
    let before = written(&test_cluster)?;
    disable_into(&test_cluster, "saved")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    let applied = test_cluster
        .kubectl(&["apply", "-R", "-f", "saved"])
        .succeeds()?;
    // Neither the index nor the journal, nor what controllers make.
    let mut applied: Vec<&str> = applied.stdout.lines().collect();
    applied.sort_unstable();
    let expected = [
        // It belongs to no VM, and stayed.
        "datavolume.cdi.kubevirt.io/spare configured",
        "virtualmachine.kubevirt.io/plain created",
        "virtualmachine.vm.cluster.gke.io/db created",
        "virtualmachine.vm.cluster.gke.io/web created",
        "virtualmachinedisk.vm.cluster.gke.io/db-boot created",
        "virtualmachinedisk.vm.cluster.gke.io/db-data created",
        "virtualmachineinstance.kubevirt.io/1e3 created",
        "virtualmachineinstancereplicaset.kubevirt.io/set created",
        "virtualmachinepool.pool.kubevirt.io/pool created",
    ];
    equal(&json!(applied), &json!(expected), "applied")?;
    equal(&written(&test_cluster)?, &before, "objects")
}

/// A disable that has timed out leaves VMs behind that go as soon as somebody lets them.
fn leaving() -> Result<(), Failed> {
    const SECRETS: &str = "/api/v1/namespaces/default/secrets";
    let test_cluster = TestCluster::enabled()?;
    let secret = format!("{SECRETS}/cloud");
    let machine = format!("{KUBEVIRT}/slow");
    let held = json!({"name": "cloud", "finalizers": ["example.com/hold"]});
    test_cluster.create(
        SECRETS,
        &json!({"apiVersion": "v1", "kind": "Secret", "metadata": held}),
    )?;
    let mut vm = json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine",
        "metadata": {"name": "slow", "finalizers": ["example.com/hold"]},
        "spec": {"runStrategy": "Halted", "template": {"spec": {
            "domain": {}, "volumes": [{"name": "cloud", "cloudInitNoCloud": {"secretRef": {"name": "cloud"}}}],
        }}},
    });
    test_cluster.create(KUBEVIRT, &vm)?;
    let disable = "disable vmruntime --force=true --backup saved --timeout 15s";
    let disable: Vec<&str> = disable.split(' ').collect();
    test_cluster.bmctl(&disable).exits(124)?;
    // On a busy machine the fence may stand until it ends by itself.
    let open = json!({"metadata": {"annotations": {CREATION_FENCE_UNTIL: null}}});
    test_cluster.patch("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime", &open)?;
    vm["metadata"]["name"] = "another".into();
    eventually("the end of the fence", || {
        let created = test_cluster.create(&format!("{KUBEVIRT}?dryRun=All"), &vm);
        created.map_err(|refused| format!("{refused:?}"))
    })?;
    for how in [&[] as &[&str], &["--dry-run"], &["--dry-run=server"]] {
        let arguments = [&["restore", "saved"], how].concat();
        let ended = test_cluster
            .bmctl(&arguments)
            .exits(5)?
            .says("virtualmachines.kubevirt.io default/slow: it is still being deleted")?
            .says("hint: restore again when what is being deleted is gone")?;
        if ended.stdout.contains("Exists already") {
            return Err(format!("a VM that goes is called there: {ended}").into());
        }
    }
    let released = json!({"metadata": {"finalizers": null}});
    test_cluster.patch(&machine, &released)?;
    eventually("the end of the VM", || match test_cluster.read(&machine) {
        Ok(found) => Err(found.to_string()),
        Err(_) => Ok(()),
    })?;
    let is_finished = || -> Result<bool, Failed> {
        let journal = fs::read_to_string(test_cluster.folder().join("saved/JOURNAL"))?;
        let last = journal.lines().last().unwrap_or_default();
        Ok(last.contains("finished"))
    };
    equal(&json!(is_finished()?), &json!(false), "finished")?;
    test_cluster.bmctl(&["restore", "saved"]).exits(0)?;
    // A disable that would go on with it would delete what has come back.
    equal(&json!(is_finished()?), &json!(true), "finished")?;
    // What a VM refers to is not there either while it goes.
    test_cluster.delete(&secret)?;
    test_cluster
        .bmctl(&["restore", "saved"])
        .exits(5)?
        .says("needs secrets default/cloud")?;
    test_cluster.patch(&secret, &released)?;
    Ok(())
}
