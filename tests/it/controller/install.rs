//! The installation as an administrator does it: the real binary, the real kubectl, an empty cluster.

use std::{
    os::unix::fs::symlink,
    process::{Child, Stdio},
};

use bmctl::{
    controller::{install, metric::CATALOGUE},
    simulator::OPERATOR_MANIFESTS,
};
use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::Value;

use crate::{
    bench::Bench,
    golden,
    test_cluster::{TestCluster, clean, eventually, finish, needs_kubectl},
};

pub fn trials() -> Vec<Trial> {
    vec![
        needs_kubectl(
            "controller::one_apply_on_an_empty_cluster_installs_it",
            one_apply,
        ),
        needs_kubectl("controller::kustomize_builds_what_is_printed", kustomize),
        needs_kubectl("controller::the_example_sets_the_image_once", example),
        needs_kubectl("controller::the_installation_page_is_true", page),
        needs_kubectl(
            "controller::a_monitor_comes_and_goes_with_the_rest",
            monitor,
        ),
        Trial::test("docs::installation_is_current", installation_is_current),
        Trial::test("docs::metrics_exist_where_they_are_named", metrics_exist),
    ]
}

pub fn printed(flags: &str) -> Result<String, Failed> {
    let printed = Bench::new().bmctl(&format!("controller manifests {flags}"));
    Ok(printed.code(0)?.stdout)
}

fn one_apply() -> Result<(), Failed> {
    for flags in [
        "",
        "--profile engine-manifests --deep-probe",
        "--namespace controllers --kubevirt-namespace kubevirt",
    ] {
        let test_cluster = TestCluster::bare();
        let manifests = printed(flags)?;
        let apply = ["apply", "-f", "-"];
        test_cluster
            .kubectl_with_input(&apply, THEIR_NAMESPACE)
            .succeeds()?;
        let applied = test_cluster
            .kubectl_with_input(&apply, &manifests)
            .succeeds()?;
        if applied
            .stdout
            .lines()
            .any(|line| !line.ends_with(" created"))
        {
            return Err(format!("{applied}").into());
        }
        // Once more changes nothing. (kubectl sends the selector of a PodDisruptionBudget every time.)
        let again = test_cluster
            .kubectl_with_input(&apply, &manifests)
            .succeeds()?;
        let changed = again
            .stdout
            .lines()
            .filter(|line| !line.starts_with("poddisruptionbudget"))
            .any(|line| !line.ends_with(" unchanged"));
        if changed {
            return Err(format!("{again}").into());
        }
        // What is KubeVirt's keeps its labels, and outlives the controller.
        let there = || {
            let path = "jsonpath={.metadata.uid} {.metadata.labels}";
            test_cluster
                .kubectl(&["get", "namespace", "kubevirt", "-o", path])
                .succeeds()
        };
        let before = there()?.stdout;
        test_cluster
            .kubectl_with_input(
                &["delete", "--ignore-not-found", "--wait=false", "-f", "-"],
                &manifests,
            )
            .succeeds()?;
        let after = there()?.stdout;
        if before != after || !after.contains("privileged") {
            return Err(format!("{before}\n{after}").into());
        }
    }
    Ok(())
}

const THEIR_NAMESPACE: &str = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {
    "name": "kubevirt", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}"#;

/// As the Prometheus operator defines it, as far as an API server cares.
const MONITORS: &str = r#"{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "podmonitors.monitoring.coreos.com"},
    "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
        "names": {"kind": "PodMonitor", "plural": "podmonitors", "singular": "podmonitor"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}"#;

fn monitor() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let apply = ["apply", "-f", "-"];
    let manifests = printed("--pod-monitor")?;
    // Without its definition it alone is refused.
    test_cluster
        .kubectl_with_input(&apply, &manifests)
        .exits(1)?
        .says("no matches for kind \"PodMonitor\"")?
        .prints_anyway("deployment.apps/vmruntime-controller-manager created")?;
    test_cluster
        .kubectl_with_input(&apply, MONITORS)
        .succeeds()?;
    let established = [
        "wait",
        "--for=condition=Established",
        "crd",
        "podmonitors.monitoring.coreos.com",
    ];
    test_cluster.kubectl(&established).succeeds()?;
    test_cluster
        .kubectl_with_input(&apply, &manifests)
        .succeeds()?;
    test_cluster
        .bmctl(&["controller", "uninstall"])
        .exits(0)?
        .prints("PodMonitor")?;
    test_cluster
        .kubectl(&["get", "podmonitors", "-A", "-o", "name"])
        .succeeds()
        .and_then(|left| {
            if left.stdout.is_empty() {
                Ok(())
            } else {
                Err(left.to_string().into())
            }
        })
}

const PAGE: &str = include_str!("../../../docs/install/README.md");

/// Stands for the Deployment's pods, whose images the sandbox does not run.
struct Pods(Child);

