//! Removals that do not come to their end, as a person and a program see them: on the way, at the time-out and in `status`
//! it is said what is still there, what holds it, and what can be done.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{KUBEVIRT, RUNTIME, document, equal};
use crate::test_cluster::{Ended, Host, TestCluster, eventually};

pub fn trials() -> Vec<Trial> {
    tests![
        "disable":
        the_lost_node_of_a_vm_is_named,
        pods_of_a_lost_node_are_explained,
        an_operator_that_is_away_is_named,
        a_controller_that_is_away_is_named,
    ]
}

const INSTANCE: &str = "/apis/kubevirt.io/v1/namespaces/default/virtualmachineinstances/one";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/vm-system/deployments";
const LOST: &str = "it runs on node worker-1, which is not ready since ";

/// Two nodes, VM Runtime enabled; on the second one runs only what has to run on every node.
fn two_nodes() -> Result<TestCluster, Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithKvm)]);
    let node = "/api/v1/nodes/worker-1";
    test_cluster.patch(node, &json!({"spec": {"unschedulable": true}}))?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster.patch(node, &json!({"spec": {"unschedulable": false}}))?;
    Ok(test_cluster)
}

/// As Kubernetes has it when a kubelet is silent.
fn lose(test_cluster: &TestCluster, node: &str) -> Result<(), Failed> {
    let ready = json!({
        "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastTransitionTime": jiff::Timestamp::now().to_string(),
    });
    let status = json!({"status": {"conditions": [ready]}});
    test_cluster.patch(&format!("/api/v1/nodes/{node}/status"), &status)?;
    Ok(())
}

fn time_out(test_cluster: &TestCluster, flags: &[&str]) -> Result<Ended, Failed> {
    let arguments = [&["disable", "vmruntime", "-o", "json"], flags].concat();
    test_cluster.bmctl(&arguments).exits(124)
}

/// Some line of that list of the error has all these words.
fn lists(ended: &Ended, list: &str, words: &[&str]) -> Result<(), Failed> {
    let found = document(ended)?["error"][list].clone();
    let mut lines = found
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    if lines.any(|line| words.iter().all(|word| line.contains(word))) {
        return Ok(());
    }
    Err(format!("no line of {list} has {words:?}: {found:#}").into())
}

fn the_lost_node_of_a_vm_is_named() -> Result<(), Failed> {
    let test_cluster = two_nodes()?;
    test_cluster.create(
        KUBEVIRT,
        &json!({
            "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "one"},
            "spec": {"runStrategy": "Always", "template": {"spec": {
                "nodeSelector": {"kubernetes.io/hostname": "worker-1"}, "domain": {"devices": {}},
            }}},
        }),
    )?;
    eventually("an instance on its node", || {
        match test_cluster.read(INSTANCE) {
            Ok(found) if found["status"]["nodeName"] == "worker-1" => Ok(()),
            found => Err(format!("{found:?}")),
        }
    })?;
    lose(&test_cluster, "worker-1")?;
    let ended = time_out(
        &test_cluster,
        &["--force=true", "--no-backup", "--timeout", "20s"],
    )?;
    for what in [
        "still there: virtualmachines.kubevirt.io default/one, being deleted since ",
        "still there: virtualmachineinstances.kubevirt.io default/one, being deleted since ",
    ] {
        lists(
            &ended,
            "causes",
            &[what, LOST, "Kubelet stopped posting node status."],
        )?;
        // Long before it is called stuck.
        let mut told = ended.stderr.lines();
        if !told.any(|line| line.contains(what) && line.contains(LOST)) {
            return Err(format!("not told on the way: {ended}").into());
        }
    }
    lists(&ended, "hints", &[" get node worker-1"])?;
    lists(
        &ended,
        "hints",
        &[
            "only if it is known that the node is off",
            "delete pod virt-launcher-one-",
            "--force",
        ],
    )?;
    // Nothing of it was forced.
    let finalizers = &test_cluster.read(INSTANCE)?["metadata"]["finalizers"];
    equal(&json!(finalizers.is_array()), &json!(true), "finalizers")
}

