//! The contract of the exit codes: every command that talks to a cluster × everything that can come of it, the same for
//! every `-o`, and nothing on stdout but what `-o` says.
//!
//! A new command is one row of [`table`]; `every_command_has_a_row` misses those that have none. Where something cannot
//! come of a command, its cell says why.

mod situation;

use std::thread;

use bmctl::commands::Cli;
use clap::CommandFactory as _;
use libtest_mimic::{Failed, Trial};
use regex::Regex;

use self::situation::{Situation, Stand};
use crate::test_cluster::Ended;

/// What can come of a command, and its exit code.
const OUTCOMES: [(&str, i32); 11] = [
    ("ok", 0),
    ("failed", 3),
    ("unknown", 5),
    ("refused", 6),
    ("already", 7),
    ("not_installed", 8),
    ("denied", 9),
    ("unreachable", 10),
    ("conflict", 11),
    ("timed_out", 124),
    ("interrupted", INTERRUPTED),
];

const INTERRUPTED: i32 = 130;

/// Every `-o`.
const FORMATS: [&str; 6] = ["text", "wide", "json", "yaml", "name", "junit"];

enum Cell {
    /// There, these words end with the code of the outcome, also when they are said again. `{backup}` is a backup.
    On(Situation, &'static str),
    /// The same, but only once: each time on a cluster of its own.
    Once(Situation, &'static str),
    /// It cannot come about, because.
    Never(&'static str),
}

struct Row {
    command: &'static str,
    /// One for each of [`OUTCOMES`].
    cells: [Cell; 11],
}

const NO_CHECK: Cell = Cell::Never("no check decides about it");
const NO_CHANGE: Cell = Cell::Never("it changes nothing");
const NO_WAIT: Cell = Cell::Never("it does not wait");
const IDEMPOTENT: Cell = Cell::Never("to change nothing is a success");

#[rustfmt::skip]
fn table() -> Vec<Row> {
    use Cell::{Never, On, Once};
    vec![
        Row { command: "enable vmruntime", cells: [
            On(Situation::Ready, "enable vmruntime --ensure"),
            On(Situation::WithoutKvm, "enable vmruntime --ensure"),
            Never("one node that cannot be verified runs no VMs, and the others do; `check` tells"),
            On(Situation::Frozen, "enable vmruntime"),
            On(Situation::Ready, "enable vmruntime"),
            On(Situation::Bare, "enable vmruntime"),
            On(Situation::Stranger, "enable vmruntime"),
            On(Situation::Away, "enable vmruntime"),
            On(Situation::Contested, "enable vmruntime --ensure --use-emulation"),
            On(Situation::Still, "enable vmruntime --ensure --timeout 2s"),
            On(Situation::Still, "enable vmruntime --ensure"),
        ]},
        Row { command: "disable vmruntime", cells: [
            On(Situation::Frozen, "disable vmruntime --ensure"),
            NO_CHECK,
            Never("VMs that cannot be counted may not be deleted: the reason for it decides (9, 10)"),
            On(Situation::WithMachines, "disable vmruntime"),
            On(Situation::Frozen, "disable vmruntime"),
            On(Situation::Bare, "disable vmruntime"),
            On(Situation::Stranger, "disable vmruntime"),
            On(Situation::Away, "disable vmruntime"),
            On(Situation::Contested, "disable vmruntime"),
            On(Situation::Stopping, "disable vmruntime --timeout 2s"),
            On(Situation::Stopping, "disable vmruntime"),
        ]},
        Row { command: "update vmruntime", cells: [
            On(Situation::Ready, "update vmruntime --use-emulation=false"),
            Once(Situation::WithoutKvm, "update vmruntime --vm-image-format qcow2"),
            Never("as enable"),
            On(Situation::Frozen, "update vmruntime --vm-image-format qcow2"),
            IDEMPOTENT,
            On(Situation::Bare, "update vmruntime --use-emulation"),
            On(Situation::Stranger, "update vmruntime --use-emulation"),
            On(Situation::Away, "update vmruntime --use-emulation"),
            On(Situation::Contested, "update vmruntime --use-emulation"),
            Once(Situation::Still, "update vmruntime --vm-image-format qcow2 --timeout 2s"),
            Once(Situation::Still, "update vmruntime --vm-image-format qcow2"),
        ]},
        Row { command: "wait vmruntime", cells: [
            On(Situation::Ready, "wait vmruntime --for ready"),
            On(Situation::WithoutKvm, "wait vmruntime --for preflight"),
            On(Situation::Unverified, "wait vmruntime --for preflight"),
            NO_CHANGE,
            NO_CHANGE,
            On(Situation::Bare, "wait vmruntime --for ready"),
            On(Situation::Stranger, "wait vmruntime --for ready"),
            On(Situation::Away, "wait vmruntime --for ready"),
            NO_CHANGE,
            On(Situation::Still, "wait vmruntime --for ready --timeout 2s"),
            On(Situation::Still, "wait vmruntime --for ready"),
        ]},
        Row { command: "check vmruntimepfc", cells: [
            On(Situation::Ready, "check vmruntimepfc --latest"),
            On(Situation::WithoutKvm, "check vmruntimepfc --latest"),
            On(Situation::Unverified, "check vmruntimepfc --latest"),
            On(Situation::Frozen, "check vmruntimepfc"),
            Never("every check is a new one"),
            On(Situation::Bare, "check vmruntimepfc"),
            On(Situation::Stranger, "check vmruntimepfc"),
            On(Situation::Away, "check vmruntimepfc"),
            On(Situation::Unverified, "check vmruntimepfc --name unverified"),
            On(Situation::Still, "check vmruntimepfc --timeout 2s"),
            On(Situation::Still, "check vmruntimepfc"),
        ]},
        Row { command: "status vmruntime", cells: [
            On(Situation::Ready, "status vmruntime"),
            Never("it judges no check"),
            On(Situation::Uncountable, "status vmruntime"),
            NO_CHANGE,
            NO_CHANGE,
            On(Situation::Bare, "status vmruntime"),
            On(Situation::Stranger, "status vmruntime"),
            On(Situation::Away, "status vmruntime"),
            NO_CHANGE,
            NO_WAIT,
            On(Situation::Silent, "status vmruntime"),
        ]},
        Row { command: "get vmruntimepfc", cells: [
            On(Situation::WithoutKvm, "get vmruntimepfc"),
            Never("it judges no check"),
            Never("it judges no check"),
            NO_CHANGE,
            NO_CHANGE,
            On(Situation::Bare, "get vmruntimepfc"),
            On(Situation::Stranger, "get vmruntimepfc"),
            On(Situation::Away, "get vmruntimepfc"),
            NO_CHANGE,
            NO_WAIT,
            On(Situation::Silent, "get vmruntimepfc"),
        ]},
        Row { command: "restore", cells: [
            On(Situation::Ready, "restore {backup}"),
            NO_CHECK, NO_CHECK,
            On(Situation::Frozen, "restore {backup}"),
            Never("what exists already is reported, and is a success"),
            On(Situation::Bare, "restore {backup}"),
            On(Situation::Stranger, "restore {backup}"),
            On(Situation::Away, "restore {backup}"),
            Never("what exists already stays as it is"),
            NO_WAIT,
            On(Situation::Silent, "restore {backup}"),
        ]},
        Row { command: "auth check", cells: [
            On(Situation::Ready, "auth check enable vmruntime"),
            NO_CHECK,
            On(Situation::Uncountable, "auth check enable vmruntime"),
            NO_CHANGE,
            NO_CHANGE,
            Never("rights do not need what they are for"),
            On(Situation::Stranger, "auth check"),
            On(Situation::Away, "auth check"),
            NO_CHANGE,
            NO_WAIT,
            On(Situation::Silent, "auth check"),
        ]},
        Row { command: "snapshot vmruntime", cells: [
            On(Situation::Ready, "snapshot vmruntime"),
            NO_CHECK,
            On(Situation::Uncountable, "snapshot vmruntime"),
            NO_CHANGE,
            NO_CHANGE,
            Never("what is not there is said in the bundle"),
            Never("what may not be read is left out, and the bundle is incomplete (5)"),
            On(Situation::Away, "snapshot vmruntime"),
            NO_CHANGE,
            NO_WAIT,
            On(Situation::Silent, "snapshot vmruntime"),
        ]},
        Row { command: "controller uninstall", cells: [
            On(Situation::Frozen, "controller uninstall --dry-run"),
            NO_CHECK,
            Never("what cannot be counted decides: the reason for it (9, 10)"),
            On(Situation::WithMachines, "controller uninstall"),
            Never("nothing to remove is not installed (8)"),
            On(Situation::Bare, "controller uninstall"),
            On(Situation::Stranger, "controller uninstall"),
            On(Situation::Away, "controller uninstall"),
            Never("it deletes what it finds, whatever its version"),
            NO_WAIT,
            On(Situation::Silent, "controller uninstall"),
        ]},
        Row { command: "skip node", cells: [
            On(Situation::Ready, "skip node worker-0"),
            NO_CHECK, NO_CHECK,
            On(Situation::Frozen, "skip node worker-0"),
            IDEMPOTENT,
            Never("nodes are always there; one that is not is wrong usage (2)"),
            On(Situation::Stranger, "skip node worker-0"),
            On(Situation::Away, "skip node worker-0"),
            On(Situation::Contested, "skip node worker-0"),
            NO_WAIT,
            On(Situation::Silent, "skip node worker-0"),
        ]},
        Row { command: "unskip node", cells: [
            On(Situation::Ready, "unskip node worker-0"),
            NO_CHECK, NO_CHECK,
            Never("as skip, and there is nothing to take back where skip was refused"),
            IDEMPOTENT,
            Never("as skip"),
            On(Situation::Stranger, "unskip node worker-0"),
            On(Situation::Away, "unskip node worker-0"),
            Never("as skip"),
            NO_WAIT,
            On(Situation::Silent, "unskip node worker-0"),
        ]},
    ]
}

/// Commands that talk to no cluster of somebody's, so that none of this comes of them.
const WITHOUT_ROW: [&str; 11] = [
    "check host",
    "completion",
    "controller manifests",
    "controller probe",
    "controller run",
    "explain",
    "help",
    "man",
    "sandbox run",
    "sandbox start",
    "version",
];

pub fn trials() -> Vec<Trial> {
    let outcomes = OUTCOMES.iter().enumerate().map(|(at, (name, code))| {
        Trial::test(format!("matrix::{name}"), move || column(at, *code))
    });
    let complete = Trial::test("matrix::every_command_has_a_row", every_command_has_a_row);
    outcomes.chain([complete]).collect()
}

/// Plays one outcome for all commands.
fn column(at: usize, code: i32) -> Result<(), Failed> {
    let mut shared = Vec::new();
    for mut row in table() {
        match std::mem::replace(&mut row.cells[at], NO_WAIT) {
            Cell::On(situation, words) => shared.push((situation, words)),
            Cell::Once(situation, words) => {
                at_once(|format| play(&Stand::set(situation)?, words, format, code))?;
            }
            Cell::Never(why) => assert!(!why.is_empty(), "{} needs a reason", row.command),
        }
    }
    shared.sort_by_key(|(situation, _)| *situation);
    for cells in shared.chunk_by(|one, other| one.0 == other.0) {
        let stand = Stand::set(cells[0].0)?;
        for (_, words) in cells {
            if code == INTERRUPTED {
                // Each is interrupted once it has asked for something, so one must be able to tell who asks.
                for format in FORMATS {
                    play(&stand, words, format, code)?;
                }
            } else {
                at_once(|format| play(&stand, words, format, code))?;
            }
        }
    }
    Ok(())
}

/// All formats side by side, so that what waits for its time-out waits once.
fn at_once(play: impl Fn(&'static str) -> Result<(), Failed> + Sync) -> Result<(), Failed> {
    thread::scope(|scope| {
        let playing = FORMATS.map(|format| {
            scope.spawn({
                let play = &play;
                move || play(format)
            })
        });
        playing
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap())
    })
}

/// The time after which the rows of the table give up.
const SHORT: &str = "--timeout 2s";

fn play(stand: &Stand, words: &str, format: &str, code: i32) -> Result<(), Failed> {
    let line = format!("{words} -o {format}");
    let mut ended = if code == INTERRUPTED {
        stand.interrupt(&line)
    } else {
        stand.run(&line)
    };
    if line.contains(SHORT) && ended.code != Some(code) {
        // The machine is too busy to answer anything in so short a time.
        ended = stand.run(&line.replace(SHORT, "--timeout 30s"));
    }
    parses(format, &ended.exits(code)?, code)
}

/// Stdout is what the format says, and nothing else.
fn parses(format: &str, ended: &Ended, code: i32) -> Result<(), Failed> {
    let wrong =
        |why: String| Err::<(), Failed>(format!("stdout is no {format} ({why}): {ended}").into());
    match format {
        "json" => match serde_json::from_str::<serde_json::Value>(&ended.stdout) {
            Ok(document) if document["exitCode"] == code => Ok(()),
            Ok(document) => wrong(format!("exitCode {}", document["exitCode"])),
            Err(error) => wrong(error.to_string()),
        },
        "yaml" => match serde_saphyr::from_str::<serde_json::Value>(&ended.stdout) {
            Ok(document) if document["exitCode"] == code => Ok(()),
            Ok(document) => wrong(format!("exitCode {}", document["exitCode"])),
            Err(error) => wrong(error.to_string()),
        },
        "name" => {
            let name = Regex::new("^[a-z0-9.-]+/[a-z0-9.-]+$").unwrap();
            match ended.stdout.lines().find(|line| !name.is_match(line)) {
                None => Ok(()),
                Some(line) => wrong(line.to_owned()),
            }
        }
        "junit" => {
            let text = ended.stdout.trim();
            if text.starts_with("<?xml") && text.ends_with("</testsuites>") {
                Ok(())
            } else {
                wrong("no testsuites".to_owned())
            }
        }
        _ if ended.stdout.contains("error:") => wrong("errors belong on stderr".to_owned()),
        _ => Ok(()),
    }
}

fn every_command_has_a_row() -> Result<(), Failed> {
    let mut commands = Vec::new();
    leaves(&Cli::command(), "", &mut commands);
    let mut known: Vec<&str> = table().iter().map(|row| row.command).collect();
    known.extend(WITHOUT_ROW);
    let unknown = commands
        .iter()
        .filter(|command| !known.contains(&command.as_str()));
    let gone = known
        .iter()
        .filter(|known| !commands.iter().any(|command| command == *known));
    let wrong: Vec<String> = unknown
        .map(|command| format!("{command} has no row in the matrix"))
        .chain(gone.map(|known| format!("{known} is no command any more")))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// The commands that do something, with the words on the way to them.
fn leaves(command: &clap::Command, way: &str, found: &mut Vec<String>) {
    for inner in command.get_subcommands() {
        let way = format!("{way} {}", inner.get_name()).trim().to_owned();
        if inner.has_subcommands() {
            leaves(inner, &way, found);
        } else {
            found.push(way);
        }
    }
}
