//! bmctl in CI systems: the examples of docs/ci.md, and what GitHub Actions is told.

mod wrappers;

use std::{env, ffi::OsString, fs, path::Path, process::Stdio};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::{
    output::is_a_result,
    test_cluster::{Ended, Host, TestCluster, clean},
};

pub fn trials() -> Vec<Trial> {
    let mut trials = tests!["ci": the_examples_run, github_gets_annotations];
    trials.extend(wrappers::trials());
    trials
}

/// The fenced examples in YAML.
fn examples() -> Vec<Value> {
    let text = include_str!("../../docs/ci.md");
    text.split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .map(|yaml| serde_saphyr::from_str(yaml).unwrap())
        .collect()
}

/// Every piece of shell in it.
fn scripts(example: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match example {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("run", Value::String(script)) => found.push(script.clone()),
                    ("script", Value::Array(lines)) => {
                        found.extend(lines.iter().map(|line| line.as_str().unwrap().to_owned()));
                    }
                    (_, value) => found.extend(scripts(value)),
                }
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(scripts)),
        _ => {}
    }
    found
}

/// `PATH` with our bmctl first.
fn path() -> OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_bmctl"))
        .parent()
        .unwrap()
        .to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(own).chain(env::split_paths(&others))).unwrap()
}

fn run(cluster: &TestCluster, script: &str, github: bool) -> Ended {
    let mut shell = clean("sh", cluster.folder());
    shell
        .args(["-e", "-c", script])
        .env("PATH", path())
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("GITHUB_STEP_SUMMARY", cluster.folder().join("summary.md"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if github {
        shell.env("GITHUB_ACTIONS", "true");
    }
    Ended::of(shell.spawn().unwrap(), script.to_owned())
}

fn the_examples_run() -> Result<(), Failed> {
    let examples = examples();
    let [github, gitlab] = examples.as_slice() else {
        return Err(format!("{} examples", examples.len()).into());
    };
    for (example, is_github) in [(github, true), (gitlab, false)] {
        let cluster = TestCluster::new();
        let scripts = scripts(example);
        if scripts.len() != 2 {
            return Err(format!("{scripts:?}").into());
        }
        for script in &scripts {
            run(&cluster, script, is_github).succeeds()?;
        }
        for report in ["enable.xml", "nodes.xml"] {
            let xml = fs::read_to_string(cluster.folder().join(report))?;
            is_a_result("junit", &xml, 0).map_err(|wrong| format!("{report}: {wrong}"))?;
        }
        if is_github {
            // Both steps have added their section.
            let summary = fs::read_to_string(cluster.folder().join("summary.md"))?;
            for heading in [
                "## ✅ bmctl enable vmruntime: passed\n",
                "## ✅ bmctl check vmruntimepfc: passed\n",
            ] {
                if summary.matches(heading).count() != 1 {
                    return Err(format!("no {heading:?}: {summary}").into());
                }
            }
        }
    }
    Ok(())
}

fn github_gets_annotations() -> Result<(), Failed> {
    let cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    let told = run(&cluster, "bmctl check vmruntimepfc -o json", true).exits(3)?;
    is_a_result("json", &told.stdout, 3)?;
    let lines: Vec<&str> = told.stderr.lines().collect();
    let at = |start: &str| lines.iter().position(|line| line.starts_with(start));
    let order = [
        at("::group::"),
        at("::endgroup::"),
        at("error: "),
        at("::error title=bmctl::the preflight check failed on worker-0 (CPU, KVM)%0A"),
    ];
    if !order.iter().all(Option::is_some) || !order.is_sorted() {
        return Err(format!("{order:?} in {told}").into());
    }
    for script in [
        "bmctl check vmruntimepfc --ci none",
        "bmctl check vmruntimepfc --progress json",
    ] {
        let told = run(&cluster, script, true).exits(3)?;
        if told.stderr.contains("::error") || told.stderr.contains("::group") {
            return Err(format!("{told}").into());
        }
    }
    Ok(())
}
