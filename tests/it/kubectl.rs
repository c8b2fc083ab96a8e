//! The real `kubectl` against the sandbox: what people do today without bmctl must work here as on a real cluster.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use libtest_mimic::{Failed, Trial};

use crate::bench::{Bench, Host, needs_kubectl};

pub fn trials() -> Vec<Trial> {
    let stories: [(&str, fn() -> Result<(), Failed>); 10] = [
        ("edit_without_a_name_enables", edit_without_a_name_enables),
        ("patch_and_wait_as_people_do_today", patch_and_wait_as_people_do_today),
        ("columns_are_the_documented_ones", columns_are_the_documented_ones),
        ("describe_shows_spec_status_and_conditions", describe_shows_spec_status_and_conditions),
        ("a_node_without_kvm_closes_the_gate_until_it_is_skipped", a_node_without_kvm_closes_the_gate_until_it_is_skipped),
        ("an_applied_manifest_runs_a_check", an_applied_manifest_runs_a_check),
        ("machines_come_up_and_go", machines_come_up_and_go),
        ("disable_with_machines_is_blocked_and_says_so", disable_with_machines_is_blocked_and_says_so),
        ("explain_and_discovery", explain_and_discovery),
        ("what_kubectl_sends_as_protobuf", what_kubectl_sends_as_protobuf),
    ];
    stories.map(|(name, story)| needs_kubectl(&format!("kubectl::{name}"), story)).into()
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
    let bench = Bench::start();
    let editor = script(bench.folder(), "editor", r#"sed -i 's/^\( *\)enabled: false/\1enabled: true/' "$1""#);
    bench.kubectl_with(&["edit", "vmruntime"], &[("EDITOR", &editor)]).succeeds()?;
    bench.kubectl(&["wait", "--for=jsonpath={.status.ready}=true", "vmruntime", "vmruntime", "--timeout=60s"]).succeeds()?;
    Ok(())
}

fn patch_and_wait_as_people_do_today() -> Result<(), Failed> {
    let bench = Bench::start();
    bench.kubectl(&["patch", "vmruntime", "vmruntime", "--type", "merge", "-p", r#"{"spec":{"enabled":true}}"#])
        .prints("vmruntime.vm.cluster.gke.io/vmruntime patched")?;
    bench.kubectl(&["wait", "--for=jsonpath={.status.ready}=true", "vmruntime", "vmruntime", "--timeout=60s"])
        .prints("vmruntime.vm.cluster.gke.io/vmruntime condition met")?;
    bench.kubectl(&["wait", "--for=condition=Ready", "vmruntime/vmruntime", "--timeout=60s"]).succeeds()?;
    // The engine is there while enabled, and its pods run.
    bench.kubectl(&["rollout", "status", "-n", "vm-system", "deployment/virt-operator", "--timeout=60s"]).succeeds()?;
    Ok(())
}

fn columns_are_the_documented_ones() -> Result<(), Failed> {
    let bench = Bench::start();
    bench.bmctl(&["check", "vmruntimepfc"]).exits(0)?;
    let header = |text: &str| text.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let runtime = bench.kubectl(&["get", "vmruntime"]).succeeds()?;
    equal(&header(&runtime.stdout), "NAME AGE ENABLED READY PREFLIGHTCHECK")?;
    let row = runtime.stdout.lines().nth(1).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    equal(&row[2..].join(" "), "false false true")?;
    let checks = bench.kubectl(&["get", "vmruntimepfc", "-n", "vm-system"]).succeeds()?;
    equal(&header(&checks.stdout), "NAME PASS AGE")?;
    let pods = bench.kubectl(&["get", "pods", "-n", "vm-system"]).succeeds()?;
    equal(&header(&pods.stdout), "NAME READY STATUS RESTARTS AGE")?;
    for pod in pods.stdout.lines().skip(1) {
        if !pod.starts_with("vmruntime-controller-manager-") {
            return Err(format!("while disabled only the controller's pods run, but there is\n{}", pods.stdout).into());
        }
    }
    bench.kubectl(&["get", "nodes", "-o", "wide"]).prints("worker-0")?;
    bench.kubectl(&["get", "vmruntime", "-o", "custom-columns=E:.spec.enabled,F:.spec.vmImageFormat"]).prints("raw")?;
    Ok(())
}

fn describe_shows_spec_status_and_conditions() -> Result<(), Failed> {
    let bench = Bench::start();
    let text = bench.kubectl(&["describe", "vmruntime"]).succeeds()?.stdout;
    for part in ["Name:         vmruntime", "vmrumtime-force-disable: false", "Enabled:", "Vm Image Format:", "Conditions:"] {
        if !text.contains(part) {
            return Err(format!("describe lacks {part:?}:\n{text}").into());
        }
    }
    bench.kubectl(&["describe", "node", "worker-0"]).prints("Ready")?;
    Ok(())
}

fn a_node_without_kvm_closes_the_gate_until_it_is_skipped() -> Result<(), Failed> {
    let bench = Bench::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    bench.kubectl(&["patch", "vmruntime", "vmruntime", "--type=merge", "-p", r#"{"spec":{"enabled":true}}"#]).succeeds()?;
    bench.kubectl(&[
        "wait",
        "--for=jsonpath={.status.preflightCheckSummary.preflightCheckPassed}=false",
        "vmruntime/vmruntime",
        "--timeout=60s",
    ])
    .succeeds()?;
    let failing = bench.jsonpath("vmruntime/vmruntime", "{.status.preflightCheckSummary.preflightCheckName}")?;

    let refused = bench.kubectl_with_input(&["apply", "-f", "-"], MACHINE);
    refused.fails_with("forbidden")?;
    refused.fails_with("preflight")?;

    bench.kubectl(&["label", "node", "worker-1", "kubevm.io/VM-SkipSchedule="]).prints("node/worker-1 labeled")?;
    bench.kubectl_with_input(&["create", "-f", "-"], &manual_check("after-skip")).succeeds()?;
    bench.kubectl(&["wait", "--for=jsonpath={.status.pass}=true", "-n", "vm-system", "vmruntimepfc/after-skip", "--timeout=60s"])
        .succeeds()?;
    bench.kubectl(&["wait", "--for=condition=VMCreationAllowed", "vmruntime/vmruntime", "--timeout=60s"]).succeeds()?;
    bench.kubectl_with_input(&["apply", "-f", "-"], MACHINE).succeeds()?;

    // Taking the label away makes the controller look again, without anybody asking for a check.
    bench.kubectl(&["label", "node", "worker-1", "kubevm.io/VM-SkipSchedule-"]).succeeds()?;
    bench.kubectl(&[
        "wait",
        "--for=jsonpath={.status.preflightCheckSummary.preflightCheckPassed}=false",
        "vmruntime/vmruntime",
        "--timeout=60s",
    ])
    .succeeds()?;
    let again = bench.jsonpath("vmruntime/vmruntime", "{.status.preflightCheckSummary.preflightCheckName}")?;
    if again == failing || again == "after-skip" {
        return Err(format!("no new check ran: the summary still names {again}").into());
    }
    Ok(())
}

fn manual_check(name: &str) -> String {
    format!("apiVersion: vm.cluster.gke.io/v1\nkind: VMRuntimePreflightCheck\nmetadata: {{name: {name}, namespace: vm-system}}\n")
}

fn an_applied_manifest_runs_a_check() -> Result<(), Failed> {
    let bench = Bench::start();
    let manifest = manual_check("vmruntime-preflight-check-manual");
    bench.kubectl_with_input(&["apply", "-f", "-"], &manifest)
        .prints("vmruntimepreflightcheck.vm.cluster.gke.io/vmruntime-preflight-check-manual created")?;
    bench.kubectl(&[
        "wait",
        "--for=jsonpath={.status.pass}=true",
        "-n",
        "vm-system",
        "vmruntimepfc/vmruntime-preflight-check-manual",
        "--timeout=60s",
    ])
    .succeeds()?;
    let passed = bench.kubectl(&[
        "get", "vmruntimepfc", "-n", "vm-system", "vmruntime-preflight-check-manual",
        "-o", r#"jsonpath={.status.checks.worker-0.results[?(@.checkName=="KVM")].passed}"#,
    ]).succeeds()?;
    equal(passed.stdout.trim(), "true")?;
    // Applying it again changes nothing and runs nothing.
    bench.kubectl_with_input(&["apply", "-f", "-"], &manifest).prints("unchanged")?;
    Ok(())
}

fn machines_come_up_and_go() -> Result<(), Failed> {
    let bench = Bench::enabled()?;
    bench.kubectl_with_input(&["apply", "--server-side", "-f", "-"], MACHINE).prints("serverside-applied")?;
    bench.kubectl(&["wait", "--for=jsonpath={.status.state}=Running", "gvm/web", "--timeout=60s"]).succeeds()?;
    bench.kubectl(&["get", "virtualmachineinstances.kubevirt.io", "-A"]).prints("web")?;
    bench.kubectl_with_input(&["diff", "-f", "-"], MACHINE).succeeds()?;
    bench.kubectl(&["annotate", "gvm", "web", "note=no"]).prints("annotated")?;
    bench.kubectl(&["delete", "gvm", "web", "--timeout=60s"]).prints("deleted")?;
    bench.kubectl(&["get", "virtualmachines.kubevirt.io,virtualmachineinstances.kubevirt.io", "-A"]).fails_or_prints("No resources found")?;
    Ok(())
}

fn disable_with_machines_is_blocked_and_says_so() -> Result<(), Failed> {
    let bench = Bench::enabled()?;
    bench.kubectl_with_input(&["apply", "-f", "-"], MACHINE).succeeds()?;
    bench.kubectl(&["wait", "--for=jsonpath={.status.state}=Running", "gvm/web", "--timeout=60s"]).succeeds()?;
    bench.kubectl(&["patch", "vmruntime", "vmruntime", "--type=merge", "-p", r#"{"spec":{"enabled":false}}"#]).succeeds()?;
    bench.kubectl(&["wait", "--for=condition=DisableBlocked", "vmruntime/vmruntime", "--timeout=60s"]).succeeds()?;
    bench.kubectl(&["get", "gvm", "web"]).prints("Running")?;
    // The annotation permits it: the machines go, then the engine.
    bench.kubectl(&["annotate", "vmruntime", "vmruntime", "--overwrite", "baremetal.cluster.gke.io/vmrumtime-force-disable=true"])
        .succeeds()?;
    bench.kubectl(&["wait", "--for=delete", "gvm/web", "--timeout=60s"]).succeeds()?;
    bench.kubectl(&["wait", "--for=jsonpath={.status.phase}=Disabled", "vmruntime/vmruntime", "--timeout=60s"]).succeeds()?;
    Ok(())
}

fn explain_and_discovery() -> Result<(), Failed> {
    let bench = Bench::start();
    bench.kubectl(&["explain", "vmruntime.spec.useEmulation"]).prints("software emulation")?;
    bench.kubectl(&["explain", "vmruntimepfc", "--recursive"]).prints("checkName")?;
    bench.kubectl(&["explain", "vmruntime.metadata.finalizers"]).prints("finalizers")?;
    bench.kubectl(&["api-resources", "--api-group=vm.cluster.gke.io"]).prints("vmruntimepfc")?;
    bench.kubectl(&["api-versions"]).prints("vm.cluster.gke.io/v1")?;
    bench.kubectl(&["version", "-o", "json"]).prints("serverVersion")?;
    bench.kubectl(&["cluster-info"]).succeeds()?;
    Ok(())
}

fn what_kubectl_sends_as_protobuf() -> Result<(), Failed> {
    let bench = Bench::start();
    bench.kubectl(&["create", "namespace", "team"]).prints("namespace/team created")?;
    bench.kubectl(&["auth", "can-i", "create", "gvm"]).prints("yes")?;
    bench.kubectl(&["auth", "whoami"]).prints("Username")?;
    bench.kubectl(&["create", "configmap", "settings", "--from-literal=a=b", "-n", "team"]).succeeds()?;
    bench.kubectl(&["delete", "namespace", "team", "--timeout=60s"]).prints("deleted")?;
    bench.kubectl(&["get", "configmap", "-n", "team"]).fails_or_prints("No resources found")?;
    Ok(())
}

fn equal(found: &str, expected: &str) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}").into()) }
}

/// An executable shell script that does `body` with the file it is given.
fn script(folder: &Path, name: &str, body: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\nset -e\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}
