//! What explains the program to people and shells: `explain`, topics of `help`, manual pages, completion.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path, process::Command};

use bmctl::{
    commands::help::{Topic, variables},
    commands::typed::DEFAULTS,
};
use libtest_mimic::{Failed, Trial};
use regex::Regex;

use crate::{
    bench::Bench,
    source::sources,
    test_cluster::{TestCluster, clean, needs_kubectl},
};

type Outcome = Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = tests![
        "words":
        a_word_is_explained,
        everything_is_listed,
        an_unknown_word_is_usage,
        topics_are_printed,
        every_variable_is_described,
        every_command_has_a_page,
        bash_completes_commands,
        bash_completes_values,
        bash_completes_words_that_it_splits,
        bash_completes_nodes,
        a_cluster_that_is_away_offers_nothing,
        kubectl_gets_candidates,
    ];
    trials.push(needs_kubectl(
        "words::a_plugin_of_kubectl",
        a_plugin_of_kubectl,
    ));
    trials
}

fn a_word_is_explained() -> Outcome {
    // No kubeconfig, no workspace: it needs no cluster, and leaves no log.
    let bench = Bench::new().file("bmctl-workspace/keep", "");
    let told = bench.bmctl("explain tun").code(0)?;
    let told = told.stderr("")?;
    told.stdout(
        "TUN  node check\n  TUN/TAP network devices. The device /dev/net/tun, from which the engine makes the network interfaces of VMs.\n\n  \
        cause  The kernel module tun is not loaded; the engine loads it by opening the device.\n  \
        fix    If VMs start without a network: modprobe tun.\n         \
        $ cat /sys/devices/virtual/misc/tun/dev\n         $ modprobe tun\n",
    )?;
    let document = bench
        .bmctl("explain preflightfailed -o json")
        .code(0)?
        .json()?;
    let groups: Vec<&str> = document["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["group"].as_str())
        .collect();
    if groups != ["conditionReason", "error"] || document["kind"] != "ExplainResult" {
        return Err(document.to_string().into());
    }
    if bench.folder().join("bmctl-workspace/log").exists() {
        return Err("explain leaves a log".into());
    }
    Ok(())
}

fn everything_is_listed() -> Outcome {
    let bench = Bench::new();
    let entries = bench.bmctl("explain -o json").code(0)?.json()?["entries"].clone();
    let list = bench.bmctl("explain").code(0)?.stdout;
    let entries = entries.as_array().ok_or("no entries")?;
    for entry in entries {
        let id = entry["id"].as_str().unwrap_or_default();
        if !list
            .lines()
            .any(|line| line.split("   ").next() == Some(id))
        {
            return Err(format!("{id} is not in the list:\n{list}").into());
        }
    }
    let yaml = bench.bmctl("explain -o yaml").code(0)?.stdout;
    let read: serde_json::Value = serde_saphyr::from_str(&yaml)?;
    if read["entries"].as_array() == Some(entries) {
        Ok(())
    } else {
        Err("YAML and JSON differ".into())
    }
}

fn an_unknown_word_is_usage() -> Outcome {
    let bench = Bench::new();
    bench.bmctl("explain kvmm").code(2)?.stdout("")?.stderr(
        "error: there is nothing called kvmm to explain\n\
         hint: did you mean: bmctl explain KVM\n\
         hint: to see everything that can be explained: bmctl explain\n",
    )?;
    let document = bench.bmctl("explain xyzzy -o json").code(2)?.json()?;
    if document["error"]["reason"] == "UnknownTopic" {
        Ok(())
    } else {
        Err(document.to_string().into())
    }
}

fn topics_are_printed() -> Outcome {
    let bench = Bench::new();
    for topic in Topic::ALL {
        let told = bench.bmctl(&format!("help {}", topic.name())).code(0)?;
        told.stdout(&topic.text())?.stderr("")?;
    }
    Ok(())
}

/// Compares the topic with the names of variables in the source, both ways.
fn every_variable_is_described() -> Outcome {
    /// Read by libraries and by the system on our behalf.
    const ELSEWHERE: [&str; 5] = ["HOME", "KUBERNETES_SERVICE_PORT", "LANG", "PATH", "TMPDIR"];
    let name = Regex::new("\"([A-Z][A-Z0-9_]+|https?_proxy|all_proxy|no_proxy)\"").unwrap();
    let mut read = BTreeSet::new();
    let src = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for (path, _, code) in sources(Path::new(src)) {
        // What is set while bmctl is built is nobody's to set afterwards.
        if path == "build.rs" || path == "render/version.rs" {
            continue;
        }
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        if code.contains("env::var") {
            // The names of clap's values are spelled the same way.
            let lines = code.lines().filter(|line| !line.contains("value_name"));
            read.extend(lines.flat_map(|line| {
                let names = name.captures_iter(line);
                names.map(|found| found[1].to_owned()).collect::<Vec<_>>()
            }));
        }
    }
    read.extend(DEFAULTS.iter().map(|default| default.variable.to_owned()));
    let described: BTreeSet<String> = variables()
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    let missing: Vec<_> = read.difference(&described).collect();
    let idle: Vec<_> = described
        .difference(&read)
        .filter(|name| !ELSEWHERE.contains(&name.as_str()))
        .collect();
    if missing.is_empty() && idle.is_empty() {
        Ok(())
    } else {
        Err(format!("not in `help environment`: {missing:?}; never read: {idle:?}").into())
    }
}

fn every_command_has_a_page() -> Outcome {
    let bench = Bench::new();
    let document = bench.bmctl("man pages/new -o json").code(0)?.json()?;
    let pages = document["pages"].as_array().ok_or("no pages")?;
    for page in ["bmctl.1", "bmctl-enable.1", "bmctl-enable-vmruntime.1"] {
        if !pages.iter().any(|found| found == page) {
            return Err(format!("{page} is not among {pages:?}").into());
        }
        let text = fs::read_to_string(bench.folder().join("pages/new").join(page))?;
        if !text.contains(".SH NAME") || !text.contains("EXIT STATUS") {
            return Err(text.into());
        }
    }
    // Again, over those that are there; and where nothing can be written.
    bench.bmctl("man pages/new").code(0)?;
    let bench = bench.file("file", "");
    let refused = bench.bmctl("man file/below -o json").code(1)?.json()?;
    if refused["error"]["reason"] == "FileNotWritten" {
        Ok(())
    } else {
        Err(refused.to_string().into())
    }
}

/// What a real bash offers for the last of these words, by the script that `bmctl completion bash` prints.
fn offered(folder: &Path, environment: &[(&str, &str)], line: &str) -> Result<Vec<String>, Failed> {
    const ASK: &str = r#"
        source <(bmctl completion bash) || exit 9
        read -r -a COMP_WORDS <<<"$1"
        [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$1; COMP_POINT=${#1}; COMP_TYPE=9
        _clap_complete_bmctl bmctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = bash(folder, environment, ASK).arg(line).output()?;
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(format!("{line}: {output:?}").into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// A bash that runs this with the arguments that follow, and finds bmctl.
fn bash(folder: &Path, environment: &[(&str, &str)], script: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_bmctl"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap_or(binary).display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut bash = clean("bash", folder);
    bash.args(["--norc", "-c", script, "bash"])
        .env("PATH", path)
        .envs(environment.iter().copied());
    bash
}

fn offers(bench: &Bench, environment: &[(&str, &str)], line: &str, expected: &[&str]) -> Outcome {
    let got = offered(bench.folder(), environment, line)?;
    if got == expected {
        Ok(())
    } else {
        Err(format!("{line:?} offers {got:?}, not {expected:?}").into())
    }
}

fn bash_completes_commands() -> Outcome {
    let bench = Bench::new();
    offers(&bench, &[], "bmctl ena", &["enable"])?;
    offers(&bench, &[], "bmctl enable v", &["vmruntime"])?;
    offers(&bench, &[], "bmctl enable vmruntime --ens", &["--ensure"])?;
    offers(&bench, &[], "bmctl -o ya", &["yaml"])
}

fn bash_completes_values() -> Outcome {
    let config = |names: [&str; 2]| {
        let contexts = names.map(|name| format!("{{name: {name}, context: {{cluster: c}}}}"));
        format!(
            "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: [{}]\n",
            contexts.join(", ")
        )
    };
    let bench = Bench::new()
        .file(".kube/config", &config(["one", "other"]))
        .file("admin.conf", &config(["production", "private"]))
        .file("bmctl-workspace/a/a-kubeconfig", &config(["x", "y"]))
        .file("bmctl-workspace/b/b-kubeconfig", &config(["x", "y"]))
        .file("bmctl-workspace/log/keep", "");
    offers(&bench, &[], "bmctl --context o", &["one", "other"])?;
    offers(
        &bench,
        &[("KUBECONFIG", "admin.conf")],
        "bmctl --context ",
        &["private", "production"],
    )?;
    offers(
        &bench,
        &[],
        "bmctl --kubeconfig admin.conf --context pro",
        &["production"],
    )?;
    offers(
        &bench,
        &[],
        "bmctl status vmruntime --cluster ",
        &["a", "b"],
    )?;
    offers(&bench, &[], "bmctl -c a --context ", &["x", "y"])?;
    offers(&bench, &[], "bmctl --kubeconfig nowhere --context ", &[])?;
    // The noun is left out, or a variable says where.
    offers(&bench, &[], "bmctl enable --ens", &["--ensure"])?;
    offers(
        &bench,
        &[("BMCTL_KUBECONFIG", "admin.conf")],
        "bmctl --context pro",
        &["production"],
    )?;
    offers(
        &bench,
        &[],
        "bmctl disable vmruntime --kubeconfig admin.conf --confirm pro",
        &["production"],
    )?;
    offers(&bench, &[], "bmctl --kubeconfig adm", &["admin.conf"])?;
    offers(
        &bench,
        &[],
        "bmctl --kubeconfig=adm",
        &["--kubeconfig=admin.conf"],
    )?;
    offers(
        &bench,
        &[],
        "bmctl disable vmruntime --backup bmctl-w",
        &["bmctl-workspace/"],
    )?;
    offers(&bench, &[], "bmctl restore bmctl-w", &["bmctl-workspace/"])?;
    offers(
        &bench,
        &[],
        "bmctl --log-dir bmctl-w",
        &["bmctl-workspace/"],
    )?;
    offers(&bench, &[], "bmctl --report js", &["json="])?;
    offers(&bench, &[], "bmctl --report json=adm", &["json=admin.conf"])?;
    offers(
        &bench,
        &[],
        "bmctl check vmruntimepfc --ignore KV",
        &["KVM"],
    )?;
    offers(&bench, &[], "bmctl explain KV", &["KVM"])?;
    offers(&bench, &[], "bmctl help opt", &["options"])?;
    offers(&bench, &[], "bmctl help env", &["environment"])
}

/// Where bash splits words (`COMP_WORDBREAKS`), it replaces only what stands behind the last such character.
fn bash_completes_words_that_it_splits() -> Outcome {
    const ASK: &str = r#"
        source <(bmctl completion bash) || exit 9
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 replaced=$2; shift 2
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _clap_complete_bmctl bmctl "$replaced" ""
        printf '%s\n' "${COMPREPLY[@]}""#;
    let contexts = ["arn:aws:eks:r:1:cluster/prod", "admin@kube"]
        .map(|name| format!("{{name: '{name}', context: {{cluster: c}}}}"));
    let bench = Bench::new().file(
        ".kube/config",
        &format!(
            "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: [{}]\n",
            contexts.join(", ")
        ),
    );
    for (line, pieces, replaced, expected) in [
        (
            "--context arn",
            "--context arn",
            "arn",
            "arn:aws:eks:r:1:cluster/prod",
        ),
        (
            "--context arn:aw",
            "--context arn : aw",
            "aw",
            "aws:eks:r:1:cluster/prod",
        ),
        (
            "--context  arn:",
            "--context arn :",
            "",
            "aws:eks:r:1:cluster/prod",
        ),
        ("--context admin@k", "--context admin @k", "@k", "@kube"),
        ("--context=adm", "--context = adm", "adm", "admin@kube"),
        ("--context=admin@k", "--context = admin @k", "@k", "@kube"),
        (
            "--context=",
            "--context =",
            "",
            "arn:aws:eks:r:1:cluster/prod",
        ),
        ("--output=js", "--output = js", "js", "json"),
        ("--report json=.ku", "--report json = .ku", ".ku", ".kube/"),
        (
            "--report=json=.ku",
            "--report = json = .ku",
            ".ku",
            ".kube/",
        ),
        (
            "--context=admin@kube --output=js",
            "--context = admin @kube --output = js",
            "js",
            "json",
        ),
        (
            "--context \"arn:aw",
            "--context \"arn:aw",
            "arn:aw",
            "arn:aws:eks:r:1:cluster/prod",
        ),
    ] {
        let line = format!("bmctl status vmruntime {line}");
        let pieces = format!("bmctl status vmruntime {pieces}");
        let output = bash(bench.folder(), &[], ASK)
            .args([&line, replaced])
            .args(pieces.split(' '))
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        if !text.lines().any(|offered| offered == expected) {
            return Err(format!("{line:?} offers {text:?}, not {expected:?}").into());
        }
    }
    Ok(())
}

fn bash_completes_nodes() -> Outcome {
    let test_cluster = TestCluster::new();
    let kubeconfig = test_cluster.kubeconfig().display().to_string();
    let bench = Bench::new();
    let environment = [("KUBECONFIG", kubeconfig.as_str())];
    // The engine gives up after half a second, which a busy machine may take once.
    for (line, expected) in [
        ("bmctl skip node wor", "worker-0"),
        ("bmctl skip wor", "worker-0"),
        ("bmctl check vmruntimepfc --ignore KVM=wor", "KVM=worker-0"),
    ] {
        crate::test_cluster::eventually("nodes as candidates", || {
            offers(&bench, &environment, line, &[expected]).map_err(|error| format!("{error:?}"))
        })?;
    }
    bench
        .bmctl(&format!(
            "check vmruntimepfc --name first --kubeconfig {kubeconfig}"
        ))
        .code(0)?;
    for (begun, expected) in [("fir", "first"), ("lat", "latest")] {
        let line = format!("bmctl get vmruntimepfc {begun}");
        crate::test_cluster::eventually("preflight checks as candidates", || {
            offers(&bench, &environment, &line, &[expected]).map_err(|error| format!("{error:?}"))
        })?;
    }
    Ok(())
}

fn a_cluster_that_is_away_offers_nothing() -> Outcome {
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let server = format!("http://{}", silent.local_addr()?);
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: one, context: {{cluster: c}}}}]\ncurrent-context: one\n"
    );
    let bench = Bench::new().file(".kube/config", &config);
    offers(&bench, &[], "bmctl skip node w", &[])?;
    // Nor does a kubeconfig that is none.
    let bench = Bench::new().file(".kube/config", "[");
    offers(&bench, &[], "bmctl unskip node w", &[])?;
    offers(&bench, &[], "bmctl --context ", &[])
}

/// kubectl's own protocol: candidates with their help, and what to do with them.
fn kubectl_gets_candidates() -> Outcome {
    let bench = Bench::new();
    let link = bench.folder().join("kubectl_complete-vmruntime");
    symlink(env!("CARGO_BIN_EXE_bmctl"), &link)?;
    let output = clean(&link, bench.folder())
        .args(["enable", "vmruntime", "--ens"])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    if output.status.success() && text.starts_with("--ensure\t") && text.ends_with("\n:4\n") {
        Ok(())
    } else {
        Err(text.into())
    }
}

/// Everything that a plugin says to paste begins with kubectl's words.
fn a_plugin_of_kubectl() -> Outcome {
    let test_cluster = TestCluster::bare();
    let links = test_cluster.folder().join("links");
    fs::create_dir(&links)?;
    symlink(env!("CARGO_BIN_EXE_bmctl"), links.join("kubectl-vmruntime"))?;
    let path = format!(
        "{}:{}",
        links.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let plugin = |words: &[&str]| {
        let all = [&["vmruntime"], words].concat();
        test_cluster.kubectl_with(&all, &[("PATH", &path)])
    };
    plugin(&["enable", "vmruntime", "--help"])
        .prints("Usage: kubectl vmruntime enable vmruntime")?
        .prints("  kubectl vmruntime enable vmruntime --use-emulation")?;
    plugin(&["help", "exit-codes"]).prints("'kubectl vmruntime explain CODE'")?;
    plugin(&["explain", "vmsexist"])
        .prints("$ kubectl vmruntime disable vmruntime --force=true")?;
    plugin(&["explain", "kvmm"])
        .exits(2)?
        .says("did you mean: kubectl vmruntime explain KVM")?;
    plugin(&["enable", "vmruntime", "--frobnicate"])
        .exits(2)?
        .says("Usage: kubectl vmruntime enable vmruntime")?;
    let kubeconfig = test_cluster.kubeconfig().display().to_string();
    let refused = plugin(&[
        "status",
        "vmruntime",
        "--kubeconfig",
        &kubeconfig,
        "-o",
        "json",
    ]);
    let refused = refused.exits(8)?;
    let document: serde_json::Value = serde_json::from_str(&refused.stdout)?;
    let hint = document["error"]["hints"][0].as_str().unwrap_or_default();
    let expected = format!(
        "kubectl vmruntime controller manifests --image IMAGE | kubectl --kubeconfig {kubeconfig} --context sandbox apply -f -"
    );
    if document["exitCode"] == 8 && hint.ends_with(&expected) {
        Ok(())
    } else {
        Err(format!("{hint:?} does not end with {expected:?}").into())
    }
}
