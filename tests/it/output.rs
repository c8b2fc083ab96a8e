//! What programs rely on: in every format stdout is what `-o` says and nothing else, and the exit code is the same.

pub mod fault;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use libtest_mimic::{Failed, Trial};
use regex::Regex;
use serde_json::Value;

use crate::{
    bench::Bench,
    schema,
    test_cluster::{Ended, Host, TestCluster, clean, finish},
};

pub fn trials() -> Vec<Trial> {
    tests![
        "output":
        without_a_cluster,
        where_nothing_is_installed,
        with_a_node_that_fails,
        files_are_written_on_every_ending,
        a_report_to_stdout_loses_nothing,
        a_file_that_can_not_be_written_is_found_first,
        an_interrupted_command_writes_its_files,
        a_signal_that_was_ignored_stays_ignored,
        a_fault_of_the_program_is_a_result,
        a_fault_in_the_middle_is_a_result,
    ]
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
        "markdown" => {
            let told = stdout.starts_with("## ")
                && stdout.contains(" bmctl ")
                && stdout.contains(&format!("\nexit code {code}"));
            told.then_some(())
                .ok_or_else(|| format!("not exit code {code}"))
        }
        "html" => {
            let told = stdout.starts_with("<!doctype html>\n")
                && stdout.ends_with("</html>\n")
                && stdout.contains(&format!("<dt>Exit code</dt><dd>{code}</dd>"));
            told.then_some(())
                .ok_or_else(|| format!("not exit code {code}"))
        }
        other => Err(format!("no such format: {other}")),
    }
}

