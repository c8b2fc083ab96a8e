//! What is published of each release, looked at from outside.

use std::time::Duration;

use bmctl::simulator::gdc::{RELEASES, Release};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::test_cluster::{
    Host, MACHINES, Test, TestCluster, eventually, machine, needs_kubectl, with_gdc,
};

const RUNTIME: &str = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const ANNOTATION: &str = "baremetal.cluster.gke.io/vmrumtime-force-disable";

pub fn trials() -> Vec<Trial> {
    let fields = |release: &'static Release| {
        Trial::test(
            format!("gdc::{}::it_has_its_fields", release.name),
            move || with_gdc(release, || fields(release)),
        )
    };
    let mut trials: Vec<Trial> = RELEASES.iter().map(fields).collect();
    let newest: [(&str, Test); 9] = [
        ("a_check_that_runs_has_not_passed", running),
        ("a_failed_check_has_googles_form", failed),
        ("a_check_without_a_spec_hides_no_other", bare),
        ("the_annotation_lets_the_controller_delete_machines", forced),
        ("machines_are_protected_without_the_annotation", protected),
        ("no_machine_before_a_check_has_passed", gated),
        ("a_node_that_is_taken_in_again_is_checked", taken_in),
        ("a_controller_that_is_gone_does_nothing", gone),
        ("what_disks_hold_outlives_cdi", outlives),
    ];
    trials.extend(newest.map(|(name, test)| {
        Trial::test(format!("gdc::{name}"), move || {
            with_gdc(Release::newest(), test)
        })
    }));
    trials.push(Trial::test(
        "gdc::an_admin_cluster_has_no_vm_runtime",
        admin,
    ));
    trials.push(Trial::test("gdc::a_state_keeps_its_controller", kept));
    trials.push(needs_kubectl("gdc::users_scripts_work", || {
        with_gdc(Release::newest(), script)
    }));
    trials
}

fn equal(found: &Value, expected: &Value, what: &str) -> Result<(), Failed> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:#}, found {found:#}").into())
}

fn keys(value: &Value) -> Value {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(key, _)| key.as_str()).collect()
}

fn fields(release: &Release) -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let shipped = test_cluster.read(RUNTIME)?;
    equal(&shipped["spec"], &json!({"enabled": false}), "spec")?;
    let annotations = &shipped["metadata"]["annotations"];
    equal(annotations, &json!({ANNOTATION: "false"}), "annotations")?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    let status = test_cluster.read(RUNTIME)?["status"].clone();
    let (summary, features, columns) = match release.name {
        "1.13" => (Value::Null, json!([]), json!(["Age", "Enabled", "Ready"])),
        "1.16" => (
            json!(["ready", "preflightCheckSummary"]),
            json!(["CPU", "KVM"]),
            json!(["Age", "Enabled", "Ready", "PreflightCheck"]),
        ),
        _ => (
            json!([
                "ready",
                "preflightCheckSummary",
                "storage",
                "anthosBareMetalVersion",
                "observedGeneration"
            ]),
            json!(["CPU", "KVM", "VSOCK"]),
            json!(["Age", "Enabled", "Ready", "PreflightCheck"]),
        ),
    };
    let sorted = |value: &Value| {
        let mut names: Vec<&str> = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        names.sort_unstable();
        json!(names)
    };
    let expected = if summary.is_null() {
        json!(["ready"])
    } else {
        summary
    };
    equal(&sorted(&keys(&status)), &sorted(&expected), "fields")?;
    let found = keys(&status["preflightCheckSummary"]["featureStatuses"]);
    equal(&sorted(&found), &features, "features")?;
    let definition = test_cluster.read(&format!("{DEFINITIONS}/vmruntimes.vm.cluster.gke.io"))?;
    let shown = definition["spec"]["versions"][0]["additionalPrinterColumns"].as_array();
    let names: Value = shown
        .into_iter()
        .flatten()
        .map(|column| column["name"].clone())
        .collect();
    equal(&names, &columns, "columns")
}

fn running() -> Result<(), Failed> {
    let test_cluster = TestCluster::at_pace(Duration::from_millis(500));
    test_cluster.patch(RUNTIME, &json!({"spec": {"enabled": true}}))?;
    let summary = eventually("a check", || {
        let runtime = test_cluster
            .read(RUNTIME)
            .map_err(|error| format!("{error:?}"))?;
        let summary = runtime["status"]["preflightCheckSummary"].clone();
        if summary.is_null() {
            Err("none".to_owned())
        } else {
            Ok(summary)
        }
    })?;
    equal(
        &keys(&summary),
        &json!(["preflightCheckName"]),
        "while it runs",
    )?;
    let name = summary["preflightCheckName"].as_str().unwrap_or_default();
    let check = test_cluster.read(&format!("{CHECKS}/{name}"))?;
    equal(&check["status"]["pass"], &Value::Null, "pass")
}

