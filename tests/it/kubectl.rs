//! The real `kubectl` against the sandbox: what people do today without bmctl must work here as on a real cluster.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use bmctl::explain;
use libtest_mimic::{Failed, Trial};

use crate::source::sources;
use crate::test_cluster::{Host, Test, TestCluster, eventually, needs_kubectl};

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 11] = [
        (
            "what_is_suggested_shows_something",
            what_is_suggested_shows_something,
        ),
        ("edit_without_a_name_enables", edit_without_a_name_enables),
        (
            "patch_and_wait_as_people_do_today",
            patch_and_wait_as_people_do_today,
        ),
        (
            "columns_are_the_documented_ones",
            columns_are_the_documented_ones,
        ),
        (
            "describe_shows_spec_status_and_conditions",
            describe_shows_spec_status_and_conditions,
        ),
        (
            "a_node_without_kvm_closes_the_gate_until_it_is_skipped",
            a_node_without_kvm_closes_the_gate_until_it_is_skipped,
        ),
        (
            "an_applied_manifest_runs_a_check",
            an_applied_manifest_runs_a_check,
        ),
        ("machines_come_up_and_go", machines_come_up_and_go),
        (
            "disable_with_machines_is_blocked_and_says_so",
            disable_with_machines_is_blocked_and_says_so,
        ),
        ("explain_and_discovery", explain_and_discovery),
        (
            "what_kubectl_sends_as_protobuf",
            what_kubectl_sends_as_protobuf,
        ),
    ];
    tests
        .map(|(name, test)| needs_kubectl(&format!("kubectl::{name}"), test))
        .into()
}

/// Commands that need what a sandbox does not have, and why.
const NEEDS_MORE: [(&str, &str); 5] = [
    ("kubectl logs", "no container runs"),
    (
        "kubectl config",
        "is about the kubeconfig of whoever reads it",
    ),
    ("kubectl --context CONTEXT", "changes something"),
    ("kubectl get lease", "a single controller elects no leader"),
    (
        "kubectl get events --namespace=kubevirt",
        "its operators have nothing to say there",
    ),
];

/// Every command of kubectl that only reads and that an explanation or a hint names: it works, and shows something.
fn what_is_suggested_shows_something() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    test_cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    test_cluster
        .kubectl_with_input(&["apply", "-f", "-"], MACHINE)
        .succeeds()?;
    test_cluster
        .kubectl(&["label", "node", "worker-0", "rack=a"])
        .succeeds()?;
    test_cluster
        .kubectl(&["create", "quota", "team", "--hard=pods=10"])
        .succeeds()?;
    let mut wrong = Vec::new();
    for command in suggested() {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        match test_cluster.kubectl(&words).succeeds() {
            Ok(shown) if shown.stdout.trim().is_empty() => {
                wrong.push(format!("{command}: nothing"));
            }
            Ok(_) => {}
            Err(failed) => wrong.push(failed.message().unwrap_or_default().to_owned()),
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Those of the catalogue, and the literals that the code hands to `kubectl(…)`.
fn suggested() -> BTreeSet<String> {
    let explained = explain::catalogue()
        .into_iter()
        .flat_map(|entry| entry.commands.clone());
    let hinted = sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .into_iter()
        .filter(|(path, _, _)| !path.contains("tests"))
        .flat_map(|(_, _, code)| {
            let code = code
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            let literals: Vec<String> = code
                .split("kubectl(\"")
                .skip(1)
                .filter_map(|rest| rest.split_once('"'))
                .map(|(words, _)| format!("kubectl {words}"))
                .collect();
            literals
        });
    explained
        .chain(hinted)
        .filter(|command| command.starts_with("kubectl "))
        .filter(|command| {
            !NEEDS_MORE
                .iter()
                .any(|(words, _)| command.starts_with(words))
        })
        .collect()
}

const MACHINE: &str = r#"
apiVersion: vm.cluster.gke.io/v1
kind: VirtualMachineDisk
metadata: {name: web-boot, namespace: default}
spec: {size: 10Gi}
---
apiVersion: vm.cluster.gke.io/v1
kind: VirtualMachine
metadata: {name: web, namespace: default, labels: {keep: "yes"}}
spec:
  osType: Linux
  disks:
  - {virtualMachineDiskName: web-boot, boot: true}
"#;

fn edit_without_a_name_enables() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let editor = script(
        test_cluster.folder(),
        "editor",
        r#"sed -i 's/^\( *\)enabled: false/\1enabled: true/' "$1""#,
    );
    test_cluster
        .kubectl_with(&["edit", "vmruntime"], &[("EDITOR", &editor)])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.ready}=true",
            "vmruntime",
            "vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    Ok(())
}

