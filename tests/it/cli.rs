//! What the command line holds without any cluster: help, wrong usage, wrong kubeconfigs, a closed port.

use std::{fs, net::TcpListener, process::Stdio};

use libtest_mimic::{Failed, Trial};

use crate::bench::Bench;

type Outcome = Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    tests![
        "cli":
        version_in_the_products_words,
        the_version_by_flag,
        what_people_bring_along_is_understood,
        what_was_meant_is_said,
        variables_are_defaults,
        short_help_fits_a_screen,
        exit_codes_are_printed,
        every_command_has_help,
        wrong_usage_exits_2,
        wrong_usage_is_a_document_too,
        a_mistyped_word_gets_the_nearest,
        nouns_as_kubectl_takes_them,
        booleans_and_durations,
        a_missing_context_names_the_nearest,
        a_closed_port_exits_10,
        colour_follows_the_environment,
        a_log_only_where_there_is_a_workspace,
        a_reader_that_leaves_is_no_error,
        a_full_disk_is_an_error,
    ]
}

const COMMANDS: [&str; 5] = [
    "enable vmruntime",
    "disable vmruntime",
    "check vmruntimepfc",
    "get vmruntimepfc",
    "status vmruntime",
];

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: production\n\
         clusters: [{{name: prod, cluster: {{server: '{server}'}}}}]\n\
         users: [{{name: me, user: {{token: not-a-real-token}}}}]\n\
         contexts: [{{name: production, context: {{cluster: prod, user: me}}}}]\n"
    )
}

/// An address on which nothing listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("https://{}", listener.local_addr().unwrap())
}

fn version_in_the_products_words() -> Outcome {
    Bench::new()
        .bmctl("version")
        .code(0)?
        .stdout(&format!("bmctl version: {}\n", env!("CARGO_PKG_VERSION")))?
        .stderr("")?;
    let document = Bench::new().bmctl("version -o json").code(0)?.json()?;
    if document["kind"] != "VersionResult"
        || document["version"] != env!("CARGO_PKG_VERSION")
        || !matches!(
            document["build"]["profile"].as_str(),
            Some("release" | "development")
        )
        || !document["build"]["target"]
            .as_str()
            .is_some_and(|target| target.contains('-'))
    {
        return Err(document.to_string().into());
    }
    Ok(())
}

fn the_version_by_flag() -> Outcome {
    let bench = Bench::new();
    for flag in ["--version", "-V", "-V enable vmruntime"] {
        bench
            .bmctl(flag)
            .code(0)?
            .stdout(&format!("bmctl version: {}\n", env!("CARGO_PKG_VERSION")))?
            .stderr("")?;
    }
    let document = bench.bmctl("--version -o json").code(0)?.json()?;
    if document["kind"] != "VersionResult" || document["command"] != "version" {
        return Err(document.to_string().into());
    }
    Ok(())
}

/// That they got so far as to look for the cluster shows that they were taken; which command it was, the document.
fn what_people_bring_along_is_understood() -> Outcome {
    let bench = Bench::new().file("kubeconfig", &kubeconfig(&closed()));
    for (words, command) in [
        (&["status"][..], "status vmruntime"),
        (&["get", "vmruntime"], "status vmruntime"),
        (&["describe", "VMRuntime", "vmruntime"], "status vmruntime"),
        (&["describe", "vmruntimepfc/one"], "get vmruntimepfc"),
        (
            &["Enable", "vmruntimes", "--wait", "false"],
            "enable vmruntime",
        ),
        (
            &["enable", "vmruntime\r", "–-fail-fast", "=", "false"],
            "enable vmruntime",
        ),
        (
            &["disable", "vmruntime", "--force", "=", "false"],
            "disable vmruntime",
        ),
        (
            &["disable", "--force", "false", "--ensure=true"],
            "disable vmruntime",
        ),
        (&["skip", "node/worker-0"], "skip node"),
        (&["auth", "enable", "vmruntime"], "auth check"),
    ] {
        let words = [words, &["--kubeconfig", "kubeconfig", "-o", "json"]].concat();
        let document = bench.bmctl_words(&words).code(10)?.json()?;
        if document["command"] != command {
            return Err(format!("{words:?}: {document}").into());
        }
    }
    Ok(())
}

