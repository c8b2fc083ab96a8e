//! The commands of docs/guide-gdc.md, on a cluster with Google's controller.

use std::fs;

use bmctl::simulator::gdc::{RELEASES, Release};
use libtest_mimic::{Failed, Trial};

use crate::{
    pages::blocks,
    test_cluster::{MACHINES, TestCluster, clean, finish, with_gdc},
};

const PAGE: &str = include_str!("../../../docs/guide-gdc.md");

pub fn trials() -> Vec<Trial> {
    let name = |release: &Release| format!("gdc::{}::the_guide_works", release.name);
    RELEASES
        .iter()
        .map(|release| Trial::test(name(release), move || with_gdc(release, it_works)))
        .collect()
}

/// The commands of the page, without the remarks behind them.
fn commands() -> Vec<String> {
    let blocks = blocks(PAGE);
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    lines
        .filter_map(|line| {
            let command = line.split('#').next()?.trim();
            command.strip_prefix("bmctl ").map(str::to_owned)
        })
        .collect()
}

/// Each of them ends well in the situation that it is for.
fn it_works() -> Result<(), Failed> {
    let commands = commands();
    if commands.len() < 6 {
        return Err(format!("the page has only {commands:?}").into());
    }
    let test_cluster = TestCluster::new();
    for cluster in ["prod", "lab"] {
        let folder = test_cluster.folder().join("bmctl-workspace").join(cluster);
        fs::create_dir_all(&folder)?;
        let kubeconfig = folder.join(format!("{cluster}-kubeconfig"));
        fs::copy(test_cluster.kubeconfig(), kubeconfig)?;
    }
    for command in commands {
        let disables = command.starts_with("disable");
        if disables {
            test_cluster
                .bmctl(&["enable", "vmruntime", "--ensure"])
                .exits(0)?;
        } else if command.starts_with("enable") {
            test_cluster
                .bmctl(&["disable", "vmruntime", "--ensure"])
                .exits(0)?;
        }
        if command.contains("--force=true") {
            test_cluster.run_machine("db")?;
        }
        // As an administrator types it: the kubeconfig is found by the name of the cluster.
        let mut program = clean(env!("CARGO_BIN_EXE_bmctl"), test_cluster.folder());
        let words: Vec<&str> = command.split_whitespace().collect();
        program.args(&words);
        finish(program, "bmctl", &words, "").exits(0)?;
        if disables && test_cluster.read(MACHINES)?["items"] != serde_json::json!([]) {
            return Err(format!("VMs are left after {command}").into());
        }
    }
    Ok(())
}
