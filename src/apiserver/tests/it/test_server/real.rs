//! The same tests on a real control plane. `KUBEBUILDER_ASSETS` names a folder with `etcd` and `kube-apiserver`; without
//! it these tests are shown as ignored, with the reason. That the way there works is tried everywhere, with programs that
//! stand in for both.
//!
//! A test is run again by another process of this very binary, which stands on another server (see [`super`]).

use std::{env, path::Path, process::Command};

use libtest_mimic::{Failed, Trial};

use super::{real_control_plane, stand_in};

/// As everybody calls it who tests against a control plane without nodes.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// From here on the API server has admission policies; without them most tests are other tests.
const WITH_POLICIES: u32 = 30;

/// Which tests of a suite are run again.
pub struct Repeated {
    /// What is told, by the beginnings of names, and what that is called where it is not told.
    pub parts: &'static [(&'static str, &'static str)],
    /// Told on the sandbox alone, although their names begin so.
    pub elsewhere: &'static [&'static str],
    /// Are they told on API servers that have no admission policies?
    pub without_policies: bool,
    /// Told everywhere, on programs that stand in for the real ones.
    pub rehearsed: &'static [&'static str],
}

/// `tests` are the names of all tests.
pub fn trials(tests: &[String], repeated: &'static Repeated) -> Vec<Trial> {
    if super::assets().is_some() {
        // This is the process that tells one of them.
        return Vec::new();
    }
    let mut trials = vec![
        Trial::test("real::the_way_there_works", || rehearse(repeated)),
        Trial::test("real::what_is_told_elsewhere_exists", {
            let mut named = repeated.elsewhere.iter();
            let unknown = named.find(|name| !has(tests, name));
            move || unknown.map_or(Ok(()), |name| Err(format!("no test {name}").into()))
        }),
    ];
    let Some(assets) = env::var(ASSETS).ok().filter(|assets| !assets.is_empty()) else {
        let needs = format!("(needs {ASSETS}: a folder with etcd and kube-apiserver)");
        let parts = repeated.parts.iter();
        trials.extend(parts.map(|(part, _)| ignored(format!("real::{part} {needs}"))));
        return trials;
    };
    let minor = real_control_plane::minor_version(Path::new(&assets));
    for test in tests {
        let is_told = repeated
            .parts
            .iter()
            .any(|(_, start)| test.starts_with(start))
            && !repeated.elsewhere.contains(&test.as_str())
            && !test.contains(" (needs ");
        if !is_told {
            continue;
        }
        let too_old = minor.is_some_and(|minor| minor < WITH_POLICIES);
        trials.push(if too_old && !repeated.without_policies {
            ignored(format!("real::{test} (needs Kubernetes 1.{WITH_POLICIES})"))
        } else {
            let (test, assets) = (test.clone(), assets.clone());
            Trial::test(format!("real::{test}"), move || {
                tell(Path::new(&assets), &test)
            })
        });
    }
    trials
}

fn ignored(name: String) -> Trial {
    Trial::test(name, || Ok(())).with_ignored_flag(true)
}

/// A test that needs something has that in its name where it is missing.
fn has(tests: &[String], name: &str) -> bool {
    tests
        .iter()
        .any(|test| test.split(" (needs ").next() == Some(name))
}

/// From the start of both programs to their end, with everything that a test needs of a cluster.
fn rehearse(repeated: &Repeated) -> Result<(), Failed> {
    let assets = stand_in::folder()?;
    if real_control_plane::minor_version(assets.path()).is_none() {
        return Err("kube-apiserver does not tell its version".into());
    }
    for test in repeated.rehearsed {
        tell(assets.path(), test)?;
    }
    Ok(())
}

fn tell(assets: &Path, test: &str) -> Result<(), Failed> {
    let told = Command::new(env::current_exe()?)
        .args(["--exact", test, "--test-threads", "1"])
        .env(super::ASSETS, assets)
        .env_remove(ASSETS)
        .output()?;
    let said = String::from_utf8_lossy(&told.stdout);
    let complained = String::from_utf8_lossy(&told.stderr);
    // A test that is not found, or that stood elsewhere, proves nothing.
    let is_told = said.contains("1 passed") && complained.contains(real_control_plane::STANDS);
    if told.status.success() && is_told {
        return Ok(());
    }
    Err(format!("{test}: {}\n{said}{complained}", told.status).into())
}
