//! What programs rely on: in every format stdout is what `-o` says and nothing else, and the exit code is the same.

use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::Value;

use crate::{
    bench::Bench,
    stage::{Ended, Host, Stage, Story},
};

pub fn trials() -> Vec<Trial> {
    let stories: [(&str, Story); 3] = [
        ("without_a_cluster", without_a_cluster),
        ("where_nothing_is_installed", where_nothing_is_installed),
        ("with_a_node_that_fails", with_a_node_that_fails),
    ];
    stories
        .map(|(name, story)| Trial::test(format!("output::{name}"), story))
        .into()
}

pub const FORMATS: [&str; 6] = ["text", "wide", "json", "yaml", "name", "junit"];

/// Is this what the format promises, for a command that ended with that code?
pub fn is_a_result(format: &str, stdout: &str, code: i32) -> Result<(), String> {
    match format {
        "text" | "wide" => Ok(()),
        "json" => document(
            &serde_json::from_str(stdout).map_err(|error| error.to_string())?,
            code,
        ),
        "yaml" => document(
            &serde_saphyr::from_str(stdout).map_err(|error| error.to_string())?,
            code,
        ),
        "name" => {
            let name = Regex::new("^[a-z0-9.-]+/[^ /]+$").unwrap();
            match stdout.lines().find(|line| !name.is_match(line)) {
                Some(line) => Err(format!("{line:?} is no name")),
                None => Ok(()),
            }
        }
        "junit" => {
            let parsed = roxmltree::Document::parse(stdout).map_err(|error| error.to_string())?;
            let root = parsed.root_element();
            let count = |name| {
                root.attribute(name)
                    .and_then(|text| text.parse::<usize>().ok())
            };
            let bad = count("failures").zip(count("errors")).map(|(a, b)| a + b);
            match (count("tests"), bad) {
                (Some(1..), Some(bad)) if (bad > 0) == (code != 0) => Ok(()),
                counts => Err(format!("{counts:?} with exit code {code}")),
            }
        }
        other => Err(format!("no such format: {other}")),
    }
}

fn document(document: &Value, code: i32) -> Result<(), String> {
    let good = document["schema"] == "bmctl/v1"
        && document["kind"].is_string()
        && document["command"].is_string()
        && document["exitCode"] == code
        && document["warnings"].is_array()
        && (document["error"].is_null() || document["error"]["exitCode"] == code);
    if good {
        Ok(())
    } else {
        Err(document.to_string())
    }
}

/// Runs the same command in every format.
fn in_every_format(
    command: &str,
    code: i32,
    run: impl Fn(&[&str]) -> (Option<i32>, String, String),
) -> Result<(), Failed> {
    for format in FORMATS {
        let words: Vec<&str> = command.split(' ').chain(["-o", format]).collect();
        let (ended, stdout, stderr) = run(&words);
        if ended != Some(code) {
            return Err(format!("{command} -o {format}: {ended:?}, not {code}\n{stderr}").into());
        }
        is_a_result(format, &stdout, code)
            .map_err(|wrong| format!("{command} -o {format}: {wrong}\n{stdout}"))?;
    }
    Ok(())
}

fn on_stage(stage: &Stage, commands: &[(&str, i32)]) -> Result<(), Failed> {
    for (command, code) in commands {
        in_every_format(command, *code, |words| {
            let Ended {
                code,
                stdout,
                stderr,
                ..
            } = stage.bmctl(words);
            (code, stdout, stderr)
        })?;
    }
    Ok(())
}

fn without_a_cluster() -> Result<(), Failed> {
    let bench = Bench::new();
    for (command, code) in [
        ("version", 0),
        ("help", 0),
        ("help exit-codes", 0),
        ("enable vmruntime --help", 0),
        ("completion bash", 0),
        ("controller manifests", 0),
        ("help nonsense", 2),
        ("enable", 2),
        ("enable vmruntime --nonsense", 2),
        ("enable vmruntime --timeout soon", 2),
        ("check vmruntimepfc --kubeconfig nowhere", 2),
        ("status vmruntime --cluster ../..", 2),
        ("sandbox run --bare -- bmctl enable vmruntime", 8),
        ("sandbox run --bare -- nonsense", 2),
    ] {
        // The format of a command in a sandbox is asked for before its own words.
        let (before, after) = command.split_once(" -- ").unwrap_or((command, ""));
        in_every_format(before, code, |words| {
            let inner = after.split(' ').filter(|word| !word.is_empty());
            let dashes = (!after.is_empty()).then_some("--");
            let words: Vec<&str> = words.iter().copied().chain(dashes).chain(inner).collect();
            let ended = bench.bmctl_words(&words);
            (ended.code, ended.document(), ended.stderr)
        })?;
    }
    Ok(())
}

fn where_nothing_is_installed() -> Result<(), Failed> {
    on_stage(
        &Stage::bare(),
        &[
            ("enable vmruntime", 8),
            ("disable vmruntime", 8),
            ("update vmruntime --use-emulation", 8),
            ("status vmruntime", 8),
            ("wait vmruntime --for ready", 8),
            ("check vmruntimepfc", 8),
            ("get vmruntimepfc", 8),
            ("skip node worker-0", 2),
        ],
    )
}

fn with_a_node_that_fails() -> Result<(), Failed> {
    let stage = Stage::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    on_stage(
        &stage,
        &[
            ("get vmruntimepfc", 0),
            ("check vmruntimepfc", 3),
            ("get vmruntimepfc", 0),
            ("get vmruntimepfc nonsense", 8),
            ("disable vmruntime", 7),
            ("disable vmruntime --ensure", 0),
            ("enable vmruntime", 3),
            ("status vmruntime", 0),
            ("wait vmruntime --for ready", 3),
            ("wait vmruntime --for disabled", 12),
            ("update vmruntime --use-emulation=false", 0),
            ("skip node worker-1", 0),
            ("skip node worker-9", 2),
            ("check vmruntimepfc", 0),
            ("enable vmruntime --ensure", 0),
            ("enable vmruntime", 7),
        ],
    )?;
    let names = stage
        .bmctl(&["check", "vmruntimepfc", "-o", "name"])
        .succeeds()?;
    if !names
        .stdout
        .starts_with("vmruntimepreflightcheck.vm.cluster.gke.io/vmruntime-preflight-check-")
    {
        return Err(names.stdout.into());
    }
    stage
        .bmctl(&["skip", "node", "worker-1", "-o", "name"])
        .prints("node/worker-1\n")?;
    stage
        .bmctl(&["get", "vmruntimepfc", "-o", "wide"])
        .prints("FAILED-NODES   NODES   CREATED\n")?;
    stage
        .bmctl(&["check", "vmruntimepfc", "-o", "wide"])
        .prints("MESSAGE\n")?;
    Ok(())
}