fn what_was_meant_is_said() -> Outcome {
    let bench = Bench::new();
    bench
        .bmctl("vmruntime enable --context prod --wait false")
        .code(2)?
        .stdout("")?
        .stderr(
            "error: the verb comes first\n\
             hint: in the right order: bmctl enable vmruntime --context prod --wait=false\n",
        )?;
    bench
        .bmctl("disable vmruntime —force=true")
        .code(2)?
        .stdout("")?
        .stderr(
            "error: there are characters in it that a word processor or a web page has put there, such as – or “\n\
             hint: what was probably meant: bmctl disable vmruntime --force=true\n",
        )?;
    bench
        .bmctl("create cluster -c prod")
        .code(2)?
        .stdout("")?
        .stderr(
            "error: 'create cluster' is a command of Google's bmctl; ours turns VM Runtime of a cluster on and off, and checks its nodes\n\
             hint: Google's program has the same name: run it by its path\n\
             hint: what ours does: bmctl --help\n",
        )?;
    bench
        .bmctl("get vmruntimepfc -n vm-system")
        .code(2)?
        .stdout("")?
        .stderr(
            "error: there is no -n: VM Runtime is one for the whole cluster, and its checks are in namespace vm-system\n\
             hint: without it: bmctl get vmruntimepfc\n",
        )?;
    let document = bench.bmctl("vmruntime enable -o json").code(2)?.json()?;
    if document["error"]["reason"] != "InvalidUsage" || document["exitCode"] != 2 {
        return Err(document.to_string().into());
    }
    Ok(())
}

fn variables_are_defaults() -> Outcome {
    let bench = Bench::new()
        .file("kubeconfig", &kubeconfig(&closed()))
        .environment("BMCTL_KUBECONFIG", "kubeconfig")
        .environment("BMCTL_OUTPUT", "json")
        .environment("BMCTL_CONTEXT", "productoin");
    let document = bench.bmctl("status").code(2)?.json()?;
    if document["error"]["reason"] != "ContextNotFound" {
        return Err(document.to_string().into());
    }
    let document = bench
        .bmctl("status --context production")
        .code(10)?
        .json()?;
    if document["cluster"]["context"] != "production" {
        return Err(document.to_string().into());
    }
    let wrong = Bench::new().environment("BMCTL_OUTPUT", "xml");
    wrong.bmctl("status").code(2)?.stdout("")?.stderr(
        "error: BMCTL_OUTPUT is xml\n\
         caused by: expected one of text, wide, json, yaml, name, junit, jsonpath=\n",
    )?;
    wrong.bmctl("help environment").code(0)?;
    // What it names is another cluster than the one around the command.
    let bench = Bench::new()
        .environment("BMCTL_KUBECONFIG", "elsewhere")
        .environment("BMCTL_CONTEXT", "production");
    let inside = bench.bmctl("sandbox run --bare -- status -o json");
    let document = inside.json()?;
    if document["cluster"]["context"] != "sandbox" {
        return Err(document.to_string().into());
    }
    Ok(())
}

/// The definition is measured beside the code; this is what comes out, where nobody knows how wide the terminal is.
fn short_help_fits_a_screen() -> Outcome {
    let bench = Bench::new();
    for command in COMMANDS
        .iter()
        .chain(&["", "sandbox start", "controller run"])
    {
        let help = bench.bmctl(&format!("{command} -h")).code(0)?.stderr("")?;
        let lines = help.stdout.trim_end().lines().count();
        let wide = help.stdout.lines().find(|line| line.chars().count() > 80);
        if lines > 24 || wide.is_some() {
            return Err(format!("{command}: {lines} lines, {wide:?}").into());
        }
    }
    bench.bmctl("help options").code(0)?.stderr("")?;
    Ok(())
}

fn exit_codes_are_printed() -> Outcome {
    let help = Bench::new().bmctl("help exit-codes").code(0)?.stderr("")?;
    for exit in bmctl::exit::Exit::ALL {
        let line = format!("  {:>3}  {}\n", exit.code(), exit.meaning());
        if !help.stdout.contains(&line) {
            return Err(format!("{line:?} is missing in\n{}", help.stdout).into());
        }
    }
    Ok(())
}