fn pods_of_a_lost_node_are_explained() -> Result<(), Failed> {
    let test_cluster = two_nodes()?;
    lose(&test_cluster, "worker-1")?;
    let ended = time_out(&test_cluster, &["--timeout", "20s"])?;
    lists(
        &ended,
        "causes",
        &["in the way: pods vm-system/virt-handler-", LOST],
    )?;
    lists(&ended, "hints", &[" get node worker-1"])?;
    Ok(())
}

fn an_operator_that_is_away_is_named() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let operator = format!("{DEPLOYMENTS}/virt-operator");
    test_cluster.patch(&operator, &json!({"spec": {"replicas": 0}}))?;
    eventually("no operator", || {
        let found = test_cluster
            .read(&operator)
            .map_err(|error| format!("{error:?}"))?;
        match found["status"]["availableReplicas"].as_i64() {
            None | Some(0) => Ok(()),
            Some(_) => Err(found.to_string()),
        }
    })?;
    let ended = time_out(&test_cluster, &["--timeout", "20s"])?;
    let kubevirt = "kubevirts.kubevirt.io vm-system/kubevirt, being deleted since ";
    let holder = "virt-operator in vm-system has to remove the finalizer, and is scaled to 0";
    let words = [kubevirt, "kubevirt.io/foregroundDeleteKubeVirt", holder];
    lists(&ended, "causes", &words)?;
    lists(
        &ended,
        "hints",
        &[" scale deployment virt-operator --namespace=vm-system"],
    )?;
    if !ended
        .stderr
        .lines()
        .any(|line| line.contains("Uninstalling: ") && line.contains(holder))
    {
        return Err(format!("not told on the way: {ended}").into());
    }

    let status = test_cluster
        .bmctl(&["status", "vmruntime", "-o", "json"])
        .exits(0)?;
    let status = document(&status)?;
    let stuck = &status["stuck"][0];
    equal(
        &stuck["resource"],
        &json!("kubevirts.kubevirt.io"),
        "resource",
    )?;
    equal(&stuck["namespace"], &json!("vm-system"), "namespace")?;
    equal(&stuck["name"], &json!("kubevirt"), "name")?;
    equal(&stuck["holder"], &json!(holder), "holder")?;
    let text = test_cluster.bmctl(&["status", "vmruntime"]).exits(0)?;
    let flat = text.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "Deleted, and still there: ! kubevirts.kubevirt.io vm-system/kubevirt, being deleted since ",
        "scale deployment virt-operator --namespace=vm-system --replicas=1",
    ] {
        if !flat.contains(said) {
            return Err(format!("{said:?} was expected of {text}").into());
        }
    }

    test_cluster.patch(&operator, &json!({"spec": {"replicas": 1}}))?;
    test_cluster
        .bmctl(&["disable", "vmruntime", "--ensure"])
        .exits(0)?;
    let status = test_cluster
        .bmctl(&["status", "vmruntime", "-o", "json"])
        .exits(0)?;
    equal(&document(&status)?["stuck"], &json!([]), "stuck")
}

fn a_controller_that_is_away_is_named() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    if test_cluster.read(RUNTIME).is_err() {
        let runtime = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
            "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
        });
        test_cluster.create("/apis/vm.cluster.gke.io/v1/vmruntimes", &runtime)?;
    }
    test_cluster.patch(
        &format!("{RUNTIME}/status"),
        &json!({"status": {"ready": true, "observedGeneration": 1, "phase": "Ready", "conditions": []}}),
    )?;
    test_cluster.patch(
        &format!("{DEPLOYMENTS}/vmruntime-controller-manager"),
        &json!({"spec": {"replicas": 0}}),
    )?;
    test_cluster.patch(
        &format!("{DEPLOYMENTS}/vmruntime-controller-manager/status"),
        &json!({"status": {"availableReplicas": 0, "readyReplicas": 0, "replicas": 0}}),
    )?;
    let ended = time_out(&test_cluster, &["--timeout", "5s"])?;
    let away = "vmruntime-controller-manager in vm-system does all of this, and is scaled to 0";
    lists(&ended, "causes", &["in the way: ", away])?;
    lists(
        &ended,
        "hints",
        &[" scale deployment vmruntime-controller-manager --namespace=vm-system"],
    )?;
    Ok(())
}
