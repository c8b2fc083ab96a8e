//! The Helm chart beside the kustomize base: made of the same data, rendered by the real `helm`, applied to a cluster.

mod template;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use bmctl::commands::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use libtest_mimic::{Failed, Trial};
use serde_json::{Map, Value, json};

use super::install::{printed, sorted};
use crate::{
    golden,
    test_cluster::{Ended, Test, TestCluster, clean, finish},
};

/// The program; it is in the package that brings kubectl to a machine without one (`.ci/run`).
const HELM: &str = "BMCTL_HELM";
const FOLDER: &str = "docs/install/chart";
const NAME: &str = "vmruntime-controller";

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("docs::the_chart_is_current", is_current)];
    trials.push(needs_helm(
        "controller::helm_renders_what_is_printed",
        renders_what_is_printed,
    ));
    trials.push(needs_helm(
        "controller::helm_refuses_what_it_does_not_know",
        refuses_what_it_does_not_know,
    ));
    trials.push(needs_helm(
        "controller::helm_installs_upgrades_and_leaves_data",
        installs_and_leaves_data,
    ));
    trials
}

/// A trial that is ignored where no helm is named, unless the environment insists on other people's programs.
pub fn needs_helm(name: &str, test: Test) -> Trial {
    let insist = std::env::var_os("BMCTL_REQUIRE_CLIENTS").is_some_and(|value| value == "1");
    if insist || std::env::var_os(HELM).is_some() {
        return Trial::test(name, test);
    }
    Trial::test(format!("{name} (needs {HELM})"), test).with_ignored_flag(true)
}

pub fn helm(folder: &Path, kubeconfig: Option<&Path>, words: &[&str]) -> Result<Ended, Failed> {
    let program = std::env::var_os(HELM).ok_or(format!("{HELM} is not set"))?;
    let program = std::fs::canonicalize(program)?;
    let mut command = clean(program, folder);
    command.args(words);
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    Ok(finish(command, "helm", words, ""))
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER)
}

/// The flags of `bmctl controller manifests` itself.
fn flags() -> Vec<Arg> {
    let command = Cli::command();
    let manifests = command
        .find_subcommand("controller")
        .and_then(|controller| controller.find_subcommand("manifests"))
        .expect("there is such a command");
    Command::get_arguments(manifests)
        .filter(|flag| flag.get_long().is_some() && !flag.is_global_set())
        .cloned()
        .collect()
}

fn is_list(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::Append)
}

/// `--pod-monitor` is `podMonitor`; what may be given several times is a list, and called so.
fn key(flag: &Arg) -> String {
    let long = flag.get_long().unwrap_or_default();
    let mut words = long.split('-');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        key.push_str(&first.to_uppercase());
        key.push_str(rest);
    }
    if is_list(flag) {
        key.push('s');
    }
    key
}

fn default(flag: &Arg) -> Value {
    match flag.get_action() {
        ArgAction::SetTrue => json!(false),
        ArgAction::Append => json!([]),
        _ => {
            let default = flag.get_default_values().first();
            json!(default.map_or("", |value| value.to_str().unwrap_or_default()))
        }
    }
}

fn schema(flag: &Arg) -> Value {
    let possible = flag.get_possible_values();
    match flag.get_action() {
        ArgAction::SetTrue => json!({"type": "boolean"}),
        ArgAction::Append => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        _ if possible.is_empty() => json!({"type": "string"}),
        _ => {
            let names: Vec<&str> = possible
                .iter()
                .map(clap::builder::PossibleValue::get_name)
                .collect();
            json!({"enum": names})
        }
    }
}

fn values() -> String {
    let mut text = String::from("# Each value is a flag of `bmctl controller manifests`.\n");
    for flag in flags() {
        let help = flag
            .get_long_help()
            .or(flag.get_help())
            .map(ToString::to_string);
        text.push('\n');
        for line in wrapped(&(help.unwrap_or_default() + ".")) {
            let _ = writeln!(text, "# {line}");
        }
        let _ = writeln!(text, "{}: {}", key(&flag), default(&flag));
    }
    text
}

