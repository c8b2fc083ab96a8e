//! Words from a cluster, a kubeconfig or the command line never reach a terminal, a log or a program as orders, and an
//! answer that is not the one that was asked for decides nothing.

mod answers;

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use crate::{
    events,
    faults::{Fault, On, Proxy, Script},
    output::{FORMATS, is_a_result},
    test_cluster::{Ended, Test, TestCluster, clean, finish},
};

pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 5] = [
        ("words_are_never_orders", words_are_never_orders),
        (
            "the_content_of_a_file_is_never_repeated",
            the_content_of_a_file_is_never_repeated,
        ),
        ("a_message_without_end_is_cut", a_message_without_end_is_cut),
        ("a_status_without_end_is_cut", a_status_without_end_is_cut),
        (
            "answers_without_end_are_given_up",
            answers_without_end_are_given_up,
        ),
    ];
    let named = |(name, test)| Trial::test(format!("hostile::{name}"), test);
    tests
        .map(named)
        .into_iter()
        .chain(answers::trials())
        .collect()
}

const CANARY: &str = "canary-token";

/// The secret, and how it looks in base64 wherever it begins.
fn pieces() -> Vec<String> {
    let encoded = (0..3).map(|before| {
        let text = STANDARD.encode(format!("{}{CANARY}", "x".repeat(before)));
        text[4..16].to_owned()
    });
    encoded.chain([CANARY.to_owned()]).collect()
}

/// What stands where a path or a name belongs when a shell was told `$(cat FILE)` instead of `FILE`: a kubeconfig in all
/// its forms, a token, a line of a file.
fn contents() -> Vec<(&'static str, String)> {
    let yaml = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:1'}}}}]\n\
         users:\n- name: u\n  user:\n    token: {CANARY}\n"
    );
    let json = json!({"apiVersion": "v1", "users": [{"name": "u", "user": {"token": CANARY}}]});
    let encoded = STANDARD.encode(&yaml);
    let wrapped = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned());
    let wrapped = wrapped.collect::<Vec<_>>().join("\n");
    let claims = STANDARD.encode(json!({"sub": CANARY}).to_string());
    vec![
        ("YAML", yaml.clone()),
        ("a YAML document", format!("---\n{yaml}")),
        (
            "a key",
            format!("-----BEGIN KEY-----\n{CANARY}\n-----END KEY-----\n"),
        ),
        ("JSON", json.to_string()),
        ("base64", encoded),
        ("base64 in lines", wrapped),
        ("a token", format!("eyJhbGciOiJSUzI1NiJ9.{claims}.{CANARY}")),
        ("a header", format!("Bearer {CANARY}")),
        ("a line", format!("    token: {CANARY}")),
        ("lines", format!("x:\n {CANARY}\n")),
    ]
}

fn the_content_of_a_file_is_never_repeated() -> Result<(), Failed> {
    const PLACES: [(&str, &[&str]); 20] = [
        ("KUBECONFIG", &["status", "vmruntime"]),
        (
            "KUBECONFIG",
            &["enable", "vmruntime", "--all-contexts", "--yes"],
        ),
        (
            "HTTPS_PROXY",
            &["status", "vmruntime", "--kubeconfig", "good"],
        ),
        ("", &["status", "vmruntime", "--kubeconfig"]),
        ("", &["status", "vmruntime", "--cluster"]),
        ("", &["status", "vmruntime", "--cluster", "a", "--cluster"]),
        (
            "",
            &["status", "vmruntime", "--kubeconfig", "good", "--context"],
        ),
        (
            "",
            &["status", "vmruntime", "--kubeconfig", "good", "--contexts"],
        ),
        ("", &["status", "vmruntime", "--kubeconfig", "good", "--as"]),
        (
            "",
            &["status", "vmruntime", "--kubeconfig", "good", "--output"],
        ),
        (
            "",
            &["enable", "vmruntime", "--kubeconfig", "good", "--timeout"],
        ),
        (
            "",
            &["disable", "vmruntime", "--kubeconfig", "good", "--confirm"],
        ),
        (
            "",
            &["disable", "vmruntime", "--kubeconfig", "good", "--backup"],
        ),
        (
            "",
            &["check", "vmruntimepfc", "--kubeconfig", "good", "--ignore"],
        ),
        ("", &["restore"]),
        ("", &["sandbox", "start", "--world"]),
        ("", &["sandbox", "start", "--node"]),
        (
            "",
            &[
                "controller",
                "run",
                "--kubeconfig",
                "good",
                "--engine-manifests",
            ],
        ),
        ("", &["explain"]),
        ("", &["status"]),
    ];
    let secrets = pieces();
    for (what, content) in contents() {
        for (variable, words) in PLACES {
            for format in ["text", "json"] {
                let folder = tempfile::tempdir()?;
                fs::create_dir(folder.path().join("bmctl-workspace"))?;
                fs::write(folder.path().join("good"), GOOD)?;
                let mut command = clean(env!("CARGO_BIN_EXE_bmctl"), folder.path());
                command
                    .args(["-o", format, "--report", "json=r.json", "-vv"])
                    .args(words);
                if variable.is_empty() {
                    command.arg(&content);
                } else {
                    command.env(variable, &content);
                }
                let ended = finish(command, what, words, "");
                let mut seen = vec![ended.stdout.clone(), ended.stderr.clone()];
                every_file(folder.path(), &mut |path, text| {
                    seen.push(path.display().to_string());
                    if !path.ends_with("good") {
                        seen.push(text.to_owned());
                    }
                })?;
                let leaks = |text: &&String| secrets.iter().any(|secret| text.contains(secret));
                let leak = seen.iter().find(leaks);
                if ended.code == Some(0) || leak.is_some() {
                    return Err(format!("{what} {variable} {words:?}: {leak:?} {ended}").into());
                }
            }
        }
    }
    Ok(())
}

