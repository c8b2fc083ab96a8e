//! The real binary, killed with SIGKILL wherever it happens to be, and run again: the same end, and everything that was
//! deleted is in the one backup. Meanwhile requests fail, and people create, hold and delete VMs and turn VM Runtime on
//! again. `BMCTL_KILL_RUNS=50` kills it more often.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
};

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};

use super::{
    DISKS, RUNTIME,
    chaos::rng::Rng,
    saved::{saved, verifies},
};
use crate::{
    faults::{Proxy, Script},
    test_cluster::{MACHINES, TestCluster, eventually, runtime},
};

pub fn trials() -> Vec<Trial> {
    tests!["disable": killed_anywhere_and_run_again]
}

/// So many runs in the ordinary suite.
const RUNS: u64 = 3;
/// About as many lines as a run says with `-vv`.
const LINES: u64 = 150;
/// So many requests of each run fail.
const FAULTS: usize = 6;
const HOLD: &str = "example.com/hold";

fn killed_anywhere_and_run_again() -> Result<(), Failed> {
    let runs = std::env::var("BMCTL_KILL_RUNS").ok();
    let runs = runs.and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let test_cluster = TestCluster::enabled()?;
    let proxy = Proxy::before(&test_cluster, Script::none());
    for run in 0..runs {
        let people = People {
            test_cluster: &test_cluster,
            rng: Rng(run),
            made: BTreeMap::new(),
            names: 0,
        };
        one(people, &proxy, run).map_err(|failed| {
            let text = failed.message().unwrap_or_default();
            Failed::from(format!("run {run}: {text}"))
        })?;
        test_cluster
            .bmctl(&["enable", "vmruntime", "--ensure"])
            .exits(0)?;
    }
    Ok(())
}

fn one(mut people: People<'_>, proxy: &Proxy, run: u64) -> Result<(), Failed> {
    let test_cluster = people.test_cluster;
    for _ in 0..3 {
        people.create();
    }
    eventually("running machines", || {
        let found = test_cluster
            .read(MACHINES)
            .map_err(|error| format!("{error:?}"))?;
        let machines = found["items"].as_array().cloned().unwrap_or_default();
        let running = machines
            .iter()
            .all(|machine| machine["status"]["state"] == "Running");
        (running && machines.len() == 3)
            .then_some(())
            .ok_or(found.to_string())
    })?;
    let folder = format!("saved-{run}");
    let arguments = |timeout| {
        let arguments = "disable vmruntime --force=true --ensure -vv --backup";
        let arguments = arguments.split(' ');
        arguments
            .chain([&*folder, "--timeout", timeout])
            .collect::<Vec<_>>()
    };
    for kill in 0..=people.rng.below(2) {
        proxy.play(Script::seeded(run * 10 + kill, FAULTS));
        let lines = people.rng.below(LINES);
        let command = proxy.bmctl_command(&arguments("15s"));
        kill_after(command, lines, || people.happen())?;
    }
    proxy.play(Script::none());
    people.release();
    test_cluster.bmctl(&arguments("50s")).exits(0)?;
    for path in [MACHINES, DISKS] {
        let left = people.items(path);
        if !left.is_empty() {
            return Err(format!("left over in {path}: {left:?}").into());
        }
    }
    let folder = test_cluster.folder().join(&folder);
    verifies(&folder)?;
    for (uid, name) in &people.made {
        saved(&folder, uid).map_err(|why| format!("{uid} of {name}: {why}"))?;
    }
    Ok(())
}

/// Who works on the cluster meanwhile. What the cluster does not permit does not happen.
struct People<'a> {
    test_cluster: &'a TestCluster,
    rng: Rng,
    /// UIDs of machines and disks that nobody else deletes, and their names.
    made: BTreeMap<String, String>,
    names: u64,
}

