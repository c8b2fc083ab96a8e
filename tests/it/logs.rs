//! What a CI system keeps of a change: all of stderr, line by line.
//!
//! Which states are seen on the way depends on the machine. So a log is held against a list: every line is of it, those that
//! always come are there, in its order, and none comes twice.

use std::{collections::HashSet, time::Duration};

use libtest_mimic::{Failed, Trial};
use regex::Regex;

use crate::test_cluster::{Ended, Host, TestCluster};

/// As long as a line may be, with its time.
const LONGEST: usize = 120;

pub fn trials() -> Vec<Trial> {
    tests!["logs": of_a_disable_with_machines, of_an_enable]
}

/// A line of the list: `!` always comes, once; `?` may.
type Line = (char, &'static str);

const DISABLE: &[Line] = &[
    ('!', r"Cluster: sandbox \(https://127\.0\.0\.1:\d+\)"),
    (
        '!',
        r"TIME deleting 3 virtualmachines\.vm\.cluster\.gke\.io",
    ),
    (
        '?',
        r"TIME (Deleting VMs and what belongs to them: )?still there: \d+ [a-z.]+(, \d+ others)?",
    ),
    (
        '!',
        r"TIME Waiting until VM Runtime is off \([A-Za-z]+\)(: [^;]+(; [^;]+)*)?",
    ),
    (
        '?',
        r"TIME (Ready|Fencing|Uninstalling): (the controller has not|VM creation is closed|making sure that no VM is left|the pods in|pods left in).*",
    ),
    (
        '?',
        r"TIME Uninstalling: (KubeVirt kubevirt|CDI cdi|the engine's operators|the ClusterRoles of VM Runtime) .*",
    ),
    (
        '?',
        r"TIME Uninstalling: labels and annotations of the engine are being removed from 1 node.*",
    ),
];

const ENABLE: &[Line] = &[
    ('!', r"Cluster: sandbox \(https://127\.0\.0\.1:\d+\)"),
    (
        '!',
        r"TIME Waiting until VM Runtime is ready( \([A-Za-z]+\))?(: [^;]+(; [^;]+)*)?",
    ),
    (
        '?',
        r"TIME check started: vmruntime-preflight-check-[0-9a-f-]{36}",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: (the engine is being installed|no preflight check|the controller has not).*",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: (.*; )?(the preflight check (is running|has not been read yet)|the controller has not taken up the preflight check): .*",
    ),
    ('?', r"TIME [A-Z][a-z]+: (KubeVirt|CDI) is .*"),
    (
        '!',
        r"TIME check passed: vmruntime-preflight-check-[0-9a-f-]{36}",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: (VM creation|the admission policies|status.ready|Ready is|Progressing is).*",
    ),
];

fn of_a_disable_with_machines() -> Result<(), Failed> {
    let cluster = TestCluster::enabled()?;
    for name in ["one", "two", "three"] {
        cluster.run_machine(name)?;
    }
    let ended = cluster
        .bmctl(&["disable", "vmruntime", "--force=true"])
        .exits(0)?;
    // Names of pods come and go; objects that are gone are in the result.
    for word in ["virt-api-", "virt-operator-", "gone: "] {
        if ended.stderr.contains(word) {
            return Err(format!("{word:?} is in {ended}").into());
        }
    }
    held(&ended, DISABLE)
}

fn of_an_enable() -> Result<(), Failed> {
    let hosts = [("worker-0", Host::WithKvm)];
    let cluster = TestCluster::with_hosts_at_pace(&hosts, Duration::from_millis(200));
    let ended = cluster.bmctl(&["enable", "vmruntime"]).exits(0)?;
    held(&ended, ENABLE)
}

fn held(ended: &Ended, list: &[Line]) -> Result<(), Failed> {
    const TIME: &str = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ";
    let time = Regex::new(TIME)?;
    let list: Vec<(char, Regex)> = list
        .iter()
        .map(|(kind, pattern)| {
            let whole = format!("^{}$", pattern.replace("TIME", TIME));
            Ok((*kind, Regex::new(&whole)?))
        })
        .collect::<Result<_, regex::Error>>()?;
    let mut due: Vec<&Regex> = list
        .iter()
        .filter(|(kind, _)| *kind == '!')
        .map(|(_, pattern)| pattern)
        .collect();
    let mut said = HashSet::new();
    for line in ended.stderr.lines() {
        if line.chars().count() > LONGEST {
            return Err(format!("{} characters: {line}", line.chars().count()).into());
        }
        if !list.iter().any(|(_, pattern)| pattern.is_match(line)) {
            return Err(format!("{line:?} is not on the list: {ended}").into());
        }
        if !said.insert(time.replace(line, "").into_owned()) {
            return Err(format!("{line:?} comes twice: {ended}").into());
        }
        if due.first().is_some_and(|next| next.is_match(line)) {
            due.remove(0);
        }
    }
    match due.first() {
        Some(pattern) => Err(format!("nothing is {pattern}, in its place: {ended}").into()),
        None => Ok(()),
    }
}
