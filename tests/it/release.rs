//! What is given away, as somebody gets it who has nothing of ours: the folder that `.ci/release` has made.

mod image;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    controller::chart::helm,
    test_cluster::{Ended, Test, TestCluster, clean, finish},
};

const FOLDER: &str = "BMCTL_RELEASED";
/// The aim is 10; docs/benchmarks.md says what the rest is.
const LARGEST: u64 = 13 * 1024 * 1024;

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 9] = [
        ("the_sums_are_right", the_sums_are_right),
        ("it_needs_nothing", it_needs_nothing),
        ("it_resolves_names", it_resolves_names),
        ("a_backtrace_ends_nothing", a_backtrace_ends_nothing),
        ("it_installs_itself", it_installs_itself),
        ("all_is_listed", all_is_listed),
        ("it_is_fetched_and_installed", it_is_fetched_and_installed),
        ("helm_takes_the_chart", helm_takes_the_chart),
        (
            "the_readme_names_what_is_there",
            the_readme_names_what_is_there,
        ),
    ];
    let trial = |(name, test): (&str, Test)| {
        if std::env::var_os(FOLDER).is_some() {
            return Trial::test(format!("release::{name}"), test);
        }
        Trial::test(format!("release::{name} (needs {FOLDER})"), test).with_ignored_flag(true)
    };
    let mut trials: Vec<Trial> = tests.into_iter().chain(image::TESTS).map(trial).collect();
    trials.extend(image::trials());
    trials
}

fn folder() -> Result<PathBuf, Failed> {
    let folder = std::env::var_os(FOLDER).ok_or("not set")?;
    Ok(fs::canonicalize(folder)?)
}

/// The only file of the release that ends like this.
fn file(end: &str) -> Result<PathBuf, Failed> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()?)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        several => Err(format!("{several:?} end with {end}").into()),
    }
}

/// The archive, unpacked.
struct Unpacked {
    _folder: TempDir,
    top: PathBuf,
}

fn unpack() -> Result<Unpacked, Failed> {
    let temporary = tempfile::tempdir()?;
    let archive = file(".tar.gz")?;
    run(
        temporary.path(),
        "tar",
        &["-xzf", &archive.display().to_string()],
    )
    .exits(0)?;
    let name = archive.file_name().unwrap().to_string_lossy().into_owned();
    let top = temporary.path().join(name.trim_end_matches(".tar.gz"));
    Ok(Unpacked {
        _folder: temporary,
        top,
    })
}

/// With no variable set but where it may write.
fn run(folder: &Path, program: impl AsRef<Path>, words: &[&str]) -> Ended {
    let mut command: Command = clean(program.as_ref(), folder);
    command
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let what = format!("{} {}", program.as_ref().display(), words.join(" "));
    Ended::of(command.spawn().unwrap(), what)
}

fn the_sums_are_right() -> Result<(), Failed> {
    run(
        &folder()?,
        "sha256sum",
        &["--check", "--strict", "SHA256SUMS"],
    )
    .exits(0)?;
    let listed = fs::read_to_string(folder()?.join("SHA256SUMS"))?;
    let files = fs::read_dir(folder()?)?.count() - 1;
    if listed.lines().count() == files {
        Ok(())
    } else {
        Err(format!("{files} files, but\n{listed}").into())
    }
}

fn it_needs_nothing() -> Result<(), Failed> {
    let unpacked = unpack()?;
    let binary = unpacked.top.join("bmctl");
    let size = fs::metadata(&binary)?.len();
    if size > LARGEST {
        return Err(format!("{size} bytes").into());
    }
    // A program that is linked with libraries names the loader that is to find them.
    let headers = run(&unpacked.top, "readelf", &["--program-headers", "bmctl"]).exits(0)?;
    if headers.stdout.contains("INTERP") {
        return Err(headers.to_string().into());
    }
    let version = run(&unpacked.top, &binary, &["version", "-o", "json"]).exits(0)?;
    let document: Value = serde_json::from_str(&version.stdout)?;
    let commit = document["build"]["commit"].as_str().unwrap_or_default();
    if commit.len() < 40 || document["build"]["profile"] != "release" {
        return Err(version.to_string().into());
    }
    let words = "sandbox run -- enable vmruntime --use-emulation";
    let words: Vec<&str> = words.split(' ').collect();
    run(&unpacked.top, &binary, &words)
        .exits(0)?
        .prints("VM Runtime is enabled and ready")?;
    Ok(())
}

