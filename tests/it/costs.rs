//! What commands cost an API server, counted by a proxy, as `docs/benchmarks.md` tells it. How long they take is measured
//! by `cargo bench`; how often they ask is the same on every machine.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use libtest_mimic::{Failed, Trial};

use crate::{
    faults::{Proxy, Script},
    golden,
    test_cluster::TestCluster,
};

pub fn trials() -> Vec<Trial> {
    tests!["costs": the_page_tells_them]
}

const PAGE: &str = "docs/benchmarks.md";
const MARKS: [&str; 2] = ["<!-- requests -->\n", "<!-- end of requests -->"];

/// One after the other on the same cluster: the command, what is special about it, and its exit code. Nobody else writes
/// meanwhile to what they change: a change that has to be made again would be counted twice.
const COMMANDS: [(&str, &str, i32); 7] = [
    ("enable vmruntime", "", 0),
    ("enable vmruntime", "when it is", 7),
    ("wait vmruntime --for ready", "when it is", 0),
    ("update vmruntime --use-emulation --dry-run=server", "", 0),
    ("status vmruntime", "", 0),
    ("get vmruntimepfc", "", 0),
    ("check vmruntimepfc", "", 0),
];

/// After so long a command that waits looks at what may be in its way, which costs more requests.
const LONG: Duration = Duration::from_secs(10);
/// So often it is counted again where a command took so long: the machine is busy with something else.
const ROUNDS: usize = 10;

fn the_page_tells_them() -> Result<(), Failed> {
    for _ in 0..ROUNDS {
        if let Some(table) = counted()? {
            return is_current(&table);
        }
    }
    Err(format!("in each of {ROUNDS} rounds a command took longer than {LONG:?}").into())
}

/// The table; `None` where a command took long.
fn counted() -> Result<Option<String>, Failed> {
    let test_cluster = TestCluster::new();
    let mut lines = vec![
        "| command | requests | connections |".to_owned(),
        "| --- | ---: | ---: |".to_owned(),
    ];
    for (command, when, code) in COMMANDS {
        let proxy = Proxy::before(&test_cluster, Script::none());
        let words: Vec<&str> = command.split(' ').collect();
        let began = Instant::now();
        proxy.bmctl(&words).exits(code)?;
        if began.elapsed() >= LONG {
            return Ok(None);
        }
        let (requests, connections) = (proxy.requests().len(), proxy.connections());
        let comma = if when.is_empty() { "" } else { ", " };
        lines.push(format!(
            "| `bmctl {command}`{comma}{when} | {requests} | {connections} |"
        ));
    }
    Ok(Some(lines.join("\n")))
}

fn is_current(table: &str) -> Result<(), Failed> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE))?;
    let [begin, end] = MARKS;
    let (before, rest) = page.split_once(begin).ok_or("no mark in the page")?;
    let (_, after) = rest.split_once(end).ok_or("no end in the page")?;
    golden::is_current(PAGE, &format!("{before}{begin}{table}\n{end}{after}"))
}