fn document(document: &Value, code: i32) -> Result<(), String> {
    let told = document["exitCode"] == code
        && (document["error"].is_null() || document["error"]["exitCode"] == code);
    if told {
        schema::is_result(document)
    } else {
        Err(format!("not exit code {code}: {document}"))
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

fn on_stage(test_cluster: &TestCluster, commands: &[(&str, i32)]) -> Result<(), Failed> {
    for (command, code) in commands {
        in_every_format(command, *code, |words| {
            let Ended {
                code,
                stdout,
                stderr,
                ..
            } = test_cluster.bmctl(words);
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
        &TestCluster::bare(),
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
    let test_cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    on_stage(
        &test_cluster,
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
            ("update vmruntime --use-emulation=false", 3),
            ("skip node worker-1", 0),
            ("skip node worker-9", 2),
            ("check vmruntimepfc", 0),
            ("enable vmruntime --ensure", 0),
            ("enable vmruntime", 7),
        ],
    )?;
    let names = test_cluster
        .bmctl(&["check", "vmruntimepfc", "-o", "name"])
        .succeeds()?;
    if !names
        .stdout
        .starts_with("vmruntimepreflightcheck.vm.cluster.gke.io/vmruntime-preflight-check-")
    {
        return Err(names.stdout.into());
    }
    test_cluster
        .bmctl(&["skip", "node", "worker-1", "-o", "name"])
        .prints("node/worker-1\n")?;
    test_cluster
        .bmctl(&["get", "vmruntimepfc", "-o", "wide"])
        .prints("FAILED-NODES   NODES   CREATED\n")?;
    test_cluster
        .bmctl(&["check", "vmruntimepfc", "-o", "wide"])
        .prints("MESSAGE\n")?;
    Ok(())
}

/// The formats of files.
fn file_formats() -> impl Iterator<Item = &'static str> {
    FORMATS.into_iter().chain(["markdown", "html"])
}

/// The flags for a file of each format, in this folder.
fn reports(folder: &Path) -> Vec<String> {
    file_formats()
        .map(|format| format!("--report={format}={}", folder.join(format).display()))
        .collect()
}

fn are_results(folder: &Path, code: i32) -> Result<(), Failed> {
    for format in file_formats() {
        let path = folder.join(format);
        let text = fs::read_to_string(&path).map_err(|error| format!("{format}: {error}"))?;
        is_a_result(format, &text, code).map_err(|wrong| format!("{format}: {wrong}\n{text}"))?;
        let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
        if mode != 0o644 {
            return Err(format!("{format} has mode {mode:o}").into());
        }
        fs::remove_file(path)?;
    }
    match fs::read_dir(folder)?.next() {
        Some(left) => Err(format!("{} was left behind", left?.path().display()).into()),
        None => Ok(()),
    }
}

fn files_are_written_on_every_ending() -> Result<(), Failed> {
    let test_cluster = TestCluster::with_hosts(&[("worker-0", Host::WithoutKvm)]);
    let folder = tempfile::tempdir()?;
    let reports = reports(folder.path());
    for (command, code) in [
        ("status vmruntime", 0),
        ("check vmruntimepfc", 3),
        ("check vmruntimepfc --nonsense", 2),
        ("check vmruntimepfc --log-dir /dev/null", 2),
        ("check vmruntimepfc --context nonsense", 2),
        ("disable vmruntime", 7),
        ("sandbox run --bare -- bmctl status vmruntime", 8),
        ("sandbox run --bare -- sh -c true", 0),
        ("sandbox run --bare -- nonsense", 2),
    ] {
        let (before, after) = command.split_once(" -- ").unwrap_or((command, ""));
        let dashes = (!after.is_empty()).then_some("--");
        let words: Vec<&str> = before
            .split(' ')
            .chain(reports.iter().map(String::as_str))
            .chain(dashes)
            .chain(after.split(' ').filter(|word| !word.is_empty()))
            .collect();
        test_cluster.bmctl(&words).exits(code)?;
        are_results(folder.path(), code).map_err(|wrong| format!("{command}: {wrong:?}"))?;
    }
    Ok(())
}

fn a_file_that_can_not_be_written_is_found_first() -> Result<(), Failed> {
    let test_cluster = TestCluster::new();
    for path in ["missing/r.xml", ".", ""] {
        let report = format!("junit={path}");
        test_cluster
            .bmctl(&[
                "enable",
                "vmruntime",
                "--report",
                &report,
                "--report",
                "json=good.json",
            ])
            .exits(2)?;
    }
    let good = fs::read_to_string(test_cluster.folder().join("good.json"))?;
    is_a_result("json", &good, 2)?;
    std::os::unix::fs::symlink("r", test_cluster.folder().join("link"))?;
    for other in ["r", "./r", "link"] {
        let report = format!("yaml={other}");
        test_cluster
            .bmctl(&[
                "enable",
                "vmruntime",
                "--report",
                "json=r",
                "--report",
                &report,
            ])
            .exits(2)?
            .says("another report goes to the same file")?;
    }
    let kubeconfig = fs::read(test_cluster.kubeconfig())?;
    let report = format!("json={}", test_cluster.kubeconfig().display());
    for wrong in [&[][..], &["--nope"]] {
        let words = ["enable", "vmruntime", "--report", &report];
        let named = [
            "--kubeconfig",
            test_cluster.kubeconfig().to_str().unwrap_or_default(),
        ];
        let words = [&words[..], &named, wrong].concat();
        test_cluster.bmctl(&words).exits(2)?;
        let after = fs::read(test_cluster.kubeconfig())?;
        if after != kubeconfig {
            return Err(format!("the kubeconfig is a report now: {words:?}").into());
        }
    }
    test_cluster
        .bmctl(&["status", "vmruntime"])
        .prints("VM Runtime is disabled.\n")?;
    Ok(())
}

/// Whatever stdout is, the result, the report, and what others write there stay.
fn a_report_to_stdout_loses_nothing() -> Result<(), Failed> {
    const STATUS: &str = "status vmruntime -o name --report json=/dev/stdout";
    let test_cluster = TestCluster::new();
    let words: Vec<&str> = STATUS.split(' ').collect();
    let piped = test_cluster.bmctl(&words).exits(0)?.stdout;
    let script = format!("exec >log; echo before; \"$0\" {STATUS}; echo after");
    let mut command = clean("sh", test_cluster.folder());
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_bmctl")])
        .env("KUBECONFIG", test_cluster.kubeconfig());
    finish(command, "sh", &["-c", &script], "").exits(0)?;
    let log = fs::read_to_string(test_cluster.folder().join("log"))?;
    let whole = log.starts_with("before\n") && log.ends_with("after\n");
    for (where_to, text) in [("pipe", &piped), ("file", &log)] {
        let name = text.contains("vmruntime.vm.cluster.gke.io/vmruntime\n");
        if !(name && text.contains("\"exitCode\": 0") && whole) {
            return Err(format!("{where_to}: {text}").into());
        }
    }
    Ok(())
}

fn an_interrupted_command_writes_its_files() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    // A hangup comes twice where a shell passes it on: that is no second signal, which would end the command at once.
    for (signals, code) in [
        (&["INT"][..], 130),
        (&["TERM"], 143),
        (&["HUP", "HUP"], 143),
    ] {
        if signals.iter().any(|signal| is_ignored(signal)) {
            // Whoever started this test has it so (`cargo test &` in a script), and it is inherited.
            continue;
        }
        let folder = tempfile::tempdir()?;
        let mut words = vec!["check", "vmruntimepfc", "-o", "json"];
        let reports = reports(folder.path());
        words.extend(reports.iter().map(String::as_str));
        let command = test_cluster.bmctl_command(&words);
        let ended = signalled(command, signals, &words.join(" "))?.exits(code)?;
        is_a_result("json", &ended.stdout, code)?;
        are_results(folder.path(), code)?;
    }
    Ok(())
}

/// `nohup bmctl …`, and `bmctl … &` in a script.
fn a_signal_that_was_ignored_stays_ignored() -> Result<(), Failed> {
    let test_cluster = TestCluster::without_controller();
    let check = test_cluster.bmctl_command(&["check", "vmruntimepfc"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' INT HUP; exec \"$0\" \"$@\""])
        .arg(check.get_program())
        .args(check.get_args())
        .current_dir(test_cluster.folder())
        .env("KUBECONFIG", test_cluster.kubeconfig());
    // Were one of the first two listened to, the third would be the second signal and the code another.
    signalled(command, &["INT", "HUP", "TERM"], "check")?
        .exits(143)?
        .says("terminated: ")?;
    Ok(())
}

/// Sends the signals as soon as the check is there, and waits for the end.
fn signalled(mut command: Command, signals: &[&str], what: &str) -> Result<Ended, Failed> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut first = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !first.contains("check created") {
        first.clear();
        if lines.read_line(&mut first)? == 0 {
            return Err("it ended before it was interrupted".into());
        }
    }
    let id = child.id().to_string();
    for signal in signals {
        Command::new("kill").args(["-s", signal, &id]).status()?;
    }
    let rest = std::thread::spawn(move || std::io::read_to_string(lines));
    let mut ended = Ended::of(child, what.to_owned());
    ended.stderr = rest.join().unwrap()?;
    Ok(ended)
}

fn is_ignored(signal: &str) -> bool {
    let number = match signal {
        "HUP" => 1,
        "INT" => 2,
        _ => 15,
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits >> (number - 1) & 1 == 1)
}

/// The runtime of programs that use several threads panics over this variable.
fn a_fault_of_the_program_is_a_result() -> Result<(), Failed> {
    let bench = Bench::new().environment("TOKIO_WORKER_THREADS", "none");
    for command in ["controller run", "sandbox start"] {
        in_every_format(command, 1, |words| {
            let reports = ["--report", "json=r.json", "--report", "junit=r.xml"];
            let ended = bench.bmctl_words(&[words, &reports].concat());
            (ended.code, ended.stdout, ended.stderr)
        })?;
        written_by_a_fault(bench.folder())?;
    }
    let events = bench.bmctl("sandbox start --progress json");
    crate::events::read(&events.stderr, 1)?;
    Ok(())
}

/// This very test binary is a program that fails after it has claimed its files, in a thread that is not the first.
fn a_fault_in_the_middle_is_a_result() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    for format in FORMATS {
        let mut command = clean(std::env::current_exe()?, folder.path());
        let words = [
            "-o",
            format,
            "--report",
            "json=r.json",
            "--report",
            "junit=r.xml",
        ];
        command.arg(fault::WORD).args(words);
        let ended = finish(command, "fault", &words, "")
            .exits(1)?
            .says("caused by: on purpose")?;
        is_a_result(format, &ended.stdout, 1)?;
        written_by_a_fault(folder.path())?;
    }
    // Nothing but what was asked for.
    match fs::read_dir(folder.path())?.next() {
        Some(left) => Err(format!("{left:?} is left").into()),
        None => Ok(()),
    }
}

fn written_by_a_fault(folder: &Path) -> Result<(), Failed> {
    for (format, file) in [("json", "r.json"), ("junit", "r.xml")] {
        let path = folder.join(file);
        let text = fs::read_to_string(&path)?;
        is_a_result(format, &text, 1)?;
        if !text.contains("InternalError") {
            return Err(text.into());
        }
        fs::remove_file(path)?;
    }
    Ok(())
}
