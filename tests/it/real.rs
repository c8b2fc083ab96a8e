//! The same stories on a real control plane. `KUBEBUILDER_ASSETS` names a folder with `etcd` and `kube-apiserver`; without
//! it these tests are shown as ignored, with the reason. That the way there works is tried everywhere, with programs that
//! stand in for both.
//!
//! A story is told again by another process of this very binary, which stands on another ground (see [`crate::ground`]).

use std::{env, path::Path, process::Command};

use libtest_mimic::{Failed, Trial};

use crate::ground::{self, plane, stand_in};

/// As everybody calls it who tests against a control plane without nodes.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// What is told there, by the beginnings of names. The stories of the controller hold the admission policies too.
const PARTS: [(&str, &str); 3] = [
    ("the_api_suite", "api_server::over_https"),
    ("the_stories_of_the_controller", "controller::"),
    ("the_transcripts", "transcript::"),
];

/// From here on the API server has admission policies; without them most stories are other stories.
const WITH_POLICIES: u32 = 30;
/// Told on older ones too.
const WITHOUT_POLICIES: &str = "api_server::";

/// Told on the sandbox alone: they need no cluster, put something before one that only the sandbox understands, or
/// measure the controller and not the cluster.
const ELSEWHERE: [&str; 10] = [
    "controller::a_large_cluster_costs_little",
    "controller::an_outage_is_soon_over",
    "controller::every_line_of_the_table_has_a_story",
    "controller::faults_at_random_end_well",
    "controller::kustomize_builds_what_is_printed",
    "controller::probe_leaves_its_report",
    "controller::soak_ends_as_it_began",
    "controller::the_documentation_has_the_table",
    "controller::the_example_sets_the_image_once",
    "controller::this_machine_is_checked_without_a_cluster",
];

/// `stories` are the names of all tests.
pub fn trials(stories: &[String]) -> Vec<Trial> {
    if ground::assets().is_some() {
        // This is the process that tells one of them.
        return Vec::new();
    }
    let mut trials = vec![
        Trial::test("real::the_way_there_works", rehearse),
        Trial::test("real::what_is_told_elsewhere_exists", {
            let unknown = ELSEWHERE.iter().find(|name| !has(stories, name));
            move || unknown.map_or(Ok(()), |name| Err(format!("no story {name}").into()))
        }),
    ];
    let Some(assets) = env::var(ASSETS).ok().filter(|assets| !assets.is_empty()) else {
        let needs = format!("(needs {ASSETS}: a folder with etcd and kube-apiserver)");
        trials.extend(PARTS.map(|(part, _)| ignored(format!("real::{part} {needs}"))));
        return trials;
    };
    let minor = plane::minor_version(Path::new(&assets));
    for story in stories {
        let is_told = PARTS.iter().any(|(_, start)| story.starts_with(start))
            && !ELSEWHERE.contains(&story.as_str())
            && !story.contains(" (needs ");
        if !is_told {
            continue;
        }
        let too_old = minor.is_some_and(|minor| minor < WITH_POLICIES);
        trials.push(if too_old && !story.starts_with(WITHOUT_POLICIES) {
            ignored(format!(
                "real::{story} (needs Kubernetes 1.{WITH_POLICIES})"
            ))
        } else {
            let (story, assets) = (story.clone(), assets.clone());
            Trial::test(format!("real::{story}"), move || {
                tell(Path::new(&assets), &story)
            })
        });
    }
    trials
}

fn ignored(name: String) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

/// A test that needs something has that in its name where it is missing.
fn has(stories: &[String], name: &str) -> bool {
    stories
        .iter()
        .any(|story| story.split(" (needs ").next() == Some(name))
}

/// From the start of both programs to their end, with everything that a story needs of a cluster.
fn rehearse() -> Result<(), Failed> {
    let assets = stand_in::folder()?;
    if plane::minor_version(assets.path()).is_none() {
        return Err("kube-apiserver does not tell its version".into());
    }
    for story in [
        "api_server::over_https",
        "controller::enable_ends_ready",
        "transcript::on_and_off",
    ] {
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
    let complained = String::from_utf8_lossy(&told.stderr);
    // A story that is not found, or that stood elsewhere, proves nothing.
    let is_told = said.contains("1 passed") && complained.contains(plane::STANDS);
    if told.status.success() && is_told {
        return Ok(());
    }
    Err(format!("{story}: {}\n{said}{complained}", told.status).into())
}