fn every_command_has_help() -> Outcome {
    let bench = Bench::new();
    for command in COMMANDS {
        let asked = bench
            .bmctl(&format!("help {command}"))
            .code(0)?
            .stderr("")?;
        let flag = bench
            .bmctl(&format!("{command} --help"))
            .code(0)?
            .stderr("")?;
        if asked.stdout != flag.stdout || !asked.stdout.contains("Examples:") {
            return Err(format!("{command}:\n{}\n{}", asked.stdout, flag.stdout).into());
        }
    }
    bench
        .bmctl("help frobnicate")
        .code(2)?
        .stdout("")?
        .stderr("error: bmctl has no command or topic 'frobnicate'\nhint: bmctl help\n")?;
    Ok(())
}

fn wrong_usage_exits_2() -> Outcome {
    let bench = Bench::new();
    bench
        .bmctl("disable vmruntime --force=maybe")
        .code(2)?
        .stdout("")?
        .stderr(
            "error: invalid value 'maybe' for '--force[=<BOOL>]': expected true or false\n\n\
             For more information, try '--help'.\n",
        )?;
    for words in [
        "frobnicate",
        "check",
        "enable vmruntime --frobnicate",
        "enable vmruntime --use-emulation maybe",
        "enable vmruntime --vm-image-format vmdk",
        "enable vmruntime --color sometimes",
        "enable vmruntime -q -v",
        "",
    ] {
        bench.bmctl(words).code(2)?.stdout("")?;
    }
    Ok(())
}

fn wrong_usage_is_a_document_too() -> Outcome {
    let bench = Bench::new();
    let json = bench
        .bmctl("enable vmruntime --frobnicate -o json")
        .code(2)?;
    let document = json.json()?;
    if document["exitCode"] != 2
        || document["error"]["reason"] != "InvalidUsage"
        || document["error"]["message"] != "unexpected argument '--frobnicate' found"
    {
        return Err(json.stdout.into());
    }
    let yaml = bench
        .bmctl("enable vmruntime --frobnicate -o yaml")
        .code(2)?;
    if !yaml
        .stdout
        .starts_with("schema: bmctl/v1\nkind: ErrorResult\n")
    {
        return Err(yaml.stdout.into());
    }
    Ok(())
}

fn a_mistyped_word_gets_the_nearest() -> Outcome {
    let bench = Bench::new();
    bench.bmctl("enable vmruntim").code(2)?.stdout("")?.stderr(
        "error: unrecognized subcommand 'vmruntim'\n\n  tip: a similar subcommand exists: 'vmruntime'\n\n\
         Usage: bmctl enable [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n",
    )?;
    let flag = bench.bmctl("enable vmruntime --use-emulatoin").code(2)?;
    if !flag
        .stderr
        .contains("a similar argument exists: '--use-emulation'")
    {
        return Err(flag.stderr.into());
    }
    Ok(())
}

fn nouns_as_kubectl_takes_them() -> Outcome {
    let bench = Bench::new().file("kubeconfig", &kubeconfig(&closed()));
    for (verb, nouns) in [
        (
            "enable",
            &[
                "vmruntime",
                "vmruntimes",
                "vmruntime.vm.cluster.gke.io",
                "vmruntimes.vm.cluster.gke.io",
                "vmruntime/vmruntime",
            ] as &[_],
        ),
        (
            "check",
            &[
                "vmruntimepfc",
                "vmruntimepreflightcheck",
                "vmruntimepreflightchecks",
                "vmruntimepreflightchecks.vm.cluster.gke.io",
            ],
        ),
    ] {
        for noun in nouns {
            bench
                .bmctl(&format!("{verb} {noun} --kubeconfig kubeconfig"))
                .code(10)?;
        }
    }
    Ok(())
}

fn booleans_and_durations() -> Outcome {
    let bench = Bench::new().file("kubeconfig", &kubeconfig(&closed()));
    for flags in [
        "disable vmruntime --force",
        "disable vmruntime --force=true",
        "disable vmruntime --force=false",
        "enable vmruntime --use-emulation",
        "enable vmruntime --use-emulation=0 --wait=FALSE",
        "enable vmruntime --wait --timeout 1h30m",
        "enable vmruntime --timeout 0",
        "enable vmruntime --timeout=90s --request-timeout 0 --vm-image-format qcow2",
    ] {
        bench
            .bmctl(&format!("{flags} --kubeconfig kubeconfig"))
            .code(10)?;
    }
    Ok(())
}