const GOOD: &str = "
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";

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
    let test_cluster = TestCluster::without_controller();
    infest(&test_cluster)?;
    let text = fs::read_to_string(test_cluster.kubeconfig())?;
    let config: serde_json::Value = serde_saphyr::from_str(&text)?;
    let mut infested = config.clone();
    let context = "evil\x1b[2J\u{202e}context";
    infested["current-context"] = json!(context);
    infested["contexts"][0]["name"] = json!(context);
    let kubeconfig = test_cluster.folder().join("hostile");
    fs::write(&kubeconfig, infested.to_string())?;
    let kubeconfig = kubeconfig.display().to_string();

    let logs = test_cluster.folder().join("logs");
    let hostile = HOSTILE.replace(['\r', '\n'], "");
    let commands: [(&[&str], i32); 7] = [
        (&["status", "vmruntime"], 5),
        (&["get", "vmruntimepfc"], 0),
        (&["get", "vmruntimepfc", "hostile"], 0),
        (&["get", "vmruntimepfc", &hostile], 2),
        (&["get", "vmruntimepfc", "evil\u{202e}\u{200b}name"], 8),
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
            } = test_cluster.bmctl(&all).exits(code)?;
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
    let read = test_cluster.bmctl(&words).succeeds()?;
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
fn infest(test_cluster: &TestCluster) -> Result<(), Failed> {
    test_cluster.create(
        "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks",
        &json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VMRuntimePreflightCheck",
            "metadata": {"name": "hostile", "namespace": "vm-system"}, "spec": {},
        }),
    )?;
    let status = |object: &str, status: serde_json::Value| {
        let path = format!("/apis/vm.cluster.gke.io/v1/{object}/status");
        test_cluster.patch(&path, &json!({"status": status}))
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
    if test_cluster.read(&format!("{runtime}/vmruntime")).is_err() {
        test_cluster.create(
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
    let mut logs = Vec::new();
    every_file(folder, &mut |path, text| {
        logs.push((path.display().to_string(), text.to_owned()));
    })?;
    if logs.is_empty() {
        return Err("there is no log".into());
    }
    logs.iter()
        .try_for_each(|(path, text)| is_harmless(path, text))
}

fn every_file(folder: &Path, look: &mut impl FnMut(&Path, &str)) -> Result<(), Failed> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                look(&path, &fs::read_to_string(&path)?);
            }
        }
    }
    Ok(())
}

/// More than a screen, and nothing like what was sent.
const MOST_SHOWN: usize = 100_000;