fn patch_and_wait_as_people_do_today() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    test_cluster
        .kubectl(&[
            "patch",
            "vmruntime",
            "vmruntime",
            "--type",
            "merge",
            "-p",
            r#"{"spec":{"enabled":true}}"#,
        ])
        .prints("vmruntime.vm.cluster.gke.io/vmruntime patched")?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.ready}=true",
            "vmruntime",
            "vmruntime",
            "--timeout=60s",
        ])
        .prints("vmruntime.vm.cluster.gke.io/vmruntime condition met")?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=condition=Ready",
            "vmruntime/vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    // The engine is there while enabled, and its pods run.
    test_cluster
        .kubectl(&[
            "rollout",
            "status",
            "-n",
            "vm-system",
            "deployment/virt-operator",
            "--timeout=60s",
        ])
        .succeeds()?;
    Ok(())
}

fn columns_are_the_documented_ones() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    test_cluster.bmctl(&["check", "vmruntimepfc"]).exits(0)?;
    let header = |text: &str| {
        text.lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let runtime = test_cluster.kubectl(&["get", "vmruntime"]).succeeds()?;
    equal(
        &header(&runtime.stdout),
        "NAME AGE ENABLED READY PREFLIGHTCHECK",
    )?;
    // The controller takes over the result of a check a moment after the check has finished.
    eventually("the row", || {
        let runtime = test_cluster
            .kubectl(&["get", "vmruntime"])
            .succeeds()
            .map_err(|error| format!("{error:?}"))?;
        let row = runtime.stdout.lines().nth(1).unwrap_or_default();
        let row: Vec<&str> = row.split_whitespace().skip(2).collect();
        match row.join(" ").as_str() {
            "false false true" => Ok(()),
            other => Err(other.to_owned()),
        }
    })?;
    let checks = test_cluster
        .kubectl(&["get", "vmruntimepfc", "-n", "vm-system"])
        .succeeds()?;
    equal(&header(&checks.stdout), "NAME PASS AGE")?;
    let pods = test_cluster
        .kubectl(&["get", "pods", "-n", "vm-system"])
        .succeeds()?;
    equal(&header(&pods.stdout), "NAME READY STATUS RESTARTS AGE")?;
    for pod in pods.stdout.lines().skip(1) {
        if !pod.starts_with("vmruntime-controller-manager-") {
            return Err(format!(
                "while disabled only the controller's pods run, but there is\n{}",
                pods.stdout
            )
            .into());
        }
    }
    test_cluster
        .kubectl(&["get", "nodes", "-o", "wide"])
        .prints("worker-0")?;
    test_cluster
        .kubectl(&[
            "get",
            "vmruntime",
            "-o",
            "custom-columns=E:.spec.enabled,F:.spec.vmImageFormat",
        ])
        .prints("raw")?;
    Ok(())
}

fn describe_shows_spec_status_and_conditions() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let text = test_cluster
        .kubectl(&["describe", "vmruntime"])
        .succeeds()?
        .stdout;
    for part in [
        "Name:         vmruntime",
        "vmrumtime-force-disable: false",
        "Enabled:",
        "Vm Image Format:",
        "Conditions:",
    ] {
        if !text.contains(part) {
            return Err(format!("describe lacks {part:?}:\n{text}").into());
        }
    }
    test_cluster
        .kubectl(&["describe", "node", "worker-0"])
        .prints("Ready")?;
    Ok(())
}

fn a_node_without_kvm_closes_the_gate_until_it_is_skipped() -> Result<(), Failed> {
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    test_cluster
        .kubectl(&[
            "patch",
            "vmruntime",
            "vmruntime",
            "--type=merge",
            "-p",
            r#"{"spec":{"enabled":true}}"#,
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.preflightCheckSummary.preflightCheckPassed}=false",
            "vmruntime/vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    let failing = test_cluster.jsonpath(
        "vmruntime/vmruntime",
        "{.status.preflightCheckSummary.preflightCheckName}",
    )?;

    let refused = test_cluster.kubectl_with_input(&["apply", "-f", "-"], MACHINE);
    refused.fails_with("forbidden")?;
    refused.fails_with("preflight")?;

    test_cluster
        .kubectl(&["label", "node", "worker-1", "kubevm.io/VM-SkipSchedule="])
        .prints("node/worker-1 labeled")?;
    test_cluster
        .kubectl_with_input(&["create", "-f", "-"], &manual_check("after-skip"))
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.pass}=true",
            "-n",
            "vm-system",
            "vmruntimepfc/after-skip",
            "--timeout=60s",
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=condition=VMCreationAllowed",
            "vmruntime/vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    test_cluster
        .kubectl_with_input(&["apply", "-f", "-"], MACHINE)
        .succeeds()?;

    // Taking the label away makes the controller look again, without anybody asking for a check.
    test_cluster
        .kubectl(&["label", "node", "worker-1", "kubevm.io/VM-SkipSchedule-"])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.preflightCheckSummary.preflightCheckPassed}=false",
            "vmruntime/vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    let again = test_cluster.jsonpath(
        "vmruntime/vmruntime",
        "{.status.preflightCheckSummary.preflightCheckName}",
    )?;
    if again == failing || again == "after-skip" {
        return Err(format!("no new check ran: the summary still names {again}").into());
    }
    Ok(())
}

fn manual_check(name: &str) -> String {
    format!(
        "apiVersion: vm.cluster.gke.io/v1\nkind: VMRuntimePreflightCheck\nmetadata: {{name: {name}, namespace: vm-system}}\n"
    )
}