/// Words in lines of at most 100 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is one");
        if last.is_empty() {
            last.push_str(word);
        } else if last.len() + word.len() < 100 {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn values_schema() -> String {
    let properties: Map<String, Value> = flags()
        .iter()
        .map(|flag| (key(flag), schema(flag)))
        .chain([("global".to_owned(), json!({"type": "object"}))])
        .collect();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    serde_json::to_string_pretty(&schema).expect("plain JSON data") + "\n"
}

const NOTES: &str = r"The controller is in namespace {{ .Values.namespace }}. Wait for it, then ask whether the nodes can run VMs:

  kubectl -n {{ .Values.namespace }} rollout status deployment vmruntime-controller-manager
  bmctl check vmruntimepfc
  bmctl enable vmruntime

To remove it: bmctl disable vmruntime, bmctl controller uninstall, helm uninstall {{ .Release.Name }} -n {{ .Release.Namespace }}.
";

/// Roles are known by name and namespace: with the engine in one of these, two of them would be the same.
const REFUSED: &str = r#"{{- if and .Values.kubevirtNamespace (has .Values.kubevirtNamespace (list "vm-system" .Values.namespace)) }}
{{- fail "kubevirtNamespace has to be a namespace of its own; for another arrangement use bmctl controller manifests" }}
{{- end }}
"#;

fn files() -> Vec<(&'static str, String)> {
    const GENERATED: &str = "# Generated by the program. Do not edit.\n";
    let version = env!("CARGO_PKG_VERSION");
    let chart = json!({
        "apiVersion": "v2",
        "name": NAME,
        "description": "The controller of bmctl: VM Runtime on a Kubernetes with KubeVirt",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": ">=1.28.0-0",
    });
    let (definitions, others) = template::templates();
    vec![
        (
            "Chart.yaml",
            format!("{GENERATED}{}", super::install::yaml(&chart)),
        ),
        ("values.yaml", format!("{GENERATED}{}", values())),
        ("values.schema.json", values_schema()),
        ("templates/NOTES.txt", NOTES.to_owned()),
        ("templates/crds.yaml", format!("{GENERATED}{definitions}")),
        (
            "templates/controller.yaml",
            format!("{GENERATED}{REFUSED}{others}"),
        ),
    ]
}

fn is_current() -> Result<(), Failed> {
    for flag in flags() {
        let long = format!("--{} ", flag.get_long().unwrap_or_default());
        let asked = ASKED
            .iter()
            .any(|(words, _)| format!("{words} ").contains(&long));
        if !asked {
            return Err(
                format!("{long}is a value of the chart that ASKED does not ask for").into(),
            );
        }
    }
    for (file, text) in files() {
        golden::is_current(&format!("{FOLDER}/{file}"), &text)?;
    }
    Ok(())
}

/// Everything that can be asked for, as a flag and as a value.
const ASKED: [(&str, &str); 8] = [
    (
        "--image registry.example/bmctl:1",
        "image=registry.example/bmctl:1",
    ),
    ("--namespace controllers", "namespace=controllers"),
    (
        "--kubevirt-namespace kubevirt",
        "kubevirtNamespace=kubevirt",
    ),
    ("--profile engine-manifests", "profile=engine-manifests"),
    ("--deep-probe", "deepProbe=true"),
    ("--safe-disable", "safeDisable=true"),
    (
        "--image-pull-secret one --image-pull-secret 2",
        "imagePullSecrets={one,2}",
    ),
    ("--pod-monitor", "podMonitor=true"),
];

/// Nothing, each alone, each two, and all.
fn combinations() -> Vec<Vec<(&'static str, &'static str)>> {
    let mut all = vec![vec![], ASKED.to_vec()];
    for (at, one) in ASKED.iter().enumerate() {
        all.push(vec![*one]);
        all.extend(ASKED[at + 1..].iter().map(|other| vec![*one, *other]));
    }
    all
}

fn rendered(namespace: &str, values: &[&str]) -> Result<Vec<Value>, Failed> {
    let folder = tempfile::tempdir()?;
    let chart = chart().display().to_string();
    let mut words = vec!["template", "bmctl", &chart, "--namespace", namespace];
    for value in values {
        // A number is a string where a name is meant.
        let how = if value.ends_with("=true") {
            "--set"
        } else {
            "--set-string"
        };
        words.extend([how, value]);
    }
    let out = helm(folder.path(), None, &words)?.succeeds()?;
    Ok(serde_saphyr::from_multiple(&out.stdout)?)
}

/// Without the word to Helm that data is to be kept.
fn without_policy(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        let Some(metadata) = object["metadata"].as_object_mut() else {
            continue;
        };
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.remove("helm.sh/resource-policy");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    sorted(objects)
}

fn renders_what_is_printed() -> Result<(), Failed> {
    for asked in combinations() {
        let words: Vec<&str> = asked.iter().map(|(flag, _)| *flag).collect();
        let values: Vec<&str> = asked.iter().map(|(_, value)| *value).collect();
        let expected = printed(&words.join(" "))?;
        let expected = without_policy(serde_saphyr::from_multiple(&expected)?);
        let found = without_policy(rendered("default", &values)?);
        if found != expected {
            let one = serde_json::to_string_pretty(&expected)?;
            let other = serde_json::to_string_pretty(&found)?;
            let difference = similar::TextDiff::from_lines(&one, &other);
            return Err(format!("{words:?}:\n{}", difference.unified_diff()).into());
        }
    }
    Ok(())
}

fn refuses_what_it_does_not_know() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let chart = chart().display().to_string();
    for (value, why) in [
        ("safedisable=true", "safedisable"),
        ("profile=everything", "profile"),
        ("kubevirtNamespace=vm-system", "a namespace of its own"),
    ] {
        let words = ["template", "bmctl", &chart, "--set", value];
        helm(folder.path(), None, &words)?.exits(1)?.says(why)?;
    }
    Ok(())
}

