//! Taking the controller out again, as an administrator does it.

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::{
    bench::Bench,
    test_cluster::{MACHINES, TestCluster, machine},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "controller":
        uninstall_takes_bindings_first,
        uninstall_refuses_while_in_use,
        this_machine_is_checked_without_a_cluster,
    ]
}

const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";
const RUNTIMES: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes";

/// What a controller would have made; nobody runs who could make it anew.
fn installed() -> Result<TestCluster, Failed> {
    let test_cluster = TestCluster::without_controller();
    test_cluster.create(
        RUNTIMES,
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {},
        }),
    )?;
    let labels = json!({"app.kubernetes.io/managed-by": "vmruntime-controller"});
    test_cluster.create(
        &format!("{ADMISSION}/validatingadmissionpolicies"),
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "gate", "labels": labels},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["kubevirt.io"], "apiVersions": ["*"],
                    "operations": ["CREATE"], "resources": ["virtualmachines"],
                }]},
                "validations": [{"expression": "false"}],
            },
        }),
    )?;
    test_cluster.create(
        &format!("{ADMISSION}/validatingadmissionpolicybindings"),
        &json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "gate", "labels": labels},
            "spec": {"policyName": "gate", "validationActions": ["Deny"]},
        }),
    )?;
    Ok(test_cluster)
}

fn uninstall_takes_bindings_first() -> Result<(), Failed> {
    let test_cluster = installed()?;
    let planned = test_cluster
        .bmctl(&["controller", "uninstall", "--dry-run"])
        .exits(0)?;
    let kinds: Vec<&str> = planned
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("would "))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(kind, _)| kind)
        .collect();
    let expected = [
        "stop Deployment",
        "delete ValidatingAdmissionPolicyBinding",
        "delete ValidatingAdmissionPolicy",
        "delete VMRuntime",
        "delete CustomResourceDefinition",
        "delete CustomResourceDefinition",
        "delete PodDisruptionBudget",
        "delete Deployment",
        "delete RoleBinding",
        "delete RoleBinding",
        "delete ClusterRoleBinding",
        "delete ClusterRoleBinding",
        "delete ClusterRoleBinding",
        "delete Role",
        "delete Role",
        "delete ClusterRole",
        "delete ClusterRole",
        "delete ClusterRole",
        "delete ServiceAccount",
    ];
    if kinds != expected {
        return Err(format!("{kinds:#?}\n{planned}").into());
    }
    // Nothing has happened yet.
    test_cluster.read(&format!("{RUNTIMES}/vmruntime"))?;

    let done = test_cluster.bmctl(&["controller", "uninstall"]).exits(0)?;
    let deleted = done
        .stdout
        .lines()
        .filter(|line| line.starts_with("deleted "));
    if deleted.count() != expected.len() - 1 || !done.stdout.contains("stopped Deployment") {
        return Err(format!("{done}").into());
    }
    let left = test_cluster.read("/apis/apps/v1/deployments")?;
    let left = left["items"].as_array().map_or(0, Vec::len);
    if left != 0 || test_cluster.read(RUNTIMES).is_ok() {
        return Err("something of the controller is left".into());
    }
    test_cluster.bmctl(&["controller", "uninstall"]).exits(8)?;
    Ok(())
}

fn uninstall_refuses_while_in_use() -> Result<(), Failed> {
    let test_cluster = installed()?;
    let runtime = format!("{RUNTIMES}/vmruntime");
    test_cluster.patch(&runtime, &json!({"spec": {"enabled": true}}))?;
    test_cluster
        .bmctl(&["controller", "uninstall"])
        .exits(6)?
        .says("VM Runtime is enabled: nothing was removed")?;
    test_cluster.patch(&runtime, &json!({"spec": {"enabled": false}}))?;
    test_cluster.create(MACHINES, &machine("vm"))?;
    test_cluster
        .bmctl(&["controller", "uninstall"])
        .exits(6)?
        .says("1 VM exists: nothing was removed")?;
    test_cluster.read(&runtime)?;
    Ok(())
}

fn this_machine_is_checked_without_a_cluster() -> Result<(), Failed> {
    let bench = Bench::new();
    let text = bench.bmctl("check host");
    let json = bench.bmctl("check host -o json");
    let document: serde_json::Value = serde_json::from_str(&json.stdout)?;
    let expected = match document["passed"].as_bool() {
        Some(true) => 0,
        Some(false) => 3,
        None => 5,
    };
    let alike = text.code == Some(expected) && json.code == Some(expected);
    if !alike || document["exitCode"] != expected || document["cluster"] != json!(null) {
        return Err(format!("{text:?}\n{json:?}").into());
    }
    for check in ["CPU", "KVM", "HUGEPAGES", "KERNEL"] {
        if !text.stdout.contains(&format!("\n{check} ")) {
            return Err(format!("{check} is missing: {text:?}").into());
        }
    }
    // In software every machine will do whose state can be read.
    let emulated = bench.bmctl("check host --use-emulation");
    if matches!(emulated.code, Some(0 | 5)) {
        Ok(())
    } else {
        Err(format!("{emulated:?}").into())
    }
}