fn a_missing_context_names_the_nearest() -> Outcome {
    let bench = Bench::new().file("kubeconfig", &kubeconfig("https://127.0.0.1:9"));
    let text = bench
        .bmctl("enable vmruntime --kubeconfig kubeconfig --context productoin")
        .code(2)?
        .stdout("")?;
    if !text.stderr.contains("production") {
        return Err(text.stderr.into());
    }
    let json = bench
        .bmctl("enable vmruntime --kubeconfig kubeconfig --context productoin -o json")
        .code(2)?
        .json()?;
    if json["error"]["exitCode"] != 2 || !json["cluster"].is_null() {
        return Err(json.to_string().into());
    }
    bench.bmctl("enable vmruntime --kubeconfig none").code(2)?;
    bench.bmctl("enable vmruntime").code(2)?.stdout("")?;
    Ok(())
}

fn a_closed_port_exits_10() -> Outcome {
    let server = closed();
    let bench = Bench::new().file("kubeconfig", &kubeconfig(&server));
    bench
        .bmctl("enable vmruntime --kubeconfig kubeconfig --progress none")
        .code(10)?
        .stdout("")?
        .stderr(
            "Cluster: production (https://127.0.0.1:[port])\n\
             error: could not read vmruntime\n\
             caused by: Connection refused (os error 111)\n\
             hint: nothing listens there: is the API server up, and is the port right?\n",
        )?;
    for command in COMMANDS {
        for (format, parse) in [("json", true), ("yaml", false)] {
            let ended = bench
                .bmctl(&format!("{command} --kubeconfig kubeconfig -o {format}"))
                .code(10)?;
            if parse {
                let document = ended.json()?;
                if document["command"] != command
                    || document["exitCode"] != 10
                    || document["error"]["retryable"] != true
                    || document["cluster"]["context"] != "production"
                {
                    return Err(ended.stdout.into());
                }
            }
            if ended.stdout.contains("not-a-real-token")
                || ended.stderr.contains("not-a-real-token")
            {
                return Err("a secret was printed".into());
            }
        }
    }
    Ok(())
}

fn colour_follows_the_environment() -> Outcome {
    let colored = |bench: Bench, flags: &str| {
        bench
            .bmctl(&format!("enable vmruntime --kubeconfig none {flags}"))
            .stderr
            .contains('\x1b')
    };
    let forced = || Bench::new().environment("CLICOLOR_FORCE", "1");
    for (bench, flags, expected) in [
        (Bench::new(), "", false),
        (Bench::new(), "--color always", true),
        (forced(), "", true),
        (forced(), "--color never", false),
        (forced().environment("NO_COLOR", "1"), "", false),
    ] {
        if colored(bench, flags) != expected {
            return Err(format!("{flags:?} should be {expected}").into());
        }
    }
    Ok(())
}

fn a_log_only_where_there_is_a_workspace() -> Outcome {
    let command = "check vmruntimepfc --kubeconfig kubeconfig";
    let bench = Bench::new().file("kubeconfig", &kubeconfig(&closed()));
    bench.bmctl(command).code(10)?;
    if bench.folder().join("bmctl-workspace").exists() {
        return Err("a workspace was made".into());
    }
    fs::create_dir(bench.folder().join("bmctl-workspace")).unwrap();
    bench.bmctl(command).code(10)?;
    bench.bmctl("version").code(0)?;
    let runs: Vec<_> = fs::read_dir(bench.folder().join("bmctl-workspace/log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [run] = runs.as_slice() else {
        return Err(format!("{runs:?}").into());
    };
    let log = fs::read_to_string(run.join("check-vmruntimepfc.log")).unwrap();
    if !log.contains("stderr: error: could not create a preflight check")
        || log.contains("not-a-real-token")
    {
        return Err(log.into());
    }
    Ok(())
}

fn a_reader_that_leaves_is_no_error() -> Outcome {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_bmctl"))
        .args(["help", "enable", "vmruntime"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    if output.status.code() != Some(0) || !output.stderr.is_empty() {
        return Err(format!("{output:?}").into());
    }
    Ok(())
}

fn a_full_disk_is_an_error() -> Outcome {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bmctl"))
        .arg("version")
        .stdout(
            fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        )
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(1) || !stderr.contains("could not write the result to stdout") {
        return Err(format!("{output:?}").into());
    }
    Ok(())
}