/// In a release namespace of its own, as most people have it, and then over itself.
fn installs_and_leaves_data() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let chart = chart().display().to_string();
    let helm = |words: &[&str]| {
        helm(
            test_cluster.folder(),
            Some(test_cluster.kubeconfig()),
            words,
        )
    };
    let place = ["--namespace", "vm-system"];
    let install = [
        &["install", "bmctl", &chart, "--create-namespace"],
        place.as_slice(),
        &["--set", "image=registry.example/bmctl:1"],
    ];
    helm(&install.concat())?.succeeds()?;
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    let deployment = ["-n", "vm-system", "get", "deployment"];
    let deployment = [
        &deployment[..],
        &["vmruntime-controller-manager", "-o", image],
    ]
    .concat();
    test_cluster
        .kubectl(&deployment)
        .succeeds()?
        .prints("registry.example/bmctl:1")?;
    let upgrade = [
        &["upgrade", "bmctl", &chart],
        place.as_slice(),
        &["--set", "image=registry.example/bmctl:2,safeDisable=true"],
    ];
    helm(&upgrade.concat())?.succeeds()?;
    test_cluster
        .kubectl(&deployment)
        .succeeds()?
        .prints("registry.example/bmctl:2")?;
    helm(&[&["uninstall", "bmctl"], place.as_slice()].concat())?.succeeds()?;
    test_cluster.kubectl(&deployment).exits(1)?;
    // With the definition everything that was ever checked would be gone.
    test_cluster
        .kubectl(&["get", "crd", "vmruntimes.vm.cluster.gke.io"])
        .succeeds()?;
    Ok(())
}
