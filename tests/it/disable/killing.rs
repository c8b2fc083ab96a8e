//! The real binary, killed with SIGKILL wherever it happens to be, and run again: the same end, and everything that was
//! deleted is in the one backup. `BMCTL_KILL_RUNS=50` kills it more often.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{DISKS, chaos::dice::Dice, saved::saved};
use crate::stage::{MACHINES, Stage, eventually};

pub fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "disable::killed_anywhere_and_run_again",
        killed,
    )]
}

/// So many runs in the ordinary suite.
const RUNS: u64 = 3;
/// About as many lines as a run says with `-vv`.
const LINES: u64 = 150;

fn killed() -> Result<(), Failed> {
    let runs = std::env::var("BMCTL_KILL_RUNS").ok();
    let runs = runs.and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let stage = Stage::enabled()?;
    for run in 0..runs {
        one(&stage, run).map_err(|failed| {
            let text = failed.message().unwrap_or_default();
            Failed::from(format!("run {run}: {text}"))
        })?;
        stage.bmctl(&["enable", "vmruntime", "--ensure"]).exits(0)?;
    }
    Ok(())
}

fn one(stage: &Stage, run: u64) -> Result<(), Failed> {
    let mut dice = Dice(run);
    for name in ["a", "b", "c"] {
        let disk = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachineDisk",
            "metadata": {"name": name}, "spec": {"size": "1Gi"},
        });
        stage.create(DISKS, &disk)?;
        let machine = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine", "metadata": {"name": name},
            "spec": {"disks": [{"virtualMachineDiskName": name, "autoDelete": dice.one_in(2)}]},
        });
        stage.create(MACHINES, &machine)?;
    }
    eventually("running machines", || {
        let found = stage.read(MACHINES).map_err(|error| format!("{error:?}"))?;
        let machines = found["items"].as_array().cloned().unwrap_or_default();
        let running = machines
            .iter()
            .all(|machine| machine["status"]["state"] == "Running");
        (running && machines.len() == 3)
            .then_some(())
            .ok_or(found.to_string())
    })?;
    let before: Vec<String> = [uids(stage, MACHINES)?, uids(stage, DISKS)?].concat();
    let folder = format!("saved-{run}");
    let mut arguments = vec![
        "disable",
        "vmruntime",
        "--force=true",
        "--ensure",
        "--timeout",
        "50s",
        "--backup",
        &folder,
    ];
    arguments.push("-vv");
    for _ in 0..=dice.below(2) {
        kill_after(stage, &arguments, dice.below(LINES))?;
    }
    stage.bmctl(&arguments[..arguments.len() - 1]).exits(0)?;
    for path in [MACHINES, DISKS] {
        let left = uids(stage, path)?;
        if !left.is_empty() {
            return Err(format!("left over in {path}: {left:?}").into());
        }
    }
    for uid in &before {
        saved(&stage.folder().join(&folder), uid).map_err(|why| format!("{uid}: {why}"))?;
    }
    Ok(())
}

fn uids(stage: &Stage, path: &str) -> Result<Vec<String>, Failed> {
    let list = stage.read(path)?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let uid = |item: &serde_json::Value| item["metadata"]["uid"].as_str().map(str::to_owned);
    Ok(items.iter().filter_map(uid).collect())
}

/// Kills it when it has said so many lines; one that says less comes to its end.
fn kill_after(stage: &Stage, arguments: &[&str], lines: u64) -> Result<(), Failed> {
    let mut child = stage
        .bmctl_command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let mut said = 0;
    for line in BufReader::new(stderr).lines() {
        line?;
        said += 1;
        if said > lines {
            break;
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}
