//! The page of `--report html` in a browser: what its script shows and hides, and that its own policy lets it run.
//!
//! Needs Chromium, which `.ci/run` installs; `BMCTL_CHROMIUM` names another one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::test_cluster::{Host, Test, TestCluster};

pub fn trials() -> Vec<Trial> {
    vec![
        needs_chromium("browser::the_page_filters_by_its_address", filters),
        needs_chromium("browser::words_of_others_do_nothing", words_of_others),
    ]
}

fn needs_chromium(name: &str, test: Test) -> Trial {
    let insist = std::env::var_os("BMCTL_REQUIRE_CHROMIUM")
        .is_some_and(|value| !value.is_empty() && value != "0");
    match chromium() {
        Some(_) => Trial::test(name, test),
        None if insist => Trial::test(name, || {
            Err("BMCTL_REQUIRE_CHROMIUM is set, but no Chromium was found".into())
        }),
        None => Trial::test(format!("{name} (needs Chromium)"), test).with_ignored_flag(true),
    }
}

/// The browser to test with: `BMCTL_CHROMIUM`, else the one on the PATH.
fn chromium() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let given = std::env::var_os("BMCTL_CHROMIUM");
            let names = ["chromium", "chromium-browser", "google-chrome"];
            let candidates = given
                .into_iter()
                .chain(names.into_iter().map(Into::into))
                .map(PathBuf::from);
            candidates.into_iter().find(|program| {
                Command::new(program)
                    .arg("--version")
                    .output()
                    .is_ok_and(|output| output.status.success())
            })
        })
        .as_deref()
}

/// The document as it is once the script has run.
fn dom(page: &Path, fragment: &str) -> Result<String, Failed> {
    let program = chromium().ok_or("no Chromium")?;
    let profile = tempfile::tempdir()?;
    let output = Command::new(program)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("--dump-dom")
        .arg(format!("file://{}{fragment}", page.display()))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The rows of nodes that are shown.
fn shown(dom: &str) -> Vec<String> {
    dom.split("<tr data-result=")
        .skip(1)
        .filter_map(|row| {
            let (attributes, rest) = row.split_once('>')?;
            let name = rest.split('>').nth(1)?.split('<').next()?;
            (!attributes.contains("hidden")).then(|| name.to_owned())
        })
        .collect()
}

fn filters() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[
        ("worker-1", Host::WithKvm),
        ("worker-2", Host::WithoutKvm),
        ("worker-10", Host::WithKvm),
    ]);
    test_cluster
        .bmctl(&["check", "vmruntimepfc", "--report", "html=nodes.html"])
        .exits(3)?;
    let page = test_cluster.folder().join("nodes.html");
    for (fragment, expected) in [
        ("", &["worker-2", "worker-1", "worker-10"][..]),
        ("#failed", &["worker-2"]),
        ("#unknown", &[]),
        ("#passed", &["worker-1", "worker-10"]),
        ("#show=passed&text=Worker-10", &["worker-10"]),
        ("#text=cpuinfo", &["worker-2"]),
        ("#text=nothing%20has%20this", &[]),
    ] {
        let dom = dom(&page, fragment)?;
        let found = shown(&dom);
        if found != expected {
            return Err(format!("{fragment:?} shows {found:?}: {dom}").into());
        }
        let counted = format!("{} of 3 nodes shown", expected.len());
        if !dom.contains(&counted) || dom.contains("class=\"controls\" hidden") {
            return Err(format!("{fragment:?}: the script did not run: {dom}").into());
        }
    }
    Ok(())
}

/// A node that brings markup along, and a check that nobody has heard of.
fn words_of_others() -> Result<(), Failed> {
    const SCRIPT: &str = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">";
    let test_cluster = TestCluster::without_controller();
    let checks = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
    let object = json!({
        "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
        "metadata": {"name": "odd", "namespace": "vm-system"}, "spec": {},
    });
    test_cluster.create(checks, &object)?;
    let result: Value = json!([{"checkName": SCRIPT, "passed": false, "message": SCRIPT}]);
    let status = json!({"status": {
        "pass": false, "message": SCRIPT,
        "checks": {SCRIPT: {"passed": false, "results": result}},
    }});
    test_cluster.patch(&format!("{checks}/odd/status"), &status)?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", "odd", "--report", "html=odd.html"])
        .exits(0)?;
    let page = test_cluster.folder().join("odd.html");
    let dom = dom(&page, "")?;
    let scripts = dom.matches("<script>").count();
    if scripts != 1 || dom.contains("<img") || !dom.contains("<title>bmctl get vmruntimepfc") {
        return Err(format!("{scripts} scripts: {dom}").into());
    }
    if shown(&dom).len() != 1 {
        return Err(format!("no row: {}", fs::read_to_string(page)?).into());
    }
    Ok(())
}
