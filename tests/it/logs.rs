//! What a CI system keeps of a change: all of stderr, line by line.
//!
//! Which states are seen on the way depends on the machine. So a log is held against a list: every line is one of it, in its
//! order, and those that always come are there.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use regex::Regex;

use crate::stage::{Ended, Host, Stage};

/// As long as a line may be, with its time.
const LONGEST: usize = 120;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test(
            "logs::of_a_disable_with_machines",
            of_a_disable_with_machines,
        ),
        Trial::test("logs::of_an_enable", of_an_enable),
    ]
}

/// A line of the list: `!` always comes, `?` may.
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
        '?',
        r"TIME (Deleting VMs and what belongs to them: )?still there: \d+ [a-z.]+(, \d+ others)?",
    ),
    (
        '?',
        r"TIME (Deleting VMs and what belongs to them: )?still there: \d+ [a-z.]+(, \d+ others)?",
    ),
    (
        '?',
        r"TIME (Deleting VMs and what belongs to them: )?still there: \d+ [a-z.]+(, \d+ others)?",
    ),
    (
        '!',
        r"TIME Waiting until VM Runtime is off \([A-Za-z]+\): .*",
    ),
    (
        '?',
        r"TIME Fencing: (VM creation is closed|pods left in vm-system).*",
    ),
    ('?', r"TIME Fencing: .*"),
    (
        '?',
        r"TIME Uninstalling: KubeVirt kubevirt is being removed.*",
    ),
    ('?', r"TIME Uninstalling: CDI cdi is being removed.*"),
    (
        '?',
        r"TIME Uninstalling: the engine's operators are being removed.*",
    ),
    (
        '?',
        r"TIME Uninstalling: labels and annotations of the engine are being removed.*",
    ),
    (
        '?',
        r"TIME Uninstalling: the ClusterRoles of VM Runtime are being removed.*",
    ),
    ('?', r"TIME Disabled.*"),
];

const ENABLE: &[Line] = &[
    ('!', r"Cluster: sandbox \(https://127\.0\.0\.1:\d+\)"),
    (
        '!',
        r"TIME Waiting until VM Runtime is ready( \([A-Za-z]+\))?: .*",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: (the engine is being installed|no preflight check|preflight check).*",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: (the engine is being installed|no preflight check|preflight check).*",
    ),
    (
        '!',
        r"TIME check started: vmruntime-preflight-check-[0-9a-f-]{36}",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: .*preflight check vmruntime-preflight-check-[0-9a-f-]+\.\.\. (has not been|is).*",
    ),
    (
        '?',
        r"TIME [A-Z][a-z]+: .*preflight check vmruntime-preflight-check-[0-9a-f-]+\.\.\. (has not been|is).*",
    ),
    ('?', r"TIME [A-Z][a-z]+: (KubeVirt|CDI) is .*"),
    ('?', r"TIME [A-Z][a-z]+: (KubeVirt|CDI) is .*"),
    ('?', r"TIME [A-Z][a-z]+: (KubeVirt|CDI) is .*"),
    (
        '!',
        r"TIME check passed: vmruntime-preflight-check-[0-9a-f-]{36}",
    ),
    ('?', r"TIME [A-Z][a-z]+: .*"),
    ('?', r"TIME [A-Z][a-z]+: .*"),
    ('?', r"TIME [A-Z][a-z]+: .*"),
    ('?', r"TIME [A-Z][a-z]+: .*"),
    ('?', r"TIME [A-Z][a-z]+: .*"),
];

fn of_a_disable_with_machines() -> Result<(), Failed> {
    let stage = Stage::enabled()?;
    for name in ["one", "two", "three"] {
        stage.run_machine(name)?;
    }
    let ended = stage
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
    let stage = Stage::with_hosts_at_pace(&hosts, Duration::from_millis(200));
    let ended = stage.bmctl(&["enable", "vmruntime"]).exits(0)?;
    held(&ended, ENABLE)
}

fn held(ended: &Ended, list: &[Line]) -> Result<(), Failed> {
    const TIME: &str = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ";
    let mut list = list.iter();
    for line in ended.stderr.lines() {
        if line.chars().count() > LONGEST {
            return Err(format!("{} characters: {line}", line.chars().count()).into());
        }
        loop {
            let (kind, pattern) = list
                .next()
                .ok_or_else(|| format!("{line:?} is not expected here: {ended}"))?;
            let pattern = Regex::new(&format!("^{}$", pattern.replace("TIME", TIME)))?;
            if pattern.is_match(line) {
                break;
            }
            if *kind == '!' {
                return Err(format!("{line:?} is there before {pattern}: {ended}").into());
            }
        }
    }
    match list.find(|(kind, _)| *kind == '!') {
        Some((_, pattern)) => Err(format!("nothing is {pattern}: {ended}").into()),
        None => Ok(()),
    }
}