fn failed() -> Result<(), Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    test_cluster
        .bmctl(&["check", "vmruntimepfc", "--name", "manual"])
        .exits(3)?;
    let status = test_cluster.read(&format!("{CHECKS}/manual"))?["status"].clone();
    let cpu = json!({"checkName": "CPU", "passed": false, "message": "command terminated with exit code 1\n"});
    let kvm = json!({
        "checkName": "KVM", "passed": false,
        "message": "command terminated with exit code 1\nls: /mnt/dev/kvm: No such file or directory\n",
    });
    let passed = |name: &str| json!({"checkName": name, "passed": true});
    equal(&status["pass"], &json!(false), "pass")?;
    equal(
        &status["checks"],
        &json!({
            "worker-0": {"passed": true, "results": [passed("CPU"), passed("KVM"), passed("VSOCK")]},
            "worker-1": {"passed": false, "results": [cpu, kvm, passed("VSOCK")]},
        }),
        "checks",
    )?;
    equal(
        &status["failures"],
        &json!({"worker-1": {"results": [cpu, kvm]}}),
        "failures",
    )
}

/// From a manifest that is no more than a name: the definition neither requires a spec nor has a default for it.
fn bare() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.create(
        CHECKS,
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": "applied", "namespace": "vm-system"},
        }),
    )?;
    let check = test_cluster.read(&format!("{CHECKS}/applied"))?;
    equal(&check["spec"], &Value::Null, "spec")?;
    for command in [
        "wait vmruntime --for preflight",
        "get vmruntimepfc",
        "get vmruntimepfc applied",
        "check vmruntimepfc --latest",
        "status vmruntime",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        test_cluster.bmctl(&words).exits(0)?;
    }
    Ok(())
}

/// Waits until VM Runtime is off and only the controller's pods are left.
fn is_off(test_cluster: &TestCluster) -> Result<(), Failed> {
    eventually("only the controller's pods", || {
        let read = |path: &str| {
            test_cluster
                .read(path)
                .map_err(|error| format!("{error:?}"))
        };
        let pods = read("/api/v1/namespaces/vm-system/pods")?;
        let names: Vec<&str> = pods["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .collect();
        let runtime = read(RUNTIME)?;
        let own = names
            .iter()
            .all(|name| name.starts_with("vmruntime-controller-manager-"));
        if own && runtime["status"]["ready"] == false {
            Ok(())
        } else {
            Err(format!("{names:?} {runtime:#}"))
        }
    })
}

fn forced() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    // As `kubectl edit` writes it: both at once.
    test_cluster.patch(
        RUNTIME,
        &json!({"metadata": {"annotations": {ANNOTATION: "true"}}, "spec": {"enabled": false}}),
    )?;
    is_off(&test_cluster)?;
    equal(
        &test_cluster.read(MACHINES)?["items"],
        &json!([]),
        "machines",
    )?;
    let runtime = test_cluster.read(RUNTIME)?;
    equal(
        &runtime["metadata"]["annotations"][ANNOTATION],
        &json!("true"),
        "the annotation stays",
    )
}

fn protected() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster.run_machine("db")?;
    for value in ["false", "TRUE", "yes"] {
        test_cluster.patch(
            RUNTIME,
            &json!({"metadata": {"annotations": {ANNOTATION: value}}, "spec": {"enabled": false}}),
        )?;
        eventually("a controller that has looked", || {
            let runtime = test_cluster
                .read(RUNTIME)
                .map_err(|error| format!("{error:?}"))?;
            let (seen, is) = (
                &runtime["status"]["observedGeneration"],
                &runtime["metadata"]["generation"],
            );
            if seen == is {
                Ok(())
            } else {
                Err(format!("{seen} of {is}"))
            }
        })?;
        equal(
            &test_cluster.read(RUNTIME)?["status"]["ready"],
            &json!(true),
            "ready",
        )?;
        equal(
            &test_cluster.read(&format!("{MACHINES}/db"))?["status"]["state"],
            &json!("Running"),
            "state",
        )?;
    }
    // Once they are gone it is done.
    test_cluster.delete(&format!("{MACHINES}/db"))?;
    is_off(&test_cluster)
}

fn gated() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(3)?;
    let refused = test_cluster.create(MACHINES, &machine("db"));
    match refused {
        Err(why) if format!("{why:?}").contains("preflight check has not passed") => {}
        other => return Err(format!("a refusal was expected, found {other:?}").into()),
    }
    test_cluster
        .bmctl(&["update", "vmruntime", "--use-emulation"])
        .exits(0)?;
    test_cluster.run_machine("db")
}

fn taken_in() -> Result<(), Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    test_cluster.bmctl(&["skip", "node", "worker-1"]).exits(0)?;
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster
        .bmctl(&["unskip", "node", "worker-1"])
        .exits(0)?;
    eventually("a check that fails", || {
        let runtime = test_cluster
            .read(RUNTIME)
            .map_err(|error| format!("{error:?}"))?;
        let passed = &runtime["status"]["preflightCheckSummary"]["preflightCheckPassed"];
        if passed == false {
            Ok(())
        } else {
            Err(passed.to_string())
        }
    })
}