fn an_applied_manifest_runs_a_check() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    let manifest = manual_check("vmruntime-preflight-check-manual");
    test_cluster
        .kubectl_with_input(&["apply", "-f", "-"], &manifest)
        .prints(
            "vmruntimepreflightcheck.vm.cluster.gke.io/vmruntime-preflight-check-manual created",
        )?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.pass}=true",
            "-n",
            "vm-system",
            "vmruntimepfc/vmruntime-preflight-check-manual",
            "--timeout=60s",
        ])
        .succeeds()?;
    let passed = test_cluster
        .kubectl(&[
            "get",
            "vmruntimepfc",
            "-n",
            "vm-system",
            "vmruntime-preflight-check-manual",
            "-o",
            r#"jsonpath={.status.checks.worker-0.results[?(@.checkName=="KVM")].passed}"#,
        ])
        .succeeds()?;
    equal(passed.stdout.trim(), "true")?;
    // Applying it again changes nothing and runs nothing.
    test_cluster
        .kubectl_with_input(&["apply", "-f", "-"], &manifest)
        .prints("unchanged")?;
    Ok(())
}

fn machines_come_up_and_go() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster
        .kubectl_with_input(&["apply", "--server-side", "-f", "-"], MACHINE)
        .prints("serverside-applied")?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.state}=Running",
            "gvm/web",
            "--timeout=60s",
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&["get", "virtualmachineinstances.kubevirt.io", "-A"])
        .prints("web")?;
    test_cluster
        .kubectl_with_input(&["diff", "-f", "-"], MACHINE)
        .succeeds()?;
    test_cluster
        .kubectl(&["annotate", "gvm", "web", "note=no"])
        .prints("annotated")?;
    test_cluster
        .kubectl(&["delete", "gvm", "web", "--timeout=60s"])
        .prints("deleted")?;
    test_cluster
        .kubectl(&[
            "get",
            "virtualmachines.kubevirt.io,virtualmachineinstances.kubevirt.io",
            "-A",
        ])
        .says("No resources found")?;
    Ok(())
}

fn disable_with_machines_is_blocked_and_says_so() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    test_cluster
        .kubectl_with_input(&["apply", "-f", "-"], MACHINE)
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.state}=Running",
            "gvm/web",
            "--timeout=60s",
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "patch",
            "vmruntime",
            "vmruntime",
            "--type=merge",
            "-p",
            r#"{"spec":{"enabled":false}}"#,
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=condition=DisableBlocked",
            "vmruntime/vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&["get", "gvm", "web"])
        .prints("Running")?;
    // The annotation permits it: the machines go, then the engine.
    test_cluster
        .kubectl(&[
            "annotate",
            "vmruntime",
            "vmruntime",
            "--overwrite",
            "baremetal.cluster.gke.io/vmrumtime-force-disable=true",
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&["wait", "--for=delete", "gvm/web", "--timeout=60s"])
        .succeeds()?;
    test_cluster
        .kubectl(&[
            "wait",
            "--for=jsonpath={.status.phase}=Disabled",
            "vmruntime/vmruntime",
            "--timeout=60s",
        ])
        .succeeds()?;
    Ok(())
}

fn explain_and_discovery() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    test_cluster
        .kubectl(&["explain", "vmruntime.spec.useEmulation"])
        .prints("software emulation")?;
    test_cluster
        .kubectl(&["explain", "vmruntimepfc", "--recursive"])
        .prints("checkName")?;
    test_cluster
        .kubectl(&["explain", "vmruntime.metadata.finalizers"])
        .prints("finalizers")?;
    test_cluster
        .kubectl(&["api-resources", "--api-group=vm.cluster.gke.io"])
        .prints("vmruntimepfc")?;
    test_cluster
        .kubectl(&["api-versions"])
        .prints("vm.cluster.gke.io/v1")?;
    test_cluster
        .kubectl(&["version", "-o", "json"])
        .prints("serverVersion")?;
    test_cluster.kubectl(&["cluster-info"]).succeeds()?;
    Ok(())
}

fn what_kubectl_sends_as_protobuf() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    test_cluster
        .kubectl(&["create", "namespace", "team"])
        .prints("namespace/team created")?;
    test_cluster
        .kubectl(&["auth", "can-i", "create", "gvm"])
        .prints("yes")?;
    test_cluster
        .kubectl(&["auth", "whoami"])
        .prints("Username")?;
    test_cluster
        .kubectl(&[
            "create",
            "configmap",
            "settings",
            "--from-literal=a=b",
            "-n",
            "team",
        ])
        .succeeds()?;
    test_cluster
        .kubectl(&["delete", "namespace", "team", "--timeout=60s"])
        .prints("deleted")?;
    test_cluster
        .kubectl(&["get", "configmap", "-n", "team"])
        .says("No resources found")?;
    Ok(())
}

fn equal(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("expected {expected:?}, found {found:?}").into())
    }
}

/// An executable shell script that does `body` with the file it is given.
fn script(folder: &Path, name: &str, body: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\nset -e\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}
