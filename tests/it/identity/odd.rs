//! What a kubeconfig should not say, and the program takes all the same or refuses in a sentence: never a panic, always a
//! result. What a file should not be: a pipe that nobody writes to does not keep a command.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use libtest_mimic::{Failed, Trial};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::Value;

use super::{cluster, equal};
use crate::{
    bench::Bench,
    faults::{Proxy, Script},
    output::is_a_result,
    test_cluster::{Ended, TestCluster, clean, eventually, finish},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "identity":
        an_odd_kubeconfig_is_a_sentence_and_a_document,
        names_beyond_ascii_are_sent,
        data_in_lines_is_taken,
        what_never_comes_does_not_keep_a_command,
        a_kubeconfig_from_a_pipe_is_read_once,
    ]
}

fn kubeconfig(server: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
         clusters: [{{name: c, cluster: {{server: {server}, insecure-skip-tls-verify: true}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    )
}

fn an_odd_kubeconfig_is_a_sentence_and_a_document() -> Result<(), Failed> {
    const CLOSED: &str = "'https://127.0.0.1:1'";
    const TOKEN: &str = "token: t";
    let marked = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let text = kubeconfig(CLOSED, TOKEN);
        mark.into_iter()
            .chain(text.encode_utf16().flat_map(unit))
            .collect()
    };
    let (little, big) = (
        marked([0xff, 0xfe], u16::to_le_bytes),
        marked([0xfe, 0xff], u16::to_be_bytes),
    );
    let server = |server: &str| kubeconfig(server, TOKEN).into_bytes();
    let user = |user: &str| kubeconfig(CLOSED, user).into_bytes();
    let long = format!("'https://127.0.0.1:1/{}'", "x".repeat(65_400));
    let cases: Vec<(&str, Vec<u8>, i32)> = vec![
        ("HOST:PORT", server("127.0.0.1:1"), 10),
        ("HOST", server("localhost.invalid"), 10),
        ("no host", server("'*'"), 10),
        ("another kind", server("mailto:x"), 2),
        ("another scheme", server("ftp://host"), 2),
        ("an impossible port", server("'https://127.0.0.1:99999'"), 2),
        ("an endless path", server(&long), 2),
        ("a space", server("'https://a b'"), 2),
        ("a line break", user("token: \"abc\\n\""), 2),
        ("a zero", user("token: \"a\\0b\""), 2),
        ("delete", user("token: \"a\\x7f\""), 2),
        ("beyond ASCII", user("token: tökén"), 10),
        (
            "a password with a line break",
            user("username: \"a\\n\", password: \"b\\n\""),
            10,
        ),
        (
            "a user with a line break",
            user("token: t, as: \"a\\nb\""),
            2,
        ),
        (
            "a group with a zero",
            user("token: t, as: a, as-groups: [\"\\0\"]"),
            2,
        ),
        (
            "a plugin with a zero",
            user(
                "exec: {apiVersion: client.authentication.k8s.io/v1, command: \"a\\0\", interactiveMode: Never}",
            ),
            9,
        ),
        ("UTF-16", little.clone(), 10),
        ("UTF-16 the other way round", big.clone(), 10),
        ("UTF-16 cut short", little[..little.len() - 1].to_vec(), 2),
        (
            "UTF-16 cut short, the other way round",
            big[..big.len() - 1].to_vec(),
            2,
        ),
        ("no text", vec![0xff; 100], 2),
        ("zeros", vec![0; 100], 2),
        ("too much", vec![b'#'; 17 << 20], 2),
        ("too deep", vec![b'['; 100_000], 2),
    ];
    let bench = Bench::new();
    for (what, bytes, code) in cases {
        fs::write(bench.folder().join("kubeconfig"), bytes)?;
        let words =
            "enable vmruntime --kubeconfig kubeconfig -o json --report json=r.json --timeout 10s";
        let ended = bench
            .bmctl(words)
            .code(code)
            .map_err(|error| format!("{what}: {error:?}"))?;
        if ended.stderr.contains("made a mistake") {
            return Err(format!("{what}: {}", ended.stderr).into());
        }
        for document in [
            &ended.stdout,
            &fs::read_to_string(bench.folder().join("r.json"))?,
        ] {
            is_a_result("json", document, code).map_err(|wrong| format!("{what}: {wrong}"))?;
        }
    }
    // The same of the other ways in.
    let good = bench.file("kubeconfig", &kubeconfig(CLOSED, TOKEN));
    good.bmctl_words(&[
        "status",
        "vmruntime",
        "--kubeconfig",
        "kubeconfig",
        "--as",
        "a\nb",
    ])
    .code(2)?;
    for (proxy, code) in [
        ("http://eve:\x01@proxy", 2),
        ("http://proxy:port", 2),
        ("a b", 2),
        ("://", 2),
    ] {
        let bench = Bench::new()
            .file("kubeconfig", &kubeconfig("'https://10.0.0.1:1'", TOKEN))
            .environment("HTTPS_PROXY", proxy)
            .environment("NO_PROXY", ",,");
        bench
            .bmctl("status vmruntime --kubeconfig kubeconfig")
            .code(code)?;
    }
    Ok(())
}

fn names_beyond_ascii_are_sent() -> Result<(), Failed> {
    let test_cluster = TestCluster::bare();
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy.bmctl(&[
        "status",
        "vmruntime",
        "--as",
        "jürgen",
        "--as-group",
        "größer",
    ]);
    let seen = proxy.requests().pop().ok_or("no request")?;
    let header = |name: &str| seen.headers.get(name).map(http::HeaderValue::as_bytes);
    equal(&header("impersonate-user"), &Some("jürgen".as_bytes()))?;
    equal(&header("impersonate-group"), &Some("größer".as_bytes()))
}

/// `base64` wraps its output at 76 columns, and Go reads it.
fn data_in_lines_is_taken() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    proxy.edit(|kubeconfig| {
        let data = cluster(kubeconfig)
            .certificate_authority_data
            .as_mut()
            .unwrap();
        let lines: Vec<&str> = data
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        *data = lines.join("\r\n") + "\n";
    });
    proxy.bmctl(&super::STATUS).exits(0)?;
    Ok(())
}

fn pipe(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    path.display().to_string()
}

fn what_never_comes_does_not_keep_a_command() -> Result<(), Failed> {
    let bench = Bench::new().file(
        "kubeconfig",
        &kubeconfig("'https://127.0.0.1:1'", "tokenFile: never"),
    );
    pipe(bench.folder(), "never");
    for (words, code) in [
        ("enable vmruntime --kubeconfig never --timeout 1s", 124),
        (
            "enable vmruntime --kubeconfig never --all-contexts --timeout 1s",
            124,
        ),
        ("enable vmruntime --kubeconfig kubeconfig --timeout 1s", 9),
        ("status vmruntime --kubeconfig /dev/zero", 2),
    ] {
        let report = format!("{words} -o json --report json=r.json");
        let ended = bench.bmctl(&report).code(code)?;
        is_a_result("json", &ended.stdout, code)?;
        let report = fs::read_to_string(bench.folder().join("r.json"))?;
        is_a_result("json", &report, code)?;
    }
    for words in [
        "status vmruntime --kubeconfig never",
        "status vmruntime --kubeconfig never --all-contexts",
        "status vmruntime --kubeconfig kubeconfig",
        "sandbox start --world never",
        "controller run --kubeconfig never",
    ] {
        let mut command = clean(env!("CARGO_BIN_EXE_bmctl"), bench.folder());
        command
            .args(words.split(' '))
            .args(["-o", "json", "--log-dir", "logs"]);
        let ended = terminated(command, &bench.folder().join("logs"), words)?.exits(143)?;
        is_a_result("json", &ended.stdout, 143)?;
    }
    Ok(())
}

/// Sends SIGTERM once it runs: its log is opened after it has begun to listen for signals.
fn terminated(mut command: Command, logs: &Path, what: &str) -> Result<Ended, Failed> {
    let _ = fs::remove_dir_all(logs);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    eventually("a log", || {
        let found = fs::read_dir(logs).map_err(|error| error.to_string())?;
        found.flatten().next().map(drop).ok_or("no log".to_owned())
    })?;
    let id = child.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status()?;
    Ok(Ended::of(child, what.to_owned()))
}

/// As `--kubeconfig <(COMMAND)`: what was read is gone.
fn a_kubeconfig_from_a_pipe_is_read_once() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let mut text: Value = serde_saphyr::from_str(&fs::read_to_string(test_cluster.kubeconfig())?)?;
    let mut second = text["contexts"][0].clone();
    second["name"] = "second".into();
    text["contexts"].as_array_mut().unwrap().push(second);
    for (at, flags) in ["", "--all-contexts", "--contexts sandbox,second"]
        .iter()
        .enumerate()
    {
        let path = pipe(test_cluster.folder(), &format!("pipe-{at}"));
        let content = text.to_string();
        let writing = std::thread::spawn({
            let path = path.clone();
            move || fs::write(path, content)
        });
        let words = format!("status vmruntime --kubeconfig {path} {flags}");
        let words: Vec<&str> = words.split_whitespace().collect();
        let ended = finish(test_cluster.bmctl_command(&words), "bmctl", &words, "").exits(0)?;
        writing.join().unwrap()?;
        if at > 0 {
            ended.prints("second")?;
        }
    }
    Ok(())
}