fn gone() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let deployment = "/apis/apps/v1/namespaces/vm-system/deployments/vmruntime-controller-manager";
    test_cluster.patch(deployment, &json!({"spec": {"replicas": 0}}))?;
    eventually("no pod of the controller", || {
        let found = test_cluster
            .read(deployment)
            .map_err(|error| format!("{error:?}"))?;
        let available = found["status"]["availableReplicas"]
            .as_i64()
            .unwrap_or_default();
        if available == 0 {
            Ok(())
        } else {
            Err(format!("{available}"))
        }
    })?;
    test_cluster
        .bmctl(&["enable", "vmruntime", "--timeout", "1s"])
        .exits(124)?;
    test_cluster.patch(deployment, &json!({"spec": {"replicas": 1}}))?;
    test_cluster
        .bmctl(&["wait", "vmruntime", "--for", "ready"])
        .exits(0)?;
    Ok(())
}

fn admin() -> Result<(), Failed> {
    let test_cluster = TestCluster::gdc_admin();
    for command in ["status vmruntime", "enable vmruntime", "check vmruntimepfc"] {
        test_cluster
            .bmctl(&command.split(' ').collect::<Vec<_>>())
            .exits(8)?;
    }
    Ok(())
}

fn kept() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let start = |controller: &[&str]| {
        let run = [
            "sandbox", "run", "--pace", "instant", "--node", "worker-0", "--state", "kept",
        ];
        let command = ["--", "status", "vmruntime"];
        test_cluster.bmctl(&[&run[..], controller, &command[..]].concat())
    };
    start(&["--controller", "gdc=1.16"]).exits(0)?;
    start(&["--controller", "gdc=1.16"]).exits(0)?;
    for other in [&["--controller", "gdc"][..], &[]] {
        start(other)
            .exits(2)?
            .says("its cluster was started with --controller gdc=1.16")?;
    }
    Ok(())
}

/// What people run today where they have no `bmctl enable` that may be run again.
fn script() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let patch = r#"{"spec":{"enabled":true}}"#;
    test_cluster
        .kubectl(&[
            "patch",
            "vmruntime",
            "vmruntime",
            "--type",
            "merge",
            "-p",
            patch,
        ])
        .succeeds()?;
    let ready = [
        "wait",
        "--for=jsonpath={.status.ready}=true",
        "vmruntime",
        "vmruntime",
        "--timeout=50s",
    ];
    test_cluster.kubectl(&ready).succeeds()?;
    test_cluster
        .kubectl(&["get", "vmruntime"])
        .prints("NAME        AGE   ENABLED   READY   PREFLIGHTCHECK")?;
    test_cluster
        .kubectl(&["get", "vmruntimepfc", "-n", "vm-system"])
        .prints("PASS")?;
    Ok(())
}

/// Its controller removes CDI, and with it every DataVolume.
fn outlives() -> Result<(), Failed> {
    const VOLUMES: &str = "/apis/cdi.kubevirt.io/v1beta1/namespaces/default/datavolumes";
    const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
    let test_cluster = TestCluster::enabled()?;
    let claim = |name: &str| test_cluster.read(&format!("{CLAIMS}/{name}"));
    let mut before = Vec::new();
    for name in ["lone", "released"] {
        test_cluster.create(
            VOLUMES,
            &json!({
                "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"source": {"blank": {}}, "storage": {"resources": {"requests": {"storage": "1Gi"}}}},
            }),
        )?;
        let made = eventually("the claim", || {
            claim(name).map_err(|error| format!("{error:?}"))
        })?;
        before.push((name, made["metadata"]["uid"].clone()));
    }
    // As an earlier run leaves it that was interrupted.
    let bare = json!({"metadata": {"ownerReferences": null}});
    test_cluster.patch(&format!("{CLAIMS}/released"), &bare)?;

    let mut ended = test_cluster.bmctl(&["disable", "vmruntime"]).exits(0)?;
    for text in [
        "2 DataVolumes are to stay; whether the controller of this cluster leaves CDI",
        "what they hold is left: ",
        "persistentvolumeclaims default/lone",
        "persistentvolumeclaims default/released",
    ] {
        ended = ended.says(text)?;
    }
    if test_cluster.read(VOLUMES).is_ok() {
        return Err("CDI is still there".into());
    }
    // The collector had its time: the definition went after the DataVolumes, and VM Runtime was off after all of them.
    for (name, uid) in before {
        let after = claim(name)?["metadata"].clone();
        equal(&after["uid"], &uid, name)?;
        equal(&after["deletionTimestamp"], &Value::Null, name)?;
    }
    let saved = test_cluster.folder().join("bmctl-workspace/sandbox/backup");
    let found = std::fs::read_dir(saved)?.count();
    equal(&json!(found), &json!(1), "backups")
}
