//! Words from a cluster, a kubeconfig or the command line never reach a terminal, a log or a program as orders, and an
//! answer that is not the one that was asked for decides nothing.

mod answers;

use std::{fs, path::Path};

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::{
    events,
    output::{FORMATS, is_a_result},
    stage::{Ended, Stage},
};

pub fn trials() -> Vec<Trial> {
    let words = Trial::test("hostile::words_are_never_orders", words_are_never_orders);
    std::iter::once(words).chain(answers::trials()).collect()
}

/// It clears the screen, renames the window, rings, turns the reading direction round, hides, and is no XML.
const HOSTILE: &str = "evil\x1b[2J\x1b]0;title\x07\u{9b}31m\u{7}\u{8}\u{202e}\u{2066}\u{200b}\u{e0041}\u{ffff}\r\n::error::order\u{2028}<&\">]]>end";

/// What no output may contain, raw.
fn is_order(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
}

fn is_harmless(what: &str, text: &str) -> Result<(), Failed> {
    match text.lines().find(|line| line.contains(is_order)) {
        Some(line) => Err(format!("{what}: {line:?}").into()),
        None => Ok(()),
    }
}

fn words_are_never_orders() -> Result<(), Failed> {
    let stage = Stage::without_controller();
    infest(&stage)?;
    let text = fs::read_to_string(stage.kubeconfig())?;
    let config: serde_json::Value = serde_saphyr::from_str(&text)?;
    let mut infested = config.clone();
    let context = "evil\x1b[2J\u{202e}context";
    infested["current-context"] = json!(context);
    infested["contexts"][0]["name"] = json!(context);
    let kubeconfig = stage.folder().join("hostile");
    fs::write(&kubeconfig, infested.to_string())?;
    let kubeconfig = kubeconfig.display().to_string();

    let logs = stage.folder().join("logs");
    let hostile = HOSTILE.replace(['\r', '\n'], "");
    let commands: [(&[&str], i32); 6] = [
        (&["status", "vmruntime"], 5),
        (&["get", "vmruntimepfc"], 0),
        (&["get", "vmruntimepfc", "hostile"], 0),
        (&["get", "vmruntimepfc", &hostile], 8),
        (&["wait", "vmruntime", "--for", "preflight"], 3),
        (&["enable", "vmruntime", "--timeout", "0", &hostile], 2),
    ];
    for (words, code) in commands {
        for (at, format) in FORMATS.iter().enumerate() {
            let progress = ["plain", "json", "none"][at % 3];
            let logs = logs.display().to_string();
            let mut all = words.to_vec();
            all.extend([
                "-o",
                format,
                "--progress",
                progress,
                "-vv",
                "--log-dir",
                &logs,
            ]);
            all.extend(["--kubeconfig", &kubeconfig]);
            let Ended {
                what,
                stdout,
                stderr,
                ..
            } = stage.bmctl(&all).exits(code)?;
            let what = format!("{what:?}");
            is_harmless(&format!("stdout of {what}"), &stdout)?;
            is_harmless(&format!("stderr of {what}"), &stderr)?;
            is_a_result(format, &stdout, code)
                .map_err(|wrong| format!("{what}: {wrong}\n{stdout}"))?;
            if progress == "json" {
                events::read(&stderr, code)?;
            }
        }
    }
    // GitHub takes orders from both streams.
    let words = ["get", "vmruntimepfc", "hostile", "--ci", "github"];
    let read = stage.bmctl(&words).succeeds()?;
    if let Some(line) = read
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("::"))
    {
        return Err(format!("an order: {line:?}").into());
    }
    every_log_is_harmless(&logs)
}

/// What the cluster's owner, or a controller gone bad, can write.
fn infest(stage: &Stage) -> Result<(), Failed> {
    stage.create(
        "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": "hostile", "namespace": "vm-system"}, "spec": {},
        }),
    )?;
    let status = |object: &str, status: serde_json::Value| {
        let path = format!("/apis/vm.cluster.gke.io/v1/{object}/status");
        stage.patch(&path, &json!({"status": status}))
    };
    status(
        "namespaces/vm-system/vmruntimepreflightchecks/hostile",
        json!({
            "pass": false,
            "message": HOSTILE,
            "completionTime": "2026-01-01T00:00:00Z",
            "checks": {
                HOSTILE: {"passed": false, "results": [{"checkName": HOSTILE, "passed": false, "message": HOSTILE}]},
                "unknown": {"passed": false, "unknown": true, "results": [], "message": HOSTILE},
            },
        }),
    )?;
    let runtime = "/apis/vm.cluster.gke.io/v1/vmruntimes";
    if stage.read(&format!("{runtime}/vmruntime")).is_err() {
        stage.create(
            runtime,
            &json!({
                "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntime",
                "metadata": {"name": "vmruntime"}, "spec": {"enabled": true},
            }),
        )?;
    }
    status(
        "vmruntimes/vmruntime",
        json!({
            "phase": HOSTILE,
            "conditions": [{
                "type": HOSTILE, "status": "False", "reason": HOSTILE, "message": HOSTILE,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        }),
    )?;
    Ok(())
}

fn every_log_is_harmless(folder: &Path) -> Result<(), Failed> {
    let mut looked_at = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                is_harmless(&path.display().to_string(), &fs::read_to_string(&path)?)?;
                looked_at += 1;
            }
        }
    }
    if looked_at == 0 {
        return Err("there is no log".into());
    }
    Ok(())
}