impl People<'_> {
    /// Now and then something.
    fn happen(&mut self) {
        match self.rng.below(60) {
            0 | 1 => self.create(),
            2 => self.hold(),
            3 => self.release(),
            4 => self.delete(),
            5 => {
                let on = json!({"spec": {"enabled": true}});
                drop(self.test_cluster.patch(RUNTIME, &on));
            }
            _ => {}
        }
    }

    fn create(&mut self) {
        self.names += 1;
        let name = format!("m{}", self.names);
        let goes_too = self.rng.one_in(2);
        let machine = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachine", "metadata": {"name": name},
            "spec": {"disks": [{"virtualMachineDiskName": name, "autoDelete": goes_too}]},
        });
        let disk = json!({
            "apiVersion": "vm.cluster.gke.io/v1", "kind": "VirtualMachineDisk",
            "metadata": {"name": name}, "spec": {"size": "1Gi"},
        });
        let Ok(disk) = self.test_cluster.create(DISKS, &disk) else {
            return;
        };
        match self.test_cluster.create(MACHINES, &machine) {
            Ok(machine) => {
                let both = [&disk, &machine].into_iter().filter_map(uid);
                self.made.extend(both.map(|uid| (uid, name.clone())));
            }
            // Without a machine it would be nobody's, and stay.
            Err(_) => self.remove(&format!("{DISKS}/{name}")),
        }
    }

    fn remove(&self, path: &str) {
        let request = http::Request::delete(path).body(Vec::new());
        let deletion = self.test_cluster.owner();
        // It may be gone.
        drop(runtime().block_on(deletion.request::<Value>(request.expect("a plain path"))));
    }

    fn items(&self, path: &str) -> Vec<Value> {
        let list = self.test_cluster.read(path).unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    fn one(&mut self) -> Option<Value> {
        let mut machines = self.items(MACHINES);
        let count = machines.len() as u64;
        let pick = usize::try_from(self.rng.below(count.max(1))).ok()?;
        (count > 0).then(|| machines.swap_remove(pick))
    }

    fn hold(&mut self) {
        if let Some(machine) = self.one() {
            let mut finalizers = finalizers(&machine);
            finalizers.push(HOLD.into());
            self.set_finalizers(&machine, &finalizers);
        }
    }

    fn release(&self) {
        for machine in self.items(MACHINES) {
            let mut finalizers = finalizers(&machine);
            finalizers.retain(|one| one != HOLD);
            self.set_finalizers(&machine, &finalizers);
        }
    }

    fn set_finalizers(&self, machine: &Value, finalizers: &[Value]) {
        let metadata = &machine["metadata"];
        let patch = json!({"metadata": {
            "resourceVersion": metadata["resourceVersion"], "finalizers": finalizers,
        }});
        // Somebody was faster.
        drop(self.test_cluster.patch(&path(machine), &patch));
    }

    /// Its disks are nobody's then, and may be here or gone.
    fn delete(&mut self) {
        let Some(machine) = self.one() else {
            return;
        };
        let name = machine["metadata"]["name"].as_str().unwrap_or_default();
        self.made.retain(|_, made| made != name);
        self.remove(&path(&machine));
        self.remove(&format!("{DISKS}/{name}"));
    }
}

fn path(machine: &Value) -> String {
    let name = machine["metadata"]["name"].as_str().unwrap_or_default();
    format!("{MACHINES}/{name}")
}

fn finalizers(machine: &Value) -> Vec<Value> {
    let finalizers = machine["metadata"]["finalizers"].as_array();
    finalizers.cloned().unwrap_or_default()
}

fn uid(object: &Value) -> Option<String> {
    object["metadata"]["uid"].as_str().map(str::to_owned)
}

/// Kills it when it has said so many lines; one that says less comes to its end. Something may happen at each line.
fn kill_after(
    mut command: std::process::Command,
    lines: u64,
    mut happen: impl FnMut(),
) -> Result<(), Failed> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let mut said = 0;
    for line in BufReader::new(stderr).lines() {
        line?;
        happen();
        said += 1;
        if said > lines {
            break;
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}
