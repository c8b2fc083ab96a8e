//! Facts about this build, for `bmctl version` and bug reports. Only a release looks at the repository: a development
//! build would otherwise be made anew after every commit.

#![allow(
    clippy::print_stdout,
    reason = "this is how a build script speaks to cargo"
)]

use std::{env, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-env-changed=BMCTL_COMMIT");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if release {
        // The log of HEAD grows with every commit and every change of branch.
        println!("cargo:rerun-if-changed=.git/logs/HEAD");
    }
    let commit = env::var("BMCTL_COMMIT")
        .ok()
        .or_else(|| release.then(commit_of_the_repository).flatten());
    // Where it is empty, the program says that it does not know.
    println!(
        "cargo:rustc-env=BMCTL_COMMIT={}",
        commit.unwrap_or_default()
    );
    println!(
        "cargo:rustc-env=BMCTL_TARGET={}",
        env::var("TARGET").unwrap_or_default()
    );
    let profile = if release { "release" } else { "development" };
    println!("cargo:rustc-env=BMCTL_PROFILE={profile}");
}

/// The commit that is checked out, marked where files differ from it. Sources without a repository have none.
fn commit_of_the_repository() -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--abbrev=40",
            "--dirty=-modified",
            "--match=",
        ])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