/// In every format, on both streams, and in the log.
fn shown_in_every_way(
    words: &[&str],
    code: i32,
    logs: &Path,
    run: impl Fn(&[&str]) -> Ended,
) -> Result<(), Failed> {
    for (at, format) in FORMATS.iter().enumerate() {
        let progress = ["plain", "json", "none"][at % 3];
        let logs = logs.display().to_string();
        let flags = ["-o", format, "--progress", progress, "-vv"];
        let all = [words, &flags, &["--log-dir", &logs]].concat();
        let ended = run(&all).exits(code)?;
        is_a_result(format, &ended.stdout, code).map_err(|wrong| format!("{format}: {wrong}"))?;
        let shown = ended.stdout.len() + ended.stderr.len();
        if shown > MOST_SHOWN {
            return Err(format!("{words:?} -o {format}: {shown} bytes").into());
        }
    }
    let mut folders = vec![logs.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.metadata()? {
                found if found.is_dir() => folders.push(entry.path()),
                found if found.len() > MOST_SHOWN as u64 * 2 => {
                    return Err(format!("a log of {} bytes", found.len()).into());
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn a_message_without_end_is_cut() -> Result<(), Failed> {
    const BYTES: usize = 5_000_000;
    let test_cluster = TestCluster::bare();
    let proxy = Proxy::before(&test_cluster, Script::none());
    let logs = test_cluster.folder().join("logs");
    for (server, code) in [(403, 9), (401, 9), (409, 11), (422, 2)] {
        proxy.play(Script::none().always(On::Any, Fault::Words(server, BYTES)));
        let words = ["status", "vmruntime"];
        shown_in_every_way(&words, code, &logs, |words| proxy.bmctl(words))?;
        let json = proxy.bmctl(&["status", "vmruntime", "-o", "json"]);
        let document: Value = serde_json::from_str(&json.stdout)?;
        let cause = document["error"]["causes"][0].as_str().unwrap_or_default();
        if !cause.starts_with("AAA") || !cause.ends_with("(cut, 5000000 bytes in all)") {
            return Err(format!("{server}: {cause}").into());
        }
    }
    Ok(())
}

/// Conditions, and results of checks: so many, and so long.
fn a_status_without_end_is_cut() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    infest(&test_cluster)?;
    let long = "A".repeat(200_000);
    let condition = |at: usize| {
        let message = if at == 0 { &long } else { "x" };
        json!({
            "type": format!("Hostile{at}"), "status": "Unknown", "reason": "Hostile", "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let conditions: Vec<Value> = (0..5_000).map(condition).collect();
    test_cluster.patch(
        "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime/status",
        &json!({"status": {"phase": long, "conditions": conditions}}),
    )?;
    test_cluster.patch(
        "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks/hostile/status",
        &json!({"status": {"message": long, "checks": {
            "node": {"passed": false, "message": long, "results": [
                {"checkName": long, "passed": false, "message": long},
            ]},
        }}}),
    )?;
    let logs = test_cluster.folder().join("logs");
    let commands: [(&[&str], i32); 4] = [
        (&["status", "vmruntime"], 5),
        (&["get", "vmruntimepfc", "hostile"], 0),
        (&["wait", "vmruntime", "--for", "preflight"], 3),
        (
            // Nobody says that this check is the one that counts.
            &["wait", "vmruntime", "--for", "ready", "--timeout", "1s"],
            124,
        ),
    ];
    for (words, code) in commands {
        shown_in_every_way(words, code, &logs, |words| test_cluster.bmctl(words))?;
    }
    let json = test_cluster.bmctl(&["status", "vmruntime", "-o", "json"]);
    let document: Value = serde_json::from_str(&json.stdout)?;
    let shown = document["conditions"].as_array().map_or(0, Vec::len);
    if shown != 50 || document["moreConditions"] != 4_950 {
        return Err(format!("{shown} conditions").into());
    }
    Ok(())
}

fn answers_without_end_are_given_up() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    let on = |path| On::Request(Method::GET, path);
    for (command, on, fault, code, said) in [
        (
            "status vmruntime",
            On::Any,
            Fault::Endless(200),
            5,
            "larger than 64 MiB",
        ),
        (
            "get vmruntimepfc",
            On::Any,
            Fault::Endless(200),
            5,
            "larger than 64 MiB",
        ),
        (
            "enable vmruntime --ensure --use-emulation",
            On::Request(Method::PATCH, "/vmruntime"),
            Fault::Endless(200),
            5,
            "could not change vmruntime",
        ),
        // What is not known is not none.
        (
            "disable vmruntime",
            on("/virtualmachines"),
            Fault::Endless(200),
            5,
            "could not determine whether VMs exist",
        ),
        (
            "status vmruntime",
            On::Any,
            Fault::Endless(403),
            9,
            "{\"metadata\": \"xxx",
        ),
        (
            "check vmruntimepfc",
            On::Any,
            Fault::EndlessLine,
            0,
            "a line of the watch is longer than 8 MiB",
        ),
    ] {
        proxy.play(Script::none().always(on, fault));
        let words: Vec<&str> = command.split(' ').chain(["--progress", "plain"]).collect();
        proxy.bmctl(&words).exits(code)?.says(said)?;
    }
    Ok(())
}