impl Drop for Pods {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The page as its readers do it: every block of commands, in order.
fn page() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    // Step 2, as KubeVirt's own release does it: in a namespace of its own.
    test_cluster
        .kubectl(&["create", "namespace", "kubevirt"])
        .succeeds()?;
    for (name, text) in OPERATOR_MANIFESTS {
        let text = text.replace("vm-system", "kubevirt");
        test_cluster
            .kubectl_with_input(&["apply", "-f", "-"], &text)
            .succeeds()?;
        std::fs::write(test_cluster.folder().join(name), text)?;
    }
    let programs = test_cluster.folder().join("programs");
    std::fs::create_dir(&programs)?;
    symlink(env!("CARGO_BIN_EXE_bmctl"), programs.join("bmctl"))?;
    if let Some(kubectl) = std::env::var_os("BMCTL_KUBECTL") {
        symlink(kubectl, programs.join("kubectl"))?;
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", programs.display());
    let mut pods = None;
    let blocks = PAGE.split("\n```sh\n").skip(1);
    for block in blocks.filter_map(|rest| rest.split_once("\n```")) {
        let commands = block.0;
        if commands.contains("controller uninstall") {
            let disable = "bmctl disable vmruntime";
            run_block(&test_cluster, &path, disable)?;
            pods = None;
            run_block(&test_cluster, &path, &commands.replace(disable, "true"))?;
            continue;
        }
        run_block(&test_cluster, &path, commands)?;
        if pods.is_none() && commands.contains("controller manifests") {
            let mut controller = test_cluster.bmctl_command(&["controller", "run"]);
            controller.stdout(Stdio::null()).stderr(Stdio::null());
            pods = Some(Pods(controller.spawn()?));
            eventually("the VMRuntime object", || {
                let found = test_cluster.read("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime");
                found.map_err(|error| format!("{error:?}"))
            })?;
        }
    }
    drop(pods);
    if test_cluster
        .read("/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime")
        .is_ok()
    {
        return Err("it is still there".into());
    }
    Ok(())
}

fn run_block(test_cluster: &TestCluster, path: &str, commands: &str) -> Result<(), Failed> {
    let mut shell = clean("sh", test_cluster.folder());
    shell
        .env("PATH", path)
        .env("KUBECONFIG", test_cluster.kubeconfig());
    let arguments = ["-euc", commands];
    shell.args(arguments);
    finish(shell, "sh", &arguments, "").succeeds().map(drop)
}

fn folder(name: &str) -> String {
    format!("{}/docs/install/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn built(name: &str) -> Result<Vec<Value>, Failed> {
    let test_cluster = TestCluster::bare();
    let built = test_cluster
        .kubectl(&["kustomize", &folder(name)])
        .succeeds()?;
    Ok(sorted(serde_saphyr::from_multiple(&built.stdout)?))
}

/// kustomize has an order of its own.
pub fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(|object| {
        let text = |pointer: &str| object.pointer(pointer).map(ToString::to_string);
        (
            text("/kind"),
            text("/metadata/namespace"),
            text("/metadata/name"),
        )
    });
    objects
}

fn kustomize() -> Result<(), Failed> {
    for (name, flags) in [
        ("base", ""),
        ("engine-manifests", "--profile engine-manifests"),
    ] {
        let printed = sorted(serde_saphyr::from_multiple(&printed(flags)?)?);
        let built = built(name)?;
        if built != printed {
            let one = serde_json::to_string_pretty(&printed)?;
            let other = serde_json::to_string_pretty(&built)?;
            let difference = similar::TextDiff::from_lines(&one, &other);
            return Err(format!("{name}:\n{}", difference.unified_diff()).into());
        }
    }
    Ok(())
}

fn example() -> Result<(), Failed> {
    let image = format!("registry.example/bmctl:{}", env!("CARGO_PKG_VERSION"));
    let objects = built("example")?;
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment");
    let container =
        &deployment.ok_or("no Deployment")?["spec"]["template"]["spec"]["containers"][0];
    if container["image"] == image && container["env"][0]["value"] == image {
        Ok(())
    } else {
        Err(container.to_string().into())
    }
}

/// As the program writes it.
pub fn yaml(object: &Value) -> String {
    install::kustomize::text([object])
}

fn installation_is_current() -> Result<(), Failed> {
    for file in install::kustomize::files(install::IMAGE) {
        let text = format!("# Generated by the program. Do not edit.\n{}", file.text);
        golden::is_current(&format!("docs/install/{}", file.path), &text)?;
    }
    Ok(())
}

/// Dashboard and alerts name metrics of ours and no others, and the docs describe them all.
fn metrics_exist() -> Result<(), Failed> {
    let read = |file: &str| {
        let path = format!("{}/docs/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    };
    let names = Regex::new("\\b(?:vmruntime|process)_[a-z_]+")?;
    let suffix = Regex::new("_(?:bucket|sum|count)$")?;
    for file in [
        "install/monitoring/alerts.yaml",
        "install/monitoring/dashboard.json",
    ] {
        let text = read(file)?;
        for found in names.find_iter(&text) {
            let name = suffix.replace(found.as_str(), "");
            if !CATALOGUE.iter().any(|family| family.name == name) {
                return Err(format!("{file}: there is no metric {name}").into());
            }
        }
    }
    let rules: serde_json::Value =
        serde_saphyr::from_str(&read("install/monitoring/alerts.yaml")?)?;
    let told = read("controller.md")?;
    let alerts = rules["groups"][0]["rules"].as_array().ok_or("no rules")?;
    let alerts = alerts.iter().filter_map(|rule| rule["alert"].as_str());
    // `promtool` runs them; that none is left out is seen here.
    let fires = std::fs::read_to_string(format!(
        "{}/tests/monitoring/alerts.yaml",
        env!("CARGO_MANIFEST_DIR")
    ))?;
    for alert in alerts.clone() {
        let (when, not) = (
            format!("alertname: {alert}\n    exp_alerts:\n"),
            format!("eval_time: 2h, alertname: {alert}, exp_alerts: []"),
        );
        if !fires.contains(&when) || !fires.contains(&not) {
            return Err(format!("no test says when {alert} fires, and when it does not").into());
        }
    }
    let metrics = CATALOGUE.iter().map(|family| family.name);
    let missing: Vec<&str> = alerts
        .chain(metrics)
        .filter(|name| !told.contains(&format!("| `{name}` |")))
        .collect();
    if !missing.is_empty() {
        return Err(format!("controller.md does not tell of {missing:?}").into());
    }
    let _: serde_json::Value = serde_json::from_str(&read("install/monitoring/dashboard.json")?)?;
    Ok(())
}
