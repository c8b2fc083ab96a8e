//! The GitHub Action and the GitLab template, run as shell: they install a release from a folder and check a sandbox.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    output::is_a_result,
    test_cluster::{Ended, Host, TestCluster, clean, finish},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ACTION: &str = ".github/actions/bmctl";

pub fn trials() -> Vec<Trial> {
    tests![
        "ci":
        the_action_installs_and_checks,
        the_gitlab_template_installs_and_checks,
        a_release_that_is_not_what_it_says_is_refused,
        unknown_nodes_can_be_allowed,
        workflows_call_what_is_there,
    ]
}

/// A folder with what a release has, but for the program: in its place is a few lines of shell.
struct Release {
    folder: TempDir,
    archive: String,
}

impl Release {
    /// One that runs the program of this test.
    fn of_ours() -> Result<Self, Failed> {
        Self::of(&format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_bmctl")))
    }

    fn of(program: &str) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let name = format!("bmctl-0.0.0-{}-unknown-linux-gnu", std::env::consts::ARCH);
        let archive = format!("{name}.tar.gz");
        let pack = format!(
            "mkdir -p {name}/man && cp -r '{ROOT}/completions' {name}/ && cp '{ROOT}/.ci/install' {name}/install
             printf '#!/bin/sh\\n%s\\n' \"$PROGRAM\" >{name}/bmctl && chmod 755 {name}/bmctl && touch {name}/man/bmctl.1
             tar -czf {archive} {name} && rm -r {name}
             cp '{ROOT}/.ci/get.sh' '{ROOT}/.ci/check.sh' . && sha256sum -- * >SHA256SUMS"
        );
        let mut shell = clean("sh", folder.path());
        shell.args(["-euc", &pack]).env("PROGRAM", program);
        finish(shell, "sh", &[&pack], "").succeeds()?;
        Ok(Self { folder, archive })
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    fn sum(&self) -> Result<String, Failed> {
        let sums = fs::read_to_string(self.folder.path().join("SHA256SUMS"))?;
        let line = sums.lines().find(|line| line.ends_with(&self.archive));
        let sum = line.and_then(|line| line.split(' ').next());
        Ok(sum.ok_or("no sum")?.to_owned())
    }

    fn get(&self, to: &Path, sum: &str) -> Ended {
        let script = Path::new(ROOT).join(".ci/get.sh");
        let mut shell = clean("sh", to);
        shell
            .arg(script)
            .env("BMCTL_RELEASE_URL", self.url())
            .env("BMCTL_SHA256", sum)
            .env("PREFIX", to);
        finish(shell, "get.sh", &[], "")
    }
}

fn read(path: &str) -> Result<String, Failed> {
    Ok(fs::read_to_string(Path::new(ROOT).join(path))?)
}

/// The step of the action with these inputs, and the defaults for the others.
fn run_action(cluster: &TestCluster, inputs: &[(&str, &str)]) -> Result<Ended, Failed> {
    let action: Value = serde_saphyr::from_str(&read(&format!("{ACTION}/action.yml"))?)?;
    let given = |text: &str| {
        let name = text
            .strip_prefix("${{ inputs.")
            .and_then(|rest| rest.strip_suffix(" }}"))
            .ok_or(format!("not an input: {text}"))?;
        let default = action["inputs"][name]["default"].as_str();
        let value = inputs.iter().find(|(input, _)| *input == name);
        value
            .map(|(_, value)| *value)
            .or(default)
            .map(str::to_owned)
            .ok_or(format!("there is no input {name}"))
    };
    let step = &action["runs"]["steps"][0];
    let script = step["run"].as_str().ok_or("no script")?;
    let folder = cluster.folder();
    // As GitHub runs `shell: sh`.
    let mut shell = clean("sh", folder);
    shell
        .args(["-e", "-c", script])
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ACTION_PATH", Path::new(ROOT).join(ACTION))
        .env("RUNNER_TEMP", folder);
    for file in ["GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
        shell.env(file, folder.join(file));
    }
    for (name, value) in step["env"].as_object().ok_or("no environment")? {
        shell.env(name, given(value.as_str().unwrap_or_default())?);
    }
    Ok(finish(shell, "action.yml", &[], ""))
}

fn the_action_installs_and_checks() -> Result<(), Failed> {
    let release = Release::of_ours()?;
    let (url, sum) = (release.url(), release.sum()?);
    for (host, exit, heading) in [
        (Host::WithKvm, 0, "## ✅ bmctl check vmruntimepfc: passed\n"),
        (Host::WithoutKvm, 3, "## ❌ bmctl check vmruntimepfc: "),
    ] {
        let cluster = TestCluster::with_hosts(&[("worker-0", host)]);
        let inputs = [
            ("release-url", url.as_str()),
            ("sha256", sum.as_str()),
            ("flags", "--timeout 2m --name from-ci"),
            ("reports", "there"),
        ];
        let ended = run_action(&cluster, &inputs)?.exits(exit)?;
        let file = |name: &str| fs::read_to_string(cluster.folder().join(name));
        let summary = file("GITHUB_STEP_SUMMARY")?;
        if !summary.contains(heading) {
            return Err(format!("no {heading:?}: {summary}").into());
        }
        is_a_result("junit", &file("there/nodes.xml")?, exit)?;
        is_a_result("json", &file("there/nodes.json")?, exit)?;
        if !file("there/nodes.html")?.contains("worker-0") {
            return Err("the page does not name the node".into());
        }
        if ended.stderr.contains("::error title=bmctl::") != (exit == 3) {
            return Err(format!("{ended}").into());
        }
        if file("GITHUB_OUTPUT")? != format!("exit-code={exit}\n") {
            return Err(file("GITHUB_OUTPUT")?.into());
        }
        // The steps after it have bmctl too.
        let bin = PathBuf::from(file("GITHUB_PATH")?.trim());
        fs::metadata(bin.join("bmctl"))?;
    }
    Ok(())
}

fn the_gitlab_template_installs_and_checks() -> Result<(), Failed> {
    let release = Release::of_ours()?;
    let text = read(".gitlab/bmctl.yml")?;
    let (head, job) = text.split_once("\n---\n").ok_or("one document")?;
    let head: Value = serde_saphyr::from_str(head)?;
    let mut job = job.replace("$[[ inputs.release-url ]]", &release.url());
    for (name, input) in head["spec"]["inputs"].as_object().ok_or("no inputs")? {
        let default = input["default"].as_str().unwrap_or_default();
        job = job.replace(&format!("$[[ inputs.{name} ]]"), default);
    }
    let job: Value = serde_saphyr::from_str(&job)?;
    let job = &job["vm-runtime-check"];
    let lines = job["script"].as_array().ok_or("no script")?;
    let script: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    let cluster = TestCluster::new();
    let mut shell = clean("sh", cluster.folder());
    shell
        .args(["-e", "-c", &script.join("\n")])
        .env("KUBECONFIG", cluster.kubeconfig());
    for (name, value) in job["variables"].as_object().ok_or("no variables")? {
        shell.env(
            name,
            value.as_str().ok_or(format!("{name} is not a string"))?,
        );
    }
    finish(shell, "bmctl.yml", &[], "").succeeds()?;
    let report = job["artifacts"]["reports"]["junit"]
        .as_str()
        .ok_or("no report")?;
    is_a_result(
        "junit",
        &fs::read_to_string(cluster.folder().join(report))?,
        0,
    )?;
    fs::metadata(cluster.folder().join("bmctl-reports/summary.md"))?;
    Ok(())
}

fn a_release_that_is_not_what_it_says_is_refused() -> Result<(), Failed> {
    let release = Release::of("echo it ran")?;
    let folder = tempfile::tempdir()?;
    let to = folder.path();
    let nothing_is_there = || {
        if to.join("bin").exists() {
            return Err(Failed::from("something was installed"));
        }
        Ok(())
    };
    let other = "0".repeat(64);
    release
        .get(to, &other)
        .exits(1)?
        .says("but the release says")?;
    nothing_is_there()?;
    let archive = release.folder.path().join(&release.archive);
    let whole = fs::read(&archive)?;
    fs::write(&archive, &whole[..whole.len() - 1])?;
    release
        .get(to, "")
        .exits(1)?
        .says("does not have the sum")?;
    nothing_is_there()?;
    fs::remove_file(&archive)?;
    release.get(to, "").exits(1)?.says("could not fetch")?;
    nothing_is_there()?;
    fs::write(&archive, whole)?;
    release.get(to, &release.sum()?).exits(0)?;
    let mut installed = clean(to.join("bin/bmctl"), to);
    installed.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ended::of(installed.spawn()?, "bmctl".to_owned())
        .exits(0)?
        .prints("it ran")?;
    Ok(())
}

fn unknown_nodes_can_be_allowed() -> Result<(), Failed> {
    let release = Release::of("exit 5")?;
    for (allowed, exit) in [("true", 0), ("false", 5), ("", 5)] {
        let folder = tempfile::tempdir()?;
        let mut shell = clean("sh", folder.path());
        shell
            .arg(Path::new(ROOT).join(".ci/check.sh"))
            .env("BMCTL_RELEASE_URL", release.url())
            .env("BMCTL_ALLOW_UNKNOWN", allowed);
        finish(shell, "check.sh", &[], "").exits(exit)?;
    }
    Ok(())
}

/// Both call the scripts that this repository has, so that a machine of ours does what GitHub's does.
fn workflows_call_what_is_there() -> Result<(), Failed> {
    for (file, script) in [("ci", ".ci/run"), ("release", ".ci/release")] {
        let workflow = read(&format!(".github/workflows/{file}.yml"))?;
        let parsed: Value = serde_saphyr::from_str(&workflow)?;
        let calls = parsed["jobs"]
            .as_object()
            .into_iter()
            .flat_map(|jobs| jobs.values())
            .filter_map(|job| job["steps"].as_array())
            .flatten()
            .any(|step| step["run"] == script);
        if !calls || !Path::new(ROOT).join(script).exists() {
            return Err(format!("{file}.yml does not call {script}").into());
        }
    }
    Ok(())
}
