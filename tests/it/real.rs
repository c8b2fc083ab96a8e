//! The same stories on a real control plane. `KUBEBUILDER_ASSETS` names a folder with `etcd` and `kube-apiserver`; without
//! it these tests are shown as ignored, with the reason. That the way there works is tried everywhere, with programs that
//! stand in for both.
//!
//! A story is told again by another process of this very binary, which stands on another ground (see [`crate::ground`]).

use std::{env, path::Path, process::Command};

use libtest_mimic::{Failed, Trial};

use crate::ground::{self, stand_in};

/// As everybody calls it who tests against a control plane without nodes.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// What is told there, by the beginnings of names.
const PARTS: [(&str, &[&str]); 2] = [
    ("the_api_suite", &["api_server::over_https"]),
    ("the_stories_of_the_controller", &["controller::"]),
];

/// Told on the sandbox alone: they need nothing of a cluster, or start one of their own.
const ELSEWHERE: &[&str] = &[
    "controller::every_line_of_the_table_has_a_story",
    "controller::probe_leaves_its_report",
    "controller::the_documentation_has_the_table",
    "controller::this_machine_is_checked_without_a_cluster",
];

/// `stories` are the names of all tests.
pub fn trials(stories: &[String]) -> Vec<Trial> {
    if ground::assets().is_some() {
        // This is the process that tells one of them.
        return Vec::new();
    }
    let mut trials = vec![Trial::test("real::the_way_there_works", rehearse)];
    let assets = env::var(ASSETS).ok().filter(|assets| !assets.is_empty());
    for (part, beginnings) in PARTS {
        let Some(assets) = assets.clone() else {
            let name =
                format!("real::{part} (needs {ASSETS}: a folder with etcd and kube-apiserver)");
            trials.push(Trial::test(name, || Ok(())).with_ignored_flag(true));
            continue;
        };
        let told = stories.iter().filter(|story| {
            let is_told = beginnings.iter().any(|start| story.starts_with(start));
            is_told && !ELSEWHERE.contains(&story.as_str()) && !story.contains(" (needs ")
        });
        trials.extend(told.map(|story| {
            let (story, assets) = (story.clone(), assets.clone());
            Trial::test(format!("real::{story}"), move || {
                tell(Path::new(&assets), &story)
            })
        }));
    }
    trials
}

/// From the start of both programs to their end, with everything that a story needs of a cluster.
fn rehearse() -> Result<(), Failed> {
    let assets = stand_in::folder()?;
    for story in ["controller::enable_ends_ready", "api_server::over_https"] {
        tell(assets.path(), story)?;
    }
    Ok(())
}

fn tell(assets: &Path, story: &str) -> Result<(), Failed> {
    let told = Command::new(env::current_exe()?)
        .args(["--exact", story, "--test-threads", "1"])
        .env(ground::ASSETS, assets)
        .env_remove(ASSETS)
        .output()?;
    let said = String::from_utf8_lossy(&told.stdout);
    // A story that is not found is not told.
    if told.status.success() && said.contains("1 passed") {
        return Ok(());
    }
    let complained = String::from_utf8_lossy(&told.stderr);
    Err(format!("{story}: {}\n{said}{complained}", told.status).into())
}