/// A static program must bring along what resolves names.
fn it_resolves_names() -> Result<(), Failed> {
    let unpacked = unpack()?;
    let cluster = TestCluster::bare();
    let kubeconfig =
        fs::read_to_string(cluster.kubeconfig())?.replace("//127.0.0.1:", "//localhost:");
    fs::write(unpacked.top.join("kubeconfig"), kubeconfig)?;
    let words = ["status", "vmruntime", "--kubeconfig", "kubeconfig"];
    // It comes as far as to be told that nothing is installed.
    run(&unpacked.top, unpacked.top.join("bmctl"), &words).exits(8)?;
    Ok(())
}

/// Nothing in it says how to unwind. An error that looks for its backtrace all the same must not end the program.
fn a_backtrace_ends_nothing() -> Result<(), Failed> {
    let unpacked = unpack()?;
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let port = taken.local_addr()?.port().to_string();
    let binary = unpacked.top.join("bmctl").display().to_string();
    let words = [
        "RUST_BACKTRACE=1",
        &binary,
        "sandbox",
        "start",
        "--port",
        &port,
    ];
    let ended = run(&unpacked.top, "env", &words).exits(1)?;
    if ended.stderr.contains("another program has that port") {
        Ok(())
    } else {
        Err(ended.to_string().into())
    }
}

fn it_installs_itself() -> Result<(), Failed> {
    let unpacked = unpack()?;
    let to = tempfile::tempdir()?;
    let mut install = clean(unpacked.top.join("install"), to.path());
    install
        .env("DESTDIR", to.path())
        .env("PREFIX", "/usr")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ended::of(install.spawn()?, "install".to_owned()).exits(0)?;
    for file in [
        "share/bash-completion/completions/bmctl",
        "share/zsh/vendor-completions/_bmctl",
        "share/fish/vendor_completions.d/bmctl.fish",
        "share/man/man1/bmctl-enable-vmruntime.1",
    ] {
        fs::metadata(to.path().join("usr").join(file))
            .map_err(|error| format!("{file}: {error}"))?;
    }
    let bin = to.path().join("usr/bin");
    run(to.path(), bin.join("bmctl"), &["version"]).exits(0)?;
    run(to.path(), bin.join("kubectl-vmruntime"), &["--help"])
        .exits(0)?
        .prints("kubectl vmruntime")?;
    Ok(())
}

/// Every file of a release that README's first section names; krew's is made only for a release that has a place.
fn the_readme_names_what_is_there() -> Result<(), Failed> {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## ").nth(1).ok_or("no section")?;
    let named = Regex::new(r"`((?:bmctl|vmruntime|get|SHA256SUMS)[^` /]*)`")?;
    let mut seen = 0;
    for (_, [name]) in named.captures_iter(section).map(|found| found.extract()) {
        if name == "vmruntime.yaml" {
            continue;
        }
        seen += 1;
        let path = match name.split_once('*') {
            Some((_, end)) => file(end)?,
            None => folder()?.join(name),
        };
        fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if seen < 7 {
        return Err(format!("only {seen} files in {section}").into());
    }
    Ok(())
}

/// By the script that a release has for those who have nothing.
fn it_is_fetched_and_installed() -> Result<(), Failed> {
    let to = tempfile::tempdir()?;
    let mut get = clean("sh", to.path());
    get.arg(folder()?.join("get.sh"))
        .env(
            "BMCTL_RELEASE_URL",
            format!("file://{}", folder()?.display()),
        )
        .env("PREFIX", to.path());
    finish(get, "get.sh", &[], "").exits(0)?;
    run(to.path(), to.path().join("bin/bmctl"), &["version"]).exits(0)?;
    Ok(())
}

/// The packed chart is the one of the repository, and Helm reads it.
fn helm_takes_the_chart() -> Result<(), Failed> {
    let chart = file(".tgz")?.display().to_string();
    let temporary = tempfile::tempdir()?;
    run(temporary.path(), "tar", &["-xzf", &chart]).exits(0)?;
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/install/chart");
    let ours = ours.display().to_string();
    let compared = ["--recursive", &ours, "vmruntime-controller"];
    run(temporary.path(), "diff", &compared).exits(0)?;
    helm(temporary.path(), None, &["template", "bmctl", &chart])?
        .exits(0)?
        .prints("kind: Deployment")?;
    Ok(())
}

/// Every package of Cargo.lock that is linked in is in the SBOM, with its licence.
fn all_is_listed() -> Result<(), Failed> {
    let sbom: Value = serde_json::from_str(&fs::read_to_string(file(".cdx.json")?)?)?;
    let components = sbom["components"].as_array().ok_or("no components")?;
    for name in ["kube", "clap", "tokio", "rustls", "serde-saphyr"] {
        let found = components
            .iter()
            .find(|component| component["name"] == name);
        let licences = found.and_then(|component| component["licenses"].as_array());
        if licences.is_none_or(Vec::is_empty) {
            return Err(format!("{name} is not in the SBOM with its licence: {found:?}").into());
        }
    }
    Ok(())
}
