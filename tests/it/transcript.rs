//! Transcripts: what the real binary says, word for word, over the main tests. They are kept in `tests/it/transcripts`
//! and read like documentation; what differs from run to run (times, ports, ids) is replaced by a name for it.

use std::fs;

use bmctl::command_id::{CommandId, Effect};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use crate::{
    bench::Bench,
    golden,
    test_cluster::{Host, TestCluster},
};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = tests![
        "transcript":
        on_and_off,
        a_node_without_kvm,
        some_of_the_nodes,
        machines_in_the_way,
        nothing_installed,
    ];
    trials.push(Trial::test(
        "transcript::whatever_changes_something_names_its_cluster",
        whatever_changes_something_names_its_cluster,
    ));
    trials
}

/// Every command that is suggested anywhere in the transcripts.
fn whatever_changes_something_names_its_cluster() -> Result<(), Failed> {
    const NAMES: [&str; 2] = ["--kubeconfig ", "--context "];
    let changing: Vec<String> = CommandId::ALL
        .iter()
        .filter(|command| command.effect() == Effect::Changes)
        .map(|command| format!("bmctl {command}"))
        .chain(["apply", "create", "delete", "annotate"].map(|verb| format!("kubectl {verb}")))
        .collect();
    let mut seen = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/transcripts"))? {
        let path = file?.path();
        let text = fs::read_to_string(&path)?;
        for line in text.lines().filter(|line| !line.starts_with("$ ")) {
            for command in &changing {
                let Some((_, words)) = line.split_once(command.as_str()) else {
                    continue;
                };
                seen += 1;
                if !NAMES.iter().all(|name| words.contains(name)) {
                    return Err(format!("{}: {line}", path.display()).into());
                }
            }
        }
    }
    if seen < 10 {
        return Err(format!("only {seen} suggestions were found").into());
    }
    Ok(())
}

/// Runs the commands one after the other on the cluster, and compares everything that they say with the kept file.
fn tell(name: &str, cluster: &TestCluster, commands: &[&str]) -> Result<(), Failed> {
    let kubeconfig = cluster.kubeconfig().display().to_string();
    let bench = Bench::new().environment("KUBECONFIG", &kubeconfig);
    let mut text = String::new();
    for command in commands {
        // Which states are seen on the way depends on the machine; that is `vertical`'s matter.
        let ended = bench.bmctl(&format!("{command} --progress none"));
        text.push_str(&ended.whole(&format!("bmctl {command}")));
    }
    let text = text.replace(&kubeconfig, "[kubeconfig]");
    golden::is_current(&format!("tests/it/transcripts/{name}.txt"), &text)
}

fn on_and_off() -> Result<(), Failed> {
    let cluster = TestCluster::new();
    tell(
        "on_and_off",
        &cluster,
        &[
            "check vmruntimepfc",
            "enable vmruntime",
            "enable vmruntime",
            "enable vmruntime -o json",
            "enable vmruntime --ensure",
            "check vmruntimepfc -o yaml",
            "disable vmruntime",
            "disable vmruntime",
            "disable vmruntime --ensure -o json",
        ],
    )
}

fn a_node_without_kvm() -> Result<(), Failed> {
    let cluster =
        TestCluster::with_hosts(&[("worker-0", Host::WithKvm), ("worker-1", Host::WithoutKvm)]);
    tell(
        "a_node_without_kvm",
        &cluster,
        &[
            "check vmruntimepfc",
            "check vmruntimepfc -o json",
            "enable vmruntime",
            "enable vmruntime --use-emulation --ensure",
        ],
    )
}

fn some_of_the_nodes() -> Result<(), Failed> {
    let cluster = TestCluster::with_hosts(&[
        ("worker-1", Host::WithKvm),
        ("worker-2", Host::WithoutKvm),
        ("worker-10", Host::WithKvm),
    ]);
    for name in ["worker-1", "worker-10"] {
        let label = json!({"metadata": {"labels": {"rack": "a"}}});
        cluster.patch(&format!("/api/v1/nodes/{name}"), &label)?;
    }
    tell(
        "some_of_the_nodes",
        &cluster,
        &[
            "check vmruntimepfc -l rack=a",
            "check vmruntimepfc --latest --failed",
            "check vmruntimepfc --latest -l rack=a --fail-on warn -o yaml",
            "check vmruntimepfc --latest --node worker-1 --node worker-2",
            "check vmruntimepfc -l rack=b",
            "check vmruntimepfc --node worker-3",
            "check vmruntimepfc -l ===",
            "skip node --failed --dry-run",
            "skip node --failed",
            "skip node --failed --yes",
            "check vmruntimepfc --node worker-2",
            "skip node --failed --yes",
            "unskip node -l rack=a",
            "unskip node --node worker-2 --dry-run=server -o json",
        ],
    )
}

fn machines_in_the_way() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    for name in ["db", "web"] {
        cluster.run_machine(name)?;
    }
    tell(
        "machines_in_the_way",
        &cluster,
        &[
            "disable vmruntime",
            "disable vmruntime -o json",
            "disable vmruntime --force=true --dry-run",
            "disable vmruntime --force=true",
        ],
    )
}

fn nothing_installed() -> Result<(), Failed> {
    let cluster = TestCluster::bare();
    tell(
        "nothing_installed",
        &cluster,
        &[
            "enable vmruntime",
            "disable vmruntime -o json",
            "check vmruntimepfc -o yaml",
        ],
    )
}
